"""Warnings about comparisons of values of two kinds: text and numbers, instants and days."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from muster.pql import syntax, values
from muster.pql.errors import PqlWarning
from muster.pql.printer import print_text
from muster.pql.temporal import parse_iso
from muster.pql.types import DATE, DATETIME, INTEGER, NUMBER, NUMERIC, STRING, TEMPORAL, Type

_EXACT_MAX = 10**15
"""Whole numbers up to here look the same as integers and as doubles."""


def comparison_traps(node: syntax.Binary, left: Type, right: Type) -> Iterator[PqlWarning]:
    """What surprises in a comparison of single values, or of elements, of these two types."""
    written = _written(node.right)
    if left == INTEGER and node.operator == "=" and _is_fraction(written):
        message = f"{print_text(node.left)} holds whole numbers"
        yield PqlWarning("NEVER_EQUAL", message, node.place)
    elif left in TEMPORAL and node.operator in ("=", "!="):
        yield from _days(node, left, right, parse_iso(written) if isinstance(written, str) else None)
    elif left == STRING and right in NUMERIC:
        message = f"{print_text(node.right)} is compared as text, character by character"
        yield _conversion(node, message, None if written is None else values.text(written))
    elif left in NUMERIC and right == STRING:
        number = values.convert(written, NUMBER) if isinstance(written, str) else None
        if isinstance(number, float) and number.is_integer():
            number = int(number) if abs(number) <= _EXACT_MAX else None
        message = f"the text {print_text(node.right)} is read as a number; text that is none equals nothing"
        yield _conversion(node, message, number)


def _is_fraction(written: Any) -> bool:
    number = values.convert(written, NUMBER) if isinstance(written, str) else written
    return isinstance(number, float) and not number.is_integer()


def _conversion(node: syntax.Binary, message: str, better: str | int | float | None) -> PqlWarning:
    """`better` is the right side as it would be written for the type of the left one."""
    suggestion = None if better is None else print_text(dataclasses.replace(node, right=_literal(better)))
    return PqlWarning("CONVERSION", message, node.place, suggestion)


def _days(node: syntax.Binary, left: Type, right: Type, written: date | None) -> Iterator[PqlWarning]:
    if isinstance(written, datetime) and left == DATE:
        if written.time() != time() and node.operator == "=":
            message = f"{print_text(node.left)} holds days, which begin at midnight"
            yield PqlWarning("NEVER_EQUAL", message, node.place)
        return
    instant, day = node.left, node.right
    if left == DATETIME and written is not None and not isinstance(written, datetime):
        parts = (syntax.Literal("integer", part) for part in (written.year, written.month, written.day))
        day = syntax.Call(None, "date", tuple(parts))
    elif (left, right) == (DATE, DATETIME):
        instant, day = day, instant
    elif (left, right) != (DATETIME, DATE):
        return
    same_day = syntax.Occurs(instant, syntax.During(day))
    suggestion = same_day if node.operator == "=" else syntax.Not(same_day)
    message = f"a date-time equals a day only at its first moment, 00:00:00.000 UTC: {print_text(node)}"
    yield PqlWarning("DAY_AND_INSTANT", message, node.place, print_text(suggestion))


def _written(node: syntax.Expr) -> Any:
    """The value of a literal, also of a negative number; None for anything else."""
    match node:
        case syntax.Literal(_, value):
            return value
        case syntax.Negative(syntax.Literal("integer" | "double", int() | float() as value)):
            return -value
    return None


def _literal(value: str | int | float) -> syntax.Expr:
    if isinstance(value, str):
        return syntax.Literal("string", value)
    number = syntax.Literal("integer" if isinstance(value, int) else "double", abs(value))
    return syntax.Negative(number) if value < 0 else number
