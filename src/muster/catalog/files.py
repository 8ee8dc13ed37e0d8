"""The files of a batch. A row here, not a listing of the lake, says which files there are."""

from __future__ import annotations

from dataclasses import dataclass

from muster.kernel.page import Page
from muster.storage.records import Document, Names, Order, Query, Record, RecordsTransaction

KIND = "batch_file"

_PAGE = 500
_IN_ORDER = (Order(("@created",)),)


@dataclass(frozen=True, slots=True)
class BatchFile:
    """One file of a batch.

    Attributes:
        role: `upload` as it was sent; `data` checked rows, Parquet; `errors` diagnostics.
        name: Unique in its role; uploads are named by the client.
        path: Where it lies in the sandbox's lake.
        row_count: 0 where rows are not counted.
    """

    batch_id: str
    dataset_id: str
    role: str
    name: str
    path: str
    byte_count: int
    row_count: int


def file_id(batch_id: str, role: str, name: str) -> str:
    """The record's id of a file."""
    return f"{batch_id}/{role}/{name}"


def add_file(
    tx: RecordsTransaction,
    batch_id: str,
    dataset_id: str,
    *,
    role: str,
    name: str,
    path: str,
    byteCount: int,  # noqa: N803 - the document's own spelling
    rowCount: int = 0,  # noqa: N803
) -> str | None:
    """Note a file that lies in the lake; gives the path of the file that it replaces, if any. Repeatable."""
    id = file_id(batch_id, role, name)
    body: Document = {
        "batchId": batch_id,
        "datasetId": dataset_id,
        "role": role,
        "name": name,
        "path": path,
        "byteCount": byteCount,
        "rowCount": rowCount,
    }
    before = tx.find(KIND, id)
    if before is None:
        tx.add(KIND, id, body, Names(links=(("batch", batch_id), ("batch_role", f"{batch_id}/{role}"))))
        return None
    tx.replace(KIND, id, body)
    replaced = str(before.body["path"])
    return None if replaced == path else replaced


def find_file(tx: RecordsTransaction, batch_id: str, role: str, name: str) -> BatchFile | None:
    """The file of that name, or None."""
    record = tx.find(KIND, file_id(batch_id, role, name))
    return None if record is None else _file(record)


def page_of_files(
    tx: RecordsTransaction, batch_id: str, role: str, offset: int, limit: int
) -> Page[BatchFile]:
    """One page of the files of a role, in the order they came."""
    query = Query(links=(("batch_role", f"{batch_id}/{role}"),), orders=_IN_ORDER, offset=offset, limit=limit)
    return tx.page(KIND, query).map(_file)


def files_in(tx: RecordsTransaction, batch_id: str, role: str) -> list[BatchFile]:
    """All files of a role, in the order they came."""
    found: list[BatchFile] = []
    while True:
        page = page_of_files(tx, batch_id, role, len(found), _PAGE)
        found += page.items
        if not page.has_next:
            return found


def _file(record: Record) -> BatchFile:
    body = record.body
    return BatchFile(
        batch_id=body["batchId"],
        dataset_id=body["datasetId"],
        role=body["role"],
        name=body["name"],
        path=body["path"],
        byte_count=body["byteCount"],
        row_count=body["rowCount"],
    )
