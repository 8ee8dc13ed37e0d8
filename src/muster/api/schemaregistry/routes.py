"""Classes, field groups, data types, schemas, behaviors and unions of both containers."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, CallerOf, Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.schemaregistry.accept import Form, list_form, read_form
from muster.api.schemaregistry.lists import LIMIT_MAX, Listed, Listing, read_listing, standing, stored
from muster.api.schemaregistry.printing import brief, described, descriptor_shown, in_form, shown
from muster.api.wire import Params, base_url, from_path, reply
from muster.kernel.errors import NotFound
from muster.storage.records import Document, Query, Record, RecordsTransaction
from muster.storage.workspace import Workspace
from muster.xdm import standard
from muster.xdm.library import KINDS, UNION_SUFFIX, Library
from muster.xdm.resources import Resources, find_record

BASE = "/data/foundation/schemaregistry"
door = Door(BASE, "Schema Registry")

_TYPES = {"classes", "fieldgroups", "mixins", "datatypes", "schemas", "behaviors", "unions"}
_SINGULAR = {"schema": "schemas"}
_ONE_PAGE_MAX = 10_000
"""Clients that list data types do not follow pages."""


@door.get("/global/{resource_type}", permission=Permission.VIEW_SCHEMAS)
def list_standard(resource_type: str, request: Request, here: Here) -> Response:
    """The standard library."""
    type_ = _type(resource_type)
    listing = _listing(request, type_)
    listed = standing(standard.all_of("fieldgroups" if type_ == "mixins" else type_), listing)
    return _printed_list(request, here, listed, listing, type_)


@door.get("/tenant/{resource_type}", permission=Permission.VIEW_SCHEMAS)
def list_tenant(resource_type: str, request: Request, here: Here) -> Response:
    """The sandbox's own resources; unions are one for each class of which a schema takes part in Profile."""
    type_ = _type(resource_type)
    listing = _listing(request, type_)
    with here.records.read() as tx:
        if type_ == "unions":
            listed = standing(_unions(tx), listing)
        elif type_ in KINDS:
            listed = stored(tx, KINDS[type_], listing)
        else:
            listed = Listed((), None)
    return _printed_list(request, here, listed, listing, type_)


@door.get("/{container}/{resource_type}/{name}", permission=Permission.VIEW_SCHEMAS)
def read_resource(container: str, resource_type: str, name: str, request: Request, here: Here) -> Response:
    """One resource, in the form that the Accept header names."""
    form = read_form(request.headers.get("accept"))
    type_, name = _type(resource_type), from_path(name)
    with here.records.read() as tx:
        library = Library(tx)
        found = _found(tx, library, container, type_, name)
        return reply(_in_form(tx, library, here, found, form))


@door.post("/tenant/{resource_type}", permission=Permission.MANAGE_SCHEMAS)
def create_resource(resource_type: str, here: Here, caller: CallerOf, body: Body) -> Response:
    """A new resource of the sandbox, whole in the answer."""
    record = Resources(here).create(_writable(resource_type), body, caller.user_id)
    return reply(shown(record.body, record, here.scope), 201)


@door.put("/tenant/{resource_type}/{name}", permission=Permission.MANAGE_SCHEMAS)
def replace_resource(resource_type: str, name: str, here: Here, caller: CallerOf, body: Body) -> Response:
    """The resource as the body has it, in its next minor version."""
    record = Resources(here).replace(_writable(resource_type), from_path(name), body, caller.user_id)
    return reply(shown(record.body, record, here.scope))


@door.patch("/tenant/{resource_type}/{name}", permission=Permission.MANAGE_SCHEMAS)
def patch_resource(resource_type: str, name: str, here: Here, caller: CallerOf, body: Body) -> Response:
    """The resource with a JSON Patch applied, in its next minor version."""
    record = Resources(here).patch(_writable(resource_type), from_path(name), body, caller.user_id)
    return reply(shown(record.body, record, here.scope))


@door.delete("/tenant/{resource_type}/{name}", permission=Permission.MANAGE_SCHEMAS)
def remove_resource(resource_type: str, name: str, here: Here) -> Response:
    """Nothing is left of a resource that nothing uses."""
    Resources(here).remove(_writable(resource_type), from_path(name))
    return reply(status=204)


