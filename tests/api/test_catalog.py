"""Catalog: datasets and batches, how they are changed, and how lists are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.client import ORG, Api
from tests.api.platform import CATALOG, batch_of, load, make_dataset, open_batch

DATASETS = f"{CATALOG}/dataSets"
PROFILE_CLASS = "https://ns.adobe.com/xdm/context/profile"


def dataset_of(api: Api, dataset_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"{DATASETS}/{dataset_id}").json()[dataset_id]
    return found


def names(api: Api, query: str) -> list[str]:
    answer = api.get(f"{DATASETS}?{query}")
    assert answer.status_code == 200, answer.text
    return [dataset["name"] for dataset in answer.json().values()]


def test_dataset_is_made_from_the_legacy_body(api: Api) -> None:
    api.put("/emulator/clock", {"now": "2090-01-31T02:00:07Z"})
    body = {
        "name": "ldap_Profile Dataset",
        "schema": "@/xdms/context/profile",
        "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
        "tags": {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled: true"]},
    }
    answer = api.post(f"{DATASETS}?requestDataSource=true", body)
    assert answer.status_code == 201
    [link] = answer.json()
    dataset_id = link.removeprefix("@/dataSets/")
    assert (len(dataset_id), answer.headers["Location"]) == (24, f"{DATASETS}/{dataset_id}")

    shown = dataset_of(api, dataset_id)
    assert shown["schemaRef"]["id"] == PROFILE_CLASS
    assert shown["tags"]["unifiedIdentity"] == ["enabled:true", "enabledAt:2090-01-31 02:00:07"]
    assert shown["tags"]["adobe/pqs/table"] == ["ldap_profile_dataset"]
    assert shown["classification"] == {"dataBehavior": "record", "managedBy": "CUSTOMER"}
    assert (shown["imsOrg"], shown["version"], shown["namespace"]) == (ORG, "1.0.0", "ACP")
    assert shown["files"] == f"@/dataSetFiles?dataSetId={dataset_id}"
    assert len(shown["viewId"]) == 24


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "/name"),
        ({"name": "x"}, "/schemaRef"),
        ({"name": "x", "schemaRef": {"id": "https://ns.adobe.com/nobody/schemas/none"}}, "/schemaRef/id"),
        ({"name": "x", "schemaRef": {"id": PROFILE_CLASS}, "tags": {"a": 1}}, "/tags/a"),
        ([], "a dataset is a JSON object"),
    ],
)
def test_wrong_dataset_is_refused_with_the_place(api: Api, body: Any, place: str) -> None:
    answer = api.post(DATASETS, body)
    assert answer.status_code == 400
    assert place in answer.json()["detail"]
    assert api.get(DATASETS).json() == {}


def test_patch_merges_an_object_and_applies_a_list(api: Api) -> None:
    dataset_id = make_dataset(api, tags={"team": ["a"]})
    path = f"{DATASETS}/{dataset_id}"
    assert api.patch(path, {"description": "d"}).json() == [f"@/dataSets/{dataset_id}"]
    operations = [{"op": "add", "path": "/tags/unifiedProfile", "value": ["enabled: true", "isUpsert:true"]}]
    assert api.patch(path, operations).status_code == 200
    extensions = {"adobe_lakeHouse": {"rowExpiration": {"ttlValue": "P3M"}}}
    assert api.patch(f"{CATALOG}/v2/dataSets/{dataset_id}", {"extensions": extensions}).status_code == 200
    more = {"extensions": {"adobe_lakeHouse": {"other": 1}}, "version": "9.9.9"}
    assert api.patch(f"{CATALOG}/v2/dataSets/{dataset_id}", more).status_code == 200

    shown = dataset_of(api, dataset_id)
    assert (shown["description"], shown["tags"]["team"], shown["version"]) == ("d", ["a"], "1.0.4")
    assert shown["tags"]["unifiedProfile"][:2] == ["enabled:true", "isUpsert:true"]
    assert shown["extensions"]["adobe_lakeHouse"] == {"rowExpiration": {"ttlValue": "P3M"}, "other": 1}

    for change in ([{"op": "remove", "path": "/nothing"}], {"name": ""}, "text"):
        assert api.patch(path, change).status_code == 400
    assert dataset_of(api, dataset_id) == shown


def test_enabled_at_stays_while_a_dataset_is_enabled(api: Api) -> None:
    dataset_id = make_dataset(api, tags={"unifiedProfile": ["enabled:true"]})
    before = dataset_of(api, dataset_id)["tags"]["unifiedProfile"]
    api.put("/emulator/clock", {"now": "2090-01-01T00:00:00Z"})
    api.patch(f"{DATASETS}/{dataset_id}", {"description": "later"})
    assert dataset_of(api, dataset_id)["tags"]["unifiedProfile"] == before
    for value in ("enabled:false", "enabled:true"):
        operation = {"op": "replace", "path": "/tags/unifiedProfile", "value": [value]}
        api.patch(f"{DATASETS}/{dataset_id}", [operation])
    after = dataset_of(api, dataset_id)["tags"]["unifiedProfile"]
    assert after == ["enabled:true", "enabledAt:2090-01-01 00:00:00"]


def test_deleted_dataset_is_gone(api: Api) -> None:
    dataset_id = make_dataset(api)
    assert api.delete(f"{DATASETS}/{dataset_id}").json() == [f"@/dataSets/{dataset_id}"]
    answer = api.get(f"{DATASETS}/{dataset_id}")
    assert (answer.status_code, answer.json()["title"]) == (404, "NotFoundError")


def test_list_answers_the_query_language(api: Api) -> None:
    make_dataset(api, name="Alpha", tags={"team": ["red", "blue"]}, description="first")
    make_dataset(api, name="Beta*", tags={"team": ["green"]}, enableErrorDiagnostics=True)
    make_dataset(api, name="Gämma", tags={"owner": ["red"]})

    assert names(api, "orderBy=asc:name") == ["Alpha", "Beta*", "Gämma"]
    assert names(api, "orderBy=desc:created&limit=2") == ["Gämma", "Beta*"]
    assert names(api, "orderBy=asc:name&start=1&limit=1") == ["Beta*"]
    assert names(api, "orderBy=asc:name&offset=2") == ["Gämma"]
    assert names(api, "start=3") == []
    assert names(api, "name=Alpha") == ["Alpha"]
    assert sorted(names(api, "name=!Alpha")) == ["Beta*", "Gämma"]
    assert sorted(names(api, "name=Alpha,Gämma")) == ["Alpha", "Gämma"]
    assert names(api, "name=*mm*") == ["Gämma"]
    assert names(api, "name=Beta**") == ["Beta*"]
    assert names(api, "property=name~^A") == ["Alpha"]
    assert names(api, "property=name==Alpha") == ["Alpha"]
    assert names(api, "property=enableErrorDiagnostics==true") == ["Beta*"]
    assert sorted(names(api, "property=tags.team")) == ["Alpha", "Beta*"]
    assert names(api, "property=!tags.team") == ["Gämma"]
    assert names(api, "property=created<1000") == []
    assert len(names(api, "property=created>1000&property=name!=Alpha")) == 2
    assert names(api, "tags=team:blue") == ["Alpha"]
    assert sorted(names(api, "tags=team:*")) == ["Alpha", "Beta*"]
    assert names(api, "tags=team:gr*,team:green") == ["Beta*"]
    assert names(api, "tags=team:red,team:green") == []
    assert names(api, "name=&tags=team:blue&orderBy=") == ["Alpha"]


def test_list_keeps_the_properties_asked_for(api: Api) -> None:
    dataset_id = make_dataset(api, name="Alpha")
    assert api.get(f"{DATASETS}?properties=name,nothing").json() == {dataset_id: {"name": "Alpha"}}
    assert api.get(f"{DATASETS}/{dataset_id}?properties=nothing").json() == {dataset_id: {}}
    observable = api.get(f"{DATASETS}/{dataset_id}?properties=observableSchema").json()[dataset_id]
    assert "person" in observable["observableSchema"]["properties"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=21&properties=observableSchema",
        "start=-1",
        "orderBy=up:name",
        "property=name~(",
        "tags=team",
        "createdAfter=yesterday",
    ],
)
def test_unreadable_query_is_refused(api: Api, query: str) -> None:
    answer = api.get(f"{DATASETS}?{query}")
    assert (answer.status_code, answer.json()["title"]) == (400, "BadRequestError")


def test_batches_are_listed_newest_first_and_by_filter(api: Api) -> None:
    first, second = make_dataset(api), make_dataset(api)
    good = load(api, first, '{"_id":"1"}')
    bad = load(api, first, "{")
    other = open_batch(api, second, externalId="mine")

    def ids(query: str) -> list[str]:
        answer = api.get(f"{CATALOG}/batches?{query}")
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    assert ids("") == [other, bad, good]
    assert ids("orderBy=asc:created&limit=2") == [good, bad]
    assert ids(f"dataSet={first}") == [bad, good]
    assert ids(f"dataSet={first},{second}&status=success,loading") == [other, good]
    assert ids("status=failed") == ids("status=failure") == ids("property=status==FAILED") == [bad]
    assert ids("externalId=mine") == ids(f"batch={other}") == [other]
    created = batch_of(api, good)["created"]
    assert ids(f"createdAfter={created + 3_600_000}") == []
    assert good in ids(f"createdBefore={created + 3_600_000}")
    assert ids("endAfter=1000") == [bad, good]
    assert api.get(f"{CATALOG}/batches?properties=status&limit=1").json() == {other: {"status": "loading"}}


def test_dataset_files_and_last_batches(api: Api) -> None:
    dataset_id = make_dataset(api)
    make_dataset(api, name="never loaded")
    good = load(api, dataset_id, '{"_id":"1"}\n{"_id":"2"}')
    bad = load(api, dataset_id, "{")
    view_id = dataset_of(api, dataset_id)["viewId"]

    files = api.get(f"{CATALOG}/dataSetFiles?dataSetId={dataset_id}").json()
    assert [(file["batchId"], file["records"]) for file in files.values()] == [(good, 2)]
    assert api.get(f"{DATASETS}/{dataset_id}/views/{view_id}/files").json() == files
    assert list(api.get(f"{DATASETS}/{dataset_id}/views").json()) == [view_id]
    assert api.get(f"{DATASETS}/{dataset_id}/views/other/files").status_code == 404
    [last] = api.get(f"{CATALOG}/lastBatches").json().items()
    assert last[0] == dataset_id
    assert (last[1]["lastBatchId"], last[1]["lastBatchStatus"]) == (bad, "failure")
    assert (last[1]["lastSuccessfulBatchId"], last[1]["lastFailedBatchId"]) == (good, bad)


def test_sandboxes_do_not_see_each_other(api: Api) -> None:
    dataset_id = make_dataset(api)
    batch_id = load(api, dataset_id, '{"_id":"1"}')
    assert api.get(DATASETS, sandbox="dev").json() == {}
    assert api.get(f"{CATALOG}/batches", sandbox="dev").json() == {}
    for path in (f"{DATASETS}/{dataset_id}", f"{CATALOG}/batches/{batch_id}"):
        assert api.get(path, sandbox="dev").status_code == 404
    assert api.delete(f"{DATASETS}/{dataset_id}", sandbox="dev").status_code == 404
    assert api.get(f"{DATASETS}/{dataset_id}").status_code == 200


def test_legacy_class_names_are_read(api: Api) -> None:
    answer = api.get(f"{CATALOG}/xdms?id=context/profile").json()
    assert "person" in answer["context/profile"]["properties"]
    assert api.get(f"{CATALOG}/xdms/context/nothing").status_code == 404


def test_a_schema_named_by_its_alternate_id_is_kept_by_its_id(api: Api) -> None:
    schema = api.post(
        "/data/foundation/schemaregistry/tenant/schemas",
        {
            "title": "People",
            "type": "object",
            "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}],
        },
    ).json()
    reference = {"id": schema["meta:altId"], "contentType": "application/vnd.adobe.xed+json;version=1"}
    (made,) = api.post("/data/foundation/catalog/dataSets", {"name": "people", "schemaRef": reference}).json()
    id_ = made.removeprefix("@/dataSets/")
    dataset = api.get(f"/data/foundation/catalog/dataSets/{id_}").json()[id_]
    assert dataset["schemaRef"]["id"] == schema["$id"]
