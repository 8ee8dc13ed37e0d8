"""Descriptors: one and many, in their several forms."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.schemaregistry.accept import list_form
from muster.api.schemaregistry.lists import Listed, read_listing, stored
from muster.api.schemaregistry.printing import descriptor_shown
from muster.api.schemaregistry.routes import BASE, printed_page
from muster.api.wire import Params, from_path, reply
from muster.kernel.errors import Invalid, NotFound
from muster.storage.records import Record
from muster.storage.workspace import Workspace
from muster.unify.namespaces import Namespaces
from muster.xdm.descriptors import DESCRIPTORS_MAX, Descriptors
from muster.xdm.registry import IDENTITY

door = Door(BASE, "Schema Registry descriptors")


@door.get("/{container}/descriptors", permission=Permission.VIEW_SCHEMAS)
def list_descriptors(container: str, request: Request, here: Here) -> Response:
    """All descriptors, grouped by type, or in the paged form of version 2. One page holds all that a sandbox may have."""
    if container not in ("global", "tenant"):
        raise NotFound("container", container)
    listing = read_listing(Params(request), limit_max=DESCRIPTORS_MAX)
    if container == "global":
        listed = Listed((), None)
    else:
        with here.records.read() as tx:
            listed = stored(tx, "descriptor", listing)
    words = list_form(request.headers.get("accept")).words
    records = [record for _, record in listed.items if record is not None]
    if "v2" in words:
        return reply(
            printed_page(request, [_entry(record, here, words) for record in records], listing, listed.next)
        )
    groups: dict[str, list[Any]] = {}
    for record in records:
        groups.setdefault(record.body["@type"], []).append(_entry(record, here, words))
    return reply(groups)


@door.get("/{container}/descriptors/{id}", permission=Permission.VIEW_SCHEMAS)
def read_descriptor(container: str, id: str, here: Here) -> Response:
    """One descriptor; no Accept header is needed."""
    if container != "tenant":
        raise NotFound("descriptor", id)
    return reply(descriptor_shown(Descriptors(here).get(from_path(id)), here.scope))


@door.post("/tenant/descriptors", permission=Permission.MANAGE_SCHEMAS)
def create_descriptor(here: Here, body: Body) -> Response:
    """A new descriptor, with the `@id` it got."""
    return reply(
        descriptor_shown(Descriptors(here).create(body, _namespace_code(here, body)), here.scope), 201
    )


@door.put("/tenant/descriptors/{id}", permission=Permission.MANAGE_SCHEMAS)
def replace_descriptor(id: str, here: Here, body: Body) -> Response:
    """The descriptor as the body has it."""
    record = Descriptors(here).replace(from_path(id), body, _namespace_code(here, body))
    return reply(descriptor_shown(record, here.scope))


@door.delete("/tenant/descriptors/{id}", permission=Permission.MANAGE_SCHEMAS)
def remove_descriptor(id: str, here: Here) -> Response:
    """Nothing is said of the field any longer."""
    Descriptors(here).remove(from_path(id))
    return reply(status=204)


def _entry(record: Record, here: Workspace, words: frozenset[str]) -> Any:
    if "id" in words:
        return record.id
    if "link" in words:
        return f"{BASE}/tenant/descriptors/{record.id}"
    return descriptor_shown(record, here.scope)


def _namespace_code(here: Workspace, body: Any) -> str:
    """The code of the namespace that an identity descriptor names by code or number."""
    if not isinstance(body, dict) or body.get("@type") != IDENTITY:
        return ""
    named = body.get("xdm:namespace")
    if not isinstance(named, str | int) or named == "":
        return ""  # The descriptor's own check says what is wrong.
    namespaces = Namespaces(here)
    by_id = body.get("xdm:property") == "xdm:id" or isinstance(named, int)
    found = (
        namespaces.find_number(int(named)) if by_id and str(named).isdigit() else namespaces.find(str(named))
    )
    if found is None:
        raise Invalid.at(
            "/xdm:namespace", f"there is no identity namespace {named}; make it first, or check its code"
        )
    return found.code
