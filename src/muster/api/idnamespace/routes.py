"""Identity namespaces of the sandbox."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

from muster.api.context import Body, Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.wire import from_path, reply
from muster.kernel.clock import to_ms
from muster.unify.namespaces import Namespace, NamespaceInvalid, NamespaceMissing, Namespaces

door = Door("/data/core/idnamespace", "Identity namespaces")


@door.get("/identities", permission=Permission.VIEW_IDENTITY_NAMESPACES)
def list_namespaces(here: Here) -> Response:
    """All namespaces, as a bare array."""
    return reply([_shown(namespace) for namespace in Namespaces(here).all()])


@door.get("/orgs/{org_id}/identities", permission=Permission.VIEW_IDENTITY_NAMESPACES)
def list_namespaces_of(org_id: str, here: Here) -> Response:
    """The same for an organisation, which is the caller's own or unknown here."""
    _check_org(org_id, here.scope.org_id)
    return list_namespaces(here)


@door.get("/identities/{number}", permission=Permission.VIEW_IDENTITY_NAMESPACES)
def read_namespace(number: str, here: Here) -> Response:
    """One namespace."""
    return reply(_shown(Namespaces(here).get(_number(number))))


@door.get("/orgs/{org_id}/identities/{number}", permission=Permission.VIEW_IDENTITY_NAMESPACES)
def read_namespace_of(org_id: str, number: str, here: Here) -> Response:
    """One namespace of the caller's organisation."""
    _check_org(org_id, here.scope.org_id)
    return read_namespace(number, here)


@door.post("/identities", permission=Permission.MANAGE_IDENTITY_NAMESPACES)
def create_namespace(here: Here, body: Body) -> Response:
    """A new namespace. The answer's status is 200, as documented."""
    fields = _fields(body)
    made = Namespaces(here).add(
        *(str(fields.get(key) or "") for key in ("code", "name", "idType", "description"))
    )
    return reply(_shown(made))


@door.put("/identities/{number}", permission=Permission.MANAGE_IDENTITY_NAMESPACES)
def change_namespace(number: str, here: Here, body: Body) -> Response:
    """The namespace with its new name or description."""
    return reply(_shown(Namespaces(here).change(_number(number), _fields(body))))


def _fields(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise NamespaceInvalid.at("", "a JSON object is needed")
    return body


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise NamespaceMissing("identity namespace", text)
    return int(text)


def _check_org(named: str, ours: str) -> None:
    if from_path(named) != ours:
        raise NamespaceMissing("identity namespaces of organisation", from_path(named))


def _shown(namespace: Namespace) -> dict[str, Any]:
    return {
        "id": namespace.id,
        "code": namespace.code,
        "name": namespace.name,
        "description": namespace.description,
        "status": "ACTIVE",
        "idType": namespace.id_type,
        "custom": namespace.is_custom,
        "createTime": to_ms(namespace.created_at),
        "updateTime": to_ms(namespace.updated_at),
    }
