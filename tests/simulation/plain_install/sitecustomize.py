"""Hides what only test tools bring along. Python runs this file first in every process of an `Installation`.

Arrow looks for pandas at its first conversion, which takes seconds in each worker that a test starts; the product does
not need it, and an installation without the test tools does not have it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Hidden(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not part of a plain installation", name=fullname)
        return None


sys.meta_path.insert(0, _Hidden())
