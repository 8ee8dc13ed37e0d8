"""Every route says which permission it needs, and the few that need none are known."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from muster.api.permissions import UNGUARDED, Permission
from muster.api.server import create_api
from muster.api.services import SERVICES
from muster.app import App
from muster.settings import Settings

OPEN = {
    "GET /health/live": Permission.PUBLIC,
    "GET /health/ready": Permission.PUBLIC,
    "GET /metrics": Permission.PUBLIC,
    "POST /ims/token/{version}": Permission.PUBLIC,
    "POST /ims/exchange/jwt": Permission.PUBLIC,
    "GET /ims/profile": Permission.SIGNED_IN,
    "GET /ims/profile/v1": Permission.SIGNED_IN,
    "GET /ims/userinfo/v2": Permission.SIGNED_IN,
    "GET /data/foundation/schemaregistry/stats": Permission.SIGNED_IN,
    "GET /data/foundation/sandbox-management": Permission.SIGNED_IN,
    "GET /data/foundation/sandbox-management/sandboxTypes": Permission.SIGNED_IN,
    "GET /emulator/clock": Permission.EMULATOR,
    "PUT /emulator/clock": Permission.EMULATOR,
}
"""Routes for which no permission is looked up. A further one is a decision: say in its commit why nobody is harmed."""

OWN_DESCRIPTION = {"/openapi.json", "/docs", "/docs/oauth2-redirect"}
"""What the framework serves beside our routes: the description of the API, which is no secret."""

SPOKEN_FOR = {"PATCH /data/foundation/flowservice/{resource}/{id}"}
"""Writing routes that declare a reading permission, because the body decides which writing one is looked up."""


def _routes() -> list[tuple[str, APIRoute]]:
    found = []
    for door in SERVICES:
        for route in door.router.routes:
            assert isinstance(route, APIRoute)
            found += [(f"{method} {route.path_format}", route) for method in sorted(route.methods or ())]
    return found


ROUTES = _routes()


def _permission(route: APIRoute) -> Permission:
    return Permission((route.openapi_extra or {})["x-muster-permission"])


@pytest.mark.parametrize(("name", "route"), ROUTES, ids=[name for name, _ in ROUTES])
def test_route_declares_its_permission(name: str, route: APIRoute) -> None:
    assert _permission(route)
    # The declared permission is looked up by the first dependency, before anything of the route runs.
    assert route.dependencies, f"{name} has no guard"


def test_only_known_routes_are_open() -> None:
    assert {name: _permission(route) for name, route in ROUTES if _permission(route) in UNGUARDED} == OPEN


def test_writing_routes_need_more_than_a_look() -> None:
    asking = {"bulk-get", "conversion", "search"}
    looking = {
        name
        for name, route in ROUTES
        if _permission(route).value.startswith("view-")
        and not name.startswith(("GET ", "HEAD "))
        and not asking & set(name.split("/"))
    }
    assert looking - {"POST /data/core/ups/access/entities"} == SPOKEN_FOR


def test_application_has_no_route_beside_those_of_the_services(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = Settings(data_dir=tmp_path_factory.mktemp("routes"))
    app = App(settings, engine_threads=1, engine_bytes_max=64 << 20)
    api = create_api(app)
    app.close()
    plain = {route.path for route in api.routes if hasattr(route, "path")}
    included = [route for route in api.routes if not hasattr(route, "path")]
    assert plain == OWN_DESCRIPTION
    assert [_router_of(route) for route in included] == [door.router for door in SERVICES]
    described = api.openapi()["paths"]
    assert {path for path in described} == {route.path_format for _, route in ROUTES}


def _router_of(route: BaseRoute) -> object:
    return getattr(route, "original_router", None)
