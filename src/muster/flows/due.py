"""When flows run: due times as tasks, rewritten whenever a flow or the state of one of its audiences changes.

An *activation* is one audience of one flow. Its record remembers up to when due times are settled, so that a change
of the flow between a due time and its run loses no run and repeats none. Of several missed times the latest runs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from muster.flows.schedule import Schedule, read_schedule
from muster.flows.selectors import find_selector, selectors_of
from muster.kernel.clock import from_ms, to_ms
from muster.kernel.errors import NotFound
from muster.kernel.ids import derived_uuid
from muster.storage.records import Names, Query, Record, RecordsTransaction, Task
from muster.storage.workspace import Workspace

WORKFLOW = "flow_run"
ACTIVATION = "activation"
AD_HOC = "adhoc"
SCHEDULED = "scheduled"

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Due:
    """One firing of an activation; the argument of its workflow, and what its run's id is made of.

    Attributes:
        cause: `scheduled`, `adhoc`, or `evaluation-<n>`.
    """

    flow_id: str
    audience_id: str
    at_ms: int
    cause: str = SCHEDULED

    @property
    def run_id(self) -> str:
        """The flow run's id: the same however often the job is tried."""
        at = str(self.at_ms) if self.cause == SCHEDULED else f"{self.at_ms}/{self.cause}"
        return derived_uuid("flow_run", self.flow_id, self.audience_id, at)

    @property
    def argument(self) -> str:
        """All of it in one text."""
        return f"{self.flow_id}/{self.audience_id}/{self.at_ms}/{self.cause}"

    @property
    def due_at(self) -> datetime:
        return from_ms(self.at_ms)

    def task(self) -> Task:
        """The job of this firing. Scheduled ones are withdrawn together with their flow."""
        firing = {SCHEDULED: str(self.at_ms), AD_HOC: f"{self.at_ms}:{AD_HOC}"}.get(self.cause, self.cause)
        return Task(
            id=f"flow_run:{self.flow_id}:{self.audience_id}:{firing}",
            workflow=WORKFLOW,
            argument=self.argument,
            due_at=self.due_at if self.cause == SCHEDULED else None,
            owner=owner(self.flow_id) if self.cause == SCHEDULED else "",
        )


def read_due(argument: str) -> Due:
    """A firing from its argument. Raises `NotFound` for any other text."""
    parts = argument.split("/")
    if len(parts) != 4 or not parts[2].isdigit():
        raise NotFound("flow run", argument)
    return Due(parts[0], parts[1], int(parts[2]), parts[3])


def owner(flow_id: str) -> str:
    """What the waiting tasks of a flow belong to."""
    return f"flow:{flow_id}"


def plan(tx: RecordsTransaction, workspace: Workspace, flow: Record) -> None:
    """Write the waiting tasks of a flow anew; none while it is disabled."""
    tx.withdraw(owner(flow.id))
    if flow.body["state"] != "enabled":
        return
    now = workspace.clock.now()
    for selector in selectors_of(flow.body):
        due = _next(
            read_schedule(selector.schedule), _settled_until(tx, flow.id, selector.audience_id, now), now
        )
        if due is not None:
            tx.enqueue(Due(flow.id, selector.audience_id, to_ms(due)).task())


def start_activations(tx: RecordsTransaction, flow: Record, now: datetime) -> None:
    """Begin to count due times for audiences that are new in a flow, and forget those that left it."""
    wanted = {selector.audience_id: selector.schedule for selector in selectors_of(flow.body)}
    for record in tx.page(ACTIVATION, Query(links=(("flow", flow.id),), limit=1000)).items:
        if record.body["audienceId"] not in wanted:
            tx.remove(ACTIVATION, record.id)
    for audience_id, schedule in wanted.items():
        record_id = f"{flow.id}/{audience_id}"
        found = tx.find(ACTIVATION, record_id)
        if found is None:
            body = {
                "flowId": flow.id,
                "audienceId": audience_id,
                "schedule": schedule,
                "settledMs": to_ms(now),
            }
            tx.add(ACTIVATION, record_id, {**body, "hasRun": False}, Names(links=(("flow", flow.id),)))
        elif found.body["schedule"] != schedule:
            changed = {"schedule": schedule, "settledMs": to_ms(now), "hasRun": False}
            tx.replace(ACTIVATION, record_id, {**found.body, **changed})


