"""Batch Ingestion: open a batch, send files, say that it is complete."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from muster.api.context import Body, CallerOf, Here
from muster.api.door import Door
from muster.api.errors import register_status
from muster.api.permissions import Permission
from muster.api.wire import Params, from_path, reply
from muster.catalog.batches import Batches
from muster.ingest.preview import preview_upload
from muster.ingest.uploads import Uploads, UploadTooLarge
from muster.kernel.errors import Invalid
from muster.storage.records import Document

door = Door("/data/foundation/import", "Batch Ingestion")

register_status(UploadTooLarge, 413)

PART_BYTES_MAX = 512_000_000

_VIEW, _MANAGE = Permission.VIEW_DATASETS, Permission.MANAGE_DATASETS
_FILE = "/batches/{batch_id}/datasets/{dataset_id}/files/{name:path}"
_RANGE = re.compile(r"bytes[ =](\d{1,18})-(\d{1,18})(?:/(\d{1,18}|\*))?")


@door.post("/batches", permission=_MANAGE)
@door.patch("/batches", permission=_MANAGE)
def create_batch(here: Here, caller: CallerOf, body: Body) -> Response:
    """An open batch. A client sends replays by PATCH; both mean the same."""
    batch = Batches(here).create(body, caller.user_id)
    return reply(batch.shown(here.scope), 201, {"Location": f"/data/foundation/catalog/batches/{batch.id}"})


@door.post("/batches/{batch_id}", permission=_MANAGE)
def act_on_batch(request: Request, here: Here, batch_id: str) -> Response:
    """`action` is COMPLETE, ABORT, FAIL or REVERT, in any letter case; the answer is empty."""
    action = Params(request).text("action") or ""
    batches = Batches(here)
    actions = {
        "COMPLETE": batches.complete,
        "ABORT": batches.abort,
        "FAIL": batches.fail,
        "REVERT": batches.revert,
    }
    act = actions.get(action.upper())
    if act is None:
        raise Invalid.at("action", f"{action!r} is none of {', '.join(actions)}")
    act(batch_id)
    return reply(None)


@door.get("/batches/{batch_id}/datasets/{dataset_id}/preview", permission=_VIEW)
def preview_batch(request: Request, here: Here, batch_id: str, dataset_id: str) -> Response:
    """The first rows of what was uploaded, read as the query says, else as the batch says."""
    params = Params(request)
    form: Document = {
        name: params.text(name) for name in ("format", "delimiter", "quote", "escape", "charset")
    }
    form["isMultiLineJson"] = params.boolean("isMultiLineJson")
    form["header"] = params.boolean("header")
    given = {name: value for name, value in form.items() if value is not None}
    rows = params.integer("nrow", 5, maximum=9) or 5
    return reply(preview_upload(here, batch_id, dataset_id, given, rows))


@door.put(_FILE, permission=_MANAGE)
async def upload_file(request: Request, here: Here, batch_id: str, dataset_id: str, name: str) -> Response:
    """A whole file; sent again under its name it replaces the earlier one. 200, since a client takes no other."""
    uploads = Uploads(here, batch_id, dataset_id)
    await run_in_threadpool(uploads.check_open, from_path(name))
    with here.lake.spool() as folder:
        path = await _received(request, folder, here.settings.upload_bytes_max)
        await run_in_threadpool(uploads.put, from_path(name), path)
    return reply(None)


@door.post(_FILE, permission=_MANAGE)
def act_on_file(request: Request, here: Here, batch_id: str, dataset_id: str, name: str) -> Response:
    """`action` INITIALIZE begins a file in parts, COMPLETE joins them."""
    action = (Params(request).text("action") or "").upper()
    uploads = Uploads(here, batch_id, dataset_id)
    if action == "INITIALIZE":
        uploads.begin(from_path(name))
        return reply({"name": from_path(name), "sizeInBytes": 0}, 201)
    if action == "COMPLETE":
        return reply({"name": from_path(name), "sizeInBytes": uploads.finish(from_path(name))})
    raise Invalid.at("action", f"{action!r} is neither INITIALIZE nor COMPLETE")


@door.patch(_FILE, permission=_MANAGE)
async def upload_part(request: Request, here: Here, batch_id: str, dataset_id: str, name: str) -> Response:
    """One part, with its place in `Content-Range: bytes a-b/total`."""
    first, last, total = _content_range(request)
    uploads = Uploads(here, batch_id, dataset_id)
    await run_in_threadpool(uploads.check_open, from_path(name))
    with here.lake.spool() as folder:
        path = await _received(request, folder, PART_BYTES_MAX)
        size = await run_in_threadpool(uploads.add_part, from_path(name), first, last, total, path)
        received = await run_in_threadpool(uploads.received, from_path(name))
    return reply({"name": from_path(name), "sizeInBytes": size}, 200, _range_header(received))


@door.head(_FILE, permission=_VIEW)
def read_file_state(here: Here, batch_id: str, dataset_id: str, name: str) -> Response:
    """How much of a file in parts has come, in `Range`."""
    received = Uploads(here, batch_id, dataset_id).received(from_path(name))
    return reply(None, 200, _range_header(received))


def _content_range(request: Request) -> tuple[int, int, int | None]:
    text = request.headers.get("content-range", "").strip()
    found = _RANGE.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        raise Invalid.at("Content-Range", f"{text!r} is not of the form bytes <first>-<last>/<total>")
    return int(found[1]), int(found[2]), int(found[3]) if found[3] and found[3] != "*" else None


def _range_header(received: int) -> dict[str, str]:
    return {"Range": f"bytes=0-{received - 1}"} if received else {}


async def _received(request: Request, folder: Path, bytes_max: int) -> Path:
    """The body in a file, as it comes in; raw, or the one file of a form."""
    announced = request.headers.get("content-length", "")
    # A form is a little longer than the file in it.
    if announced.isdigit() and int(announced) > bytes_max + 4096:
        raise UploadTooLarge(bytes_max)
    path = folder / "body"
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            file = next((value for _, value in form.multi_items() if isinstance(value, UploadFile)), None)
            if file is None:
                raise Invalid.at("", "the form holds no file")
            await _write(_blocks(file), path, bytes_max)
    else:
        await _write(request.stream(), path, bytes_max)
    return path


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(1 << 20):
        yield block


async def _write(blocks: AsyncIterator[Any], path: Path, bytes_max: int) -> None:
    size = 0
    with path.open("wb") as stream:
        async for block in blocks:
            size += len(block)
            if size > bytes_max:
                raise UploadTooLarge(bytes_max)
            stream.write(block)
