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
    """Damerau–Levenshtein distance: inserted, deleted and changed letters, and neighbours that changed places, whatever came between them.

    What is surely above the limit is not counted to its end.
    """
    # `rows[i + 1][j + 1]` is the distance of the first i and j letters; what lies before the first is out of reach.
    far = len(left) + len(right)
    rows: list[list[int]] = [[far] * (len(right) + 2), [far, *range(len(right) + 1)]]
    seen: dict[str, int] = {}
    for row, a in enumerate(left, 1):
        above, current = rows[-1], [far, row]
        matched = 0
        for column, b in enumerate(right, 1):
            before, behind = seen.get(b, 0), matched
            swapped = rows[before][behind] + (row - before) + (column - behind) - 1
            current.append(min(above[column + 1] + 1, current[-1] + 1, above[column] + (a != b), swapped))
            if a == b:
                matched = column
        if limit is not None and min(current) > limit:
            return limit + 1
        rows.append(current)
        seen[a] = row
    return rows[-1][-1]
