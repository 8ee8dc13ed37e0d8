"""Evaluate all definitions of a job over one bucket: every atom once, every file read once, the rest is bits.

Base and runs are laid over each other per atom: a profile atom takes each row from the one file in which it counts; what
events count in several files adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from muster.evaluate.doubtful import DoubtfulPeople
from muster.pql.arrow_types import physical_type
from muster.pql.emit.duckdb import event_predicate, event_value, profile_predicate
from muster.pql.plan import Atom, EventAtom, Plan, ProfileAtom, SegmentAtom
from muster.pql.tables.masks import bounds, combined
from muster.pql.tables.tally import Tally
from muster.profiles.bucket import BucketReader, Mask, Slice
from muster.profiles.columns import ORIGIN_COLUMNS, PROFILE_COLUMNS

_CHUNK_ROWS = 1 << 20


@dataclass(frozen=True, slots=True)
class Planned:
    """A definition ready to be evaluated, under its merge policy."""

    id: str
    policy_id: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Scan:
    """The atoms that one file answers: column of the result → atom."""

    predicates: Mapping[str, exp.Expression]
    atoms: Mapping[str, Atom]
    values: Mapping[str, exp.Expression] = field(default_factory=dict)


class BucketEvaluation:
    """One bucket, one instant.

    Args:
        now: The instant of the evaluation, for every definition the same.
        stored: Membership of a definition that is not evaluated in this job, by row.
        stored_map: `segmentMembership` of one row before this job.
        limits: Of `DoubtfulPeople`.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        reader: BucketReader,
        *,
        now: datetime,
        stored: Callable[[str], Mask],
        stored_map: Callable[[int], Mapping[str, Any]],
        **limits: int,
    ) -> None:
        self._cursor = cursor
        self._reader = reader
        self._now = now
        self._stored = stored
        self._doubtful = DoubtfulPeople(cursor, reader, now=now, stored_map=stored_map, **limits)
        self._results: dict[tuple[str, str], Mask] = {}

    def members(self, definitions: Sequence[Planned]) -> dict[str, Mask]:
        """Who satisfies each definition; (rows,) a definition.

        Args:
            definitions: Each after those that it uses.
        """
        self._evaluate_profiles(definitions)
        self._evaluate_events(definitions)
        alive = self._reader.persons.alive
        done: dict[str, Mask] = {}
        for definition in definitions:
            done[definition.id] = self._one(definition, done) & alive
        return done

    def _one(self, definition: Planned, done: Mapping[str, Mask]) -> Mask:
        for atom in definition.plan.atoms:
            if isinstance(atom, SegmentAtom):
                mask = done[atom.segment_id] if atom.segment_id in done else self._stored(atom.segment_id)
                self._results[self._key(definition.policy_id, atom)] = mask
        known = {
            atom.key: self._results[key]
            for atom in definition.plan.atoms
            if (key := self._key(definition.policy_id, atom)) in self._results
        }
        row_count = self._reader.row_count
        if all(atom.key in known for atom in definition.plan.atoms):
            return combined(definition.plan.condition, known, row_count)
        outcome = bounds(definition.plan.condition, known, row_count)
        # What needs a person's data together is dear, so only those about whom the scans leave a doubt are asked.
        doubtful = outcome.possible & ~outcome.certain & self._reader.persons.alive
        used = {id_: done[id_] if id_ in done else self._stored(id_) for id_ in definition.plan.segment_ids}
        return outcome.certain | self._doubtful.members(definition.plan, definition.policy_id, doubtful, used)

    # --- profiles

    def _evaluate_profiles(self, definitions: Sequence[Planned]) -> None:
        for policy_id in sorted({definition.policy_id for definition in definitions}):
            atoms = _distinct(definitions, ProfileAtom, policy_id)
            slices = self._reader.profiles(policy_id)
            found = {atom.key: np.zeros(self._reader.row_count, dtype=np.bool_) for atom in atoms}
            honest = dict.fromkeys(found, True)
            for slice_ in slices:
                path = self._reader.local(slice_.path)
                columns = physical_type(pq.read_schema(path), PROFILE_COLUMNS)
                scan = self._profile_scan(atoms, columns, honest)
                for rows, table in self._scanned(path, slice_, scan):
                    for name, atom in scan.atoms.items():
                        found[atom.key][rows[_flags(table, name)]] = True
            for atom in atoms:
                if honest[atom.key]:
                    self._results[self._key(policy_id, atom)] = found[atom.key]

    def _profile_scan(self, atoms: Sequence[ProfileAtom], columns: Any, honest: dict[str, bool]) -> _Scan:
        predicates: dict[str, exp.Expression] = {}
        named: dict[str, Atom] = {}
        for place, atom in enumerate(atoms):
            predicate = None if _reads_memberships(atom) else profile_predicate(atom, columns, now=self._now)
            if predicate is None:
                honest[atom.key] = False
            elif honest[atom.key]:
                predicates[f"p{place}"] = predicate
                named[f"p{place}"] = atom
        return _Scan(predicates, named)

    # --- events

    def _evaluate_events(self, definitions: Sequence[Planned]) -> None:
        atoms = _distinct(definitions, EventAtom)
        count = self._reader.row_count
        tallies = {atom.key: Tally.of(atom, count) for atom in atoms}
        honest = dict.fromkeys(tallies, True)
        for type_ in self._reader.event_types:
            # A type that no atom asks for is not read.
            asked = [atom for atom in atoms if atom.event_types is None or type_ in atom.event_types]
            if not asked:
                continue
            for slice_ in self._reader.events(type_):
                self._tally_file(slice_, type_, asked, tallies, honest)
        for atom in atoms:
            if honest[atom.key]:
                holds = tallies[atom.key].holds()
                for policy_id in {definition.policy_id for definition in definitions}:
                    self._results[self._key(policy_id, atom)] = holds

    def _tally_file(
        self,
        slice_: Slice,
        event_type: str,
        atoms: Sequence[EventAtom],
        tallies: Mapping[str, Tally],
        honest: dict[str, bool],
    ) -> None:
        path = self._reader.local(slice_.path)
        columns = physical_type(pq.read_schema(path), ORIGIN_COLUMNS)
        scan = self._event_scan(atoms, event_type, columns, honest)
        for rows, table in self._scanned(path, slice_, scan):
            for name, atom in scan.atoms.items():
                passing = _flags(table, name)
                values = table[f"v{name}"].filter(pa.array(passing)) if f"v{name}" in scan.values else None
                tallies[atom.key].add(rows[passing], values)

    def _event_scan(
        self, atoms: Sequence[EventAtom], event_type: str, columns: Any, honest: dict[str, bool]
    ) -> _Scan:
        predicates: dict[str, exp.Expression] = {}
        values: dict[str, exp.Expression] = {}
        named: dict[str, Atom] = {}
        for place, atom in enumerate(atoms):
            name = f"e{place}"
            predicate = event_predicate(atom, columns, now=self._now)
            value = None if atom.value is None else event_value(atom, columns, now=self._now)
            if predicate is None or (atom.value is not None and value is None):
                honest[atom.key] = False
            elif honest[atom.key]:
                predicates[name] = _of_type(predicate, event_type)
                named[name] = atom
                if value is not None:
                    values[f"v{name}"] = value
        return _Scan(predicates, named, values)

    # --- reading

    def _scanned(
        self, path: str, slice_: Slice, scan: _Scan
    ) -> Iterator[tuple[npt.NDArray[np.uint32], pa.Table]]:
        """One pass over a file: the visible rows' numbers, and a column for each predicate and value."""
        if not scan.predicates:
            return
        source = exp.select(exp.column("_row", quoted=True)).from_(
            exp.func("read_parquet", exp.Literal.string(path), dialect="duckdb")
        )
        for name, expression in [*scan.predicates.items(), *scan.values.items()]:
            source = source.select(exp.alias_(expression, name, quoted=True))
        reader = self._cursor.sql(source.sql(dialect="duckdb")).to_arrow_reader(_CHUNK_ROWS)
        for batch in reader:
            rows = batch.column("_row").to_numpy()
            table = pa.Table.from_batches([batch])
            if slice_.hidden is not None:
                visible = ~slice_.hidden[rows]
                rows, table = rows[visible], table.filter(pa.array(visible))
            yield rows, table

    @staticmethod
    def _key(policy_id: str, atom: Atom) -> tuple[str, str]:
        return policy_id, atom.key


def _distinct(definitions: Sequence[Planned], kind: type[Any], policy_id: str | None = None) -> list[Any]:
    atoms = {
        atom.key: atom
        for definition in definitions
        if policy_id is None or definition.policy_id == policy_id
        for atom in definition.plan.atoms
        if isinstance(atom, kind)
    }
    return list(atoms.values())


def _of_type(predicate: exp.Expression, event_type: str) -> exp.Expression:
    """The predicate for events that are all of one type: comparing the type again for each would be most of the work."""
    known = exp.Literal.string(event_type) if event_type else exp.cast(exp.Null(), "VARCHAR")

    def replaced(node: exp.Expression) -> exp.Expression:
        return known.copy() if isinstance(node, exp.Column) and node.name == "eventType" else node

    return predicate.transform(replaced)


def _flags(table: pa.Table, name: str) -> Mask:
    flags: Mask = table[name].to_numpy().astype(np.bool_)
    return flags


def _reads_memberships(atom: ProfileAtom) -> bool:
    """Memberships are no column of the profile: they change without it."""
    return "segmentMembership" in atom.key
