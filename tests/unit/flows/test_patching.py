"""JSON Patch as the clients send it."""

from __future__ import annotations

from typing import Any

import pytest

from muster.flows.errors import FlowInvalid
from muster.flows.patching import apply_patch

ROOTS = frozenset({"name", "params", "auth", "policy", "items"})
DOCUMENT: dict[str, Any] = {
    "name": "n",
    "params": {"a": 1, "b": 2},
    "items": list("abcd"),
    "auth": {"params": {"k": "v", "l": "w"}},
}


def op(name: str, path: str, *value: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **({"value": value[0]} if value else {})}


@pytest.mark.parametrize(
    ("operations", "items"),
    [
        ([op("remove", "/items/0"), op("remove", "/items/1")], "cd"),
        ([op("remove", "/items/1"), op("remove", "/items/3")], "ac"),
        ([op("remove", "/items/1"), op("remove", "/items/0")], "cd"),
        ([op("remove", "/items/0"), op("remove", "/items/0")], "cd"),
        ([op("add", "/items/-", "e"), op("remove", "/items/0"), op("remove", "/items/1")], "bde"),
        ([op("Replace", "/items/1", "x"), op("ADD", "/items/0", "y")], "yaxcd"),
    ],
)
def test_positions(operations: list[dict[str, Any]], items: str) -> None:
    assert apply_patch(DOCUMENT, operations, ROOTS)["items"] == list(items)


def test_params_are_merged() -> None:
    assert apply_patch(DOCUMENT, [op("replace", "/params", {"b": 3})], ROOTS)["params"] == {"a": 1, "b": 3}
    assert apply_patch(DOCUMENT, [op("add", "/auth/params", {"m": "x"})], ROOTS)["auth"]["params"] == {
        "k": "v",
        "l": "w",
        "m": "x",
    }


def test_remove_drops_the_named_keys_or_all() -> None:
    named = apply_patch(DOCUMENT, [op("remove", "/auth/params", ["k"])], ROOTS)
    every = apply_patch(DOCUMENT, [op("remove", "/auth/params")], ROOTS)

    assert named["auth"]["params"] == {"l": "w"}
    assert every["auth"]["params"] == {}


def test_missing_parents_are_made() -> None:
    assert apply_patch(DOCUMENT, [op("add", "/policy/enforcementRefs/-", "r")], ROOTS)["policy"] == {
        "enforcementRefs": ["r"]
    }


def test_original_is_left_alone() -> None:
    apply_patch(DOCUMENT, [op("remove", "/items/0"), op("replace", "/params", {"a": 9})], ROOTS)

    assert DOCUMENT["items"] == list("abcd")
    assert DOCUMENT["params"]["a"] == 1


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([], "1405-400"),
        ({}, "1405-400"),
        ([op("move", "/name", "x")], "1434-400"),
        ([op("replace", "/items/9", "x")], "1455-400"),
        ([op("remove", "/params/z")], "1455-400"),
        ([op("replace", "/connectionSpec", {})], "1455-400"),
        ([op("replace", "/name/first", "x")], "1455-400"),
        ([op("add", "/name")], "1455-400"),
    ],
)
def test_what_is_not_possible_is_refused_with_its_code(operations: Any, code: str) -> None:
    with pytest.raises(FlowInvalid) as refusal:
        apply_patch(DOCUMENT, operations, ROOTS)

    assert refusal.value.code == code
