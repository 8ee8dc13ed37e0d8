"""One export's rows, from the members of an audience to finished files in the local spool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from muster.export.files.columns import IDENTITIES, MEMBERSHIPS, Projection, projected
from muster.export.files.formats import BuiltFile, Format, write_files
from muster.flows.mapping_sets import Column, split_source
from muster.kernel.errors import Invalid, NotFound
from muster.storage.workspace import Workspace
from muster.xdm.arrow import arrow_type
from muster.xdm.fields import Field, Kind
from muster.xdm.registry import PROFILE_CLASS, Registry

_ROWS_A_TABLE = 65_536


@dataclass(frozen=True, slots=True)
class Plan:
    """What is written of each member.

    Attributes:
        mandatory: Names of fields: path, column or identity namespace.
        keys: Deduplication keys as a flow holds them.
    """

    columns: tuple[Column, ...]
    audience_id: str
    mandatory: tuple[str, ...]
    keys: tuple[Mapping[str, Any], ...]


@dataclass(slots=True)
class Counts:
    """Rows that were looked at, and those left out; identities when an identity is the key."""

    seen: int = 0
    without_mandatory: int = 0
    duplicates: int = 0

    @property
    def skipped(self) -> int:
        return self.without_mandatory + self.duplicates


def projection_of(plan: Plan) -> Projection:
    """The paths that a plan needs. Raises `Invalid` when identities of two namespaces are among them."""
    known = {column.source for column in plan.columns}
    further = [source for source in (*map(_key_source, plan.keys),) if source not in known]
    for name in plan.mandatory:
        if not _columns_named(plan, name) and name not in further:
            further.append(name)
    projection = Projection(plan.columns, plan.audience_id, tuple(dict.fromkeys(further)))
    _ = projection.identity_namespace
    return projection


def column_types(workspace: Workspace, projection: Projection) -> list[pa.DataType | None]:
    """Arrow type of each column by the profile's union schema; None where the schema does not have the path."""
    try:
        union: Field | None = Registry(workspace).union_fields(PROFILE_CLASS)
    except NotFound:
        union = None
    return [_type_of(union, split_source(source)) for source in projection.sources]


def build_files(
    workspace: Workspace,
    folder: Path,
    members: Iterable[pa.Table],
    plan: Plan,
    *,
    format_: Format,
    types: Sequence[pa.DataType | None],
) -> tuple[list[BuiltFile], Counts]:
    """Write the files of one export.

    Returns:
        The files in order, and how many rows were seen and left out.
    """
    projection = projection_of(plan)
    counts = Counts()
    rows = _with_mandatory(
        _typed(projected(projection, members), projection, types), plan, projection, counts
    )
    if projection.identity_namespace is not None or plan.keys:
        rows = _deduplicated(workspace, folder, rows, plan, projection, counts=counts)
    shown = projection.names()[: len(plan.columns)]
    files = write_files(
        folder, (table.select(shown) for table in rows), format_, workspace.settings.export_rows_max
    )
    return files, counts


def _typed(
    tables: Iterable[pa.Table], projection: Projection, types: Sequence[pa.DataType | None]
) -> Iterator[pa.Table]:
    """Give every table the same types: a bucket without a field knows nothing of its type."""
    chosen = list(types)
    for table in tables:
        arrays = [table["_person"], table["_since"]]
        for position, name in enumerate(projection.names()):
            column = table[name]
            if chosen[position] is None:
                chosen[position] = pa.string() if pa.types.is_null(column.type) else column.type
            try:
                arrays.append(column if column.type == chosen[position] else column.cast(chosen[position]))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                source = projection.sources[position]
                raise Invalid.at(
                    source, f"holds {column.type} where the schema says {chosen[position]}"
                ) from error
        yield pa.Table.from_arrays(arrays, names=table.column_names)


def _with_mandatory(
    tables: Iterable[pa.Table], plan: Plan, projection: Projection, counts: Counts
) -> Iterator[pa.Table]:
    places = [_columns_named(plan, name) or [projection.sources.index(name)] for name in plan.mandatory]
    for table in tables:
        counts.seen += table.num_rows
        kept = table
        for positions in places:
            column = kept[f"c{positions[0]}"]
            kept = kept.filter(_is_filled(column))
        counts.without_mandatory += table.num_rows - kept.num_rows
        yield kept


def _is_filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_list(column.type) or pa.types.is_map(column.type):
        return pc.fill_null(pc.greater(pc.list_value_length(column), 0), False)
    if pa.types.is_string(column.type):
        return pc.fill_null(pc.not_equal(column, ""), False)
    return pc.is_valid(column)


