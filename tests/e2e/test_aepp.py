"""A published Python client, as it comes from the package index, drives the whole path of a record.

Only its configuration differs from its everyday use: the host, and where tokens come from.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aepp
import aepp.config
import pandas as pd
import pyarrow.parquet as pq
import pytest
from aepp import (
    catalog,
    customerprofile,
    dataaccess,
    dataprep,
    flowservice,
    identity,
    ingestion,
    sandboxes,
    schema,
    segmentation,
)
from tests.e2e.client import ORG
from tests.e2e.server import running_server
from tests.servers.s3 import S3Server

PERSON = "https://ns.adobe.com/xdm/context/profile-person-details"
PERSONAL = "https://ns.adobe.com/xdm/context/profile-personal-details"
UNION = "https://ns.adobe.com/xdm/context/profile__union"
PROFILE_STORE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
S3 = {"id": "4fce964d-3f37-408f-9778-e597338a21ee", "version": "1.0"}
S3_FLOW = {"id": "1a0514a6-33d4-4c7f-aff8-594799c47549", "version": "1.0"}
GOLD = {"ann@x.io": "Ann", "bob@x.io": "Bob"}
TIERS = {**dict.fromkeys(GOLD, "gold"), "cid@x.io": "silver"}
ENDED = {"success", "failure", "failed", "SUCCEEDED", "FAILED", "CANCELLED"}

# Its lists loop for ever where a server does not tell their end in the words it knows.
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[SimpleNamespace]:
    """One object of each of its modules, signed in to a fresh server."""
    environment = {"MUSTER_S3_ENDPOINT": s3_server.endpoint}
    kept = copy.deepcopy((aepp.config.config_object, aepp.config.header, aepp.config.endpoints))
    with running_server(tmp_path_factory.mktemp("aepp"), environment=environment) as server:
        aepp.configure(
            org_id=ORG,
            client_id="dev",
            secret="dev",
            scopes="openid",
            sandbox="prod",
            environment="support",
            endpoint=server.base_url,
        )
        aepp.config.config_object["oauthTokenEndpointV2"] = f"{server.base_url}/ims/token/v3"
        identities = identity.Identity()
        # This one class has the hosted product's host written into it.
        identities.endpoint = f"{server.base_url}/data/core"
        yield SimpleNamespace(
            schema=schema.Schema(),
            catalog=catalog.Catalog(),
            ingestion=ingestion.DataIngestion(),
            profile=customerprofile.Profile(),
            segmentation=segmentation.Segmentation(),
            data_access=dataaccess.DataAccess(),
            data_prep=dataprep.DataPrep(),
            flows=flowservice.FlowService(),
            sandboxes=sandboxes.Sandboxes(),
            identities=identities,
        )
    for configured, before in zip(
        (aepp.config.config_object, aepp.config.header, aepp.config.endpoints), kept, strict=True
    ):
        configured.clear()
        configured.update(before)


@pytest.fixture(scope="module")
def tenant(clients: SimpleNamespace) -> str:
    """The field below which tenant fields live."""
    return f"_{clients.schema.getTenantId()}"


@pytest.fixture(scope="module")
def people_schema(clients: SimpleNamespace, tenant: str) -> str:
    """`$id` of a schema with a field group of our own, a primary identity and the union tag."""
    tier = {"type": "object", "properties": {"tier": {"type": "string", "title": "Tier"}}}
    group = clients.schema.createFieldGroup(
        {
            "title": "Loyalty",
            "type": "object",
            "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
            "definitions": {"customFields": {"type": "object", "properties": {tenant: tier}}},
            "allOf": [{"$ref": "#/definitions/customFields"}],
        }
    )
    made = clients.schema.createProfileSchema("People", fieldGroupIds=[PERSON, PERSONAL, group["$id"]])
    descriptor = clients.schema.createDescriptorOperation(
        made["$id"], "xdm:descriptorIdentity", "personalEmail.address", "Email", identityPrimary=True
    )
    assert clients.schema.createDescriptor(descriptor)["@id"]
    tagged = clients.schema.enableSchemaForRealTime(made["$id"])
    assert tagged["meta:immutableTags"] == ["union"]
    return str(made["$id"])


@pytest.fixture(scope="module")
def dataset(clients: SimpleNamespace, people_schema: str) -> str:
    """A dataset for Profile and Identity."""
    made = clients.catalog.createDataSet(
        name="People", schemaId=people_schema, profileEnabled=True, identityEnabled=True
    )
    return str(made[0]).removeprefix("@/dataSets/")


@pytest.fixture(scope="module")
def batch(clients: SimpleNamespace, dataset: str, tenant: str) -> dict[str, Any]:
    """A batch of three people, as Catalog shows it after its end."""
    rows = [
        {
            "personalEmail": {"address": email},
            "person": {"name": {"firstName": email[:3].title()}},
            tenant: {"tier": tier},
        }
        for email, tier in TIERS.items()
    ]
    made = clients.ingestion.createBatch(dataset, format="json", multiline=True)
    assert clients.ingestion.uploadSmallFile(made["id"], dataset, "people.json", rows) is not None
    clients.ingestion.uploadSmallFileFinish(made["id"])
    return _wait(lambda: clients.catalog.getBatch(made["id"])[made["id"]], "success")


@pytest.fixture(scope="module")
def gold(clients: SimpleNamespace, batch: dict[str, Any], tenant: str) -> str:
    """A segment definition; gives its id."""
    return str(clients.segmentation.createSegment(_definition("gold", f'{tenant}.tier = "gold"'))["id"])


@pytest.fixture(scope="module")
def job(clients: SimpleNamespace, gold: str) -> dict[str, Any]:
    """A segment job of it, succeeded."""
    made = clients.segmentation.createJob([gold])
    return _wait(lambda: clients.segmentation.getJob(made["id"]), "SUCCEEDED")


@pytest.fixture(scope="module")
def export(clients: SimpleNamespace, gold: str, job: dict[str, Any]) -> dict[str, Any]:
    """An export job of it, succeeded."""
    made = clients.catalog.createDataSet(name="Gold", schemaId=UNION)
    target = str(made[0]).removeprefix("@/dataSets/")
    policy = clients.segmentation.getSegment(gold)["mergePolicyId"]
    request = {
        "filter": {"segments": [{"segmentId": gold}]},
        "destination": {"datasetId": target, "segmentPerBatch": False},
        "schema": {"name": "_xdm.context.profile"},
        "mergePolicy": {"id": policy, "version": 1},
    }
    made = clients.segmentation.createExport(request)
    return _wait(lambda: clients.segmentation.getExport(made["id"]), "SUCCEEDED")


@pytest.fixture(scope="module")
def flow(clients: SimpleNamespace, s3_server: S3Server, gold: str, job: dict[str, Any], tenant: str) -> str:
    """A dataflow of the audience to a bucket, as its steps are documented; gives its id."""
    flows = clients.flows
    base = flows.createBaseConnectionS3Target("Bucket", s3_server.access_key, s3_server.secret_key)
    source = flows.createSourceConnection({"name": "Profiles", "connectionSpec": PROFILE_STORE})
    params = {
        "mode": "Server-to-server",
        "bucketName": s3_server.bucket,
        "path": "aepp",
        "compression": "NONE",
        "fileType": "CSV",
    }
    target = flows.createTargetConnection(
        data={"name": "Files", "baseConnectionId": base["id"], "connectionSpec": S3, "params": params}
    )
    made = flows.createFlow(
        S3_FLOW["id"],
        obj={
            "name": "Gold to bucket",
            "flowSpec": S3_FLOW,
            "sourceConnectionIds": [source["id"]],
            "targetConnectionIds": [target["id"]],
            "transformations": [],
        },
    )
    return str(made["id"])


@pytest.fixture(scope="module")
def run(clients: SimpleNamespace, flow: str, gold: str, tenant: str) -> dict[str, Any]:
    """The flow's only run, succeeded: columns and audience are patched in, each patch with the etag it read."""
    columns = {"email": "personalEmail.address", "tier": f"{tenant}.tier"}
    mappings = [
        {"sourceType": "ATTRIBUTE", "source": source, "destination": destination}
        for destination, source in columns.items()
    ]
    mapping = clients.data_prep.createMappingSet(mappingSet={"mappings": mappings})
    _patch(
        clients,
        flow,
        "add",
        "/profileMapping",
        {"mappingId": mapping["id"], "mappingVersion": mapping["version"]},
    )
    schedule = {
        "frequency": "ONCE",
        "triggerType": "SCHEDULED",
        "startDate": datetime.now(UTC).date().isoformat(),
        "startTime": "00:00",
    }
    audience = {
        "id": gold,
        "filenameTemplate": "gold",
        "exportMode": "DAILY_FULL_EXPORT",
        "schedule": schedule,
    }
    selector = {"type": "PLATFORM_SEGMENT", "value": audience}
    _patch(clients, flow, "add", "/segmentSelectors/selectors/-", selector)
    deadline = time.monotonic() + 60
    while not (runs := clients.flows.getRuns(prop=f"flowId=={flow}")):
        assert time.monotonic() < deadline, "no run of the flow has begun"
        time.sleep(0.2)
    (only,) = runs
    return _wait(
        lambda: clients.flows.getRun(only["id"])[0],
        "success",
        lambda run: run["metrics"]["statusSummary"]["status"],
    )


