"""Merge policies on the wire."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, Here
from muster.api.door import Door
from muster.api.errors import register_status
from muster.api.permissions import Permission
from muster.api.ups import shapes
from muster.api.ups.requests import flags, ids_of, request_id
from muster.api.wire import Params, from_path, reply
from muster.profiles.merge_policies import DefaultPolicyKept, MergePolicies, PolicyInUse, TooManyPolicies
from muster.storage.records import Filter, Order, Query

door = Door("/data/core/ups", "Merge policies")
register_status(TooManyPolicies, 400)
register_status(PolicyInUse, 400)
register_status(DefaultPolicyKept, 400)

_LIMIT = 20
_LIMIT_MAX = 1000
_FILTERED = ("schema.name", "identityGraph.type", "attributeMerge.type", "version", "name", "id")
_COLUMNS = {"id": "@id", "updateEpoch": "@updated", "creationTime": "@created"}


@door.get("/config/mergePolicies", permission=Permission.VIEW_MERGE_POLICIES)
def list_policies(request: Request, here: Here) -> Response:
    """One page of the policies; `_links.next` is always an object, empty on the last page."""
    params = Params(request)
    limit = params.integer("limit", _LIMIT, minimum=1, maximum=_LIMIT_MAX)
    number = params.integer("start", 0)
    filters = [
        Filter(_path(name), "==", (value,)) for name in _FILTERED if (value := params.text(name)) is not None
    ]
    filters += flags(params, ["default"])
    query = Query(filters=filters, orders=_orders(params), offset=number * limit, limit=limit)
    page = MergePolicies(here).page(query)
    paging = {"totalCount": page.total_count, "pageSize": len(page.items), "count": len(page.items)}
    following: dict[str, str] = {}
    if page.has_next:
        kept = [(name, value) for name, value in params.items() if name not in ("start", "limit")]
        rest = urlencode([*kept, ("limit", limit), ("start", number + 1)])
        paging["next"] = number + 1
        following["href"] = f"/config/mergePolicies?{rest}"
    children = [shapes.merge_policy(here.scope, record) for record in page.items]
    return reply({"_page": paging, "children": children, "_links": {"next": following}})


@door.post("/config/mergePolicies", permission=Permission.MANAGE_MERGE_POLICIES)
def create_policy(here: Here, body: Body) -> Response:
    """Store a policy; as a default it takes the place of the former one."""
    return reply(shapes.merge_policy(here.scope, MergePolicies(here).create(body)))


@door.post("/config/mergePolicies/bulk-get", permission=Permission.VIEW_MERGE_POLICIES)
def read_many_policies(request: Request, here: Here, body: Body) -> Response:
    """Several policies at once."""
    ids = ids_of(body)
    found = MergePolicies(here).get_many(ids)
    by_id = {id_: shapes.merge_policy(here.scope, record) for id_, record in found.items()}
    return reply(shapes.many(ids, by_id, request_id(request)), 207)


@door.get("/config/mergePolicies/{id}", permission=Permission.VIEW_MERGE_POLICIES)
def read_policy(id: str, here: Here) -> Response:
    """One policy."""
    return reply(shapes.merge_policy(here.scope, MergePolicies(here).get(from_path(id))))


@door.put("/config/mergePolicies/{id}", permission=Permission.MANAGE_MERGE_POLICIES)
def overwrite_policy(id: str, here: Here, body: Body) -> Response:
    """Replace a policy as a whole."""
    return reply(shapes.merge_policy(here.scope, MergePolicies(here).overwrite(from_path(id), body)))


@door.patch("/config/mergePolicies/{id}", permission=Permission.MANAGE_MERGE_POLICIES)
def patch_policy(id: str, here: Here, body: Body) -> Response:
    """Change single fields: one operation, or a list of them."""
    return reply(shapes.merge_policy(here.scope, MergePolicies(here).patch(from_path(id), body)))


@door.delete("/config/mergePolicies/{id}", permission=Permission.MANAGE_MERGE_POLICIES)
def delete_policy(id: str, here: Here) -> Response:
    """Remove a policy that is neither a default nor in use."""
    MergePolicies(here).delete(from_path(id))
    return reply()


def _path(name: str) -> tuple[str, ...]:
    return (_COLUMNS[name],) if name in _COLUMNS else tuple(name.split("."))


def _orders(params: Params) -> list[Order]:
    """`+name` or `name` for ascending, `-name` for descending; a plus in a query may have become a blank."""
    text = params.text("orderBy", "orderby")
    if text is None:
        return []
    return [
        Order(_path(part.strip().lstrip("+-")), part.strip().startswith("-"))
        for part in text.split(",")
        if part.strip()
    ]
