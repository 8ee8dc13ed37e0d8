"""Profiles of a fixture as DuckDB tables: one column per field, and the events as rows of their own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import duckdb
import pyarrow as pa

from muster.pql import ArrayType, MapType, ObjectType, Type, values
from muster.pql.arrow_types import arrow_of
from muster.pql.bound import BoundQuery, InSegment
from muster.pql.emit.duckdb import event_predicate, event_value, profile_predicate
from muster.pql.interpret import holds
from muster.pql.plan import And, Condition, EventAtom, Leaf, Not, Or, Plan, ProfileAtom, SegmentAtom, plan

ROW = "#row"


def stored(value: Any, type_: Type) -> Any:
    """A JSON value as Arrow takes it. Nulls inside stay, so that the engine meets them."""
    if value is None:
        return None
    match type_:
        case ArrayType(element):
            return [stored(item, element) for item in value]
        case MapType(inner):
            return [(key, stored(item, inner)) for key, item in value.items()]
        case ObjectType(fields):
            return {name: stored(value.get(name), field) for name, field in fields.items()}
    return values.read(value, type_)


class Tables:
    """Evaluates plans over columns. `members` is None when an atom has no form there."""

    def __init__(self, schema: ObjectType, profiles: Sequence[Mapping[str, Any]], now: datetime) -> None:
        self._now = now
        self._count = len(profiles)
        self._profiles = profiles
        self._empty = BoundQuery(InSegment(""), schema, {})
        event = schema.fields["xEvent"]
        assert isinstance(event, ArrayType) and isinstance(event.element, ObjectType)
        self._events = event.element
        self._columns = ObjectType({name: field for name, field in schema.fields.items() if name != "xEvent"})
        self._connection = duckdb.connect(config={"threads": 1})
        # Any zone but UTC, so that a cast that uses the session's zone shows.
        self._connection.execute("SET TimeZone = 'Asia/Kolkata'")
        self._load("profiles", self._columns, list(enumerate(profiles)))
        events = [(row, each) for row, profile in enumerate(profiles) for each in profile.get("xEvent") or ()]
        self._load("events", self._events, events)

    def _load(self, table: str, columns: ObjectType, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        fields = [(name, arrow_of(field)) for name, field in columns.fields.items()]
        records = [
            {ROW: row, **{name: stored(value.get(name), field) for name, field in columns.fields.items()}}
            for row, value in rows
        ]
        batch = pa.Table.from_pylist(records, schema=pa.schema([(ROW, pa.int64()), *fields]))
        self._connection.register("batch", batch)
        self._connection.execute(f'CREATE TABLE "{table}" AS SELECT * FROM batch')
        self._connection.unregister("batch")

    def members(self, query: BoundQuery) -> set[int] | None:
        return self.planned(plan(query))

    def planned(self, planned: Plan) -> set[int] | None:
        found = {atom.key: self.atom(atom) for atom in planned.atoms}
        known = {key: rows for key, rows in found.items() if rows is not None}
        return self.combine(planned.condition, known) if len(known) == len(found) else None

    def combine(self, condition: Condition, atoms: Mapping[str, set[int]]) -> set[int]:
        everybody = set(range(self._count))
        match condition:
            case Leaf(atom):
                return atoms[atom.key]
            case Not(operand):
                return everybody - self.combine(operand, atoms)
            case And(operands):
                return everybody.intersection(*(self.combine(each, atoms) for each in operands))
            case Or(operands):
                return set[int]().union(*(self.combine(each, atoms) for each in operands))
        return everybody if condition.value else set()

    def atom(self, atom: Any) -> set[int] | None:
        if isinstance(atom, ProfileAtom):
            predicate = profile_predicate(atom, self._columns, now=self._now)
            if predicate is None:
                return None
            text = f'SELECT "{ROW}", {predicate.sql("duckdb")} FROM profiles'
            rows = self._connection.execute(text).fetchall()
            assert all(isinstance(passes, bool) for _, passes in rows), text
            return {row for row, passes in rows if passes}
        if isinstance(atom, EventAtom):
            return self._event_atom(atom)
        if isinstance(atom, SegmentAtom):
            # Memberships are no columns here; the stored ones are read as the language says.
            test = InSegment(atom.segment_id)
            return {row for row, p in enumerate(self._profiles) if holds(test, self._empty, p, now=self._now)}
        return None

    def _event_atom(self, atom: EventAtom) -> set[int] | None:
        predicate = event_predicate(atom, self._events, now=self._now)
        value = event_value(atom, self._events, now=self._now)
        if predicate is None or value is None:
            return None
        text = f'SELECT "{ROW}", {predicate.sql("duckdb")}, {value.sql("duckdb")}, "eventType" FROM events'
        chosen: dict[int, list[Any]] = {row: [] for row in range(self._count)}
        for row, passes, number, event_type in self._connection.execute(text).fetchall():
            assert isinstance(passes, bool), text
            assert not passes or atom.event_types is None or event_type in atom.event_types
            if passes and number is not None:
                chosen[row].append(number)
        return {row for row, numbers in chosen.items() if _compares(atom, numbers)}


def _compares(atom: EventAtom, numbers: list[Any]) -> bool:
    match atom.aggregate:
        case "count":
            result: Any = len(numbers)
        case "sum":
            result = sum(numbers)
        case "average":
            result = sum(numbers) / len(numbers) if numbers else None
        case "min":
            result = min(numbers, default=None)
        case "max":
            result = max(numbers, default=None)
    if result is None or not math.isfinite(result):
        return False
    compare: dict[str, Any] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
    return bool(compare[atom.comparison](result, atom.threshold))
