"""Whether the server lives, and whether it can work."""

from __future__ import annotations

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from muster.api.context import app_of
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.wire import reply
from muster.kernel.errors import Transient

door = Door("", "Health")


@door.get("/health/live", permission=Permission.PUBLIC)
def live() -> Response:
    """The process answers."""
    return reply({"status": "live"})


@door.get("/health/ready", permission=Permission.PUBLIC)
def ready(request: Request) -> Response:
    """Database and workers are there; 503 with the reason otherwise."""
    app = app_of(request)
    try:
        with app.database.read() as connection:
            now = int(app.wall.now().timestamp() * 1000)
            query = sa.text("SELECT count(*) FROM leases WHERE name LIKE 'worker/%' AND expires_ms > :now")
            workers = int(connection.execute(query, {"now": now}).scalar_one())
    except Transient as error:
        return reply({"status": "not ready", "reason": str(error)}, 503)
    if not workers:
        return reply({"status": "not ready", "reason": "no worker has started yet"}, 503)
    return reply({"status": "ready", "workers": workers})


@door.get("/metrics", permission=Permission.PUBLIC)
def metrics() -> Response:
    """Counters of this process for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
