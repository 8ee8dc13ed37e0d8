"""What values are inside of compiled functions, and how stored data becomes them.

The static type decides the form, so nobody asks at run time what a value is:

* text is `str`, numbers are `int` or `float`, truth values `bool`;
* a day and an instant are whole milliseconds (`int`), a day those of its first moment;
* an array is a list and a map a dict of such values;
* an object is the mapping that is stored; its fields are read when somebody asks for them.

Reading follows `values.read` exactly: common forms are decided here, all others are left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any

from muster.pql import values
from muster.pql.temporal import FIXED_UNITS, INSTANT_MAX, from_ms, parse_iso, text_of, to_ms
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
    TuplesType,
    Type,
    is_text,
)

Form = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY = FIXED_UNITS["day"]
_LATEST = INSTANT_MAX + 1


def reader(type_: Type) -> Form:
    """A function from a stored value to a value of the type; None when it is missing or does not fit."""
    match type_:
        case ArrayType(ObjectType()):
            return read_objects
        case ArrayType(element):
            return _array_reader(reader(element))
        case MapType(inner):
            return _map_reader(reader(inner))
        case ObjectType():
            return read_object
        case ReferenceType():
            return read_text
        case TuplesType():
            return _read_tuples
    return _SCALARS.get(type_, _read_nothing)


def read_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def read_object(value: Any) -> Any:
    return value if type(value) is dict or isinstance(value, Mapping) else None


def read_objects(value: Any) -> list[Any] | None:
    """The elements of an array of objects."""
    if not isinstance(value, list | tuple):
        return None
    return [item for item in value if type(item) is dict or isinstance(item, Mapping)]


def _read_truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _read_integer(value: Any) -> Any:
    if type(value) is int:
        return value if values.INTEGER_MIN <= value <= values.INTEGER_MAX else None
    return None if value is None else values.read(value, INTEGER)


def _read_number(value: Any) -> Any:
    if type(value) is float:
        return value if isfinite(value) else None
    return None if value is None else values.read(value, NUMBER)


def read_instant(value: Any) -> int | None:
    """The milliseconds of a stored date-time."""
    if type(value) is str:
        return instant_of_text(value)
    if value is None:
        return None
    moment = values.read(value, DATETIME)
    return None if moment is None else to_ms(moment)


def _read_day(value: Any) -> int | None:
    instant = read_instant(value)
    return None if instant is None else instant - instant % _DAY


def _read_nothing(value: Any) -> None:
    return None


def _read_tuples(value: Any) -> Any:
    # Never stored in data; an object literal may hold them.
    return value if isinstance(value, list) else None


_SCALARS: Mapping[Type, Form] = {
    STRING: read_text,
    INTEGER: _read_integer,
    NUMBER: _read_number,
    BOOLEAN: _read_truth,
    DATE: _read_day,
    DATETIME: read_instant,
}


def _array_reader(read: Form) -> Form:
    def read_array(value: Any) -> list[Any] | None:
        if not isinstance(value, list | tuple):
            return None
        return [item for each in value if (item := read(each)) is not None]

    return read_array


def pairs_as_map(value: Any) -> Any:
    """A list of pairs as the map it stands for; anything else as it is."""
    if not isinstance(value, list | tuple):
        return value
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        return None
    return {key: item for key, item in value if isinstance(key, str)}


def _map_reader(read: Form) -> Form:
    def read_map(value: Any) -> dict[str, Any] | None:
        entries = pairs_as_map(value)
        if type(entries) is not dict and not isinstance(entries, Mapping):
            return None
        return {
            key: item
            for key, each in entries.items()
            if isinstance(key, str) and (item := read(each)) is not None
        }

    return read_map


def instant_of_text(text: str) -> int | None:
    """The milliseconds of an ISO date or date-time; None for a text that is neither. As `parse_iso`."""
    length = len(text)
    # Python's own parser is much faster, and takes much more. Of the texts with these signs at these places, both take
    # the same, but for the hour 24, which newer versions of Python know.
    if (
        ((length == 24 and text[19] == ".") or length == 20)
        and text[-1] == "Z"
        and text[10] == "T"
        and text[4] == text[7] == "-"
        and text[13] == text[16] == ":"
        and text[11:13] != "24"
    ):
        try:
            return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND
        except ValueError:
            return None
    moment = parse_iso(text)
    return None if moment is None else to_ms(moment)


def in_order(events: list[Any], type_: Type) -> list[Any]:
    """Events by their `timestamp`, oldest first, those without one last; ties as they were."""
    field = type_.fields.get("timestamp") if isinstance(type_, ObjectType) else None
    if field not in TEMPORAL:
        return events
    read = _SCALARS[field]
    times = [_LATEST if (time := read(event.get("timestamp"))) is None else time for event in events]
    return [events[index] for index in sorted(range(len(times)), key=times.__getitem__)]


# --- other forms of a value


def inside(value: Any) -> Any:
    """The form of a constant."""
    return to_ms(value) if isinstance(value, date) else value


def text_form(type_: Type) -> Form:
    """A function from a scalar of the type to its text."""
    if is_text(type_):
        return str
    if type_ == DATE:
        return lambda instant: from_ms(instant).date().isoformat()
    if type_ == DATETIME:
        return lambda instant: text_of(from_ms(instant))
    return values.text


def stored_form(type_: Type) -> Form | None:
    """A function from a value of the type to data that `reader` reads as that value; None when it is that already."""
    if type_ in TEMPORAL:
        return from_ms
    part = (
        type_.element if isinstance(type_, ArrayType) else type_.value if isinstance(type_, MapType) else None
    )
    form = None if part is None else stored_form(part)
    if form is None:
        return None
    if isinstance(type_, ArrayType):
        return lambda items: [form(item) for item in items]
    return lambda entries: {key: form(item) for key, item in entries.items()}


def is_plain(type_: Type) -> bool:
    """Whether values of the type are equal exactly when Python says so, among values that compare with them."""
    return type_ in _SCALARS or isinstance(type_, ReferenceType)


def identity(type_: Type) -> Callable[[Any], Hashable]:
    """A function from a value to something hashable, equal for equal values of any type; as `values.identity`."""
    match type_:
        case ArrayType(element):
            item_identity = identity(element)
            return lambda items: ("array", tuple(map(item_identity, items)))
        case MapType(inner):
            entry_identity = identity(inner)
            return lambda entries: (
                "object",
                frozenset((key, entry_identity(item)) for key, item in entries.items()),
            )
        case ObjectType(fields):
            return _object_identity(
                [(name, reader(field), identity(field)) for name, field in fields.items()]
            )
        case TuplesType():
            return lambda items: ("array", tuple(items))
    if type_ == BOOLEAN:
        return lambda value: ("boolean", value)
    if type_ in TEMPORAL:
        return lambda instant: ("instant", instant)
    return lambda value: value


def _object_identity(fields: list[tuple[str, Form, Callable[[Any], Hashable]]]) -> Callable[[Any], Hashable]:
    def object_identity(stored: Any) -> Hashable:
        found = ((name, read(stored.get(name)), identify) for name, read, identify in fields)
        return "object", frozenset(
            (name, identify(value)) for name, value, identify in found if value is not None
        )

    return object_identity
