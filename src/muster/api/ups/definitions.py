"""Segment definitions on the wire."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, CallerOf, Here
from muster.api.door import Door
from muster.api.errors import register_status
from muster.api.permissions import Permission
from muster.api.ups import shapes
from muster.api.ups.requests import explained, flags, ids_of, orders, request_id
from muster.api.wire import Params, base_url, from_path, reply
from muster.evaluate.definitions import METHODS, DefinitionExists, Definitions
from muster.profiles.merge_policies import MergePolicies
from muster.storage.records import Document, Query, Record
from muster.storage.workspace import Workspace

door = Door("/data/core/ups", "Segment definitions")
register_status(DefinitionExists, 422)

_LIMIT = 100
_LIMIT_MAX = 10_000


@door.get("/segment/definitions", permission=Permission.VIEW_SEGMENTS)
def list_definitions(request: Request, here: Here) -> Response:
    """One page of the definitions; a page past the end is empty."""
    params = Params(request)
    limit = params.integer("limit", _LIMIT, minimum=1, maximum=_LIMIT_MAX)
    number = params.integer("page", params.integer("start", 0))
    order, sort_field, sort = orders(params.text("sort"), "creationTime:desc")
    filters = flags(params, [f"evaluationInfo.{method}.enabled" for method in METHODS])
    page = Definitions(here).page(Query(filters=filters, orders=order, offset=number * limit, limit=limit))
    paging = {
        "totalCount": page.total_count,
        "totalPages": page.page_count,
        "sortField": sort_field,
        "sort": sort,
        "pageSize": len(page.items),
        "limit": limit,
    }
    return reply({"segments": printed(here, page.items), "page": paging, "link": {}})


@door.post("/segment/definitions", permission=Permission.MANAGE_SEGMENTS)
@explained
def create_definition(request: Request, here: Here, caller: CallerOf, body: Body) -> Response:
    """Store a definition; 200, not 201."""
    record = Definitions(here).create(body, by=caller.user_id)
    location = f"{base_url(request)}/data/core/ups/segment/definitions/{record.id}"
    return reply(printed(here, [record])[0], headers={"X-Location": location})


@door.post("/segment/definitions/bulk-get", permission=Permission.VIEW_SEGMENTS)
def read_many_definitions(request: Request, here: Here, body: Body) -> Response:
    """Several definitions at once."""
    ids = ids_of(body)
    found = Definitions(here).get_many(ids)
    by_id = {document["id"]: document for document in printed(here, found.values())}
    return reply(shapes.many(ids, by_id, request_id(request)), 207)


@door.get("/segment/definitions/{id}", permission=Permission.VIEW_SEGMENTS)
def read_definition(id: str, here: Here) -> Response:
    """One definition."""
    return reply(printed(here, [Definitions(here).get(from_path(id))])[0])


@door.patch("/segment/definitions/{id}", permission=Permission.MANAGE_SEGMENTS)
@explained
def overwrite_definition(request: Request, id: str, here: Here, caller: CallerOf, body: Body) -> Response:
    """Replace a definition by a whole document; a JSON Patch is taken as well."""
    record = Definitions(here).overwrite(from_path(id), body, by=caller.user_id)
    return reply(printed(here, [record])[0])


@door.delete("/segment/definitions/{id}", permission=Permission.MANAGE_SEGMENTS)
def delete_definition(id: str, here: Here) -> Response:
    """Remove a definition that nothing depends on."""
    id_ = from_path(id)
    Definitions(here).delete(id_)
    return reply({"status": True, "message": f"Segment definition {id_} was deleted"})


def printed(here: Workspace, records: Iterable[Record]) -> list[Document]:
    """Definitions as the API shows them."""
    listed = list(records)
    policy_ids = sorted({record.body["mergePolicyId"] for record in listed})
    policies = MergePolicies(here).get_many(policy_ids) if policy_ids else {}
    return [shapes.definition(here.scope, record, policies) for record in listed]
