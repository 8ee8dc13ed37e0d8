"""Who calls, for which sandbox: the gateway's checks, made before any route runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request

from muster.api.permissions import UNGUARDED, Permission
from muster.api.tokens import TokenRefused, Tokens
from muster.app import App
from muster.kernel.errors import Invalid, MusterError, NotFound
from muster.kernel.scope import Scope
from muster.storage.scopes import Client
from muster.storage.workspace import Workspace


@dataclass(eq=False)
class GatewayRefused(MusterError):
    """{message}"""

    status: int
    error_code: str
    message: str


@dataclass(eq=False)
class SandboxRefused(MusterError):
    """Sandbox {name} does not exist or is not accessible"""

    name: str


@dataclass(eq=False)
class PermissionMissing(MusterError):
    """The permission {permission} is needed for this call. Ask an administrator of the organisation for it."""

    permission: str


@dataclass(eq=False)
class ContentTypeRefused(MusterError):
    """A valid content-type must be specified"""

    content_type: str


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that passed the gateway."""

    client: Client
    scope: Scope

    @property
    def user_id(self) -> str:
        """The account that answers name as creator, `…@AdobeID` as in the hosted product."""
        return f"{self.client.client_id}@AdobeID"


def app_of(request: Request) -> App:
    """The process's wiring."""
    app: App = request.app.state.muster
    return app


def guard(permission: Permission) -> Callable[[Request], None]:
    """The dependency of a route: runs the gateway's checks in its order, then looks for the permission."""

    def check(request: Request) -> None:
        if permission is Permission.PUBLIC:
            return
        app = app_of(request)
        if permission is Permission.EMULATOR:
            if not app.settings.emulator:
                raise NotFound("page", request.url.path)
            return
        client = _authenticated(request, app)
        request.state.caller = Caller(client, _selected_scope(request, app, client))
        if permission not in UNGUARDED and not client.may(permission.value):
            raise PermissionMissing(permission.value)

    return check


def _authenticated(request: Request, app: App) -> Client:
    headers = request.headers
    authorization = headers.get("authorization", "").strip()
    if not authorization:
        raise GatewayRefused(403, "403010", "Oauth token is missing.")
    # Recorded clients send `Bearer`, `bearer` and the bare token.
    scheme, _, rest = authorization.partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else authorization
    tokens: Tokens = request.app.state.tokens
    try:
        client_id = tokens.client_id(token)
    except TokenRefused as error:
        raise GatewayRefused(401, "401013", "Oauth token is not valid") from error
    client = app.clients.find(client_id)
    if client is None:
        raise GatewayRefused(401, "401013", "Oauth token is not valid")
    api_key = headers.get("x-api-key", "")
    if not api_key:
        raise GatewayRefused(403, "403000", "Api Key is required")
    if api_key != client.client_id:
        raise GatewayRefused(403, "403003", "Api Key is invalid")
    org_id = headers.get("x-gw-ims-org-id", "")
    if not org_id:
        raise GatewayRefused(400, "400003", "Missing header")
    if org_id != client.org_id:
        raise GatewayRefused(403, "403025", "Profile is not valid")
    return client


def _selected_scope(request: Request, app: App, client: Client) -> Scope:
    name = request.headers.get("x-sandbox-name", "")
    sandbox_id = request.headers.get("x-sandbox-id", "")
    try:
        if name:
            sandbox = app.sandboxes.get(client.org_id, name)
        elif sandbox_id:
            sandbox = app.sandboxes.get_by_id(client.org_id, sandbox_id)
        else:
            sandbox = app.sandboxes.default(client.org_id)
    except NotFound as error:
        raise SandboxRefused(name or sandbox_id) from error
    if sandbox_id and sandbox.scope.sandbox_id != sandbox_id:
        raise Invalid.at("x-sandbox-id", "names another sandbox than x-sandbox-name")
    if sandbox.state == "deleted":
        raise SandboxRefused(name or sandbox_id)
    return sandbox.scope


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


def _workspace(request: Request) -> Workspace:
    return app_of(request).workspace(_caller(request).scope)


async def _json(request: Request) -> Any:
    """The body as JSON, whatever type was named, except one that cannot be JSON; None when there is no body."""
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    foreign = content_type.endswith("xml") or content_type.startswith(("image/", "multipart/"))
    if foreign:
        raise ContentTypeRefused(content_type)
    body = await request.body()
    if not body.strip():
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid.at(
            "", f"the body is no JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from error


Here = Annotated[Workspace, Depends(_workspace)]
"""The stores of the sandbox that the call selects."""

CallerOf = Annotated[Caller, Depends(_caller)]
Body = Annotated[Any, Depends(_json)]
"""The parsed JSON body, or None."""
