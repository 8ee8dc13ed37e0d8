"""Arrow types ↔ types of the language: what a column physically holds, and how values of a type are held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from muster.pql.types import (
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    AnyType,
    ArrayType,
    MapType,
    ObjectType,
    ReferenceType,
    Type,
)

_SCALARS: Mapping[Type, pa.DataType] = {
    STRING: pa.string(),
    INTEGER: pa.int64(),
    NUMBER: pa.float64(),
    BOOLEAN: pa.bool_(),
    DATE: pa.date32(),
    DATETIME: pa.timestamp("ms", tz="UTC"),
}


def physical_type(schema: pa.Schema, hidden: Iterable[str] = ()) -> ObjectType:
    """The columns of a table or file as an object; those that queries cannot name are left out."""
    left_out = set(hidden)
    return ObjectType(
        {field.name: type_of_arrow(field.type) for field in schema if field.name not in left_out}
    )


def type_of_arrow(type_: pa.DataType) -> Type:
    """The type of values of an Arrow type; what no other type fits is text."""
    if pa.types.is_struct(type_):
        return ObjectType({member.name: type_of_arrow(member.type) for member in type_})
    if pa.types.is_map(type_):
        return MapType(type_of_arrow(type_.item_type))
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return ArrayType(type_of_arrow(type_.value_type))
    if pa.types.is_boolean(type_):
        return BOOLEAN
    if pa.types.is_integer(type_):
        return INTEGER
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return NUMBER
    if pa.types.is_timestamp(type_):
        return DATETIME
    return DATE if pa.types.is_date(type_) else STRING


def arrow_of(type_: Type) -> pa.DataType:
    """The Arrow type that holds values of a type: int64, float64, milliseconds in UTC, struct, list, map of text.

    An object of which no field is known has one that is always null, since engines have no empty struct.
    """
    match type_:
        case ArrayType(element):
            return pa.list_(arrow_of(element))
        case MapType(value):
            return pa.map_(pa.string(), arrow_of(value))
        case ObjectType(fields):
            members = [(name, arrow_of(field)) for name, field in fields.items()]
            return pa.struct(members or [("#", pa.bool_())])
        case ReferenceType() | AnyType():
            return pa.string()
    return _SCALARS[type_]