def test_each_client_object_gets_a_token_of_its_own(clients: SimpleNamespace) -> None:
    assert len(clients.schema.connector.token) > 20
    assert clients.schema.header["Authorization"] == f"Bearer {clients.schema.connector.token}"


def test_sandbox_is_found_by_name(clients: SimpleNamespace) -> None:
    listed = {one["name"]: one["id"] for one in clients.sandboxes.getSandboxes()}
    assert clients.sandboxes.getSandboxId("prod") == listed["prod"]


def test_schema_is_read_back_with_every_field(
    clients: SimpleNamespace, people_schema: str, tenant: str
) -> None:
    found = clients.schema.getSchema(people_schema, full=True)
    assert {"person", "personalEmail", tenant} <= found["properties"].keys()


def test_batch_succeeds_with_all_its_rows(batch: dict[str, Any]) -> None:
    assert batch["metrics"]["outputRecordCount"] == len(TIERS)


def test_person_is_found_by_email(clients: SimpleNamespace, batch: dict[str, Any], tenant: str) -> None:
    (found,) = clients.profile.getEntity(entityId="ann@x.io", entityIdNS="email").values()
    assert found["entity"][tenant] == {"tier": "gold"}


def test_unknown_person_is_an_answer_and_not_an_exception(
    clients: SimpleNamespace, batch: dict[str, Any]
) -> None:
    found = clients.profile.getEntity(entityId="nobody@x.io", entityIdNS="email")
    assert found["status"] == 404


