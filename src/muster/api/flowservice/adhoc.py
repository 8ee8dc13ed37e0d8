"""Ad hoc activation: the audiences of a flow, exported now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.wire import base_url, reply
from muster.export.activation import start_run
from muster.flows.due import AD_HOC, Due
from muster.flows.selectors import find_selector
from muster.kernel.clock import to_ms
from muster.kernel.errors import MusterError
from muster.storage.records import Filter, Query, RecordsTransaction
from muster.storage.workspace import Workspace

door = Door("/data/core/activation/disflowprovider", "Ad hoc activation")

AUDIENCES_MAX = 80


@dataclass(eq=False)
class _Refused(MusterError):
    """{message}"""

    message: str


@door.post("/adhocrun", permission=Permission.ACTIVATE_DESTINATIONS)
def run_now(request: Request, workspace: Here, body: Body) -> Response:
    """Start a flow run for each named audience, all of them or none; schedules stay as they are."""
    try:
        order = _start(workspace, _asked(body), base_url(request))
    except _Refused as refusal:
        # This service's errors have a body of their own: a message, and nothing else.
        return reply({"message": str(refusal)}, 400)
    return reply({"order": order})


def _asked(body: Any) -> list[tuple[str, str]]:
    info = body.get("activationInfo") if isinstance(body, dict) else None
    if not isinstance(info, dict) or not info:
        raise _Refused("activationInfo names flows, and for each of them a list of audiences")
    if "destinations" in info:
        raise _Refused("Datasets are not exported by flows in this version; audiences are")
    pairs = [(flow, str(audience)) for flow, audiences in info.items() for audience in _listed(audiences)]
    if not 0 < len(pairs) <= AUDIENCES_MAX:
        raise _Refused(f"{len(pairs)} audiences are named; one call takes 1 to {AUDIENCES_MAX}")
    return pairs


def _listed(audiences: Any) -> list[Any]:
    if not isinstance(audiences, list):
        raise _Refused("activationInfo has a list of audiences for each flow")
    return audiences


def _start(workspace: Workspace, pairs: list[tuple[str, str]], base: str) -> list[Mapping[str, str]]:
    order: list[Mapping[str, str]] = []
    with workspace.records.write() as tx:
        for flow_id, audience_id in pairs:
            _check(tx, workspace, flow_id, audience_id)
            due = Due(flow_id, audience_id, to_ms(workspace.clock.now()), AD_HOC)
            # The record is made here already, because the answer points to it.
            if start_run(tx, workspace, due) is None:
                raise _out_of_range(audience_id)
            tx.enqueue(due.task())
            status = f"{base}/data/foundation/flowservice/runs/{due.run_id}"
            order.append({"segment": audience_id, "order": flow_id, "statusURL": status})
    return order


def _check(tx: RecordsTransaction, workspace: Workspace, flow_id: str, audience_id: str) -> None:
    flow = tx.find("flow", flow_id)
    if flow is None:
        raise _Refused(f"There is no dataflow {flow_id}")
    selector = find_selector(flow.body, audience_id)
    if selector is None:
        raise _out_of_range(audience_id)
    today, schedule = workspace.clock.now().date().isoformat(), selector.schedule
    ends = schedule.get("endDate") if schedule["frequency"] != "ONCE" else None
    if today < schedule["startDate"] or (ends and today >= ends):
        raise _out_of_range(selector.name or audience_id)
    going = Filter(("status",), "==", ("inProgress",))
    running = tx.page(
        "flow_run", Query((going,), (("activation", f"{flow_id}/{audience_id}"),), limit=1)
    ).items
    if running:
        raise _Refused(
            f"Run already going on for audience {audience_id} for order {flow_id} with run id {running[0].id}"
        )


def _out_of_range(name: str) -> _Refused:
    return _Refused(f"Segments {name} are not part of this dataflow or out of schedule range!")
