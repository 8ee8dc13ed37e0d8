"""From uploaded files to a batch of checked rows: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
import pyarrow as pa

from muster.catalog.batches import Batch, Batches, batch_in, publish, reject
from muster.catalog.datasets import Dataset, Datasets
from muster.catalog.files import BatchFile
from muster.ingest.checks import check_rows
from muster.ingest.diagnostics import Diagnostics
from muster.ingest.files import EMPTY_FILE, ROWS_MAX, Chunk, FileUnreadable
from muster.ingest.identity_check import check_primary_identity
from muster.ingest.preview import READERS
from muster.ingest.problems import CORRUPT, REQUIRED, Problems
from muster.ingest.spool import RowSpool
from muster.kernel.clock import to_ms
from muster.storage.records import Document, RecordsTransaction
from muster.storage.workspace import Workspace
from muster.xdm.arrow import arrow_schema
from muster.xdm.fields import Field
from muster.xdm.registry import Registry

ROWS_FAILED, ROWS_FAILED_UNSEEN = "INGEST-1212-400", "INGEST-1211-400"


class ConvertedFile(TypedDict):
    """A file that lies in the lake: role `data` or `errors`."""

    role: str
    name: str
    path: str
    byteCount: int
    rowCount: int


class Conversion(TypedDict):
    """What came of a batch's files; JSON.

    Attributes:
        ok: Whether the batch is to succeed; without it no data file was made.
        files: What the conversion made.
        rowCount: Rows that were taken.
        readRowCount: Rows that were read, good and bad.
        failedRowCount: Rows that were not taken.
        inputFileCount, inputByteCount: What was uploaded.
        errors: `{code, description, rows?}` for the batch.
        stopped: The batch was ended by someone else; nothing was done and nothing is to be written.
    """

    ok: bool
    files: list[ConvertedFile]
    rowCount: int
    readRowCount: int
    failedRowCount: int
    inputFileCount: int
    inputByteCount: int
    errors: list[Document]
    stopped: NotRequired[bool]


def convert(workspace: Workspace, batch_id: str, *, chunk_rows: int = ROWS_MAX) -> Conversion:
    """Read a batch's uploads, check the rows and put them into the lake as Parquet. Repeatable.

    Columns are those of the dataset's schema that occur, in its Arrow types, and those that it does not name as they
    came. Data files are `batches/<batch>/data/part-<n>.parquet`; diagnostics lie beside them under `errors`.

    Args:
        chunk_rows: How many rows are held at once; the result does not depend on it.
    Raises:
        NotFound: The batch, its dataset or its schema is gone.
    """
    batches = Batches(workspace)
    batch = batches.get(batch_id)
    uploads = batches.files(batch_id, "upload")
    if batch.status != "staging":
        return {**_conversion(uploads), "stopped": True}
    dataset = Datasets(workspace).get(batch.dataset_id)
    registry = Registry(workspace)
    schema = registry.schema_fields(dataset.schema_id)
    with workspace.lake.spool() as folder:
        diagnostics = Diagnostics(_made(folder / "errors") if batch.diagnostics else None)
        rows = RowSpool(_made(folder / "rows"), arrow_schema(schema))
        checker = _Checker(schema, rows, diagnostics, _primary_paths(registry, dataset))
        unreadable = _read_all(workspace, batch, uploads, checker, chunk_rows)
        error_files = diagnostics.close()
        ok = not unreadable and _tolerable(batch, rows.row_count, diagnostics.failed_count)
        errors = [*unreadable, *_errors(batch, ok, rows.row_count, diagnostics)]
        made = rows.write(_made(folder / "data")) if ok else []
        files = [_kept(workspace, batch_id, "data", path.name, path, rows=count) for path, count in made]
        files += [
            _kept(workspace, batch_id, "errors", name, path, rows=0) for name, path in error_files.items()
        ]
    return {
        **_conversion(uploads),
        "ok": ok,
        "files": files,
        "rowCount": rows.row_count if ok else 0,
        "readRowCount": rows.row_count + diagnostics.failed_count,
        "failedRowCount": diagnostics.failed_count,
        "errors": errors,
    }


def settle(tx: RecordsTransaction, workspace: Workspace, batch_id: str, conversion: Conversion) -> bool:
    """Make the outcome of a conversion visible: the batch's files, state and counts, and its dataset's newest batch.

    Replaced predecessors become inactive in the same transaction. A batch that was aborted or failed meanwhile is left
    as it is.

    Returns:
        Whether the batch was still waiting for its outcome.
    """
    batch = batch_in(tx, batch_id)
    if batch.status != "staging" or conversion.get("stopped"):
        return False
    changes = _counts(workspace, batch, conversion)
    files = [dict(file) for file in conversion["files"]]
    if conversion["ok"]:
        publish(tx, workspace, batch_id, files, {**changes, "errors": conversion["errors"]})
    else:
        reject(tx, workspace, batch_id, conversion["errors"], changes, files=files)
    return True


class _Checker:
    """Takes the chunks of all files: good rows to the spool, the others to the diagnostics."""

    def __init__(
        self,
        schema: Field,
        rows: RowSpool,
        diagnostics: Diagnostics,
        primary_paths: tuple[tuple[str, ...], ...] | None,
    ) -> None:
        self._schema = schema
        self._rows = rows
        self._diagnostics = diagnostics
        self._primary_paths = primary_paths

    def take(self, file: str, chunk: Chunk) -> None:
        for row in chunk.corrupt:
            self._diagnostics.corrupt(file, row)
        if not len(chunk.numbers):
            return
        problems = Problems()
        columns = chunk.build(self._schema, problems)
        check_rows(columns, self._schema, problems)
        if self._primary_paths is not None:
            check_primary_identity(columns, self._primary_paths, problems)
        for position, found in sorted(problems.by_position.items()):
            self._diagnostics.failed(file, chunk.numbers[position], chunk.original(position), found)
        good = np.ones(len(columns), bool)
        good[list(problems.by_position)] = False
        self._rows.add(columns, None if good.all() else pa.array(good))


def _read_all(
    workspace: Workspace, batch: Batch, uploads: list[BatchFile], checker: _Checker, chunk_rows: int
) -> list[Document]:
    """Read every file; gives an error for each that cannot be read at all."""
    if not uploads:
        return [{"code": EMPTY_FILE, "description": "The batch was completed without a file."}]
    unreadable: list[Document] = []
    for upload in uploads:
        try:
            for chunk in _chunks(workspace, batch, upload, chunk_rows):
                checker.take(upload.name, chunk)
        except FileUnreadable as error:
            unreadable.append({"code": error.code, "description": str(error)})
    return unreadable


def _chunks(workspace: Workspace, batch: Batch, upload: BatchFile, chunk_rows: int) -> Iterator[Chunk]:
    form = batch.input_format
    read = READERS[str(form["format"])]
    return read(workspace.lake.local(upload.path), upload.name, form, chunk_rows)


def _primary_paths(registry: Registry, dataset: Dataset) -> tuple[tuple[str, ...], ...] | None:
    """The schema's primary identity fields; None where rows need none."""
    if not dataset.profile_enabled and not dataset.identity_enabled:
        return None
    return tuple(found.path for found in registry.identities(dataset.schema_id) if found.is_primary)


