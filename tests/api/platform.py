"""Sentences that several request tests begin with: make a dataset, load a batch."""

from __future__ import annotations

from typing import Any

from tests.api.client import Api

from muster.ingest.batch import Conversion, convert, settle

CATALOG = "/data/foundation/catalog"
IMPORT = "/data/foundation/import"
EXPORT = "/data/foundation/export"


def make_dataset(api: Api, *, sandbox: str | None = None, **fields: Any) -> str:
    """A dataset on the standard Profile class, unless `fields` say otherwise; gives its id."""
    body: dict[str, Any] = {"name": "People", **fields}
    if "schemaRef" not in body:
        body.setdefault("schema", "@/xdms/context/profile")
    answer = api.post(f"{CATALOG}/dataSets", body, sandbox=sandbox)
    assert answer.status_code == 201, answer.text
    return str(answer.json()[0])[11:]


def open_batch(api: Api, dataset_id: str, *, sandbox: str | None = None, **fields: Any) -> str:
    """An open batch, of JSON unless `fields` say otherwise; gives its id."""
    body = {"datasetId": dataset_id, "inputFormat": {"format": "json"}, **fields}
    answer = api.post(f"{IMPORT}/batches", body, sandbox=sandbox)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def put_file(
    api: Api, batch_id: str, dataset_id: str, name: str, content: str | bytes, **options: Any
) -> None:
    """Upload a whole file."""
    path = f"{IMPORT}/batches/{batch_id}/datasets/{dataset_id}/files/{name}"
    options["headers"] = {"Content-Type": "application/octet-stream"}
    answer = api.put(path, content=content, **options)
    assert (answer.status_code, answer.text) == (200, "")


def complete(api: Api, batch_id: str, *, sandbox: str = "prod") -> Conversion:
    """Complete a batch and do what a worker does with it, without the stages that follow."""
    answer = api.post(f"{IMPORT}/batches/{batch_id}?action=COMPLETE", sandbox=sandbox)
    assert (answer.status_code, answer.text) == (200, "")
    workspace = api.workspace(sandbox)
    conversion = convert(workspace, batch_id)
    with workspace.records.write() as tx:
        settle(tx, workspace, batch_id, conversion)
    return conversion


def load(api: Api, dataset_id: str, content: str | bytes, *, sandbox: str = "prod", **fields: Any) -> str:
    """A batch of one file, from opening to its outcome; gives its id."""
    batch_id = open_batch(api, dataset_id, sandbox=sandbox, **fields)
    put_file(api, batch_id, dataset_id, "people.json", content, sandbox=sandbox)
    complete(api, batch_id, sandbox=sandbox)
    return batch_id


def batch_of(api: Api, batch_id: str, *, sandbox: str | None = None) -> dict[str, Any]:
    """The batch as Catalog shows it."""
    found: dict[str, Any] = api.get(f"{CATALOG}/batches/{batch_id}", sandbox=sandbox).json()[batch_id]
    return found
