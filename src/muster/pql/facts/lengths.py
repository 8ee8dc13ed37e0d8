"""How long a stretch of time can be: fixed units exactly, calendar steps between two bounds."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from itertools import accumulate, pairwise

from muster.pql.temporal import FIXED_UNITS, MONTHS

DAY_MS = FIXED_UNITS["day"]
_CYCLE_MONTHS = 4_800
_CYCLE_DAYS = 146_097
"""The calendar repeats itself after 400 years."""


def _month_lengths() -> tuple[int, ...]:
    firsts = [date(2000 + month // 12, month % 12 + 1, 1) for month in range(_CYCLE_MONTHS + 1)]
    return tuple((after - first).days for first, after in pairwise(firsts))


_LENGTHS = _month_lengths()
_STARTS = (0, *accumulate(_LENGTHS))


def _day_of(month: int) -> int:
    """The day, counted from the start of a cycle, that a month begins on."""
    cycles, rest = divmod(month, _CYCLE_MONTHS)
    return cycles * _CYCLE_DAYS + _STARTS[rest]


@lru_cache(maxsize=512)
def month_step(months: int) -> tuple[int, int]:
    """By how many milliseconds a step of so many months, forwards or backwards, moves an instant: least and most."""
    least: list[int] = []
    most: list[int] = []
    for month, length in enumerate(_LENGTHS):
        target = month + months
        days = _day_of(target) - _STARTS[month]
        # A day that the target month does not have becomes its last one.
        lost = max(0, length - _LENGTHS[target % _CYCLE_MONTHS])
        least.append(days - lost)
        most.append(days)
    return min(least) * DAY_MS, max(most) * DAY_MS


def step(amount: int, unit: str) -> tuple[int, int]:
    """By how many milliseconds a step moves an instant: least and most."""
    if unit in FIXED_UNITS:
        exact = amount * FIXED_UNITS[unit]
        return exact, exact
    return month_step(amount * MONTHS[unit])