def test_definition_is_updated_whole(clients: SimpleNamespace, gold: str, tenant: str) -> None:
    changed = {**_definition("gold", f'{tenant}.tier = "gold"'), "description": "best"}
    assert clients.segmentation.updateSegment(gold, changed)["description"] == "best"


def test_many_definitions_are_read_by_a_bare_list_of_ids(clients: SimpleNamespace, gold: str) -> None:
    assert clients.segmentation.getMultipleSegments([gold])[gold]["name"] == "gold"


def test_text_is_converted_to_json_form(clients: SimpleNamespace, batch: dict[str, Any]) -> None:
    expression = {"type": "PQL", "format": "pql/text", "value": 'person.gender = "male"'}
    converted = clients.segmentation.convertSegmentDef(name="c", expression=expression)
    assert converted["expression"]["format"] == "pql/json"


def test_job_metrics_tell_the_audience_size(job: dict[str, Any], gold: str) -> None:
    assert job["metrics"]["segmentedProfileCounter"][gold] == len(GOLD)


def test_member_shows_the_membership(clients: SimpleNamespace, job: dict[str, Any], gold: str) -> None:
    (found,) = clients.profile.getEntity(entityId="ann@x.io", entityIdNS="email").values()
    assert found["entity"]["segmentMembership"]["ups"][gold]["status"] in ("realized", "existing")


