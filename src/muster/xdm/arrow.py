"""XDM fields as Arrow types: how rows of a schema are kept in files."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from muster.kernel.errors import Invalid
from muster.xdm.fields import Field, Kind

_SCALARS: dict[Kind, Callable[[], pa.DataType]] = {
    Kind.STRING: pa.string,
    Kind.INTEGER: pa.int64,
    Kind.NUMBER: pa.float64,
    Kind.BOOLEAN: pa.bool_,
    Kind.DATE: pa.date32,
    Kind.DATETIME: lambda: pa.timestamp("ms", tz="UTC"),
}


def arrow_type(field: Field) -> pa.DataType:
    """The Arrow type of a field.

    string, int64 (all integers), float64, bool, date32, timestamp in milliseconds UTC, struct, list, and map with string
    keys. Objects of which nothing is known are left out of the struct that holds them, since Parquet has no empty
    struct; what rows hold there is kept as an unknown column.

    Raises:
        Invalid: The field is an object, or a list or map of objects, without any field.
    """
    found = _type_or_none(field)
    if found is None:
        raise Invalid.at("", "an object without fields has no column type")
    return found


def arrow_schema(field: Field) -> pa.Schema:
    """The columns of an OBJECT, each nullable: required fields are checked on rows, not by the file."""
    return pa.schema(_members(field))


def _type_or_none(field: Field) -> pa.DataType | None:
    if field.kind is Kind.OBJECT:
        members = _members(field)
        return pa.struct(members) if members else None
    if field.kind in (Kind.ARRAY, Kind.MAP):
        assert field.item is not None
        item = _type_or_none(field.item)
        if item is None:
            return None
        return pa.list_(item) if field.kind is Kind.ARRAY else pa.map_(pa.string(), item)
    return _SCALARS[field.kind]()


def _members(field: Field) -> list[pa.Field]:
    types = ((name, _type_or_none(member)) for name, member in field.fields.items())
    return [pa.field(name, type_) for name, type_ in types if type_ is not None]
