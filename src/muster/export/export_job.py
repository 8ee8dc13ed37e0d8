"""Export jobs: the merged profiles of audiences, or of everybody, as a new batch of a dataset.

The rows of an earlier export to the same dataset become inactive in the transaction that makes the new ones visible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa

from muster.catalog.batches import add_batch, publish, retire
from muster.export import dataset_rows
from muster.export.export_request import checked, instant
from muster.jobs.retry import with_retries
from muster.jobs.states import is_final, transition
from muster.jobs.steps import Steps, Workflow
from muster.kernel.clock import to_ms
from muster.kernel.errors import MusterError, Transient
from muster.kernel.ids import derived_uuid
from muster.kernel.page import Page
from muster.profiles.members import MemberView, all_profiles, members_of
from muster.profiles.store import graph_of
from muster.storage.records import Document, Filter, Query, Record, RecordsTransaction, Task
from muster.storage.workspace import Workspace
from muster.xdm.registry import PROFILE_CLASS, Registry

KIND = "export_job"
ORIGIN_TAG = "musterExportJob"
"""Tag of the batches that an export wrote; its value is the job's id. Such batches never feed the profile store."""

_RETIRED_AT_ONCE = 500
_FAILED = "0100000003"
"""Error in export job. Documented: job-level error codes."""


@dataclass(eq=False)
class ProfilesNotBuilt(MusterError):
    """There are no profiles under merge policy {policy_id}. Export under the policy of the audience, or evaluate one on it."""

    policy_id: str


@dataclass(eq=False)
class OtherGraph(MusterError):
    """Audience {definition_id} is evaluated over another identity graph than that of merge policy {policy_id}."""

    definition_id: str
    policy_id: str


