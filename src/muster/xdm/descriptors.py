"""Descriptors: what is said about a field of a schema from outside it, such as that it identifies the person."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from muster.kernel.errors import Invalid, Problem
from muster.storage.records import Document, Names, Query, Record, RecordsTransaction
from muster.storage.workspace import Workspace
from muster.xdm.fields import Field, Kind
from muster.xdm.library import Library
from muster.xdm.registry import IDENTITY, has_identity_map

TYPES = frozenset(
    f"xdm:{name}"
    for name in (
        "descriptorIdentity", "alternateDisplayInfo", "descriptorOneToOne", "descriptorRelationship", "descriptorReferenceIdentity",
        "descriptorLabel", "descriptorDeprecated", "descriptorPrimaryKey", "descriptorVersion", "descriptorTimestamp",
        "descriptorTimeSeriesGranularity",
    )
)  # fmt: skip
"""Documented types; all are kept and given back, identities have an effect."""

DESCRIPTORS_MAX = 4000
"""Per sandbox. Documented: guardrails."""

_ID_DIGITS = 40
_DERIVED = frozenset(
    {
        "@id",
        "imsOrg",
        "version",
        "meta:containerId",
        "meta:namespaceCode",
        "meta:sandboxId",
        "meta:sandboxType",
    }
)


class Descriptors:
    """The descriptors of one sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._records = workspace.records
        self._ids = workspace.ids

    def get(self, id: str) -> Record:
        """The descriptor. Raises `NotFound`."""
        with self._records.read() as tx:
            return tx.get("descriptor", id)

    def create(self, body: Any, namespace_code: str = "") -> Record:
        """Store a descriptor.

        Args:
            body: The API's document.
            namespace_code: Code of the namespace that the body names by code or number; identities only.
        Raises:
            Invalid: An unknown type or schema, a path that leads nowhere, a field that cannot be what the descriptor says, or a
                second primary identity.
        """
        wanted = _object(body)
        with self._records.write() as tx:
            if tx.page("descriptor", Query(limit=0)).total_count >= DESCRIPTORS_MAX:
                raise Invalid.at("", f"a sandbox holds at most {DESCRIPTORS_MAX} descriptors")
            id = self._ids.hex(_ID_DIGITS)
            document = _checked(tx, wanted, id, namespace_code)
            return tx.add("descriptor", id, document, _names(document))

    def replace(self, id: str, body: Any, namespace_code: str = "") -> Record:
        """Store a descriptor anew, whole. Raises `NotFound`, `Invalid`."""
        wanted = _object(body)
        with self._records.write() as tx:
            before = tx.get("descriptor", id).body
            document = _checked(tx, wanted, id, namespace_code)
            if _is_primary(before) and before != document:
                _check_removable(tx, before, document)
            return tx.replace("descriptor", id, document, names=_names(document))

    def remove(self, id: str) -> None:
        """Remove a descriptor. Raises `NotFound`, `Invalid` (the identity that the union rests on)."""
        with self._records.write() as tx:
            before = tx.get("descriptor", id).body
            if _is_primary(before):
                _check_removable(tx, before, None)
            tx.remove("descriptor", id)


def _checked(tx: RecordsTransaction, wanted: Document, id: str, namespace_code: str) -> Document:
    problems = list(_shape(wanted))
    if problems:
        raise Invalid(tuple(problems))
    library = Library(tx)
    source = library.find(wanted["xdm:sourceSchema"])
    if source is None:
        raise Invalid.at("/xdm:sourceSchema", f"there is no schema {wanted['xdm:sourceSchema']}")
    fields = library.resolved(source).fields
    problems = [
        problem for path in _paths(wanted) for problem in _path_problems(path, fields, wanted["@type"])
    ]
    document: Document = {
        **{key: value for key, value in wanted.items() if key not in _DERIVED},
        "@id": id,
        "xdm:sourceSchema": source["$id"],
        "meta:containerId": "tenant",
        "version": "1",
    }
    document.setdefault("xdm:sourceVersion", 1)
    if wanted["@type"] == IDENTITY:
        problems += _identity_problems(tx, document, source)
        document.setdefault("xdm:property", "xdm:code")
        document["xdm:isPrimary"] = document.get("xdm:isPrimary", False)
        document["meta:namespaceCode"] = namespace_code or str(document.get("xdm:namespace", ""))
    if problems:
        raise Invalid(tuple(problems))
    return document


