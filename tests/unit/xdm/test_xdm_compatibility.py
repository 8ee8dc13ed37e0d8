"""Which changes break data."""

from __future__ import annotations

from typing import Any

import pytest

from muster.xdm.compatibility import breaking_changes, conflicts
from muster.xdm.fields import read_field

BEFORE: dict[str, Any] = {
    "properties": {
        "name": {"type": "string", "enum": ["a", "b"]},
        "inner": {"type": "object", "properties": {"x": {"type": "integer"}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"y": {"type": "string"}}}},
    }
}


def changed(path: str, node: Any) -> dict[str, Any]:
    """BEFORE with the node at a path of properties replaced, or removed when it is None."""
    import copy

    after = copy.deepcopy(BEFORE)
    at: dict[str, Any] = after
    *above, last = path.split("/")
    for name in above:
        at = at["items"] if name == "*" else at["properties"][name]
    if node is None:
        del at["properties"][last]
    else:
        at["properties"][last] = node
    return after


@pytest.mark.parametrize(
    ("path", "node"),
    [
        ("name", None),
        ("inner/x", None),
        ("list/*/y", None),
        ("name", {"type": "number"}),
        ("inner/x", {"type": "integer", "meta:xdmType": "int"}),
        ("name", {"type": "string", "enum": ["a"]}),
        ("inner/x", {"type": "string"}),
    ],
)
def test_removing_retyping_and_narrowing_break(path: str, node: Any) -> None:
    problems = list(breaking_changes(read_field(BEFORE), read_field(changed(path, node))))
    assert [problem.path for problem in problems] == [f"/{path}"]


def test_requiring_breaks() -> None:
    problems = list(breaking_changes(read_field(BEFORE), read_field({**BEFORE, "required": ["name"]})))
    assert [problem.path for problem in problems] == ["/name"]


@pytest.mark.parametrize(
    ("path", "node"),
    [
        ("more", {"type": "string"}),
        ("inner/more", {"type": "string"}),
        ("name", {"type": "string", "enum": ["a", "b", "c"]}),
        ("name", {"type": "string", "title": "Other title"}),
    ],
)
def test_adding_and_widening_do_not_break(path: str, node: Any) -> None:
    assert list(breaking_changes(read_field(BEFORE), read_field(changed(path, node)))) == []


def test_conflicts_are_differences_of_type_in_what_both_have() -> None:
    other = {
        "properties": {
            "inner": {"type": "object", "properties": {"x": {"type": "string"}}},
            "own": {"type": "number"},
        }
    }
    assert [problem.path for problem in conflicts(read_field(BEFORE), read_field(other))] == ["/inner/x"]
