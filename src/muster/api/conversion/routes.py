"""Data Prep: schemas and mapping sets of exports."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, Caller, CallerOf, Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.wire import Params, reply
from muster.flows import mapping_sets
from muster.flows.entities import LIMIT_DEFAULT, LIMIT_MAX, Author
from muster.storage.records import Document, Record

door = Door("/data/foundation/conversion", "Data Prep")


@door.post("/schemas", permission=Permission.MANAGE_DESTINATIONS)
def create_schema(workspace: Here, caller: CallerOf, body: Body) -> Response:
    """Store a schema; answers 200, as documented."""
    return reply(_whole(mapping_sets.create_schema(workspace, body, _author(caller))))


@door.get("/schemas/{id}", permission=Permission.VIEW_DESTINATIONS)
def read_schema(id: str, workspace: Here) -> Response:
    """A schema."""
    return reply(_whole(mapping_sets.get_schema(workspace, id)))


@door.post("/mappingSets", permission=Permission.MANAGE_DESTINATIONS)
def create_mapping_set(workspace: Here, caller: CallerOf, body: Body) -> Response:
    """Store a mapping set; answers 200, as documented."""
    return reply(mapping_sets.short(mapping_sets.create_mapping_set(workspace, body, _author(caller))))


@door.get("/mappingSets", permission=Permission.VIEW_DESTINATIONS)
def list_mapping_sets(request: Request, workspace: Here) -> Response:
    """The newest versions of all mapping sets."""
    params = Params(request)
    limit = params.integer("limit", LIMIT_DEFAULT, minimum=1, maximum=LIMIT_MAX)
    found = mapping_sets.list_mapping_sets(workspace, offset=params.integer("start", 0), limit=limit)
    links = (
        {"next": {"href": f"/mappingSets?start={found.offset + limit}&limit={limit}"}}
        if found.has_next
        else {}
    )
    paging = {"count": found.total_count, "limit": limit}
    return reply({"data": [_whole(record) for record in found.items], "_page": paging, "_links": links})


@door.get("/mappingSets/{id}", permission=Permission.VIEW_DESTINATIONS)
def read_mapping_set(id: str, request: Request, workspace: Here) -> Response:
    """A mapping set, the newest version unless one is named."""
    record = mapping_sets.get_mapping_set(workspace, id, Params(request).text("version"))
    return reply({**_whole(record), "id": id})


@door.get("/mappingSets/{id}/mappings", permission=Permission.VIEW_DESTINATIONS)
def read_mappings(id: str, workspace: Here) -> Response:
    """The mappings alone."""
    return reply(mapping_sets.get_mapping_set(workspace, id).body["mappings"])


@door.put("/mappingSets/{id}", permission=Permission.MANAGE_DESTINATIONS)
def replace_mapping_set(id: str, workspace: Here, caller: CallerOf, body: Body) -> Response:
    """Store the next version."""
    return reply(mapping_sets.short(mapping_sets.replace_mapping_set(workspace, id, body, _author(caller))))


@door.delete("/mappingSets/{id}", permission=Permission.MANAGE_DESTINATIONS)
def delete_mapping_set(id: str, workspace: Here) -> Response:
    """Remove a mapping set that no flow uses."""
    mapping_sets.delete_mapping_set(workspace, id)
    return reply(status=200)


def _whole(record: Record) -> Document:
    return {"id": record.id, **record.body}


def _author(caller: Caller) -> Author:
    return Author(caller.user_id, caller.client.client_id)
