"""Statistics, samples and exports of the Schema Registry."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.schemaregistry.printing import brief, descriptor_shown, shown
from muster.api.schemaregistry.routes import BASE
from muster.api.wire import from_path, reply
from muster.kernel.errors import NotFound
from muster.storage.records import Document, Order, Query, RecordsTransaction
from muster.xdm import standard
from muster.xdm.library import KINDS, Library
from muster.xdm.resolve import references
from muster.xdm.samples import sample

door = Door(BASE, "Schema Registry tools")

_RECENT_MAX = 10
_USERS_SHOWN_MAX = 100
_COUNTED = {"schemas": "schema", "mixins": "fieldgroup", "datatypes": "datatype", "classes": "class"}


@door.get("/stats", permission=Permission.SIGNED_IN)
def read_stats(here: Here) -> Response:
    """The tenant's name, and how much of what there is."""
    with here.records.read() as tx:
        counts = {name: tx.page(kind, Query(limit=0)).total_count for name, kind in _COUNTED.items()}
        counts["unions"] = sum(1 for id in _used_classes(tx) if Library(tx).tagged_schemas(id))
        return reply(
            {
                "imsOrg": here.scope.org_id,
                "tenantId": here.scope.tenant_id,
                "counts": counts,
                "recentlyCreatedResources": _recent(tx, "@created"),
                "recentlyUpdatedResources": _recent(tx, "@updated"),
                "classUsage": {id: _schemas(tx, id) for id in _used_classes(tx)},
            }
        )


@door.get("/rpc/sampledata/{name}", permission=Permission.VIEW_SCHEMAS)
def read_sample(name: str, here: Here) -> Response:
    """A row that fits a schema."""
    with here.records.read() as tx:
        library = Library(tx)
        return reply(sample(library.resolved(library.get(from_path(name))).fields))


@door.get("/rpc/export/{name}", permission=Permission.VIEW_SCHEMAS)
def export_resource(name: str, request: Request, here: Here) -> Response:
    """A tenant resource with all tenant resources that it is made of, and their descriptors; these stand before their users."""
    with here.records.read() as tx:
        library = Library(tx)
        document = library.get(from_path(name))
        if document.get("meta:containerId") != "tenant" or document["meta:resourceType"] == "unions":
            raise NotFound("tenant resource", from_path(name))
        exported: list[Document] = []
        _collect(library, document, exported)
        results: list[Any] = [shown(each, None, here.scope) for each in exported]
        for each in exported:
            page = tx.page("descriptor", Query(links=(("schema", each["$id"]),), limit=_USERS_SHOWN_MAX))
            results += [descriptor_shown(record, here.scope) for record in page.items]
        return reply(results)


def _collect(library: Library, document: Document, exported: list[Document]) -> None:
    for id in sorted(references(document)):
        found = library.find(id)
        if found is not None and found["meta:containerId"] == "tenant" and found not in exported:
            _collect(library, found, exported)
    if document not in exported:
        exported.append(document)


def _recent(tx: RecordsTransaction, by: str) -> list[Document]:
    query = Query(orders=(Order((by,), descending=True),), limit=_RECENT_MAX)
    found = [record for kind in dict.fromkeys(KINDS.values()) for record in tx.page(kind, query).items]
    found.sort(key=lambda record: record.created_at if by == "@created" else record.updated_at, reverse=True)
    return [brief(record.body) for record in found[:_RECENT_MAX]]


def _used_classes(tx: RecordsTransaction) -> list[str]:
    own = [record.id for record in tx.page("class", Query(limit=_USERS_SHOWN_MAX)).items]
    classes = [*(document["$id"] for document in standard.all_of("classes")), *own]
    return [id for id in classes if tx.page("schema", Query(links=(("class", id),), limit=0)).total_count]


def _schemas(tx: RecordsTransaction, class_id: str) -> list[Document]:
    page = tx.page("schema", Query(links=(("class", class_id),), limit=_USERS_SHOWN_MAX))
    return [brief(record.body) for record in page.items]
