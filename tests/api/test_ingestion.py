"""Batches: from an open batch to checked rows in the lake, or to errors that name row and field."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.api.client import Api
from tests.api.platform import (
    CATALOG,
    EXPORT,
    IMPORT,
    batch_of,
    complete,
    load,
    make_dataset,
    open_batch,
    put_file,
)

from muster.app import App
from muster.catalog.batches import Batches
from muster.ingest.batch import convert, settle
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


def test_diagnostics_hold_the_failed_rows(api: Api) -> None:
    dataset_id = make_dataset(api)
    content = ANNA + '\n{"person":{"birthYear":"soon"},"note":"n"}\n{"person":\n' + "\n".join([ANNA] * 17)
    batch_id = load(api, dataset_id, content, enableErrorDiagnostics=True, partialIngestionPercentage=10)

    shown = batch_of(api, batch_id)
    assert (shown["status"], shown["recordCount"], shown["failedRecordCount"]) == ("success", 18, 2)
    assert [(error["code"], error["rows"]) for error in shown["errors"]] == [
        ("INGEST-1212-400", 2),
        ("INGEST-1401-400", 1),
    ]
    assert shown["tags"]["acp_partialIngestionPercent"] == ["10"]

    meta = f"{EXPORT}/batches/{batch_id}/meta"
    names = [entry["name"] for entry in api.get(meta).json()["data"]]
    assert names == ["row_errors", "input_files", "row_errors_sample.json"]
    listed = api.get(meta, params={"path": "row_errors"}).json()["data"]
    assert [entry["name"] for entry in listed] == ["conversion_errors_0.json", "parsing_errors_0.json"]
    failed = api.get(listed[0]["_links"]["self"]["href"].replace("http://cdp.test", ""))
    record = json.loads(failed.text)
    assert (record["note"], record["_filename"]) == ("n", "people.json")
    assert record["_errors"] == [
        {
            "code": "123",
            "column": "person.birthYear",
            "row": 2,
            "message": 'person.birthYear is "soon", not a whole number',
        }
    ]
    parsing = api.get(f"{EXPORT}/batches/{batch_id}/failed", params={"path": "parsing_errors_0.json"})
    assert json.loads(parsing.text)["_corrupt_record"] == '{"person":'


def test_one_failed_row_too_many_fails_the_batch(api: Api) -> None:
    content = "\n".join([ANNA] * 9 + ["{"])
    at_limit = load(api, make_dataset(api), content, partialIngestionPercentage=10)
    above = load(api, make_dataset(api), content, partialIngestionPercentage=9)

    assert batch_of(api, at_limit)["status"] == "success"
    assert (batch_of(api, above)["status"], batch_of(api, above)["recordCount"]) == ("failure", 0)


@pytest.mark.parametrize(
    ("form", "content", "code"),
    [
        ({"format": "json"}, b"", "106"),
        ({"format": "json", "isMultiLineJson": True}, b'[{"_id":"1"},', "INGEST-1401-400"),
        ({"format": "parquet"}, b"", "106"),
        ({"format": "parquet"}, b"PAR1 but not really", "INGEST-1401-400"),
        ({"format": "csv"}, b"", "106"),
        ({"format": "csv"}, b"_id,,x\n1,2,3\n", "118"),
    ],
)
def test_unreadable_file_fails_the_batch(api: Api, form: dict[str, Any], content: bytes, code: str) -> None:
    shown = batch_of(api, load(api, make_dataset(api), content, inputFormat=form))
    assert (shown["status"], [error["code"] for error in shown["errors"]]) == ("failure", [code])


def test_multi_line_json_and_csv_become_rows(api: Api, workspace: Workspace) -> None:
    pretty = json.dumps([json.loads(ANNA), {"_id": "2"}], indent=2)
    dataset_id = make_dataset(api)
    multi = load(api, dataset_id, pretty, inputFormat={"format": "json", "isMultiLineJson": True})
    # Clients send lists as one line without saying that it is a list.
    in_line = load(api, dataset_id, json.dumps([json.loads(ANNA)]))
    csv = load(
        api,
        dataset_id,
        'preferredLanguage;testProfile;extra\nfr;TRUE;"a;b"\n;;\n',
        inputFormat={"format": "csv", "delimiter": ";"},
    )

    assert [row["personalEmail"] is None for row in rows_of(workspace, multi)] == [False, True]
    assert len(rows_of(workspace, in_line)) == 1
    assert rows_of(workspace, csv) == [
        {"testProfile": True, "preferredLanguage": "fr", "extra": "a;b"},
        {"testProfile": None, "preferredLanguage": None, "extra": None},
    ]


def test_profile_dataset_needs_a_primary_identity_in_every_row(api: Api) -> None:
    dataset_id = make_dataset(api, tags={"unifiedProfile": ["enabled:true"]})
    rows = [
        {"identities": [{"id": "a@x.io", "namespace": {"code": "Email"}, "primary": True}]},
        {"identityMap": {"Email": [{"id": "b@x.io", "primary": True}]}},
    ]
    nobody = {"identityMap": {"Email": [{"id": "c@x.io"}]}}
    good = load(api, dataset_id, "\n".join(map(json.dumps, rows)))
    bad = load(api, dataset_id, "\n".join(map(json.dumps, [*rows, nobody])))

    assert batch_of(api, good)["status"] == "success"
    errors = batch_of(api, bad)["errors"]
    assert [error["code"] for error in errors] == ["INGEST-1211-400", "INGEST-1555-400"]
    assert "people.json, row 3: identityMap is missing" in errors[0]["description"]


def test_unknown_columns_are_kept(api: Api, workspace: Workspace) -> None:
    content = '{"_id":"1","shoe":{"size":42,"tags":[]}}\n{"_id":"2","shoe":{"size":42.5,"laces":null}}\n'
    batch_id = load(api, make_dataset(api), content)
    assert rows_of(workspace, batch_id) == [
        {"_id": "1", "shoe": {"laces": None, "size": 42.0, "tags": []}},
        {"_id": "2", "shoe": {"laces": None, "size": 42.5, "tags": None}},
    ]


def test_second_upload_of_a_name_replaces_the_first(api: Api, workspace: Workspace) -> None:
    dataset_id = make_dataset(api)
    batch_id = open_batch(api, dataset_id)
    put_file(api, batch_id, dataset_id, "größe/people.json", '{"_id":"first"}')
    put_file(api, batch_id, dataset_id, "größe/people.json", '{"_id":"second"}')
    complete(api, batch_id)
    assert rows_of(workspace, batch_id) == [{"_id": "second"}]


def test_large_file_comes_in_parts(api: Api, workspace: Workspace) -> None:
    dataset_id = make_dataset(api)
    batch_id = open_batch(api, dataset_id)
    path = f"{IMPORT}/batches/{batch_id}/datasets/{dataset_id}/files/big.json"
    content = b'{"_id":"one"}\n{"_id":"two"}\n'

    def send(first: int, last: int) -> Any:
        headers = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        return api.patch(path, content=content[first : last + 1], headers=headers)

    assert send(0, 9).status_code == 404
    assert api.post(f"{path}?action=INITIALIZE").status_code == 201
    assert send(0, 9).json() == {"name": "big.json", "sizeInBytes": 10}
    assert send(20, len(content) - 1).headers["Range"] == "bytes=0-9"
    gap = api.post(f"{path}?action=COMPLETE")
    assert (gap.status_code, gap.json()["detail"]) == (400, "bytes 10 to 19 are missing")
    assert send(10, 19).status_code == 200
    assert api.head(path).headers["Range"] == f"bytes=0-{len(content) - 1}"
    assert api.post(f"{path}?action=complete").json() == {"name": "big.json", "sizeInBytes": len(content)}
    complete(api, batch_id)
    assert [row["_id"] for row in rows_of(workspace, batch_id)] == ["one", "two"]


def test_upload_beyond_the_limit_is_refused_and_nothing_kept(api: Api, app: App) -> None:
    app.settings = replace(app.settings, upload_bytes_max=10)
    dataset_id = make_dataset(api)
    batch_id = open_batch(api, dataset_id)
    path = f"{IMPORT}/batches/{batch_id}/datasets/{dataset_id}/files/x.json"
    answer = api.put(path, content=iter([b"{" * 8, b"}" * 8]))
    assert (answer.status_code, answer.json()["title"]) == (413, "PayloadTooLargeError")
    assert Batches(api.workspace()).files(batch_id, "upload") == []


def test_unknown_batch_dataset_and_state_are_refused(api: Api) -> None:
    dataset_id, other_id = make_dataset(api), make_dataset(api)
    assert api.post(f"{IMPORT}/batches", {"datasetId": "0" * 24}).status_code == 400
    batch_id = open_batch(api, dataset_id)
    for path in (f"batches/nope/datasets/{dataset_id}", f"batches/{batch_id}/datasets/{other_id}"):
        assert api.put(f"{IMPORT}/{path}/files/x", content=b"{}").status_code == 404
    assert api.post(f"{IMPORT}/batches/nope?action=COMPLETE").status_code == 404
    assert api.post(f"{IMPORT}/batches/{batch_id}?action=EXPLODE").status_code == 400
    assert api.post(f"{IMPORT}/batches/{batch_id}?action=REVERT").status_code == 400
    assert api.post(f"{IMPORT}/batches/{batch_id}?action=abort").status_code == 200
    answer = api.put(f"{IMPORT}/batches/{batch_id}/datasets/{dataset_id}/files/x", content=b"{}")
    assert (answer.status_code, batch_of(api, batch_id)["status"]) == (400, "aborted")
    assert "is aborted" in answer.json()["detail"]


def test_states_follow_the_actions(api: Api) -> None:
    dataset_id = make_dataset(api)
    batch_id = load(api, dataset_id, ANNA)
    assert api.post(f"{IMPORT}/batches/{batch_id}?action=COMPLETE").status_code == 200
    assert batch_of(api, batch_id)["status"] == "success"
    assert api.post(f"{IMPORT}/batches/{batch_id}?action=ABORT").status_code == 400
    assert api.post(f"{IMPORT}/batches/{batch_id}?action=REVERT").status_code == 200
    assert batch_of(api, batch_id)["status"] == "reverting"

    failed_id = open_batch(api, dataset_id)
    assert api.post(f"{IMPORT}/batches/{failed_id}?action=FAIL").status_code == 200
    assert batch_of(api, failed_id)["status"] == "failure"


def test_batch_aborted_during_conversion_stays_aborted(api: Api, workspace: Workspace) -> None:
    dataset_id = make_dataset(api)
    batch_id = open_batch(api, dataset_id)
    put_file(api, batch_id, dataset_id, "people.json", ANNA)
    api.post(f"{IMPORT}/batches/{batch_id}?action=COMPLETE")
    conversion = convert(workspace, batch_id)
    api.post(f"{IMPORT}/batches/{batch_id}?action=ABORT")
    with workspace.records.write() as tx:
        assert settle(tx, workspace, batch_id, conversion) is False
    assert batch_of(api, batch_id)["status"] == "aborted"
    assert Batches(workspace).files(batch_id, "data") == []


def test_conversion_can_be_repeated(api: Api, workspace: Workspace) -> None:
    dataset_id = make_dataset(api)
    batch_id = open_batch(api, dataset_id)
    put_file(api, batch_id, dataset_id, "people.json", ANNA + "\n" + ANNA.replace("anna", "bea"))
    api.post(f"{IMPORT}/batches/{batch_id}?action=COMPLETE")
    first = convert(workspace, batch_id)
    content = workspace.lake.local(first["files"][0]["path"]).read_bytes()
    assert convert(workspace, batch_id, chunk_rows=1) == first
    assert workspace.lake.local(first["files"][0]["path"]).read_bytes() == content


def test_replacing_batch_makes_its_predecessors_inactive(api: Api, workspace: Workspace) -> None:
    dataset_id = make_dataset(api)
    old = load(api, dataset_id, ANNA, externalId="mine")
    kept = load(api, dataset_id, ANNA)
    replay = {"predecessors": ["$mine"], "reason": "replace"}
    new = load(api, dataset_id, ANNA, replay=replay)

    assert batch_of(api, old)["status"] == "inactive"
    assert batch_of(api, old)["tags"]["acp_successor"] == [new]
    assert [batch.id for batch in Batches(workspace).active_batches(dataset_id)] == [kept, new]
    refused = api.post(f"{IMPORT}/batches", {"datasetId": dataset_id, "replay": {"predecessors": ["$other"]}})
    assert refused.status_code == 400


def test_upload_can_be_previewed(api: Api) -> None:
    dataset_id = make_dataset(api)
    batch_id = open_batch(api, dataset_id)
    put_file(api, batch_id, dataset_id, "people.json", '{"a":1}\n{"a":2,"b":"x"}\n{"a":3}')
    path = f"{IMPORT}/batches/{batch_id}/datasets/{dataset_id}/preview"
    preview = api.get(path, params={"nrow": 2}).json()["preview"]
    assert preview == {"columns": [{"name": "a"}, {"name": "b"}], "rows": [[1, None], [2, "x"]]}


def test_worker_takes_a_completed_batch_and_a_reverted_one(api: Api) -> None:
    dataset_id = make_dataset(api, tags={"unifiedProfile": ["enabled:true"]})
    row = {"identityMap": {"Email": [{"id": "a@x.io", "primary": True}]}}
    batch_id = open_batch(api, dataset_id)
    put_file(api, batch_id, dataset_id, "people.json", json.dumps(row))
    assert api.post(f"{IMPORT}/batches/{batch_id}?action=COMPLETE").status_code == 200
    assert batch_of(api, batch_id)["status"] == "staging"
    api.run_jobs()
    assert batch_of(api, batch_id)["status"] == "success"

    api.post(f"{IMPORT}/batches/{batch_id}?action=REVERT")
    api.run_jobs()
    assert batch_of(api, batch_id)["status"] == "inactive"
    assert api.get(f"{EXPORT}/batches/{batch_id}/files").json()["data"] == []


def test_batch_without_its_dataset_fails_and_says_so(api: Api) -> None:
    dataset_id = make_dataset(api)
    batch_id = open_batch(api, dataset_id)
    put_file(api, batch_id, dataset_id, "people.json", ANNA)
    api.post(f"{IMPORT}/batches/{batch_id}?action=COMPLETE")
    api.delete(f"{CATALOG}/dataSets/{dataset_id}")
    api.run_jobs()
    shown = batch_of(api, batch_id)
    assert shown["status"] == "failure"
    assert f"no dataset {dataset_id}" in shown["errors"][0]["description"]


def test_primary_identity_of_a_schema_must_be_in_every_row(api: Api) -> None:
    registry = "/data/foundation/schemaregistry/tenant"
    parts = ("", "-person-details", "-personal-details")
    refs = [{"$ref": f"https://ns.adobe.com/xdm/context/profile{part}"} for part in parts]
    schema = api.post(f"{registry}/schemas", {"title": "People", "type": "object", "allOf": refs}).json()
    descriptor = {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": schema["$id"],
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/personalEmail/address",
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        "xdm:isPrimary": True,
    }
    assert api.post(f"{registry}/descriptors", descriptor).status_code == 201
    body: dict[str, Any] = {
        "name": "in",
        "schemaRef": {"id": schema["$id"]},
        "tags": {"unifiedProfile": ["enabled:true"]},
    }
    untagged = api.post(f"{CATALOG}/dataSets", body)
    assert (untagged.status_code, "meta:immutableTags" in untagged.json()["detail"]) == (400, True)

    union = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    assert api.patch(f"{registry}/schemas/{schema['meta:altId']}", union).status_code == 200
    dataset_id = make_dataset(api, **body)
    nobody = '{"person":{"gender":"male"},"personalEmail":{"address":""}}'
    assert batch_of(api, load(api, dataset_id, ANNA))["status"] == "success"
    errors = batch_of(api, load(api, dataset_id, f"{ANNA}\n{nobody}"))["errors"]
    assert "people.json, row 2: personalEmail.address is missing" in errors[0]["description"]
