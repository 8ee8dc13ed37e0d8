"""DuckDB over people: the tables, and one evaluator for each way to ask them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import count
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from muster.pql import bound
from muster.pql.arrow_types import physical_type
from muster.pql.bound import Bound
from muster.pql.emit.duckdb import (
    EntityColumn,
    event_predicate,
    event_value,
    membership_predicate,
    person_predicate,
    profile_predicate,
    sql,
)
from muster.pql.paths import paths_read
from muster.pql.plan import EventAtom, PersonAtom, ProfileAtom, SegmentAtom
from muster.pql.tables.columns import POSITION, ROW
from muster.pql.tables.masks import Mask
from muster.pql.tables.tally import Tally
from muster.pql.traversal import walk
from muster.pql.types import TEMPORAL, ArrayType, ObjectType

EVENTS = "xEvent"
_ENTITY_ITEMS_MAX = 10_000
"""The engine searches a map from its beginning; where there are more items, a dictionary is faster."""

_NEVER = 2**62
"""Later than any time."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Question:
    """What an evaluation is about: an instant, and fresh memberships by the id of their definition."""

    now: datetime
    memberships: Mapping[str, Mask] = field(default_factory=dict)


class Engine:
    """Profiles, events and entities as tables of a DuckDB connection.

    Args:
        profiles: One row a person, with its number in the column `ROW`.
        events: One row an event, with its person's row and its position among all events.
        entities: One table an entity: a text column `key`, and the items as a struct column `item`.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        profiles: pa.Table,
        events: pa.Table,
        entities: Mapping[str, pa.Table],
    ) -> None:
        self._connection = connection
        self._row_count = profiles.num_rows
        self._names = count()
        self.profile_columns = physical_type(profiles.schema, (ROW, POSITION))
        self.event_columns = physical_type(events.schema, (ROW, POSITION))
        self._store("profiles", profiles)
        self._store("events", events)
        self._events = events
        self._entities = self._store_entities(entities)

    def _store(self, name: str, table: pa.Table) -> None:
        with self._given(table) as given:
            self._connection.execute(f'CREATE TEMP TABLE "{name}" AS SELECT * FROM "{given}"')  # noqa: S608

    @contextmanager
    def _given(self, table: pa.Table) -> Iterator[str]:
        """A name under which statements see an Arrow table."""
        name = f"given{next(self._names)}"
        self._connection.register(name, table)
        try:
            yield name
        finally:
            self._connection.unregister(name)

    def _store_entities(self, entities: Mapping[str, pa.Table]) -> Mapping[str, EntityColumn]:
        """One row with a map an entity, so that a reference can be followed wherever it stands."""
        kept = {name: table for name, table in entities.items() if table.num_rows <= _ENTITY_ITEMS_MAX}
        maps: list[exp.Expr] = [exp.alias_(exp.true(), "#", quoted=True)]
        columns: dict[str, EntityColumn] = {}
        for number, (name, table) in enumerate(kept.items()):
            # A number, not the name: names are texts of a user.
            items = f"items{number}"
            self._store(items, table)
            item = table.schema.field("item").type
            type_ = physical_type(pa.schema(list(item)))
            columns[name] = EntityColumn(f"#entity {name}", type_)
            pair = sql.struct({"k": sql.column("key"), "v": sql.column("item")})
            entries = sql.call("MAP_FROM_ENTRIES", sql.call("LIST", pair))
            source = exp.select(entries).from_(exp.to_table(items))
            maps.append(exp.alias_(source.subquery(), columns[name].column, quoted=True))
        self._connection.execute(f"CREATE TEMP TABLE entities AS {exp.select(*maps).sql(dialect='duckdb')}")
        return columns

    # --- asking

    def profile_masks(self, atoms: list[ProfileAtom], question: Question) -> dict[str, Mask]:
        """Tests of the profile row, all in one pass; those that have a form, by key."""
        found = {
            atom.key: predicate
            for atom in atoms
            if (
                predicate := profile_predicate(
                    atom, self.profile_columns, now=question.now, entities=self._entities
                )
            )
            is not None
        }
        if not found:
            return {}
        select = self._from("profiles", *(atom.expression for atom in atoms if atom.key in found))
        for index, predicate in enumerate(found.values()):
            select = select.select(exp.alias_(predicate, f"p{index}", quoted=True))
        answer = self._ask(select)
        return {key: self._scattered(answer, f"p{index}") for index, key in enumerate(found)}

    def event_mask(self, atom: EventAtom, question: Question) -> Mask | None:
        """An aggregate of events."""
        now, entities = question.now, self._entities
        predicate = event_predicate(atom, self.event_columns, now=now, entities=entities)
        value = event_value(atom, self.event_columns, now=now, entities=entities)
        if predicate is None or value is None:
            return None
        read = [atom.filter, *([atom.value] if atom.value is not None else [])]
        select = self._from("events", *read).where(predicate)
        if atom.value is not None:
            select = select.select(exp.alias_(value, "value", quoted=True))
        answer = self._ask(select)
        tally = Tally.of(atom, self._row_count)
        tally.add(_row_numbers(answer), None if atom.value is None else answer["value"])
        return tally.holds()

    def stored_membership(self, atom: SegmentAtom, question: Question) -> Mask | None:
        """Membership as the profiles' `segmentMembership` has it."""
        predicate = membership_predicate(atom.segment_id, self.profile_columns, now=question.now)
        if predicate is None:
            return None
        select = self._from("profiles").select(exp.alias_(predicate, "member", quoted=True))
        return self._scattered(self._ask(select), "member")

    def person_mask(
        self, atom: PersonAtom, question: Question, people: Mask, segments: Mapping[str, Mask]
    ) -> Mask | None:
        """A test of a person's row with all events beside it, for some people; the others count as no.

        Args:
            people: Who is asked about.
            segments: Memberships in the definitions that the test asks about.
        """
        read = {
            name: self.event_columns.fields[name] for name in self._event_fields(atom) if name != POSITION
        }
        columns = ObjectType({**self.profile_columns.fields, EVENTS: ArrayType(ObjectType(read))})
        names = {id_: f"#segment {id_}" for id_ in segments}
        predicate = person_predicate(atom, columns, now=question.now, entities=self._entities, segments=names)
        if predicate is None:
            return None
        rows = np.flatnonzero(people)
        asked = {ROW: rows, **{names[id_]: mask[rows] for id_, mask in segments.items()}}
        if atom.uses_events:
            asked[EVENTS] = self._histories(people, self._event_fields(atom))
        with self._given(pa.table(asked)) as given:
            select = self._from("profiles", atom.expression).select(
                exp.alias_(predicate, "holds", quoted=True)
            )
            select = select.join(exp.to_table(f'"{given}"', dialect="duckdb"), using=[sql.identifier(ROW)])
            answer = self._ask(select)
        return self._scattered(answer, "holds")

    def _event_fields(self, atom: PersonAtom) -> list[str]:
        """The fields of events that an atom reads; all where it looks at events as wholes."""
        read = {path[1:2] for path in paths_read(atom.expression) if path[0] == EVENTS}
        names = [name for name in self.event_columns.fields if () in read or (name,) in read]
        return names or [POSITION]

    def _histories(self, people: Mask, names: list[str]) -> pa.ListArray:
        """The events of some people, a list each, in the language's order, with those fields alone."""
        events = self._ordered_events
        rows = events[ROW].to_numpy()
        chosen = events.select(names).filter(pa.array(people[rows]))
        counts = np.bincount(rows, minlength=self._row_count)[people]
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        items = pa.StructArray.from_arrays([chosen[name].combine_chunks() for name in names], names)
        return pa.ListArray.from_arrays(offsets, items)

    @cached_property
    def _ordered_events(self) -> pa.Table:
        """All events by person and time; those without a time last, ties as they were stored."""
        events = self._events
        if self.event_columns.fields.get("timestamp") not in TEMPORAL:
            return events
        rows, moments = events[ROW].to_numpy(), events["timestamp"]
        times = (
            moments.cast(pa.timestamp("ms", moments.type.tz))
            if pa.types.is_timestamp(moments.type)
            else moments
        )
        ticks = pc.fill_null(
            times.cast(pa.int64() if not pa.types.is_date32(times.type) else pa.int32()), _NEVER
        )
        order = np.lexsort((ticks.to_numpy(), rows))
        if np.array_equal(order, np.arange(len(order))):
            return events
        return events.take(pa.array(order))

    # --- statements

    def _from(self, table: str, *read: Bound) -> exp.Select:
        select = exp.select(sql.column(ROW)).from_(exp.to_table(table))
        if any(isinstance(part, bound.Follow) for expression in read for part in walk(expression)):
            select = select.join(exp.to_table("entities"), join_type="cross")
        return select

    def _ask(self, select: exp.Select) -> pa.Table:
        return self._connection.sql(select.sql(dialect="duckdb")).to_arrow_table()

    def _scattered(self, answer: pa.Table, column: str) -> Mask:
        mask = np.zeros(self._row_count, dtype=np.bool_)
        flags = answer[column].to_numpy()
        mask[_row_numbers(answer)[flags]] = True
        return mask


def _row_numbers(answer: pa.Table) -> Rows:
    rows: Any = answer[ROW].to_numpy()
    return np.asarray(rows, dtype=np.int64)
