"""Columns that came as columns, from Parquet files: the same values in the schema's types."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from muster.ingest import scalars
from muster.ingest.problems import CONSTRAINT, Problems
from muster.ingest.shred import below, is_typed, shred
from muster.xdm.fields import Field, Kind

_ZONED = pa.timestamp("ms", tz="UTC")


def conform_rows(rows: pa.StructArray, field: Field, problems: Problems) -> pa.StructArray:
    """The columns of a chunk, as one struct: members by name, whole numbers as int64, instants in milliseconds UTC.

    Columns and members that the schema does not name stay as they are. Values that do not fit are null and reported.
    """
    return _object(rows, np.arange(len(rows)), field, "", problems)


def _conform(array: pa.Array, positions: np.ndarray, field: Field, path: str, problems: Problems) -> pa.Array:
    found = array.type
    if not is_typed(field):
        return plain(array)
    if pa.types.is_null(found):
        return array
    if field.kind is Kind.OBJECT and pa.types.is_struct(found):
        return _object(array, positions, field, path, problems)
    if field.kind is Kind.ARRAY and is_list(found):
        return _array(array, positions, field, path, problems)
    if field.kind is Kind.MAP and pa.types.is_map(found) and pa.types.is_string(found.key_type):
        return _map(array, positions, field, path, problems)
    if field.kind in scalars.TYPES:
        done = _scalar(array, field.kind)
        if done is not None:
            return done
    values = array.to_pylist()
    if pa.types.is_map(found):
        values = [None if value is None else dict(value) for value in values]
    return shred(values, positions.tolist(), field, path, problems)


def _object(
    array: pa.StructArray, positions: np.ndarray, field: Field, path: str, problems: Problems
) -> pa.StructArray:
    columns: dict[str, pa.Array] = {}
    found = dict(zip((member.name for member in array.type), array.flatten(), strict=True))
    for name, member in field.fields.items():
        if name in found:
            columns[name] = _conform(found[name], positions, member, below(path, name), problems)
    for name in sorted(found.keys() - field.fields.keys()):
        columns[name] = plain(found[name])
        if not field.open:
            for position in positions[_mask(found[name].is_valid())]:
                where = below(path, name)
                text = f"{where} is not in the schema, which takes no further fields here"
                problems.add(position, CONSTRAINT, where, text)
    if not columns:
        return pa.array([None if value is None else {} for value in array.to_pylist()], pa.struct([]))
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns), mask=array.is_null())


def _array(array: pa.Array, positions: np.ndarray, field: Field, path: str, problems: Problems) -> pa.Array:
    assert field.item is not None
    owners = positions[pc.list_parent_indices(array).to_numpy(zero_copy_only=False)]
    child = _conform(array.flatten(), owners, field.item, f"{path}[]", problems)
    return relisted(array, child)


def _map(
    array: pa.MapArray, positions: np.ndarray, field: Field, path: str, problems: Problems
) -> pa.MapArray:
    assert field.item is not None
    # Positions of entries count from the start of the whole array, also where this one is a slice of it.
    offsets = array.offsets.to_numpy()
    first, count = int(offsets[0]), int(offsets[-1] - offsets[0])
    owners = np.repeat(positions, np.diff(offsets))
    child = _conform(array.items.slice(first, count), owners, field.item, f"{path}.*", problems)
    absent = np.append(array.is_null().to_numpy(zero_copy_only=False).astype(bool), False)
    starts = pa.array(offsets - first, pa.int32(), mask=absent)
    return pa.MapArray.from_arrays(starts, array.keys.slice(first, count), child)


def relisted(array: pa.Array, child: pa.Array) -> pa.ListArray:
    """The lists of an array around other items, one for one."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    starts = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    return pa.ListArray.from_arrays(starts, child, mask=array.is_null())


def _scalar(array: pa.Array, kind: Kind) -> pa.Array | None:
    """The column when its type can be cast as a whole; None when values must be looked at."""
    found, wanted = array.type, scalars.TYPES[kind]
    if found.equals(wanted):
        return array
    if pa.types.is_dictionary(found):
        return _scalar(array.dictionary_decode(), kind)
    number = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)
    castable = (
        (kind is Kind.INTEGER and pa.types.is_integer(found))
        or (kind is Kind.NUMBER and number)
        or (kind is Kind.DATETIME and (pa.types.is_timestamp(found) or pa.types.is_date(found)))
        or (kind is Kind.DATE and pa.types.is_date(found))
        or (kind is Kind.STRING and pa.types.is_large_string(found))
    )
    try:
        if not castable:
            return None
        # Finer instants are cut to milliseconds; whole numbers that do not fit are looked at one by one.
        return array.cast(wanted, safe=kind is not Kind.DATETIME)
    except pa.ArrowException:
        return None


def plain(array: pa.Array) -> pa.Array:
    """A column that no schema names, kept as it is, but never as a dictionary, nor finer than milliseconds."""
    found = array.type
    if pa.types.is_dictionary(found):
        return plain(array.dictionary_decode())
    if pa.types.is_timestamp(found):
        return array.cast(_ZONED, safe=False)
    if pa.types.is_struct(found) and found.num_fields:
        names = [member.name for member in found]
        return pa.StructArray.from_arrays(
            [plain(child) for child in array.flatten()], names=names, mask=array.is_null()
        )
    if is_list(found):
        return relisted(array, plain(array.flatten()))
    return array


def is_list(type_: pa.DataType) -> bool:
    """Whether a type is one of Arrow's lists."""
    return bool(
        pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
    )


def _mask(array: pa.Array) -> np.ndarray:
    found: np.ndarray = array.to_numpy(zero_copy_only=False).astype(bool)
    return found
