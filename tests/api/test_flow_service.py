"""Flow Service by requests: shapes, checks, etags, filters, secrets."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.client import ORG, Api

from muster.jobs.task_table import TaskTable
from muster.kernel.clock import from_ms
from muster.storage.workspace import Workspace

FLOWS = "/data/foundation/flowservice"
DATA_PREP = "/data/foundation/conversion"
PROFILE = "8a9c3494-9708-43d7-ae3f-cda01e5030e1"
S3 = "4fce964d-3f37-408f-9778-e597338a21ee"
CAMPAIGN = "0b23e41a-cb4a-4321-a78f-3b654f5d7d97"
S3_FLOW = "1a0514a6-33d4-4c7f-aff8-594799c47549"
LEGACY_FLOW = "71471eba-b620-49e4-90fd-23f1fa0174d8"
ACCESS_KEY = "A" * 20
SECRET = "s3cretS3CRET/s3cretS3CRET/s3cretS3CRET00"
SELECTORS = "/transformations/0/params/segmentSelectors/selectors"
DAILY = {"frequency": "DAILY", "triggerType": "SCHEDULED", "startDate": "2040-01-04", "startTime": "17:00"}


def spec(id: str) -> dict[str, str]:
    return {"id": id, "version": "1.0"}


def make(api: Api, resource: str, body: dict[str, Any]) -> str:
    answer = api.post(f"{FLOWS}/{resource}", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["etag"].startswith('"')
    return str(answer.json()["id"])


def read(api: Api, path: str) -> dict[str, Any]:
    answer = api.get(f"{FLOWS}/{path}")
    assert answer.status_code == 200, answer.text
    item: dict[str, Any] = answer.json()["items"][0]
    return item


@pytest.fixture
def audiences(workspace: Workspace) -> list[str]:
    """Four audiences, in the store as the segmentation service keeps them."""
    ids = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(4)]
    with workspace.records.write() as tx:
        for id in ids:
            tx.add("segment_definition", id, {"name": f"Audience {id[-1]}", "mergePolicyId": "policy"})
    return ids


@pytest.fixture
def source(api: Api) -> str:
    return make(api, "sourceConnections", {"name": "profiles", "connectionSpec": spec(PROFILE)})


@pytest.fixture
def base(api: Api) -> str:
    params = {"s3AccessKey": ACCESS_KEY, "s3SecretKey": SECRET}
    auth = {"specName": "Access Key", "params": params}
    return make(api, "connections", {"name": "bucket", "connectionSpec": spec(S3), "auth": auth})


def target_body(base: str, **params: Any) -> dict[str, Any]:
    place = {"mode": "Server-to-server", "bucketName": "out-bucket", "path": "a/b", "compression": "NONE"}
    return {
        "name": "files",
        "baseConnectionId": base,
        "connectionSpec": spec(S3),
        "params": {**place, "fileType": "CSV", **params},
    }


@pytest.fixture
def target(api: Api, base: str) -> str:
    return make(api, "targetConnections", target_body(base))


@pytest.fixture
def flow(api: Api, source: str, target: str) -> str:
    body = {"sourceConnectionIds": [source], "targetConnectionIds": [target], "transformations": []}
    return make(api, "flows", {"name": "daily", "flowSpec": spec(S3_FLOW), **body})


def patch(api: Api, path: str, *operations: dict[str, Any], etag: str | None = "current") -> Any:
    if etag == "current":
        etag = read(api, path)["etag"]
    return api.patch(f"{FLOWS}/{path}", list(operations), headers={"If-Match": etag})


def add_audience(audience_id: str, **value: Any) -> dict[str, Any]:
    settings = {"exportMode": "DAILY_FULL_EXPORT", "schedule": DAILY}
    return {
        "op": "add",
        "path": f"{SELECTORS}/-",
        "value": {"type": "PLATFORM_SEGMENT", "value": {"id": audience_id, **settings, **value}},
    }


def test_destinations_are_listed_with_what_they_need(api: Api) -> None:
    names = [item["name"] for item in api.get(f"{FLOWS}/connectionSpecs").json()["items"]]
    campaign = read(api, f"connectionSpecs/{CAMPAIGN}")

    assert "Adobe Campaign" in names
    assert len(names) == len(set(names))
    assert campaign["targetSpec"]["spec"]["properties"]["mode"]["enum"] == ["S3", "AZURE_BLOB", "FTP"]
    assert [auth["name"] for auth in campaign["authSpec"]] == [
        "S3",
        "SFTP with Password",
        "SFTP with SSH Key",
        "Azure Blob",
    ]


def test_partner_schema_is_served_whole(api: Api) -> None:
    served = read(api, f"connectionSpecs/{S3}")

    schema = served["targetSpec"]["attributes"]["partnerSchema"]["jsonSchema"]
    assert set(schema["properties"]) == {"attributes", "identityMap", "segmentMembership"}
    assert served["sourceSpec"] == {}
    assert "generation" not in served


def test_specs_are_found_by_property(api: Api) -> None:
    found = api.get(f"{FLOWS}/connectionSpecs", params={"property": 'name=="Adobe Campaign"'}).json()
    flows = api.get(f"{FLOWS}/flowSpecs", params={"property": "name==upsToCampaign"}).json()

    assert [item["id"] for item in found["items"]] == [CAMPAIGN]
    assert found["_links"] == {}
    assert [item["id"] for item in flows["items"]] == [LEGACY_FLOW]


def test_unknown_spec_is_404_in_the_services_words(api: Api) -> None:
    answer = api.get(f"{FLOWS}/connectionSpecs/00000000-0000-0000-0000-000000000000")

    assert answer.status_code == 404
    assert answer.json()["errorMessage"].startswith("connectionSpecs not found with id = [")


def test_source_without_base_gets_one(api: Api, source: str) -> None:
    item = read(api, f"sourceConnections/{source}")

    assert len(item["inheritedAttributes"]["baseConnection"]["id"]) == 36
    assert item["typeInfo"] == {"type": "ProfileFragments", "id": "ups"}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"name": "x", "connectionSpec": spec("0")}, 400, "Please provide a valid spec id"),
        ({"name": "x", "connectionSpec": {"id": S3}}, 422, "connectionSpec.version"),
        ({"name": "x", "connectionSpec": spec(S3), "auth": {"specName": "Nope", "params": {}}}, 400, "Nope"),
        (
            {
                "name": "x",
                "connectionSpec": spec(S3),
                "auth": {"specName": "Access Key", "params": {"s3AccessKey": ACCESS_KEY}},
            },
            400,
            "s3SecretKey",
        ),
        ({}, 400, "empty"),
    ],
)
def test_connection_that_cannot_be_is_refused_with_the_reason(
    api: Api, body: dict[str, Any], status: int, words: str
) -> None:
    answer = api.post(f"{FLOWS}/connections", body)

    assert answer.status_code == status
    assert words in answer.json()["message"]
    assert answer.json()["code"].endswith(f"-{status}")


def test_name_alone_is_a_data_landing_zone(api: Api) -> None:
    id = make(api, "connections", {"name": "zone"})

    assert read(api, f"connections/{id}")["connectionSpec"]["id"] == "10440537-2a7b-4583-ac39-ed38d4b848e8"


def test_secrets_are_sealed_and_shown_as_a_mask(api: Api, base: str, workspace: Workspace) -> None:
    answer = api.get(f"{FLOWS}/connections/{base}")
    with workspace.records.read() as tx:
        stored = tx.get("connection", base).body
        sealed = tx.get_secret(f"connection:{base}")

    assert SECRET not in answer.text
    assert ACCESS_KEY not in answer.text
    assert SECRET not in str(stored)
    assert sealed["s3SecretKey"] == SECRET
    assert set(answer.json()["items"][0]["auth"]["params"]) == {
        "s3AccessKey",
        "s3SecretKey",
        "authorizedDate",
    }


def test_mask_sent_back_keeps_the_secret(api: Api, base: str, workspace: Workspace) -> None:
    changed = {"s3AccessKey": "B" * 20, "s3SecretKey": "********"}
    answer = patch(api, f"connections/{base}", {"op": "replace", "path": "/auth/params", "value": changed})

    with workspace.records.read() as tx:
        sealed = tx.get_secret(f"connection:{base}")
    assert answer.status_code == 200, answer.text
    assert sealed == {"s3AccessKey": "B" * 20, "s3SecretKey": SECRET}


def test_key_patterns_hold_only_without_an_endpoint_of_ones_own(api: Api) -> None:
    def body(**extra: str) -> dict[str, Any]:
        params = {"s3AccessKey": "minio", "s3SecretKey": "minio-secret", **extra}
        return {"name": "x", "connectionSpec": spec(S3), "auth": {"specName": "Access Key", "params": params}}

    refused = api.post(f"{FLOWS}/connections", body())
    accepted = api.post(f"{FLOWS}/connections", body(serviceUrl="http://127.0.0.1:9000"))

    assert refused.status_code == 400
    assert "minio" not in refused.text
    assert accepted.status_code == 201


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"fileType": "XLS"}, "XLS"),
        ({"bucketName": ""}, "bucketName"),
        ({"bucketName": "Bad_Bucket"}, "Bad_Bucket"),
        ({"path": "../up"}, ".."),
        ({"csvOptions": {"delimiter": "#"}}, "#"),
    ],
)
def test_target_that_cannot_be_is_refused(api: Api, base: str, params: dict[str, Any], words: str) -> None:
    answer = api.post(f"{FLOWS}/targetConnections", target_body(base, **params))

    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_replacing_params_keeps_what_was_not_sent(api: Api, target: str) -> None:
    patch(
        api,
        f"targetConnections/{target}",
        {"op": "replace", "path": "/params", "value": {"path": "elsewhere"}},
    )

    params = read(api, f"targetConnections/{target}")["params"]
    assert (params["path"], params["fileType"], params["bucketName"]) == ("elsewhere", "CSV", "out-bucket")


def test_new_flow_has_its_transform_and_says_what_it_is(api: Api, flow: str) -> None:
    item = read(api, f"flows/{flow}")

    assert item["transformations"][0]["name"] == "GeneralTransform"
    assert item["transformations"][0]["params"]["profileMapping"] == {}
    assert item["inheritedAttributes"]["properties"] == {"isDestinationFlow": True}
    assert item["inheritedAttributes"]["targetConnections"][0]["connectionSpec"]["id"] == S3
    assert item["runs"] == f"/runs?property=flowId=={flow}"
    assert item["state"] == "enabled"
    assert item["lastOperation"]["operation"] == "create"
    assert "lastRunDetails" not in item
    assert item["etag"] == item["version"]
    assert item["etag"].strip('"') != flow


def test_flow_to_an_unsupported_storage_is_refused_openly(api: Api, source: str) -> None:
    auth = {"specName": "Azure Blob", "params": {"connectionString": "x"}}
    base = make(api, "connections", {"name": "b", "connectionSpec": spec(CAMPAIGN), "auth": auth})
    params = {"mode": "AZURE_BLOB", "container": "c", "path": "p"}
    target = make(
        api,
        "targetConnections",
        {"name": "t", "baseConnectionId": base, "connectionSpec": spec(CAMPAIGN), "params": params},
    )
    body = {"sourceConnectionIds": [source], "targetConnectionIds": [target]}

    answer = api.post(f"{FLOWS}/flows", {"name": "f", "flowSpec": spec(LEGACY_FLOW), **body})

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("destination kind is not supported by this version")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "enabled"}, "state"),
        ({"flowSpec": spec("0")}, "flow spec"),
        ({"targetConnectionIds": ["0"]}, "0"),
    ],
)
def test_flow_that_cannot_be_is_refused(
    api: Api, source: str, target: str, change: dict[str, Any], words: str
) -> None:
    body = {"sourceConnectionIds": [source], "targetConnectionIds": [target]}

    answer = api.post(f"{FLOWS}/flows", {"name": "f", "flowSpec": spec(S3_FLOW), **body, **change})

    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_audience_is_completed_and_gets_a_due_task(api: Api, flow: str, audiences: list[str]) -> None:
    answer = patch(api, f"flows/{flow}", add_audience(audiences[0]))

    assert answer.status_code == 200, answer.text
    value = read(api, f"flows/{flow}")["transformations"][0]["params"]["segmentSelectors"]["selectors"][0][
        "value"
    ]
    assert value["name"] == "Audience 0"
    assert value["createTime"].isdigit()
    assert value["filenameTemplate"].startswith("%DESTINATION_NAME%")
    due = TaskTable(api.app.database).due(from_ms(2_300_000_000_000))
    assert [task.workflow for task in due] == ["flow_run"]
    assert due[0].argument.startswith(f"{flow}/{audiences[0]}/")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"id": "00000000-0000-0000-0000-000000000000"}, "no audience"),
        ({"schedule": {**DAILY, "frequency": "EVERY_3_HOURS"}}, "EVERY_3_HOURS"),
        ({"schedule": {"frequency": "DAILY", "startDate": "2040-01-04"}}, "startTime"),
        ({"exportMode": "FIRST_FULL_THEN_INCREMENTAL"}, "not supported by this version"),
        ({"filenameTemplate": "%DATETIME(YYYY)%_%TIMESTAMP%"}, "exclude"),
    ],
)
def test_audience_that_cannot_be_is_refused_and_nothing_changes(
    api: Api, flow: str, audiences: list[str], value: dict[str, Any], words: str
) -> None:
    before = read(api, f"flows/{flow}")["etag"]

    answer = patch(api, f"flows/{flow}", add_audience(audiences[0]), add_audience(audiences[1], **value))

    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert read(api, f"flows/{flow}")["etag"] == before


def test_removes_of_one_patch_count_as_they_were(api: Api, flow: str, audiences: list[str]) -> None:
    patch(api, f"flows/{flow}", *[add_audience(id) for id in audiences[:3]])

    patch(
        api,
        f"flows/{flow}",
        {"op": "remove", "path": f"{SELECTORS}/0"},
        {"op": "remove", "path": f"{SELECTORS}/1"},
    )

    left = read(api, f"flows/{flow}")["transformations"][0]["params"]["segmentSelectors"]["selectors"]
    assert [each["value"]["id"] for each in left] == [audiences[2]]


def test_etags_guard_changes(api: Api, flow: str) -> None:
    rename = {"op": "Replace", "path": "/name", "value": "other"}
    first = read(api, f"flows/{flow}")["etag"]

    renamed = patch(api, f"flows/{flow}", rename)
    stale = patch(api, f"flows/{flow}", rename, etag=first)
    missing = api.patch(f"{FLOWS}/flows/{flow}", [rename])
    bare = patch(api, f"flows/{flow}", rename, etag=renamed.json()["etag"].strip('"'))

    assert renamed.json()["etag"] != first
    assert stale.status_code == 412
    assert first.strip('"') in stale.json()["errorMessage"]
    assert renamed.json()["etag"].strip('"') in stale.json()["errorMessage"]
    assert missing.status_code == 400
    assert missing.json()["code"] == "1403-400"
    assert bare.status_code == 200


def test_patch_without_a_body_is_a_look(api: Api, flow: str) -> None:
    etag = read(api, f"flows/{flow}")["etag"]

    answer = api.patch(f"{FLOWS}/flows/{flow}", headers={"If-Match": etag})

    assert answer.json()["items"][0]["etag"] == etag


def test_other_operations_are_refused(api: Api, flow: str) -> None:
    answer = patch(api, f"flows/{flow}", {"op": "move", "from": "/name", "path": "/description"})

    assert answer.json()["code"] == "1434-400"


def test_policy_is_made_by_its_first_reference(api: Api, flow: str) -> None:
    reference = "/dulepolicy/marketingActions/custom/x/constraints"
    answer = patch(
        api, f"flows/{flow}", {"op": "ADD", "path": "/policy/enforcementRefs/-", "value": reference}
    )

    assert answer.status_code == 200
    assert read(api, f"flows/{flow}")["policy"]["enforcementRefs"] == [reference]


def test_disabled_flow_has_no_due_tasks(api: Api, flow: str, audiences: list[str]) -> None:
    patch(api, f"flows/{flow}", add_audience(audiences[0]))
    late = from_ms(2_300_000_000_000)

    disabled = api.post(f"{FLOWS}/flows/{flow}/action?op=DISABLE")
    without = TaskTable(api.app.database).due(late)
    again = api.post(f"{FLOWS}/flows/{flow}/action?op=disable")
    enabled = api.post(f"{FLOWS}/flows/{flow}/action?op=enable")

    assert disabled.status_code == 200
    assert without == []
    assert again.status_code == 400
    assert enabled.status_code == 200
    assert len(TaskTable(api.app.database).due(late)) == 1


def test_deleting_goes_from_the_flow_down(api: Api, flow: str, base: str, target: str) -> None:
    base_in_use = api.delete(f"{FLOWS}/connections/{base}")
    target_in_use = api.delete(f"{FLOWS}/targetConnections/{target}")
    gone = [
        api.delete(f"{FLOWS}/{path}")
        for path in (f"flows/{flow}", f"targetConnections/{target}", f"connections/{base}")
    ]

    assert (base_in_use.status_code, base_in_use.json()["code"]) == (400, "1418-400")
    assert (target_in_use.status_code, target_in_use.json()["code"]) == (400, "1447-400")
    assert [(answer.status_code, answer.content) for answer in gone] == [(202, b"")] * 3
    missing = api.get(f"{FLOWS}/flows/{flow}")
    assert missing.status_code == 404
    assert missing.json()["errorMessage"] == f"flows not found with id = [{flow}]"


def test_lists_page_by_a_token_without_an_equals_sign(api: Api) -> None:
    ids = {make(api, "connections", {"name": f"zone {n}"}) for n in range(5)}
    found: list[str] = []
    href = "/connections?limit=2"
    while href:
        page = api.get(f"{FLOWS}{href}").json()
        found += [item["id"] for item in page["items"]]
        href = page["_links"].get("next", {}).get("href", "")
        assert href.count("=") <= 1

    assert len(found) == 5
    assert set(found) == ids


@pytest.mark.parametrize(
    "condition",
    [
        "name==daily",
        'name=="daily"',
        "name==other,daily",
        "inheritedAttributes.properties.isDestinationFlow==true",
        f"inheritedAttributes.targetConnections[].connectionSpec.id=={S3}",
        f"flowSpec.id=={S3_FLOW}",
        "createdAt>=0",
        "state==ENABLED",
        "state!=disabled",
    ],
)
def test_documented_filters_find_the_flow(api: Api, flow: str, condition: str) -> None:
    found = api.get(f"{FLOWS}/flows", params={"property": condition}).json()
    none = api.get(f"{FLOWS}/flows", params={"property": [condition, "name==nobody"]}).json()

    assert [item["id"] for item in found["items"]] == [flow]
    assert none["items"] == []


def test_flow_is_found_by_its_audience_and_connections(
    api: Api, flow: str, source: str, audiences: list[str]
) -> None:
    patch(api, f"flows/{flow}", add_audience(audiences[0]))
    path = "transformations[].params.segmentSelectors.selectors[].value.id"

    by_audience = api.get(f"{FLOWS}/flows", params={"property": f"{path}=={audiences[0]}"}).json()
    by_source = api.get(f"{FLOWS}/flows", params={"property": f"sourceConnectionIds[]==x,{source}"}).json()

    assert [item["id"] for item in by_audience["items"]] == [flow]
    assert [item["id"] for item in by_source["items"]] == [flow]


@pytest.mark.parametrize("condition", ["name", "name=daily", "==x", "createdAt<=1,2", "name=="])
def test_bad_filters_are_400(api: Api, condition: str) -> None:
    answer = api.get(f"{FLOWS}/flows", params={"property": condition})

    assert answer.status_code == 400
    assert answer.json()["code"].startswith("14")


def test_count_ignores_the_limit_sent_with_it(api: Api, flow: str) -> None:
    assert api.get(f"{FLOWS}/flows?count=True&limit=1").json() == {"count": 1}
    assert "items" in api.get(f"{FLOWS}/flows?count=False&property=").json()


def test_sandboxes_do_not_see_each_other(api: Api, base: str) -> None:
    assert api.get(f"{FLOWS}/connections/{base}", sandbox="dev").status_code == 404


def test_activating_needs_its_own_permission(api: Api, flow: str, audiences: list[str]) -> None:
    etag = read(api, f"flows/{flow}")["etag"]
    api.app.clients.put("dev", "dev", ORG, ["view-destinations", "manage-destinations"])

    refused = patch(api, f"flows/{flow}", add_audience(audiences[0]), etag=etag)
    renamed = patch(api, f"flows/{flow}", {"op": "replace", "path": "/name", "value": "n"}, etag=etag)

    assert refused.status_code == 403
    assert renamed.status_code == 200


def test_legacy_flow_answers_202_with_a_body_and_fills_attributes(
    api: Api, source: str, audiences: list[str]
) -> None:
    auth = {"specName": "S3", "params": {"accessId": "a", "secretKey": "b"}}
    base = make(api, "connections", {"name": "b", "connectionSpec": spec(CAMPAIGN), "auth": auth})
    params = {"mode": "S3", "bucketName": "b", "path": "p", "format": "CSV"}
    target = make(
        api,
        "targetConnections",
        {"name": "t", "baseConnectionId": base, "connectionSpec": spec(CAMPAIGN), "params": params},
    )
    body = {"sourceConnectionIds": [source], "targetConnectionIds": [target]}
    flow = make(api, "flows", {"name": "f", "flowSpec": spec(LEGACY_FLOW), **body})
    path = "/transformations/0/params/profileSelectors/selectors/-"
    attribute = {"type": "JSON_PATH", "value": {"path": "person.lastName"}}

    answer = patch(
        api, f"flows/{flow}", add_audience(audiences[0]), {"op": "add", "path": path, "value": attribute}
    )

    assert answer.status_code == 202, answer.text
    assert answer.json()["id"] == flow
    filled = read(api, f"flows/{flow}")["transformations"][0]["params"]["profileSelectors"]["selectors"][0][
        "value"
    ]
    assert filled["operator"] == "EXISTS"
    assert filled["mapping"]["sourceType"] == "text/x.schema-path"
    assert filled["mapping"]["destinationXdmPath"] == "person.lastName"


def test_mapping_set_is_versioned_and_pinned(api: Api, flow: str) -> None:
    schema = api.post(f"{DATA_PREP}/schemas", {"name": "in", "jsonSchema": {"type": "object"}}).json()
    mapping = {"sourceType": "ATTRIBUTE", "source": "identityMap.Phone_E//.164", "destination": "Phone_E_164"}
    body = {"inputSchema": {"id": schema["id"]}, "outputSchema": {"id": schema["id"]}, "mappings": [mapping]}

    made = api.post(f"{DATA_PREP}/mappingSets", body)
    replaced = api.put(f"{DATA_PREP}/mappingSets/{made.json()['id']}", {**body, "name": "second"})
    old = api.get(f"{DATA_PREP}/mappingSets/{made.json()['id']}?version=0").json()
    pinned = {"mappingId": made.json()["id"], "mappingVersion": 0}
    attached = patch(
        api,
        f"flows/{flow}",
        {"op": "add", "path": "/transformations/0/params/profileMapping", "value": pinned},
    )

    assert made.status_code == 200
    assert (len(made.json()["id"]), made.json()["version"]) == (32, 0)
    assert replaced.json()["version"] == 1
    assert "name" not in old
    assert old["mappings"][0]["destinationXdmPath"] == "Phone_E_164"
    assert attached.status_code == 200
    assert api.delete(f"{DATA_PREP}/mappingSets/{made.json()['id']}").status_code == 400


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"source": "personalEmail.address", "destination": "personalEmail.address"}, "dot"),
        ({"source": "concat(a,b)", "destination": "x", "sourceType": "EXPRESSION"}, "only attributes"),
        ({"source": "lower(a)", "destination": "x"}, "only attributes"),
        ({"destination": "x"}, "source"),
    ],
)
def test_mapping_that_cannot_be_is_refused(api: Api, mapping: dict[str, str], words: str) -> None:
    answer = api.post(f"{DATA_PREP}/mappingSets", {"mappings": [mapping]})

    assert answer.status_code == 400
    assert words in answer.json()["message"]
