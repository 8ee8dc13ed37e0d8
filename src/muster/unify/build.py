"""Lay a batch over the profile store as a run: persons found or founded, fragments merged, events attached.

Everything is written to new files; nothing is changed. The caller commits the snapshot that is given back, or forgets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from muster.profiles.bucket import BucketReader
from muster.profiles.identity import NO_ROW, bucket_of
from muster.profiles.manifest import Bucket, Snapshot
from muster.profiles.merge_policies import MergePolicy
from muster.storage.workspace import Workspace
from muster.unify.identity_graph import Assignment, KnownPerson, assign
from muster.unify.rows import RowIdentities, read_identities
from muster.unify.run_files import Addition, BucketChange, Move, RunWriter
from muster.xdm.registry import IdentityField

LINKED_GRAPH = "pdg"
"""The graph that stitches; under `none` every primary identity is a person of its own."""


def add_batch(
    workspace: Workspace,
    snapshot: Snapshot,
    addition: Addition,
    identities: Sequence[IdentityField],
    policies: Sequence[MergePolicy],
    *,
    persons_expected: int | None = None,
) -> Snapshot:
    """The snapshot with the batch laid over it as one run a bucket.

    Args:
        snapshot: What the run is built on; its files are read.
        identities: Where the schema's identities are.
        policies: Whose profiles the run holds; the snapshot has those of no other policy afterwards.
        persons_expected: When the batch is the first of a store: how many persons it will have, at least; decides the number of
            buckets together with the batch itself.
    """
    ordinal = snapshot.ordinal + 1
    with workspace.engine.cursor() as cursor, workspace.lake.spool() as spool:
        rows = read_identities(cursor, addition.files, identities)
        if persons_expected is not None or not snapshot.ordinal:
            persons = max(int(rows.is_primary.sum()), persons_expected or 0)
            wanted = _bucket_count(persons, workspace.settings.bucket_persons_max)
            generation = snapshot.buckets[0].generation
            snapshot = replace(
                snapshot, buckets=tuple(Bucket(number, generation) for number in range(wanted))
            )
        readers = [BucketReader(bucket, workspace.lake) for bucket in snapshot.buckets]
        known = find_known(readers, rows)
        assignment = assign(rows, known, ordinal=ordinal, linked=snapshot.graph == LINKED_GRAPH)
        placed = _place(assignment, snapshot, only_changed=addition.is_events)
        # A name of its own for every attempt: two rebuilds at once lay the same batch over different rows.
        attempt = workspace.ids.hex(8)
        folder = f"profiles/{snapshot.graph}/{ordinal:08d}-{addition.batch_id}-{attempt}"
        writer = RunWriter(
            cursor=cursor,
            lake=workspace.lake,
            spool=spool,
            readers=readers,
            addition=addition,
            rows=rows,
            person_of=assignment.person_of,
            places=placed.places,
            ordinal=ordinal,
            precedences={policy.id: policy.order for policy in policies},
        )
        writer.stage_rows()
        buckets = tuple(
            _lay_over(bucket, placed.of_bucket(bucket.number), writer, f"{folder}/bucket-{bucket.number:04d}")
            for bucket in snapshot.buckets
        )
    recipes = {policy.id: policy.recipe for policy in policies}
    return replace(snapshot, ordinal=ordinal, buckets=buckets, policies=recipes)


def find_known(readers: Sequence[BucketReader], rows: RowIdentities) -> list[KnownPerson | None]:
    """Whom the store knows under each identity of the batch."""
    known: list[KnownPerson | None] = [None] * len(rows.identities)
    if not any(reader.row_count for reader in readers):
        return known
    for reader in readers:
        found = reader.index.rows(rows.hashes)
        persons = reader.persons
        for position in np.flatnonzero(found != NO_ROW).tolist():
            row = int(found[position])
            if persons.alive[row]:
                hash_ = persons.hashes[row].tobytes()
                known[position] = KnownPerson(reader.bucket.number, row, hash_, int(persons.founded[row]))
    return known


@dataclass(frozen=True, slots=True)
class _Placed:
    places: list[tuple[int, int]]
    changes: dict[int, BucketChange]

    def of_bucket(self, number: int) -> BucketChange:
        return self.changes[number]


def _place(assignment: Assignment, snapshot: Snapshot, *, only_changed: bool) -> _Placed:
    """Give new persons their rows, in the order of their founding.

    An event alone changes nothing of a known person's profile; `only_changed` leaves such persons untouched.
    """
    changes = {bucket.number: BucketChange([], [], [], [], bucket.row_count) for bucket in snapshot.buckets}
    next_rows = {bucket.number: bucket.row_count for bucket in snapshot.buckets}
    places: list[tuple[int, int]] = []
    for person in assignment.persons:
        if person.known is not None:
            number, row = person.known.bucket, person.known.row
        else:
            number = bucket_of(person.hash, len(snapshot.buckets))
            row = next_rows[number]
            next_rows[number] = row + 1
            changes[number].founded.append((person, row))
        places.append((number, row))
        if not only_changed or person.known is None or person.new_identities or person.absorbed:
            changes[number].touched.append((person, row))
        for absorbed in person.absorbed:
            move = Move(absorbed.bucket, absorbed.row, number, row, person.hash)
            changes[absorbed.bucket].departures.append(move)
            changes[number].arrivals.append(move)
    sized = {number: replace(change, row_count=next_rows[number]) for number, change in changes.items()}
    return _Placed(places, sized)


def _lay_over(bucket: Bucket, change: BucketChange, writer: RunWriter, folder: str) -> Bucket:
    segment = writer.write(bucket.number, change, folder)
    if segment is None:
        return bucket
    return replace(
        bucket,
        row_count=change.row_count,
        live_count=bucket.live_count + len(change.founded) - len(change.departures),
        segments=(*bucket.segments, segment),
    )


def _bucket_count(persons: int, persons_max: int) -> int:
    """The power of two that keeps buckets of a first batch below their bound."""
    count = 1
    while persons > count * persons_max:
        count *= 2
    return count
