"""A table of people that answers queries.

Each atom of a plan goes to the first that can answer it exactly: DuckDB over the profile rows, over the events, or over a person's row
with all events beside it; what none of them can say goes to the closures, for the people about whom the rest leaves a doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa

from muster.pql.arrow_types import physical_type
from muster.pql.bound import BoundQuery, InSegment
from muster.pql.emit.closures import compile_test
from muster.pql.interpret import Entities
from muster.pql.plan import Atom, EventAtom, PersonAtom, Plan, ProfileAtom, SegmentAtom, plan
from muster.pql.tables.columns import ambiguous, events_of, table_of_rows, with_row_numbers
from muster.pql.tables.engine import EVENTS, Engine, Question
from muster.pql.tables.masks import Mask, bounds, combined
from muster.pql.traversal import walk
from muster.pql.types import MEMBERSHIPS, ObjectType

Row = Mapping[str, Any]
Evaluator = Literal["profiles", "events", "people", "memberships", "closures"]


@dataclass(frozen=True, slots=True)
class Answered:
    """By whom an atom was answered, and about how many people it was asked."""

    atom: Atom
    evaluator: Evaluator
    people_count: int


class ProfileTable:
    """People as columns, with their events, and the entities that they refer to.

    Make one with `from_rows` or `from_arrow`; close it, or use it as a context manager.
    """

    def __init__(
        self,
        profiles: pa.Table,
        rows: Callable[[Sequence[int]], Sequence[Row]],
        *,
        entities: Entities | None = None,
        entity_schemas: Mapping[str, ObjectType] | None = None,
        connection: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        self.row_count = profiles.num_rows
        self.entities = entities or {}
        self._rows = rows
        self._connection = connection or duckdb.connect(
            config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        )
        schemas = entity_schemas or {}
        # What the engine cannot tell apart is left to the closures altogether.
        self._engine = (
            None
            if ambiguous([physical_type(profiles.schema), *schemas.values()])
            else _open_engine(self._connection, profiles, self.entities, schemas)
        )

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[Row],
        schema: ObjectType,
        *,
        entities: Entities | None = None,
        entity_schemas: Mapping[str, ObjectType] | None = None,
        connection: duckdb.DuckDBPyConnection | None = None,
    ) -> ProfileTable:
        """A table of JSON-like people.

        Args:
            rows: One mapping a person; the events are the list `xEvent`.
            schema: The fields that are kept; what does not fit its type is missing.
            entities: Items that references lead to: entity → key → object.
            entity_schemas: The fields of the items.
            connection: A DuckDB connection to work in; a new one in memory if none is given.
        """
        kept = ObjectType({"segmentMembership": MEMBERSHIPS, **schema.fields})
        return cls(
            table_of_rows(rows, kept),
            lambda numbers: [rows[number] for number in numbers],
            entities=entities,
            entity_schemas=entity_schemas,
            connection=connection,
        )

    @classmethod
    def from_arrow(
        cls,
        profiles: pa.Table,
        *,
        entities: Entities | None = None,
        entity_schemas: Mapping[str, ObjectType] | None = None,
        connection: duckdb.DuckDBPyConnection | None = None,
    ) -> ProfileTable:
        """A table of people who are columns already: one column a field, the events as a list of structs in `xEvent`."""

        def rows(numbers: Sequence[int]) -> Sequence[Row]:
            chosen: Sequence[Row] = profiles.take(pa.array(numbers, pa.int64())).to_pylist(
                maps_as_pydicts="strict"
            )
            return chosen

        return cls(profiles, rows, entities=entities, entity_schemas=entity_schemas, connection=connection)

    def rows(self) -> Sequence[Row]:
        """All people as plain data."""
        return self._rows(range(self.row_count))

    def close(self) -> None:
        """Free the tables, and end the connection."""
        self._connection.close()

    def __enter__(self) -> ProfileTable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- answering

    def members(
        self,
        query: BoundQuery | Plan,
        *,
        now: datetime,
        memberships: Mapping[str, Sequence[bool] | Mask] | None = None,
    ) -> Mask:
        """Who satisfies a query; (rows,).

        Args:
            now: The instant of the evaluation; without a zone it is UTC.
            memberships: Fresh results of other definitions, by id, (rows,) each. For others the stored membership counts.
        """
        return self.answer(query, now=now, memberships=memberships)[0]

    def answer(
        self,
        query: BoundQuery | Plan,
        *,
        now: datetime,
        memberships: Mapping[str, Sequence[bool] | Mask] | None = None,
    ) -> tuple[Mask, tuple[Answered, ...]]:
        """Who satisfies a query, and by whom each atom of its plan was answered; as `members`."""
        planned = query if isinstance(query, Plan) else plan(query)
        fresh = {id_: np.asarray(known, dtype=np.bool_) for id_, known in (memberships or {}).items()}
        return _Answering(self, planned, Question(now, fresh)).run()


class _Answering:
    """One query being answered."""

    def __init__(self, table: ProfileTable, planned: Plan, question: Question) -> None:
        self._table = table
        self._plan = planned
        self._question = question
        self._masks: dict[str, Mask] = {}
        self._answered: list[Answered] = []

    def run(self) -> tuple[Mask, tuple[Answered, ...]]:
        engine = self._table._engine
        if engine is not None:
            self._over_columns(engine)
        for atom in self._plan.atoms:
            if atom.key not in self._masks:
                self._about_doubtful(engine, atom)
        mask = combined(self._plan.condition, self._masks, self._table.row_count)
        return mask, tuple(self._answered)

    def _over_columns(self, engine: Engine) -> None:
        about_profiles = [atom for atom in self._plan.atoms if isinstance(atom, ProfileAtom)]
        for key, mask in engine.profile_masks(about_profiles, self._question).items():
            self._note(next(atom for atom in about_profiles if atom.key == key), mask, "profiles")
        for atom in self._plan.atoms:
            if isinstance(atom, EventAtom) and (found := engine.event_mask(atom, self._question)) is not None:
                self._note(atom, found, "events")
            elif isinstance(atom, SegmentAtom):
                known = self._membership(engine, atom.segment_id)
                if known is not None:
                    self._note(atom, known, "memberships")

    def _membership(self, engine: Engine, segment_id: str) -> Mask | None:
        if segment_id in self._question.memberships:
            return self._question.memberships[segment_id]
        return engine.stored_membership(SegmentAtom(segment_id, ""), self._question)

    def _about_doubtful(self, engine: Engine | None, atom: Atom) -> None:
        """Answer an atom for the people about whom the atoms so far leave a doubt; for others it decides nothing."""
        outcome = bounds(self._plan.condition, self._masks, self._table.row_count)
        people: Mask = outcome.possible & ~outcome.certain
        mask: Mask | None = None
        if people.any() and engine is not None and isinstance(atom, PersonAtom):
            mask = self._together(engine, atom, people)
            if mask is not None:
                self._note(atom, mask, "people", people)
                return
        self._note(atom, self._one_by_one(atom, people), "closures", people)

    def _together(self, engine: Engine, atom: PersonAtom, people: Mask) -> Mask | None:
        ids = {part.segment_id for part in walk(atom.expression) if isinstance(part, InSegment)}
        segments: dict[str, Mask] = {}
        for id_ in sorted(ids):
            known = self._membership(engine, id_)
            if known is None:
                return None
            segments[id_] = known
        return engine.person_mask(atom, self._question, people, segments)

    def _one_by_one(self, atom: Atom, people: Mask) -> Mask:
        mask = np.zeros(self._table.row_count, dtype=np.bool_)
        numbers = np.flatnonzero(people).tolist()
        if not numbers:
            return mask
        expression = InSegment(atom.segment_id) if isinstance(atom, SegmentAtom) else atom.expression
        holds = compile_test(expression, self._plan.query).at(
            self._question.now, entities=self._table.entities
        )
        fresh = self._question.memberships
        for number, row in zip(numbers, self._table._rows(numbers), strict=True):
            known = {id_: bool(members[number]) for id_, members in fresh.items()}
            mask[number] = holds(row, known)
        return mask

    def _note(self, atom: Atom, mask: Mask, evaluator: Evaluator, people: Mask | None = None) -> None:
        self._masks[atom.key] = mask
        asked = self._table.row_count if people is None else int(people.sum())
        self._answered.append(Answered(atom, evaluator, asked))


def _open_engine(
    connection: duckdb.DuckDBPyConnection,
    profiles: pa.Table,
    entities: Entities,
    schemas: Mapping[str, ObjectType],
) -> Engine:
    events = events_of(profiles[EVENTS] if EVENTS in profiles.column_names else None)
    own = profiles.drop_columns([EVENTS]) if EVENTS in profiles.column_names else profiles
    items = {
        name: pa.table(
            {
                "key": pa.array(list(entities.get(name, {})), pa.string()),
                "item": table_of_rows(list(entities.get(name, {}).values()), schema).to_struct_array(),
            }
        )
        for name, schema in schemas.items()
    }
    return Engine(connection, with_row_numbers(own), events, items)
