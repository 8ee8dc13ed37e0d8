"""From tables of profiles to the Parquet files of a batch: which rows, which columns, which files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from muster.profiles.members import MEMBERSHIP_TYPE
from muster.profiles.shapes import conform
from muster.storage.lake import Lake
from muster.storage.records import Document
from muster.xdm.arrow import arrow_schema
from muster.xdm.fields import Field, Kind

IDENTITIES, MEMBERSHIPS = "identityMap", "segmentMembership"
OPT_OUTS, CONSENTS = "privacyOptOuts", "optOutConsentLevel"
"""Where a general opt-out may stand: at the top in older schemas, in an object of that name in newer ones."""

ROW_COLUMNS = ("_person", "_status", "_since")
"""Columns of a view that say something of the row and are not exported."""

_GROUP_ROWS = 131_072
_BOOKKEEPING = (*ROW_COLUMNS, IDENTITIES, MEMBERSHIPS)

Mask = npt.NDArray[np.bool_]
Tree = dict[str, "Tree"]


@dataclass(slots=True)
class Parts:
    """The files that were written.

    Attributes:
        files: `{role, name, path, byteCount, rowCount}`, as the catalog notes them.
        namespaces: How many rows have an identity in each namespace, by lower-case code.
    """

    files: list[Document] = field(default_factory=list)
    row_count: int = 0
    namespaces: Counter[str] = field(default_factory=Counter)


def tree_of(fields: str) -> Tree | None:
    """Dotted paths with commas between, as a tree of names; None for all fields."""
    if not fields:
        return None
    tree: Tree = {}
    for path in fields.split(","):
        inner = tree
        for name in path.split("."):
            inner = inner.setdefault(name, {})
    if "identities" in tree:
        del tree["identities"]
        tree[IDENTITIES] = {}
    return tree


def schema_of(tree: Tree, union: Field) -> pa.Schema:
    """The columns of an export of chosen fields: all of them in every file, whether some row has a value or not."""
    schema = arrow_schema(_pruned(union, tree))
    position = schema.get_field_index(MEMBERSHIPS)
    return schema if position < 0 else schema.set(position, pa.field(MEMBERSHIPS, MEMBERSHIP_TYPE))


def columns_of(tree: Tree | None) -> list[str] | None:
    """Top-level columns to read for a tree, with those that are counted; None for all."""
    if tree is None:
        return None
    return [*dict.fromkeys([*tree, IDENTITIES])]


def since_within(start: datetime | None, end: datetime | None, table: pa.Table) -> pa.Table:
    """The rows whose status began in `start` (inclusive) to `end` (exclusive)."""
    since = table["_since"]
    type_ = since.type
    if start is not None:
        table = table.filter(pc.greater_equal(since, pa.scalar(start, type_)))
        since = table["_since"]
    return table if end is None else table.filter(pc.less(since, pa.scalar(end, type_)))


def with_record(table: pa.Table) -> pa.Table:
    """The rows that have an attribute at all; the others are persons of whom only events are known."""
    mask: Mask = np.zeros(table.num_rows, dtype=np.bool_)
    for name in table.column_names:
        if name not in _BOOKKEEPING:
            mask |= _has_value(_whole(table[name]))
    return table.filter(pa.array(mask))


def without_opted_out(table: pa.Table) -> pa.Table:
    """The rows without a general opt-out. Documented: optOutValue `out` of a `general_opt_out` excludes."""
    out: Mask = np.zeros(table.num_rows, dtype=np.bool_)
    for entries in _opt_out_lists(table):
        out |= [any(_is_general(entry) for entry in listed or ()) for listed in entries.to_pylist()]
    return table.filter(pa.array(~out))


def _opt_out_lists(table: pa.Table) -> Iterator[pa.Array]:
    if OPT_OUTS in table.column_names:
        yield table[OPT_OUTS]
    if CONSENTS in table.column_names:
        consents = _whole(table[CONSENTS])
        if consents.type.get_field_index(OPT_OUTS) >= 0:
            yield pc.struct_field(consents, OPT_OUTS)


def without_crowded(table: pa.Table, identities_max: int) -> pa.Table:
    """The rows with at most so many identities. Documented: larger graphs are left out of exports."""
    if IDENTITIES not in table.column_names:
        return table
    identities = _whole(table[IDENTITIES])
    lengths = pc.fill_null(pc.list_value_length(identities.items), 0).to_numpy(zero_copy_only=False)
    before = np.concatenate([[0], np.cumsum(lengths)])
    offsets = identities.offsets.to_numpy()
    counts = before[offsets[1:]] - before[offsets[:-1]]
    return table.filter(pa.array(counts <= identities_max))


def first_seen(tables: Iterable[pa.Table], connection: Any) -> Iterator[pa.Table]:
    """Each person once, in the first row that speaks of them.

    Args:
        connection: A DuckDB cursor of one's own: what was seen is kept there, and spills to disk when it is much.
    """
    connection.execute("CREATE TEMP TABLE seen (person VARCHAR)")
    for table in tables:
        incoming = pa.table({"person": table["_person"], "place": np.arange(table.num_rows)})
        connection.register("incoming", incoming)
        fresh = connection.execute(
            "SELECT min(place) AS place FROM incoming ANTI JOIN seen USING (person) GROUP BY person ORDER BY place"
        ).fetchnumpy()["place"]
        connection.execute("INSERT INTO seen SELECT person FROM incoming ANTI JOIN seen USING (person)")
        connection.unregister("incoming")
        if len(fresh):
            yield table.take(pa.array(fresh))


def write_parts(
    lake: Lake, tables: Iterable[pa.Table], folder: str, schema: pa.Schema | None, rows_max: int
) -> Parts:
    """Write tables as Parquet files of the lake: another file where the columns change or one has `rows_max` rows.

    Args:
        schema: The columns of every file; None for those that the tables have.

    A file's path has the hash of its bytes, so that a repeated step never puts other bytes under a path.
    """
    parts = Parts()
    with lake.spool() as spool:
        for number, group in enumerate(_files(_counted(tables, parts, schema), rows_max)):
            name = f"part-{number}.parquet"
            local = spool / name
            rows = _write(local, group)
            byte_count, digest = local.stat().st_size, _digest(local)
            path = f"{folder}/part-{number}-{digest[:16]}.parquet"
            lake.put(path, local)
            file = {"role": "data", "name": name, "path": path, "byteCount": byte_count, "rowCount": rows}
            parts.files.append(file)
            parts.row_count += rows
    return parts


def _counted(tables: Iterable[pa.Table], parts: Parts, schema: pa.Schema | None) -> Iterator[pa.Table]:
    for table in tables:
        if not table.num_rows:
            continue
        parts.namespaces.update(_namespaces(table))
        yield _shaped(table, schema)


def _namespaces(table: pa.Table) -> Mapping[str, int]:
    if IDENTITIES not in table.column_names:
        return {}
    identities = _whole(table[IDENTITIES])
    offsets = identities.offsets.to_numpy()
    keys = identities.keys[int(offsets[0]) : int(offsets[-1])]
    return {item["values"]: item["counts"] for item in pc.value_counts(pc.utf8_lower(keys)).to_pylist()}


def _shaped(table: pa.Table, schema: pa.Schema | None) -> pa.Table:
    chosen = table.select([name for name in table.column_names if name not in ROW_COLUMNS])
    return chosen if schema is None else conform(chosen, schema)


def _pruned(field: Field, tree: Tree) -> Field:
    if not tree or field.kind is Kind.MAP:
        # A name below a map is a key; keys are data, so the map stays whole.
        return field
    if field.kind is Kind.ARRAY and field.item is not None:
        return replace(field, item=_pruned(field.item, tree))
    members = {name: _pruned(inner, tree[name]) for name, inner in field.fields.items() if name in tree}
    return replace(field, fields=members)


def _files(tables: Iterable[pa.Table], rows_max: int) -> Iterator[Iterator[pa.Table]]:
    """Cut a stream of tables into files: the schema is one within a file, and so is the bound of its rows."""
    stream = _cut(tables, rows_max)
    pending = next(stream, None)
    while pending is not None:
        first = pending
        pending = None

        def same_file(first: pa.Table = first) -> Iterator[pa.Table]:
            nonlocal pending
            yield first
            rows = first.num_rows
            for table in stream:
                if table.schema != first.schema or rows + table.num_rows > rows_max:
                    pending = table
                    return
                rows += table.num_rows
                yield table

        yield same_file()


def _cut(tables: Iterable[pa.Table], rows_max: int) -> Iterator[pa.Table]:
    for table in tables:
        for start in range(0, table.num_rows, rows_max):
            yield table.slice(start, rows_max)


def _write(path: Path, tables: Iterator[pa.Table]) -> int:
    """Write one file with row groups of a good size; gives the number of rows."""
    first = next(tables)
    waiting: list[pa.Table] = [first]
    rows: int = first.num_rows
    written = rows
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        for table in tables:
            waiting.append(table)
            rows += table.num_rows
            written += table.num_rows
            if rows >= _GROUP_ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting, rows = [], 0
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    return written


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined


def _has_value(array: pa.Array) -> Mask:
    """Which rows have a value that says something: a null, an empty object and an empty list say nothing."""
    if pa.types.is_struct(array.type):
        members: Sequence[pa.Array] = array.flatten()
        mask: Mask = np.zeros(len(array), dtype=np.bool_)
        for member in members:
            mask |= _has_value(member)
        return mask
    if pa.types.is_list(array.type) or pa.types.is_map(array.type):
        filled: Mask = np.diff(array.offsets.to_numpy()) > 0
        return filled & _valid(array)
    return _valid(array)


def _valid(array: pa.Array) -> Mask:
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _is_general(entry: Mapping[str, Any] | None) -> bool:
    found = entry or {}
    return found.get("optOutType") == "general_opt_out" and found.get("optOutValue") == "out"
