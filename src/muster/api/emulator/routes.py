"""The emulator's controls: business time that a test can move."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, app_of
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.wire import reply
from muster.jobs.task_table import TaskTable
from muster.kernel.clock import iso
from muster.kernel.errors import Invalid

door = Door("/emulator", "Emulator")


@door.get("/clock", permission=Permission.EMULATOR)
def read_clock(request: Request) -> Response:
    """Business time, and how many jobs are due or running."""
    app = app_of(request)
    now = app.clock.now()
    return reply({"now": iso(now), "openJobs": TaskTable(app.database).open_count(now)})


@door.put("/clock", permission=Permission.EMULATOR)
def set_clock(request: Request, body: Body) -> Response:
    """Move business time forward to `{"now": "2030-01-04T17:00:00Z"}`. Tokens and leases do not notice."""
    app = app_of(request)
    if not isinstance(body, dict) or not isinstance(body.get("now"), str):
        raise Invalid.at("/now", "an ISO 8601 instant is needed")
    try:
        wanted = datetime.fromisoformat(body["now"])
    except ValueError as error:
        raise Invalid.at("/now", f"{body['now']!r} is no ISO 8601 instant") from error
    app.business_time.set(wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC))
    return read_clock(request)
