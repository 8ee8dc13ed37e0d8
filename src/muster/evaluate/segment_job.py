"""A segment job: freeze what is evaluated, evaluate every bucket, commit all memberships at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from muster.evaluate.bucket import Planned
from muster.evaluate.definitions import KIND as DEFINITION
from muster.evaluate.expression import compile_expression
from muster.evaluate.graph import GraphEvaluation, Outcome
from muster.evaluate.jobs import ALL, KIND
from muster.evaluate.opt_outs import honours_opt_outs
from muster.jobs.states import is_final, transition
from muster.kernel.clock import from_ms, to_ms
from muster.kernel.errors import Invalid, MusterError, NotFound
from muster.kernel.version import Version
from muster.pql.plan import plan
from muster.profiles.manifest import read_snapshot
from muster.profiles.memberships import Memberships, commit_memberships
from muster.profiles.store import graph_of, policy_of
from muster.storage.records import Document, Query, Record, RecordsTransaction
from muster.storage.workspace import Workspace


@dataclass(eq=False)
class DefinitionCycle(MusterError):
    """The definitions {ids} use each other in a circle. Break it: none of them can come first."""

    ids: str


@dataclass(eq=False)
class StoreRebuilt(MusterError):
    """The profile store of graph {graph} was built anew during the evaluation."""

    graph: str


@dataclass(eq=False)
class DefinitionUnfit(MusterError):
    """Definition {id} cannot be evaluated: {reason}"""

    id: str
    reason: str


def begin(workspace: Workspace, job_id: str) -> Document:
    """Bring the job to PROCESSING and freeze what it evaluates and as of when.

    Gives `{"cancelled": true}` when it was cancelled before it began.
    """
    with workspace.records.write() as records:
        job = records.get(KIND, job_id)
        if job.body["status"] == "CANCELLING" or is_final(KIND, job.body["status"]):
            return {"cancelled": True}
        definitions = list(_wanted(records, job))
        at_ms = job.body.get("evaluatedAt") or to_ms(workspace.clock.now())
        metrics = {**job.body["metrics"], "totalTime": {"startTimeInMs": at_ms}}
        transition(records, KIND, job_id, "PROCESSING", {"evaluatedAt": at_ms, "metrics": metrics})
    policies = sorted({str(definition.body["mergePolicyId"]) for definition in definitions})
    return {
        "at_ms": at_ms,
        "definitions": [definition.id for definition in definitions],
        "policies": policies,
    }


def evaluate(workspace: Workspace, job_id: str, frozen: Mapping[str, Any]) -> Document:
    """Evaluate all definitions and write their packs; nothing is visible until `commit`.

    Raises:
        Invalid: A definition does not fit the union schema any more.
        DefinitionCycle, OtherGraph: Definitions that use each other cannot be put in order.
    """
    started_ms = to_ms(workspace.wall.now())
    at = from_ms(frozen["at_ms"])
    with workspace.records.read() as records:
        found = records.get_many(DEFINITION, frozen["definitions"])
    planned = [_planned(workspace, found[id_]) for id_ in frozen["definitions"] if id_ in found]
    outcome = Outcome()
    by_graph: dict[str, list[Planned]] = {}
    for definition in planned:
        by_graph.setdefault(graph_of(policy_of(workspace, definition.policy_id)), []).append(definition)
    for graph, definitions in sorted(by_graph.items()):
        evaluation = GraphEvaluation(workspace, job_id, graph, in_order(definitions), at, outcome)
        evaluation.run(ignoring_opt_outs=[id_ for id_ in found if not honours_opt_outs(found[id_])])
    ended_ms = to_ms(workspace.wall.now())
    return {
        "policies": outcome.policies,
        "metrics": outcome.metrics(),
        "started_ms": started_ms,
        "ended_ms": ended_ms,
    }


def commit(records: RecordsTransaction, workspace: Workspace, job_id: str, outcome: Mapping[str, Any]) -> str:
    """Make the job's memberships the present ones and the job SUCCEEDED; gives the state it has then.

    Raises:
        VersionMismatch: The store was built anew or another job committed meanwhile; evaluate again.
    """
    job = records.get(KIND, job_id)
    if job.body["status"] == "CANCELLING":
        transition(records, KIND, job_id, "CANCELLED")
        return "CANCELLED"
    if is_final(KIND, job.body["status"]):
        return str(job.body["status"])
    for policy in outcome["policies"]:
        snapshot = read_snapshot(records, policy["graph"])
        if snapshot.buckets[0].generation != policy["generation"]:
            raise StoreRebuilt(policy["graph"])
        memberships = Memberships(policy["policy_id"], Version(policy["version"]), **policy["body"])
        commit_memberships(records, memberships)
    start = job.body["metrics"]["totalTime"]["startTimeInMs"]
    end = to_ms(workspace.clock.now())
    spent = outcome["ended_ms"] - outcome["started_ms"]
    metrics = {
        **outcome["metrics"],
        "totalTime": {"startTimeInMs": start, "endTimeInMs": end, "totalTimeInMs": end - start},
        "profileSegmentationTime": {"startTimeInMs": end - spent, "endTimeInMs": end, "totalTimeInMs": spent},
    }
    transition(records, KIND, job_id, "SUCCEEDED", {"metrics": metrics})
    return "SUCCEEDED"


def cancel_if_asked(workspace: Workspace, job_id: str) -> bool:
    """End a job that somebody cancelled; tells whether it has ended."""
    with workspace.records.write() as records:
        job = records.get(KIND, job_id)
        if job.body["status"] == "CANCELLING":
            transition(records, KIND, job_id, "CANCELLED")
            return True
        return is_final(KIND, job.body["status"])


def fail(workspace: Workspace, job_id: str, error: MusterError) -> None:
    """Write down why the job failed; memberships stay as they were."""
    with workspace.records.write() as records:
        job = records.find(KIND, job_id)
        if job is None or is_final(KIND, job.body["status"]):
            return
        if job.body["status"] == "CANCELLING":
            transition(records, KIND, job_id, "CANCELLED")
            return
        entry = {"code": type(error).__name__, "msg": str(error), "callStack": ""}
        transition(records, KIND, job_id, "FAILED", {"errors": [entry]})


def in_order(definitions: Sequence[Planned]) -> list[Planned]:
    """Each definition after those of the same job that it uses. Raises `DefinitionCycle`."""
    by_id = {definition.id: definition for definition in definitions}
    ordered: dict[str, Planned] = {}
    visiting: list[str] = []

    def visit(id_: str) -> None:
        if id_ in ordered or id_ not in by_id:
            return
        if id_ in visiting:
            raise DefinitionCycle(", ".join(visiting[visiting.index(id_) :]))
        visiting.append(id_)
        for used in sorted(by_id[id_].plan.segment_ids):
            visit(used)
        visiting.pop()
        ordered[id_] = by_id[id_]

    for definition in definitions:
        visit(definition.id)
    return list(ordered.values())


def _wanted(records: RecordsTransaction, job: Record) -> Sequence[Record]:
    wanted = list(job.body["definitions"])
    if wanted != [ALL]:
        found = records.get_many(DEFINITION, wanted)
        missing = [id_ for id_ in wanted if id_ not in found]
        if missing:
            raise NotFound("segment definition", missing[0])
        return [found[id_] for id_ in wanted]
    # Those of other methods, too: streaming does not see what comes in batches, and a job catches up on it. Documented.
    everything: list[Record] = []
    while True:
        page = records.page(DEFINITION, Query(limit=500, offset=len(everything)))
        everything += page.items
        if not page.has_next:
            return everything


def _planned(workspace: Workspace, definition: Record) -> Planned:
    try:
        query = compile_expression(workspace, definition.body["expression"])
    except Invalid as error:
        raise DefinitionUnfit(definition.id, str(error)) from error
    return Planned(definition.id, str(definition.body["mergePolicyId"]), plan(query))
