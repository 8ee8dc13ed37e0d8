"""Which leaves of a wide schema have a value at all, told by the statistics of Parquet files without reading a row.

A union schema has hundreds of leaves, an event a dozen. What never occurs need not be widened, sorted, written and read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def occurring(columns: pa.Schema, files: Sequence[Path]) -> pa.Schema:
    """The part of a schema that has values in some of the files; an object without any is left out."""
    present = {path for file in files for path in _leaves_with_values(file)}
    fields = []
    for field in columns:
        type_ = _pruned(field.type, field.name, present)
        if type_ is not None:
            fields.append(pa.field(field.name, type_))
    return pa.schema(fields)


def _leaves_with_values(file: Path) -> set[str]:
    metadata = pq.read_metadata(file)
    present = set()
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for place in range(row_group.num_columns):
            column = row_group.column(place)
            statistics = column.statistics
            if (
                statistics is None
                or not statistics.has_null_count
                or statistics.null_count < column.num_values
            ):
                present.add(column.path_in_schema)
    return present


def _pruned(type_: pa.DataType, path: str, present: set[str]) -> pa.DataType | None:
    """The type without the leaves that have no value; None when nothing is left."""
    if pa.types.is_struct(type_):
        members = [(member.name, _pruned(member.type, f"{path}.{member.name}", present)) for member in type_]
        kept = [pa.field(name, member) for name, member in members if member is not None]
        return pa.struct(kept) if kept else None
    if pa.types.is_list(type_):
        item = _pruned(type_.value_type, f"{path}.list.element", present)
        return None if item is None else pa.list_(item)
    if pa.types.is_map(type_):
        return type_ if f"{path}.key_value.key" in present else None
    return type_ if path in present else None
