"""What somebody probably meant: the nearest name."""

from __future__ import annotations

from collections.abc import Iterable

_LENGTH_MAX = 100
"""Longer names are compared in other case only: the time of a distance grows with the product of the lengths."""


def nearest(wrong: str, candidates: Iterable[str]) -> str | None:
    """The candidate in other case, else the nearest one within a third of the length; None when all are far."""
    limit = max(1, len(wrong) // 3)
    names = sorted({name for name in candidates if abs(len(name) - len(wrong)) <= limit})
    lowered = wrong.lower()
    for name in names:
        if name.lower() == lowered:
            return name
    if len(wrong) > _LENGTH_MAX:
        return None
    letters = set(lowered)
    # Each letter that a name lacks is at least one change, and much quicker to find than the distance.
    near = (name for name in names if len(letters.difference(name.lower())) <= limit)
    scored = [(distance(lowered, name.lower(), limit), name) for name in near]
    best = min(scored, default=None)
    return best[1] if best is not None and best[0] <= limit else None


def distance(left: str, right: str, limit: int | None = None) -> int:
    """Damerau–Levenshtein distance with adjacent transpositions (optimal string alignment).

    What is surely above the limit is not counted to its end.
    """
    before: list[int] = []
    above = list(range(len(right) + 1))
    for row, a in enumerate(left, 1):
        current = [row]
        for column, b in enumerate(right, 1):
            cost = min(above[column] + 1, current[-1] + 1, above[column - 1] + (a != b))
            if row > 1 and column > 1 and a == right[column - 2] and left[row - 2] == b:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        if limit is not None and min(current) > limit and min(above) > limit:
            return limit + 1
        before, above = above, current
    return above[-1]
