"""Data Access: the files of a batch, byte for byte. Numbers are text in this service."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Here
from muster.api.dataaccess.ranges import file_head, file_reply
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.wire import Params, base_url, reply
from muster.catalog.batches import Batch, batch_in
from muster.catalog.datasets import Datasets
from muster.catalog.files import BatchFile, find_file, page_of_files
from muster.catalog.flat_rows import preview_rows
from muster.kernel.errors import NotFound
from muster.kernel.page import Page
from muster.storage.records import Document
from muster.storage.workspace import Workspace

_BASE = "/data/foundation/export"

door = Door(_BASE, "Data Access")

LIMIT_MAX = 100

_VIEW = Permission.VIEW_DATASETS
_INPUTS, _ROW_ERRORS = "input_files", "row_errors"


@door.get("/batches/{batch_id}/files", permission=_VIEW)
def list_batch_files(request: Request, here: Here, batch_id: str) -> Response:
    """The dataset file of a batch, a directory of its data files; none while its rows are not visible."""
    with here.records.read() as tx:
        batch = batch_in(tx, batch_id)
        count = page_of_files(tx, batch_id, "data", 0, 0).total_count if batch.status == "success" else 0
    entries = [_dataset_file(request, batch)] if count else []
    return _listing(request, entries)


@door.get("/files/{file_id}", permission=_VIEW)
def read_files(request: Request, here: Here, file_id: str) -> Response:
    """The files in a dataset file; with `path` the bytes of one, whole or a range of them."""
    name = Params(request).text("path")
    if name is not None:
        return file_reply(request, here.lake.local(_data_file(here, file_id, name).path))
    limit, start = _paging(request)
    with here.records.read() as tx:
        page = page_of_files(tx, _visible(batch_in(tx, _batch_id(file_id)), file_id).id, "data", start, limit)
    address = f"{base_url(request)}{_BASE}/files/{quote(file_id)}"
    return _page_reply(request, page.map(lambda file: _entry(address, file.name, file.byte_count)))


@door.head("/files/{file_id}", permission=_VIEW)
def measure_file(request: Request, here: Here, file_id: str) -> Response:
    """Size of a file in `Content-Length`."""
    name = Params(request).text("path")
    if name is None:
        raise NotFound("file", f"{file_id} without a path")
    return file_head(here.lake.local(_data_file(here, file_id, name).path))


@door.get("/batches/{batch_id}/failed", permission=_VIEW)
def list_failed(request: Request, here: Here, batch_id: str) -> Response:
    """The files that hold the rows that failed; with `path` one of them."""
    path = (Params(request).text("path") or "").strip("/")
    if path:
        return _diagnostics_reply(request, here, batch_id, path)
    address = f"{base_url(request)}{_BASE}/batches/{batch_id}/failed"
    return _listing(request, [_entry(address, name, size) for name, size in _failed_rows(here, batch_id)])


@door.get("/batches/{batch_id}/meta", permission=_VIEW)
def read_meta(request: Request, here: Here, batch_id: str) -> Response:
    """What is known of a batch: `row_errors`, `input_files`, `row_errors_sample.json`; `path` goes further down."""
    address = f"{base_url(request)}{_BASE}/batches/{batch_id}/meta"
    path = (Params(request).text("path") or "").strip("/")
    if not path:
        return _listing(request, _meta_entries(here, batch_id, address))
    if path == _ROW_ERRORS:
        rows = _failed_rows(here, batch_id)
        return _listing(
            request, [_entry(address, name, size, f"{_ROW_ERRORS}/{name}") for name, size in rows]
        )
    if path == _INPUTS:
        limit, start = _paging(request)
        with here.records.read() as tx:
            page = page_of_files(tx, batch_in(tx, batch_id).id, "upload", start, limit)
        return _page_reply(
            request,
            page.map(lambda file: _entry(address, file.name, file.byte_count, f"{_INPUTS}/{file.name}")),
        )
    if path.startswith(f"{_INPUTS}/"):
        upload = _file_of(here, batch_id, "upload", path.removeprefix(f"{_INPUTS}/"))
        return reply({"name": upload.name, "length": str(upload.byte_count)})
    return _diagnostics_reply(request, here, batch_id, path)


@door.get("/datasets/{dataset_id}/preview", permission=_VIEW)
def preview_dataset(here: Here, dataset_id: str) -> Response:
    """The first rows of the newest successful batch, flat and as text."""
    Datasets(here).get(dataset_id)
    return reply({"data": preview_rows(here, dataset_id)})


def _diagnostics(here: Workspace, batch_id: str) -> tuple[BatchFile, ...]:
    # A conversion makes three such files at most; the bound is only that of a page.
    with here.records.read() as tx:
        return page_of_files(tx, batch_in(tx, batch_id).id, "errors", 0, LIMIT_MAX).items


def _failed_rows(here: Workspace, batch_id: str) -> list[tuple[str, int]]:
    """Names and sizes of the files in the folder of failed rows."""
    folder = f"{_ROW_ERRORS}/"
    files = [file for file in _diagnostics(here, batch_id) if file.name.startswith(folder)]
    return [(file.name.removeprefix(folder), file.byte_count) for file in files]


def _meta_entries(here: Workspace, batch_id: str, address: str) -> list[Document]:
    folders = [_ROW_ERRORS] if _failed_rows(here, batch_id) else []
    files = [file for file in _diagnostics(here, batch_id) if "/" not in file.name]
    entries = [_entry(address, name, 0) for name in (*folders, _INPUTS)]
    return entries + [_entry(address, file.name, file.byte_count) for file in files]


def _diagnostics_reply(request: Request, here: Workspace, batch_id: str, path: str) -> Response:
    """A file of diagnostics by its name, with or without its folder; the sample has two spellings in the product's own pages."""
    names = (path, f"{_ROW_ERRORS}/{path}", path.replace("row_error_samples", "row_errors_sample"))
    found = next((file for file in _diagnostics(here, batch_id) if file.name in names), None)
    if found is None:
        raise NotFound("file", f"{path} of batch {batch_id}")
    return file_reply(request, here.lake.local(found.path))


