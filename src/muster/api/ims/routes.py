"""IMS, the token service: every form that real clients use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import CallerOf, app_of
from muster.api.door import Door
from muster.api.errors import register_status
from muster.api.permissions import Permission
from muster.api.tokens import Tokens
from muster.api.wire import reply
from muster.kernel.errors import MusterError

door = Door("/ims", "IMS")


@dataclass(eq=False)
class ClientRefused(MusterError):
    """{reason}"""

    error: str
    reason: str


register_status(ClientRefused, 400)


@door.post("/token/{version}", permission=Permission.PUBLIC)
async def issue_token(request: Request, version: str) -> Response:
    """A token for client credentials; parameters in the form (v1, v3) or in the query (v2)."""
    fields = await _fields(request)
    grant = fields.get("grant_type", "")
    if grant not in ("client_credentials", "authorization_code"):
        raise ClientRefused("unsupported_grant_type", f"grant_type {grant!r} is not client_credentials")
    return reply(_token(request, fields, milliseconds=False))


@door.post("/exchange/jwt", permission=Permission.PUBLIC)
async def exchange_jwt(request: Request) -> Response:
    """A token for a service account's JWT. Retired by the product, still in scripts; its `expires_in` is in milliseconds."""
    fields = await _fields(request)
    if not fields.get("jwt_token"):
        raise ClientRefused("invalid_request", "jwt_token is missing")
    return reply(_token(request, fields, milliseconds=True))


@door.get("/profile", permission=Permission.SIGNED_IN)
@door.get("/profile/v1", permission=Permission.SIGNED_IN)
@door.get("/userinfo/v2", permission=Permission.SIGNED_IN)
def read_profile(caller: CallerOf) -> Response:
    """Who the token belongs to."""
    return reply(
        {
            "userId": caller.user_id,
            "sub": caller.user_id,
            "name": caller.client.client_id,
            "ownerOrg": caller.client.org_id,
        }
    )


def _token(request: Request, fields: dict[str, str], *, milliseconds: bool) -> dict[str, Any]:
    client = app_of(request).clients.authenticate(
        fields.get("client_id", ""), fields.get("client_secret", "")
    )
    if client is None:
        raise ClientRefused("invalid_client", "invalid client_secret parameter")
    tokens: Tokens = request.app.state.tokens
    life = tokens.life_s * (1000 if milliseconds else 1)
    return {"access_token": tokens.issue(client.client_id), "token_type": "bearer", "expires_in": life}


async def _fields(request: Request) -> dict[str, str]:
    fields = dict(request.query_params)
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        async with request.form() as form:
            fields.update({name: value for name, value in form.items() if isinstance(value, str)})
    else:
        fields.update(dict(parse_qsl((await request.body()).decode("utf-8", "replace"))))
    return fields
