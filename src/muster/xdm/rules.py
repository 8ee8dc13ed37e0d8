"""The rules a tenant resource must keep before it is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from muster.kernel.errors import Invalid, Problem
from muster.storage.records import Document
from muster.xdm.library import Library

TITLE_LENGTH_MAX = 256
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def check(document: Document, library: Library, tenant_id: str) -> None:
    """Check a resource whose `meta:resourceType` and derived fields are set. Reports all problems together.

    Raises:
        Invalid: Anything that is wrong, with JSON paths.
    """
    problems = [*_shape(document)]
    if not problems:
        problems += _composition(document, library)
        problems += _names(document, library, tenant_id)
    if problems:
        raise Invalid(tuple(problems))
    # Follows every reference and reads every type; raises what is wrong there.
    library.resolved(document)


def own_properties(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The `properties` that a resource itself puts at the top of a row, each with its JSON path."""
    yield from _own(document, document, "", frozenset())


def class_references(document: Mapping[str, Any], library: Library) -> tuple[str, ...]:
    """The classes among what a schema is composed of."""
    return tuple(id for _, id in _parts(document) if _type(library, id) == "classes")


def _shape(document: Document) -> Iterator[Problem]:
    title = document.get("title")
    if not isinstance(title, str) or not title.strip():
        yield Problem("/title", "a title is needed")
    elif len(title) > TITLE_LENGTH_MAX:
        yield Problem("/title", f"is longer than {TITLE_LENGTH_MAX} characters")
    parts = document.get("allOf", [])
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        yield Problem("/allOf", "is a list of objects, each with $ref")
    for key in ("definitions", "properties"):
        if not isinstance(document.get(key, {}), Mapping):
            yield Problem(f"/{key}", "is an object")
    tags = document.get("meta:immutableTags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        yield Problem("/meta:immutableTags", "is a list of names")
    yield from _unreadable(document, "")


def _unreadable(node: Any, path: str) -> Iterator[Problem]:
    if isinstance(node, list):
        for position, value in enumerate(node):
            yield from _unreadable(value, f"{path}/{position}")
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        if key == "$ref" and not isinstance(value, str):
            yield Problem(f"{path}/$ref", "is the $id of a resource")
        elif key == "properties" and not _is_properties(value):
            yield Problem(f"{path}/properties", "is an object of schemas by field name")
        else:
            yield from _unreadable(value, f"{path}/{key}")


def _is_properties(value: Any) -> bool:
    # A field may itself be called `properties`; then it is a schema with a type.
    return isinstance(value, Mapping) and all(
        isinstance(member, Mapping) or "type" in value for member in value.values()
    )


def _composition(document: Document, library: Library) -> Iterator[Problem]:
    kind = document["meta:resourceType"]
    for position, id in _parts(document):
        if library.find(id) is None:
            yield Problem(f"/allOf/{position}/$ref", f"there is no resource {id}")
            return
    if kind == "schemas":
        yield from _schema_composition(document, library)
    if kind == "classes" and not any(
        _type(library, id) in ("behaviors", "classes") for _, id in _parts(document)
    ):
        yield Problem("/allOf", "a class refers to one behavior: record, time-series or adhoc")
    if kind == "mixins":
        extended = document.get("meta:intendedToExtend", [])
        if not isinstance(extended, list):
            yield Problem("/meta:intendedToExtend", "is a list of class ids")
            return
        for id in extended:
            if _type(library, str(id)) not in ("classes", "behaviors"):
                yield Problem("/meta:intendedToExtend", f"there is no class {id}")


def _schema_composition(document: Document, library: Library) -> Iterator[Problem]:
    classes = class_references(document, library)
    if len(classes) != 1:
        yield Problem("/allOf", f"a schema refers to exactly one class, not to {len(classes)}")
        return
    fitting = {classes[0], *library.get(classes[0]).get("meta:extends", ())}
    for position, id in _parts(document):
        if id == classes[0]:
            continue
        if _type(library, id) != "mixins":
            yield Problem(f"/allOf/{position}/$ref", f"{id} is no field group")
            continue
        intended = library.get(id).get("meta:intendedToExtend", ())
        # A field group that names no class fits all of them.
        if intended and not fitting & set(intended):
            yield Problem(
                f"/allOf/{position}/$ref", f"field group {id} is not intended to extend {classes[0]}"
            )


def _names(document: Document, library: Library, tenant_id: str) -> Iterator[Problem]:
    adhoc = document["meta:resourceType"] == "schemas" and "adhoc" in {
        library.behavior_of(id) for id in class_references(document, library)
    }
    free = adhoc or document["meta:resourceType"] == "datatypes"
    for path, properties in own_properties(document):
        for name, node in properties.items():
            if not free and name != f"_{tenant_id}":
                yield Problem(f"{path}/{name}", f"fields of your own belong under the object _{tenant_id}")
            yield from _spelling(name, node, f"{path}/{name}")


def _spelling(name: str, node: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield Problem(path, "a field name starts with a letter and has letters, digits, - and _")
    for child, member in (node.get("properties") or {}).items():
        yield from _spelling(child, member, f"{path}/properties/{child}")


def _own(
    node: Mapping[str, Any], document: Mapping[str, Any], path: str, seen: frozenset[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node.get("properties"), Mapping):
        yield f"{path}/properties", node["properties"]
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/") and reference not in seen:
        target: Any = document
        for name in reference[2:].split("/"):
            target = target.get(name) if isinstance(target, Mapping) else None
        if isinstance(target, Mapping):
            yield from _own(target, document, reference[1:], seen | {reference})
    for position, part in enumerate(node.get("allOf") or ()):
        yield from _own(part, document, f"{path}/allOf/{position}", seen)


def _parts(document: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for position, part in enumerate(document.get("allOf") or ()):
        id = str(part.get("$ref", "")).partition("#")[0]
        if id:
            yield position, id


def _type(library: Library, id: str) -> str:
    return str((library.find(id) or {}).get("meta:resourceType", ""))
