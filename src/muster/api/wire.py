"""What all services share on the wire: replies, query values, etags, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson
from fastapi import Request
from fastapi.responses import Response

from muster.kernel.errors import Invalid


def reply(body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; without a body an empty one."""
    if body is None:
        return Response(status_code=status, headers=dict(headers or {}))
    content = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)
    return Response(content, status_code=status, headers=dict(headers or {}), media_type="application/json")


class Params:
    """The query of a request. An empty value counts as absent: request templates send all of theirs blank."""

    def __init__(self, request: Request) -> None:
        self._query = request.query_params

    def text(self, *names: str) -> str | None:
        """The first of the names that has a value."""
        for name in names:
            value = self._query.get(name, "")
            if value != "":
                return value
        return None

    def every(self, name: str) -> list[str]:
        """All values of a repeated parameter."""
        return [value for value in self._query.getlist(name) if value != ""]

    def items(self) -> list[tuple[str, str]]:
        """All parameters that have a value, in order."""
        return [(name, value) for name, value in self._query.multi_items() if value != ""]

    def integer(self, name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
        """A whole number within bounds. Raises `Invalid`; above the maximum it is the maximum."""
        value = self.text(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError as error:
            raise Invalid.at(name, f"{value!r} is no whole number") from error
        if number < minimum:
            raise Invalid.at(name, f"{number} is below {minimum}")
        return number if maximum is None else min(number, maximum)

    def boolean(self, name: str) -> bool | None:
        """True or false in any letter case (Python clients send `True`); None when absent. Raises `Invalid`."""
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in ("true", "false"):
            raise Invalid.at(name, f"{value!r} is neither true nor false")
        return value.lower() == "true"


def from_path(segment: str) -> str:
    """A path parameter with its percent-encoded slashes read. The router keeps them apart from real ones."""
    return unquote(segment)


def base_url(request: Request) -> str:
    """How this client reaches the server: scheme and host without a slash at the end."""
    configured: str = request.app.state.muster.settings.public_url
    return configured.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"


def strip_etag(value: str) -> str:
    """An etag without `W/`, quotes and escapes; clients send it quoted, bare and doubly quoted."""
    return value.strip().removeprefix("W/").replace("\\", "").strip('"').strip()
