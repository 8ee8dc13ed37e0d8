"""DuckDB over columns gives the published answers, for all but a known list of cases."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from tests.unit.pql import conformance
from tests.unit.pql.tables import Tables

from muster.pql import bind, parse

pytestmark = pytest.mark.skipif(not conformance.present(), reason=conformance.ABSENT)

# Grouping, sequences and pairs of events, positions among all events: they need a person's events together.
# References: the entities are no columns of the file.
PERSON_BY_PERSON = {
    "c-parameters-03",
    "c-arrays-11",
    "c-arrays-12",
    "c-arrays-17",
    "c-arrays-18",
    "c-arrays-19",
    "c-select-03",
    "c-chain-02",
    "c-chain-03",
    "c-chain-04",
    "c-chain-05",
    "c-chain-06",
    "c-chain-07",
    "c-references-01",
    "c-references-02",
    "c-references-03",
    "c-references-04",
}
CASES = [pytest.param(case, id=case["id"]) for case in conformance.read_cases() if not case.get("error")]
fixtures = cache(conformance.read_fixtures)


@cache
def tables() -> Tables:
    data = fixtures()
    return Tables(data.schema, data.profiles, data.now)


@pytest.mark.parametrize("case", CASES)
def test_columns_give_the_members_of_the_suite(case: dict[str, Any]) -> None:
    data = fixtures()
    rows = tables().members(bind(parse(case["pql"]), data.schema, entities=data.entity_schemas))
    assert (rows is None) == (case["id"] in PERSON_BY_PERSON)
    if rows is not None:
        assert sorted(data.profiles[row]["id"] for row in rows) == case["expect"]
