"""Write the files of one run: for the touched persons of a bucket everything anew, for the others only what is added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from muster.kernel.clock import iso
from muster.profiles.bucket import BucketReader, Slice
from muster.profiles.identity import NO_ROW, write_index, xid_of
from muster.profiles.manifest import Segment
from muster.profiles.occurring import occurring
from muster.profiles.shapes import conform
from muster.storage.lake import Lake
from muster.storage.sql_text import literal, quoted, sorted_copy
from muster.unify.identity_graph import Person
from muster.unify.profile import UNITED, merged_profiles_sql
from muster.unify.rows import RowIdentities

_ROWS_A_CHUNK = 32_768

GROUP_ROWS = 16_384
"""Rows of a row group: a lookup of one person reads one group of each file, and a scan does not mind."""

_IDENTITY_MAP_SQL = """
    SELECT _row, map_from_entries(list({'key': namespace, 'value': ids} ORDER BY namespace)) AS "identityMap"
    FROM (
        SELECT _row, namespace,
               list({'id': value, 'authenticatedState': NULL::VARCHAR, 'primary': is_primary}
                    ORDER BY first_seen, value) AS ids
        FROM identity_values GROUP BY _row, namespace
    ) GROUP BY _row
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A row whose person was absorbed, and the row of the survivor."""

    from_bucket: int
    from_row: int
    to_bucket: int
    to_row: int
    survivor: bytes


@dataclass(frozen=True, slots=True)
class BucketChange:
    """What a batch does to one bucket.

    Attributes:
        founded: New persons with the rows they got.
        touched: Persons whose profile is made anew, with their rows; the founded are among them.
        departures: Rows of this bucket whose persons were absorbed.
        arrivals: Rows of any bucket whose persons were absorbed by one of this bucket.
        row_count: Rows given out afterwards.
    """

    founded: list[tuple[Person, int]]
    touched: list[tuple[Person, int]]
    departures: list[Move]
    arrivals: list[Move]
    row_count: int


@dataclass(frozen=True, slots=True)
class Addition:
    """A checked batch on its way into the profile store.

    Attributes:
        is_events: Whether its rows are events of persons, not fragments of profiles.
        files: Its data files, readable locally, in order.
        columns: Union schema of the rows' class.
        namespace_codes: Lower-case code → code as the organisation spells it.
        at: Business time of the ingestion.
    """

    batch_id: str
    dataset_id: str
    is_events: bool
    files: tuple[Path, ...]
    columns: pa.Schema
    namespace_codes: Mapping[str, str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Copying:
    """Rows to take over from one bucket: their numbers there, and here; (rows,) each."""

    bucket: int
    old: npt.NDArray[np.uint32]
    new: npt.NDArray[np.uint32]


class RunWriter:
    """Writes the runs of one batch, bucket by bucket.

    Args:
        spool: Folder for files in the making.
        person_of: Per identity of the batch the position of its person, -1 for none.
        places: Per person bucket and row.
        ordinal: Of the commit.
        precedences: Per merge policy the datasets that it prefers.
    """

    def __init__(
        self,
        *,
        cursor: duckdb.DuckDBPyConnection,
        lake: Lake,
        spool: Path,
        readers: Sequence[BucketReader],
        addition: Addition,
        rows: RowIdentities,
        person_of: npt.NDArray[np.int64],
        places: Sequence[tuple[int, int]],
        ordinal: int,
        precedences: Mapping[str, Sequence[str]],
    ) -> None:
        self._cursor = cursor
        self._lake = lake
        self._spool = spool
        self._readers = {reader.bucket.number: reader for reader in readers}
        self._addition = addition
        self._rows = rows
        self._person_of = person_of
        self._places = places
        self._ordinal = ordinal
        self._precedences = precedences
        self._staged = spool / "rows.parquet"

    def stage_rows(self) -> None:
        """Bring the batch's rows into the union's shape, and say which belongs where."""
        self._write_rows()
        rows = self._rows
        numbers = np.flatnonzero(rows.primary >= 0)
        if not self._addition.is_events:
            numbers = _last_of_each(numbers, rows.primary)
        primary = rows.primary[numbers]
        places = np.asarray(self._places, dtype=np.int64).reshape(-1, 2)[self._person_of[primary]]
        dictionary = pa.DictionaryArray.from_arrays(
            pa.array(primary, pa.int32()), pa.array(rows.hashes, pa.binary())
        )
        assigned = pa.table(
            {
                "_n": numbers,
                "bucket": places[:, 0],
                "_row": pa.array(places[:, 1], pa.uint32()),
                "_identity": dictionary.cast(pa.binary()),
                "_order": (self._ordinal << 32) + numbers,
            }
        )
        self._cursor.register("assigned", assigned)

    def write(self, number: int, change: BucketChange, folder: str) -> Segment | None:
        """Write the run of one bucket below a lake folder; None when the batch does not concern it."""
        reader = self._readers[number]
        touched = np.array(sorted({row for _, row in change.touched}), dtype=np.uint32)
        copied = list(_copyings(number, touched, change.arrivals, reader.row_count))
        folder_files = _Folder(self._lake, self._spool, folder)
        events = (
            self._write_events(number, change, folder_files)
            if self._addition.is_events or change.arrivals
            else {}
        )
        if not len(touched) and not change.departures and not events:
            return None
        departed = np.array(sorted(move.from_row for move in change.departures), dtype=np.uint32)
        replaced = np.union1d(touched, departed)
        has_history = bool(reader.bucket.segments)
        identities = self._write_identities(number, change, copied, folder_files)
        fragments = self._write_fragments(number, copied, folder_files)
        return Segment(
            ordinal=self._ordinal,
            persons=self._write_persons(change, folder_files),
            identities=identities[0],
            identity_values=identities[1],
            fragments=fragments,
            profiles=self._write_profiles(change, fragments, identities[1], folder_files),
            events=events,
            touched=folder_files.array("touched", replaced) if has_history and len(replaced) else "",
            reset=folder_files.array("reset", departed) if len(departed) else "",
            touched_count=len(replaced),
        )

    def _write_rows(self) -> None:
        addition = self._addition
        present = {name for file in addition.files for name in pq.read_schema(file).names}
        columns = pa.schema(
            [field for field in addition.columns if field.name in present and field.name not in UNITED]
        )
        if addition.is_events:
            columns = occurring(columns, addition.files)
        schema = columns.insert(0, pa.field("_n", pa.int64()))
        start = 0
        with pq.ParquetWriter(self._staged, schema, compression="zstd") as out:
            for file in addition.files:
                for batch in pq.ParquetFile(file).iter_batches(_ROWS_A_CHUNK):
                    table = conform(pa.Table.from_batches([batch]), columns)
                    numbers = pa.array(np.arange(start, start + batch.num_rows))
                    # Put together anew: rows of nothing but identities make a table without columns, which has no length.
                    out.write_table(pa.Table.from_arrays([numbers, *table.columns], schema=schema))
                    start += batch.num_rows

    def _batch_rows(self, number: int, where: str = "TRUE") -> str:
        addition = self._addition
        return f"""
            SELECT a._row, a._identity, {literal(addition.dataset_id)} AS _dataset,
                   {literal(addition.batch_id)} AS _batch, a._order,
                   TIMESTAMPTZ {literal(iso(addition.at))} AS _seen, r.* EXCLUDE (_n)
            FROM read_parquet({literal(str(self._staged))}) r JOIN assigned a ON r._n = a._n
            WHERE a.bucket = {number} AND {where}
        """

    def _write_fragments(self, number: int, copied: Sequence[Copying], folder: _Folder) -> str:
        parts = list(self._copied_sql(copied, lambda reader: reader.fragments()))
        if not self._addition.is_events:
            # A later row of the same primary identity in the same dataset replaces the fragment. Documented: batch ingestion.
            same = f"_dataset = {literal(self._addition.dataset_id)} AND _identity IN (SELECT _identity FROM assigned)"
            parts = [f"SELECT * FROM ({part}) WHERE NOT ({same})" for part in parts]
            parts.append(self._batch_rows(number))
        if not parts:
            return ""
        return self._copy(
            " UNION ALL BY NAME ".join(f"({part})" for part in parts), "_row, _order", folder, "fragments"
        )

    def _write_identities(
        self, number: int, change: BucketChange, copied: Sequence[Copying], folder: _Folder
    ) -> tuple[str, str]:
        """The index file and the values of all identities of the touched rows."""
        fresh = [(row, position) for person, row in change.touched for position in person.new_identities]
        identities = [self._rows.identities[position] for _, position in fresh]
        codes = self._addition.namespace_codes
        self._cursor.register(
            "fresh_identities",
            pa.table(
                {
                    "_row": pa.array([row for row, _ in fresh], pa.uint32()),
                    "hash": pa.array([self._rows.hashes[position] for _, position in fresh], pa.binary()),
                    "namespace": pa.array(
                        [codes.get(identity.namespace, identity.namespace) for identity in identities],
                        pa.string(),
                    ),
                    "value": pa.array([identity.value for identity in identities], pa.string()),
                    "is_primary": pa.array(
                        [bool(self._rows.is_primary[position]) for _, position in fresh], pa.bool_()
                    ),
                    "first_seen": pa.array(
                        [(self._ordinal << 32) | position for _, position in fresh], pa.int64()
                    ),
                }
            ),
        )
        parts = [
            *self._copied_sql(copied, lambda reader: reader.identity_values()),
            "SELECT * FROM fresh_identities",
        ]
        values = self._copy(
            " UNION ALL BY NAME ".join(f"({part})" for part in parts),
            "_row, first_seen",
            folder,
            "identity_values",
        )
        hashes = [self._rows.hashes[position] for _, position in fresh]
        rows = [row for row, _ in fresh]
        arrived = [copying for copying in copied if _is_arrival(copying, number)]
        for part in self._copied_sql(arrived, lambda reader: reader.identity_values()):
            for row, hash_ in self._cursor.sql(f"SELECT _row, hash FROM ({part})").fetchall():
                hashes.append(hash_)
                rows.append(row)
        for hash_ in self._left_identities(number, change):
            hashes.append(hash_)
            rows.append(NO_ROW)
        if not hashes:
            return "", values
        file = self._spool / "index.npy"
        write_index(file, hashes, rows)
        return folder.keep(file, "identities.npy"), values

    def _left_identities(self, number: int, change: BucketChange) -> Iterator[bytes]:
        """Identities that went to another bucket with their person."""
        leaving = [move.from_row for move in change.departures if move.to_bucket != number]
        if leaving:
            rows = np.array(sorted(leaving), dtype=np.uint32)
            for part in self._copied_sql(
                [Copying(number, rows, rows)], lambda reader: reader.identity_values()
            ):
                yield from (hash_ for (hash_,) in self._cursor.sql(f"SELECT hash FROM ({part})").fetchall())

    def _write_persons(self, change: BucketChange, folder: _Folder) -> str:
        reader = None
        rows = [row for _, row in change.founded]
        hashes = [person.hash for person, _ in change.founded]
        founded = [person.founded for person, _ in change.founded]
        merged: list[bytes | None] = [None] * len(rows)
        for move in change.departures:
            reader = reader or self._readers[move.from_bucket]
            rows.append(move.from_row)
            hashes.append(reader.persons.hashes[move.from_row].tobytes())
            founded.append(int(reader.persons.founded[move.from_row]))
            merged.append(move.survivor)
        if not rows:
            return ""
        table = pa.table(
            {
                "_row": pa.array(rows, pa.uint32()),
                "hash": pa.array(hashes, pa.binary()),
                "founded": pa.array(founded, pa.int64()),
                "merged_into": pa.array(merged, pa.binary()),
            }
        )
        file = self._spool / "persons.parquet"
        pq.write_table(table, file, compression="zstd")
        return folder.keep(file, "persons.parquet")

    def _write_profiles(
        self, change: BucketChange, fragments: str, identity_values: str, folder: _Folder
    ) -> dict[str, str]:
        touched = sorted(
            (row, person) for row, person in {row: person.hash for person, row in change.touched}.items()
        )
        if not touched:
            return {}
        table = pa.table(
            {
                "_row": pa.array([row for row, _ in touched], pa.uint32()),
                "_person": pa.array([xid_of(hash_) for _, hash_ in touched], pa.string()),
            }
        )
        self._cursor.register("touched", table)
        self._cursor.execute("DROP VIEW IF EXISTS identity_values")
        self._cursor.execute(
            f"CREATE TEMP VIEW identity_values AS SELECT * FROM read_parquet({literal(self._local(identity_values))})"
        )
        paths = {}
        for place, (policy_id, precedence) in enumerate(sorted(self._precedences.items())):
            sql = self._profile_sql(fragments, precedence)
            paths[policy_id] = self._copy(sql, "_row", folder, f"profiles-{place}")
        return paths

    def _profile_sql(self, fragments: str, precedence: Sequence[str]) -> str:
        seen = f"TIMESTAMPTZ {literal(iso(self._addition.at))}"
        if not fragments:
            return f"""
                SELECT t._row, t._person, []::VARCHAR[] AS _datasets, {seen} AS _seen, FALSE AS _has_record, i."identityMap"
                FROM touched t LEFT JOIN ({_IDENTITY_MAP_SQL}) i ON i._row = t._row
            """
        path = self._local(fragments)
        relation = f"read_parquet({literal(path)})"
        alone = self._cursor.sql(f"SELECT count(*) = count(DISTINCT _row) FROM {relation}").fetchall()[0][0]
        merged = merged_profiles_sql(relation, pq.read_schema(path), precedence, all_alone=bool(alone))
        return f"""
            SELECT t._row, t._person, coalesce(p._datasets, []) AS _datasets, coalesce(p._seen, {seen}) AS _seen,
                   p._row IS NOT NULL AS _has_record, i."identityMap", p.* EXCLUDE (_row, _datasets, _seen)
            FROM touched t LEFT JOIN ({merged}) p ON p._row = t._row
                 LEFT JOIN ({_IDENTITY_MAP_SQL}) i ON i._row = t._row
        """

    def _write_events(self, number: int, change: BucketChange, folder: _Folder) -> dict[str, str]:
        reader = self._readers[number]
        moved = list(_moved(change.arrivals))
        types = {type_ for copying in moved for type_ in self._readers[copying.bucket].event_types}
        if self._addition.is_events:
            types |= self._batch_event_types(number)
        paths = {}
        for place, type_ in enumerate(sorted(types)):
            parts = list(self._copied_sql(moved, lambda source, type_=type_: source.events(type_)))
            if self._addition.is_events:
                parts.append(self._new_events_sql(number, type_, reader))
            if not parts:
                continue
            order = "_row, timestamp NULLS LAST, _order" if self._has("timestamp") else "_row, _order"
            sql = " UNION ALL BY NAME ".join(f"({part})" for part in parts)
            paths[type_] = self._copy(sql, order, folder, f"events-{place}")
        return paths

    def _batch_event_types(self, number: int) -> set[str]:
        if not self._has("eventType"):
            return (
                {""}
                if self._cursor.sql(f"SELECT 1 FROM assigned WHERE bucket = {number} LIMIT 1").fetchall()
                else set()
            )
        sql = f"""
            SELECT DISTINCT coalesce(r."eventType", '') FROM read_parquet({literal(str(self._staged))}) r
            JOIN assigned a ON r._n = a._n WHERE a.bucket = {number}
        """
        return {type_ for (type_,) in self._cursor.sql(sql).fetchall()}

    def _new_events_sql(self, number: int, type_: str, reader: BucketReader) -> str:
        where = f"coalesce(r.\"eventType\", '') = {literal(type_)}" if self._has("eventType") else "TRUE"
        if not self._has("_id"):
            return self._batch_rows(number, where)
        # An event is told by its dataset and its `_id`: delivered twice, within a batch or over the years, it is one.
        # Chosen by narrow columns first: a window over whole events, with all that is nested in them, takes five times as long.
        chosen = f"""
            SELECT n._n FROM (
                SELECT a._n, a._row, r._id FROM read_parquet({literal(str(self._staged))}) r JOIN assigned a ON r._n = a._n
                WHERE a.bucket = {number} AND {where}
                QUALIFY r._id IS NULL OR row_number() OVER (PARTITION BY a._row, r._id ORDER BY a._order) = 1
            ) n
        """
        earlier = [slice_.path for slice_ in reader.events(type_)]
        if earlier:
            files = "[" + ", ".join(literal(self._local(path)) for path in earlier) + "]"
            chosen += f"""
                WHERE n._id IS NULL OR NOT EXISTS (
                    SELECT 1 FROM read_parquet({files}, union_by_name = true) e
                    WHERE e._row = n._row AND e._dataset = {literal(self._addition.dataset_id)} AND e._id = n._id
                )
            """
        return self._batch_rows(number, f"a._n IN ({chosen})")

    def _copied_sql(self, copyings: Sequence[Copying], slices_of: Any) -> Iterator[str]:
        """SELECTs that take rows over from earlier segments, with their new row numbers."""
        for copying in copyings:
            reader = self._readers[copying.bucket]
            slices: list[Slice] = slices_of(reader)
            for place, slice_ in enumerate(slices):
                visible = (
                    np.ones(len(copying.old), dtype=np.bool_)
                    if slice_.hidden is None
                    else ~slice_.hidden[copying.old]
                )
                if not visible.any():
                    continue
                # The statement runs later, when all names are bound: a bucket's own rows and those that move within it are two.
                kind = "moved" if _is_arrival(copying, copying.bucket) else "own"
                name = f"copied_{copying.bucket}_{place}_{kind}"
                pairs = {"old": pa.array(copying.old[visible]), "new": pa.array(copying.new[visible])}
                self._cursor.register(name, pa.table(pairs))
                path = literal(self._local(slice_.path))
                yield f"SELECT m.new AS _row, f.* EXCLUDE (_row) FROM read_parquet({path}) f JOIN {quoted(name)} m ON f._row = m.old"

    def _copy(self, sql: str, order: str, folder: _Folder, name: str) -> str:
        file = self._spool / f"{name}.parquet"
        self._cursor.execute(sorted_copy(sql, order, file, group_rows=GROUP_ROWS))
        return folder.keep(file, f"{name}.parquet")

    def _has(self, column: str) -> bool:
        return bool(pq.read_schema(self._staged).get_field_index(column) >= 0)

    def _local(self, path: str) -> str:
        return str(self._lake.local(path))


class _Folder:
    """The lake folder of one bucket's run."""

    def __init__(self, lake: Lake, spool: Path, folder: str) -> None:
        self._lake = lake
        self._spool = spool
        self._folder = folder

    def keep(self, file: Path, name: str) -> str:
        path = f"{self._folder}/{name}"
        self._lake.put(path, file)
        return path

    def array(self, name: str, values: npt.NDArray[np.uint32]) -> str:
        file = self._spool / f"{name}.npy"
        np.save(file, values)
        return self.keep(file, f"{name}.npy")


def _last_of_each(numbers: npt.NDArray[np.int64], primary: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of the rows with one primary identity only the last."""
    reversed_numbers = numbers[::-1]
    _, first = np.unique(primary[reversed_numbers], return_index=True)
    return np.sort(reversed_numbers[first])


def _copyings(
    number: int, touched: npt.NDArray[np.uint32], arrivals: Sequence[Move], row_count: int
) -> Iterator[Copying]:
    """What the touched rows of a bucket are made of: themselves as they were, and who was absorbed."""
    existing = touched[touched < row_count]
    if len(existing):
        yield Copying(number, existing, existing)
    yield from _moved(arrivals)


def _moved(arrivals: Sequence[Move]) -> Iterator[Copying]:
    for bucket in sorted({move.from_bucket for move in arrivals}):
        moves = [move for move in arrivals if move.from_bucket == bucket]
        old = np.array([move.from_row for move in moves], dtype=np.uint32)
        new = np.array([move.to_row for move in moves], dtype=np.uint32)
        yield Copying(bucket, old, new)


def _is_arrival(copying: Copying, number: int) -> bool:
    return copying.bucket != number or not np.array_equal(copying.old, copying.new)
