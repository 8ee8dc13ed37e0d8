"""A table of people: what it is made of, who answers what, and that all of it gives the judge's answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from muster.pql import ENGINES, bind, evaluate, matches, parse
from muster.pql.arrow_types import arrow_of
from muster.pql.bound import BoundQuery
from muster.pql.tables import ProfileTable
from muster.pql.types import (
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
    ObjectType,
    ReferenceType,
)

NOW = datetime(2024, 3, 10, 5, 45, tzinfo=UTC)
STORE = ObjectType({"city": STRING, "opened": DATE})
EVENT = ObjectType(
    {"type": STRING, "timestamp": DATETIME, "total": NUMBER, "n": INTEGER, "at": ReferenceType("stores")}
)
SCHEMA = ObjectType(
    {
        "name": STRING,
        "age": INTEGER,
        "vip": BOOLEAN,
        "seen": DATETIME,
        "tags": ArrayType(STRING),
        "home": ReferenceType("stores"),
        "segmentMembership": MapType(MapType(ObjectType({"status": STRING, "validUntil": DATETIME}))),
        "xEvent": ArrayType(EVENT),
    }
)
STORES = {"stores": {"s1": {"city": "Oslo", "opened": "2001-02-03"}, "s2": {"city": "Bergen"}}}
PEOPLE: list[dict[str, Any]] = [
    {
        "name": "ann",
        "age": 30,
        "vip": True,
        "tags": ["a", None, "b"],
        "home": "s1",
        "seen": "2024-03-09T23:30:00-02:00",
        "segmentMembership": {"ups": {"S": {"status": "realized", "validUntil": "2024-03-10T05:45:00.001Z"}}},
        "xEvent": [
            {"type": "buy", "timestamp": "2024-03-09T12:00:00Z", "total": 5.0, "n": 2**62, "at": "s2"},
            None,
            {"type": "view", "timestamp": "2024-03-01T12:00:00Z", "n": 2**62},
            {"type": "buy", "total": 1.5},
        ],
    },
    {
        "name": "bo",
        "age": 41,
        "tags": [],
        "home": "s9",
        "segmentMembership": {"ups": {"S": {"status": "realized", "validUntil": "2024-03-10T05:45:00Z"}}},
        "xEvent": [
            {"type": "view", "timestamp": "2024-03-02T00:00:00Z", "total": 9.0, "n": 3, "at": "s1"},
            {"type": "buy", "timestamp": "2024-03-01T00:00:00Z", "total": 7.0, "n": 4},
        ],
    },
    {"name": "cy", "segmentMembership": {"ups": {"S": {"status": "existing"}}}},
    {"age": "41", "vip": 1, "tags": "a", "xEvent": "none"},
]


def query_of(text: str) -> BoundQuery:
    return bind(parse(text), SCHEMA, entities={"stores": STORE})


@pytest.fixture(scope="module")
def table() -> Iterator[ProfileTable]:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'America/New_York'")
    with ProfileTable.from_rows(
        PEOPLE, SCHEMA, entities=STORES, entity_schemas={"stores": STORE}, connection=connection
    ) as made:
        yield made


def names(mask: Any) -> list[str]:
    return [str(person.get("name")) for person, holds in zip(PEOPLE, mask, strict=True) if holds]


QUERIES = {
    'tags = "b"': ["ann"],
    "age >= 30 and not vip": ["bo"],
    'xEvent[type = "buy"].count() >= 2': ["ann"],
    "xEvent.sum(n) > 6": ["bo"],
    "xEvent.sum(n) = 7": ["bo"],
    "xEvent.count() = 0": ["cy", "None"],
    'xEvent.head().type = "view"': ["ann"],
    'xEvent.topN(timestamp, 1).head().type = "buy"': ["ann"],
    'chain(xEvent, timestamp, [A: WHAT(type = "buy"), B: WHAT(type = "view")])': ["bo"],
    'exists A from xEvent where A.type = "view", B from xEvent where B.total > A.total': [],
    'xEvent[type = ^.name or at = ^.home].isNotNull() and name = "cy"': ["cy"],
    'home.city = "Oslo"': ["ann"],
    "home.isNotNull() and home.city.isNull()": ["bo"],
    'xEvent.at.city = "Bergen"': ["ann"],
    "xEvent[at.opened occurs before date(2010, 1, 1)].count() = 1": ["bo"],
    'xEvent.groupBy(type).get("buy").count() = 1': ["bo"],
    "xEvent.groupBy(type).keys().count() = 2": ["ann", "bo"],
    'inSegment("S")': ["ann", "cy"],
    'inSegment("S") and not inSegment("other")': ["ann", "cy"],
    'inSegment("S") and xEvent[type = "view"]': ["ann"],
    "seen occurs today": ["ann"],
}


@pytest.mark.parametrize("text", QUERIES)
def test_members_are_those_that_the_judge_finds(table: ProfileTable, text: str) -> None:
    query = query_of(text)
    found = table.members(query, now=NOW)
    assert names(found) == QUERIES[text]
    assert found.tolist() == [matches(query, person, now=NOW, entities=STORES) for person in PEOPLE]


@pytest.mark.parametrize("text", QUERIES)
def test_columns_that_exist_already_give_the_same_members(text: str) -> None:
    fields = [(name, arrow_of(field)) for name, field in SCHEMA.fields.items()]
    with ProfileTable.from_rows(PEOPLE[:3], SCHEMA) as made:
        rows = list(made.rows())
    people = pa.Table.from_pylist([_typed(row) for row in rows], schema=pa.schema(fields))
    # Two chunks, so that positions and rows go on over their border.
    chunked = pa.concat_tables([people.slice(0, 1), people.slice(1)])
    with ProfileTable.from_arrow(chunked, entities=STORES, entity_schemas={"stores": STORE}) as table:
        members = [str(PEOPLE[row]["name"]) for row in np.flatnonzero(table.members(query_of(text), now=NOW))]
    assert members == [name for name in QUERIES[text] if name != "None"]


def _typed(row: Any) -> dict[str, Any]:
    from muster.pql.tables.columns import stored

    return {name: stored(row.get(name), field) for name, field in SCHEMA.fields.items()}


def answered_by(table: ProfileTable, text: str) -> dict[str, int]:
    _, answered = table.answer(query_of(text), now=NOW)
    return {each.evaluator: each.people_count for each in answered}


def test_each_atom_goes_to_who_can_answer_it(table: ProfileTable) -> None:
    text = 'age > 1 and xEvent[type = "buy"] and inSegment("S") and xEvent.head().type = "view"'
    assert answered_by(table, text) == {"profiles": 4, "events": 4, "memberships": 4, "people": 1}


def test_what_has_no_form_over_columns_is_asked_about_the_doubtful_alone(table: ProfileTable) -> None:
    # Whether the second group took part is nothing that the engine tells.
    assert answered_by(table, 'age = 30 and name.regexGroup("(a)|(z)", 2).isNull()') == {
        "profiles": 4,
        "closures": 1,
    }


def test_fresh_memberships_come_before_stored_ones(table: ProfileTable) -> None:
    fresh = [False, True, False, True]
    assert names(table.members(query_of('inSegment("S")'), now=NOW, memberships={"S": fresh})) == [
        "bo",
        "None",
    ]
    text = 'inSegment("S") = true or name.regexGroup("(c)|(z)", 1) = "c"'
    assert names(table.members(query_of(text), now=NOW, memberships={"S": fresh})) == ["bo", "cy", "None"]


def test_now_is_cut_to_milliseconds_and_without_a_zone_it_is_utc(table: ProfileTable) -> None:
    query = query_of("seen = now")
    instant = datetime(2024, 3, 10, 1, 30, 0, 999)
    assert names(table.members(query, now=instant)) == ["ann"]
    assert names(table.members(query, now=instant + timedelta(milliseconds=1))) == []


def test_large_entities_are_looked_up_by_the_closures() -> None:
    stores = {f"s{number}": {"city": str(number)} for number in range(10_001)}
    people = [{"home": "s7"}, {"home": "s8"}, {}]
    query = query_of('home.city = "8"')
    given = {"entities": {"stores": stores}, "entity_schemas": {"stores": STORE}}
    with ProfileTable.from_rows(people, SCHEMA, **given) as table:  # type: ignore[arg-type]
        mask, answered = table.answer(query, now=NOW)
    assert mask.tolist() == [False, True, False]
    assert [each.evaluator for each in answered] == ["closures"]


def test_names_may_hold_what_quotes_names() -> None:
    awkward = "a\"b; 'c"
    schema = ObjectType({awkward: ReferenceType(awkward)})
    entities = {awkward: {"k": {awkward: "x"}}}
    query = bind(
        parse(f'`{awkward}`.`{awkward}` = "x" or inSegment("{awkward.replace(chr(34), "")}")'),
        schema,
        entities={awkward: ObjectType({awkward: STRING})},
    )
    people = [{awkward: "k"}, {awkward: "other"}]
    assert evaluate(query, people, now=NOW, engine="duckdb", entities=entities) == [True, False]


def test_names_that_differ_in_case_alone_are_kept_apart() -> None:
    schema = ObjectType({"o": ObjectType({"a": STRING, "A": STRING})})
    people = [{"o": {"a": "x", "A": "y"}}, {"o": {"a": "y", "A": "x"}}]
    query = bind(parse('o.a = "x"'), schema)
    assert evaluate(query, people, now=NOW, engine="duckdb") == [True, False]


def test_objects_without_fields_and_arrays_of_nothing_are_columns_too() -> None:
    schema = ObjectType({"o": ObjectType({}), "xEvent": ArrayType(ObjectType({}))})
    people: list[dict[str, Any]] = [{"o": {}, "xEvent": [{}, {}]}, {"o": None}]
    assert evaluate(bind(parse("o.isNotNull()"), schema), people, now=NOW, engine="duckdb") == [True, False]
    assert evaluate(bind(parse("xEvent.count() = 2"), schema), people, now=NOW, engine="duckdb") == [
        True,
        False,
    ]


def test_stored_memberships_count_where_no_schema_speaks_of_them() -> None:
    query = bind(parse('inSegment("S")'), ObjectType({"name": STRING}))
    assert [evaluate(query, PEOPLE, now=NOW, engine=engine) for engine in ENGINES] == [
        [True, False, True, False]
    ] * 3


def test_nobody_is_a_table_too() -> None:
    assert evaluate(query_of("xEvent.count() = 0"), [], now=NOW, engine="duckdb") == []
