"""Columns that no schema names: their types from their values, and one type from the types of several chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc


def inferred_column(values: Sequence[Any]) -> pa.Array:
    """A column with the type that fits all values; values of mixed types become text, JSON where they were no text."""
    try:
        return _plain(pa.array(values))
    except (ValueError, TypeError, OverflowError):
        return pa.array([as_text(value) for value in values], pa.string())


def as_text(value: Any) -> str | None:
    """A value as text: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def merged_type(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    """The type that holds the values of both. Members of `left` come first; what cannot be joined becomes text."""
    if left.equals(right) or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    if pa.types.is_struct(left) and pa.types.is_struct(right):
        return _merged_struct(left, right)
    if _is_list(left) and _is_list(right):
        return pa.list_(merged_type(left.value_type, right.value_type))
    if pa.types.is_map(left) and pa.types.is_map(right):
        return pa.map_(left.key_type, merged_type(left.item_type, right.item_type))
    if _is_number(left) and _is_number(right):
        both_whole = pa.types.is_integer(left) and pa.types.is_integer(right)
        return pa.int64() if both_whole else pa.float64()
    if pa.types.is_timestamp(left) and pa.types.is_timestamp(right):
        return pa.timestamp("ms", tz="UTC")
    return pa.string()


def storable_type(type_: pa.DataType) -> pa.DataType:
    """A type that files can hold: where nothing was ever seen, text; Parquet has no empty object."""
    if pa.types.is_null(type_):
        return pa.string()
    if pa.types.is_struct(type_):
        members = [pa.field(member.name, storable_type(member.type)) for member in type_]
        return pa.struct(members) if members else pa.string()
    if _is_list(type_):
        return pa.list_(storable_type(type_.value_type))
    if pa.types.is_map(type_):
        return pa.map_(type_.key_type, storable_type(type_.item_type))
    return type_


def fitted(array: pa.Array, type_: pa.DataType) -> pa.Array:
    """The same values in a wider type, as `merged_type` and `storable_type` give them."""
    found = array.type
    if found.equals(type_):
        return array
    if pa.types.is_null(found) or (
        pa.types.is_struct(found) and found.num_fields == 0 and not pa.types.is_struct(type_)
    ):
        return pa.nulls(len(array), type_)
    if pa.types.is_struct(type_) and pa.types.is_struct(found):
        return _fitted_struct(array, type_)
    if pa.types.is_list(type_) and _is_list(found):
        offsets = pc.cumulative_sum(pc.fill_null(pc.list_value_length(array), 0))
        starts = pa.concat_arrays([pa.array([0], pa.int32()), offsets.cast(pa.int32())])
        return pa.ListArray.from_arrays(
            starts, fitted(array.flatten(), type_.value_type), mask=array.is_null()
        )
    if pa.types.is_map(type_) and pa.types.is_map(found):
        return _fitted_map(array, type_)
    if pa.types.is_string(type_) and not pa.types.is_large_string(found):
        return pa.array([as_text(value) for value in array.to_pylist()], pa.string())
    return array.cast(type_, safe=False)


def _plain(array: pa.Array) -> pa.Array:
    """Python's own instants are in microseconds without a zone; ours are in milliseconds UTC."""
    return (
        array.cast(pa.timestamp("ms", tz="UTC"), safe=False) if pa.types.is_timestamp(array.type) else array
    )


def _merged_struct(left: pa.StructType, right: pa.StructType) -> pa.DataType:
    types = {member.name: member.type for member in left}
    for member in right:
        known = types.get(member.name)
        types[member.name] = member.type if known is None else merged_type(known, member.type)
    return pa.struct([pa.field(name, type_) for name, type_ in types.items()])


def _fitted_struct(array: pa.StructArray, type_: pa.StructType) -> pa.Array:
    found = dict(zip((member.name for member in array.type), array.flatten(), strict=True))
    columns = [
        fitted(found[member.name], member.type) if member.name in found else pa.nulls(len(array), member.type)
        for member in type_
    ]
    return pa.StructArray.from_arrays(columns, fields=list(type_), mask=array.is_null())


def _fitted_map(array: pa.MapArray, type_: pa.MapType) -> pa.Array:
    # Positions of entries count from the start of the whole array, also where this one is a slice of it.
    offsets = array.offsets
    if array.null_count:
        offsets = pc.if_else(
            pa.concat_arrays([array.is_null(), pa.array([False])]), pa.scalar(None, pa.int32()), offsets
        )
    return pa.MapArray.from_arrays(
        offsets, array.keys.cast(pa.string()), fitted(array.items, type_.item_type)
    )


def _is_list(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
    )


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))
