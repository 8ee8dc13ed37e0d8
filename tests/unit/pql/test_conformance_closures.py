"""Compiled functions give the published answers."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from tests.unit.pql import conformance

from muster.pql import bind, parse, plan
from muster.pql.emit.closures import compile_query, compile_test
from muster.pql.interpret import holds
from muster.pql.plan import SegmentAtom

CASES = [pytest.param(case, id=case["id"]) for case in conformance.read_cases() if not case.get("error")]
pytestmark = pytest.mark.skipif(not conformance.present(), reason=conformance.ABSENT)
fixtures = cache(conformance.read_fixtures)


@pytest.mark.parametrize("case", CASES)
def test_functions_give_the_members_of_the_suite(case: dict[str, Any]) -> None:
    data = fixtures()
    query = bind(parse(case["pql"]), data.schema, entities=data.entity_schemas)
    matches = compile_query(query).at(data.now, entities=data.entities)
    assert sorted(profile["id"] for profile in data.profiles if matches(profile)) == case["expect"]


@pytest.mark.parametrize("case", CASES)
def test_functions_of_atoms_give_what_the_judge_gives(case: dict[str, Any]) -> None:
    data = fixtures()
    query = bind(parse(case["pql"]), data.schema, entities=data.entity_schemas)
    for atom in plan(query).atoms:
        if isinstance(atom, SegmentAtom):
            continue
        passes = compile_test(atom.expression, query).at(data.now, entities=data.entities)
        for profile in data.profiles:
            judged = holds(atom.expression, query, profile, now=data.now, entities=data.entities)
            assert passes(profile) == judged, (atom, profile["id"])
