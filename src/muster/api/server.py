"""The API process: every service behind one origin."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from muster.api import errors
from muster.api.services import SERVICES
from muster.api.tokens import Tokens
from muster.app import App


def create_api(app: App) -> FastAPI:
    """The ASGI application over the process's wiring."""
    api = FastAPI(
        title="Muster",
        summary="An open, self-hosted customer data platform that speaks the Adobe Experience Platform REST APIs",
        docs_url="/docs",
        redoc_url=None,
        redirect_slashes=False,
    )
    settings = app.settings
    api.state.muster = app
    api.state.tokens = Tokens(
        app.seal.signing_key(), app.wall, settings.token_life_s, emulator=settings.emulator
    )
    errors.install(api)
    for door in SERVICES:
        api.include_router(door.router)
    api.add_middleware(OnePath, ids=app.ids)
    return api


class OnePath:
    """Gives each request one spelling of its path, and an id.

    Clients send trailing slashes, doubled slashes after the host, and `$id`s with encoded slashes. All mean the same
    resource; a redirect would lose the body. Encoded slashes stay encoded, so that the router splits on real ones only.
    """

    def __init__(self, inner: ASGIApp, ids: Any) -> None:
        self._inner = inner
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        raw = (scope.get("raw_path") or scope["path"].encode()).decode("ascii", "replace").split("?", 1)[0]
        path = "/" + raw.lstrip("/")
        path = path.rstrip("/") or "/"
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"").decode("ascii", "replace") or self._ids.hex(32)
        decoded = _keep_slashes(path)
        inner_scope = {**scope, "path": decoded, "raw_path": quote(decoded).encode()}
        inner_scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        await self._inner(inner_scope, receive, send_with_id)


def _keep_slashes(path: str) -> str:
    """Decode a path, but leave `%2F` (and the `%` of `%25`) for the handler to read."""
    kept = path.replace("%25", "%2525").replace("%2F", "%252F").replace("%2f", "%252F")
    return unquote(kept)
