"""Carry memberships over to a snapshot whose rows have other numbers: a new generation, or a store built anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from muster.profiles.bucket import BucketReader
from muster.profiles.identity import NO_ROW
from muster.profiles.manifest import Snapshot
from muster.profiles.memberships import Memberships
from muster.profiles.packs import Members, write_pack
from muster.storage.workspace import Workspace

Place = tuple[int, int]


def remapped(workspace: Workspace, memberships: Memberships, old: Snapshot, new: Snapshot) -> Memberships:
    """The same memberships, in packs for the new rows. Who is no more is left out; of two who became one the earlier counts.

    Writes new packs; the caller commits the result together with the snapshot.
    """
    new_readers = [BucketReader(bucket, workspace.lake) for bucket in new.buckets]
    store = _NewStore(new_readers)
    moved: dict[str, dict[str, _Gathered]] = {}
    for bucket in old.buckets:
        reader = BucketReader(bucket, workspace.lake)
        places = store.places(reader)
        for definition_id, pack in memberships.packs_of_bucket(workspace.lake, bucket.number).items():
            evaluation = str(memberships.definitions[definition_id])
            gathered = moved.setdefault(evaluation, {}).setdefault(definition_id, _Gathered())
            gathered.take(pack.members(definition_id), places)
    packs: dict[str, dict[str, str]] = {}
    for evaluation, by_definition in moved.items():
        for reader in new_readers:
            members = {id_: gathered.of(reader) for id_, gathered in by_definition.items()}
            path = _write(workspace, memberships.policy_id, evaluation, new, reader, members)
            packs.setdefault(evaluation, {})[str(reader.bucket.number)] = path
    return replace(memberships, packs=packs)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the persons of an old bucket are now, by old row.

    Attributes:
        found: Where who owns the founding identity is: the person, or the survivor.
        own: Where the person's own row is, living or merged away.
        parted: Rows of persons who live, and into whom nobody is merged any more.
    """

    found: Mapping[int, Place]
    own: Mapping[int, Place]
    parted: frozenset[int]


class _NewStore:
    """Finds persons in the new buckets."""

    def __init__(self, readers: Sequence[BucketReader]) -> None:
        self._readers = readers
        self._merged: dict[bytes, Place] = {}
        self._survivors: set[bytes] = set()
        for reader in readers:
            for row, survivor in reader.persons.merged_into.items():
                self._merged[reader.persons.hashes[row].tobytes()] = (reader.bucket.number, row)
                self._survivors.add(survivor)

    def places(self, old: BucketReader) -> _Places:
        """Where everybody of an old bucket is now."""
        hashes = [old.persons.hashes[row].tobytes() for row in range(old.row_count)]
        found: dict[int, Place] = {}
        own: dict[int, Place] = {
            row: self._merged[hash_] for row, hash_ in enumerate(hashes) if hash_ in self._merged
        }
        parted: set[int] = set()
        for reader in self._readers:
            if not hashes or not reader.row_count:
                continue
            rows = reader.index.rows(hashes)
            for row in np.flatnonzero(rows != NO_ROW).tolist():
                found[row] = (reader.bucket.number, int(rows[row]))
                if reader.persons.hashes[rows[row]].tobytes() == hashes[row]:
                    own[row] = found[row]
                    if hashes[row] not in self._survivors:
                        parted.add(row)
        return _Places(found, own, frozenset(parted))


class _Gathered:
    """One audience at its new places: place → ordinal."""

    def __init__(self) -> None:
        self._members: dict[Place, int] = {}
        self._left: dict[Place, int] = {}
        self._alone: dict[Place, int] = {}
        self._parted: dict[Place, int] = {}

    def take(self, members: Members, places: _Places) -> None:
        """Add what an old bucket says."""
        for row, since in zip(np.flatnonzero(members.mask).tolist(), members.since.tolist(), strict=True):
            place = places.found.get(row)
            if place is not None:
                self._members[place] = min(since, self._members.get(place, since))
        for row, at in zip(members.left_rows.tolist(), members.left_at.tolist(), strict=True):
            place = places.found.get(row)
            if place is not None:
                self._left[place] = max(at, self._left.get(place, at))
        for row, since in zip(members.own_rows.tolist(), members.own_since.tolist(), strict=True):
            if row in places.parted:
                self._parted[places.own[row]] = since
            elif row in places.own:
                self._alone[places.own[row]] = since

    def of(self, reader: BucketReader) -> Members:
        """What all old buckets say of a new one."""
        number = reader.bucket.number
        since = {row: at for (bucket, row), at in self._members.items() if bucket == number}
        for (bucket, row), at in self._parted.items():
            # They part: each is again what each was alone.
            if bucket == number:
                since.pop(row, None)
                if at:
                    since[row] = at
        left = {row: at for (bucket, row), at in self._left.items() if bucket == number and row not in since}
        alone = {row: at for (bucket, row), at in self._alone.items() if bucket == number}
        mask = np.zeros(reader.row_count, dtype=np.bool_)
        mask[list(since)] = True
        return Members(mask, _by_row(since), _rows(left), _by_row(left), _rows(alone), _by_row(alone))


def _rows(by_row: Mapping[int, int]) -> npt.NDArray[np.uint32]:
    return np.array(sorted(by_row), dtype=np.uint32)


def _by_row(by_row: Mapping[int, int]) -> npt.NDArray[np.uint32]:
    return np.array([by_row[row] for row in sorted(by_row)], dtype=np.uint32)


def _write(
    workspace: Workspace,
    policy_id: str,
    evaluation: str,
    snapshot: Snapshot,
    reader: BucketReader,
    members: Mapping[str, Members],
) -> str:
    # A name of its own for every attempt: two rebuilds at once may give different rows the same number of a snapshot.
    attempt = f"{int(evaluation):08d}-at-{snapshot.ordinal:08d}-{workspace.ids.hex(8)}"
    path = f"memberships/{policy_id}/{attempt}/bucket-{reader.bucket.number:04d}.arrow"
    with workspace.lake.spool() as spool:
        file = spool / "pack.arrow"
        write_pack(file, members, row_count=reader.row_count, generation=reader.bucket.generation)
        workspace.lake.put(path, file)
    return path