def printed_page(request: Request, results: list[Any], listing: Listing, next_: str | None) -> Document:
    """The envelope of a list. `_page.next` is there on the last page too, as null: clients index it."""
    link = None
    if next_ is not None:
        kept = [(key, value) for key, value in Params(request).items() if key != "start"]
        query = urlencode([*kept, ("start", next_)], quote_via=quote)
        link = {"href": f"{base_url(request)}{request.url.path}?{query}"}
    return {
        "results": results,
        "_page": {"orderby": listing.orderby, "next": next_, "count": len(results)},
        "_links": {"next": link, "global_schemas": {"href": f"{base_url(request)}{BASE}/global/schemas"}},
    }


def _printed_list(
    request: Request, here: Workspace, listed: Listed, listing: Listing, type_: str
) -> Response:
    short = "id" in list_form(request.headers.get("accept")).words
    results = [
        brief(document) if short else shown(document, record, here.scope) for document, record in listed.items
    ]
    return reply(printed_page(request, results, listing, listed.next))


def _listing(request: Request, type_: str) -> Listing:
    return read_listing(Params(request), limit_max=_ONE_PAGE_MAX if type_ == "datatypes" else LIMIT_MAX)


def _type(resource_type: str) -> str:
    type_ = _SINGULAR.get(resource_type, resource_type)
    if type_ not in _TYPES:
        raise NotFound("resource type", resource_type)
    return type_


def _writable(resource_type: str) -> str:
    type_ = _type(resource_type)
    if type_ not in KINDS:
        raise NotFound("resource type that can be changed", resource_type)
    return "fieldgroups" if type_ == "mixins" else type_


def _unions(tx: RecordsTransaction) -> list[Document]:
    library = Library(tx)
    classes = [document["$id"] for document in standard.all_of("classes")]
    offset = 0
    while (page := tx.page("class", Query(offset=offset, limit=LIMIT_MAX))).items:
        classes += [record.id for record in page.items]
        offset += LIMIT_MAX
    found = (library.find(id + UNION_SUFFIX) for id in classes)
    return [document for document in found if document is not None]


def _found(
    tx: RecordsTransaction, library: Library, container: str, type_: str, name: str
) -> tuple[Document, Record | None]:
    if container not in ("global", "tenant"):
        raise NotFound("container", container)
    if container == "tenant" and name.endswith(UNION_SUFFIX) and type_ in ("unions", "schemas"):
        return library.get(name), None
    # The standard library can be read through either container.
    document = standard.find(name)
    if document is not None and document["meta:resourceType"] == (
        "mixins" if type_ == "fieldgroups" else type_
    ):
        return document, None
    if container == "global" or type_ not in KINDS:
        raise NotFound(type_, name)
    record = find_record(tx, type_, name)
    return record.body, record


def _in_form(
    tx: RecordsTransaction,
    library: Library,
    here: Workspace,
    found: tuple[Document, Record | None],
    form: Form,
) -> Document:
    document, record = found
    if not form.is_full and "desc" not in form.words:
        return in_form(shown(document, record, here.scope), None, form)
    resolved = library.resolved(document)
    json = resolved.json
    if document["$id"] == standard.PROFILE_CLASS + UNION_SUFFIX:
        json = with_events(library, json)
    whole = shown(json, record, here.scope)
    if "desc" in form.words:
        whole = described(whole, schema_descriptors(tx, here, document["$id"]))
    return in_form(whole, resolved.fields, form)


def with_events(library: Library, profile_union: Document) -> Document:
    """The resolved profile union with the events of a person below `timeSeriesEvents`. Rows do not have this field."""
    events = library.resolved(library.get(standard.EVENT_CLASS + UNION_SUFFIX)).json
    item = {key: events[key] for key in ("type", "properties", "meta:xdmType", "required") if key in events}
    field = {"title": "Time series events", "type": "array", "items": item, "meta:xdmType": "array"}
    return {**profile_union, "properties": {**profile_union["properties"], "timeSeriesEvents": field}}


def schema_descriptors(tx: RecordsTransaction, here: Workspace, schema_id: str) -> list[Document]:
    """The descriptors of one schema, oldest first."""
    page = tx.page("descriptor", Query(links=(("schema", schema_id),), limit=_ONE_PAGE_MAX))
    return [descriptor_shown(record, here.scope) for record in reversed(page.items)]
