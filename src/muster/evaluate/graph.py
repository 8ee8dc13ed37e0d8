"""All definitions of a job over one graph's store: who entered, who stayed, who left; packs and the log of changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from muster.evaluate.bucket import BucketEvaluation, Planned
from muster.evaluate.definitions import KIND as DEFINITION
from muster.evaluate.opt_outs import opt_out_definitions
from muster.kernel.clock import to_ms
from muster.kernel.errors import MusterError
from muster.profiles.bucket import BucketReader, Mask, Rows
from muster.profiles.identity import xid_of
from muster.profiles.manifest import read_snapshot
from muster.profiles.members import NAMESPACE, memberships_of_row
from muster.profiles.memberships import Memberships, read_memberships
from muster.profiles.packs import Members, nobody, write_pack
from muster.profiles.store import ProfileStore, graph_of, policy_of
from muster.storage.records import Document
from muster.storage.workspace import Workspace

LEFT_KEPT = timedelta(days=30)
"""How long an exit stays readable. Documented: segmentation field group."""

_CHANGES = pa.schema(
    [("definition", pa.string()), ("person", pa.string()), ("_row", pa.uint32()), ("cause", pa.string())]
)


@dataclass(eq=False)
class OtherGraph(MusterError):
    """Definition {id} uses {used}, whose merge policy makes persons in another way. Give both policies of one graph."""

    id: str
    used: str


class Outcome:
    """What the graphs' evaluations add up to."""

    def __init__(self) -> None:
        self.policies: list[Document] = []
        self.profiles: dict[str, int] = {}
        self.members: dict[str, int] = {}
        self.by_namespace: dict[str, dict[str, int]] = {}
        self.by_status: dict[str, dict[str, int]] = {}

    def add(self, definition_id: str, changed: _Changed, namespaces: Mapping[str, Mask]) -> None:
        now = changed.members.mask
        self.members[definition_id] = self.members.get(definition_id, 0) + int(now.sum())
        status = self.by_status.setdefault(definition_id, {"realized": 0, "existing": 0, "exited": 0})
        status["realized"] += int(changed.entered.sum())
        status["existing"] += int(now.sum()) - int(changed.entered.sum())
        status["exited"] += int(changed.exited.sum())
        counts = self.by_namespace.setdefault(definition_id, {})
        for namespace, mask in namespaces.items():
            if count := int((mask & now).sum()):
                counts[namespace] = counts.get(namespace, 0) + count

    def metrics(self) -> Document:
        return {
            "totalProfiles": max(self.profiles.values(), default=0),
            "totalProfilesByMergePolicy": self.profiles,
            "segmentedProfileCounter": self.members,
            "segmentedProfileByNamespaceCounter": self.by_namespace,
            "segmentedProfileByStatusCounter": self.by_status,
        }


@dataclass(frozen=True, slots=True)
class _Changed:
    """One audience of one bucket after an evaluation."""

    members: Members
    entered: Mask
    exited: Mask


