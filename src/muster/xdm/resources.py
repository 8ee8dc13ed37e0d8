"""Tenant classes, field groups, data types and schemas: making, changing and removing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonpatch
import jsonpointer

from muster.kernel.errors import InUse, Invalid, NotFound
from muster.storage.records import Document, Names, Query, Record, RecordsTransaction
from muster.storage.workspace import Workspace
from muster.xdm import rules
from muster.xdm.compatibility import breaking_changes, conflicts
from muster.xdm.fields import Field, xdm_type_of
from muster.xdm.library import KINDS, UNION_SUFFIX, Library
from muster.xdm.registry import has_identity_map, identities_of
from muster.xdm.resolve import references

TYPES = ("classes", "fieldgroups", "datatypes", "schemas")

_ID_DIGITS = 48
_DERIVED = frozenset(
    {
        "$id", "$schema", "imsOrg", "version", "meta:abstract", "meta:altId", "meta:class", "meta:containerId", "meta:createdDate",
        "meta:extends", "meta:extensible", "meta:registryMetadata", "meta:resourceType", "meta:sandboxId", "meta:sandboxType",
        "meta:tenantNamespace", "meta:xdmType", "meta:createdBy", "meta:modifiedBy", "meta:descriptors",
    }
)  # fmt: skip
"""What the registry itself says of a resource; ignored where a body brings it."""


@dataclass(eq=False)
class TitleTaken(Invalid):
    """Title must be unique. An object {id} already exists with the same title."""

    id: str = ""

    def __str__(self) -> str:
        return (type(self).__doc__ or "").format(id=self.id)


class Resources:
    """The tenant container of one sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._records = workspace.records
        self._scope = workspace.scope
        self._ids = workspace.ids

    def create(self, resource_type: str, body: Any, by: str) -> Record:
        """Store a new resource of a type out of `TYPES`, under a new `$id`. Raises `Invalid`."""
        wanted = _object(body)
        segment = "mixins" if resource_type == "fieldgroups" else resource_type
        id = f"https://ns.adobe.com/{self._scope.tenant_id}/{segment}/{self._ids.hex(_ID_DIGITS)}"
        document = self._document(wanted, id, segment, "1.0")
        document["meta:createdBy"] = document["meta:modifiedBy"] = by
        with self._records.write() as tx:
            library = Library(tx)
            self._complete(document, library)
            _check_title(tx, document)
            rules.check(document, library, self._scope.tenant_id)
            if _tagged(document):
                _check_enabled(tx, library, document)
            return tx.add(KINDS[resource_type], id, document, _names(document))

    def replace(self, resource_type: str, name: str, body: Any, by: str) -> Record:
        """Store a changed resource whole, as its next minor version. Raises `NotFound`, `Invalid`."""
        wanted = _object(body)
        with self._records.write() as tx:
            return self._change(tx, find_record(tx, resource_type, name), wanted, by)

    def patch(self, resource_type: str, name: str, operations: Any, by: str) -> Record:
        """Apply a JSON Patch to a resource. Raises `NotFound`, `Invalid`."""
        if not isinstance(operations, list):
            raise Invalid.at("", "a list of JSON Patch operations is needed")
        with self._records.write() as tx:
            record = find_record(tx, resource_type, name)
            return self._change(tx, record, patched(record.body, operations), by)

    def remove(self, resource_type: str, name: str) -> None:
        """Remove a resource that nothing uses. Raises `NotFound`, `Invalid` (in the union), `InUse`."""
        with self._records.write() as tx:
            record = find_record(tx, resource_type, name)
            library = Library(tx)
            if _tagged(record.body):
                raise Invalid.at(
                    "/meta:immutableTags", "a schema that takes part in the union cannot be deleted"
                )
            if count := library.dataset_count(record.id):
                raise InUse(resource_type, record.id, f"{count} datasets")
            if users := library.users(record.id):
                raise InUse(resource_type, record.id, ", ".join(sorted(users)[:5]))
            _remove_descriptors(tx, record.id)
            tx.remove(record.kind, record.id)

    def _change(self, tx: RecordsTransaction, record: Record, wanted: Mapping[str, Any], by: str) -> Record:
        before = record.body
        library = Library(tx)
        major, _, minor = str(before["version"]).partition(".")
        version = f"{major}.{int(minor) + 1}"
        document = self._document(wanted, record.id, before["meta:resourceType"], version)
        document["meta:createdBy"], document["meta:modifiedBy"] = before["meta:createdBy"], by
        self._complete(document, library)
        if _tagged(before) and not _tagged(document):
            raise Invalid.at("/meta:immutableTags", "the union tag stays once it is set")
        _check_title(tx, document, record.id)
        rules.check(document, library, self._scope.tenant_id)
        if _tagged(document) and not _tagged(before):
            _check_enabled(tx, library, document)
        _check_compatible(library, before, document)
        return tx.replace(record.kind, record.id, document, names=_names(document))

    def _document(self, wanted: Mapping[str, Any], id: str, segment: str, version: str) -> Document:
        document: Document = {
            "$id": id,
            "meta:altId": f"_{self._scope.tenant_id}.{segment}.{id.rsplit('/', 1)[-1]}",
            "meta:resourceType": segment,
            "version": version,
            **{key: value for key, value in wanted.items() if key not in _DERIVED},
            "meta:extensible": segment in ("mixins", "classes"),
            "meta:abstract": segment in ("mixins", "classes"),
            "meta:containerId": "tenant",
            "meta:tenantNamespace": f"_{self._scope.tenant_id}",
            "meta:xdmType": "object",
        }
        document.setdefault("type", "object")
        document.setdefault("description", "")
        return document

    def _complete(self, document: Document, library: Library) -> None:
        """Fill in what follows from the composition. Malformed parts are left for the rules to name."""
        parts = document.get("allOf") if isinstance(document.get("allOf"), list) else []
        refs = [str(part["$ref"]) for part in parts or () if isinstance(part, Mapping) and "$ref" in part]
        extended = [id for id in refs if not id.startswith("#")]
        kind = document["meta:resourceType"]
        if kind == "schemas":
            document.setdefault("allOf", [])
            classes = [
                id for id in extended if (library.find(id) or {}).get("meta:resourceType") == "classes"
            ]
            if len(classes) == 1:
                document["meta:class"] = classes[0]
                extended += [
                    id for id in library.get(classes[0]).get("meta:extends", ()) if id not in extended
                ]
        if kind in ("schemas", "classes") or extended:
            document["meta:extends"] = extended
        if kind == "mixins":
            document.setdefault("meta:intendedToExtend", [])
        for key in ("definitions", "properties"):
            if isinstance(document.get(key), Mapping):
                document[key] = {name: typed(node) for name, node in document[key].items()}


