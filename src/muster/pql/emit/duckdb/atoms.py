"""The doors of the emitter: atoms of a plan → expressions for DuckDB.

Where DuckDB has no form that gives exactly the interpreter's answer, the answer is None, and the caller evaluates the atom
person by person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlglot import exp

from muster.pql.bound import PROFILE_ID, Bound
from muster.pql.emit.duckdb import sql
from muster.pql.emit.duckdb.emitter import Emitter
from muster.pql.emit.duckdb.sql import NoForm, Sql
from muster.pql.emit.duckdb.times import naive
from muster.pql.emit.duckdb.values import EntityColumn, Value
from muster.pql.plan import EVENT_ID, EventAtom, PersonAtom, ProfileAtom
from muster.pql.types import INTEGER, STRING, TEMPORAL, MapType, ObjectType, Type
from muster.pql.values import MEMBER_STATUSES

LAMBDAS_NESTED_MAX = 10
"""Time and memory of DuckDB's binder double with every level: 0.06 s at 10; 1.1 s and half a gigabyte at 14."""


def profile_predicate(
    atom: ProfileAtom,
    columns: ObjectType,
    *,
    now: datetime,
    entities: Mapping[str, EntityColumn] | None = None,
) -> Sql | None:
    """The atom as a boolean expression over profile columns, never NULL; None when it has no honest form.

    Args:
        atom: A test of one profile.
        columns: The fields that are physically present, with their types.
        now: The instant of the evaluation; becomes part of the expression.
        entities: Where the items of entities are found; references to others have no form.
    """
    return _predicate(atom.expression, Emitter(PROFILE_ID, columns, now, entities=entities))


def event_predicate(
    atom: EventAtom,
    columns: ObjectType,
    *,
    now: datetime,
    entities: Mapping[str, EntityColumn] | None = None,
) -> Sql | None:
    """The atom's filter as a boolean expression over the columns of one event; as `profile_predicate`."""
    return _predicate(atom.filter, Emitter(EVENT_ID, columns, now, entities=entities))


def event_value(
    atom: EventAtom,
    columns: ObjectType,
    *,
    now: datetime,
    entities: Mapping[str, EntityColumn] | None = None,
) -> Sql | None:
    """What the atom aggregates, for one event: BIGINT or DOUBLE, NULL where missing; None when it has no honest form.

    `count` aggregates nothing; its value is 1.
    """
    if atom.value is None:
        return sql.scalar(1)
    try:
        found = Emitter(EVENT_ID, columns, now, entities=entities).value(atom.value)
    except NoForm:
        return None
    if found is None:
        return sql.null(atom.value.type)
    if not _can_be_bound(found.sql):
        return None
    # A file may hold narrower whole numbers; their sums need the room.
    return sql.cast(found.sql, "BIGINT") if found.type == INTEGER else found.sql


def person_predicate(
    atom: PersonAtom,
    columns: ObjectType,
    *,
    now: datetime,
    entities: Mapping[str, EntityColumn] | None = None,
    segments: Mapping[str, str] | None = None,
) -> Sql | None:
    """The atom as a boolean expression over a person's row with the events beside it; as `profile_predicate`.

    Args:
        columns: The profile's columns, and `xEvent`: a LIST of STRUCT, never NULL, oldest first, those without a time last.
        segments: Columns that hold membership in other definitions, by id.
    """
    emitter = Emitter(PROFILE_ID, columns, now, entities=entities, segments=segments)
    return _predicate(atom.expression, emitter)


def membership_predicate(segment_id: str, columns: ObjectType, *, now: datetime) -> Sql | None:
    """Stored membership in a definition, as `inSegment` reads it; None when `segmentMembership` is no map of maps.

    Without such a column nobody is a member.
    """
    stored = columns.fields.get("segmentMembership")
    if stored is None:
        return sql.scalar(False)
    match stored:
        case MapType(MapType(ObjectType(fields))) if fields.get("status") == STRING:
            entry = sql.call(
                "MAP_EXTRACT_VALUE",
                sql.call("MAP_EXTRACT_VALUE", sql.column("segmentMembership"), sql.text("ups")),
                sql.text(segment_id),
            )
            status = sql.field(entry, "status")
            tests: list[Sql] = [exp.In(this=status, expressions=[sql.text(word) for word in MEMBER_STATUSES])]
            until = fields.get("validUntil")
            if until is not None:
                if until not in TEMPORAL:
                    return None
                tests.append(_not_over(sql.field(entry.copy(), "validUntil"), until, now))
            return sql.coalesce(sql.all_of(tests), sql.FALSE.copy())
    return None


def _not_over(until: Sql, type_: Type, now: datetime) -> Sql:
    moment = sql.naive_scalar(now.astimezone(UTC) if now.tzinfo else now)
    later = sql.binary(exp.GT, naive(Value(until, type_)).sql, moment)
    return sql.any_of([exp.Is(this=until.copy(), expression=exp.Null()), later])


def _predicate(test: Bound, emitter: Emitter) -> Sql | None:
    try:
        found = emitter.two_valued(test)
    except NoForm:
        return None
    return found if _can_be_bound(found) else None


def _can_be_bound(expression: Sql) -> bool:
    """Whether lambdas are nested so little that DuckDB can take them in."""
    rest: list[tuple[exp.Expression, int]] = [(expression, 0)]
    while rest:
        node, depth = rest.pop()
        depth += isinstance(node, exp.Lambda)
        if depth > LAMBDAS_NESTED_MAX:
            return False
        rest.extend((child, depth) for child in node.iter_expressions())
    return True