def _tolerable(batch: Batch, good: int, failed: int) -> bool:
    return failed == 0 or 100 * failed <= batch.failed_percentage_max * (good + failed)


def _errors(batch: Batch, ok: bool, good: int, diagnostics: Diagnostics) -> list[Document]:
    """What the batch says of its failed rows: how many, and the first of them by row and field."""
    failed = diagnostics.failed_count
    if not failed:
        return []
    ingested = good if ok else 0
    examples = " ".join(f"{example}." for example in diagnostics.examples)
    counts = f"{failed} rows failed and {ingested} were ingested."
    if batch.diagnostics:
        where = "All failed rows are listed under meta?path=row_errors of the batch."
        errors: list[Document] = [
            {"code": ROWS_FAILED, "description": f"{counts} {where} {examples}", "rows": failed}
        ]
    else:
        how = "Create the batch with enableErrorDiagnostics to read all failed rows."
        errors = [{"code": ROWS_FAILED_UNSEEN, "description": f"{counts} {how} {examples}", "rows": failed}]
    texts = {
        CORRUPT: "rows are corrupt and cannot be read",
        REQUIRED: "rows lack a required field or identity",
    }
    for code, text in texts.items():
        if count := diagnostics.counts.get(code):
            errors.append({"code": code, "description": f"{count} {text}.", "rows": count})
    return errors


def _kept(
    workspace: Workspace, batch_id: str, role: str, name: str, file: Path, *, rows: int
) -> ConvertedFile:
    path = f"batches/{batch_id}/{role}/{name}"
    size = file.stat().st_size
    workspace.lake.put(path, file)
    return {"role": role, "name": name, "path": path, "byteCount": size, "rowCount": rows}


def _counts(workspace: Workspace, batch: Batch, conversion: Conversion) -> Document:
    data = [file for file in conversion["files"] if file["role"] == "data"]
    output_bytes = sum(file["byteCount"] for file in data)
    good, failed = conversion["rowCount"], conversion["failedRowCount"]
    metrics = {
        "inputFileCount": conversion["inputFileCount"],
        "inputByteSize": conversion["inputByteCount"],
        "inputRecordCount": conversion["readRowCount"],
        "outputFileCount": len(data),
        "outputByteSize": output_bytes,
        "outputRecordCount": good,
        "failedRecordCount": failed,
        "recordsRead": conversion["readRowCount"],
        "recordsWritten": good,
        "recordsFailed": failed,
        "recordsSize": conversion["inputByteCount"],
        "partitionCount": len(data),
        "startTime": batch.body.get("started"),
        "endTime": to_ms(workspace.clock.now()),
    }
    return {"metrics": metrics, "recordCount": good, "failedRecordCount": failed, "size": output_bytes}


def _conversion(uploads: list[BatchFile]) -> Conversion:
    return {
        "ok": False,
        "files": [],
        "rowCount": 0,
        "readRowCount": 0,
        "failedRowCount": 0,
        "inputFileCount": len(uploads),
        "inputByteCount": sum(upload.byte_count for upload in uploads),
        "errors": [],
    }


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
