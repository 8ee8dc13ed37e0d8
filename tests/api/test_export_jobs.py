"""Export jobs: the members of audiences as rows of a dataset, whole or not at all."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.api.client import Api
from tests.api.test_segment_definitions import make as make_definition

from muster.jobs.steps import InlineSteps

EXPORTS = "/data/core/ups/export/jobs"
POLICIES = "/data/core/ups/config/mergePolicies"
CATALOG = "/data/foundation/catalog"
IMPORT = "/data/foundation/import"
UNION = "https://ns.adobe.com/xdm/context/profile__union"
PROFILE = {"name": "_xdm.context.profile"}
ON = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
PEOPLE: list[dict[str, Any]] = [
    {"email": "a@x.io", "gender": "male", "month": 9},
    {"email": "b@x.io", "gender": "male", "month": 1},
    {"email": "c@x.io", "gender": "female", "month": 9},
    {"email": "d@x.io", "gender": "female", "month": 2},
]


def row(email: str, gender: str, month: int, **fields: Any) -> dict[str, Any]:
    """A person of the legacy profile dataset; the element with `primary` is the primary identity."""
    identity = {"id": email, "namespace": {"code": "Email"}, "primary": True}
    return {"identities": [identity], "person": {"gender": gender, "birthMonth": month}, **fields}


def make_dataset(api: Api, **body: Any) -> str:
    answer = api.post(f"{CATALOG}/dataSets", {"name": f"d{len(body)}", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()[0]).removeprefix("@/dataSets/")


def ingest(api: Api, dataset_id: str, rows: list[dict[str, Any]]) -> None:
    batch = api.post(
        f"{IMPORT}/batches", {"datasetId": dataset_id, "inputFormat": {"format": "json"}}
    ).json()["id"]
    lines = "\n".join(json.dumps(item) for item in rows).encode()
    assert (
        api.put(f"{IMPORT}/batches/{batch}/datasets/{dataset_id}/files/p.json", content=lines).status_code
        == 200
    )
    assert api.post(f"{IMPORT}/batches/{batch}?action=COMPLETE").status_code == 200
    api.run_jobs()
    body = api.get(f"{CATALOG}/batches/{batch}").json()[batch]
    assert body["status"] == "success", body


@pytest.fixture
def people(api: Api) -> str:
    """A Profile-enabled dataset with four persons; gives its id."""
    dataset_id = make_dataset(api, name="people", schema="@/xdms/context/profile", tags=ON)
    ingest(api, dataset_id, [row(**person) for person in PEOPLE])
    return dataset_id


@pytest.fixture
def target(api: Api) -> str:
    """An empty dataset on the union schema; gives its id."""
    content_type = "application/vnd.adobe.xed+json;version=1"
    return make_dataset(api, name="out", schemaRef={"id": UNION, "contentType": content_type})


def evaluated(api: Api, *expressions: str) -> list[str]:
    """Definitions of these expressions, evaluated; their ids."""
    ids = [make_definition(api, expression)["id"] for expression in expressions]
    job = api.post("/data/core/ups/segment/jobs", [{"segmentId": id_} for id_ in ids]).json()
    api.run_jobs()
    job = api.get(f"/data/core/ups/segment/jobs/{job['id']}").json()
    assert job["status"] == "SUCCEEDED", job
    return ids


def export(api: Api, target: str, *segment_ids: str, **body: Any) -> dict[str, Any]:
    """A finished export job."""
    filter_ = {**body.pop("filter", {}), "segments": [{"segmentId": id_} for id_ in segment_ids]}
    destination = {"datasetId": target, **body.pop("destination", {})}
    asked = {"destination": destination, "schema": PROFILE, "filter": filter_, **body}
    answer = api.post(EXPORTS, asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "NEW"
    api.run_jobs()
    job: dict[str, Any] = api.get(f"{EXPORTS}/{answer.json()['id']}").json()
    return job


def rows_of(api: Api, batch_id: str) -> list[dict[str, Any]]:
    from muster.catalog.batches import Batches

    workspace = api.workspace()
    files = Batches(workspace).files(batch_id, "data")
    tables = [pq.read_table(workspace.lake.local(file.path)) for file in files]
    rows: list[dict[str, Any]] = (
        pa.concat_tables(tables, promote_options="default").to_pylist(maps_as_pydicts="strict")
        if tables
        else []
    )
    return rows


def emails(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(item["id"] for row in rows for item in row["identityMap"]["Email"])


def test_members_become_the_rows_of_a_successful_batch(api: Api, people: str, target: str) -> None:
    (males,) = evaluated(api, 'person.gender = "male"')
    job = export(api, target, males)
    assert job["status"] == "SUCCEEDED", job
    assert isinstance(job["id"], int)
    assert job["errors"] == []
    batch = job["destination"]["batchId"]
    rows = rows_of(api, batch)
    assert emails(rows) == ["a@x.io", "b@x.io"]
    assert {row["person"]["gender"] for row in rows} == {"male"}
    assert {row["segmentMembership"]["ups"][males]["status"] for row in rows} == {"realized"}
    assert not {"_person", "_status", "_since"} & set(rows[0])
    assert job["metrics"]["totalExportedProfileCounter"] == 2
    assert job["metrics"]["exportedProfileByNamespaceCounter"] == {"email": 2}
    time = job["metrics"]["totalTime"]
    assert time["totalTimeInMs"] == time["endTimeInMs"] - time["startTimeInMs"]
    shown = api.get(f"{CATALOG}/batches/{batch}").json()[batch]
    assert (shown["status"], shown["recordCount"]) == ("success", 2)
    assert set(job["computeGatewayJobId"]) == {"exportJob", "pushJob"}


def test_person_in_two_audiences_is_one_row(api: Api, people: str, target: str) -> None:
    ids = evaluated(api, 'person.gender = "male"', "person.birthMonth = 9")
    job = export(api, target, *ids)
    assert emails(rows_of(api, job["destination"]["batchId"])) == ["a@x.io", "b@x.io", "c@x.io"]
    assert job["metrics"]["totalExportedProfileCounter"] == 3


def test_one_batch_each_when_asked_for(api: Api, people: str, target: str) -> None:
    ids = evaluated(api, 'person.gender = "male"', "person.birthMonth = 9")
    job = export(api, target, *ids, destination={"segmentPerBatch": True})
    batches = job["destination"]["batches"]
    assert [batch["segmentId"] for batch in batches] == ids
    found = [emails(rows_of(api, batch["batchId"])) for batch in batches]
    assert found == [["a@x.io", "b@x.io"], ["a@x.io", "c@x.io"]]


def test_everybody_is_exported_without_audiences(api: Api, people: str, target: str) -> None:
    job = export(api, target)
    assert job["status"] == "SUCCEEDED", job
    assert len(rows_of(api, job["destination"]["batchId"])) == 4


def test_opted_out_persons_stay_out_unless_asked_for(api: Api, people: str, target: str) -> None:
    entries = [{"optOutType": "general_opt_out", "optOutValue": "out"}]
    optout = {"optOutConsentLevel": {"privacyOptOuts": entries}}
    ingest(api, people, [row("e@x.io", "male", 3, **optout)])
    assert export(api, target)["metrics"]["totalExportedProfileCounter"] == 4
    job = export(api, target, dataGovernancePolicy={"excludeOptOut": False})
    assert job["metrics"]["totalExportedProfileCounter"] == 5


def test_only_chosen_fields_are_written(api: Api, people: str, target: str) -> None:
    (males,) = evaluated(api, 'person.gender = "male"')
    job = export(api, target, males, fields="person.gender,personalEmail.address")
    rows = rows_of(api, job["destination"]["batchId"])
    assert rows == [{"person": {"gender": "male"}, "personalEmail": None}] * 2
    assert job["metrics"]["exportedProfileByNamespaceCounter"] == {"email": 2}


def test_repeated_export_replaces_the_content(api: Api, people: str, target: str) -> None:
    (males,) = evaluated(api, 'person.gender = "male"')
    first = export(api, target, males)["destination"]["batchId"]
    ingest(api, people, [row("a@x.io", "female", 9)])
    api.post("/data/core/ups/segment/jobs", [{"segmentId": males}])
    api.run_jobs()
    second = export(api, target, males)["destination"]["batchId"]
    assert emails(rows_of(api, second)) == ["b@x.io"]
    states = {id_: api.get(f"{CATALOG}/batches/{id_}").json()[id_]["status"] for id_ in (first, second)}
    assert states == {first: "inactive", second: "success"}


def test_leavers_are_exported_by_their_status(api: Api, people: str, target: str) -> None:
    (males,) = evaluated(api, 'person.gender = "male"')
    ingest(api, people, [row("a@x.io", "female", 9)])
    api.post("/data/core/ups/segment/jobs", [{"segmentId": males}])
    api.run_jobs()
    asked = {"segments": [{"segmentId": males, "status": ["exited"]}]}
    body = {"destination": {"datasetId": target}, "schema": PROFILE, "filter": asked}
    id_ = api.post(EXPORTS, body).json()["id"]
    api.run_jobs()
    job = api.get(f"{EXPORTS}/{id_}").json()
    assert emails(rows_of(api, job["destination"]["batchId"])) == ["a@x.io"]


@pytest.mark.parametrize(
    ("window", "count"),
    [({"endTime": "2000-01-01 00:00:00Z"}, 0), ({"startTime": "2000-01-01T00:00:00Z"}, 2)],
)
def test_qualification_time_chooses(api: Api, people: str, target: str, window: Any, count: int) -> None:
    (males,) = evaluated(api, 'person.gender = "male"')
    job = export(api, target, males, filter={"segmentQualificationTime": window})
    assert job["metrics"]["totalExportedProfileCounter"] == count


def test_enabled_target_does_not_feed_the_profile_store(api: Api, people: str) -> None:
    target = make_dataset(api, name="out", schema="@/xdms/context/profile", tags=ON)
    (males,) = evaluated(api, 'person.gender = "male"')
    assert export(api, target, males)["status"] == "SUCCEEDED"
    api.run_jobs()
    query = {"schema.name": PROFILE["name"], "entityId": "a@x.io", "entityIdNS": "email"}
    (block,) = api.get("/data/core/ups/access/entities", params=query).json().values()
    assert block["sources"] == [people]


def test_audience_that_was_never_evaluated_fails_the_job_with_a_reason(
    api: Api, people: str, target: str
) -> None:
    definition = make_definition(api)
    job = export(api, target, definition["id"])
    assert job["status"] == "FAILED"
    (error,) = job["errors"]
    assert definition["id"] in error["msg"]
    assert error["code"] == "0100000003"
    assert api.get(f"{CATALOG}/batches?dataSet={target}").json() == {}


def test_export_under_another_policy_of_the_same_graph_has_its_values(
    api: Api, people: str, target: str
) -> None:
    other = {
        "name": "nothing of these",
        "schema": PROFILE,
        "identityGraph": {"type": "pdg"},
        "attributeMerge": {"type": "dataSetPrecedence", "order": [people]},
    }
    policy = api.post(POLICIES, other).json()["id"]
    (males,) = evaluated(api, 'person.gender = "male"')
    job = export(api, target, males, mergePolicy={"id": policy})
    assert job["status"] == "SUCCEEDED", job
    assert job["mergePolicy"]["id"] == policy
    assert emails(rows_of(api, job["destination"]["batchId"])) == ["a@x.io", "b@x.io"]


def test_cancelled_job_writes_nothing(api: Api, people: str, target: str) -> None:
    body = {"destination": {"datasetId": target}, "schema": PROFILE}
    id_ = api.post(EXPORTS, body).json()["id"]
    answer = api.delete(f"{EXPORTS}/{id_}")
    assert answer.status_code == 200
    assert answer.json() == {"status": True, "message": "Export job has been marked for cancelling"}
    assert api.get(f"{EXPORTS}/{id_}").json()["status"] == "CANCELLING"
    api.run_jobs()
    assert api.get(f"{EXPORTS}/{id_}").json()["status"] == "CANCELLED"
    assert api.get(f"{CATALOG}/batches?dataSet={target}").json() == {}


@pytest.mark.parametrize("last_step", ["prepare", "write"])
def test_job_cancelled_between_steps_leaves_no_batch(
    api: Api, people: str, target: str, last_step: str
) -> None:
    from muster.export.export_job import WORKFLOW

    id_ = str(api.post(EXPORTS, {"destination": {"datasetId": target}, "schema": PROFILE}).json()["id"])

    class Cancelling(InlineSteps):
        def run(self, name: str, step: Any) -> Any:
            result = super().run(name, step)
            if name == last_step:
                api.delete(f"{EXPORTS}/{id_}")
            return result

    WORKFLOW.run(api.workspace(), id_, Cancelling())
    assert api.get(f"{EXPORTS}/{id_}").json()["status"] == "CANCELLED"
    assert api.get(f"{CATALOG}/batches?dataSet={target}").json() == {}


def test_every_step_may_be_repeated(api: Api, people: str, target: str) -> None:
    from muster.export.export_job import WORKFLOW

    id_ = str(api.post(EXPORTS, {"destination": {"datasetId": target}, "schema": PROFILE}).json()["id"])

    class Twice(InlineSteps):
        def run(self, name: str, step: Any) -> Any:
            super().run(name, step)
            return super().run(name, step)

    WORKFLOW.run(api.workspace(), id_, Twice())
    job = api.get(f"{EXPORTS}/{id_}").json()
    assert job["status"] == "SUCCEEDED", job
    assert len(api.get(f"{CATALOG}/batches?dataSet={target}").json()) == 1
    assert len(rows_of(api, job["destination"]["batchId"])) == 4


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/destination/datasetId"),
        ({"schema": PROFILE, "destination": {"datasetId": "nope"}}, "/destination/datasetId"),
        ({"destination": {"datasetId": "TARGET"}}, "/schema/name"),
        ({"fields": "person.gendr"}, "/fields"),
        ({"mergePolicy": {"id": "nope"}}, "/mergePolicy/id"),
        ({"filter": {"segments": [{"segmentId": "nope"}]}}, "/filter/segments/0/segmentId"),
        ({"filter": {"fromIngestTimestamp": "2020-01-01T00:00:00Z"}}, "/filter/fromIngestTimestamp"),
        (
            {"filter": {"segmentQualificationTime": {"startTime": "noon"}}},
            "/filter/segmentQualificationTime/startTime",
        ),
        ({"additionalFields": {"eventList": {"fields": "_id"}}}, "/additionalFields/eventList"),
        ({"evaluationInfo": {"segmentation": True}}, "/evaluationInfo/segmentation"),
        ({"destination": {"datasetId": "TARGET", "segmentPerBatch": True}}, "/destination/segmentPerBatch"),
    ],
)
def test_unusable_body_is_refused(api: Api, target: str, body: dict[str, Any], path: str) -> None:
    given = body if path == "/schema/name" or not body else {"schema": PROFILE, **body}
    destination = {"datasetId": target, **given.get("destination", {"datasetId": "TARGET"})}
    if destination["datasetId"] == "TARGET":
        destination["datasetId"] = target
    answer = api.post(EXPORTS, {**given, "destination": destination} if body else {})
    assert answer.status_code == 400
    assert path in {item["path"] for item in answer.json()["errors"]["400"]}


def test_list_follows_its_links_to_an_empty_one(api: Api, target: str) -> None:
    body = {"destination": {"datasetId": target}, "schema": PROFILE}
    ids = [api.post(EXPORTS, body).json()["id"] for _ in range(5)]
    seen: list[int] = []
    href = "/export/jobs?limit=2"
    while href:
        answer = api.get(f"/data/core/ups{href}").json()
        seen += [job["id"] for job in answer["records"]]
        assert answer["page"]["pageSize"] == len(answer["records"])
        href = answer["link"]["next"]
    assert seen == ids[::-1]
    assert href == ""


def test_list_filters_by_status_and_pages_by_number(api: Api, target: str) -> None:
    body = {"destination": {"datasetId": target}, "schema": PROFILE}
    ids = [api.post(EXPORTS, body).json()["id"] for _ in range(3)]
    api.delete(f"{EXPORTS}/{ids[0]}")
    new = api.get(EXPORTS, params={"status": "NEW"}).json()["records"]
    assert [job["id"] for job in new] == [ids[2], ids[1]]
    assert api.get(EXPORTS, params={"status": "SUCEEDED"}).json()["records"] == []
    second = api.get(EXPORTS, params={"limit": 2, "page": 1}).json()["records"]
    assert [job["id"] for job in second] == [ids[0]]
    assert api.get(EXPORTS, params={"offset": "x"}).status_code == 400


def test_unknown_job_is_404(api: Api) -> None:
    assert api.get(f"{EXPORTS}/17").status_code == 404
    assert api.delete(f"{EXPORTS}/17").status_code == 404


def test_rebuilt_profile_store_leaves_exported_batches_out(api: Api, people: str) -> None:
    target = make_dataset(api, name="out", schema="@/xdms/context/profile", tags=ON)
    (males,) = evaluated(api, 'person.gender = "male"')
    assert export(api, target, males)["status"] == "SUCCEEDED"
    policy = {
        "name": "each alone",
        "schema": PROFILE,
        "identityGraph": {"type": "none"},
        "attributeMerge": {"type": "timestampOrdered"},
    }
    policy_id = api.post(POLICIES, policy).json()["id"]
    on_other = make_definition(api, "person.birthMonth > 0", mergePolicyId=policy_id)["id"]
    job = api.post("/data/core/ups/segment/jobs", [{"segmentId": on_other}]).json()
    api.run_jobs()
    assert api.get(f"/data/core/ups/segment/jobs/{job['id']}").json()["status"] == "SUCCEEDED"
    query = {
        "schema.name": PROFILE["name"],
        "entityId": "a@x.io",
        "entityIdNS": "email",
        "mergePolicyId": policy_id,
    }
    (block,) = api.get("/data/core/ups/access/entities", params=query).json().values()
    assert block["sources"] == [people]
