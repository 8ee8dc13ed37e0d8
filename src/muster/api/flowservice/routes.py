"""Flow Service: specs, connections, flows and their runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.responses import Response

from muster.api.context import Body, Caller, CallerOf, Here, PermissionMissing
from muster.api.door import Door
from muster.api.errors import register_status
from muster.api.flowservice import shapes
from muster.api.permissions import Permission
from muster.api.wire import Params, base_url, reply, strip_etag
from muster.export.destinations import opening
from muster.flows import connections, dataflows, specs
from muster.flows.entities import (
    CONNECTIONS,
    FLOWS,
    LIMIT_MAX,
    RUNS,
    SOURCE_CONNECTIONS,
    TARGET_CONNECTIONS,
    Author,
    Resource,
    check_etag,
    get,
    page,
)
from muster.flows.errors import (
    EntityNotFound,
    FlowInvalid,
    KindNotSupported,
    SpecVersionMissing,
    StaleEtag,
    refused,
)
from muster.flows.filters import matches, read_filters
from muster.flows.patching import touched
from muster.flows.selectors import PLACE
from muster.kernel.errors import MusterError
from muster.storage.records import Document, Record
from muster.storage.workspace import Workspace

door = Door("/data/foundation/flowservice", "Flow Service")

register_status(FlowInvalid, 400)
register_status(EntityNotFound, 404)
register_status(StaleEtag, 412)
register_status(SpecVersionMissing, 422)
register_status(KindNotSupported, 400)

_RESOURCES = {each.name: each for each in (CONNECTIONS, SOURCE_CONNECTIONS, TARGET_CONNECTIONS, FLOWS, RUNS)}


def _author(caller: CallerOf) -> Author:
    return Author(caller.user_id, caller.client.client_id)


AuthorOf = Annotated[Author, Depends(_author)]


def _if_match(request: Request) -> str | None:
    by_query = {name.lower(): value for name, value in request.query_params.items()}
    sent = request.headers.get("if-match") or by_query.get("if-match") or ""
    return strip_etag(sent) or None


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes which version, and how."""

    author: Author
    if_match: str | None
    body: Any


def _change(request: Request, author: AuthorOf, body: Body) -> Change:
    return Change(author, _if_match(request), body)


ChangeOf = Annotated[Change, Depends(_change)]


@door.get("/connectionSpecs", permission=Permission.VIEW_DESTINATIONS)
def list_connection_specs(request: Request) -> Response:
    """The destinations and sources that there are."""
    return _list_specs(request, "connectionSpecs", specs.served_connection_specs())


@door.get("/connectionSpecs/{id}", permission=Permission.VIEW_DESTINATIONS)
def read_connection_spec(id: str) -> Response:
    """One of them: how to sign in, what a target says, which columns it takes."""
    return _read_spec(id, "connectionSpecs", specs.served_connection_specs())


@door.get("/flowSpecs", permission=Permission.VIEW_DESTINATIONS)
def list_flow_specs(request: Request) -> Response:
    """The kinds of flows that there are."""
    return _list_specs(request, "flowSpecs", specs.served_flow_specs())


@door.get("/flowSpecs/{id}", permission=Permission.VIEW_DESTINATIONS)
def read_flow_spec(id: str) -> Response:
    """One kind of flow."""
    return _read_spec(id, "flowSpecs", specs.served_flow_specs())


@door.post("/connections", permission=Permission.MANAGE_DESTINATIONS)
def create_connection(request: Request, workspace: Here, author: AuthorOf, body: Body) -> Response:
    """Make a base connection."""
    return _created(request, CONNECTIONS, connections.create_connection(workspace, body, author))


@door.post("/sourceConnections", permission=Permission.MANAGE_DESTINATIONS)
def create_source_connection(request: Request, workspace: Here, author: AuthorOf, body: Body) -> Response:
    """Make a source connection."""
    return _created(
        request, SOURCE_CONNECTIONS, connections.create_source_connection(workspace, body, author)
    )


@door.post("/targetConnections", permission=Permission.MANAGE_DESTINATIONS)
def create_target_connection(request: Request, workspace: Here, author: AuthorOf, body: Body) -> Response:
    """Make a target connection."""
    return _created(
        request, TARGET_CONNECTIONS, connections.create_target_connection(workspace, body, author)
    )


