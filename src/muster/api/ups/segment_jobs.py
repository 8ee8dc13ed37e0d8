"""Segment jobs on the wire."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.ups import shapes
from muster.api.ups.requests import conditions, ids_of, orders, request_id
from muster.api.wire import Params, from_path, reply
from muster.evaluate.jobs import SegmentJobs
from muster.storage.records import Filter, Query

door = Door("/data/core/ups", "Segment jobs")

_LIMIT = 100
_LIMIT_MAX = 1000


@door.get("/segment/jobs", permission=Permission.VIEW_SEGMENTS)
def list_jobs(request: Request, here: Here) -> Response:
    """One page of the jobs, newest first unless sorted otherwise."""
    params = Params(request)
    limit = params.integer("limit", _LIMIT, minimum=1, maximum=_LIMIT_MAX)
    filters = conditions(params)
    if status := params.text("status"):
        filters.append(Filter(("status",), "==", tuple(status.split(",")), ignore_case=True))
    if snapshot := params.text("snapshot.name"):
        filters.append(Filter(("snapshot", "name"), "==", (snapshot,)))
    order, _, _ = orders(params.text("sort"), "creationTime:desc")
    offset = params.integer("start", 0) * limit
    page = SegmentJobs(here).page(Query(filters=filters, orders=order, offset=offset, limit=limit))
    return reply(shapes.job_page(page, [shapes.segment_job(here.scope, record) for record in page.items]))


@door.post("/segment/jobs", permission=Permission.EVALUATE_SEGMENTS)
def create_job(request: Request, here: Here, body: Body) -> Response:
    """Start an evaluation; the answer has state NEW and does not wait for the end."""
    record = SegmentJobs(here).create(body, request_id=request_id(request))
    return reply(shapes.segment_job(here.scope, record))


@door.post("/segment/jobs/bulk-get", permission=Permission.VIEW_SEGMENTS)
def read_many_jobs(request: Request, here: Here, body: Body) -> Response:
    """Several jobs at once."""
    ids = ids_of(body)
    found = SegmentJobs(here).get_many(ids)
    by_id = {id_: shapes.segment_job(here.scope, record) for id_, record in found.items()}
    return reply(shapes.many(ids, by_id, request_id(request)), 207)


@door.get("/segment/jobs/{id}", permission=Permission.VIEW_SEGMENTS)
def read_job(id: str, here: Here) -> Response:
    """One job."""
    return reply(shapes.segment_job(here.scope, SegmentJobs(here).get(from_path(id))))


@door.delete("/segment/jobs/{id}", permission=Permission.EVALUATE_SEGMENTS)
def cancel_job(id: str, here: Here) -> Response:
    """Cancel a job; one that has ended keeps its state. 204 in both cases."""
    SegmentJobs(here).cancel(from_path(id))
    return reply(status=204)
