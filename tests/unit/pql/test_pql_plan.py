"""A plan keeps apart what different evaluators do, and sees when two definitions ask the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from muster.pql import ArrayType, ObjectType, Plan, bind, matches, parse, plan, print_text
from muster.pql.emit.duckdb import event_predicate, profile_predicate
from muster.pql.interpret import holds
from muster.pql.plan import Always, And, EventAtom, Leaf, Not, PersonAtom, ProfileAtom, SegmentAtom
from muster.pql.types import BOOLEAN, DATETIME, INTEGER, NUMBER, STRING

NOW = datetime(2024, 3, 10, tzinfo=UTC)
EVENT = ObjectType(
    {
        "eventType": STRING,
        "timestamp": DATETIME,
        "total": NUMBER,
        "items": ArrayType(ObjectType({"sku": STRING, "qty": INTEGER})),
    }
)
SCHEMA = ObjectType(
    {"tier": STRING, "vip": BOOLEAN, "points": INTEGER, "tags": ArrayType(STRING), "xEvent": ArrayType(EVENT)}
)


def planned(text: str) -> Plan:
    return plan(bind(parse(text), SCHEMA))


def only_event(text: str) -> EventAtom:
    (atom,) = planned(text).atoms
    assert isinstance(atom, EventAtom)
    return atom


@pytest.mark.parametrize(
    "texts",
    [
        (
            'xEvent[eventType = "buy"]',
            'exists E from xEvent where E.eventType = "buy"',
            'select E from xEvent where E.eventType = "buy"',
            'some Ev from xEvent : Ev.eventType = "buy"',
            'xEvent.exists(eventType = "buy")',
            'xEvent.exists((e) => e.eventType = "buy")',
            'xEvent.filter(eventType = "buy").count() > 0',
            'xEvent.eventType = "buy"',
            'xEvent.eventType in ["buy"]',
            '$1.xEvent.eventType.equals("buy")',
            'xEvent[eventType = "buy"].isNotNull() and xEvent[eventType = "buy"]',
            'let B = xEvent[eventType = "buy"] in B.count() >= 1',
            'chain(xEvent, timestamp, [A: WHAT(eventType = "buy")]) or xEvent[eventType = "buy"]',
        ),
        ('tier = "a" and vip', 'vip and tier = "a"', '$1.vip and $1.tier = "a"'),
        (
            "xEvent[total > 1 and total < 5]",
            "xEvent[total < 5 and total > 1]",
            "xEvent[total > 1][total < 5]",
        ),
        (
            "xEvent.sum(total) > 5",
            "(sum E.total over E from xEvent) > 5",
            "xEvent.total.sum() > 5",
            "5 < xEvent.total.sum()",
        ),
        ('xEvent.items.sku = "A"', 'xEvent.items[sku = "A"]', 'xEvent[items[sku = "A"]]'),
    ],
)
def test_equal_conditions_have_equal_keys(texts: tuple[str, ...]) -> None:
    first = {atom.key for atom in planned(texts[0]).atoms}
    for text in texts[1:]:
        assert first <= {atom.key for atom in planned(text).atoms}, text


def test_different_conditions_have_different_keys() -> None:
    texts = (
        "points = 1",
        'tier = "1"',
        "points = 1.5",
        "points != 1",
        "xEvent.count() = 1",
        "xEvent[total = 1]",
    )
    assert len({planned(text).atoms[0].key for text in texts}) == len(texts)


def test_a_mixed_conjunction_stays_separable() -> None:
    condition = planned('tier = "a" and exists E from xEvent where E.total > 1').condition
    assert isinstance(condition, And)
    kinds = {type(leaf.atom) for leaf in condition.operands if isinstance(leaf, Leaf)}
    assert kinds == {ProfileAtom, EventAtom}


def test_what_does_not_mention_the_event_is_asked_of_the_profile() -> None:
    atoms = planned('exists E from xEvent where E.total > 1 and tier = "a" and inSegment("S")').atoms
    assert {type(atom) for atom in atoms} == {ProfileAtom, EventAtom, SegmentAtom}


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ('xEvent[eventType = "a"]', {"a"}),
        ('xEvent["a" = eventType]', {"a"}),
        ('xEvent[eventType in ["a", "b"] and total > 1]', {"a", "b"}),
        ('xEvent[(eventType = "a" or eventType = "b") and eventType != "c"]', {"a", "b"}),
        ('xEvent[eventType in ["a", "b"]][eventType in ["b", "c"]]', {"b"}),
        ('xEvent[eventType.equals("a", "b")]', {"a", "b"}),
        ('xEvent[eventType = "a" or total > 1]', None),
        ('xEvent[eventType.equals("a", false)]', None),
        ('xEvent[not eventType = "a"]', None),
    ],
)
def test_event_types_are_those_the_filter_demands(text: str, types: set[str] | None) -> None:
    assert only_event(text).event_types == types


@pytest.mark.parametrize(
    ("text", "aggregate", "comparison", "threshold"),
    [
        ("xEvent.count() > 2", "count", ">=", 3),
        ("xEvent.count() >= 2.5", "count", ">=", 3),
        ("2 < xEvent.count()", "count", ">=", 3),
        ("one E from xEvent where E.total > 1", "count", "=", 1),
        ("xEvent.sum(total) <= 5", "sum", "<=", 5),
        ("xEvent.max(items.max(qty)) > 1", "max", ">", 1),
        ("xEvent.items.count() > 3", "sum", ">", 3),
        ("xEvent.average(total) < 2", "average", "<", 2),
    ],
)
def test_aggregates_of_events_are_atoms(text: str, aggregate: str, comparison: str, threshold: int) -> None:
    atom = only_event(text)
    assert (atom.aggregate, atom.comparison, atom.threshold) == (aggregate, comparison, threshold)


@pytest.mark.parametrize(
    "text", ["xEvent.count() < 1", "not xEvent", "none E from xEvent", "xEvent.count() = 0"]
)
def test_none_of_something_is_the_negation_of_some(text: str) -> None:
    found = planned(text)
    assert isinstance(found.condition, Not)
    assert found.atoms == planned("xEvent").atoms


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("xEvent.count() >= 0", True),
        ("xEvent.count() < -1", False),
        ("xEvent.count() = 1.5", False),
        ("true or vip", True),
    ],
)
def test_a_condition_that_never_changes_has_no_atoms(text: str, value: bool) -> None:
    assert planned(text).condition == Always(value)
    assert planned(text).atoms == ()


@pytest.mark.parametrize(
    "text",
    [
        "xEvent[total > ^.points]",
        "exists A from xEvent, B from xEvent where B.timestamp occurs after A.timestamp",
        "xEvent.groupBy(eventType).count() > 1",
        "xEvent.topN(total, 1).head().total > 1",
        'xEvent[inSegment("a") or total > 1]',
        "chain(xEvent, timestamp, [A: WHAT(true), B: WHAT(true)])",
        "$1 = $1",
    ],
)
def test_what_needs_events_together_is_an_atom_of_the_person(text: str) -> None:
    (atom,) = planned(text).atoms
    assert isinstance(atom, PersonAtom) and atom.uses_events


def test_a_plan_says_what_it_reads() -> None:
    found = planned(
        'tier = "a" and xEvent[timestamp occurs <= 1 day before now].count() > 2 and inSegment("S")'
    )
    assert found.paths == {("tier",), ("xEvent", "timestamp"), ("xEvent",)}
    assert found.segment_ids == {"S"}
    assert found.time_dependent
    assert not planned('tier = "a"').time_dependent


@pytest.mark.parametrize(
    "text", ["xEvent.sum(total) = 3", "xEvent[total > 1].count() = 1", "xEvent.average(total) < 2"]
)
def test_an_event_atom_can_be_asked_of_one_person(text: str) -> None:
    query = bind(parse(text), SCHEMA)
    (atom,) = plan(query).atoms
    assert isinstance(atom, EventAtom)
    person: dict[str, Any] = {"xEvent": [{"total": 1.0}, {"total": 2.0}, {"total": None}]}
    assert holds(atom.expression, query, person, now=NOW)
    assert not holds(atom.expression, query, {"xEvent": [{"total": 7.5}, {"total": 7.5}]}, now=NOW)


def test_a_file_without_the_field_gives_false_not_an_error() -> None:
    atom = planned('tier = "a"').atoms[0]
    event = only_event("xEvent[total > 1]")
    assert isinstance(atom, ProfileAtom)
    empty = ObjectType({})
    assert str(profile_predicate(atom, empty, now=NOW)) == "FALSE"
    assert str(event_predicate(event, empty, now=NOW)) == "FALSE"


def test_a_file_with_another_type_is_left_to_the_interpreter() -> None:
    atom = planned('tier = "a"').atoms[0]
    assert isinstance(atom, ProfileAtom)
    assert profile_predicate(atom, ObjectType({"tier": INTEGER}), now=NOW) is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "holds_for_points_of_one"),
    [
        ("not " * 197 + "points = 2", True),
        ("(" * 198 + "points = 1" + ")" * 198, True),
        (" + ".join(["points"] * 199) + " = 199", True),
        (" or ".join(f"points = {number}" for number in range(1_000)), True),
        ("if(points = 2, 2, " * 60 + "points" + ")" * 60 + " = 1", True),
        ("if(" * 60 + "points = 1" + ", points = 1, points = 2)" * 60, True),
        (
            "let a0 = points in " + "".join(f"let a{n + 1} = a{n} + a{n} in " for n in range(50)) + "a50 > 1",
            True,
        ),
    ],
    ids=["not", "parentheses", "sum", "or", "if", "if in the test of an if", "let"],
)
def test_deep_and_long_queries_pass_every_stage(text: str, holds_for_points_of_one: bool) -> None:
    query = bind(parse(text), SCHEMA)
    assert parse(print_text(parse(text))) == parse(text)
    found = plan(query)
    for atom in found.atoms:
        if isinstance(atom, ProfileAtom):
            predicate = profile_predicate(atom, SCHEMA, now=NOW)
            assert predicate is None or len(predicate.sql("duckdb")) < 100_000
    assert matches(query, {"points": 1}, now=NOW) is holds_for_points_of_one
