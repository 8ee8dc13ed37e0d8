"""The identities in the rows of a batch, found by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from muster.profiles.identity import Identity
from muster.storage.sql_text import literal, quoted
from muster.xdm.registry import IdentityField

VALUE_LENGTH_MAX = 1024
"""Longer values are no identities. Documented: identity guardrails."""


@dataclass(frozen=True, slots=True)
class RowIdentities:
    """Who the rows of a batch speak of.

    Attributes:
        identities: Every identity once, in the order of its first appearance.
        hashes: Their hashes, in the same order.
        is_primary: Whether any row names it as primary; (identities,).
        primary: Per row the position of its primary identity, -1 for rows without any; (rows,).
        links: Pairs of positions that one row names together, the row's primary first; (links, 2).
        link_rows: Row of each link; (links,).
    """

    identities: tuple[Identity, ...]
    hashes: tuple[bytes, ...]
    is_primary: npt.NDArray[np.bool_]
    primary: npt.NDArray[np.int64]
    links: npt.NDArray[np.int64]
    link_rows: npt.NDArray[np.int64]


def read_identities(
    cursor: duckdb.DuckDBPyConnection, files: Sequence[Path], fields: Sequence[IdentityField]
) -> RowIdentities:
    """Find the identities of all rows of a batch's data files, numbered through the files in order.

    Sources, in the order of their right to be primary: the descriptors of the schema, `identityMap`, and the
    `identities[]` of the old profile form. A row that marks none as primary is led by its first.
    """
    tables, start = [], 0
    for file in files:
        tables.append(_of_file(cursor, file, fields, start))
        start += pq.read_metadata(file).num_rows
    return _numbered(pa.concat_tables(tables), start)


def _of_file(
    cursor: duckdb.DuckDBPyConnection, file: Path, fields: Sequence[IdentityField], start: int
) -> pa.Table:
    """Columns `n` (row), `namespace`, `value`, `is_primary`, in the order of rows, primaries first."""
    schema = pq.read_schema(file)
    lists = [_descriptor_sql(schema, field) for field in fields]
    lists += [_identity_map_sql(schema), _legacy_sql(schema)]
    present = [sql for sql in lists if sql]
    if not present:
        return pa.table(
            {
                "n": pa.array([], pa.int64()),
                "namespace": pa.array([], pa.string()),
                "value": pa.array([], pa.string()),
                "is_primary": pa.array([], pa.bool_()),
            }
        )
    return cursor.sql(
        f"""
        SELECT n, i.namespace AS namespace, i.value AS value, i.is_primary AS is_primary
        FROM (
            SELECT n, unnest(ids) AS i, generate_subscripts(ids, 1) AS place
            FROM (
                SELECT file_row_number + {start} AS n, list_concat({", ".join([*present, "[]", "[]"])}) AS ids
                FROM read_parquet($file, file_row_number = true)
            )
        )
        WHERE i.namespace IS NOT NULL AND i.value IS NOT NULL AND i.value <> ''
          AND length(i.value) <= {VALUE_LENGTH_MAX}
        ORDER BY n, i.is_primary DESC, place
        """,
        params={"file": str(file)},
    ).to_arrow_table()


def _numbered(named: pa.Table, row_count: int) -> RowIdentities:
    """Give each identity a number and each row its primary one."""
    key = pa.compute.binary_join_element_wise(named["namespace"], named["value"], "\0").combine_chunks()
    encoded = key.dictionary_encode()
    numbers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    identities = tuple(Identity(*text.split("\0", 1)) for text in encoded.dictionary.to_pylist())
    rows = named["n"].to_numpy()
    flags = named["is_primary"].to_numpy(zero_copy_only=False)
    is_primary = np.zeros(len(identities), dtype=np.bool_)
    is_primary[numbers[flags]] = True
    primary = np.full(row_count, -1, dtype=np.int64)
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = rows[1:] != rows[:-1]
    primary[rows[first]] = numbers[first]
    others = ~first & (numbers != primary[rows])
    links = np.stack([primary[rows[others]], numbers[others]], axis=1)
    hashes = tuple(identity.hash for identity in identities)
    return RowIdentities(identities, hashes, is_primary, primary, links, rows[others])


def _descriptor_sql(schema: pa.Schema, field: IdentityField) -> str:
    if not _has_path(schema, field.path):
        return ""
    column = ".".join(quoted(name) for name in field.path)
    return (
        f"CASE WHEN {column} IS NULL THEN [] ELSE [{{'namespace': {literal(field.namespace.lower())}, "
        f"'value': CAST({column} AS VARCHAR), 'is_primary': {str(field.is_primary).lower()}}}] END"
    )


def _identity_map_sql(schema: pa.Schema) -> str:
    """`identityMap`: namespace code → list of {id, primary, …}."""
    position = schema.get_field_index("identityMap")
    if position < 0 or not pa.types.is_map(schema.field(position).type):
        return ""
    item = schema.field(position).type.item_type
    if not _is_list_of(item, "id"):
        return ""
    primary = "coalesce(i.primary, false)" if _is_list_of(item, "primary") else "false"
    return (
        "coalesce(flatten(list_transform(map_entries(identityMap), lambda e: list_transform(e.value, lambda i: "
        f"{{'namespace': lower(e.key), 'value': i.id, 'is_primary': {primary}}}))), [])"
    )


def _legacy_sql(schema: pa.Schema) -> str:
    """`identities[]` of the 2019 profile form: list of {id, namespace {code}, primary}."""
    position = schema.get_field_index("identities")
    if position < 0 or not (
        _is_list_of(schema.field(position).type, "id")
        and _is_list_of(schema.field(position).type, "namespace")
    ):
        return ""
    primary = "coalesce(i.primary, false)" if _is_list_of(schema.field(position).type, "primary") else "false"
    return (
        "coalesce(list_transform(identities, lambda i: "
        f"{{'namespace': lower(i.namespace.code), 'value': i.id, 'is_primary': {primary}}}), [])"
    )


def _has_path(schema: pa.Schema, path: Sequence[str]) -> bool:
    position = schema.get_field_index(path[0])
    if position < 0:
        return False
    type_ = schema.field(position).type
    for name in path[1:]:
        if not pa.types.is_struct(type_) or type_.get_field_index(name) < 0:
            return False
        type_ = type_.field(name).type
    return True


def _is_list_of(type_: pa.DataType, member: str) -> bool:
    is_list = pa.types.is_list(type_) or pa.types.is_large_list(type_)
    return bool(
        is_list and pa.types.is_struct(type_.value_type) and type_.value_type.get_field_index(member) >= 0
    )
