"""Single values: from JSON, CSV text or foreign Arrow types to the columns of our scalar types."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from muster.ingest.problems import Problems
from muster.xdm.fields import Kind

TYPES: dict[Kind, pa.DataType] = {
    Kind.STRING: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.DATETIME: pa.timestamp("ms", tz="UTC"),
}

EXPECTED: dict[Kind, str] = {
    Kind.STRING: "text",
    Kind.INTEGER: "a whole number",
    Kind.NUMBER: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "a date such as 2026-01-31",
    Kind.DATETIME: "a date and time such as 2026-01-31T02:00:07Z",
    Kind.OBJECT: "an object",
    Kind.ARRAY: "a list",
    Kind.MAP: "an object of named values",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INT64 = range(-(2**63), 2**63)


def column(
    values: Sequence[Any], positions: Sequence[int], kind: Kind, path: str, problems: Problems
) -> pa.Array:
    """A column of one kind from Python values; values that do not fit are null and reported.

    All values at once where they fit; one by one only when some do not.
    """
    try:
        return _at_once(values, kind)
    except (ValueError, TypeError, OverflowError):
        return one_by_one(values, positions, kind, path, problems, convert=_CONVERTERS[kind])


def column_of_text(
    values: pa.Array, positions: Sequence[int], kind: Kind, path: str, problems: Problems
) -> pa.Array:
    """A column from text alone, as CSV files hold it."""
    if kind in (Kind.STRING, Kind.DATE, Kind.DATETIME):
        return column(values.to_pylist(), positions, kind, path, problems)
    try:
        return values.cast(TYPES[kind])
    except (ValueError, TypeError):
        return one_by_one(values.to_pylist(), positions, kind, path, problems, convert=_TEXT_CONVERTERS[kind])


def one_by_one(
    values: Sequence[Any],
    positions: Sequence[int],
    kind: Kind,
    path: str,
    problems: Problems,
    *,
    convert: Callable[[Any], Any],
) -> pa.Array:
    """A column whose values are converted singly; `convert` raises for those that do not fit."""
    converted: list[Any] = []
    for value, position in zip(values, positions, strict=True):
        try:
            converted.append(None if value is None else convert(value))
        except (ValueError, TypeError, OverflowError, LookupError):
            problems.found(position, path, value, EXPECTED[kind])
            converted.append(None)
    if kind is Kind.DATETIME:
        return pa.array(converted, pa.int64()).cast(TYPES[kind])
    return pa.array(converted, TYPES[kind])


def _at_once(values: Sequence[Any], kind: Kind) -> pa.Array:
    if kind in (Kind.DATE, Kind.DATETIME):
        text = pa.array(values, pa.string())
        if kind is Kind.DATE:
            return text.cast(pa.date32())
        return text.cast(pa.timestamp("us", tz="UTC")).cast(TYPES[kind], safe=False)
    if kind is Kind.NUMBER and any(value is True or value is False for value in values):
        # Arrow would take them for 1 and 0.
        raise TypeError("booleans are no numbers")
    if kind is Kind.INTEGER and any(type(value) is float for value in values):
        # Arrow would cut their fractions off.
        raise TypeError("fractions are no whole numbers")
    return pa.array(values, TYPES[kind])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value != int(value):
        raise TypeError
    if int(value) not in _INT64:
        raise OverflowError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError
    return float(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise TypeError
    return date.fromisoformat(value)


def _instant_ms(value: Any) -> int:
    """Milliseconds since 1970; an instant without a zone is in UTC, as Spark's readers take it."""
    if isinstance(value, str):
        if not _DATE.match(value):
            raise TypeError
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        raise TypeError
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND


def _boolean_text(text: str) -> bool:
    return {"true": True, "false": False}[text.strip().lower()]


_CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.STRING: _text,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DATETIME: _instant_ms,
}
_TEXT_CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.INTEGER: lambda text: _integer(int(text)),
    Kind.NUMBER: float,
    Kind.BOOLEAN: _boolean_text,
}
