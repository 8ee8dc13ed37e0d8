"""References are followed, parts are merged, circles end."""

from __future__ import annotations

from typing import Any

import pytest

from muster.kernel.errors import Invalid
from muster.xdm.fields import read_field
from muster.xdm.resolve import references, resolve


def properties(document: dict[str, Any], **library: dict[str, Any]) -> dict[str, Any]:
    found = resolve(document, library.get)["properties"]
    assert isinstance(found, dict)
    return found


def test_references_inside_and_outside_become_properties() -> None:
    document = {
        "$id": "s",
        "definitions": {
            "own": {"properties": {"a": {"$ref": "#/definitions/word"}}},
            "word": {"type": "string"},
        },
        "allOf": [{"$ref": "group"}, {"$ref": "#/definitions/own"}],
    }
    group = {
        "$id": "group",
        "definitions": {"g": {"properties": {"b": {"type": "integer"}}}},
        "allOf": [{"$ref": "#/definitions/g"}],
    }
    found = properties(document, group=group)
    assert {name: node["meta:xdmType"] for name, node in found.items()} == {"a": "string", "b": "long"}


def test_parts_of_one_object_are_merged_deeply() -> None:
    first = {
        "$id": "first",
        "properties": {"o": {"properties": {"a": {"type": "string", "title": "A"}}, "required": ["a"]}},
    }
    second = {
        "$id": "second",
        "properties": {"o": {"properties": {"b": {"type": "string"}}, "required": ["b"]}},
    }
    found = properties(
        {"$id": "s", "allOf": [{"$ref": "first"}, {"$ref": "second"}]}, first=first, second=second
    )
    assert set(found["o"]["properties"]) == {"a", "b"} and found["o"]["required"] == ["a", "b"]


def test_own_words_win_over_those_of_the_type() -> None:
    word = {
        "$id": "word",
        "title": "A word",
        "type": "string",
        "meta:resourceType": "datatypes",
        "version": "1.3",
    }
    found = properties({"properties": {"name": {"title": "Name", "$ref": "word"}}}, word=word)
    assert found["name"] == {
        "title": "Name",
        "type": "string",
        "meta:xdmType": "string",
        "meta:referencedFrom": "word",
    }


def test_explicit_type_of_a_data_type_stays() -> None:
    count = {"$id": "count", "type": "integer", "meta:xdmType": "int"}
    assert properties({"properties": {"n": {"$ref": "count"}}}, count=count)["n"]["meta:xdmType"] == "int"
    retyped = properties({"properties": {"n": {"$ref": "count", "type": "string"}}}, count=count)
    assert retyped["n"]["meta:xdmType"] == "string"


def test_a_type_that_contains_itself_ends_in_an_open_object() -> None:
    node = {
        "$id": "node",
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "node"}}},
    }
    field = read_field(resolve({"$id": "s", "properties": {"root": {"$ref": "node"}}}, {"node": node}.get))
    child = field.fields["root"].fields["children"].item
    assert child is not None and child.open and not child.fields


@pytest.mark.parametrize("reference", ["nowhere", "#/definitions/nothing"])
def test_references_that_lead_nowhere_are_refused(reference: str) -> None:
    with pytest.raises(Invalid, match=reference.strip("#")):
        resolve({"$id": "s", "allOf": [{"$ref": reference}]}, lambda _: None)


def test_references_are_found_wherever_they_stand() -> None:
    document = {
        "allOf": [{"$ref": "a"}, {"$ref": "#/definitions/x"}],
        "definitions": {"x": {"properties": {"p": {"type": "array", "items": {"$ref": "b#/definitions/y"}}}}},
    }
    assert references(document) == {"a", "b"}
