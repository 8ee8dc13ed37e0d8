"""Resources of both containers, standard and tenant, seen from one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import orjson

from muster.kernel.errors import NotFound
from muster.storage.records import Document, Query, RecordsTransaction
from muster.xdm import standard
from muster.xdm.fields import Field, read_field
from muster.xdm.resolve import optional, references, resolve

KINDS = {
    "classes": "class",
    "fieldgroups": "fieldgroup",
    "mixins": "fieldgroup",
    "datatypes": "datatype",
    "schemas": "schema",
}
"""The record kind of each type of tenant resource, by its name in paths and ids."""

UNION_SUFFIX = "__union"

_PAGE = 500
_USERS_MAX = 10_000


class Library:
    """Finds resources by `$id` or `meta:altId`. Documents that it gives out are not to be changed.

    Args:
        tx: The transaction that tenant resources are read in.
    """

    def __init__(self, tx: RecordsTransaction) -> None:
        self._tx = tx
        self._seen: dict[str, Document | None] = {}

    def find(self, name: str) -> Document | None:
        """The resource with its references unresolved, or None. Unions are resources too."""
        if name not in self._seen:
            self._seen[name] = standard.find(name) or self._tenant(name) or self._union(name)
        return self._seen[name]

    def get(self, name: str) -> Document:
        """The resource. Raises `NotFound`."""
        document = self.find(name)
        if document is None:
            raise NotFound("resource", name)
        return document

    def class_of(self, document: Mapping[str, object]) -> str:
        """`$id` of the class of a schema, of a union, or of the class itself. Raises `NotFound` for other resources."""
        if document["meta:resourceType"] == "classes":
            return str(document["$id"])
        if "meta:class" not in document:
            raise NotFound("schema", str(document["$id"]))
        return str(document["meta:class"])

    def behavior_of(self, class_id: str) -> str:
        """`record`, `time-series` or `adhoc`."""
        extended = [*self.get(class_id).get("meta:extends", ()), *references(self.get(class_id))]
        found = next((standard.BEHAVIORS[id] for id in extended if id in standard.BEHAVIORS), None)
        if found is not None:
            return found
        parents = [id for id in extended if (self.find(id) or {}).get("meta:resourceType") == "classes"]
        return self.behavior_of(parents[0]) if parents else "adhoc"

    def tagged_schemas(self, class_id: str) -> tuple[str, ...]:
        """Ids of the schemas of a class that are in its union, oldest first."""
        found: list[str] = []
        links = (("class", class_id), ("tag", "union"))
        while True:
            page = self._tx.page("schema", Query(links=links, offset=len(found), limit=_PAGE))
            found += [record.id for record in page.items]
            if not page.has_next or not page.items:
                return tuple(reversed(found))

    def users(self, id: str) -> frozenset[str]:
        """Ids of the tenant resources that are made of a resource, directly or through others."""
        known: set[str] = set()
        waiting = {id}
        while waiting:
            links = (("uses", waiting.pop()),)
            for kind in dict.fromkeys(KINDS.values()):
                page = self._tx.page(kind, Query(links=links, limit=_USERS_MAX))
                waiting |= {record.id for record in page.items} - known
            known |= waiting
        return frozenset(known)

    def is_held(self, schema_id: str) -> bool:
        """Whether data depends on a schema: it is in a union, or a dataset has it."""
        tags = (self.find(schema_id) or {}).get("meta:immutableTags", ())
        return "union" in tags or self.dataset_count(schema_id) > 0

    def dataset_count(self, schema_id: str) -> int:
        """How many datasets have a schema."""
        return self._tx.page("dataset", Query(links=(("schema", schema_id),), limit=0)).total_count

    def resolved(self, document: Document) -> Resolved:
        """The document as one tree. Trees are kept while nothing that they are made of changes."""
        used = {id: found for id in self._closure(document) if (found := self.find(id)) is not None}
        return _resolved(_Bundle.of(document, used))

    def _closure(self, document: Document) -> frozenset[str]:
        known: set[str] = set()
        waiting = set(references(document))
        while waiting:
            id = waiting.pop()
            known.add(id)
            if standard.find(id) is not None:
                known |= _standard_closure(id)
            elif (found := self.find(id)) is not None:
                waiting |= references(found)
            waiting -= known
        return frozenset(known)

    def _tenant(self, name: str) -> Document | None:
        kind = _kind_of(name)
        if kind is None:
            return None
        record = self._tx.find(kind, name) if "://" in name else self._tx.find_key(kind, name)
        return None if record is None else record.body

    def _union(self, name: str) -> Document | None:
        base = name.removesuffix(UNION_SUFFIX)
        found = self.find(base) if base != name else None
        if found is None or found["meta:resourceType"] != "classes":
            return None
        return self._union_of(found)

    def _union_of(self, class_: Document) -> Document | None:
        class_id = class_["$id"]
        schemas = self.tagged_schemas(class_id)
        always = class_id in (standard.PROFILE_CLASS, standard.EVENT_CLASS)
        if not schemas and not always:
            return None
        parts = [class_id, *standard.field_groups_of(class_id), standard.IDENTITY_MAP]
        if self.behavior_of(class_id) == "record":
            parts.append(standard.SEGMENTATION)
        return {
            "$id": class_id + UNION_SUFFIX,
            "meta:altId": class_["meta:altId"] + UNION_SUFFIX,
            "meta:resourceType": "unions",
            "version": "1.0",
            "title": f"{class_['title']} union",
            "type": "object",
            "description": f"All fields of the schemas of class {class_['title']} that take part in Profile.",
            "meta:class": class_id,
            "meta:extends": [class_id, *schemas],
            "meta:extensible": False,
            "meta:abstract": False,
            "meta:immutableTags": ["union"],
            "meta:containerId": "tenant",
            "meta:xdmType": "object",
            "allOf": [{"$ref": id} for id in dict.fromkeys([*parts, *schemas])],
        }


@dataclass(frozen=True, slots=True)
class Resolved:
    """A resource with its references followed: as JSON schema and as fields. Neither is to be changed."""

    json: Document
    fields: Field


@dataclass(frozen=True, slots=True, eq=False)
class _Bundle:
    """A document with all that it refers to; two bundles of the same content are one key of the cache."""

    digest: bytes
    document: Document
    used: Mapping[str, Document]

    @classmethod
    def of(cls, document: Document, used: Mapping[str, Document]) -> _Bundle:
        # Standard resources never change while the process runs; their ids say enough.
        content = [document, *(used[id] if standard.find(id) is None else id for id in sorted(used))]
        return cls(hashlib.blake2b(orjson.dumps(content), digest_size=24).digest(), document, used)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bundle) and other.digest == self.digest


# A union takes about a megabyte; the bound keeps the API process small.
@lru_cache(maxsize=128)
def _resolved(bundle: _Bundle) -> Resolved:
    json = resolve(bundle.document, bundle.used.get)
    if bundle.document["meta:resourceType"] == "unions":
        json = optional(json)
    return Resolved(json, read_field(json))


@cache
def _standard_closure(id: str) -> frozenset[str]:
    known: set[str] = set()
    waiting = {id}
    while waiting:
        found = standard.find(waiting.pop())
        if found is not None and found["$id"] not in known:
            known.add(found["$id"])
            waiting |= references(found) - known
    return frozenset(known)


def whole_class(class_: Document) -> Document:
    """The schema that a standard class stands for where old clients name it as one: the class with all its field groups."""
    groups = [{"$ref": id} for id in standard.field_groups_of(class_["$id"])]
    return {**class_, "meta:class": class_["$id"], "allOf": [*class_["allOf"], *groups]}


def _kind_of(name: str) -> str | None:
    return next(_kinds_in(name), None)


def _kinds_in(name: str) -> Iterator[str]:
    parts = name.split("://", 1)[-1].split("/") if "://" in name else name.split(".")
    yield from (KINDS[part] for part in parts if part in KINDS)
