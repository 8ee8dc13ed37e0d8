"""What somebody probably meant: the nearest name."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(wrong: str, candidates: Iterable[str]) -> str | None:
    """The candidate in other case, else the nearest one within a third of the length; None when all are far."""
    names = sorted(set(candidates))
    lowered = wrong.lower()
    for name in names:
        if name.lower() == lowered:
            return name
    limit = max(1, len(wrong) // 3)
    scored = [
        (distance(lowered, name.lower()), name) for name in names if abs(len(name) - len(wrong)) <= limit
    ]
    best = min(scored, default=None)
    return best[1] if best is not None and best[0] <= limit else None


def distance(left: str, right: str) -> int:
    """Damerau–Levenshtein distance with adjacent transpositions (optimal string alignment)."""
    before: list[int] = []
    above = list(range(len(right) + 1))
    for row, a in enumerate(left, 1):
        current = [row]
        for column, b in enumerate(right, 1):
            cost = min(above[column] + 1, current[-1] + 1, above[column - 1] + (a != b))
            if row > 1 and column > 1 and a == right[column - 2] and left[row - 2] == b:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, above = above, current
    return above[-1]