@door.post("/flows", permission=Permission.MANAGE_DESTINATIONS)
def create_flow(
    request: Request, workspace: Here, caller: CallerOf, author: AuthorOf, body: Body
) -> Response:
    """Make a flow."""
    transformations = body.get("transformations") if isinstance(body, dict) else None
    if transformations and any(
        (each.get("params") or {}) for each in transformations if isinstance(each, dict)
    ):
        _require(caller, Permission.ACTIVATE_DESTINATIONS)
    return _created(request, FLOWS, dataflows.create_flow(workspace, body, author))


@door.get("/connections/{id}/test", permission=Permission.VIEW_DESTINATIONS)
def test_connection(id: str, workspace: Here) -> Response:
    """Really sign in with the stored credentials; says why when that fails."""
    try:
        opening.try_sign_in(workspace, id)
    except EntityNotFound:
        raise
    except MusterError as error:
        return reply({"result": False, "reason": str(error)})
    return reply({"result": True})


@door.get("/{resource}", permission=Permission.VIEW_DESTINATIONS)
def list_entities(resource: str, request: Request, workspace: Here) -> Response:
    """One page of connections, flows or runs."""
    params = Params(request)
    conditions = tuple(params.every("property"))
    return _list(_resource(resource), workspace, params, conditions, count=bool(params.boolean("count")))


@door.post("/{resource}/search", permission=Permission.VIEW_DESTINATIONS)
def search_entities(resource: str, request: Request, workspace: Here, body: Body) -> Response:
    """The same list, with the query in the body."""
    asked = body if isinstance(body, dict) else {}
    query = parse_qsl(str(asked.get("queryString") or "").lstrip("?"))
    conditions = tuple(value for name, value in query if name == "property")
    cut = shapes.Cut(
        conditions,
        asked.get("orderby"),
        0,
        shapes.limit_of(str(asked["limit"]) if asked.get("limit") else None),
    )
    return _page(_resource(resource), workspace, cut, count=str(asked.get("count", "")).lower() == "true")


@door.get("/{resource}/{id}", permission=Permission.VIEW_DESTINATIONS)
def read_entity(resource: str, id: str, workspace: Here) -> Response:
    """One connection, flow or run, in a list of one."""
    with workspace.records.read() as tx:
        record = get(tx, _resource(resource), id)
    return reply({"items": [shapes.entity(record, workspace.scope)]})


@door.patch("/{resource}/{id}", permission=Permission.VIEW_DESTINATIONS)
def patch_entity(resource: str, id: str, workspace: Here, caller: CallerOf, change: ChangeOf) -> Response:
    """Change an entity by a JSON Patch; without a body, the bare look that one tutorial prints as a PATCH."""
    found = _resource(resource)
    if change.body is None:
        with workspace.records.read() as tx:
            check_etag(get(tx, found, id), change.if_match)
        return read_entity(resource, id, workspace)
    _check_change(workspace, found, id, caller, change.body)
    status = 200
    if found is FLOWS:
        record = dataflows.patch_flow(workspace, id, change.body, change.if_match, change.author)
        status = 202 if specs.is_legacy_flow_spec(record.body["flowSpec"]["id"]) else 200
    elif found is CONNECTIONS:
        record = connections.patch_connection(workspace, id, change.body, change.if_match, change.author)
    elif found is RUNS:
        raise refused("1455-400", "runs are not changed by callers")
    else:
        record = connections.patch_io_connection(
            workspace, found, id, change.body, change.if_match, author=change.author
        )
    return reply(shapes.changed(record), status)


@door.delete("/{resource}/{id}", permission=Permission.MANAGE_DESTINATIONS)
def delete_entity(resource: str, id: str, workspace: Here) -> Response:
    """Remove an entity that nothing uses."""
    found = _resource(resource)
    if found is FLOWS:
        dataflows.delete_flow(workspace, id)
        return reply(status=202)
    if found is RUNS:
        raise refused("1455-400", "runs are kept")
    if found is CONNECTIONS:
        record = connections.delete_connection(workspace, id)
    else:
        record = connections.delete_io_connection(workspace, found, id)
    return reply(status=204 if specs.belongs_to_sources(record.body["connectionSpec"]["id"]) else 202)


