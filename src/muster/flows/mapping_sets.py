"""Mapping sets and their schemas: which field of a profile becomes which column of a file.

Every version of a set is kept, because a flow pins the one that it was given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from muster.flows.entities import Author, checked_body
from muster.flows.errors import EntityNotFound, refused
from muster.kernel.clock import to_ms
from muster.kernel.page import Page
from muster.storage.records import Document, Names, Query, Record, RecordsTransaction
from muster.storage.workspace import Workspace

_ATTRIBUTE = ("ATTRIBUTE", "text/x.schema-path")
_EXPRESSION = ("EXPRESSION", "text/x.aep-xl")
_SOURCE = re.compile(r"[\w$@:-]+((//\.|\.|/)[\w$@:-]+|\[\d+\])*")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export: a path in the profile, and the name that the file gives it."""

    source: str
    name: str


def create_schema(workspace: Workspace, body: Any, author: Author) -> Record:
    """Store a schema of Data Prep as it was sent: an object, or the text of one."""
    body = checked_body(body)
    schema = body.get("jsonSchema")
    if isinstance(schema, str):
        try:
            schema = orjson.loads(schema)
        except orjson.JSONDecodeError as error:
            raise refused("1419-400", "jsonSchema is a text that is no JSON", "jsonSchema") from error
    if not isinstance(schema, dict) and not isinstance(body.get("schemaRef"), dict):
        raise refused("1419-400", "jsonSchema, an object, or schemaRef is required", "jsonSchema")
    kept = {name: body[name] for name in ("name", "schemaRef") if body.get(name)}
    stored = {
        **kept,
        **({"jsonSchema": schema} if isinstance(schema, dict) else {}),
        **_stamp(workspace, author, 0),
    }
    with workspace.records.write() as tx:
        return tx.add("conversion_schema", workspace.ids.hex(32), stored)


def get_schema(workspace: Workspace, id: str) -> Record:
    """A schema. Raises `EntityNotFound`."""
    with workspace.records.read() as tx:
        return _found(tx.find("conversion_schema", id), "schemas", id)


def create_mapping_set(workspace: Workspace, body: Any, author: Author) -> Record:
    """Store version 0 of a mapping set.

    Raises:
        FlowInvalid: 1419, a mapping that cannot be, or an expression, which this version does not evaluate.
    """
    id = workspace.ids.hex(32)
    with workspace.records.write() as tx:
        stored = _checked(tx, workspace, checked_body(body)) | _stamp(workspace, author, 0)
        tx.add("mapping_set_version", f"{id}/0", stored, Names(links=(("mapping_set", id),)))
        return tx.add("mapping_set", id, stored)


def replace_mapping_set(workspace: Workspace, id: str, body: Any, author: Author) -> Record:
    """Store the next version of a mapping set; flows that pin an older one keep it."""
    with workspace.records.write() as tx:
        record = _found(tx.find("mapping_set", id), "mappingSets", id)
        version = record.body["version"] + 1
        created = {name: record.body[name] for name in ("createdDate", "createdBy")}
        stored = _checked(tx, workspace, checked_body(body)) | _stamp(workspace, author, version) | created
        tx.add("mapping_set_version", f"{id}/{version}", stored, Names(links=(("mapping_set", id),)))
        return tx.replace("mapping_set", id, stored, expected=record.version)


def get_mapping_set(workspace: Workspace, id: str, version: str | None = None) -> Record:
    """The newest version of a mapping set, or a named one. Raises `EntityNotFound`."""
    with workspace.records.read() as tx:
        if version is None:
            return _found(tx.find("mapping_set", id), "mappingSets", id)
        return _found(
            tx.find("mapping_set_version", f"{id}/{version}"), "mappingSets", f"{id}?version={version}"
        )


def list_mapping_sets(workspace: Workspace, *, offset: int, limit: int) -> Page[Record]:
    """One page of the newest versions, newest first."""
    with workspace.records.read() as tx:
        return tx.page("mapping_set", Query(offset=offset, limit=limit))


def delete_mapping_set(workspace: Workspace, id: str) -> None:
    """Remove all versions of a mapping set. Raises `FlowInvalid` 1447 while a flow uses it."""
    with workspace.records.write() as tx:
        _found(tx.find("mapping_set", id), "mappingSets", id)
        users = tx.page("flow", Query(links=(("mapping_set", id),), limit=100)).items
        if users:
            raise refused("1447-400", f"flows use the mapping set: {', '.join(flow.id for flow in users)}")
        for version in tx.page(
            "mapping_set_version", Query(links=(("mapping_set", id),), limit=10_000)
        ).items:
            tx.remove("mapping_set_version", version.id)
        tx.remove("mapping_set", id)


