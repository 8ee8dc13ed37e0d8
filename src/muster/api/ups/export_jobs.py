"""Export jobs on the wire."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, CallerOf, Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.ups import shapes
from muster.api.ups.requests import request_id
from muster.api.wire import Params, from_path, reply
from muster.export.export_job import ExportJobs
from muster.jobs.states import is_final
from muster.kernel.clock import to_ms
from muster.kernel.errors import Invalid
from muster.kernel.page import Page
from muster.storage.records import Document, Filter, Order, Query, Record

door = Door("/data/core/ups", "Export jobs")

_LIMIT = 100
_LIMIT_MAX = 1000


@door.get("/export/jobs", permission=Permission.EXPORT_AUDIENCE)
def list_jobs(request: Request, here: Here) -> Response:
    """One page of the jobs. `link.next` is text in any case: empty on the last page."""
    params = Params(request)
    limit = params.integer("limit", _LIMIT, minimum=1, maximum=_LIMIT_MAX)
    descending = not (params.text("sort") or "").endswith(":asc")
    filters = []
    if status := params.text("status"):
        filters.append(Filter(("status",), "==", (status,), ignore_case=True))
    skipped = 0
    if after := params.text("offset"):
        filters.append(Filter(("number",), "<" if descending else ">", (_number_of(after),)))
    else:
        skipped = limit * params.integer("page", params.integer("start", 0))
    query = Query(filters=filters, orders=[Order(("number",), descending)], offset=skipped, limit=limit)
    page = ExportJobs(here).page(query)
    last = _offset_of(page.items[-1]) if page.items else ""
    paging: Document = {
        "sortField": "createdTime",
        "sort": "desc" if descending else "asc",
        "pageOffset": last,
        "pageSize": len(page.items),
    }
    records = [shapes.export_job(here.scope, record) for record in page.items]
    return reply({"records": records, "page": paging, "link": {"next": _next(params, page, limit, last)}})


@door.post("/export/jobs", permission=Permission.EXPORT_AUDIENCE)
def create_job(request: Request, here: Here, caller: CallerOf, body: Body) -> Response:
    """Start an export; 200, not 201."""
    record = ExportJobs(here).create(body, by=caller.user_id, request_id=request_id(request))
    return reply(shapes.export_job(here.scope, record))


@door.get("/export/jobs/{id}", permission=Permission.EXPORT_AUDIENCE)
def read_job(id: str, here: Here) -> Response:
    """One job."""
    return reply(shapes.export_job(here.scope, ExportJobs(here).get(from_path(id))))


@door.delete("/export/jobs/{id}", permission=Permission.EXPORT_AUDIENCE)
def cancel_job(id: str, here: Here) -> Response:
    """Cancel a job; one that has ended keeps its state."""
    status = ExportJobs(here).cancel(from_path(id)).body["status"]
    ended = is_final("export_job", status)
    message = f"Export job has ended: {status}" if ended else "Export job has been marked for cancelling"
    return reply({"status": True, "message": message})


def _next(params: Params, page: Page[Record], limit: int, last: str) -> str:
    if not page.has_next:
        return ""
    # The cursor comes last: clients cut the link at `offset=` and send what follows.
    kept = [(name, value) for name, value in params.items() if name in ("status", "sort")]
    return f"/export/jobs/?{urlencode([*kept, ('limit', limit), ('offset', last)])}"


def _offset_of(record: Record) -> str:
    return f"{to_ms(record.created_at)}_{record.id}"


def _number_of(offset: str) -> str:
    number = offset.rpartition("_")[2]
    if not number.isdecimal():
        raise Invalid.at("offset", f"{offset!r} is no pageOffset of an earlier answer")
    return number
