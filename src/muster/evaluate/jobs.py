"""The rows of segment jobs: what is asked for, what came of it. The evaluation itself is a workflow over such a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from muster.evaluate.definitions import KIND as DEFINITION
from muster.jobs.retry import with_retries
from muster.jobs.states import is_final, transition
from muster.kernel.errors import Invalid, Problem
from muster.kernel.page import Page
from muster.profiles.merge_policies import KIND as MERGE_POLICY
from muster.profiles.merge_policies import PROFILE_CLASS_NAME
from muster.storage.records import Document, Names, Query, Record, RecordsTransaction, Task
from muster.storage.workspace import Workspace

KIND = "segment_job"
WORKFLOW_NAME = "segment_job"
ALL = "*"
"""In place of an id: every definition that is evaluated in batch when the job runs."""

Source = Literal["api", "scheduler"]


class SegmentJobs:
    """The segment jobs of one sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def create(
        self,
        body: Any,
        *,
        source: Source = "api",
        properties: Mapping[str, Any] | None = None,
        request_id: str = "",
        job_id: str | None = None,
    ) -> Record:
        """Store a job in state NEW and let its evaluation start.

        Args:
            body: `[{"segmentId": …}, …]`, or `{"schema": …, "segments": [{"segmentId": "*"}]}`.
            properties: `scheduleId` and `runId` of a scheduled job.
            job_id: Given by a caller whose step may be repeated; the job is made once.
        Raises:
            Invalid: With every problem of the body, unknown definitions among them.
        """
        wanted = read_wanted(body)
        with self._workspace.records.write() as tx:
            if job_id is not None and (made := tx.find(KIND, job_id)) is not None:
                return made
            id_ = job_id or self._workspace.ids.uuid()
            row = {
                "status": "NEW",
                "source": source,
                "definitions": wanted,
                "segments": _snapshot(tx, wanted),
                "profileInstanceId": "ups",
                "schema": {"name": PROFILE_CLASS_NAME},
                "modelName": PROFILE_CLASS_NAME,
                "batchId": self._workspace.ids.uuid(),
                "computeJobId": tx.next_number("compute_job"),
                "computeGatewayJobId": self._workspace.ids.uuid(),
                "metrics": empty_metrics(),
                "errors": [],
                "requestId": request_id,
                **({"properties": dict(properties)} if properties else {}),
            }
            record = tx.add(
                KIND, id_, row, Names(links=[("definition", definition_id) for definition_id in wanted])
            )
            tx.enqueue(Task(f"{KIND}:{id_}", WORKFLOW_NAME, id_))
            return record

    def get(self, id: str) -> Record:
        """The job. Raises `NotFound`."""
        with self._workspace.records.read() as tx:
            return tx.get(KIND, id)

    def get_many(self, ids: Sequence[str]) -> dict[str, Record]:
        """Those of the jobs that exist, by id."""
        with self._workspace.records.read() as tx:
            return tx.get_many(KIND, ids)

    def page(self, query: Query) -> Page[Record]:
        """One page of the jobs."""
        with self._workspace.records.read() as tx:
            return tx.page(KIND, query)

    def cancel(self, id: str) -> Record:
        """Ask a job to stop at its next step; a job that has ended stays as it is. Raises `NotFound`."""
        return with_retries("cancel", lambda: self._cancel(id))

    def _cancel(self, id: str) -> Record:
        with self._workspace.records.write() as tx:
            record = tx.get(KIND, id)
            if is_final(KIND, record.body["status"]):
                return record
            return transition(tx, KIND, id, "CANCELLING")


def empty_metrics() -> Document:
    """The metrics of a job that has not run: every part is there, with nothing in it."""
    return {
        "totalTime": {},
        "profileSegmentationTime": {},
        "totalProfiles": 0,
        "totalProfilesByMergePolicy": {},
        "segmentedProfileCounter": {},
        "segmentedProfileByNamespaceCounter": {},
        "segmentedProfileByStatusCounter": {},
    }


def read_wanted(body: Any) -> list[str]:
    """The ids that a request names, each once, in order; `["*"]` for all. Raises `Invalid`."""
    listed, place = body, ""
    if isinstance(body, Mapping):
        listed, place = body.get("segments"), "/segments"
        _check_schema(body.get("schema"))
    if not isinstance(listed, list) or not listed:
        raise Invalid.at(place, 'a list of definitions is needed: [{"segmentId": "…"}]')
    problems = []
    wanted: dict[str, None] = {}
    for position, item in enumerate(listed):
        id_ = item.get("segmentId") if isinstance(item, Mapping) else None
        if isinstance(id_, str) and id_:
            wanted[id_] = None
        else:
            problems.append(Problem(f"{place}/{position}/segmentId", "is required, as text"))
    if problems:
        raise Invalid(tuple(problems))
    return [ALL] if ALL in wanted else list(wanted)


def _check_schema(schema: Any) -> None:
    name = schema.get("name") if isinstance(schema, Mapping) else None
    if schema is not None and name != PROFILE_CLASS_NAME:
        raise Invalid.at("/schema/name", f"only {PROFILE_CLASS_NAME} is evaluated, not {name!r}")


def _snapshot(tx: RecordsTransaction, wanted: list[str]) -> list[Document]:
    """`segments` as the job shows them: the definitions as they are when the job is made."""
    if wanted == [ALL]:
        return [{"segmentId": ALL}]
    found = tx.get_many(DEFINITION, wanted)
    missing = [id_ for id_ in wanted if id_ not in found]
    if missing:
        raise Invalid(
            tuple(Problem("/segmentId", f"there is no segment definition {id_}") for id_ in missing)
        )
    policy_ids = sorted({record.body["mergePolicyId"] for record in found.values()})
    policies = tx.get_many(MERGE_POLICY, policy_ids)
    return [{"segmentId": id_, "segment": _segment(found[id_], policies)} for id_ in wanted]


def _segment(definition: Record, policies: Mapping[str, Record]) -> Document:
    policy_id = definition.body["mergePolicyId"]
    version = policies[policy_id].version if policy_id in policies else 1
    return {
        "id": definition.id,
        "version": int(definition.version),
        "expression": definition.body["expression"],
        "mergePolicyId": policy_id,
        "mergePolicy": {"id": policy_id, "version": int(version)},
    }
