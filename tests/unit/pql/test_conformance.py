"""The judge gives the published answers."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from tests.unit.pql import conformance

from muster.pql import PqlErrors, bind, matches, parse, print_text, read_json, write_json

CASES = conformance.read_cases()
pytestmark = pytest.mark.skipif(not conformance.present(), reason=conformance.ABSENT)
fixtures = cache(conformance.read_fixtures)

VALID = [pytest.param(case, id=case["id"]) for case in CASES if not case.get("error")]
WRONG = [pytest.param(case, id=case["id"]) for case in CASES if case.get("error")]


def members(tree: Any) -> list[str]:
    data = fixtures()
    query = bind(tree, data.schema, entities=data.entity_schemas)
    found = (p for p in data.profiles if matches(query, p, now=data.now, entities=data.entities))
    return sorted(profile["id"] for profile in found)


@pytest.mark.parametrize("case", VALID)
def test_members_are_those_of_the_suite(case: dict[str, Any]) -> None:
    assert members(parse(case["pql"])) == case["expect"]


@pytest.mark.parametrize("case", VALID)
def test_members_are_the_same_through_the_json_form(case: dict[str, Any]) -> None:
    assert members(read_json(write_json(parse(case["pql"])))) == case["expect"]


@pytest.mark.parametrize("case", VALID)
def test_printed_text_reads_as_the_same_tree(case: dict[str, Any]) -> None:
    tree = parse(case["pql"])
    assert parse(print_text(tree)) == tree


@pytest.mark.parametrize("case", WRONG)
def test_first_error_is_that_of_the_suite(case: dict[str, Any]) -> None:
    data = fixtures()
    with pytest.raises(PqlErrors) as caught:
        bind(parse(case["pql"]), data.schema, entities=data.entity_schemas)
    first = caught.value.first
    assert first.code == case["error_code"]
    if "error_at" in case:
        assert (first.line, first.column) == (case["error_at"]["line"], case["error_at"]["column"])
    if "suggestion" in case:
        assert first.suggestion == case["suggestion"]
