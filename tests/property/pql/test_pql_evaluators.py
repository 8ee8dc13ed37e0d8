"""Every evaluator gives the judge's answer, for any query and any data, at any time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
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
)
from tests.unit.pql.crowd import Crowd

from muster.pql import ENGINES, Engine, evaluate, plan
from muster.pql.bound import Bound, BoundQuery, InSegment
from muster.pql.interpret import holds
from muster.pql.plan import SegmentAtom
from muster.pql.tables.masks import Mask, combined
from muster.pql.traversal import walk

SEEDS = (1, 2)
PEOPLE = 30
FRESH = fresh_memberships(PEOPLE * len(SEEDS))
OTHERS = tuple(engine for engine in ENGINES if engine != "interpret")


@cache
def people() -> list[dict[str, Any]]:
    return [person for seed in SEEDS for person in make_people(seed, PEOPLE)]


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
def test_a_plan_means_what_its_query_does(text: str) -> None:
    query = crowd().bound(text)
    planned = plan(query)
    masks = {
        atom.key: _holding(
            query, InSegment(atom.segment_id) if isinstance(atom, SegmentAtom) else atom.expression
        )
        for atom in planned.atoms
    }
    members = combined(planned.condition, masks, len(people()))
    assert members.tolist() == _holding(query, query.condition).tolist()


def _holding(query: BoundQuery, expression: Bound) -> Mask:
    return np.array(
        [holds(expression, query, person, now=NOW, entities=ENTITIES) for person in people()], dtype=np.bool_
    )


def _texts(count: int) -> list[str]:
    """Some random queries, always the same."""
    texts: list[str] = []

    @settings(max_examples=count, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(text=queries())
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    return texts


def test_nearly_all_random_queries_are_answered_over_columns() -> None:
    """Guards the tests above: they would also pass if everything were left to the closures."""
    alone = 0
    for text in _texts(100):
        _, answered = crowd().table.answer(crowd().bound(text), now=NOW, memberships=FRESH)
        alone += any(each.evaluator == "closures" and each.people_count for each in answered)
    assert alone <= 10


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
