"""Batches: the units in which rows become visible, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from muster.catalog.batch_body import checked
from muster.catalog.datasets import Dataset, dataset_in, note_batch
from muster.catalog.files import BatchFile, add_file, files_in
from muster.jobs.states import transition
from muster.kernel.clock import to_ms
from muster.kernel.errors import Invalid, MusterError
from muster.kernel.page import Page
from muster.kernel.scope import Scope
from muster.storage.records import Document, Filter, Names, Order, Query, Record, RecordsTransaction, Task
from muster.storage.workspace import Workspace

KIND = "batch"

_ACTIVE = (Filter(("status",), "==", ("success",)),)
_OLDEST_FIRST = (Order(("@created",)),)
_PAGE = 500


@dataclass(eq=False)
class BatchState(MusterError):
    """Batch {id} is {state}; {action} is possible only while it is {possible}."""

    id: str
    state: str
    action: str
    possible: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as of one version."""

    id: str
    body: Document
    version: int
    created_ms: int
    updated_ms: int

    @property
    def dataset_id(self) -> str:
        return str(self.body["relatedObjects"][0]["id"])

    @property
    def status(self) -> str:
        return str(self.body["status"])

    @property
    def input_format(self) -> Document:
        """`{format: json | parquet | csv, …}`."""
        found: Document = self.body["inputFormat"]
        return found

    @property
    def diagnostics(self) -> bool:
        """Whether the rows that fail are to be kept for reading."""
        return bool(self.body.get("enableErrorDiagnostics", False))

    @property
    def failed_percentage_max(self) -> float:
        """How many rows of a hundred may fail without failing the batch."""
        return float(self.body.get("partialIngestionPercentage", 0))

    @property
    def predecessors(self) -> tuple[str, ...]:
        """Ids of the batches that this one replaces when it succeeds."""
        return tuple(self.body.get("replay", {}).get("batchIds", ()))

    def shown(self, scope: Scope) -> Document:
        """The API's document."""
        body = dict(self.body)
        if "replay" in body:
            body["replay"] = {name: value for name, value in body["replay"].items() if name != "batchIds"}
        return {
            "id": self.id,
            **body,
            "imsOrg": scope.org_id,
            "sandboxId": scope.sandbox_id,
            "version": f"1.0.{self.version - 1}",
            "created": self.created_ms,
            "updated": self.updated_ms,
        }


