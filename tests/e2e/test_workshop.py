"""The workshop's chapter 10 as it was recorded, on a server that holds nothing but its 2754 people."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.client import CATALOG, EXPORT, IMPORT, UPS, Client
from tests.e2e.server import running_server

PEOPLE = Path(__file__).parents[3] / "shared" / "data" / "workshop-profiles.parquet"
# The recorded calls write `bearer` so, name no sandbox, and use a base URL that ends in a slash.
HEADERS = {"Authorization": "bearer dev"}
FEMALES, MALES, FEMALES_OF_SEPTEMBER = 1562, 1192, 119

pytestmark = pytest.mark.skipif(
    not PEOPLE.exists(), reason=f"the workshop's people are not beside this checkout ({PEOPLE.name})"
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client as recorded, of a fresh server into which the people have been loaded."""
    with (
        running_server(tmp_path_factory.mktemp("workshop")) as server,
        Client(server.base_url + "/") as client,
    ):
        dataset = _make_dataset(client, "ldap_ProfileDataset")
        batch = client.post(f"{IMPORT}/batches", {"datasetId": dataset}, status=201, headers=HEADERS)["id"]
        client.upload(batch, dataset, "ProfileDataSample.parquet", PEOPLE.read_bytes())
        client.complete(batch)
        yield client


def test_definition_is_created_as_recorded(workshop: Client) -> None:
    made = _create_definition(workshop, "female")
    assert made["version"] == 1
    assert made["mergePolicy"]["id"]


def test_job_export_and_preview_run_as_recorded(workshop: Client) -> None:
    definition = _create_definition(workshop, "female")

    job = workshop.post(f"{UPS}/segment/jobs", [{"segmentId": definition["id"]}], headers=HEADERS)
    job = _wait(workshop, f"{UPS}/segment/jobs/{job['id']}", "SUCCEEDED")
    assert job["metrics"]["segmentedProfileCounter"][definition["id"]] == FEMALES
    policy = job["segments"][0]["segment"]["mergePolicy"]["id"]

    dataset = _make_dataset(workshop, "ldap_ProfileSegmentDataset")
    export = workshop.post(
        f"{UPS}/export/jobs/",
        {
            "mergePolicy": {"id": policy, "version": 1},
            "filter": {"segments": [{"segmentId": definition["id"]}]},
            "destination": {"datasetId": dataset},
            "schema": {"name": "_xdm.context.profile"},
        },
        headers=HEADERS,
    )
    export = _wait(workshop, f"{UPS}/export/jobs/{export['id']}", "SUCCEEDED")
    assert export["metrics"]["totalExportedProfileCounter"] == FEMALES

    preview = workshop.get(f"{EXPORT}/datasets/{dataset}/preview", headers=HEADERS)
    assert {row["person_gender"] for row in preview["data"]} == {"female"}


@pytest.mark.parametrize(
    ("pql", "size"),
    [
        pytest.param('person.gender = "female"', FEMALES, id="females"),
        pytest.param('person.gender = "male"', MALES, id="males"),
        pytest.param(
            'person.gender = "female" and person.birthMonth = 9',
            FEMALES_OF_SEPTEMBER,
            id="females-of-september",
        ),
    ],
)
def test_audience_sizes_are_those_of_the_workshop(workshop: Client, pql: str, size: int) -> None:
    assert workshop.sizes(workshop.define(f"count {size}", pql)) == [size]


def _make_dataset(client: Client, name: str) -> str:
    """The recorded body; its answer is a list of one link."""
    body = {
        "name": name,
        "schema": "@/xdms/context/profile",
        "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
        "tags": {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled: true"]},
    }
    made = client.post(f"{CATALOG}/dataSets?requestDataSource=true", body, status=201, headers=HEADERS)
    (link,) = made
    assert link.startswith("@/dataSets/")
    return str(link).removeprefix("@/dataSets/")


def _create_definition(client: Client, gender: str) -> dict[str, Any]:
    """The recorded definition: JSON form, rooted in a literal that names the profile."""
    profile = {"nodeType": "literal", "literalType": "XDMObject", "value": "profile"}
    person = {"nodeType": "fieldLookup", "fieldName": "person", "object": profile}
    value = {
        "nodeType": "fnApply",
        "fnName": "in",
        "params": [
            {"nodeType": "fieldLookup", "fieldName": "gender", "object": person},
            {"nodeType": "literal", "literalType": "List", "value": [gender]},
        ],
    }
    body = {
        "name": "ldap_Segment",
        "description": "",
        "createdBy": "ldap",
        "ttlInDays": 90,
        "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/json", "value": json.dumps(value)},
    }
    return dict(client.post(f"{UPS}/segment/definitions", body, headers=HEADERS))


def _wait(client: Client, path: str, wanted: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while (body := client.get(path, headers=HEADERS))["status"] != wanted:
        assert body["status"] in ("NEW", "QUEUED", "PROCESSING"), body
        assert time.monotonic() < deadline, body
        time.sleep(0.2)
    return dict(body)