def skip_missed(tx: RecordsTransaction, flow: Record, now: datetime) -> None:
    """Settle all due times up to now: a flow that was disabled does not make up for them."""
    for record in tx.page(ACTIVATION, Query(links=(("flow", flow.id),), limit=1000)).items:
        settled = max(record.body["settledMs"], to_ms(now))
        tx.replace(ACTIVATION, record.id, {**record.body, "settledMs": settled})


def is_overtaken(workspace: Workspace, flow: Record, due: Due) -> bool:
    """Whether a later time of the same audience is due by now: after a standstill only the latest one runs."""
    selector = find_selector(flow.body, due.audience_id)
    if due.cause != SCHEDULED or selector is None:
        return False
    schedule = read_schedule(selector.schedule)
    return schedule.frequency != "ONCE" and schedule.latest_due(due.due_at, workspace.clock.now()) is not None


def take(tx: RecordsTransaction, due: Due) -> bool:
    """Settle a due time because its run begins; False when the activation is gone or a one-time run was made."""
    record = tx.find(ACTIVATION, f"{due.flow_id}/{due.audience_id}")
    if record is None:
        return False
    if due.cause == AD_HOC:
        return True
    if record.body["schedule"]["frequency"] == "ONCE" and record.body["hasRun"]:
        return False
    settled = max(record.body["settledMs"], due.at_ms) if due.cause == SCHEDULED else record.body["settledMs"]
    tx.replace(ACTIVATION, record.id, {**record.body, "settledMs": settled, "hasRun": True})
    return True


def forget(tx: RecordsTransaction, flow_id: str) -> None:
    """Withdraw what is waiting and remove the activations of a flow."""
    tx.withdraw(owner(flow_id))
    for record in tx.page(ACTIVATION, Query(links=(("flow", flow_id),), limit=1000)).items:
        tx.remove(ACTIVATION, record.id)


def after_evaluation(
    tx: RecordsTransaction, workspace: Workspace, evaluated_definition_ids: Collection[str], evaluation: int
) -> int:
    """Enqueue the exports that follow a segment job; called in the transaction that commits its memberships.

    Args:
        evaluated_definition_ids: Definitions that the job evaluated.
        evaluation: Number of the evaluation; the same one never fires twice.
    Returns:
        How many flow runs it starts.
    """
    now = workspace.clock.now()
    count = 0
    for definition_id in sorted(evaluated_definition_ids):
        for flow in _enabled_flows(tx, definition_id):
            for selector in selectors_of(flow.body):
                schedule = read_schedule(selector.schedule)
                if selector.audience_id != definition_id or not schedule.allows_evaluation_at(now):
                    continue
                tx.enqueue(Due(flow.id, definition_id, to_ms(now), f"evaluation-{evaluation}").task())
                count += 1
    return count


def _enabled_flows(tx: RecordsTransaction, definition_id: str) -> list[Record]:
    found: list[Record] = []
    while True:
        page = tx.page("flow", Query(links=(("audience", definition_id),), offset=len(found), limit=_PAGE))
        found += page.items
        if not page.has_next:
            return [flow for flow in found if flow.body["state"] == "enabled"]


def _settled_until(
    tx: RecordsTransaction, flow_id: str, audience_id: str, now: datetime
) -> tuple[datetime, bool]:
    record = tx.find(ACTIVATION, f"{flow_id}/{audience_id}")
    return (now, False) if record is None else (from_ms(record.body["settledMs"]), record.body["hasRun"])


def _next(schedule: Schedule, settled: tuple[datetime, bool], now: datetime) -> datetime | None:
    until, has_run = settled
    if schedule.after_evaluation:
        return None
    if schedule.frequency == "ONCE":
        return None if has_run else max(schedule.start, now)
    return schedule.latest_due(until, now) or schedule.next_due(max(now, until))
