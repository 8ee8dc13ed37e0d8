"""Rows → columns, and the events of people → a table of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from muster.pql import values
from muster.pql.arrow_types import arrow_of
from muster.pql.types import ArrayType, MapType, ObjectType, Type

ROW, POSITION = "#row", "#position"
"""Columns beside the fields: whose row it is, and where an event stands among all events. No field has such a name."""


def table_of_rows(rows: Sequence[Mapping[str, Any]], schema: ObjectType) -> pa.Table:
    """JSON-like rows as an Arrow table, one column a field; what does not fit its type is null."""
    types = {name: arrow_of(field) for name, field in schema.fields.items()}
    columns = {
        name: pa.array((stored(row.get(name), schema.fields[name]) for row in rows), type_, size=len(rows))
        for name, type_ in types.items()
    }
    if not columns:
        return pa.table({POSITION: pa.nulls(len(rows), pa.bool_())})
    return pa.table(columns)


def stored(value: Any, type_: Type) -> Any:
    """A JSON value as Arrow takes it. Nulls inside of arrays and maps stay: reading them is the engine's business."""
    match type_:
        case ArrayType(element):
            return [stored(item, element) for item in value] if isinstance(value, list | tuple) else None
        case MapType(inner):
            return _pairs(value, inner)
        case ObjectType(fields):
            if not isinstance(value, Mapping):
                return None
            return {name: stored(value.get(name), field) for name, field in fields.items()}
    return values.read(value, type_)


def _pairs(value: Any, inner: Type) -> list[tuple[str, Any]] | None:
    if isinstance(value, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in value
    ):
        value = {key: item for key, item in value if isinstance(key, str)}
    if not isinstance(value, Mapping):
        return None
    return [(key, stored(item, inner)) for key, item in value.items() if isinstance(key, str)]


def with_row_numbers(table: pa.Table) -> pa.Table:
    """The table with a column of row numbers."""
    return table.append_column(ROW, pa.array(np.arange(table.num_rows, dtype=np.int64)))


def events_of(column: pa.ChunkedArray | None) -> pa.Table:
    """The elements of a list column as a table: one row an event, with its person's row and its position."""
    if column is None or not pa.types.is_list(column.type) or not pa.types.is_struct(column.type.value_type):
        nobody = pa.array([], pa.int64())
        return pa.table({ROW: nobody, POSITION: nobody})
    lists = column.combine_chunks()
    rows, items = pc.list_parent_indices(lists), pc.list_flatten(lists)
    present = pc.is_valid(items)
    if items.null_count:
        rows, items = rows.filter(present), items.filter(present)
    fields = [items.type.field(index).name for index in range(items.type.num_fields)]
    positions = pa.array(np.arange(len(items), dtype=np.int64))
    return pa.table([rows.cast(pa.int64()), positions, *items.flatten()], names=[ROW, POSITION, *fields])


def ambiguous(types: Iterable[Type]) -> bool:
    """Whether some object has fields whose names differ in case alone: the engine takes them for the same."""
    return any(_ambiguous(type_) for type_ in types)


def _ambiguous(type_: Type) -> bool:
    match type_:
        case ObjectType(fields):
            folded = {name.lower() for name in fields}
            return len(folded) < len(fields) or ambiguous(fields.values())
        case ArrayType(inner) | MapType(inner):
            return _ambiguous(inner)
    return False
