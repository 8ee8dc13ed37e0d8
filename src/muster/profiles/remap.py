"""Carry memberships over to a snapshot whose rows have other numbers: a new generation, or a store built anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

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
    old_readers = [BucketReader(bucket, workspace.lake) for bucket in old.buckets]
    new_readers = [BucketReader(bucket, workspace.lake) for bucket in new.buckets]
    moved: dict[str, dict[str, _Gathered]] = {}
    for reader in old_readers:
        places = _new_places(reader, new_readers)
        for definition_id, pack in memberships.packs_of_bucket(workspace.lake, reader.bucket.number).items():
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


class _Gathered:
    """Members and leavers of one audience at their new places: place → ordinal."""

    def __init__(self) -> None:
        self._members: dict[Place, int] = {}
        self._left: dict[Place, int] = {}

    def take(self, members: Members, places: Mapping[int, Place]) -> None:
        for row, since in zip(np.flatnonzero(members.mask).tolist(), members.since.tolist(), strict=True):
            place = places.get(row)
            if place is not None:
                self._members[place] = min(since, self._members.get(place, since))
        for row, at in zip(members.left_rows.tolist(), members.left_at.tolist(), strict=True):
            place = places.get(row)
            if place is not None:
                self._left[place] = max(at, self._left.get(place, at))

    def of(self, reader: BucketReader) -> Members:
        number = reader.bucket.number
        inside = sorted((row, since) for (bucket, row), since in self._members.items() if bucket == number)
        left = sorted(
            (row, at)
            for (bucket, row), at in self._left.items()
            if bucket == number and (bucket, row) not in self._members
        )
        mask = np.zeros(reader.row_count, dtype=np.bool_)
        mask[[row for row, _ in inside]] = True
        return Members(
            mask,
            np.array([since for _, since in inside], dtype=np.uint32),
            np.array([row for row, _ in left], dtype=np.uint32),
            np.array([at for _, at in left], dtype=np.uint32),
        )


def _new_places(reader: BucketReader, new_readers: list[BucketReader]) -> dict[int, Place]:
    """Where each person of an old bucket is now, by old row; those merged away are where their survivor is."""
    hashes = [reader.persons.hashes[row].tobytes() for row in range(reader.row_count)]
    places: dict[int, Place] = {}
    for new_reader in new_readers:
        if hashes and new_reader.row_count:
            found = new_reader.index.rows(hashes)
            for row in np.flatnonzero(found != NO_ROW).tolist():
                places[row] = (new_reader.bucket.number, int(found[row]))
    return places


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
