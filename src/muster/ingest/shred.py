"""Rows to columns: JSON values, nested as they are, become Arrow columns of the schema's types.

A whole chunk goes down the schema together, one list of values per field, so that the work per value is Arrow's. Only
fields that occur are visited. Fields that the schema does not name are kept, with the type that their values show.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa

from muster.ingest import scalars
from muster.ingest.inferred import inferred_column
from muster.ingest.problems import CONSTRAINT, Problems
from muster.xdm.fields import Field, Kind


def shred_rows(rows: Sequence[dict[str, Any]], field: Field, problems: Problems) -> pa.StructArray:
    """The columns of a chunk of rows, as one struct; values that do not fit are null and reported."""
    return _object(rows, range(len(rows)), field, "", problems)


def shred(
    values: Sequence[Any], positions: Sequence[int], field: Field, path: str, problems: Problems
) -> pa.Array:
    """The column of one field.

    Args:
        values: One Python value each; None is null.
        positions: To which row of the chunk each value belongs.
        path: The field's dotted path, for messages.
    """
    if not is_typed(field):
        return inferred_column(values)
    if field.kind is Kind.OBJECT:
        return _object(_of_type(values, positions, field, path, problems), positions, field, path, problems)
    if field.kind is Kind.ARRAY:
        return _array(_of_type(values, positions, field, path, problems), positions, field, path, problems)
    if field.kind is Kind.MAP:
        return _map(_of_type(values, positions, field, path, problems), positions, field, path, problems)
    return scalars.column(values, positions, field.kind, path, problems)


def is_typed(field: Field) -> bool:
    """Whether the schema says enough of a field to give it a column type; objects without members it does not."""
    if field.kind is Kind.OBJECT:
        return any(is_typed(member) for member in field.fields.values())
    if field.kind in (Kind.ARRAY, Kind.MAP):
        assert field.item is not None
        return is_typed(field.item)
    return True


def below(path: str, name: str) -> str:
    """The dotted path of a member."""
    return f"{path}.{name}" if path else name


def _of_type(
    values: Sequence[Any], positions: Sequence[int], field: Field, path: str, problems: Problems
) -> Sequence[Any]:
    """The values that are objects, or lists, as the field asks; the others are reported and null."""
    wanted = list if field.kind is Kind.ARRAY else dict
    if all(value is None or type(value) is wanted for value in values):
        return values
    kept = []
    for value, position in zip(values, positions, strict=True):
        fits = value is None or isinstance(value, wanted)
        if not fits:
            problems.found(position, path, value, scalars.EXPECTED[field.kind])
        kept.append(value if fits else None)
    return kept


def _object(
    values: Sequence[Any], positions: Sequence[int], field: Field, path: str, problems: Problems
) -> pa.StructArray:
    occurring: dict[str, Any] = {}
    for value in values:
        if value:
            occurring.update(value)
    columns: dict[str, pa.Array] = {}
    for name, member in field.fields.items():
        if name in occurring:
            below_it = [value.get(name) if value else None for value in values]
            columns[name] = shred(below_it, positions, member, below(path, name), problems)
    for name in sorted(occurring.keys() - field.fields.keys()):
        below_it = [value.get(name) if value else None for value in values]
        if not field.open:
            _refuse(below_it, positions, below(path, name), problems)
        columns[name] = inferred_column(below_it)
    mask = pa.array([value is None for value in values], pa.bool_())
    if not columns:
        return pa.array([None if value is None else {} for value in values], pa.struct([]))
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns), mask=mask)


def _refuse(values: Sequence[Any], positions: Sequence[int], path: str, problems: Problems) -> None:
    for value, position in zip(values, positions, strict=True):
        if value is not None:
            problems.add(
                position, CONSTRAINT, path, f"{path} is not in the schema, which takes no further fields here"
            )


def _array(
    values: Sequence[Any], positions: Sequence[int], field: Field, path: str, problems: Problems
) -> pa.Array:
    assert field.item is not None
    items = [item for value in values if value for item in value]
    owners = [position for value, position in zip(values, positions, strict=True) if value for _ in value]
    child = shred(items, owners, field.item, f"{path}[]", problems)
    mask = pa.array([value is None for value in values], pa.bool_())
    return pa.ListArray.from_arrays(_offsets(values), child, mask=mask)


def _map(
    values: Sequence[Any], positions: Sequence[int], field: Field, path: str, problems: Problems
) -> pa.Array:
    assert field.item is not None
    keys = [key for value in values if value for key in value]
    items = [item for value in values if value for item in value.values()]
    owners = [position for value, position in zip(values, positions, strict=True) if value for _ in value]
    child = shred(items, owners, field.item, f"{path}.*", problems)
    offsets = _offsets(values).to_pylist()
    # A null offset makes its entry null; the last one only ends the entry before it.
    with_nulls = [None if value is None else offset for value, offset in zip(values, offsets, strict=False)]
    return pa.MapArray.from_arrays(
        pa.array([*with_nulls, offsets[-1]], pa.int32()), pa.array(keys, pa.string()), child
    )


def _offsets(values: Sequence[Any]) -> pa.Array:
    return pa.array(accumulate((len(value) if value else 0 for value in values), initial=0), pa.int32())
