"""Computed numbers, texts, days and instants."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from muster.pql import bound, temporal, values
from muster.pql.bound import Bound
from muster.pql.emit.closures.compiler import NOW, Code, Compiler, Frame, Handler, plain
from muster.pql.emit.closures.readers import inside, instant_of_text, text_form
from muster.pql.regex import compile_pattern
from muster.pql.temporal import FIXED_UNITS, INSTANT_MAX, INSTANT_MIN, from_ms, to_ms
from muster.pql.types import BOOLEAN, NUMBER, STRING, Type, is_text

_TRUTHS = {"true": True, "false": False}


# --- conversions


def _convert(compiler: Compiler, node: bound.Convert) -> Code:
    value, form = compiler.code(node.value), _conversion(node.value.type, node.of)
    if form is None:
        return value

    def converted(frame: Frame) -> Any:
        given = value(frame)
        return None if given is None else form(given)

    return converted


def _conversion(source: Type, target: Type) -> Callable[[Any], Any] | None:
    """A function from a value of one type to the other; None when the value is the same in both."""
    if target == STRING:
        return None if is_text(source) else text_form(source)
    if not is_text(source):
        return None
    if target == NUMBER:
        return values.number_of
    return _TRUTHS.get if target == BOOLEAN else instant_of_text


def _fold(compiler: Compiler, node: bound.Fold) -> Code:
    value = compiler.code(node.value)

    def folded(frame: Frame) -> Any:
        text = value(frame)
        return None if text is None else values.lower(text)

    return folded


def _regex_group(compiler: Compiler, node: bound.RegexGroup) -> Code:
    subject, group = compiler.code(node.subject), node.group
    search = compile_pattern(node.pattern).python.search

    def part(frame: Frame) -> Any:
        text = subject(frame)
        found = None if text is None else search(text)
        return None if found is None else found.group(group)

    return part


# --- numbers


def bounded(number: Any) -> Any:
    """The number, or None when 64 bits or a double do not hold it."""
    if type(number) is int:
        return number if values.INTEGER_MIN <= number <= values.INTEGER_MAX else None
    return number if math.isfinite(number) else None


def _divide(left: Any, right: Any) -> Any:
    return bounded(float(left) / float(right)) if right else None


def _remainder(left: Any, right: Any) -> Any:
    if not right:
        return None
    if type(left) is int and type(right) is int:
        # The sign is that of the dividend; Python's own follows the divisor.
        remainder = abs(left) % abs(right)
        return -remainder if left < 0 else remainder
    return math.fmod(left, right)


_CALCULATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: bounded(left + right),
    "-": lambda left, right: bounded(left - right),
    "*": lambda left, right: bounded(left * right),
    "/": _divide,
    "%": _remainder,
}


def _arithmetic(compiler: Compiler, node: bound.Arithmetic) -> Code:
    left, right = compiler.code(node.left), compiler.code(node.right)
    calculate = _CALCULATIONS[node.operator]

    def result(frame: Frame) -> Any:
        first, second = left(frame), right(frame)
        return None if first is None or second is None else calculate(first, second)

    return result


def _negate(compiler: Compiler, node: bound.Negate) -> Code:
    value = compiler.code(node.value)

    def negative(frame: Frame) -> Any:
        number = value(frame)
        return None if number is None else bounded(-number)

    return negative


# --- time


def _moment(compiler: Compiler, node: bound.Moment) -> Code:
    word = node.word

    def moment(frame: Frame) -> Any:
        try:
            return inside(temporal.moment(word, from_ms(frame[NOW])))
        except OverflowError:
            # The day before the first, or after the last.
            return None

    return moment


def _period_edge(compiler: Compiler, node: bound.PeriodEdge) -> Code:
    which, unit, edge = node.which, node.unit, node.edge
    return lambda frame: temporal.period_edge(frame[NOW], which, unit, edge)


def _shift(compiler: Compiler, node: bound.Shift) -> Code:
    value, amount, unit = compiler.code(node.value), node.amount, node.unit

    def shifted(frame: Frame) -> Any:
        instant = value(frame)
        return None if instant is None else temporal.shift(instant, amount, unit)

    if unit not in FIXED_UNITS:
        return shifted
    distance = amount * FIXED_UNITS[unit]

    def moved(frame: Frame) -> Any:
        instant = value(frame)
        return None if instant is None else max(INSTANT_MIN, min(INSTANT_MAX, instant + distance))

    return moved


def _date_part(compiler: Compiler, node: bound.DatePart) -> Code:
    value, part = compiler.code(node.value), operator.attrgetter(node.part)

    def date_part(frame: Frame) -> Any:
        instant = value(frame)
        return None if instant is None else part(from_ms(instant))

    return date_part


def _make_date(compiler: Compiler, node: bound.MakeDate) -> Code:
    year, month, day = (compiler.code(part) for part in (node.year, node.month, node.day))

    def made(frame: Frame) -> Any:
        parts = year(frame), month(frame), day(frame)
        if None in parts:
            return None
        try:
            return to_ms(date(*parts))
        except (ValueError, OverflowError):
            # There is no such day.
            return None

    return made


HANDLERS: Mapping[type[Bound], Handler] = {
    bound.Convert: plain(_convert),
    bound.Fold: plain(_fold),
    bound.RegexGroup: plain(_regex_group),
    bound.Arithmetic: plain(_arithmetic),
    bound.Negate: plain(_negate),
    bound.Moment: plain(_moment),
    bound.PeriodEdge: plain(_period_edge),
    bound.Shift: plain(_shift),
    bound.DatePart: plain(_date_part),
    bound.MakeDate: plain(_make_date),
}
