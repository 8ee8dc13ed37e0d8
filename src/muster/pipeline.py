"""The path on one screen: which stage hands over to which, and when. Stages never call each other; they meet here.

ingest_batch    convert ─► unify ─► commit      batch and profiles become visible together
revert_batch    rebuild ─► commit               the store without the batch, memberships carried over
    rebuild_profiles  the same, when a dataset went or a merge policy came
segment_job     begin ─► profiles ─► evaluate ─► commit ─► (activation of what is due after an evaluation)
export_job      see export.export_job
flow_run        see export.activation
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from muster.catalog.batches import Batches, reject, retire
from muster.catalog.datasets import Datasets
from muster.evaluate import segment_job
from muster.export import activation, export_job
from muster.flows.due import after_evaluation
from muster.ingest import batch as ingest
from muster.jobs.states import transition
from muster.jobs.steps import Steps, Workflow
from muster.kernel.clock import to_ms
from muster.kernel.errors import AlreadyExists, MusterError, Transient, VersionMismatch
from muster.profiles.store import graph_of, policy_of
from muster.storage.workspace import Workspace
from muster.unify import stage as unify

_TRIES_MAX = 50
"""A commit that lost against another builds again on top of it; so many losses in a row mean that something is wrong."""


def _ingest_batch(workspace: Workspace, batch_id: str, steps: Steps) -> None:
    conversion = steps.run("convert", lambda: ingest.convert(workspace, batch_id))
    at_ms = steps.run("time", lambda: to_ms(workspace.clock.now()))

    def build() -> Any:
        batch = Batches(workspace).get(batch_id)
        dataset = Datasets(workspace).get(batch.dataset_id)
        if not conversion["ok"] or not unify.feeds_profiles(dataset):
            return {"snapshots": [], "memberships": []}
        paths = tuple(file["path"] for file in conversion["files"] if file["role"] == "data")
        incoming = unify.Incoming(batch_id, dataset, paths, at_ms, batch.predecessors)
        return unify.lay_over(workspace, incoming)

    def commit(built: Any) -> None:
        with workspace.records.write() as records:
            if _is_staging(records, batch_id):
                unify.commit(records, built)
                ingest.settle(records, workspace, batch_id, conversion)

    _build_and_commit(steps, "unify", build, "commit", commit)


def _is_staging(records: Any, batch_id: str) -> bool:
    return str(records.get("batch", batch_id).body["status"]) == "staging"


def _fail_batch(workspace: Workspace, batch_id: str, error: MusterError) -> None:
    with workspace.records.write() as records:
        if _is_staging(records, batch_id):
            reject(
                records, workspace, batch_id, [{"code": type(error).__name__, "description": str(error)}], {}
            )


def _revert_batch(workspace: Workspace, batch_id: str, steps: Steps) -> None:
    def build() -> Any:
        dataset = Datasets(workspace).find(Batches(workspace).get(batch_id).dataset_id)
        if dataset is None or not unify.feeds_profiles(dataset):
            return []
        graphs = unify.existing_graphs(workspace)
        return [unify.build_anew(workspace, graph, without=(batch_id,)) for graph in graphs]

    def commit(built: Any) -> None:
        with workspace.records.write() as records:
            if records.get("batch", batch_id).body["status"] != "inactive":
                for one in built:
                    unify.commit(records, one)
                retire(records, batch_id)

    _build_and_commit(steps, "rebuild", build, "commit", commit)


def _rebuild_profiles(workspace: Workspace, _cause: str, steps: Steps) -> None:
    def build() -> Any:
        return [unify.build_anew(workspace, graph) for graph in unify.needed_graphs(workspace)]

    _build_and_commit(steps, "rebuild", build, "commit", lambda built: _commit_built(workspace, *built))


def _leave_as_it_is(workspace: Workspace, argument: str, error: MusterError) -> None:
    """The store stays as it was; the log has the reason, and the next build makes up for it."""


def _fail_revert(workspace: Workspace, batch_id: str, error: MusterError) -> None:
    # The batch stays readable: what could not be taken back still counts.
    with workspace.records.write() as records:
        if records.get("batch", batch_id).body["status"] == "reverting":
            transition(records, "batch", batch_id, "success", {"revertError": str(error)})


def _segment_job(workspace: Workspace, job_id: str, steps: Steps) -> None:
    frozen = steps.run("begin", lambda: segment_job.begin(workspace, job_id))
    # A job that was cancelled before it began froze nothing, and ends here like one that is cancelled now.
    if _cancelled(workspace, job_id, steps, "cancel-begin"):
        return
    stale = steps.run("profiles", lambda: _graphs_to_build(workspace, frozen["policies"]))
    for graph in stale:
        _build_and_commit(
            steps,
            f"build-{graph}",
            lambda graph=graph: unify.build_anew(workspace, graph),  # type: ignore[misc]
            f"commit-{graph}",
            lambda built: _commit_built(workspace, built),
        )

    def commit(outcome: Any) -> None:
        with workspace.records.write() as records:
            if segment_job.commit(records, workspace, job_id, outcome) == "SUCCEEDED":
                after_evaluation(records, workspace, frozen["definitions"], frozen["at_ms"])

    if not _cancelled(workspace, job_id, steps, "cancel-profiles"):
        _build_and_commit(
            steps, "evaluate", lambda: segment_job.evaluate(workspace, job_id, frozen), "commit", commit
        )


def _cancelled(workspace: Workspace, job_id: str, steps: Steps, name: str) -> bool:
    return bool(steps.run(name, lambda: segment_job.cancel_if_asked(workspace, job_id)))


def _graphs_to_build(workspace: Workspace, policy_ids: list[str]) -> list[str]:
    """Graphs whose store does not hold the profiles of one of the policies as it is today."""
    policies = [policy_of(workspace, policy_id) for policy_id in policy_ids]
    return sorted({graph_of(policy) for policy in policies if not unify.is_current(workspace, policy)})


def _commit_built(workspace: Workspace, *built: Any) -> None:
    with workspace.records.write() as records:
        for one in built:
            unify.commit(records, one)


def _build_and_commit(
    steps: Steps, build_name: str, build: Callable[[], Any], commit_name: str, commit: Callable[[Any], None]
) -> None:
    """Build new files on top of what is there, then commit if it still is; else build again."""

    def tried(built: Any) -> bool:
        try:
            commit(built)
        except (VersionMismatch, AlreadyExists, segment_job.StoreRebuilt):
            return False
        return True

    for attempt in range(1, _TRIES_MAX + 1):
        suffix = "" if attempt == 1 else f"-{attempt}"
        built = steps.run(build_name + suffix, build)
        if steps.run(commit_name + suffix, lambda built=built: tried(built)):  # type: ignore[misc]
            return
    raise Transient("The profile store", "other jobs kept changing it")


WORKFLOWS: dict[str, Workflow] = {
    workflow.name: workflow
    for workflow in (
        Workflow("ingest_batch", _ingest_batch, _fail_batch, ("convert", "time", "unify", "commit")),
        Workflow("revert_batch", _revert_batch, _fail_revert, ("rebuild", "commit")),
        Workflow("rebuild_profiles", _rebuild_profiles, _leave_as_it_is, ("rebuild", "commit")),
        Workflow(
            "segment_job",
            _segment_job,
            segment_job.fail,
            ("begin", "cancel-begin", "profiles", "cancel-profiles", "evaluate", "commit"),
        ),
        export_job.WORKFLOW,
        activation.WORKFLOW,
    )
}
"""Every kind of job by its name."""