def find_record(tx: RecordsTransaction, resource_type: str, name: str) -> Record:
    """The tenant resource of a type by `$id` or `meta:altId`. Raises `NotFound`."""
    kind = KINDS[resource_type]
    record = tx.find(kind, name) if "://" in name else tx.find_key(kind, name)
    if record is None:
        raise NotFound(resource_type, name)
    return record


def patched(body: Document, operations: Sequence[Any]) -> Document:
    """A copy of a document with a JSON Patch applied. Raises `Invalid`."""
    try:
        result = jsonpatch.apply_patch(body, operations)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
        raise Invalid.at("", f"the patch cannot be applied: {error}") from error
    return _object(result)


def typed(node: Any) -> Any:
    """A schema node in which every field tells its `meta:xdmType`; what cannot be read stays as it is."""
    if not isinstance(node, Mapping):
        return node
    full = dict(node)
    for key in ("items", "additionalProperties"):
        if isinstance(full.get(key), Mapping):
            full[key] = typed(full[key])
    if isinstance(full.get("properties"), Mapping):
        full["properties"] = {name: typed(member) for name, member in full["properties"].items()}
    if "meta:xdmType" not in full and "$ref" not in full and ("type" in full or "properties" in full):
        try:
            full["meta:xdmType"] = xdm_type_of(full)
        except Invalid:
            return full  # The rules read every type again and say where it stands.
    return full


def _object(body: Any) -> Document:
    if not isinstance(body, dict):
        raise Invalid.at("", "a JSON object is needed")
    return body


def _tagged(document: Mapping[str, Any]) -> bool:
    return "union" in document.get("meta:immutableTags", ())


def _names(document: Document) -> Names:
    return Names(keys=(document["meta:altId"], f"title:{document['title']}"), links=tuple(_links(document)))


def _links(document: Document) -> Iterator[tuple[str, str]]:
    for id in references(document):
        yield "uses", id
    if "meta:class" in document:
        yield "class", document["meta:class"]
    for tag in document.get("meta:immutableTags", ()):
        yield "tag", tag


def _check_title(tx: RecordsTransaction, document: Document, id: str = "") -> None:
    title = document.get("title")
    if not isinstance(title, str):
        return
    for kind in dict.fromkeys(KINDS.values()):
        found = tx.find_key(kind, f"title:{title}")
        if found is not None and found.id != id:
            raise TitleTaken((), found.id)


def _check_enabled(tx: RecordsTransaction, library: Library, document: Document) -> None:
    """Whether a schema may enter the union: its rows must say whose they are."""
    if document["meta:resourceType"] != "schemas":
        return
    if library.behavior_of(document["meta:class"]) == "adhoc":
        raise Invalid.at("/meta:immutableTags", "ad-hoc schemas do not take part in Profile")
    primary = any(identity.is_primary for identity in identities_of(tx, document["$id"]))
    if not primary and not has_identity_map(library.resolved(document).fields):
        raise Invalid.at(
            "/meta:immutableTags",
            "To enable profile datasets the schema should be valid: it needs a primary identity descriptor or identityMap",
        )
    _check_union(library, document["meta:class"], library.resolved(document).fields)


def _check_union(library: Library, class_id: str, fields: Field) -> None:
    """Whether fields fit into the union of a class beside those of its other schemas."""
    union = library.find(class_id + UNION_SUFFIX)
    if union is not None and (problems := tuple(conflicts(library.resolved(union).fields, fields))):
        raise Invalid(problems)


def _check_compatible(library: Library, before: Document, after: Document) -> None:
    """Refuse changes that break data, when a schema that is made of the resource holds data."""
    id = before["$id"]
    held = [user for user in (id, *library.users(id)) if "/schemas/" in user and library.is_held(user)]
    if not held:
        return
    old, new = library.resolved(before).fields, library.resolved(after).fields
    problems = tuple(breaking_changes(old, new))
    if before.get("meta:class") != after.get("meta:class"):
        raise Invalid.at("/allOf", "the class of a schema that holds data stays")
    if problems:
        raise Invalid(problems)
    # What is added may clash with another schema of the same union; each class is looked at once.
    for class_id in {library.get(user)["meta:class"] for user in held if _tagged(library.get(user))}:
        _check_union(library, class_id, new)


def _remove_descriptors(tx: RecordsTransaction, schema_id: str) -> None:
    while (page := tx.page("descriptor", Query(links=(("schema", schema_id),), limit=500))).items:
        for record in page.items:
            tx.remove("descriptor", record.id)