class GraphEvaluation:
    """All definitions over one graph's store: policies of one graph share its rows."""

    def __init__(
        self,
        workspace: Workspace,
        job_id: str,
        graph: str,
        definitions: Sequence[Planned],
        at: datetime,
        outcome: Outcome,
    ) -> None:
        self._workspace = workspace
        self._job_id = job_id
        # A worker that slept through its lease may evaluate again after another has committed: what it finds is then the
        # outcome of this very job, and what it writes must not take the place of that.
        self._attempt = workspace.ids.hex(8)
        self._definitions = definitions
        self._ignoring_opt_outs: frozenset[str] = frozenset()
        self._at = at
        self._outcome = outcome
        with workspace.records.read() as records:
            self._snapshot = read_snapshot(records, graph)
            policy_ids = {definition.policy_id for definition in definitions}
            self._memberships = {id_: read_memberships(records, id_) for id_ in sorted(policy_ids)}
        policy = policy_of(workspace, definitions[0].policy_id)
        self._store = ProfileStore(workspace, policy, self._snapshot, self._memberships[policy.id])
        self._policy_of = {definition.id: definition.policy_id for definition in definitions}
        self._opt_outs = opt_out_definitions(workspace, sorted(policy_ids))

    def run(self, *, ignoring_opt_outs: Collection[str]) -> None:
        """Evaluate every bucket.

        Args:
            ignoring_opt_outs: Definitions whose data governance policy lets people with a general opt-out in.
        """
        self._ignoring_opt_outs = frozenset(ignoring_opt_outs)
        paths: dict[str, dict[str, str]] = {policy_id: {} for policy_id in self._memberships}
        inherited = self._inherited()
        for reader in self._store.buckets:
            members = self._bucket(reader, inherited.get(reader.bucket.number, []))
            for policy_id in self._memberships:
                own = {id_: member for id_, member in members.items() if self._policy_of[id_] == policy_id}
                paths[policy_id][str(reader.bucket.number)] = self._write(policy_id, reader, own)
        for policy_id, memberships in self._memberships.items():
            own_ids = [definition.id for definition in self._definitions if definition.policy_id == policy_id]
            after = memberships.after(self._at, own_ids, {} if not own_ids else paths[policy_id])
            self._outcome.policies.append(
                {
                    "policy_id": policy_id,
                    "graph": self._snapshot.graph,
                    "generation": self._snapshot.buckets[0].generation,
                    "version": int(after.version),
                    "body": after.document(),
                }
            )
            self._outcome.profiles[policy_id] = self._snapshot.person_count

    def _bucket(self, reader: BucketReader, inherited: Sequence[_Inherited]) -> dict[str, Members]:
        before = {id_: self._before(reader, id_, inherited) for id_ in self._policy_of}
        with self._workspace.engine.cursor() as cursor:
            evaluation = BucketEvaluation(
                cursor,
                reader,
                now=self._at,
                stored=lambda id_: self._before(reader, id_, inherited).mask,
                stored_map=lambda row: self._stored_map(reader, row),
            )
            masks = evaluation.members([*self._definitions, *self._opt_outs.values()])
        namespaces, crowded = _identities_by_row(reader, self._workspace.settings.identities_per_person_max)
        masks = {id_: self._admitted(id_, masks) & ~crowded for id_ in self._policy_of}
        found: dict[str, Members] = {}
        changes: list[pa.Table] = []
        for id_, mask in masks.items():
            memberships = self._memberships[self._policy_of[id_]]
            changed = self._changed(memberships, before[id_], mask, reader.persons.alive)
            self._outcome.add(id_, changed, namespaces)
            found[id_] = changed.members
            changes += _change_rows(id_, changed, before[id_], reader)
        self._write_changes(reader, changes)
        return found

    def _admitted(self, definition_id: str, masks: Mapping[str, Mask]) -> Mask:
        """Who satisfies a definition, without those who opted out of everything. Documented: honouring opt-outs."""
        opt_out = self._opt_outs.get(self._policy_of[definition_id])
        if opt_out is None or definition_id in self._ignoring_opt_outs:
            return masks[definition_id]
        return masks[definition_id] & ~masks[opt_out.id]

    def _before(self, reader: BucketReader, definition_id: str, inherited: Sequence[_Inherited]) -> Members:
        """Memberships before this job, those of persons who were merged away counted for their survivors."""
        memberships = self._memberships.get(
            self._policy_of.get(definition_id, ""), None
        ) or self._memberships_with(definition_id)
        pack = (
            None
            if memberships is None
            else memberships.pack(self._workspace.lake, definition_id, reader.bucket.number)
        )
        members = (
            nobody(reader.row_count)
            if pack is None
            else pack.members(definition_id).resized(reader.row_count)
        )
        own = [item for item in inherited if item.definition_id == definition_id]
        if not own:
            return members
        since = members.since_by_row()
        mask = members.mask.copy()
        alone = dict(zip(members.own_rows.tolist(), members.own_since.tolist(), strict=True))
        for item in own:
            alone.setdefault(item.row, int(since[item.row]) if mask[item.row] else 0)
            # The survivor is a member if either was, since the earlier of the two.
            since[item.row] = min(since[item.row], item.since) if mask[item.row] else item.since
            mask[item.row] = True
        left = ~np.isin(members.left_rows, np.flatnonzero(mask))
        rows, own_since = _sorted_pairs(alone)
        return Members(mask, since[mask], members.left_rows[left], members.left_at[left], rows, own_since)

    def _memberships_with(self, definition_id: str) -> Memberships | None:
        """Where a definition that this job does not evaluate is kept; None when nothing speaks of it."""
        with self._workspace.records.read() as records:
            definition = records.find(DEFINITION, definition_id)
            if definition is None:
                return None
            policy_id = str(definition.body["mergePolicyId"])
            memberships = read_memberships(records, policy_id)
        if graph_of(policy_of(self._workspace, policy_id)) != self._snapshot.graph:
            users = [item.id for item in self._definitions if definition_id in item.plan.segment_ids]
            raise OtherGraph(users[0] if users else "", definition_id)
        return memberships

    def _inherited(self) -> dict[int, list[_Inherited]]:
        """Memberships at rows whose persons were merged away since, by the survivor's bucket."""
        found: dict[int, list[_Inherited]] = {}
        used = {id_ for definition in self._definitions for id_ in definition.plan.segment_ids}
        for reader in self._store.buckets:
            merged = np.array(sorted(reader.persons.merged_into), dtype=np.uint32)
            if not len(merged):
                continue
            for id_ in sorted({*self._policy_of, *used}):
                memberships = self._memberships.get(self._policy_of.get(id_, "")) or self._memberships_with(
                    id_
                )
                pack = (
                    None
                    if memberships is None
                    else memberships.pack(self._workspace.lake, id_, reader.bucket.number)
                )
                if pack is None:
                    continue
                members = pack.members(id_)
                since = members.since_by_row()
                known = merged[merged < len(members.mask)]
                for row in known[members.mask[known]].tolist():
                    place = self._store.find(reader.persons.hashes[row].tobytes())
                    if place is not None:
                        item = _Inherited(id_, place[1], int(since[row]))
                        found.setdefault(place[0].bucket.number, []).append(item)
        return found

    def _changed(self, memberships: Memberships, before: Members, now: Mask, alive: Mask) -> _Changed:
        ordinal = memberships.evaluation + 1
        entered = now & ~before.mask
        exited = before.mask & ~now & alive
        since = before.since_by_row()
        since[entered] = ordinal
        kept = self._still_told(memberships, before, now, alive)
        exited_rows = np.flatnonzero(exited).astype(np.uint32)
        rows = np.concatenate([before.left_rows[kept], exited_rows])
        at = np.concatenate([before.left_at[kept], np.full(len(exited_rows), ordinal, dtype=np.uint32)])
        order = np.argsort(rows, kind="stable")
        alone = dict(zip(before.own_rows.tolist(), before.own_since.tolist(), strict=True))
        for row in np.flatnonzero(before.mask & ~alive).tolist():
            alone.setdefault(row, int(since[row]))
        members = Members(now, since[now], rows[order], at[order], *_sorted_pairs(alone))
        return _Changed(members, entered, exited)

    def _still_told(self, memberships: Memberships, before: Members, now: Mask, alive: Mask) -> Mask:
        """Which earlier exits are still told: of persons who are, who are not back, and not for longer than 30 days."""
        horizon = to_ms(self._at - LEFT_KEPT)
        fresh = np.array(
            [memberships.times[str(at)] >= horizon for at in before.left_at.tolist()], dtype=np.bool_
        )
        rows: Rows = before.left_rows
        kept: Mask = fresh & ~now[rows] & alive[rows]
        return kept

    def _stored_map(self, reader: BucketReader, row: int) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for memberships in self._memberships.values():
            packs = memberships.packs_of_bucket(self._workspace.lake, reader.bucket.number)
            entries.update(memberships_of_row(memberships, packs, row))
        return {NAMESPACE: entries} if entries else {}

    def _write(self, policy_id: str, reader: BucketReader, members: Mapping[str, Members]) -> str:
        with self._workspace.lake.spool() as spool:
            file = spool / "pack.arrow"
            write_pack(file, members, row_count=reader.row_count, generation=reader.bucket.generation)
            return self._keep(file, policy_id, reader, "arrow")

    def _write_changes(self, reader: BucketReader, changes: Sequence[pa.Table]) -> None:
        with self._workspace.lake.spool() as spool:
            file = spool / "changes.parquet"
            pq.write_table(pa.concat_tables([_CHANGES.empty_table(), *changes]), file, compression="zstd")
            self._keep(file, "changes", reader, "parquet")

    def _keep(self, file: Path, name: str, reader: BucketReader, ending: str) -> str:
        folder = f"memberships/{name}/{self._job_id}-{self._snapshot.ordinal:08d}-{self._attempt}"
        path = f"{folder}/bucket-{reader.bucket.number:04d}.{ending}"
        self._workspace.lake.put(path, file)
        return path


