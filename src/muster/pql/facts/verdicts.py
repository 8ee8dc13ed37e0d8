"""Tests that are the same for everybody, whatever the data."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from muster.pql import bound
from muster.pql.bound import Bound, Constant, Variable
from muster.pql.interpret import evaluate_constant
from muster.pql.normal import is_always_present
from muster.pql.traversal import binders, children

_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK = -1
"""Stands among the numbers of variables for whatever is no variable and not the same for everybody."""

Range = tuple[float, float]
_RANGES: Mapping[str, Range] = {
    "year": (1, 9_999),
    "month": (1, 12),
    "day": (1, 31),
    "currentYear": (1, 9_999),
    "currentMonth": (1, 12),
    "currentDayOfMonth": (1, 31),
}
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Verdicts:
    """Answers about the tests of one query; each part of it is looked at once."""

    def __init__(self) -> None:
        # By identity; the nodes are kept, so that no other node gets their number.
        self._known: dict[int, tuple[Bound, bool | None]] = {}
        self._needs: dict[int, tuple[Bound, frozenset[int]]] = {}

    def of(self, test: Bound) -> bool | None:
        """The value of a test where it is the same for any profile at any time; None where it is not, or not surely."""
        known = self._known.get(id(test))
        if known is None:
            known = self._known[id(test)] = test, self._decide(test)
        return known[1]

    def _decide(self, test: Bound) -> bool | None:
        match test:
            case Constant(_, value):
                return value is True
            case bound.And(operands):
                return _all(map(self.of, operands))
            case bound.Or(operands):
                return _negated(_all(_negated(self.of(operand)) for operand in operands))
            case bound.Not(operand):
                return _negated(self.of(operand))
            case bound.Present(value) if is_always_present(value):
                return True
            case bound.Present(bound.Missing()):
                return False
        if not self._reads(test):
            value = evaluate_constant(test, now=_ANY_DAY)
            return value if isinstance(value, bool) else None
        match test:
            case bound.AnyOf(source, _, inner):
                return self._some(source, inner)
            case bound.NonEmpty(value):
                return self._has_elements(value)
            case bound.Compare():
                return _compared(test)
        return None

    def _some(self, source: Bound, inner: Bound) -> bool | None:
        """Whether some element of an array passes a test."""
        elements, passes = self._has_elements(source), self.of(inner)
        if elements is False or passes is False:
            return False
        return True if elements and passes else None

    def _has_elements(self, array: Bound) -> bool | None:
        match array:
            case bound.ListOf(_, items):
                if not items:
                    return False
                return True if any(is_always_present(item) for item in items) else None
            case bound.Where(source, _, inner):
                return self._some(source, inner)
            case bound.Distinct(_, source):
                return self._has_elements(source)
        return None

    def _reads(self, node: Bound) -> frozenset[int]:
        """What the expression reads from outside: variables, and the mark for anything else that varies."""
        known = self._needs.get(id(node))
        if known is None:
            known = self._needs[id(node)] = node, self._outside(node)
        return known[1]

    def _outside(self, node: Bound) -> frozenset[int]:
        match node:
            case Variable(_, id_):
                return frozenset((id_,))
            case bound.Moment() | bound.PeriodEdge() | bound.InSegment() | bound.Sequence():
                return frozenset((_CLOCK,))
        found = frozenset[int]().union(*map(self._reads, children(node)))
        return found - {variable.id for variable in binders(node)} if found else found


def _negated(value: bool | None) -> bool | None:
    return None if value is None else not value


def _all(values: Iterable[bool | None]) -> bool | None:
    known = list(values)
    return False if False in known else None if None in known else True


def _compared(test: bound.Compare) -> bool | None:
    if test.operator in ("!=", "<", ">") and test.left == test.right:
        return False
    left, right = _range(test.left), _range(test.right)
    if test.kind != "number" or left is None or right is None:
        return None
    possible, certain = _ranged(test.operator, left, right)
    if not possible:
        return False
    present = _has_number(test.left) and _has_number(test.right)
    return True if certain and present else None


def _ranged(sign: str, left: Range, right: Range) -> tuple[bool, bool]:
    """Whether a comparison of numbers within two ranges can hold, and whether it must."""
    (least, most), (lower, upper) = left, right
    apart, one = most < lower or upper < least, least == most == lower == upper
    if sign in ("=", "!="):
        return (not apart, one) if sign == "=" else (not one, apart)
    # The ends of the ranges that are best and worst for the comparison.
    best, worst = ((least, upper), (most, lower)) if sign in ("<", "<=") else ((most, lower), (least, upper))
    return _ORDER[sign](*best), _ORDER[sign](*worst)


def _range(node: Bound) -> Range | None:
    match node:
        case Constant(_, int() | float() as value):
            return value, value
        case bound.Count():
            return 0, math.inf
        case bound.DatePart(name) | bound.Moment(_, name):
            return _RANGES.get(name)
    return None


def _has_number(node: Bound) -> bool:
    return is_always_present(node) or isinstance(node, bound.Moment)