def _deduplicated(
    workspace: Workspace,
    folder: Path,
    tables: Iterable[pa.Table],
    plan: Plan,
    projection: Projection,
    *,
    counts: Counts,
) -> Iterator[pa.Table]:
    """Rows of which each key occurs once; the rest are counted.

    All rows go through a file, so that memory stays bounded while one row is compared with all others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / "rows.parquet"
    count = _stage(staged, tables)
    if count == 0:
        return
    namespace = projection.identity_namespace
    keys = (
        [_place(projection, (IDENTITIES, namespace))]
        if namespace
        else [_key_place(projection, key) for key in plan.keys]
    )
    query = _identity_query(projection, keys[0]) if namespace else _attribute_query(projection, keys)
    left = 0
    with workspace.engine.cursor() as cursor:
        found = cursor.read_parquet(str(staged)).query("staged", query)
        assert found is not None
        for batch in found.to_arrow_reader(_ROWS_A_TABLE):
            left += batch.num_rows
            yield pa.Table.from_batches([batch])
    counts.duplicates = count - left
    staged.unlink()


def _stage(path: Path, tables: Iterable[pa.Table]) -> int:
    writer: pq.ParquetWriter | None = None
    count = 0
    try:
        for table in tables:
            numbered = table.append_column("_n", pa.array(range(count, count + table.num_rows), pa.int64()))
            writer = writer or pq.ParquetWriter(path, numbered.schema, compression="snappy")
            writer.write_table(numbered)
            count += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    return count


def _attribute_query(projection: Projection, keys: Sequence[str]) -> str:
    # The later membership wins; between equals the text of the other columns decides, ascending.
    empty = " AND ".join(f"coalesce(CAST({key} AS VARCHAR), '') = ''" for key in keys)
    # Names of columns are ours (c0, c1 …); no text of a caller is in here.
    return (
        f"SELECT * EXCLUDE (_rank) FROM (SELECT *, row_number() OVER "  # noqa: S608
        f"(PARTITION BY {', '.join(keys)} ORDER BY {_winner_first(projection)}) AS _rank FROM staged) "
        f"WHERE _rank = 1 OR ({empty}) ORDER BY _n"
    )


def _identity_query(projection: Projection, key: str) -> str:
    # Whoever loses on one identity is left out with all of its rows.
    return (
        f"SELECT * FROM staged WHERE _person NOT IN (SELECT _person FROM (SELECT _person, first_value(_person) OVER "  # noqa: S608
        f"(PARTITION BY {key} ORDER BY {_winner_first(projection)}) AS winner FROM staged WHERE {key} IS NOT NULL) "
        f"WHERE winner <> _person) ORDER BY _n"
    )


def _winner_first(projection: Projection) -> str:
    shown = projection.names()[: len(projection.columns)]
    texts = [f"CAST({name} AS VARCHAR) ASC NULLS LAST" for name in shown]
    return ", ".join(["_since DESC NULLS LAST", *texts, "_person"])


def _columns_named(plan: Plan, name: str) -> list[int]:
    """Places of the columns that a mandatory field means: by path, by header, or by identity namespace."""
    return [
        position
        for position, column in enumerate(plan.columns)
        if name in (column.source, column.name) or split_source(column.source) == (IDENTITIES, name)
    ]


def _key_source(key: Mapping[str, Any]) -> str:
    if str(key.get("fieldType", "")).upper() == "IDENTITY":
        return f"{IDENTITIES}.{str(key['identityNamespace']).replace('.', '//.')}"
    return str(key["attributePath"])


def _key_place(projection: Projection, key: Mapping[str, Any]) -> str:
    return _place(projection, split_source(_key_source(key)))


def _place(projection: Projection, names: Sequence[str]) -> str:
    sources = [split_source(source) for source in projection.sources]
    return projection.names()[sources.index(tuple(names))]


def _type_of(union: Field | None, names: tuple[str, ...]) -> pa.DataType | None:
    if names[0] in (IDENTITIES, MEMBERSHIPS) and len(names) > 1:
        return pa.string()
    field: Field | None = union
    for name in names:
        if field is None:
            return None
        field = field.fields.get(name) if field.kind is Kind.OBJECT else field.item
    return None if field is None else arrow_type(field)


def text_types(types: Sequence[pa.DataType | None]) -> tuple[pa.DataType, ...]:
    """The types of a file's columns; text for what the schema does not have."""
    return tuple(pa.string() if type_ is None else type_ for type_ in types)
