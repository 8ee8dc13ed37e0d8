"""The persons of an audience with their profiles, as tables: what every export reads. One snapshot, one evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from muster.kernel.clock import iso
from muster.profiles.bucket import BucketReader, Mask
from muster.profiles.columns import PROFILE_COLUMNS
from muster.profiles.memberships import Memberships
from muster.profiles.packs import Members, Pack
from muster.profiles.store import NotEvaluated, ProfileStore, open_store
from muster.storage.workspace import Workspace

NAMESPACE = "ups"
"""Under which own audiences stand in `segmentMembership`."""

REALIZED, EXISTING, EXITED = "realized", "existing", "exited"

MEMBERSHIP_TYPE = pa.map_(
    pa.string(),
    pa.map_(pa.string(), pa.struct([("lastQualificationTime", pa.string()), ("status", pa.string())])),
)

_ROWS_A_CHUNK = 16_384


@dataclass(frozen=True)
class MemberView:
    """The persons of one audience with certain statuses; or all persons, when `definition_id` is None.

    Attributes:
        evaluation: Ordinal of the evaluation that is read; 0 for a view of all persons.
        evaluated_at: When it was; for a view of all persons, now.
        member_count: How many persons the tables hold.
    """

    store: ProfileStore
    definition_id: str | None
    statuses: tuple[str, ...]
    evaluation: int
    evaluated_at: datetime
    member_count: int

    def tables(
        self, columns: Sequence[str] | None = None, *, with_memberships: bool = False
    ) -> Iterator[pa.Table]:
        """The persons' profiles, in the order of buckets and rows, a bounded number a table.

        Columns: `_person` (XID), `_status`, `_since` (when that status began; both null in a view of all persons), then the
        profile's columns; `segmentMembership` when asked for.

        Args:
            columns: Profile columns to read; None for all. Those that no profile has are left out.
        """
        for reader in self.store.buckets:
            members = _in_bucket(self.store, self.definition_id, reader)
            wanted = _wanted(members, self.statuses, self.evaluation, reader)
            packs = self.store.memberships.packs_of_bucket(self.store.workspace.lake, reader.bucket.number)
            for slice_ in reader.profiles(self.store.policy.id):
                visible = wanted.mask if slice_.hidden is None else wanted.mask & ~slice_.hidden
                if visible.any():
                    for table in _read(reader.local(slice_.path), visible, columns):
                        yield self._finished(table, wanted, packs if with_memberships else None)

    def _finished(self, table: pa.Table, wanted: _Wanted, packs: dict[str, Pack] | None) -> pa.Table:
        rows = table["_row"].to_numpy()
        columns = {"_person": table["_person"]}
        if self.definition_id is None:
            columns["_status"] = pa.nulls(len(rows), pa.string())
            columns["_since"] = pa.nulls(len(rows), pa.timestamp("ms", tz="UTC"))
        else:
            columns["_status"] = pa.array(wanted.statuses(rows), pa.string())
            times = self.store.memberships.times
            since = [times[str(ordinal)] for ordinal in wanted.since[rows].tolist()]
            columns["_since"] = pa.array(since, pa.timestamp("ms", tz="UTC"))
        columns.update({name: table[name] for name in table.column_names if name not in PROFILE_COLUMNS})
        if packs is not None:
            columns["segmentMembership"] = membership_column(self.store.memberships, packs, rows)
        return pa.table(columns)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Rows to read and, by row, the evaluation since which their status holds."""

    mask: Mask
    left: Mask
    since: npt.NDArray[np.uint32]
    newest: int

    def statuses(self, rows: npt.NDArray[np.uint32]) -> list[str]:
        left = self.left[rows]
        fresh = self.since[rows] == self.newest
        told: list[str] = np.where(left, EXITED, np.where(fresh, REALIZED, EXISTING)).tolist()
        return told


def members_of(
    workspace: Workspace,
    policy_id: str | None,
    definition_id: str,
    statuses: Sequence[str] = (REALIZED, EXISTING),
) -> MemberView:
    """The members of an audience as of its newest evaluation. Raises `NotEvaluated`, `NotFound` (the policy)."""
    store = open_store(workspace, policy_id)
    evaluation = store.memberships.definitions.get(definition_id)
    if evaluation is None:
        raise NotEvaluated(definition_id)
    count = sum(
        int(_wanted(_in_bucket(store, definition_id, reader), tuple(statuses), evaluation, reader).mask.sum())
        for reader in store.buckets
    )
    at = store.memberships.time_of(evaluation)
    return MemberView(store, definition_id, tuple(statuses), evaluation, at, count)