def test_export_counts_the_members(export: dict[str, Any]) -> None:
    assert export["metrics"]["totalExportedProfileCounter"] == len(GOLD)


def test_preview_shows_the_exported_people(clients: SimpleNamespace, export: dict[str, Any]) -> None:
    rows = clients.data_access.getPreview(export["destination"]["datasetId"])
    assert {row["personalEmail_address"] for row in rows} == GOLD.keys()


def test_exported_parquet_can_be_downloaded(clients: SimpleNamespace, export: dict[str, Any]) -> None:
    emails = []
    for file in clients.data_access.getBatchFiles(export["destination"]["batchId"]):
        for part in clients.data_access.getFiles(file["dataSetFileId"])["data"]:
            table = pq.read_table(clients.data_access.getFiles(file["dataSetFileId"], path=part["name"]))
            emails += [row["address"] for row in table["personalEmail"].to_pylist()]
    assert sorted(emails) == sorted(GOLD)


def test_connection_specs_are_found_by_name(clients: SimpleNamespace) -> None:
    assert S3["id"] in {spec["id"] for spec in clients.flows.getConnectionSpecs()}
    assert (
        clients.flows.getConnectionSpecIdFromName("Adobe Campaign") == "0b23e41a-cb4a-4321-a78f-3b654f5d7d97"
    )


def test_connection_is_tested(clients: SimpleNamespace, flow: str) -> None:
    (connection,) = [one for one in clients.flows.getConnections() if one["name"] == "Bucket"]
    assert clients.flows.connectionTest(connection["id"]) == {"result": True}


def test_audience_arrives_in_the_bucket_by_its_dataflow(run: dict[str, Any], s3_server: S3Server) -> None:
    assert run["metrics"]["recordSummary"]["createdRecordCount"] == len(GOLD)
    (file,) = s3_server.objects("aepp/")
    header, *rows = s3_server.read(file).decode().splitlines()
    assert header == "email,tier"
    assert sorted(rows) == [f"{email},gold" for email in sorted(GOLD)]


def test_stale_etag_is_refused(clients: SimpleNamespace, flow: str, run: dict[str, Any]) -> None:
    stale = clients.flows.getFlow(flow)["etag"]
    renamed = [{"op": "replace", "path": "/name", "value": "Gold"}]
    assert clients.flows.updateFlow(flow, stale, renamed)["etag"] != stale
    refused = clients.flows.updateFlow(flow, stale, renamed)
    assert "does not match the current version" in refused["message"]
    assert clients.flows.getFlow(flow)["etag"] != stale


def test_flow_is_disabled_by_its_action(clients: SimpleNamespace, flow: str, run: dict[str, Any]) -> None:
    clients.flows.postFlowAction(flow, "disable")
    assert clients.flows.getFlow(flow)["state"] == "disabled"