@door.post("/{resource}/{id}/action", permission=Permission.MANAGE_DESTINATIONS)
def act_on_entity(resource: str, id: str, request: Request, workspace: Here, change: ChangeOf) -> Response:
    """Enable or disable a flow; finalize a connection."""
    operation = Params(request).text("op")
    found = _resource(resource)
    if found is FLOWS:
        return reply(
            shapes.changed(dataflows.act_on_flow(workspace, id, operation, change.if_match, change.author))
        )
    if found is RUNS:
        raise refused("1420-400", "a run is not started again by hand; use an ad hoc activation", "op")
    return reply(shapes.changed(connections.finalize(workspace, found, id, operation)))


def _resource(name: str) -> Resource:
    if name not in _RESOURCES:
        raise EntityNotFound("resource", name, "resource", "1101-404")
    return _RESOURCES[name]


def _created(request: Request, resource: Resource, record: Record) -> Response:
    location = f"{base_url(request)}{door.router.prefix}/{resource.name}/{record.id}"
    return reply(shapes.changed(record), 201, {"Location": location})


def _require(caller: Caller, permission: Permission) -> None:
    if not caller.client.may(permission.value):
        raise PermissionMissing(permission.value)


def _check_change(workspace: Workspace, resource: Resource, id: str, caller: Caller, operations: Any) -> None:
    """Activating an audience needs other permissions than describing a place."""
    activates = resource is FLOWS and any(
        path.startswith(PLACE.rsplit("/", 2)[0]) for path in touched(operations)
    )
    if not activates:
        _require(caller, Permission.MANAGE_DESTINATIONS)
        return
    for permission in (Permission.ACTIVATE_DESTINATIONS, Permission.VIEW_PROFILES, Permission.VIEW_SEGMENTS):
        _require(caller, permission)
    may_map = caller.client.may(Permission.VIEW_IDENTITY_GRAPH.value)
    if not may_map and dataflows.exports_identities(workspace, id, operations):
        raise PermissionMissing(Permission.VIEW_IDENTITY_GRAPH.value)


def _list(
    resource: Resource, workspace: Workspace, params: Params, conditions: tuple[str, ...], *, count: bool
) -> Response:
    token = params.text("continuationToken", "start")
    if token is not None and not token.isdigit():
        return _page(resource, workspace, shapes.read_cut(token), count=count)
    # A count has no pages; one client sends a limit with it all the same.
    limit = shapes.limit_of(None if count else params.text("limit"))
    cut = shapes.Cut(conditions, params.text("orderby", "orderBy"), int(token or 0), limit)
    return _page(resource, workspace, cut, count=count)


def _page(resource: Resource, workspace: Workspace, cut: shapes.Cut, *, count: bool) -> Response:
    with workspace.records.read() as tx:
        found = page(
            tx, resource, cut.conditions, cut.orderby, offset=cut.offset, limit=0 if count else cut.limit
        )
    if count:
        return reply({"count": found.total_count})
    return reply(shapes.listing(found, cut, resource.name, workspace.scope))


def _list_specs(request: Request, name: str, all_specs: tuple[Document, ...]) -> Response:
    params = Params(request)
    count = bool(params.boolean("count"))
    token = params.text("continuationToken", "start")
    if token is not None and not token.isdigit():
        cut = shapes.read_cut(token)
    else:
        # The whole catalogue unless a size is asked for: clients look for a name in the first answer.
        limit = shapes.limit_of(params.text("limit")) if params.text("limit") and not count else LIMIT_MAX
        cut = shapes.Cut(tuple(params.every("property")), None, int(token or 0), limit)
    filters = read_filters(cut.conditions)
    found = tuple(spec for spec in all_specs if all(matches(spec, each) for each in filters))
    return reply({"count": len(found)} if count else shapes.spec_listing(found, cut, name))


def _read_spec(id: str, name: str, all_specs: tuple[Document, ...]) -> Response:
    found = next((spec for spec in all_specs if spec["id"] == id), None)
    if found is None:
        raise EntityNotFound(name, id, name, "1101-404")
    return reply({"items": [found]})