@dataclass(frozen=True, slots=True)
class _Inherited:
    """A membership that a survivor has from a person merged into it."""

    definition_id: str
    row: int
    since: int


def _sorted_pairs(by_row: Mapping[int, int]) -> tuple[Rows, npt.NDArray[np.uint32]]:
    rows = np.array(sorted(by_row), dtype=np.uint32)
    return rows, np.array([by_row[row] for row in rows.tolist()], dtype=np.uint32)


def _identities_by_row(reader: BucketReader, identities_max: int) -> tuple[dict[str, Mask], Mask]:
    """Who has an identity in which namespace, by its lower-case code; and who has more identities than a person may have."""
    masks: dict[str, Mask] = {}
    counts = np.zeros(reader.row_count, dtype=np.int64)
    for slice_ in reader.identity_values():
        file = pq.ParquetFile(reader.local(slice_.path))
        for batch in file.iter_batches(1 << 18, columns=["_row", "namespace"]):
            rows = batch.column("_row").to_numpy()
            visible = np.ones(len(rows), dtype=np.bool_) if slice_.hidden is None else ~slice_.hidden[rows]
            counts += np.bincount(rows[visible], minlength=reader.row_count)
            encoded = batch.column("namespace").dictionary_encode()
            codes = encoded.indices.to_numpy()
            for code, namespace in enumerate(encoded.dictionary.to_pylist()):
                mask = masks.setdefault(namespace.lower(), np.zeros(reader.row_count, dtype=np.bool_))
                mask[rows[visible & (codes == code)]] = True
    return masks, counts > identities_max


def _change_rows(
    definition_id: str, changed: _Changed, before: Members, reader: BucketReader
) -> list[pa.Table]:
    """The log of changes: who entered, who left, and who was merged away while a member."""
    merged = before.mask & ~reader.persons.alive
    tables = []
    for cause, mask in (("entered", changed.entered), ("exited", changed.exited), ("merged", merged)):
        rows = np.flatnonzero(mask).astype(np.uint32)
        persons = [xid_of(reader.persons.hashes[row].tobytes()) for row in rows.tolist()]
        columns = [[definition_id] * len(rows), persons, pa.array(rows), [cause] * len(rows)]
        tables.append(pa.table(columns, schema=_CHANGES))
    return tables