def all_profiles(workspace: Workspace, policy_id: str | None) -> MemberView:
    """Every person, whatever audiences they are in."""
    store = open_store(workspace, policy_id)
    count = sum(int(reader.persons.alive.sum()) for reader in store.buckets)
    return MemberView(store, None, (), 0, workspace.clock.now(), count)


def membership_column(
    memberships: Memberships, packs: dict[str, Pack], rows: npt.NDArray[np.uint32]
) -> pa.Array:
    """`segmentMembership` of some rows of a bucket: namespace → audience → status and when it began."""
    entries: list[dict[str, dict[str, str]]] = [{} for _ in range(len(rows))]
    for definition_id, pack in sorted(packs.items()):
        newest = memberships.definitions[definition_id]
        members = pack.members(definition_id).resized(max(pack.row_count, int(rows.max(initial=0)) + 1))
        since = members.since_by_row()
        for place in np.flatnonzero(members.mask[rows]).tolist():
            ordinal = int(since[rows[place]])
            status = REALIZED if ordinal == newest else EXISTING
            entries[place][definition_id] = _entry(memberships, ordinal, status)
        found = np.searchsorted(members.left_rows, rows)
        for place, position in enumerate(found.tolist()):
            if position < len(members.left_rows) and members.left_rows[position] == rows[place]:
                entries[place][definition_id] = _entry(memberships, int(members.left_at[position]), EXITED)
    return pa.array(
        [[(NAMESPACE, list(entry.items()))] if entry else None for entry in entries], MEMBERSHIP_TYPE
    )


def memberships_of_row(
    memberships: Memberships, packs: dict[str, Pack], row: int
) -> dict[str, dict[str, str]]:
    """The same map for one person: audience → status and when it began."""
    entries = {}
    for definition_id, pack in sorted(packs.items()):
        found = pack.of_row(definition_id, row)
        if found is not None:
            kind, ordinal = found
            inside = REALIZED if ordinal == memberships.definitions[definition_id] else EXISTING
            entries[definition_id] = _entry(memberships, ordinal, inside if kind == "in" else EXITED)
    return entries


def _entry(memberships: Memberships, ordinal: int, status: str) -> dict[str, str]:
    return {"lastQualificationTime": iso(memberships.time_of(ordinal)), "status": status}


def _in_bucket(store: ProfileStore, definition_id: str | None, reader: BucketReader) -> Members | None:
    if definition_id is None:
        return None
    pack = store.memberships.pack(store.workspace.lake, definition_id, reader.bucket.number)
    return (
        None if pack is None else pack.members(definition_id).resized(max(pack.row_count, reader.row_count))
    )


def _wanted(members: Members | None, statuses: tuple[str, ...], newest: int, reader: BucketReader) -> _Wanted:
    count = reader.row_count
    alive = reader.persons.alive
    nothing = np.zeros(count, dtype=np.uint32)
    if members is None:
        everyone = alive if not statuses else np.zeros(count, dtype=np.bool_)
        return _Wanted(everyone, np.zeros(count, dtype=np.bool_), nothing, newest)
    since = members.since_by_row()[:count].copy()
    mask = np.zeros(count, dtype=np.bool_)
    inside = members.mask[:count]
    if REALIZED in statuses:
        mask |= inside & (since == newest)
    if EXISTING in statuses:
        mask |= inside & (since != newest)
    left = np.zeros(count, dtype=np.bool_)
    left[members.left_rows] = True
    since[members.left_rows] = members.left_at
    if EXITED in statuses:
        mask |= left
    return _Wanted(mask & alive, left, since, newest)


def _read(path: str, visible: Mask, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    file = pq.ParquetFile(path)
    present = set(file.schema_arrow.names)
    asked = None if columns is None else [*dict.fromkeys(["_row", "_person", *columns])]
    chosen = None if asked is None else [name for name in asked if name in present]
    for batch in file.iter_batches(_ROWS_A_CHUNK, columns=chosen):
        keep = visible[batch.column("_row").to_numpy()]
        if keep.any():
            yield pa.Table.from_batches([batch]).filter(pa.array(keep))
