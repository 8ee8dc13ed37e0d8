"""DuckDB over columns gives the published answers, and hands nobody to the closures for any of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import duckdb
import pytest
from tests.unit.pql import conformance

from muster.pql import bind, parse
from muster.pql.tables import ProfileTable

pytestmark = pytest.mark.skipif(not conformance.present(), reason=conformance.ABSENT)

CASES = [pytest.param(case, id=case["id"]) for case in conformance.read_cases() if not case.get("error")]
fixtures = cache(conformance.read_fixtures)


@cache
def table() -> ProfileTable:
    data = fixtures()
    connection = duckdb.connect(config={"threads": 1})
    # Any zone but UTC, so that a cast that uses the session's zone shows.
    connection.execute("SET TimeZone = 'Asia/Kolkata'")
    return ProfileTable.from_rows(
        data.profiles,
        data.schema,
        entities=data.entities,
        entity_schemas=data.entity_schemas,
        connection=connection,
    )


@pytest.mark.parametrize("case", CASES)
def test_columns_give_the_members_of_the_suite(case: dict[str, Any]) -> None:
    data = fixtures()
    query = bind(parse(case["pql"]), data.schema, entities=data.entity_schemas)
    mask, answered = table().answer(query, now=data.now)
    members = sorted(person["id"] for person, holds in zip(data.profiles, mask, strict=True) if holds)
    assert members == case["expect"]
    assert "closures" not in {each.evaluator for each in answered}
