"""What a file physically holds, as types of the audience language."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from muster.pql import types


def physical_type(schema: pa.Schema, hidden: Iterable[str] = ()) -> types.ObjectType:
    """The columns of a file as an object; those that queries cannot name are left out."""
    left_out = set(hidden)
    return types.ObjectType({field.name: _type(field.type) for field in schema if field.name not in left_out})


def _type(type_: pa.DataType) -> types.Type:
    if pa.types.is_struct(type_):
        return types.ObjectType({member.name: _type(member.type) for member in type_})
    if pa.types.is_map(type_):
        return types.MapType(_type(type_.item_type))
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return types.ArrayType(_type(type_.value_type))
    if pa.types.is_boolean(type_):
        return types.BOOLEAN
    if pa.types.is_integer(type_):
        return types.INTEGER
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return types.NUMBER
    if pa.types.is_timestamp(type_):
        return types.DATETIME
    if pa.types.is_date(type_):
        return types.DATE
    return types.STRING
