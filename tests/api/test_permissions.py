"""A client may do what its permissions say, and nothing else."""

from __future__ import annotations

from collections import defaultdict

from fastapi.routing import APIRoute
from tests.api.client import ORG, Api

from muster.api.permissions import UNGUARDED, Permission
from muster.api.services import SERVICES

UPS = "/data/core/ups"
DEFINITION = {
    "name": "males",
    "schema": {"name": "_xdm.context.profile"},
    "expression": {"type": "PQL", "format": "pql/text", "value": 'person.gender = "male"'},
}

GUARDED: defaultdict[Permission, list[tuple[str, str]]] = defaultdict(list)
"""Methods and paths of the routes by the permission that they declare."""

for door in SERVICES:
    for route in door.router.routes:
        assert isinstance(route, APIRoute)
        declared = Permission((route.openapi_extra or {})["x-muster-permission"])
        GUARDED[declared] += [(method, route.path_format) for method in route.methods or ()]


def client_with(api: Api, *permissions: Permission) -> dict[str, str | None]:
    """Headers of a client that has these permissions and no other."""
    api.app.clients.put("narrow", "narrow", ORG, permissions)
    query = "grant_type=client_credentials&client_id=narrow&client_secret=narrow"
    token = api.post(f"/ims/token/v2?{query}").json()["access_token"]
    return {"Authorization": f"Bearer {token}", "x-api-key": "narrow"}


def test_call_without_its_permission_is_refused(api: Api) -> None:
    # One test for all of them: making an installation takes longer than all these calls.
    let_in = []
    for permission in set(Permission) - set(UNGUARDED):
        headers = client_with(api, *(set(Permission) - {permission}))
        for method, path in GUARDED[permission]:
            answer = api.call(method, path, headers=headers)
            if answer.status_code != 403 or (method != "HEAD" and permission.value not in answer.text):
                let_in.append(f"{method} {path}: {answer.status_code} {answer.text}")
    assert not let_in, "\n".join(let_in)


def test_permission_to_look_does_not_allow_to_write(api: Api) -> None:
    headers = client_with(api, Permission.VIEW_SEGMENTS)
    assert api.get(f"{UPS}/segment/definitions", headers=headers).status_code == 200
    assert api.post(f"{UPS}/segment/definitions", DEFINITION, headers=headers).status_code == 403
    assert api.get(f"{UPS}/segment/definitions").json()["segments"] == []


def test_permission_to_write_allows_it(api: Api) -> None:
    headers = client_with(api, Permission.MANAGE_SEGMENTS)
    made = api.post(f"{UPS}/segment/definitions", DEFINITION, headers=headers)
    assert made.status_code == 200
    assert [one["id"] for one in api.get(f"{UPS}/segment/definitions").json()["segments"]] == [
        made.json()["id"]
    ]


def test_flow_is_not_changed_with_a_permission_to_look(api: Api) -> None:
    body = {"name": "zone"}
    connection = api.post("/data/foundation/flowservice/connections", body).json()
    path = f"/data/foundation/flowservice/connections/{connection['id']}"
    rename = [{"op": "replace", "path": "/name", "value": "taken"}]
    headers = client_with(api, Permission.VIEW_DESTINATIONS)
    refused = api.patch(path, rename, headers={**headers, "If-Match": "*"})
    assert refused.status_code == 403
    assert api.get(path).json()["items"][0]["name"] == "zone"
