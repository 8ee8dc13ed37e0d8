"""The fields that a query reads are all it needs: a person of whom nothing else is left gives the same answer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.pql.shop import asked

from muster.pql import matches
from muster.pql.paths import Path, paths_read
from muster.pql.tables import ProfileTable

NOW = datetime(2024, 3, 10, tzinfo=UTC)
PERSON = {
    "name": "ann",
    "orders": [{"sku": "a", "at": "2024-01-01T00:00Z"}, {"sku": "a"}, {"sku": "b"}],
    "xEvent": [
        {"eventType": "buy", "total": 5.0, "due": "2024-04-01T00:00Z", "items": [{"sku": "a"}]},
        {"eventType": "buy", "total": 1.5, "items": [{"sku": "a"}, {"sku": "b", "notes": ["x"]}]},
        {"eventType": "view", "due": "2024-05-01T00:00Z"},
    ],
}
QUERIES: dict[str, set[Path]] = {
    "xEvent.groupBy(eventType).map(this.sum(total)).max() = 6.5": {
        ("xEvent", "eventType"),
        ("xEvent", "total"),
    },
    'xEvent.groupBy(eventType).get("buy").total.max() = 5': {("xEvent", "eventType"), ("xEvent", "total")},
    'xEvent.groupBy(eventType).get("buy")[total > 2].items.sku = "a"': {
        ("xEvent", "eventType"),
        ("xEvent", "total"),
        ("xEvent", "items", "sku"),
    },
    "xEvent.groupBy(eventType).map((k, v) => v.due.head()).count() = 2": {
        ("xEvent", "eventType"),
        ("xEvent", "due"),
    },
    'xEvent.groupBy(eventType).map((k, v) => mapEntry(k, v.items.sku.distinct().count())).get("buy") = 2': {
        ("xEvent", "eventType"),
        ("xEvent", "items", "sku"),
    },
    'xEvent.groupBy(items.sku).map((k, v) => mapEntry(v.eventType.head(), k)).get("buy") = "b"': {
        ("xEvent", "items", "sku"),
        ("xEvent", "eventType"),
    },
    'let G = xEvent.groupBy(eventType) in G.get("view").due.getMonth() = 5': {
        ("xEvent", "eventType"),
        ("xEvent", "due"),
    },
    "xEvent.groupBy(eventType).map(this.topN(due, 1).total).sum() = 5": {
        ("xEvent", "eventType"),
        ("xEvent", "due"),
        ("xEvent", "total"),
    },
    "orders.groupBy(sku).map(this.at).count() = 1": {("orders", "sku"), ("orders", "at")},
    # Of how many there are, and which, everything is known from the key.
    'xEvent.groupBy(eventType).get("buy").count() = 2': {("xEvent", "eventType")},
    'xEvent.groupBy(eventType).get("buy").isNotNull()': {("xEvent", "eventType")},
    'xEvent.groupBy(eventType).get("buy")': {("xEvent", "eventType")},
    "xEvent.groupBy(eventType).keys().count() = 2": {("xEvent", "eventType")},
    "xEvent.groupBy(eventType).map(this.count()).max() = 2": {("xEvent", "eventType")},
    'xEvent.groupBy(eventType).map((k, v) => if(k = "buy", v.count(), 0)).sum() = 2': {
        ("xEvent", "eventType")
    },
    "xEvent.groupBy(0).map(this.count()).max() = 3": {("xEvent",)},
    # Whole elements are compared.
    "orders.groupBy(sku).map(this.distinct().count()).max() = 2": {("orders",), ("orders", "sku")},
}


@pytest.mark.parametrize("text", QUERIES)
def test_what_is_read_of_groups_is_known(text: str) -> None:
    query = asked(text)
    found = paths_read(query.condition)
    assert found == QUERIES[text]
    assert matches(query, PERSON, now=NOW)
    assert matches(query, _cut(PERSON, found), now=NOW)


def test_columns_answer_what_is_asked_of_groups() -> None:
    query = asked("name.isNotNull()")
    with ProfileTable.from_rows([PERSON], query.schema) as table:
        assert [text for text in QUERIES if not table.members(asked(text), now=NOW).all()] == []


def _cut(value: Any, paths: Iterable[Path]) -> Any:
    """A value of which only what lies on the paths is left."""
    paths = set(paths)
    if () in paths:
        return value
    if isinstance(value, list):
        return [_cut(item, paths) for item in value]
    rest = {name: {path[1:] for path in paths if path[0] == name} for name in value}
    return {name: _cut(value[name], inner) for name, inner in rest.items() if inner}
