"""Compiled functions give the judge's answer, and read stored data as it does."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.property.pql.effort import effort
from tests.property.pql.people import ENTITIES, ENTITY_SCHEMAS, NOW, NOWS, SCHEMA, make_people, queries

from muster.pql import (
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
    bind,
    matches,
    parse,
    plan,
    values,
)
from muster.pql.emit.closures import compile_query, compile_test
from muster.pql.emit.closures.readers import identity, instant_of_text, reader
from muster.pql.interpret import holds
from muster.pql.plan import SegmentAtom
from muster.pql.temporal import parse_iso, to_ms


@cache
def people() -> list[dict[str, Any]]:
    return make_people(7, 40)


@effort(200)
@given(text=queries(), nows=st.lists(st.sampled_from(NOWS), min_size=2, max_size=2))
def test_one_function_agrees_with_the_judge_at_any_time(text: str, nows: list[datetime]) -> None:
    query = bind(parse(text), SCHEMA, entities=ENTITY_SCHEMAS)
    matcher = compile_query(query)
    for now in nows:
        ask = matcher.at(now, entities=ENTITIES)
        for person in people():
            assert ask(person) == matches(query, person, now=now, entities=ENTITIES), person


@effort(100)
@given(text=queries())
def test_functions_of_atoms_agree_with_the_judge(text: str) -> None:
    query = bind(parse(text), SCHEMA, entities=ENTITY_SCHEMAS)
    for atom in plan(query).atoms:
        if isinstance(atom, SegmentAtom):
            continue
        ask = compile_test(atom.expression, query).at(NOW, entities=ENTITIES)
        for person in people()[:20]:
            judged = holds(atom.expression, query, person, now=NOW, entities=ENTITIES)
            assert ask(person) == judged, (atom, person)


# --- stored data

_SCALARS = (STRING, INTEGER, NUMBER, BOOLEAN, DATE, DATETIME, ReferenceType("stores"))
types = st.recursive(
    st.sampled_from(_SCALARS),
    lambda inner: st.one_of(
        inner.map(ArrayType),
        inner.map(MapType),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(ObjectType),
    ),
    max_leaves=4,
)
_TIMES = (
    "2024-03-10",
    "2024-03-10T05:45Z",
    "2024-03-10T05:45:30Z",
    "2024-03-10T05:45:30.250Z",
    "2024-03-10T05:45:30.2509+05:30",
    "0001-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
)
stored = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**65), 2**65),
        st.floats(),
        st.text(max_size=4),
        st.sampled_from(_TIMES),
        st.dates(),
        st.datetimes(),
        st.datetimes(
            timezones=st.sampled_from([timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.lists(st.tuples(st.sampled_from(["a", "b", 1, None]), inner), max_size=3),
        st.lists(st.lists(inner, min_size=2, max_size=2), max_size=2),
    ),
    max_leaves=12,
)


@effort(1500)
@given(type_=types, value=stored)
def test_stored_data_is_read_as_the_judge_reads_it(type_: Any, value: Any) -> None:
    found, judged = reader(type_)(value), values.read(value, type_)
    assert (found is None) == (judged is None)
    if found is not None:
        # Identities are made of tags and scalars, whole numbers and doubles alike.
        assert identity(type_)(found) == values.identity(judged)
        assert type(found) is (int if isinstance(judged, date) else type(judged))


def test_texts_that_are_nearly_times_are_read_as_the_judge_reads_them() -> None:
    chance = random.Random(3)
    signs = "0123456789-+:.TZtzW, ٣"
    for _ in range(60_000):
        letters = list(chance.choice(_TIMES))
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(letters))
            letters[at : at + chance.choice((1, 1, 1, 0, 2))] = chance.choice(
                ("", chance.choice(signs), chance.choice(signs))
            )
            letters = letters or ["0"]
        text = "".join(letters)
        judged = parse_iso(text)
        assert instant_of_text(text) == (None if judged is None else to_ms(judged)), text
