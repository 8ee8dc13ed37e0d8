"""Conditions on one time, held against each other: how far back they reach, and whether they can hold at all.

Bounds on a time are compared through what they have in common: the same expression, the same stored time, the start of
the same day or month, *now*, or the calendar. Every bound is known relative to such a root between a least and a most
offset, so a month is anything from 28 to 31 days long, and a conclusion holds for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise, product

from muster.pql import bound
from muster.pql.bound import FLIPPED, Bound, Compare, Constant, Operator
from muster.pql.facts.lengths import DAY_MS, month_step, step
from muster.pql.interpret import evaluate_constant
from muster.pql.temporal import FIXED_UNITS, MONTHS, shift, to_ms
from muster.pql.traversal import substitute, walk
from muster.pql.types import DATETIME, TEMPORAL

_NOW = "now"
_EPOCH = "epoch"
# The start of a unit is never after the start of a smaller one. Weeks are not parts of months.
_NESTED = ("millennium", "century", "decade", "year", "month", "day", "hour", "minute", "second", _NOW)
_SMALLER = dict(pairwise(_NESTED)) | {"week": "day"}

_OFFSET_MAX = 900 * 366 * DAY_MS
"""Offsets from *now* beyond this might be stopped by the end of the representable years; nothing is concluded from them."""

_OPPOSITE: Mapping[Operator, Operator] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}

_CALENDAR = {"year": 12, "month": 1}
_CLOCK = {unit: FIXED_UNITS[unit] for unit in ("day", "hour", "minute", "second", "millisecond")}
_DAYS_SAID_AS_SUCH = 3
"""Shorter stretches are told in hours, as the limit of 24 hours is."""

Root = Bound | str
Offset = tuple[int, int]


# --- how far back


@dataclass(frozen=True, slots=True)
class Window:
    """A look-back from *now*: calendar months, and milliseconds beside them."""

    months: int = 0
    milliseconds: int = 0

    @property
    def longest_ms(self) -> int:
        """The most it can be; a month counts as long as months can be."""
        if not self.months:
            return self.milliseconds
        sign = 1 if self.months > 0 else -1
        return sign * month_step(abs(self.months))[1 if sign > 0 else 0] + self.milliseconds

    def reaching(self, amount: int, unit: str) -> Window:
        """The look-back to a point that lies `amount` units further on; negative amounts lie further back."""
        if unit in FIXED_UNITS:
            return Window(self.months, self.milliseconds - amount * FIXED_UNITS[unit])
        return Window(self.months - amount * MONTHS[unit], self.milliseconds)

    def __str__(self) -> str:
        parts = [*_in_units(self.months, _CALENDAR), *_in_units(self.milliseconds, _CLOCK)]
        return " and ".join(parts) or "no time"


def _in_units(amount: int, units: Mapping[str, int]) -> list[str]:
    """The amount in the largest unit that divides it, as a list of one text or none."""
    for unit, size in units.items():
        if amount and amount % size == 0:
            number = amount // size
            if unit != "day" or number >= _DAYS_SAID_AS_SUCH:
                return [f"{number} {unit}{'' if number == 1 else 's'}"]
    return []


def tightest(windows: Iterable[Window | None]) -> Window | None:
    """What several conditions that all hold force together; None when none of them forces anything."""
    return min((window for window in windows if window is not None), key=_length, default=None)


def widest(windows: Iterable[Window | None]) -> Window | None:
    """What conditions force of which one holds; None when one of them forces nothing."""
    found: list[Window] = []
    for window in windows:
        if window is None:
            return None
        found.append(window)
    return max(found, key=_length, default=None)


def _length(window: Window) -> int:
    return window.longest_ms


def look_back(node: Bound) -> Window | None:
    """How far back from *now* a point in time lies at most; None for a fixed or a stored one."""
    match node:
        case bound.Moment(_, "now" | "tomorrow"):
            return Window()
        case bound.Moment(_, "today"):
            return Window(0, DAY_MS)
        case bound.Moment(_, "yesterday"):
            return Window(0, 2 * DAY_MS)
        case bound.PeriodEdge(which, unit, edge):
            # Now lies in the unit, so its start is less than one unit back.
            return Window().reaching(min(0, _steps(which, edge) - 1), unit)
        case bound.Shift(value, amount, unit):
            window = look_back(value)
            return None if window is None else window.reaching(amount, unit)
        case bound.Convert(of, value) if of == DATETIME and value.type in TEMPORAL:
            return look_back(value)
    return None


def _steps(which: str, edge: str) -> int:
    return {"last": -1, "this": 0, "next": 1}[which] + (edge == "end")


# --- whether it can hold


def can_never_hold(test: Bound, now: datetime | None = None) -> bool:
    """Whether conditions on times contradict each other, so that a test is false for any data.

    Args:
        test: Any test; what is no condition on a time is taken to be possible.
        now: Without it, the answer is for any *now* from the year 1000 to 9000. With it, also a range that has a
            fixed end and moves with *now* is out of reach, if it is so from this *now* on.
    """
    return _Contradictions(now).has(test, ())


@dataclass(frozen=True, slots=True)
class _Limit:
    """A time is not below (or not above) a bound. `sure` tells that the time is present, too."""

    bound: Bound
    strict: bool
    sure: bool


@dataclass(frozen=True, slots=True)
class _Contradictions:
    now: datetime | None

    def has(self, test: Bound, beside: tuple[Bound, ...]) -> bool:
        """Whether the test, together with comparisons that hold beside it, is false for any data."""
        match test:
            case Constant():
                return False
            case bound.Or(operands):
                return all(self.has(operand, beside) for operand in operands)
            case bound.Let(variable, value, body):
                return self.has(substitute(body, {variable.id: value}), beside)
            case bound.AnyOf(_, _, inner):
                # Nothing is known beside it about the elements, and what is said of them says nothing about the rest.
                return self.has(inner, ())
        parts = list(_conjuncts(test))
        plain = (*beside, *(part for part in parts if isinstance(_inside(part), Compare)))
        if self._clash(plain):
            return True
        rest = [part for part in parts if isinstance(part, bound.Or | bound.AnyOf)]
        return any(self.has(part, plain) for part in rest)

    def _clash(self, comparisons: Iterable[Bound]) -> bool:
        lower: dict[Bound, list[_Limit]] = {}
        upper: dict[Bound, list[_Limit]] = {}
        for time, operator, limit, sure in _limits(comparisons):
            if operator in (">", ">=", "="):
                lower.setdefault(time, []).append(_Limit(limit, operator == ">", sure))
            if operator in ("<", "<=", "="):
                upper.setdefault(time, []).append(_Limit(limit, operator == "<", sure))
        return any(
            self._crossed(low, high)
            for time, lows in lower.items()
            for low, high in product(lows, upper.get(time, ()))
        )

    def _crossed(self, low: _Limit, high: _Limit) -> bool:
        """Whether no time lies between two limits."""
        if not (low.sure or high.sure):
            return False
        strict = low.strict or high.strict
        above, below = _places(low.bound), _places(high.bound)
        for root in above.keys() & below.keys():
            gap = above[root][0] - below[root][1]
            exact = isinstance(root, str) or above[root] == below[root] == (0, 0)
            # A shift of a stored time may be stopped by the end of the years; then two limits can meet, but not cross.
            if (gap > 0 and exact) or (gap >= 0 and strict):
                return True
        if self.now is None or _NOW not in above or _EPOCH not in below:
            return False
        start = _from_now_on(low.bound, self.now)
        end = below[_EPOCH][1]
        return start is not None and (start > end or (start == end and strict))


def _conjuncts(test: Bound) -> Iterator[Bound]:
    """The parts that all hold when the test does."""
    match test:
        case bound.And(operands):
            for operand in operands:
                yield from _conjuncts(operand)
        case bound.Let(variable, value, body):
            yield from _conjuncts(substitute(body, {variable.id: value}))
        case bound.Not(bound.Or(operands)):
            for operand in operands:
                yield from _conjuncts(bound.negation(operand))
        case bound.Not(bound.Not(operand)):
            yield from _conjuncts(operand)
        case _:
            yield test


def _inside(test: Bound) -> Bound:
    return test.operand if isinstance(test, bound.Not) else test


def _limits(comparisons: Iterable[Bound]) -> Iterator[tuple[Bound, Operator, Bound, bool]]:
    """Each comparison of instants, read from either side: time, operator, limit, and whether the time is present."""
    for comparison in comparisons:
        test = _inside(comparison)
        if not isinstance(test, Compare) or test.kind != "instant":
            continue
        for time, operator, limit in (
            (test.left, test.operator, test.right),
            (test.right, FLIPPED[test.operator], test.left),
        ):
            if isinstance(time, Constant | bound.Moment | bound.PeriodEdge):
                continue
            if test is comparison:
                yield time, operator, limit, True
            elif _moves_with_now(limit) or isinstance(limit, Constant):
                # The limit is there, so the opposite holds, unless the time itself is missing.
                yield time, _OPPOSITE[operator], limit, False


def _moves_with_now(node: Bound) -> bool:
    while isinstance(node, bound.Shift):
        node = node.value
    return isinstance(node, bound.PeriodEdge | bound.Moment)


def _places(node: Bound) -> dict[Root, Offset]:
    """Where a bound lies relative to each root it is known from: least and most offset in milliseconds."""
    places: dict[Root, Offset] = {node: (0, 0)}
    match node:
        case Constant(_, date() as value):
            places[_EPOCH] = (to_ms(value), to_ms(value))
        case bound.Moment(_, "now"):
            places[_NOW] = (0, 0)
        case bound.Moment(_, "today" | "yesterday" | "tomorrow" as word):
            days = {"yesterday": -1, "today": 0, "tomorrow": 1}[word]
            places |= _moved(_starts("day"), step(days, "day"))
        case bound.PeriodEdge(which, unit, edge):
            steps = _steps(which, edge)
            # The end of this month is the start of the next one, however long they are.
            places |= {f"{unit}{steps:+}": (0, 0), **_moved(_starts(unit), step(steps, unit))}
        case bound.Shift(Constant(), _, _):
            instant = evaluate_constant(node, now=datetime(2000, 1, 1))
            places[_EPOCH] = (to_ms(instant), to_ms(instant))
        case bound.Shift(value, amount, unit):
            inner = _places(value)
            if not any(isinstance(part, bound.Shift) for part in walk(value)) or _NOW in inner:
                places |= _moved(inner, step(amount, unit))
        case bound.Convert(of, value) if of == DATETIME and value.type in TEMPORAL:
            places |= _places(value)
    return {
        root: offset
        for root, offset in places.items()
        if max(map(abs, offset)) < _OFFSET_MAX or root == _EPOCH
    }


def _moved(places: Mapping[Root, Offset], by: Offset) -> dict[Root, Offset]:
    return {root: (least + by[0], most + by[1]) for root, (least, most) in places.items() if root != _EPOCH}


def _starts(unit: str) -> dict[Root, Offset]:
    """Where the start of this unit lies relative to the starts of smaller ones and to *now*."""
    places: dict[Root, Offset] = {unit: (0, 0)}
    longest = step(1, unit)[1]
    current = unit
    while current != _NOW:
        current = _SMALLER.get(current, _NOW)
        shortest = 1 if current == _NOW else step(1, current)[0]
        places[current] = (shortest - longest, 0)
    return places


def _from_now_on(node: Bound, now: datetime) -> int | None:
    """The least value that a bound which moves with *now* takes from this *now* on; None for other bounds."""
    match node:
        case bound.Shift(value, amount, unit):
            start = _from_now_on(value, now)
            if start is None:
                return None
            moved = shift(start, amount, unit)
            # Several days of a long month become the last one of a short month, and then the time of day starts over.
            return moved if unit in FIXED_UNITS else moved - moved % DAY_MS
        case bound.Moment() | bound.PeriodEdge():
            value = evaluate_constant(node, now=now)
            return to_ms(value) if isinstance(value, date) else None
    return None
