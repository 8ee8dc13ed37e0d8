"""Every evaluator gives the judge's answer, for any query and any data, at any time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.pql.effort import SOAK, effort
from tests.property.pql.people import (
    ENTITIES,
    ENTITY_SCHEMAS,
    NOW,
    NOWS,
    SCHEMA,
    fresh_memberships,
    make_people,
    queries,
    storable,
)
from tests.unit.pql.crowd import Crowd
from tests.unit.pql.tables import Tables

from muster.pql import ENGINES, Engine, evaluate, plan
from muster.pql.bound import BoundQuery, walk
from muster.pql.interpret import holds
from muster.pql.plan import SegmentAtom

SEEDS = (1, 2)
PEOPLE = 30
FRESH = fresh_memberships(PEOPLE * len(SEEDS))
OTHERS = tuple(engine for engine in ENGINES if engine != "interpret")


@cache
def people() -> list[dict[str, Any]]:
    return [person for seed in SEEDS for person in make_people(seed, PEOPLE)]


@cache
def stored_people() -> list[dict[str, Any]]:
    """People as columns can hold them, whose rows of events are objects."""
    stored = [storable(person, SCHEMA) for person in people()]
    return [person | {"xEvent": [each for each in person.get("xEvent") or () if each]} for person in stored]


@cache
def tables() -> Tables:
    return Tables(SCHEMA, stored_people(), NOW)


@cache
def crowd() -> Crowd:
    return Crowd(people(), SCHEMA, entities=ENTITIES, entity_schemas=ENTITY_SCHEMAS)


def assert_agreement(text: str, now: datetime, engines: Sequence[Engine] = OTHERS) -> None:
    query = crowd().bound(text)
    expected = crowd().ask(query, "interpret", now=now, memberships=FRESH)
    for engine in engines:
        found = crowd().ask(query, engine, now=now, memberships=FRESH)
        wrong = [
            row for row, (ours, judged) in enumerate(zip(found, expected, strict=True)) if ours != judged
        ]
        assert not wrong, (engine, [(row, expected[row], people()[row]) for row in wrong[:1]])


@effort(60)
@given(text=queries(), now=st.sampled_from(NOWS))
def test_evaluators_agree_with_the_judge(text: str, now: datetime) -> None:
    assert_agreement(text, now)


@pytest.mark.soak
@SOAK
@given(text=queries(), now=st.sampled_from(NOWS))
def test_evaluators_agree_with_the_judge_on_many_queries(text: str, now: datetime) -> None:
    assert_agreement(text, now)


@effort(60)
@given(text=queries())
def test_plan_and_columns_agree_with_the_judge(text: str) -> None:
    query = crowd().bound(text)
    planned = plan(query)
    found: dict[str, set[int]] = {}
    for atom in planned.atoms:
        by_person = tables().atom(atom) if isinstance(atom, SegmentAtom) else None
        if by_person is None and not isinstance(atom, SegmentAtom):
            by_person = _holding(query, atom.expression)
            by_column = tables().atom(atom)
            assert by_column is None or by_column == by_person, atom
        assert by_person is not None
        found[atom.key] = by_person
    assert tables().combine(planned.condition, found) == _holding(query, query.condition)


def _holding(query: BoundQuery, expression: Any) -> set[int]:
    rows = enumerate(stored_people())
    return {row for row, person in rows if holds(expression, query, person, now=NOW, entities=ENTITIES)}


def _texts(count: int) -> list[str]:
    """Some random queries, always the same."""
    texts: list[str] = []

    @settings(max_examples=count, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(text=queries())
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    return texts


def test_many_random_queries_have_a_form_over_columns() -> None:
    """Guards the test above: it would also pass if nothing were ever printed for columns."""
    emitted = [tables().members(crowd().bound(text)) is not None for text in _texts(100)]
    assert sum(emitted) > 0.4 * len(emitted)


def test_random_queries_are_as_various_as_the_language() -> None:
    """Guards all tests with random queries: every construct is met, and few of them hold for all people or nobody."""
    nodes: set[str] = set()
    undecided = 0
    texts = _texts(400)
    for text in texts:
        query = crowd().bound(text)
        nodes |= {type(node).__name__ for node in walk(query.condition)}
        undecided += len(set(crowd().ask(query, "interpret", now=NOW))) == 2
    assert undecided > 0.4 * len(texts)
    assert nodes >= {
        "Aggregate", "AnyOf", "Arithmetic", "Choose", "Compare", "Convert", "Count", "DatePart", "Distinct", "Entry",
        "Fold", "Follow", "GroupBy", "Head", "InSegment", "IsTrue", "Keys", "Let", "Lift", "ListOf", "MakeDate",
        "MapEntries", "MapOver", "Moment", "Negate", "NonEmpty", "PairsOver", "PeriodEdge", "Present", "Record",
        "RegexGroup", "RegexTest", "SameElements", "Sequence", "Shift", "TextTest", "Top", "Values", "Where",
    }  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_people_are_not_all_alike(seed: int) -> None:
    query = crowd().bound('tags = "a" or xEvent.total > 1')
    members = evaluate(query, make_people(seed, PEOPLE), now=NOW, engine="interpret")
    assert any(members) and not all(members)
