"""The profile store's table of contents: which files make up which bucket. One record; replacing it is the commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from muster.kernel.version import Version
from muster.storage.records import RecordsTransaction

KIND = "snapshot"


@dataclass(frozen=True, slots=True)
class Segment:
    """The base of a bucket, or one run over it. All values are lake paths; "" where there is nothing.

    Attributes:
        ordinal: Of the commit that added it; later ones overlay earlier ones.
        persons: Parquet `_row, xid, founded, merged_into`: the rows that are new or changed.
        identities: Index file, hash → row.
        identity_values: Parquet `_row, hash, namespace, value, first_seen`: all identities of the touched rows.
        fragments: Parquet `_row, …`: all fragments of the touched rows.
        profiles: Per merge policy, Parquet `_row, …`: the merged profile of each touched row that lives.
        events: Per event type, Parquet `_row, …` sorted by row and time: added to what earlier segments hold.
        touched: Rows (`.npy`, uint32) whose profile, fragments and identities of earlier segments no longer count.
        reset: Rows whose events of earlier segments no longer count.
        touched_count: How many rows that are; decides when to compact.
    """

    ordinal: int
    persons: str = ""
    identities: str = ""
    identity_values: str = ""
    fragments: str = ""
    profiles: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)
    touched: str = ""
    reset: str = ""
    touched_count: int = 0


@dataclass(frozen=True, slots=True)
class Bucket:
    """About a million persons: everything of a person is in one bucket.

    Attributes:
        generation: Row numbers are valid in one generation only.
        row_count: Rows given out, living or not; the next person gets this number.
        live_count: Persons alive.
        segments: The base, then the runs.
    """

    number: int
    generation: int = 1
    row_count: int = 0
    live_count: int = 0
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One graph's profile store as of one commit.

    Attributes:
        graph: `pdg` or `none`.
        ordinal: Counts the commits.
        version: Of the record, for the next commit; 0 before the first.
        policies: Merge policies whose profiles every segment holds, with the recipe they were merged by.
    """

    graph: str
    ordinal: int
    version: Version
    buckets: tuple[Bucket, ...]
    policies: Mapping[str, str] = field(default_factory=dict)

    @property
    def person_count(self) -> int:
        """Persons alive in all buckets."""
        return sum(bucket.live_count for bucket in self.buckets)

    def document(self) -> dict[str, Any]:
        """As JSON, without the version that the record itself carries."""
        body = asdict(self)
        del body["version"]
        return body


def read_snapshot(records: RecordsTransaction, graph: str) -> Snapshot:
    """The graph's present snapshot; an empty one before the first batch."""
    record = records.find(KIND, graph)
    if record is None:
        return Snapshot(graph, 0, Version(0), (Bucket(0),))
    return replace(parse_snapshot(record.body), version=record.version)


def parse_snapshot(body: Mapping[str, Any]) -> Snapshot:
    """Read what `Snapshot.document` wrote."""
    buckets = tuple(
        Bucket(
            bucket["number"],
            bucket["generation"],
            bucket["row_count"],
            bucket["live_count"],
            tuple(Segment(**segment) for segment in bucket["segments"]),
        )
        for bucket in body["buckets"]
    )
    return Snapshot(
        body["graph"], body["ordinal"], Version(int(body.get("version", 0))), buckets, body["policies"]
    )


def commit_snapshot(records: RecordsTransaction, snapshot: Snapshot) -> None:
    """Make a snapshot the present one.

    Raises:
        VersionMismatch, AlreadyExists: Another commit came first; build on top of that one.
    """
    if snapshot.version == 0:
        records.add(KIND, snapshot.graph, snapshot.document())
    else:
        records.replace(KIND, snapshot.graph, snapshot.document(), expected=snapshot.version)
