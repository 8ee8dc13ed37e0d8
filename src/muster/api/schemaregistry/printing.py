"""Resources and descriptors as this service shows them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from muster.api.schemaregistry.accept import Form
from muster.kernel.clock import to_ms
from muster.kernel.scope import Scope
from muster.storage.records import Document, Record
from muster.xdm.fields import Field, Kind

LIBRARY_VERSION = "1.0.0"
"""Edition of the standard library, shown as `meta:globalLibVersion`."""

_HIDDEN = ("meta:createdBy", "meta:modifiedBy")
_LIBRARY_MS = 1_577_836_800_000
"""Standard resources have no date of their own; they show 2020-01-01."""


def brief(document: Mapping[str, Any]) -> Document:
    """The entry of a resource in a list of ids."""
    return {key: document[key] for key in ("title", "$id", "meta:altId", "version")}


def shown(document: Mapping[str, Any], record: Record | None, scope: Scope) -> Document:
    """A resource with what is known of its storage; without a record it belongs to the standard library."""
    whole = {key: value for key, value in document.items() if key not in _HIDDEN}
    whole["meta:registryMetadata"] = _metadata(document, record)
    whole["imsOrg"] = scope.org_id if document.get("meta:containerId") == "tenant" else "adobe"
    if document.get("meta:containerId") == "tenant":
        whole |= {"meta:sandboxId": scope.sandbox_id, "meta:sandboxType": scope.sandbox_type}
    return whole


def in_form(document: Document, fields: Field | None, form: Form) -> Document:
    """A resource in the form that was asked for.

    Args:
        document: With its references followed when the form is full.
        fields: The same as fields; needed for the flat form.
    """
    if "flat" in form.words and fields is not None:
        paths = {"/".join(path): _flat(leaf) for path, leaf in _leaves(fields, ())}
        document = {**document, "properties": paths}
    if "notext" in form.words:
        document = {key: _without_text(value) if key in _TREES else value for key, value in document.items()}
    return document


def described(document: Document, descriptors: list[Document]) -> Document:
    """A resolved schema with its descriptors, all together and each at the field it is about."""
    document = {**document, "meta:descriptors": descriptors}
    for descriptor in descriptors:
        path = descriptor.get("xdm:sourceProperty")
        if isinstance(path, str):
            document = _with_descriptor(document, [name for name in path.split("/") if name], descriptor)
    return document


def descriptor_shown(record: Record, scope: Scope) -> Document:
    """A descriptor as it was stored, without what only we need."""
    body = {key: value for key, value in record.body.items() if key != "meta:namespaceCode"}
    return {
        **body,
        "imsOrg": scope.org_id,
        "meta:sandboxId": scope.sandbox_id,
        "meta:sandboxType": scope.sandbox_type,
    }


_TREES = ("properties", "definitions", "allOf", "items", "additionalProperties")


def _metadata(document: Mapping[str, Any], record: Record | None) -> Document:
    created_ms = to_ms(record.created_at) if record else _LIBRARY_MS
    updated_ms = to_ms(record.updated_at) if record else _LIBRARY_MS
    by, last_by = (str(document.get(key, "system")) for key in _HIDDEN)
    etag = hashlib.blake2b(
        f"{document['$id']} {record.version if record else 0}".encode(), digest_size=32
    ).hexdigest()
    return {
        "repo:createdDate": created_ms,
        "repo:lastModifiedDate": updated_ms,
        "xdm:createdClientId": by.partition("@")[0],
        "xdm:lastModifiedClientId": last_by.partition("@")[0],
        "xdm:createdUserId": by,
        "xdm:lastModifiedUserId": last_by,
        "eTag": etag,
        "meta:globalLibVersion": LIBRARY_VERSION,
    }


def _without_text(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_text(value) for value in node]
    if not isinstance(node, Mapping):
        return node
    # Below these two keys stand field names, and a field may be called `title`.
    names = {
        key: {name: _without_text(member) for name, member in node[key].items()}
        for key in ("properties", "definitions")
        if isinstance(node.get(key), Mapping)
    }
    if not names and all(isinstance(value, Mapping) for value in node.values()) and "type" not in node:
        return {name: _without_text(member) for name, member in node.items()}
    rest = {
        key: _without_text(value) if key in _TREES else value
        for key, value in node.items()
        if key not in ("title", "description") and key not in names
    }
    return {**rest, **names}


def _leaves(field: Field, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Field]]:
    for name, member in field.fields.items():
        below = (*path, name)
        item = member
        while item.kind is Kind.ARRAY and item.item is not None:
            item = item.item
        if item.kind is Kind.OBJECT and item.fields:
            yield from _leaves(item, below)
        else:
            yield below, member


def _flat(field: Field) -> Document:
    return {"title": field.title, "meta:xdmType": field.xdm_type}


def _with_descriptor(node: Document, path: list[str], descriptor: Document) -> Document:
    if not path:
        return {**node, "meta:descriptors": [*node.get("meta:descriptors", ()), descriptor]}
    members = node.get("properties")
    if not isinstance(members, dict) or path[0] not in members:
        return node
    return {
        **node,
        "properties": {**members, path[0]: _with_descriptor(members[path[0]], path[1:], descriptor)},
    }
