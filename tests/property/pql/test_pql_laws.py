"""Laws of the language: what must hold for any query, any people and any time."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.pql.effort import effort
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
from tests.property.pql.queries import anchors, arrays, comparables, conditions
from tests.property.pql.rewrites import with_filter_methods, with_parameter, with_selections
from tests.unit.pql.crowd import Crowd

from muster.pql import ENGINES, Engine, bind, parse, print_text, read_json, syntax, write_json

PEOPLE = 40
FRESH = fresh_memberships(PEOPLE)
times = st.sampled_from(NOWS)


@cache
def people() -> list[dict[str, Any]]:
    return make_people(3, PEOPLE)


@cache
def crowd() -> Crowd:
    return _crowd_of(people())


def _crowd_of(people: Sequence[dict[str, Any]]) -> Crowd:
    return Crowd(people, SCHEMA, entities=ENTITIES, entity_schemas=ENTITY_SCHEMAS)


def members(query: str | syntax.Query, now: datetime = NOW) -> frozenset[int]:
    """Rows of the people who satisfy a query."""
    bound = bind(parse(query) if isinstance(query, str) else query, SCHEMA, entities=ENTITY_SCHEMAS)
    found = crowd().ask(bound, "interpret", now=now, memberships=FRESH)
    return frozenset(row for row, holds in enumerate(found) if holds)


EVERYBODY = frozenset(range(PEOPLE))


# --- logic


@effort(30)
@given(left=conditions(), right=conditions(), now=times)
def test_logic_is_the_algebra_of_sets(left: str, right: str, now: datetime) -> None:
    a, b = members(left, now), members(right, now)
    assert members(f"({left}) and ({right})", now) == members(f"({right}) and ({left})", now) == a & b
    assert members(f"({left}) or ({right})", now) == members(f"({right}) or ({left})", now) == a | b
    assert members(f"not ({left})", now) == EVERYBODY - a
    assert members(f"if({left}, true, false)", now) == members(f"let Known = ({left}) in Known", now) == a


@effort(30)
@given(pair=comparables(), now=times)
def test_a_comparison_excludes_its_opposite(pair: tuple[str, str], now: datetime) -> None:
    left, right = pair
    equal, different = members(f"{left} = {right}", now), members(f"{left} != {right}", now)
    present = members(f"{left}.isNotNull() and {right}.isNotNull()", now)
    assert not equal & different
    assert equal | different == present
    below, above = members(f"{left} < {right}", now), members(f"{left} > {right}", now)
    assert below | above == different and not below & above
    assert members(f"{left} <= {right}", now) == below | equal
    assert members(f"{left} >= {right}", now) == above | equal
    assert members(f"{left} in [{right}]", now) == equal == members(f"{right} = {left}", now)
    assert members(f"{left} notIn [{right}]", now) == members(f"{left}.isNotNull()", now) - equal


@effort(30)
@given(pair=anchors(), now=times)
def test_before_and_from_divide_the_times(pair: tuple[str, str], now: datetime) -> None:
    time, anchor = pair
    before, since = (
        members(f"{time} occurs before {anchor}", now),
        members(f"{time} occurs from {anchor}", now),
    )
    assert not before & since
    assert members(f"{time} occurs {anchor}", now) <= since
    assert members(f"{time} occurs after {anchor}", now) <= since
    assert members(f"{time} occurs between {anchor} and {anchor}", now) == members(
        f"{time} occurs {anchor}", now
    )
    for direction in ("before", "after"):
        one_side = members(f"{time} occurs != 1 day {direction} {anchor}", now)
        exact = members(f"{time} occurs = 1 day {direction} {anchor}", now)
        near = members(f"{time} occurs <= 1 day {direction} {anchor}", now)
        far = members(f"{time} occurs > 1 day {direction} {anchor}", now)
        assert near | far == one_side | exact and not near & far and not one_side & exact


# --- arrays


@effort(30)
@given(pair=arrays(), now=times)
def test_counting_and_quantifiers_agree(pair: tuple[str, str], now: datetime) -> None:
    source, test = pair
    some = members(f"{source}[{test}]", now)
    assert members(f"{source}.exists({test})", now) == some
    assert members(f"{source}[{test}].count() > 0", now) == some
    assert members(f"{source}[{test}].head().isNotNull()", now) == some
    assert (
        members(f"{source}[{test}].count() + {source}[not ({test})].count() = {source}.count()", now)
        == EVERYBODY
    )
    assert members(f"not {source}[not ({test})]", now) == members(
        f"{source}[{test}].count() = {source}.count()", now
    )
    one = members(f"one V from {source}[{test}]", now)
    assert one == members(f"{source}[{test}].count() = 1", now)
    assert members(f"none V from {source}[{test}]", now) == EVERYBODY - some


@effort(25)
@given(pair=arrays(), now=times)
def test_array_functions_keep_what_they_should(pair: tuple[str, str], now: datetime) -> None:
    source, test = pair
    always = [
        f"{source}.distinct().distinct().count() = {source}.distinct().count()",
        f"{source}.distinct() = {source}.distinct()",
        f"{source}[{test}][{test}].count() = {source}[{test}].count()",
        f"{source}.topN(0, 1000).count() = {source}.count()",
        f"{source}.groupBy(0).values().map(this.count()).sum() = {source}.count()",
        f'{source}.map({{"n": 1}}).n.sum() = {source}.count()',
        f"(sum 1 over V from {source}) = (count 1 over V from {source})",
        f"(select V from {source}, W from {source}).count() = {source}.count() * {source}.count()",
    ]
    for law in always:
        assert members(law, now) == EVERYBODY, law


# --- spelling


@effort(60)
@given(text=queries(), now=times)
def test_other_spellings_mean_the_same(text: str, now: datetime) -> None:
    tree = parse(text)
    expected = members(tree, now)
    for change in (with_parameter, with_filter_methods, with_selections):
        changed = change(tree)
        assert members(changed, now) == expected, print_text(changed)


@effort(25)
@given(text=conditions())
def test_parentheses_and_a_named_parameter_change_nothing(text: str) -> None:
    assert parse(f"(({text}))") == parse(text)
    assert members(f"(Whoever) => {text}") == members(text) == members(f" {text}\r\n\t")


@effort(100)
@given(text=queries())
def test_printed_text_reads_as_the_same_tree(text: str) -> None:
    tree = parse(text)
    assert parse(print_text(tree)) == tree


@effort(60)
@given(text=queries())
def test_the_json_form_reads_as_the_same_query(text: str) -> None:
    tree = parse(text)
    document = write_json(tree)
    again = read_json(json.dumps(document))
    assert again == read_json(document)
    assert again == tree or "$1" in text
    assert read_json(write_json(again)) == again == parse(print_text(again))
    assert read_json(json.dumps(_with_old_root(document))) == again
    assert members(again) == members(tree)


def _with_old_root(node: Any) -> Any:
    """The document as older clients write it: another root, field names with the prefix of XDM."""
    if isinstance(node, list):
        return [_with_old_root(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("nodeType") == "parameterReference":
        return {"nodeType": "literal", "literalType": "XDMObject", "value": "profile"}
    prefix = {"fieldName": f"xdm:{node['fieldName']}"} if "fieldName" in node else {}
    return {key: _with_old_root(value) for key, value in node.items()} | prefix


# --- who is asked with whom


@pytest.mark.parametrize("engine", ENGINES)
@effort(4)
@given(text=queries(), seed=st.integers(0, 1000))
def test_an_answer_does_not_depend_on_who_else_is_asked(engine: Engine, text: str, seed: int) -> None:
    together = crowd().ask(text, engine, now=NOW, memberships=FRESH)
    rows = random.Random(seed).sample(range(PEOPLE), 5)
    for chosen in (rows, rows[:1], []):
        fresh = {id_: [known[row] for row in chosen] for id_, known in FRESH.items()}
        found = _crowd_of([people()[row] for row in chosen]).ask(text, engine, now=NOW, memberships=fresh)
        assert found == [together[row] for row in chosen]


@cache
def punctual_people() -> list[dict[str, Any]]:
    """People whose events happened at different times, so that their order is given."""
    return [person | {"xEvent": _at_different_times(person.get("xEvent"))} for person in people()]


def _at_different_times(events: Any) -> list[Any]:
    objects = [event for event in events or () if isinstance(event, dict)]
    return [
        event | {"timestamp": f"2024-03-{10 - index:02d}T05:45:30.250Z"}
        for index, event in enumerate(objects)
    ]


@cache
def orders_of_events() -> list[Crowd]:
    """The same people twice, whose events are stored in different orders."""
    chance = random.Random(7)
    shuffled = [
        person | {"xEvent": chance.sample(person["xEvent"], len(person["xEvent"]))}
        for person in punctual_people()
    ]
    return [_crowd_of(punctual_people()), _crowd_of(shuffled)]


@pytest.mark.parametrize("engine", ENGINES)
@effort(12)
@given(text=queries())
def test_the_stored_order_of_events_changes_nothing(engine: Engine, text: str) -> None:
    first, second = (each.ask(text, engine, now=NOW, memberships=FRESH) for each in orders_of_events())
    assert first == second
