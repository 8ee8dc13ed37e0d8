"""Free-standing functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from muster.pql import bound
from muster.pql.bound import Bound, Constant
from muster.pql.functions.call import At
from muster.pql.types import ANY, DATE, INTEGER


def _current(at: At) -> Bound:
    return bound.Moment(INTEGER, at.node.name)


def _date(at: At) -> Bound:
    parts: list[Bound] = []
    for index in range(3):
        part = at.value(index)
        if part.type not in (INTEGER, ANY):
            part = at.binder.mismatch(at.expr(index).place, "integer", part.type)
        parts.append(part)
    numbers = [part.value for part in parts if isinstance(part, Constant)]
    if len(numbers) < 3:
        return bound.MakeDate(*parts)
    try:
        return Constant(DATE, date(*(int(str(number)) for number in numbers)))
    except (ValueError, OverflowError):
        return at.binder.fail(at.place, "BAD_VALUE", "there is no such day")


def _in_segment(at: At) -> Bound:
    node = at.literal(0, "string")
    return bound.FALSE if node is None else bound.InSegment(str(node.value), at.place)


def _misplaced_entry(at: At) -> Bound:
    return at.binder.fail(at.place, "BAD_SCOPE", "mapEntry is the whole body of a lambda (key, value) of map")


FREE: Mapping[str, tuple[int, Callable[[At], Bound]]] = {
    "date": (3, _date),
    "currentYear": (0, _current),
    "currentMonth": (0, _current),
    "currentDayOfMonth": (0, _current),
    "inSegment": (1, _in_segment),
    "mapEntry": (2, _misplaced_entry),
}
"""Every free-standing function, with its number of arguments."""
