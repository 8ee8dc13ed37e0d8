"""`like`: `%` is any run of characters, `_` one code point, nothing else is special."""

from __future__ import annotations

import re
from functools import lru_cache


def is_like(text: str, pattern: str) -> bool:
    """Whether the whole text matches the pattern.

    Every part between two `%` is taken where it is first found. That suffices, and needs no going back, so the time is
    the product of the two lengths at worst, whatever the pattern.
    """
    first, *others = pattern.split("%")
    if not others:
        return len(text) == len(first) and _fits(first, text, 0)
    *inner, last = others
    at, end = len(first), len(text) - len(last)
    if at > end or not _fits(first, text, 0) or not _fits(last, text, end):
        return False
    for part in inner:
        found = _find(part, text, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _fits(part: str, text: str, at: int) -> bool:
    return text.startswith(part, at) if "_" not in part else _compile(part).match(text, at) is not None


def _find(part: str, text: str, at: int, end: int) -> int:
    if "_" not in part:
        return text.find(part, at, end)
    match = _compile(part).search(text, at, end)
    return -1 if match is None else match.start()


@lru_cache(maxsize=256)
def _compile(part: str) -> re.Pattern[str]:
    """A part without `%`: it repeats nothing, so there is nothing to go back to."""
    return re.compile(
        "".join("." if character == "_" else re.escape(character) for character in part), re.DOTALL
    )