LISTS: dict[str, Callable[[SimpleNamespace], Any]] = {
    "batches": lambda clients: clients.catalog.getBatches(n_results=100),
    "classes": lambda clients: clients.schema.getClassesGlobal(),
    "connections": lambda clients: clients.flows.getConnections(),
    "data types": lambda clients: clients.schema.getDataTypesGlobal(),
    "datasets": lambda clients: clients.catalog.getDataSets(),
    "datasets of a page each": lambda clients: clients.catalog.getDataSets(limit=1),
    "definitions": lambda clients: clients.segmentation.getSegments(),
    "descriptors": lambda clients: clients.schema.getDescriptors(),
    "export jobs": lambda clients: clients.segmentation.getExportJobs(),
    "export jobs of a page each": lambda clients: clients.segmentation.getExportJobs(limit=1),
    "field groups": lambda clients: clients.schema.getFieldGroups(),
    "field groups of all": lambda clients: clients.schema.getFieldGroupsGlobal(),
    "flow runs": lambda clients: clients.flows.getRuns(limit=1),
    "flow specs": lambda clients: clients.flows.getFlowSpecs(),
    "flows": lambda clients: clients.flows.getFlows(limit=1),
    "mapping sets": lambda clients: clients.data_prep.getMappingSets(),
    "merge policies": lambda clients: clients.profile.getMergePolicies(),
    "merge policies of a page each": lambda clients: clients.profile.getMergePolicies(limit=1),
    "namespaces": lambda clients: clients.identities.getIdentities(),
    "schemas": lambda clients: clients.schema.getSchemas(),
    "segment jobs": lambda clients: clients.segmentation.getJobs(),
    "segment jobs of a page each": lambda clients: clients.segmentation.getJobs(limit=1),
    "source connections": lambda clients: clients.flows.getSourceConnections(limit=1),
    "target connections": lambda clients: clients.flows.getTargetConnections(limit=1),
    "unions": lambda clients: clients.schema.getUnions(),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", LISTS)
def test_list_ends_and_holds_something(
    clients: SimpleNamespace, export: dict[str, Any], run: dict[str, Any], name: str
) -> None:
    listed = LISTS[name](clients)
    # What it could not read, it gives back as an object with the server's complaint.
    assert not isinstance(listed, dict) or not {"error", "status", "title"} & listed.keys(), listed
    assert len(listed) > 0


def test_failed_batches_become_a_table(clients: SimpleNamespace, dataset: str, batch: dict[str, Any]) -> None:
    made = clients.ingestion.createBatch(dataset, format="json", multiline=True)
    clients.ingestion.uploadSmallFile(made["id"], dataset, "bad.json", [{"person": {"name": 5}}])
    clients.ingestion.uploadSmallFileFinish(made["id"])
    _wait(lambda: clients.catalog.getBatch(made["id"])[made["id"]], "failure")
    failed = clients.catalog.getFailedBatchesDF()
    assert isinstance(failed, pd.DataFrame)
    assert list(failed.index) == [made["id"]]
    assert failed.loc[made["id"], "dataSetId"] == dataset


def test_definitions_of_several_pages_are_each_listed_once(
    clients: SimpleNamespace, people_schema: str
) -> None:
    clients.sandboxes.createSandbox("pages", "Pages", "development")
    _wait(lambda: clients.sandboxes.getSandbox("pages"), "active", lambda sandbox: sandbox["state"])
    segments = segmentation.Segmentation(sandbox="pages")
    names = {f"definition {number}" for number in range(101)}
    for name in names:
        assert segments.createSegment(_definition(name, 'person.gender = "male"'))["id"]
    listed = [one["name"] for one in segments.getSegments()]
    assert len(listed) == len(names)
    assert set(listed) == names


def _definition(name: str, pql: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": "",
        "expression": {"type": "PQL", "format": "pql/text", "value": pql},
        "schema": {"name": "_xdm.context.profile"},
        "ttlInDays": 30,
    }


def _patch(clients: SimpleNamespace, flow: str, operation: str, path: str, value: Any) -> None:
    etag = clients.flows.getFlow(flow)["etag"]
    change = {"op": operation, "path": f"/transformations/0/params{path}", "value": value}
    assert clients.flows.updateFlow(flow, etag, [change])["etag"] != etag


def _wait(
    read: Callable[[], dict[str, Any]],
    wanted: str,
    status_of: Callable[[dict[str, Any]], str] = lambda body: str(body["status"]),
) -> dict[str, Any]:
    """Ask again until a resource is in the wanted state; another end fails."""
    deadline = time.monotonic() + 90
    while (status := status_of(body := read())) != wanted:
        assert status not in ENDED, body
        assert time.monotonic() < deadline, body
        time.sleep(0.2)
    return body
