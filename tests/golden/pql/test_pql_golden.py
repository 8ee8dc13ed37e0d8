"""Queries and what DuckDB is asked, as text. After a deliberate change: `python -m tests.golden.pql.test_pql_golden`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from muster.pql import ObjectType, bind, parse, plan
from muster.pql.emit.duckdb import event_predicate, event_value, person_predicate, profile_predicate
from muster.pql.plan import EventAtom, PersonAtom, ProfileAtom
from muster.pql.types import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, STRING, ArrayType, MapType

PAIRS = Path(__file__).with_name("duckdb.txt")
NOW = datetime(2024, 3, 10, 5, 45, 30, 250_000, tzinfo=UTC)
EVENT = ObjectType(
    {
        "eventType": STRING,
        "timestamp": DATETIME,
        "total": NUMBER,
        "items": ArrayType(ObjectType({"sku": STRING, "qty": INTEGER})),
    }
)
PROFILE = ObjectType(
    {
        "tier": STRING,
        "points": INTEGER,
        "score": NUMBER,
        "vip": BOOLEAN,
        "born": DATE,
        "seen": DATETIME,
        "home": ObjectType({"city": STRING, "zip code": STRING}),
        "tags": ArrayType(STRING),
        "marks": ArrayType(NUMBER),
        "prefs": MapType(STRING),
        "orders": ArrayType(ObjectType({"sku": STRING, "qty": INTEGER, "price": NUMBER})),
    }
)
PERSON = ObjectType({**PROFILE.fields, "xEvent": ArrayType(EVENT)})
SCHEMA = ObjectType({**PROFILE.fields, "added": ObjectType({"later": STRING}), "xEvent": ArrayType(EVENT)})


def explain(text: str) -> Iterator[str]:
    """The atoms of a query, one line each. The file has no column `added`: it is older than the field."""
    for atom in plan(bind(parse(text), SCHEMA)).atoms:
        if isinstance(atom, ProfileAtom):
            predicate = profile_predicate(atom, PROFILE, now=NOW)
            yield f"profile: {predicate.sql('duckdb') if predicate is not None else 'person by person'}"
        elif isinstance(atom, EventAtom):
            types = "any type" if atom.event_types is None else " ".join(sorted(atom.event_types))
            yield f"events of {types}: {atom.aggregate} {atom.comparison} {atom.threshold}"
            predicate, value = (make(atom, EVENT, now=NOW) for make in (event_predicate, event_value))
            yield f"  where: {predicate.sql('duckdb') if predicate is not None else 'person by person'}"
            if atom.value is not None:
                yield f"  value: {value.sql('duckdb') if value is not None else 'person by person'}"
        elif isinstance(atom, PersonAtom):
            predicate = person_predicate(atom, PERSON, now=NOW)
            yield f"person: {predicate.sql('duckdb') if predicate is not None else 'person by person'}"
        else:
            yield f"segment {atom.segment_id}"


def blocks() -> list[str]:
    return PAIRS.read_text(encoding="utf-8").strip().split("\n\n")


def render(block: str) -> str:
    text = block.splitlines()[0]
    return "\n".join([text, *explain(text)])


def test_sql_is_as_written_down() -> None:
    assert [render(block) for block in blocks()] == blocks()


if __name__ == "__main__":
    PAIRS.write_text("\n\n".join(render(block) for block in blocks()) + "\n", encoding="utf-8")
