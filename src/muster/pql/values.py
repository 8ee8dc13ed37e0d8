"""Stored data → values of a PQL type, and conversions between them.

A value is None when missing; else `str`, `int`, `float`, `bool`, `date`, `datetime` (aware, UTC, milliseconds), a list
for an array, a dict for a map or an object. Nothing is guessed: what does not fit its type is missing.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from muster.pql.temporal import normalize, parse_iso, text_of, to_ms
from muster.pql.types import (
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    TEMPORAL,
    ArrayType,
    MapType,
    ObjectType,
    ReferenceType,
    Type,
)

Value = Any
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""What the comparisons do, with two values or with arrays of them."""

MEMBER_STATUSES = ("realized", "existing")
"""What `segmentMembership` says of a member of a definition."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def read(value: Any, type_: Type) -> Value:
    """A stored value as a value of the type; None when it is missing or does not fit.

    Accepts what JSON holds, dates and date-times of Python, and maps as lists of pairs, the form Arrow gives.
    """
    match type_:
        case ArrayType(element):
            if not isinstance(value, list | tuple):
                return None
            return [item for item in (read(each, element) for each in value) if item is not None]
        case MapType(inner):
            return _read_map(value, inner)
        case ObjectType(fields):
            if not isinstance(value, Mapping):
                return None
            read_fields = ((name, read(value.get(name), field)) for name, field in fields.items())
            return {name: item for name, item in read_fields if item is not None}
        case ReferenceType():
            return value if isinstance(value, str) else None
    return _read_scalar(value, type_)


def _read_map(value: Any, inner: Type) -> Value:
    if isinstance(value, list | tuple):
        if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
            return None
        value = {key: item for key, item in value if isinstance(key, str)}
    if not isinstance(value, Mapping):
        return None
    entries = ((key, read(item, inner)) for key, item in value.items() if isinstance(key, str))
    return {key: item for key, item in entries if item is not None}


def _read_scalar(value: Any, type_: Type) -> Value:
    if type_ == STRING:
        return value if isinstance(value, str) else None
    if type_ == BOOLEAN:
        return value if isinstance(value, bool) else None
    if type_ in TEMPORAL:
        return _read_time(value, type_)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if type_ == INTEGER:
        if isinstance(value, float):
            value = int(value) if value.is_integer() else None
        return value if value is not None and INTEGER_MIN <= value <= INTEGER_MAX else None
    if type_ == NUMBER:
        return real(value)
    return None


def _read_time(value: Any, type_: Type) -> date | None:
    moment = parse_iso(value) if isinstance(value, str) else value
    if isinstance(moment, datetime):
        moment = normalize(moment)
    if isinstance(moment, datetime) and type_ == DATE:
        return moment.date()
    if isinstance(moment, date) and not isinstance(moment, datetime) and type_ == DATETIME:
        return instant_of(moment)
    return moment if isinstance(moment, date) else None


def instant_of(value: date) -> datetime:
    """A day's first moment; a date-time itself."""
    if isinstance(value, datetime):
        return value
    from_text = parse_iso(f"{value.isoformat()}T00:00Z")
    assert isinstance(from_text, datetime)
    return from_text


def real(value: float) -> float | None:
    """A finite double, or None."""
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def text(value: Value) -> str:
    """The text of a scalar: doubles in their shortest form, whole ones without `.0`; dates in ISO form."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case float():
            # Adding nothing makes a plain zero of a negative one.
            return repr(value + 0.0).removesuffix(".0")
        case date():
            return text_of(value)
    return str(value)


def convert(value: Value, type_: Type) -> Value:
    """A scalar as text, number, truth value or instant; None when that cannot be."""
    if type_ == STRING:
        return text(value)
    if type_ == NUMBER:
        return number_of(value) if isinstance(value, str) else value
    if type_ == BOOLEAN:
        return {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if type_ in TEMPORAL:
        moment = parse_iso(value) if isinstance(value, str) else value
        return instant_of(moment) if isinstance(moment, date) else None
    raise TypeError(f"nothing is converted to {type_}")


def number_of(digits: str) -> float | None:
    """The number a text spells: `-?digits[.digits][e±digits]`."""
    if _NUMBER.fullmatch(digits) is None:
        return None
    # Past 18 digits a whole number may leave 64 bits; a double is exact enough by then.
    if len(digits) <= 18 and digits.lstrip("-").isdigit():
        return int(digits)
    return real(float(digits))


def lower(value: str) -> str:
    """Lower case code point by code point; letters whose lower case is longer stay."""
    if value.isascii():
        return value.lower()
    return "".join(small if len(small := character.lower()) == 1 else character for character in value)


def identity(value: Value) -> Any:
    """Something hashable that is equal for equal values: 3 and 3.0, a day and its first moment, equal objects."""
    match value:
        case bool():
            return ("boolean", value)
        case date():
            return ("instant", to_ms(value))
        case list():
            return ("array", tuple(identity(item) for item in value))
        case Mapping():
            return ("object", frozenset((key, identity(item)) for key, item in value.items()))
    return value
