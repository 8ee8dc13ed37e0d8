"""The standard library of XDM: behaviors, classes, field groups and data types that every sandbox can use.

`standard/*.json` holds what a machine needs: ids, names, types, bounds. Titles of fields and labels of values follow from their
names. Ids, names and types are those of the published XDM; the wording is ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from muster.storage.records import Document

NAMESPACE = "https://ns.adobe.com/xdm/"
PROFILE_CLASS = NAMESPACE + "context/profile"
EVENT_CLASS = NAMESPACE + "context/experienceevent"
BEHAVIORS = {
    NAMESPACE + "data/record": "record",
    NAMESPACE + "data/time-series": "time-series",
    NAMESPACE + "data/adhoc": "adhoc",
}
IDENTITY_MAP = NAMESPACE + "context/identitymap"
SEGMENTATION = NAMESPACE + "context/profile-segmentation"

_VERSION = "1.0"


def find(name: str) -> Document | None:
    """The standard resource with that `$id` or `meta:altId`, references unresolved, or None. Not to be changed."""
    return _by_name().get(name)


def all_of(resource_type: str) -> tuple[Document, ...]:
    """All standard resources of a type (`classes`, `fieldgroups`, `datatypes`, `behaviors`), by title."""
    found = (document for id, document in _by_name().items() if id == document["$id"])
    ours = [document for document in found if _plural(document["meta:resourceType"]) == resource_type]
    return tuple(sorted(ours, key=lambda document: str(document["title"])))


@cache
def field_groups_of(class_id: str) -> tuple[str, ...]:
    """Ids of the standard field groups that are made for a class."""
    return tuple(
        document["$id"] for document in all_of("fieldgroups") if class_id in document["meta:intendedToExtend"]
    )


def alt_id(id: str) -> str:
    """`meta:altId` of a `$id`: `https://ns.adobe.com/xdm/context/profile` → `_xdm.context.profile`."""
    tail = id.split("://", 1)[-1].removeprefix("ns.adobe.com/")
    return "_" + tail.replace("/", ".")


def words(name: str) -> str:
    """A field's name as a title: `mobilePhone` → `Mobile phone`."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|[-_.\s]+", " ", name).split()
    lowered = [part if part.isupper() else part.lower() for part in parts]
    return " ".join([lowered[0][:1].upper() + lowered[0][1:], *lowered[1:]]) if lowered else name


def _plural(resource_type: str) -> str:
    return "fieldgroups" if resource_type == "mixins" else resource_type


@cache
def _by_name() -> Mapping[str, Document]:
    found: dict[str, Document] = {}
    for entry in sorted(files(__package__).joinpath("standard").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            for compact in json.loads(entry.read_text("utf-8")):
                document = _expanded(compact)
                found[document["$id"]] = found[document["meta:altId"]] = document
    return found


def _expanded(compact: Mapping[str, Any]) -> Document:
    """A resource as the API has it, from the short form of the files."""
    name = compact["$id"].rsplit("/", 1)[-1]
    resource_type = compact["meta:resourceType"]
    document: Document = {
        "$id": compact["$id"],
        "meta:altId": alt_id(compact["$id"]),
        # The wire's old name for field groups; clients compare with it.
        "meta:resourceType": "mixins" if resource_type == "fieldgroups" else resource_type,
        "version": _VERSION,
        "title": compact["title"],
        "type": "object",
        "description": compact.get("description", ""),
        "meta:extensible": resource_type in ("classes", "fieldgroups", "behaviors"),
        "meta:abstract": resource_type != "datatypes",
        "meta:extends": compact.get("meta:extends", []),
        "meta:containerId": "global",
        "meta:xdmType": "object",
    }
    if resource_type == "fieldgroups":
        document["meta:intendedToExtend"] = compact.get("meta:intendedToExtend", [])
    references = list(compact.get("allOf", ()))
    if "properties" in compact:
        own = {"type": "object", "properties": _titled(compact["properties"])}
        document["definitions"] = {name: own}
        references.append({"$ref": f"#/definitions/{name}", "type": "object"})
    document["allOf"] = references
    for key in ("required", "meta:status"):
        if key in compact:
            document[key] = compact[key]
    return document


def _titled(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _titled_node(words(name), node) for name, node in properties.items()}


def _titled_node(title: str, node: Mapping[str, Any]) -> dict[str, Any]:
    full: dict[str, Any] = {"title": title, **node}
    if "properties" in node:
        full["properties"] = _titled(node["properties"])
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), Mapping):
            full[key] = {
                name: value
                for name, value in _titled_node("", node[key]).items()
                if (name, value) != ("title", "")
            }
    if "meta:enum" in node:
        full["meta:enum"] = {value: words(value) for value in node["meta:enum"]}
    return full