class ExportJobs:
    """The export jobs of one sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def create(self, body: Any, *, by: str, request_id: str = "") -> Record:
        """Store a job in state NEW and let it start. Raises `Invalid` with every problem of the body."""
        document = checked(self._workspace, body)
        with self._workspace.records.write() as tx:
            number = tx.next_number(KIND)
            row = {
                **document,
                "number": number,
                "status": "NEW",
                "jobType": "BATCH",
                "profileInstanceId": "ups",
                "metrics": {},
                "errors": [],
                "computeGatewayJobId": {},
                "requestId": request_id,
                "createdBy": by,
            }
            record = tx.add(KIND, str(number), row)
            tx.enqueue(Task(f"{KIND}:{self._workspace.scope.number}:{number}", WORKFLOW.name, str(number)))
            return record

    def get(self, id: str) -> Record:
        """The job. Raises `NotFound`."""
        with self._workspace.records.read() as tx:
            return tx.get(KIND, id)

    def page(self, query: Query) -> Page[Record]:
        """One page of the jobs. Field `number` of the stored row is the id as a number."""
        with self._workspace.records.read() as tx:
            return tx.page(KIND, query)

    def cancel(self, id: str) -> Record:
        """Ask a job to stop at its next step; one that has ended stays as it is. Raises `NotFound`."""
        return with_retries("cancel", lambda: self._cancel(id))

    def _cancel(self, id: str) -> Record:
        with self._workspace.records.write() as tx:
            record = tx.get(KIND, id)
            if is_final(KIND, record.body["status"]):
                return record
            return transition(tx, KIND, id, "CANCELLING")


def run(workspace: Workspace, id: str, steps: Steps) -> None:
    """Do an export job: see what is to be read, write files, make them visible in one transaction."""
    plan = steps.run("prepare", partial(_prepare, workspace, id))
    if plan["cancelled"]:
        return
    written = steps.run("write", partial(_write, workspace, id, plan))
    steps.run("commit", partial(_commit, workspace, id, written))


def fail(workspace: Workspace, id: str, error: MusterError) -> None:
    """Write down why a job could not be done."""
    with workspace.records.write() as tx:
        record = tx.get(KIND, id)
        if _is_cancelled(tx, record) or is_final(KIND, record.body["status"]):
            return
        errors = [{"code": _FAILED, "msg": str(error), "callStack": ""}]
        metrics = {**record.body["metrics"], "totalTime": _ended(workspace, record)}
        transition(tx, KIND, id, "FAILED", {"errors": errors, "metrics": metrics})


WORKFLOW = Workflow(KIND, run, fail, ("prepare", "write", "commit"))


@dataclass(frozen=True, slots=True)
class _Part:
    """What goes into one batch: some audiences, or everybody when there are none."""

    segments: tuple[Document, ...]


def _prepare(workspace: Workspace, id: str) -> Document:
    """Start the job, and fail now rather than later when there is nothing to be read. Gives a batch id per part."""
    with workspace.records.write() as tx:
        record = tx.get(KIND, id)
        if _is_cancelled(tx, record):
            return {"cancelled": True}
        changes = {
            "metrics": {"totalTime": {"startTimeInMs": to_ms(workspace.wall.now())}},
            "computeGatewayJobId": {
                role: derived_uuid(workspace.scope.sandbox_id, KIND, id, role)
                for role in ("exportJob", "pushJob")
            },
        }
        record = transition(tx, KIND, id, "PROCESSING", changes)
    parts = _parts(record.body)
    evaluations = {}
    for part in parts:
        for segment, view in _views(workspace, record.body, part):
            evaluations[segment["segmentId"]] = view.evaluation
    return {
        "cancelled": False,
        "batches": [workspace.ids.ulid() for _ in parts],
        "evaluations": evaluations,
    }


def _write(workspace: Workspace, id: str, plan: Mapping[str, Any]) -> Document:
    """Write the files of every part; nothing mentions them yet."""
    with workspace.records.write() as tx:
        record = tx.get(KIND, id)
        if _is_cancelled(tx, record):
            return {"cancelled": True}
    started = to_ms(workspace.wall.now())
    tree = dataset_rows.tree_of(record.body["fields"])
    union = Registry(workspace).union_fields(PROFILE_CLASS) if tree else None
    schema = dataset_rows.schema_of(tree, union) if tree and union else None
    batches = []
    for batch_id, part in zip(plan["batches"], _parts(record.body), strict=True):
        with workspace.engine.cursor() as cursor:
            tables = _rows(workspace, record.body, part, cursor, dataset_rows.columns_of(tree))
            folder = f"exports/{id}/{batch_id}"
            rows_max = workspace.settings.export_rows_max
            written = dataset_rows.write_parts(workspace.lake, tables, folder, schema, rows_max)
        batches.append(
            {
                "batchId": batch_id,
                "files": written.files,
                "rows": written.row_count,
                "namespaces": dict(written.namespaces),
            }
        )
    return {"cancelled": False, "batches": batches, "time": _span(started, to_ms(workspace.wall.now()))}


def _commit(workspace: Workspace, id: str, written: Mapping[str, Any]) -> Document:
    """Make the new batches visible, the earlier ones inactive and the job successful, all at once."""
    with workspace.records.write() as tx:
        record = tx.get(KIND, id)
        if _is_cancelled(tx, record) or is_final(KIND, record.body["status"]):
            return {}
        started = to_ms(workspace.wall.now())
        dataset_id = record.body["destination"]["datasetId"]
        batches = written["batches"]
        while earlier := _earlier(tx, dataset_id):
            for former in earlier:
                retire(tx, former, successor=batches[0]["batchId"])
        for batch in batches:
            _publish(tx, workspace, dataset_id, batch, record)
        namespaces: Counter[str] = Counter()
        for batch in batches:
            namespaces.update(batch["namespaces"])
        metrics = {
            "totalTime": _ended(workspace, record),
            "profileExportTime": written["time"],
            "aCPDatasetWriteTime": _span(started, to_ms(workspace.wall.now())),
            "totalExportedProfileCounter": sum(batch["rows"] for batch in batches),
            "exportedProfileByNamespaceCounter": dict(namespaces),
        }
        destination = _destination(record.body, batches)
        transition(tx, KIND, id, "SUCCEEDED", {"metrics": metrics, "destination": destination})
        return {}


def _publish(
    tx: RecordsTransaction, workspace: Workspace, dataset_id: str, batch: Mapping[str, Any], record: Record
) -> None:
    byte_count = sum(file["byteCount"] for file in batch["files"])
    tags = {ORIGIN_TAG: [record.id], "acp_producer": ["muster:export"]}
    by = record.body["createdBy"]
    add_batch(tx, workspace, dataset_id, {"tags": tags}, by, id=batch["batchId"])
    changes = {
        "recordCount": batch["rows"],
        "size": byte_count,
        "started": to_ms(record.created_at),
        "metrics": {
            "outputRecordCount": batch["rows"],
            "outputByteSize": byte_count,
            "outputFileCount": len(batch["files"]),
            "recordsWritten": batch["rows"],
        },
    }
    publish(tx, workspace, batch["batchId"], batch["files"], changes)


def _earlier(tx: RecordsTransaction, dataset_id: str) -> list[str]:
    """The batches that earlier exports left in a dataset. What was ingested into it by other ways stays."""
    filters = [Filter(("status",), "==", ("success",)), Filter(("tags", ORIGIN_TAG), "exists")]
    query = Query(filters=filters, links=[("dataset", dataset_id)], limit=_RETIRED_AT_ONCE)
    return [record.id for record in tx.page("batch", query).items]


def _destination(body: Mapping[str, Any], batches: list[Mapping[str, Any]]) -> Document:
    destination: Document = dict(body["destination"])
    if not destination["segmentPerBatch"]:
        return {**destination, "batchId": batches[0]["batchId"]}
    segments = body["filter"]["segments"]
    return {
        **destination,
        "batches": [
            {**segment, "batchId": batch["batchId"]} for segment, batch in zip(segments, batches, strict=True)
        ],
    }


def _is_cancelled(tx: RecordsTransaction, record: Record) -> bool:
    """Whether the job was asked to stop; then it is stopped now."""
    if record.body["status"] == "CANCELLING":
        transition(tx, KIND, record.id, "CANCELLED")
        return True
    return bool(record.body["status"] == "CANCELLED")


def _parts(body: Mapping[str, Any]) -> list[_Part]:
    segments = tuple(body["filter"].get("segments", ()))
    if body["destination"]["segmentPerBatch"]:
        return [_Part((segment,)) for segment in segments]
    return [_Part(segments)]


def _rows(
    workspace: Workspace, body: Mapping[str, Any], part: _Part, cursor: Any, columns: list[str] | None
) -> Iterator[pa.Table]:
    """The rows of one batch, each person once."""
    if not part.segments:
        yield from _everybody(workspace, body, columns)
        return
    window = body["filter"].get("segmentQualificationTime", {})
    start, end = _bound(window, "startTime"), _bound(window, "endTime")
    keep: Callable[[pa.Table], pa.Table] = partial(dataset_rows.since_within, start, end)
    skips_empty = body["filter"].get("emptyProfiles") is False
    read = None if skips_empty else columns
    shown = _shows_memberships(columns)
    tables = (
        keep(table)
        for _, view in _views(workspace, body, part)
        for table in view.tables(read, with_memberships=shown)
    )
    chosen = map(dataset_rows.with_record, tables) if skips_empty else tables
    yield from dataset_rows.first_seen(chosen, cursor) if len(part.segments) > 1 else chosen


def _everybody(
    workspace: Workspace, body: Mapping[str, Any], columns: list[str] | None
) -> Iterator[pa.Table]:
    view = all_profiles(workspace, body["mergePolicy"]["id"])
    _check_built(view)
    wants_empty = body["filter"].get("emptyProfiles") is True
    excludes = body["dataGovernancePolicy"]["excludeOptOut"]
    # Whether a person has a record at all is seen on all columns, whichever are exported.
    read = [*columns, dataset_rows.OPT_OUTS, dataset_rows.CONSENTS] if columns and wants_empty else None
    for table in view.tables(read, with_memberships=_shows_memberships(columns)):
        kept = dataset_rows.without_crowded(table, workspace.settings.identities_per_person_max)
        kept = dataset_rows.without_opted_out(kept) if excludes else kept
        yield kept if wants_empty else dataset_rows.with_record(kept)


def _shows_memberships(columns: list[str] | None) -> bool:
    return columns is None or dataset_rows.MEMBERSHIPS in columns


def _views(workspace: Workspace, body: Mapping[str, Any], part: _Part) -> list[tuple[Document, MemberView]]:
    """The audiences of a part as one snapshot has them, under the job's merge policy.

    Raises:
        NotEvaluated, ProfilesNotBuilt, OtherGraph
    """
    policy_id = body["mergePolicy"]["id"]
    with workspace.records.read() as tx:
        found = tx.get_many("segment_definition", [segment["segmentId"] for segment in part.segments])
    views = []
    for segment in part.segments:
        definition = found.get(segment["segmentId"])
        own = definition.body["mergePolicyId"] if definition is not None else policy_id
        view = members_of(workspace, own, segment["segmentId"], segment["status"])
        views.append((segment, view if own == policy_id else _under(workspace, policy_id, view)))
    if len({view.store.snapshot.ordinal for _, view in views}) > 1:
        raise Transient("The profile store", "it changed while it was opened")
    for _, view in views:
        _check_built(view)
    return views


def _under(workspace: Workspace, policy_id: str, view: MemberView) -> MemberView:
    """The same persons with their profiles under another policy: they stand in the same rows when the graph is one."""
    other = all_profiles(workspace, policy_id).store.policy
    if graph_of(other) != graph_of(view.store.policy):
        raise OtherGraph(str(view.definition_id), policy_id)
    return replace(view, store=replace(view.store, policy=other))


def _check_built(view: MemberView) -> None:
    """Refuse a store that lacks profiles of the policy: their persons would be left out without a word."""
    store = view.store
    held = [
        segment.profiles
        for bucket in store.snapshot.buckets
        for segment in bucket.segments
        if segment.profiles
    ]
    if store.snapshot.person_count and not all(store.policy.id in profiles for profiles in held):
        raise ProfilesNotBuilt(store.policy.id)


def _bound(window: Mapping[str, Any], name: str) -> datetime | None:
    return instant(window[name], name) if name in window else None


def _ended(workspace: Workspace, record: Record) -> Document:
    started = record.body["metrics"].get("totalTime", {}).get("startTimeInMs")
    now = to_ms(workspace.wall.now())
    return _span(now if started is None else started, now)


def _span(start_ms: int, end_ms: int) -> Document:
    return {"startTimeInMs": start_ms, "endTimeInMs": end_ms, "totalTimeInMs": end_ms - start_ms}