def _shape(wanted: Document) -> Iterator[Problem]:
    if wanted.get("@type") not in TYPES:
        yield Problem("/@type", f"is one of {', '.join(sorted(TYPES))}")
    if not isinstance(wanted.get("xdm:sourceSchema"), str):
        yield Problem("/xdm:sourceSchema", "is the $id of a schema")
    for path in _paths(wanted):
        if not isinstance(path, str) or not path.startswith("/"):
            yield Problem("/xdm:sourceProperty", "starts with /")
        elif len(path) > 1 and path.endswith("/"):
            yield Problem("/xdm:sourceProperty", "does not end with /")
    if "xdm:sourceProperty" not in wanted:
        yield Problem("/xdm:sourceProperty", "is the path of a field, such as /personalEmail/address")
    if wanted.get("@type") == IDENTITY:
        if not isinstance(wanted.get("xdm:namespace"), str | int) or wanted["xdm:namespace"] == "":
            yield Problem("/xdm:namespace", "is the code or the id of an identity namespace")
        if wanted.get("xdm:property", "xdm:code") not in ("xdm:code", "xdm:id"):
            yield Problem("/xdm:property", "is xdm:code or xdm:id")
        if not isinstance(wanted.get("xdm:isPrimary", False), bool):
            yield Problem("/xdm:isPrimary", "is true or false")


def _paths(wanted: Mapping[str, Any]) -> list[Any]:
    # Primary keys of several fields name them in a list.
    path = wanted.get("xdm:sourceProperty", [])
    return path if isinstance(path, list) else [path]


def _path_problems(path: str, fields: Field, type_: str) -> Iterator[Problem]:
    names = [name for name in path.split("/") if name]
    # A field may be called `properties`; only where there is none is it the habit of naming the schema's own nodes.
    found: Field | None = fields
    repeated = False
    for name in names:
        if found is not None and found.kind is Kind.ARRAY:
            found, repeated = found.item, True
            if name in ("*", "[*]"):
                continue
        if found is None:
            break
        if found.kind is Kind.MAP:
            found, repeated = found.item, True
        else:
            found = found.fields.get(name.removesuffix("[*]"))
    if found is None:
        hint = " (leave out the segments `properties`)" if "properties" in names else ""
        yield Problem("/xdm:sourceProperty", f"the schema has no field {path}{hint}")
    elif type_ == IDENTITY and (found.kind is not Kind.STRING or repeated):
        yield Problem(
            "/xdm:sourceProperty", f"an identity is a string outside arrays and maps; {path} is not"
        )


def _identity_problems(tx: RecordsTransaction, document: Document, source: Document) -> Iterator[Problem]:
    if source["meta:resourceType"] != "schemas":
        yield Problem("/xdm:sourceSchema", f"{source['$id']} is no schema")
    for key, path, message in (
        (_primary_key(document), "/xdm:isPrimary", "the schema has a primary identity already"),
        (_identity_key(document), "/xdm:sourceProperty", "the field is an identity already"),
    ):
        other = tx.find_key("descriptor", key) if key else None
        if other is not None and other.id != document["@id"]:
            yield Problem(path, f"{message}: descriptor {other.id}")


def _check_removable(tx: RecordsTransaction, before: Document, after: Document | None) -> None:
    """A schema of the union keeps a primary identity."""
    library = Library(tx)
    schema = library.find(before["xdm:sourceSchema"])
    if schema is None or "union" not in schema.get("meta:immutableTags", ()):
        return
    if after is not None and _primary_key(after) == _primary_key(before):
        return
    if not has_identity_map(library.resolved(schema).fields):
        raise Invalid.at("", f"schema {schema['$id']} is in the union and needs its primary identity")


def _is_primary(document: Mapping[str, Any]) -> bool:
    return document["@type"] == IDENTITY and document.get("xdm:isPrimary") is True


def _primary_key(document: Mapping[str, Any]) -> str:
    return f"primary:{document['xdm:sourceSchema']}" if _is_primary(document) else ""


def _identity_key(document: Mapping[str, Any]) -> str:
    if document["@type"] != IDENTITY:
        return ""
    # Paths may be longer than a key.
    named = f"{document['xdm:sourceSchema']} {document['xdm:sourceProperty']}"
    return "identity:" + hashlib.blake2b(named.encode(), digest_size=20).hexdigest()


def _names(document: Document) -> Names:
    keys = [key for key in (_primary_key(document), _identity_key(document)) if key]
    return Names(keys, (("schema", document["xdm:sourceSchema"]), ("type", document["@type"])))


def _object(body: Any) -> Document:
    if not isinstance(body, dict):
        raise Invalid.at("", "a JSON object is needed")
    return body