def _dataset_file(request: Request, batch: Batch) -> Document:
    file_id = f"{batch.id}-1"
    return {
        "dataSetFileId": file_id,
        "dataSetViewId": batch.body["tags"]["acp_dataSetViewId"][0],
        "version": "1.0.0",
        "created": str(batch.created_ms),
        "updated": str(batch.updated_ms),
        # False on good files too, as in recorded traffic.
        "isValid": False,
        "_links": {"self": {"href": f"{base_url(request)}{_BASE}/files/{file_id}"}},
    }


def _entry(address: str, name: str, byte_count: int, path: str | None = None) -> Document:
    href = f"{address}?path={quote(path or name, safe='')}"
    return {"name": name, "length": str(byte_count), "_links": {"self": {"href": href}}}


def _paging(request: Request) -> tuple[int, int]:
    params = Params(request)
    return params.integer("limit", LIMIT_MAX, minimum=1, maximum=LIMIT_MAX), params.integer("start", 0)


def _listing(request: Request, entries: list[Document]) -> Response:
    """A list of few entries, cut to the page that was asked for."""
    limit, start = _paging(request)
    return _page_reply(request, Page(tuple(entries[start : start + limit]), start, limit, len(entries)))


def _page_reply(request: Request, page: Page[Document]) -> Response:
    body: dict[str, Any] = {
        "data": list(page.items),
        "_page": {"limit": page.limit, "count": len(page.items)},
    }
    if page.has_next:
        path = Params(request).text("path")
        query = f"start={page.offset + page.limit}&limit={page.limit}" + (
            f"&path={quote(path)}" if path else ""
        )
        body["_links"] = {"next": {"href": f"{base_url(request)}{request.url.path}?{query}"}}
    return reply(body)


def _batch_id(file_id: str) -> str:
    batch_id, dash, number = file_id.rpartition("-")
    if not dash or number != "1":
        raise NotFound("dataset file", file_id)
    return batch_id


def _visible(batch: Batch, file_id: str) -> Batch:
    if batch.status != "success":
        raise NotFound("dataset file", f"{file_id}: its batch is {batch.status}")
    return batch


def _data_file(here: Workspace, file_id: str, name: str) -> BatchFile:
    with here.records.read() as tx:
        batch = _visible(batch_in(tx, _batch_id(file_id)), file_id)
        found = find_file(tx, batch.id, "data", name)
    if found is None:
        raise NotFound("file", f"{name} of dataset file {file_id}")
    return found


def _file_of(here: Workspace, batch_id: str, role: str, name: str) -> BatchFile:
    with here.records.read() as tx:
        found = find_file(tx, batch_in(tx, batch_id).id, role, name)
    if found is None:
        raise NotFound("file", f"{name} of batch {batch_id}")
    return found