def columns_of(tx: RecordsTransaction, id: str, version: int) -> tuple[Column, ...]:
    """The columns of one version of a mapping set, in its order. Raises `EntityNotFound`."""
    stored = _found(
        tx.find("mapping_set_version", f"{id}/{version}"), "mappingSets", f"{id}?version={version}"
    )
    return tuple(Column(each["source"], each["destination"]) for each in stored.body["mappings"])


def split_source(source: str) -> tuple[str, ...]:
    """The names of a source path. `//.` stands for a dot inside a name, `[n]` for an element of a list."""
    names = source.replace("//.", "\0").replace("/", ".").replace("[", ".[").split(".")
    return tuple(name.replace("\0", ".") for name in names)


def _checked(tx: RecordsTransaction, workspace: Workspace, body: Document) -> Document:
    sent = body.get("mappings")
    if not isinstance(sent, list) or not sent:
        raise refused("1419-400", "mappings is a list with at least one mapping", "mappings")
    output = body.get("outputSchema") or {}
    # Sets of ingestion name an XDM schema as output, and then a destination is a path.
    for_export = not (output.get("schemaRef") or body.get("xdmSchema"))
    for name in ("inputSchema", "outputSchema"):
        id = (body.get(name) or {}).get("id")
        if id and tx.find("conversion_schema", str(id)) is None:
            raise refused("1419-400", f"there is no schema {id}", f"{name}.id")
    mappings = [
        _mapping(workspace, each, f"mappings/{n}", for_export=for_export) for n, each in enumerate(sent)
    ]
    destinations = [each["destination"] for each in mappings]
    if twice := sorted({name for name in destinations if destinations.count(name) > 1}):
        raise refused("1419-400", f"destination {twice[0]} is mapped twice", "mappings")
    if (
        for_export
        and len({each["source"] for each in mappings if each["source"].startswith("identityMap.")}) > 1
    ):
        raise refused("1419-400", "a file holds identities of one namespace only", "mappings")
    kept = {name: value for name, value in body.items() if name not in ("id", "version", "mappings")}
    return {**kept, "mappings": mappings}


def _mapping(workspace: Workspace, mapping: Any, path: str, *, for_export: bool) -> Document:
    if not isinstance(mapping, dict):
        raise refused("1419-400", "a mapping is an object", path)
    source = mapping.get("source") or mapping.get("sourceAttribute")
    destination = mapping.get("destination") or mapping.get("destinationXdmPath")
    if not isinstance(source, str) or not isinstance(destination, str):
        raise refused("1419-400", "a mapping has a source and a destination", path)
    is_path = _SOURCE.fullmatch(source) is not None
    sent_type = mapping.get("sourceType") or ("ATTRIBUTE" if is_path else "EXPRESSION")
    if sent_type in _EXPRESSION:
        raise refused("1419-400", f"{source!r} is an expression; only attributes are supported yet", path)
    if sent_type not in _ATTRIBUTE:
        raise refused("1419-400", f"sourceType {sent_type!r} is not supported; ATTRIBUTE is", path)
    if not is_path:
        raise refused("1419-400", f"{source!r} is no path of an attribute", path)
    if for_export and "." in destination:
        raise refused("1419-400", f"destination {destination!r} holds a dot; write an underscore", path)
    return {
        **mapping,
        "id": mapping.get("id") or workspace.ids.hex(32),
        "version": 0,
        "sourceType": sent_type,
        "source": source,
        "destination": destination,
        "sourceAttribute": source,
        "destinationXdmPath": destination,
        "identity": bool(mapping.get("identity", False)),
        "primaryIdentity": bool(mapping.get("primaryIdentity", False)),
        "matchScore": 0.0,
        "functionVersion": mapping.get("functionVersion") or 0,
        "copyModeMapping": False,
    }


def _stamp(workspace: Workspace, author: Author, version: int) -> Document:
    now = to_ms(workspace.clock.now())
    return {
        "version": version,
        "createdDate": now,
        "modifiedDate": now,
        "createdBy": author.user_id,
        "modifiedBy": author.user_id,
    }


def _found(record: Record | None, resource: str, id: str) -> Record:
    if record is None:
        raise EntityNotFound(resource, id, resource)
    return record


def short(record: Record) -> Mapping[str, Any]:
    """What a write of a set or a schema is answered with."""
    names = ("version", "createdDate", "modifiedDate", "createdBy", "modifiedBy")
    return {"id": record.id, **{name: record.body[name] for name in names}}
