"""The page about the language names every function and every code."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from muster.pql.errors import Code
from muster.pql.functions import FREE, METHODS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "pql.md"


def test_every_function_and_every_code_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = [*METHODS, *FREE, *get_args(Code)]
    assert len(names) > 40
    assert [name for name in names if name not in text] == []