class Batches:
    """The batches of a sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def create(self, body: Any, by: str) -> Batch:
        """Open a batch for files.

        Args:
            body: `datasetId`, `inputFormat` (absent: Parquet), `enableErrorDiagnostics`, `partialIngestionPercentage`,
                `replay`, `externalId`, `tags`.
        Raises:
            Invalid: What is wrong with the body; a dataset or a predecessor that does not exist.
        """
        document = checked(body)
        dataset_id = document.pop("datasetId")
        with self._workspace.records.write() as tx:
            if tx.find("dataset", dataset_id) is None:
                raise Invalid.at("/datasetId", f"there is no dataset {dataset_id} in this sandbox")
            if "replay" in document:
                document["replay"] = {
                    **document["replay"],
                    "batchIds": _resolve_predecessors(tx, dataset_id, document["replay"]["predecessors"]),
                }
            return add_batch(tx, self._workspace, dataset_id, document, by)

    def get(self, id: str) -> Batch:
        """The batch. Raises `NotFound`."""
        with self._workspace.records.read() as tx:
            return batch_in(tx, id)

    def get_many(self, ids: Sequence[str]) -> dict[str, Batch]:
        """Those of the batches that exist, by id."""
        with self._workspace.records.read() as tx:
            return {id: _batch(record) for id, record in tx.get_many(KIND, ids).items()}

    def page(self, query: Query) -> Page[Batch]:
        """One page of those that match; newest first unless another order is asked for."""
        with self._workspace.records.read() as tx:
            return tx.page(KIND, query).map(_batch)

    def files(self, batch_id: str, role: str) -> list[BatchFile]:
        """All files of one role (`upload`, `data`, `errors`), in the order they came."""
        with self._workspace.records.read() as tx:
            return files_in(tx, batch_id, role)

    def active_batches(self, dataset_id: str) -> list[Batch]:
        """The batches whose rows a dataset holds now, oldest first."""
        found: list[Batch] = []
        with self._workspace.records.read() as tx:
            while True:
                links = (("dataset", dataset_id),)
                page = tx.page(KIND, Query(_ACTIVE, links, _OLDEST_FIRST, offset=len(found), limit=_PAGE))
                found += [_batch(record) for record in page.items]
                if not page.has_next:
                    return found

    def latest_success(self, dataset_id: str) -> Batch | None:
        """The newest batch whose rows are visible, or None."""
        with self._workspace.records.read() as tx:
            page = tx.page(KIND, Query(_ACTIVE, (("dataset", dataset_id),), limit=1))
        return _batch(page.items[0]) if page.items else None

    def complete(self, id: str) -> Batch:
        """All files are there: hand the batch to a worker. Repeating it changes nothing.

        Raises:
            BatchState: It was aborted or reverted.
        """
        with self._workspace.records.write() as tx:
            batch = batch_in(tx, id)
            if batch.status in ("staging", "success", "failure"):
                return batch
            _require(batch, "COMPLETE", "loading")
            record = transition(tx, KIND, id, "staging", {"started": self._now_ms()})
            tx.enqueue(Task(id=f"ingest:{id}", workflow="ingest_batch", argument=id))
            note_batch(tx, batch.dataset_id, id, "staging")
            return _batch(record)

    def abort(self, id: str) -> Batch:
        """Give a batch up before it is final; none of its rows become visible. Raises `BatchState`."""
        return self._end(id, "aborted", "ABORT", ())

    def fail(self, id: str) -> Batch:
        """Let the sender declare a batch failed before it is final. Raises `BatchState`."""
        error = {"code": "MUSTER-FAILED-BY-CLIENT", "description": "The sender declared the batch failed."}
        return self._end(id, "failure", "FAIL", (error,))

    def revert(self, id: str) -> Batch:
        """Withdraw a successful batch: a worker takes its rows back. Repeating it changes nothing. Raises `BatchState`."""
        with self._workspace.records.write() as tx:
            batch = batch_in(tx, id)
            if batch.status in ("reverting", "inactive"):
                return batch
            _require(batch, "REVERT", "success")
            record = transition(tx, KIND, id, "reverting")
            # Numbered: a revert that failed may be asked for again, and a task id runs once.
            tx.enqueue(Task(f"revert:{id}:{record.version}", "revert_batch", id))
            return _batch(record)

    def _end(self, id: str, state: str, action: str, errors: Sequence[Document]) -> Batch:
        with self._workspace.records.write() as tx:
            batch = batch_in(tx, id)
            if batch.status == state:
                return batch
            _require(batch, action, "loading", "staging")
            changes = {"completed": self._now_ms(), "errors": [*batch.body["errors"], *errors]}
            record = transition(tx, KIND, id, state, changes)
            note_batch(tx, batch.dataset_id, id, state)
            return _batch(record)

    def _now_ms(self) -> int:
        return to_ms(self._workspace.clock.now())


def batch_in(tx: RecordsTransaction, id: str) -> Batch:
    """The batch as a running transaction sees it. Raises `NotFound`."""
    return _batch(tx.get(KIND, id))


def add_batch(
    tx: RecordsTransaction,
    workspace: Workspace,
    dataset_id: str,
    document: Mapping[str, Any],
    by: str,
    *,
    id: str | None = None,
) -> Batch:
    """Open a batch inside a transaction; for stages that write rows themselves as well as for the API.

    Args:
        document: What differs from an empty Parquet batch: `inputFormat`, `tags`, `externalId` …
        id: Fixed by steps that may be repeated; None: a new one.
    """
    dataset: Dataset = dataset_in(tx, dataset_id)
    id = id or workspace.ids.ulid()
    tags = {
        "acp_stagePath": [f"acp_foundation_push/stage/{id}"],
        "acp_dataSetViewId": [dataset.body["viewId"]],
        "numberOfDSFs": ["1"],
        **document.get("tags", {}),
    }
    body: Document = {
        "inputFormat": {"format": "parquet"},
        "errors": [],
        "metrics": {},
        "recordCount": 0,
        "failedRecordCount": 0,
        "createdClient": by.split("@", 1)[0],
        "createdUser": by,
        "updatedUser": by,
        **document,
        "status": "loading",
        "relatedObjects": [{"type": "dataSet", "id": dataset_id}],
        "tags": tags,
    }
    links = [("dataset", dataset_id)]
    if body.get("externalId"):
        links.append(("external", str(body["externalId"])))
    return _batch(tx.add(KIND, id, body, Names(links=links)))


def publish(
    tx: RecordsTransaction,
    workspace: Workspace,
    batch_id: str,
    files: Sequence[Document],
    changes: Mapping[str, Any],
) -> Batch:
    """Make a batch successful with its data files, and those that it replaces inactive. Repeatable.

    Args:
        files: `{role, name, path, byteCount, rowCount}` of files that lie in the lake already.
        changes: Counts and metrics for the batch's document.
    """
    batch = batch_in(tx, batch_id)
    if batch.status == "loading":
        transition(tx, KIND, batch_id, "staging")
    for file in files:
        add_file(tx, batch_id, batch.dataset_id, **file)
    done = {"completed": to_ms(workspace.clock.now()), **changes}
    record = transition(tx, KIND, batch_id, "success", done)
    for predecessor in batch.predecessors:
        retire(tx, predecessor, successor=batch_id)
    note_batch(tx, batch.dataset_id, batch_id, "success")
    return _batch(record)


def reject(
    tx: RecordsTransaction,
    workspace: Workspace,
    batch_id: str,
    errors: Sequence[Document],
    changes: Mapping[str, Any],
    *,
    files: Sequence[Document] = (),
) -> Batch:
    """Make a batch failed, with the reasons (`{code, description}`) and the files that show them. Repeatable."""
    batch = batch_in(tx, batch_id)
    for file in files:
        add_file(tx, batch_id, batch.dataset_id, **file)
    done = {"completed": to_ms(workspace.clock.now()), "errors": list(errors), **changes}
    record = transition(tx, KIND, batch_id, "failure", done)
    note_batch(tx, batch.dataset_id, batch_id, "failure")
    return _batch(record)


def retire(tx: RecordsTransaction, batch_id: str, *, successor: str = "") -> None:
    """Take a batch out of its dataset: replaced, or reverted. One that is not visible is left as it is."""
    record = tx.find(KIND, batch_id)
    if record is None or record.body["status"] not in ("success", "reverting"):
        return
    transition(tx, KIND, batch_id, "reverting")
    tags = dict(record.body["tags"])
    if successor:
        tags["acp_successor"] = [successor]
    transition(tx, KIND, batch_id, "inactive", {"tags": tags})


def _require(batch: Batch, action: str, *states: str) -> None:
    if batch.status not in states:
        raise BatchState(batch.id, batch.status, action, " or ".join(states))


def _resolve_predecessors(tx: RecordsTransaction, dataset_id: str, named: Sequence[str]) -> list[str]:
    """Batch ids of predecessors; `$x` is the sender's own `externalId`, or, as aepp sends it, a batch id."""
    found: list[str] = []
    for position, name in enumerate(named):
        path = f"/replay/predecessors/{position}"
        record = _predecessor(tx, name.removeprefix("$"))
        if record is None or _batch(record).dataset_id != dataset_id:
            raise Invalid.at(path, f"dataset {dataset_id} has no batch {name}")
        found.append(record.id)
    return found


def _predecessor(tx: RecordsTransaction, name: str) -> Record | None:
    record = tx.find(KIND, name)
    if record is not None:
        return record
    page = tx.page(KIND, Query(links=(("external", name),), limit=1))
    return page.items[0] if page.items else None


def _batch(record: Record) -> Batch:
    return Batch(record.id, record.body, record.version, to_ms(record.created_at), to_ms(record.updated_at))
