"""Sandboxes: separate worlds of one organisation."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, Caller, CallerOf, app_of
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.wire import Params, base_url, reply
from muster.kernel.errors import Invalid, NotFound, Problem
from muster.kernel.page import Page
from muster.storage.records import Document
from muster.storage.scopes import Sandbox, Sandboxes

_BASE = "/data/foundation/sandbox-management"

door = Door(_BASE, "Sandboxes")

LIMIT_DEFAULT, LIMIT_MAX = 50, 1000
REGION = "VA7"

_TYPES = ("production", "development")
_FIELDS = ("name", "title", "type", "state")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@door.get("", permission=Permission.SIGNED_IN)
def list_active_sandboxes(request: Request, caller: CallerOf) -> Response:
    """The sandboxes that the caller can select."""
    return _list(request, caller, {"state": "active"})


@door.get("/sandboxes", permission=Permission.VIEW_SANDBOXES)
def list_sandboxes(request: Request, caller: CallerOf) -> Response:
    """All sandboxes of the organisation; `limit` and `offset` go together."""
    params = Params(request)
    if (params.text("limit") is None) != (params.text("offset") is None):
        raise Invalid.at("limit", "limit and offset must be given together")
    return _list(request, caller, _wanted(params))


@door.get("/sandboxTypes", permission=Permission.SIGNED_IN)
def list_types() -> Response:
    return reply({"sandboxTypes": [{"id": name, "title": name.capitalize()} for name in _TYPES]})


@door.post("/sandboxes", permission=Permission.MANAGE_SANDBOXES)
def create_sandbox(request: Request, caller: CallerOf, body: Body) -> Response:
    """A new, empty sandbox; it can be used at once."""
    name, title, type_ = _checked(body)
    sandboxes = app_of(request).sandboxes
    made = sandboxes.add(caller.client.org_id, name, title, type_, is_default=False, by=caller.user_id)
    return reply(_shown(made), 202)


@door.get("/sandboxes/{name}", permission=Permission.VIEW_SANDBOXES)
def read_sandbox(request: Request, caller: CallerOf, name: str) -> Response:
    return reply(_shown(_sandboxes(request).get(caller.client.org_id, name)))


@door.patch("/sandboxes/{name}", permission=Permission.MANAGE_SANDBOXES)
def change_sandbox(request: Request, caller: CallerOf, body: Body, name: str) -> Response:
    """Another title; nothing else of a sandbox can be changed."""
    if not isinstance(body, dict) or set(body) != {"title"} or not _is_title(body["title"]):
        raise Invalid.at(
            "/title", "a sandbox is changed by a title of 1 to 256 characters, and by nothing else"
        )
    _existing(request, caller, name)
    return reply(_shown(_sandboxes(request).change(caller.client.org_id, name, title=body["title"])))


@door.put("/sandboxes/{name}", permission=Permission.MANAGE_SANDBOXES)
def reset_sandbox(request: Request, caller: CallerOf, body: Body, name: str) -> Response:
    """`{"action": "reset"}` empties a sandbox; with `validationOnly` it is only looked at. Refused while jobs run in it."""
    if not isinstance(body, dict) or body.get("action") != "reset":
        raise Invalid.at("/action", 'the only action is "reset"')
    sandbox = _existing(request, caller, name)
    if not Params(request).boolean("validationOnly"):
        app = app_of(request)
        lake = app.workspace(sandbox.scope).lake
        # Listed before the rows go: a file that is written from now on belongs to the emptied sandbox.
        paths = list(lake.paths(""))
        sandbox = app.sandboxes.reset(caller.client.org_id, name)
        for path in paths:
            lake.delete(path)
    return reply(_shown(sandbox), 202)


@door.delete("/sandboxes/{name}", permission=Permission.MANAGE_SANDBOXES)
def delete_sandbox(request: Request, caller: CallerOf, name: str) -> Response:
    """A sandbox that nobody can select any more; the default one stays."""
    sandbox = _existing(request, caller, name)
    if sandbox.scope.is_default:
        raise Invalid.at("name", f"{name} is the default sandbox, which cannot be deleted")
    if Params(request).boolean("validationOnly"):
        return reply(_shown(sandbox), 202)
    return reply(_shown(_sandboxes(request).delete(caller.client.org_id, name)), 202)


def _sandboxes(request: Request) -> Sandboxes:
    return app_of(request).sandboxes


def _existing(request: Request, caller: Caller, name: str) -> Sandbox:
    sandbox = _sandboxes(request).get(caller.client.org_id, name)
    if sandbox.state == "deleted":
        raise NotFound("sandbox", name)
    return sandbox


def _list(request: Request, caller: Caller, wanted: dict[str, str]) -> Response:
    params = Params(request)
    limit = params.integer("limit", LIMIT_DEFAULT, minimum=1, maximum=LIMIT_MAX)
    offset = params.integer("offset", 0)
    page = _sandboxes(request).page(
        caller.client.org_id, offset=offset, limit=limit, where=wanted, orders=_orders(params)
    )
    return reply(
        {
            "sandboxes": [_shown(sandbox) for sandbox in page.items],
            "_page": {"limit": limit, "count": len(page.items)},
            "_links": _links(request, page),
        }
    )


def _links(request: Request, page: Page[Sandbox]) -> Document:
    address = f"{base_url(request)}{request.url.path}"
    links: dict[str, Any] = {
        "page": {"href": f"{address}?limit={{limit}}&offset={{offset}}", "templated": True}
    }
    if page.has_next:
        href = f"{address}?limit={page.limit}&offset={page.offset + page.limit}"
        links["next"] = {"href": href, "templated": False}
    if page.offset:
        href = f"{address}?limit={page.limit}&offset={max(page.offset - page.limit, 0)}"
        links["prev"] = {"href": href, "templated": False}
    return links


def _wanted(params: Params) -> dict[str, str]:
    wanted = {}
    for text in params.every("property"):
        name, found, value = text.partition("==")
        if not found or name.strip() not in _FIELDS:
            raise Invalid.at("property", f"{text!r} is not <field>==<value> with one of {', '.join(_FIELDS)}")
        wanted[name.strip()] = value.strip().strip("\"'")
    return wanted


def _orders(params: Params) -> list[tuple[str, bool]]:
    orders = []
    for part in (params.text("orderBy", "orderby") or "").split(","):
        name = part.strip().lstrip("+-")
        if not name:
            continue
        if name not in (*_FIELDS, "createdDate"):
            raise Invalid.at("orderBy", f"{name!r} is none of {', '.join((*_FIELDS, 'createdDate'))}")
        orders.append((name, part.strip().startswith("-")))
    return orders


def _checked(body: Any) -> tuple[str, str, str]:
    if not isinstance(body, dict):
        raise Invalid.at("", "a sandbox is a JSON object with name, title and type")
    problems = []
    name, title, type_ = body.get("name"), body.get("title"), body.get("type")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.append(
            Problem("/name", f"{name!r} is not 1 to 63 of a-z, 0-9 and -, beginning with none of -")
        )
    if not _is_title(title):
        problems.append(Problem("/title", "a title of 1 to 256 characters is needed"))
    if type_ not in _TYPES:
        problems.append(Problem("/type", f"{type_!r} is neither {' nor '.join(_TYPES)}"))
    if problems:
        raise Invalid(tuple(problems))
    return str(name), str(title), str(type_)


def _is_title(title: Any) -> bool:
    return isinstance(title, str) and bool(title.strip()) and len(title) <= 256


def _shown(sandbox: Sandbox) -> Document:
    scope = sandbox.scope
    return {
        "id": scope.sandbox_id,
        "name": scope.sandbox_name,
        "title": sandbox.title,
        "state": sandbox.state,
        "type": scope.sandbox_type,
        "region": REGION,
        "isDefault": scope.is_default,
        "eTag": sandbox.version,
        "etag": sandbox.version,
        "createdDate": f"{sandbox.created_at:%Y-%m-%d %H:%M:%S}",
        "lastModifiedDate": f"{sandbox.updated_at:%Y-%m-%d %H:%M:%S}",
        "createdBy": sandbox.created_by,
        "modifiedBy": sandbox.created_by,
    }
