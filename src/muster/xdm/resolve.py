"""Schemas with their references followed: `$ref` and `allOf` become one tree of `properties`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from muster.kernel.errors import Invalid
from muster.storage.records import Document
from muster.xdm.fields import xdm_type_of

Lookup = Callable[[str], Document | None]
"""Finds a resource by its `$id`; None when there is none."""

_COMPOSITION = ("allOf", "$ref", "definitions")


def resolve(document: Mapping[str, Any], lookup: Lookup) -> Document:
    """The document with every reference replaced by what it names, as the API shows it under `xed-full`.

    Objects that several parts describe are merged, later parts win over earlier ones and own words over both. A data type
    that contains itself ends in an object without fields. Every field tells its `meta:xdmType`.

    Raises:
        Invalid: A reference that leads nowhere, or a type that XDM does not have.
    """
    return _Resolver(lookup).node(document, document, ())


def references(document: Mapping[str, Any]) -> frozenset[str]:
    """The `$id`s that a document refers to, wherever in it; references into itself are left out."""
    return frozenset(base for base in (ref.partition("#")[0] for ref in _refs(document)) if base)


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> Document:
    """Two resolved nodes as one: the second wins, members and required names of both remain."""
    both: Document = {**first, **second}
    if "properties" in first and "properties" in second:
        members = dict(first["properties"])
        for name, node in second["properties"].items():
            members[name] = merged(members[name], node) if name in members else node
        both["properties"] = members
    if "required" in first and "required" in second:
        both["required"] = sorted({*first["required"], *second["required"]})
    return both


def optional(node: Mapping[str, Any]) -> Document:
    """A resolved node in which nothing is required: a union holds rows of several schemas, each with its own demands."""
    lax = {key: value for key, value in node.items() if key != "required"}
    if "properties" in lax:
        lax["properties"] = {name: optional(member) for name, member in lax["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(lax.get(key), Mapping):
            lax[key] = optional(lax[key])
    return lax


def _refs(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)


class _Resolver:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def node(self, node: Mapping[str, Any], home: Mapping[str, Any], inside: tuple[str, ...]) -> Document:
        """One node of the document `home`; `inside` are the references being followed."""
        result: Document = {}
        for part in self._parts(node, home, inside):
            result = merged(result, part)
        own = {key: value for key, value in node.items() if key not in _COMPOSITION}
        if isinstance(own.get("properties"), Mapping):
            own["properties"] = {
                name: self.node(member, home, inside) for name, member in own["properties"].items()
            }
        for key in ("items", "additionalProperties"):
            if isinstance(own.get(key), Mapping):
                own[key] = self.node(own[key], home, inside)
        if own.get("type", result.get("type")) != result.get("type"):
            # A node that gives itself another type than what it refers to is not of that XDM type either.
            result.pop("meta:xdmType", None)
        result = merged(result, own)
        result["meta:xdmType"] = xdm_type_of(result)
        result.setdefault("type", _json_type(result["meta:xdmType"]))
        return result

    def _parts(
        self, node: Mapping[str, Any], home: Mapping[str, Any], inside: tuple[str, ...]
    ) -> Iterator[Document]:
        if "$ref" in node:
            yield self._target(node["$ref"], home, inside)
        for part in node.get("allOf") or ():
            if "$ref" in part:
                yield self._target(part["$ref"], home, inside)
            if rest := {
                key: value for key, value in part.items() if key not in ("$ref", "type", "meta:xdmType")
            }:
                yield self.node(rest, home, inside)

    def _target(self, reference: str, home: Mapping[str, Any], inside: tuple[str, ...]) -> Document:
        base, _, pointer = reference.partition("#")
        document = home
        if base and base != home.get("$id"):
            found = self._lookup(base)
            if found is None:
                raise Invalid.at("/allOf/$ref", f"there is no resource {base}")
            document = found
        key = f"{document.get('$id', '')}#{pointer}"
        if key in inside:
            return {"type": "object", "meta:xdmType": "object"}
        resolved = self.node(_pointed(document, pointer, reference), document, (*inside, key))
        if base:
            shown = {
                name: value
                for name, value in resolved.items()
                if name in _OF_FIELDS or not name.startswith(("meta:", "$"))
            }
            shown.pop("version", None)
            return {**shown, "meta:referencedFrom": base}
        return resolved


_OF_FIELDS = frozenset({"meta:xdmType", "meta:enum", "meta:status"})


def _pointed(document: Mapping[str, Any], pointer: str, reference: str) -> Mapping[str, Any]:
    node: Any = document
    for name in pointer.strip("/").split("/") if pointer else ():
        node = node.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
    if not isinstance(node, Mapping):
        raise Invalid.at("/allOf/$ref", f"{reference} points at nothing")
    return node


def _json_type(xdm_type: str) -> str:
    if xdm_type in ("date", "date-time"):
        return "string"
    if xdm_type in ("long", "int", "short", "byte"):
        return "integer"
    return "object" if xdm_type == "map" else xdm_type
