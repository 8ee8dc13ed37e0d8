"""Fold a bucket's runs into a new base. Rows keep their numbers, so memberships stay valid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from muster.profiles.bucket import BucketReader, Slice
from muster.profiles.identity import write_index
from muster.profiles.manifest import Bucket, Segment, Snapshot
from muster.storage.sql_text import literal, quoted, sorted_copy
from muster.storage.workspace import Workspace
from muster.unify.run_files import GROUP_ROWS

TOUCHED_SHARE_MAX = 0.2
"""A bucket is folded when its runs touch more than this share of its rows."""


def needs_compaction(bucket: Bucket, runs_max: int) -> bool:
    """Whether reading the runs has become dearer than folding them."""
    runs = bucket.segments[1:]
    touched = sum(segment.touched_count for segment in runs)
    return len(runs) > runs_max or (len(runs) > 1 and touched > TOUCHED_SHARE_MAX * bucket.row_count)


def compact(workspace: Workspace, snapshot: Snapshot) -> Snapshot:
    """The snapshot with every bucket folded that needs it. New files only; the caller commits."""
    buckets = tuple(
        _folded(workspace, snapshot, bucket)
        if needs_compaction(bucket, workspace.settings.runs_max)
        else bucket
        for bucket in snapshot.buckets
    )
    return replace(snapshot, buckets=buckets)


def _folded(workspace: Workspace, snapshot: Snapshot, bucket: Bucket) -> Bucket:
    with workspace.engine.cursor() as cursor, workspace.lake.spool() as spool:
        # A name of its own for every attempt: two batches that build on one snapshot fold different rows under one number,
        # and the one whose commit is lost must not have written over the files of the other.
        attempt = workspace.ids.hex(8)
        folder = f"profiles/{snapshot.graph}/{snapshot.ordinal:08d}-base-{attempt}/bucket-{bucket.number:04d}"
        return replace(
            bucket, segments=(_Folding(workspace, cursor, spool, bucket, folder).segment(snapshot),)
        )


class _Folding:
    def __init__(
        self,
        workspace: Workspace,
        cursor: duckdb.DuckDBPyConnection,
        spool: Path,
        bucket: Bucket,
        folder: str,
    ) -> None:
        self._workspace = workspace
        self._cursor = cursor
        self._spool = spool
        self._reader = BucketReader(bucket, workspace.lake)
        self._folder = folder

    def segment(self, snapshot: Snapshot) -> Segment:
        reader = self._reader
        identity_values = self._fold(reader.identity_values(), "_row, first_seen", "identity_values")
        return Segment(
            ordinal=snapshot.ordinal,
            persons=self._persons(),
            identities=self._index(identity_values),
            identity_values=identity_values,
            fragments=self._fold(reader.fragments(), "_row, _order", "fragments"),
            profiles={
                policy_id: self._fold(reader.profiles(policy_id), "_row", f"profiles-{place}")
                for place, policy_id in enumerate(sorted(snapshot.policies))
            },
            events={
                type_: self._fold(
                    reader.events(type_), "_row, timestamp NULLS LAST, _order", f"events-{place}"
                )
                for place, type_ in enumerate(reader.event_types)
            },
        )

    def _fold(self, slices: Sequence[Slice], order: str, name: str) -> str:
        if not slices:
            return ""
        parts = [self._visible_sql(slice_, f"hidden_{name}_{place}") for place, slice_ in enumerate(slices)]
        columns = {column for slice_ in slices for column in pq.read_schema(self._local(slice_.path)).names}
        keys = ", ".join(key for key in order.split(", ") if key.split(" ")[0] in columns)
        file = self._spool / f"{name}.parquet"
        union = " UNION ALL BY NAME ".join(parts)
        self._cursor.execute(sorted_copy(union, keys, file, group_rows=GROUP_ROWS))
        return self._keep(file, f"{name}.parquet")

    def _visible_sql(self, slice_: Slice, name: str) -> str:
        source = f"SELECT * FROM read_parquet({literal(self._local(slice_.path))})"
        if slice_.hidden is None or not slice_.hidden.any():
            return f"({source})"
        hidden = pa.array(np.flatnonzero(slice_.hidden).astype(np.uint32))
        self._cursor.register(name, pa.table({"_row": hidden}))
        return f"({source} WHERE _row NOT IN (SELECT _row FROM {quoted(name)}))"

    def _persons(self) -> str:
        persons = self._reader.persons
        rows = range(self._reader.row_count)
        table = pa.table(
            {
                "_row": pa.array(rows, pa.uint32()),
                "hash": pa.array([persons.hashes[row].tobytes() for row in rows], pa.binary()),
                "founded": pa.array(persons.founded, pa.int64()),
                "merged_into": pa.array([persons.merged_into.get(row) for row in rows], pa.binary()),
            }
        )
        file = self._spool / "persons.parquet"
        pq.write_table(table, file, compression="zstd")
        return self._keep(file, "persons.parquet")

    def _index(self, identity_values: str) -> str:
        if not identity_values:
            return ""
        table = pq.read_table(self._local(identity_values), columns=["hash", "_row"])
        file = self._spool / "index.npy"
        write_index(file, table["hash"].to_pylist(), table["_row"].to_pylist())
        return self._keep(file, "identities.npy")

    def _keep(self, file: Path, name: str) -> str:
        path = f"{self._folder}/{name}"
        self._workspace.lake.put(path, file)
        return path

    def _local(self, path: str) -> str:
        return str(self._workspace.lake.local(path))
