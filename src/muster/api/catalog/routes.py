"""Catalog Service: datasets, batches and their files, as objects keyed by id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, CallerOf, Here
from muster.api.door import Door
from muster.api.errors import register_status
from muster.api.permissions import Permission
from muster.api.wire import Params, reply
from muster.catalog.batches import Batch, Batches, BatchState
from muster.catalog.datasets import Dataset, Datasets
from muster.catalog.files import page_of_files
from muster.catalog.query import CatalogQuery, read_query
from muster.kernel.errors import NotFound
from muster.storage.records import Document, Filter, Query
from muster.storage.workspace import Workspace
from muster.xdm.registry import EVENT_CLASS, PROFILE_CLASS, Registry

door = Door("/data/foundation/catalog", "Catalog")

register_status(BatchState, 400)

_VIEW, _MANAGE = Permission.VIEW_DATASETS, Permission.MANAGE_DATASETS
_LEGACY_SCHEMAS = {"context/profile": PROFILE_CLASS, "context/experienceevent": EVENT_CLASS}


@door.get("/dataSets", permission=_VIEW)
def list_datasets(request: Request, here: Here) -> Response:
    """The datasets that match, keyed by id; `{}` past the end."""
    query = read_query(Params(request).items())
    return reply(_datasets(here, query, Datasets(here).page(query.query).items))


@door.post("/dataSets", permission=_MANAGE)
def create_dataset(here: Here, caller: CallerOf, body: Body) -> Response:
    """A new dataset; the answer is a list of links, of which clients cut off `@/dataSets/`."""
    dataset = Datasets(here).create(body, caller.user_id)
    return reply(_link(dataset), 201, {"Location": f"/data/foundation/catalog/dataSets/{dataset.id}"})


@door.get("/dataSets/{dataset_id}", permission=_VIEW)
def read_dataset(request: Request, here: Here, dataset_id: str) -> Response:
    """One dataset, keyed by its id."""
    dataset = Datasets(here).get(dataset_id)
    return reply(_datasets(here, _properties_of(request), [dataset]))


@door.put("/dataSets/{dataset_id}", permission=_MANAGE)
def replace_dataset(here: Here, caller: CallerOf, body: Body, dataset_id: str) -> Response:
    return reply(_link(Datasets(here).replace(dataset_id, body, caller.user_id)))


@door.patch("/dataSets/{dataset_id}", permission=_MANAGE)
def change_dataset(here: Here, caller: CallerOf, body: Body, dataset_id: str) -> Response:
    """A JSON Patch when the body is a list, else fields to replace; the content type is not asked."""
    return reply(_link(Datasets(here).patch(dataset_id, body, caller.user_id)))


@door.patch("/v2/dataSets/{dataset_id}", permission=_MANAGE)
def merge_dataset(here: Here, caller: CallerOf, body: Body, dataset_id: str) -> Response:
    """Fields merged at every level."""
    return reply(_link(Datasets(here).patch(dataset_id, body, caller.user_id, deep=True)))


@door.delete("/dataSets/{dataset_id}", permission=_MANAGE)
def delete_dataset(here: Here, dataset_id: str) -> Response:
    return reply(_link(Datasets(here).delete(dataset_id)))


@door.get("/dataSets/{dataset_id}/views", permission=_VIEW)
def list_views(here: Here, dataset_id: str) -> Response:
    """The one view of a dataset, keyed by its id."""
    dataset = Datasets(here).get(dataset_id)
    return reply({dataset.body["viewId"]: _view(here, dataset)})


@door.get("/dataSets/{dataset_id}/views/{view_id}", permission=_VIEW)
def read_view(here: Here, dataset_id: str, view_id: str) -> Response:
    return reply({view_id: _view(here, _with_view(here, dataset_id, view_id))})


@door.get("/dataSets/{dataset_id}/views/{view_id}/files", permission=_VIEW)
def list_view_files(request: Request, here: Here, dataset_id: str, view_id: str) -> Response:
    """The dataset files of a view: one for each batch whose rows it shows."""
    _with_view(here, dataset_id, view_id)
    return _dataset_files(here, [*Params(request).items(), ("dataSet", dataset_id)])


@door.get("/dataSetFiles", permission=_VIEW)
def list_dataset_files(request: Request, here: Here) -> Response:
    """Dataset files, keyed by id; `dataSetId` and `batch` select."""
    return _dataset_files(here, Params(request).items())


@door.get("/batches", permission=_VIEW)
def list_batches(request: Request, here: Here) -> Response:
    """The batches that match, keyed by id, newest first."""
    query = read_query(Params(request).items())
    page = Batches(here).page(query.query)
    return reply({batch.id: query.keep(batch.shown(here.scope)) for batch in page.items})


@door.post("/batches", permission=_MANAGE)
def create_batch(here: Here, caller: CallerOf, body: Body) -> Response:
    """The older door to the same: `datasetId`, or `relatedObjects` that names the dataset."""
    if isinstance(body, dict) and "datasetId" not in body:
        related = body.get("relatedObjects") or [{}]
        dataset_id = (
            related[0].get("id") if isinstance(related, list) and isinstance(related[0], dict) else None
        )
        body = {**body, "datasetId": dataset_id}
    batch = Batches(here).create(body, caller.user_id)
    return reply([f"@/batches/{batch.id}"], 201)


@door.get("/batches/{batch_id}", permission=_VIEW)
def read_batch(request: Request, here: Here, batch_id: str) -> Response:
    """One batch, keyed by its id."""
    batch = Batches(here).get(batch_id)
    return reply({batch_id: _properties_of(request).keep(batch.shown(here.scope))})


@door.get("/lastBatches", permission=_VIEW)
def list_last_batches(request: Request, here: Here) -> Response:
    """Per dataset its newest batch and the newest of each outcome; datasets without a batch are left out."""
    names = {"dataSetId": "id", "dataSet": "id", "lastSuccessfulBatchId": "lastSuccessfulBatch"}
    names["lastFailedBatchId"] = "lastFailedBatch"
    query = read_query((names.get(name, name), value) for name, value in Params(request).items())
    with_batch = Filter(("lastBatchId",), "exists")
    narrowed = Query(
        (*query.query.filters, with_batch), (), query.query.orders, query.query.offset, query.query.limit
    )
    datasets = Datasets(here).page(narrowed).items
    return reply({dataset.id: query.keep(_last_batch(here, dataset)) for dataset in datasets})


@door.get("/xdms", permission=_VIEW)
def read_legacy_schemas(request: Request, here: Here) -> Response:
    """The standard classes under the names of the oldest clients."""
    wanted = Params(request).text("id")
    names = [wanted] if wanted else list(_LEGACY_SCHEMAS)
    return reply({name: _legacy_schema(here, name) for name in names})


@door.get("/xdms/{name:path}", permission=_VIEW)
def read_legacy_schema(here: Here, name: str) -> Response:
    return reply({name: _legacy_schema(here, name)})


def _datasets(here: Workspace, query: CatalogQuery, datasets: Iterable[Dataset]) -> Document:
    shown: Document = {}
    for dataset in datasets:
        body = dataset.shown(here.scope)
        if "observableSchema" in query.properties:
            body["observableSchema"] = Registry(here).resolved(dataset.schema_id).json
        shown[dataset.id] = query.keep(body)
    return shown


def _properties_of(request: Request) -> CatalogQuery:
    given = Params(request).text("properties")
    return read_query([("properties", given)] if given else [])


def _link(dataset: Dataset) -> list[str]:
    return [f"@/dataSets/{dataset.id}"]


def _with_view(here: Workspace, dataset_id: str, view_id: str) -> Dataset:
    dataset = Datasets(here).get(dataset_id)
    if dataset.body["viewId"] != view_id:
        raise NotFound("dataset view", view_id)
    return dataset


def _view(here: Workspace, dataset: Dataset) -> Document:
    shown = dataset.shown(here.scope)
    kept = ("imsOrg", "sandboxId", "created", "updated", "version")
    return {
        "dataSetId": dataset.id,
        "files": f"@/dataSets/{dataset.id}/views/{dataset.body['viewId']}/files",
        **{name: shown[name] for name in kept},
    }


def _dataset_files(here: Workspace, parameters: Iterable[tuple[str, str]]) -> Response:
    names = {"dataSetFileId": "id", "batchId": "batch"}
    query = read_query((names.get(name, name), value) for name, value in parameters)
    visible = Filter(("status",), "==", ("success",))
    of_batches = query.query
    narrowed = Query(
        (*of_batches.filters, visible),
        of_batches.links,
        of_batches.orders,
        of_batches.offset,
        of_batches.limit,
    )
    files = [_dataset_file(here, batch) for batch in Batches(here).page(narrowed).items]
    return reply({file["id"]: query.keep(file) for file in files})


def _dataset_file(here: Workspace, batch: Batch) -> Document:
    with here.records.read() as tx:
        count = page_of_files(tx, batch.id, "data", 0, 0).total_count
    return {
        "id": f"{batch.id}-1",
        "batchId": batch.id,
        "dataSetId": batch.dataset_id,
        "dataSetViewId": batch.body["tags"]["acp_dataSetViewId"][0],
        "imsOrg": here.scope.org_id,
        "isValid": False,
        "availableDates": {},
        "records": batch.body["recordCount"],
        "size": batch.body.get("size", 0),
        "fileCount": count,
        "created": batch.created_ms,
        "updated": batch.updated_ms,
        "version": "1.0.0",
    }


def _last_batch(here: Workspace, dataset: Dataset) -> Document:
    body = dataset.body
    shown: dict[str, Any] = {
        "lastBatchId": body["lastBatchId"],
        "lastBatchStatus": body["lastBatchStatus"],
        "lastSuccessfulBatchId": body.get("lastSuccessfulBatch"),
        "lastFailedBatchId": body.get("lastFailedBatch"),
        "imsOrg": here.scope.org_id,
        "sandboxId": here.scope.sandbox_id,
        "created": dataset.created_ms,
        "updated": dataset.updated_ms,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _legacy_schema(here: Workspace, name: str) -> Document:
    class_id = _LEGACY_SCHEMAS.get(name)
    if class_id is None:
        raise NotFound("schema", name)
    resolved = Registry(here).resolved(class_id).json
    return {
        "id": name,
        "title": resolved.get("title", name),
        "$id": class_id,
        "properties": resolved.get("properties", {}),
    }
