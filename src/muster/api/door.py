"""Routers on which no route can be declared without the permission that it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from muster.api.context import guard
from muster.api.permissions import Permission

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Door:
    """The routes of one service below one path.

    Args:
        prefix: Path of the service, as the hosted product has it.
        tag: Its name in our own API description.
    """

    def __init__(self, prefix: str, tag: str) -> None:
        self.router = APIRouter(prefix=prefix, tags=[tag])

    def get(self, path: str, *, permission: Permission) -> Callable[[Handler], Handler]:
        return self._route("GET", path, permission)

    def head(self, path: str, *, permission: Permission) -> Callable[[Handler], Handler]:
        return self._route("HEAD", path, permission)

    def post(self, path: str, *, permission: Permission) -> Callable[[Handler], Handler]:
        return self._route("POST", path, permission)

    def put(self, path: str, *, permission: Permission) -> Callable[[Handler], Handler]:
        return self._route("PUT", path, permission)

    def patch(self, path: str, *, permission: Permission) -> Callable[[Handler], Handler]:
        return self._route("PATCH", path, permission)

    def delete(self, path: str, *, permission: Permission) -> Callable[[Handler], Handler]:
        return self._route("DELETE", path, permission)

    def _route(self, method: str, path: str, permission: Permission) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self.router.add_api_route(
                path,
                handler,
                methods=[method],
                response_class=Response,
                response_model=None,
                dependencies=[Depends(guard(permission))],
                # Read by the test that finds no route without a permission, and shown in our API description.
                openapi_extra={"x-muster-permission": permission.value},
            )
            return handler

        return add
