"""Bring Arrow data of one shape into another: same values, other columns around them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give a table exactly the columns of a schema.

    Struct members are matched by name; what is missing is null, what is not asked for is dropped; a value that does not
    fit its type becomes null where Arrow cannot convert it.
    """
    names = set(table.column_names)
    columns = [
        conform_array(table[field.name].combine_chunks(), field.type)
        if field.name in names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema([field.with_nullable(True) for field in schema]))


def conform_array(array: pa.Array, type_: pa.DataType) -> pa.Array:
    """One column, the same way. Shape (n,) in and out."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if array.type.equals(type_):
        return array
    if pa.types.is_struct(type_) and pa.types.is_struct(array.type):
        return _struct(array, type_)
    if pa.types.is_map(type_) and pa.types.is_map(array.type):
        return _map(array, type_)
    if _is_list(type_) and _is_list(array.type):
        return _list(array, type_)
    try:
        return pc.cast(array, type_, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(array), type_)


def _struct(array: pa.StructArray, type_: pa.StructType) -> pa.StructArray:
    present = {array.type.field(i).name: i for i in range(array.type.num_fields)}
    # flatten() applies the parent's validity to its members; field() would show what lies under a null parent.
    members = array.flatten()
    children = [
        conform_array(members[present[field.name]], field.type)
        if field.name in present
        else pa.nulls(len(array), field.type)
        for field in type_
    ]
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(children, fields=list(type_), mask=mask)


def _list(array: pa.ListArray, type_: pa.ListType) -> pa.ListArray:
    # list_flatten leaves out what lies under null lists, and respects slices; offsets are counted anew to match.
    values = conform_array(pc.list_flatten(array), type_.value_type)
    mask = array.is_null() if array.null_count else None
    return pa.ListArray.from_arrays(_offsets(array), values, type=type_, mask=mask)


def _map(array: pa.MapArray, type_: pa.MapType) -> pa.MapArray:
    entry = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
    listed = array.cast(pa.list_(entry))
    entries = pc.list_flatten(listed)
    keys, values = entries.field("key"), entries.field("value")
    mapped = pa.MapArray.from_arrays(
        _offsets(listed),
        conform_array(keys, type_.key_type),
        conform_array(values, type_.item_type),
        type=type_,
    )
    if not array.null_count:
        return mapped
    # A map array cannot be made with a mask: its null rows are taken from one null appended at the end.
    rows = np.where(array.is_null().to_numpy(zero_copy_only=False), len(array), np.arange(len(array)))
    return pa.concat_arrays([mapped, pa.nulls(1, type_)]).take(pa.array(rows))


def _is_list(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_))


def _offsets(array: pa.ListArray) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.array(offsets)
