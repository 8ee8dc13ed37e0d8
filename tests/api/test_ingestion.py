"""Batches: from an open batch to checked rows in the lake, or to errors that name row and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.api.client import Api
from tests.api.platform import CATALOG, IMPORT, batch_of, complete, load, make_dataset, open_batch, put_file

from muster.catalog.batches import Batches
from muster.storage.workspace import Workspace

WORKSHOP = Path(__file__).parents[3] / "shared" / "data" / "workshop-profiles.parquet"
ANNA = '{"personalEmail":{"address":"anna@x.io"},"person":{"gender":"female","birthYear":1990}}'


def rows_of(workspace: Workspace, batch_id: str) -> list[dict[str, Any]]:
    files = Batches(workspace).files(batch_id, "data")
    return [row for file in files for row in pq.read_table(workspace.lake.local(file.path)).to_pylist()]


def test_json_batch_becomes_rows(api: Api, workspace: Workspace) -> None:
    dataset_id = make_dataset(api)
    batch_id = open_batch(api, dataset_id)
    assert batch_of(api, batch_id)["status"] == "loading"

    put_file(api, batch_id, dataset_id, "people.json", ANNA + "\n\n" + ANNA.replace("anna", "änne") + "\n")
    complete(api, batch_id)

    shown = batch_of(api, batch_id)
    assert (shown["status"], shown["recordCount"], shown["errors"]) == ("success", 2, [])
    assert shown["relatedObjects"] == [{"type": "dataSet", "id": dataset_id}]
    rows = rows_of(workspace, batch_id)
    assert [row["personalEmail"]["address"] for row in rows] == ["anna@x.io", "änne@x.io"]
    dataset = api.get(f"{CATALOG}/dataSets/{dataset_id}").json()[dataset_id]
    assert (dataset["lastBatchId"], dataset["lastBatchStatus"]) == (batch_id, "success")


def test_bad_row_fails_the_batch_and_is_named(api: Api, workspace: Workspace) -> None:
    batch_id = load(api, make_dataset(api), ANNA + '\n{"person":{"birthYear":"soon"}}\n')

    shown = batch_of(api, batch_id)
    assert shown["status"] == "failure"
    assert shown["errors"][0]["code"] == "INGEST-1211-400"
    assert (
        'people.json, row 2: person.birthYear is "soon", not a whole number'
        in shown["errors"][0]["description"]
    )
    assert rows_of(workspace, batch_id) == []


@pytest.mark.skipif(not WORKSHOP.exists(), reason="the workshop's file is not part of a checkout")
def test_workshop_file_is_taken_whole(api: Api, workspace: Workspace) -> None:
    dataset_id = make_dataset(
        api, tags={"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled: true"]}
    )
    batch_id = str(api.post(f"{IMPORT}/batches", {"datasetId": dataset_id}).json()["id"])
    put_file(api, batch_id, dataset_id, "ProfileDataSample.parquet", WORKSHOP.read_bytes())
    complete(api, batch_id)

    shown = batch_of(api, batch_id)
    assert (shown["status"], shown["recordCount"], shown["errors"]) == ("success", 2754, [])
    genders = [row["person"]["gender"] for row in rows_of(workspace, batch_id)]
    assert (genders.count("female"), genders.count("male")) == (1562, 1192)
