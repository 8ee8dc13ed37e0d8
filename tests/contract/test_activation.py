"""From uploaded rows to files on real servers: batch, audience, flow, run, by requests alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.client import Api
from tests.api.conftest import api, app
from tests.api.platform import make_dataset, open_batch, put_file
from tests.servers.openssh import SftpServer
from tests.servers.s3 import S3Server

from muster.kernel.clock import iso

__all__ = ["api", "app"]

FLOWS = "/data/foundation/flowservice"
UPS = "/data/core/ups"
PROFILE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
DUE = datetime(2040, 1, 4, 17, tzinfo=UTC)
PEOPLE = [
    {
        "identities": [{"id": f"{name}@x.org", "namespace": {"code": "Email"}, "primary": True}],
        "person": {"name": {"firstName": name}},
    }
    for name in ("Ann", "Bob", "Cäcilie, Dr.")
]


@dataclass(frozen=True, slots=True)
class Card:
    """How one destination is described, and how its files are read."""

    spec: dict[str, str]
    flow_spec: dict[str, str]
    auth: dict[str, Any]
    wrong_auth: dict[str, Any]
    params: dict[str, Any]
    read: Callable[[], dict[str, str]]


@pytest.fixture(params=["s3", "s3-campaign", "sftp", "sftp-legacy"])
def card(request: pytest.FixtureRequest) -> Iterator[Card]:
    folder = f"{request.param}{time.monotonic_ns():x}"
    if request.param.startswith("s3"):
        yield _s3(request.getfixturevalue("s3_server"), folder, legacy=request.param != "s3")
    else:
        yield _sftp(request.getfixturevalue("sftp_server"), folder, legacy=request.param != "sftp")


def _ref(id: str) -> dict[str, str]:
    return {"id": id, "version": "1.0"}


def _s3(server: S3Server, folder: str, *, legacy: bool) -> Card:
    names = ("accessId", "secretKey") if legacy else ("s3AccessKey", "s3SecretKey")
    way = "S3" if legacy else "Access Key"

    def auth(secret: str) -> dict[str, Any]:
        keys = {names[0]: server.access_key, names[1]: secret}
        return {"specName": way, "params": {**keys, "serviceUrl": server.endpoint}}

    place = {"bucketName": server.bucket, "path": folder}
    params = (
        {"mode": "S3", "format": "CSV"}
        if legacy
        else {"mode": "Server-to-server", "compression": "NONE", "fileType": "CSV"}
    )
    return Card(
        _ref("0b23e41a-cb4a-4321-a78f-3b654f5d7d97" if legacy else "4fce964d-3f37-408f-9778-e597338a21ee"),
        _ref("71471eba-b620-49e4-90fd-23f1fa0174d8" if legacy else "1a0514a6-33d4-4c7f-aff8-594799c47549"),
        auth(server.secret_key),
        auth("x" * 40),
        {**place, **params},
        lambda: {name: server.read(name).decode() for name in server.objects(folder)},
    )


def _sftp(server: SftpServer, folder: str, *, legacy: bool) -> Card:
    way = "SSH PublicKey Authentication for sftp" if legacy else "SFTP with SSH Key"

    def auth(user: str) -> dict[str, Any]:
        host = {"host" if legacy else "domain": server.host, "port": str(server.port)}
        return {"specName": way, "params": {**host, "username": user, "sshKey": server.private_key_pem}}

    place = {"remotePath": f"{server.root}/{folder}"}
    params = (
        {"mode": "FTP"} if legacy else {"mode": "Server-to-server", "compression": "NONE", "fileType": "CSV"}
    )
    return Card(
        _ref("64ef4b8b-a6e0-41b5-9677-3805d1ee5dd0" if legacy else "36965a81-b1c6-401b-99f8-22508f1e6a26"),
        _ref("71471eba-b620-49e4-90fd-23f1fa0174d8" if legacy else "fd36aaa4-bf2b-43fb-9387-43785eeeb799"),
        auth(server.username),
        auth("nobody-such"),
        {**place, **params},
        lambda: {name: server.read(name).decode() for name in server.files() if name.startswith(folder)},
    )


def made(answer: Any) -> str:
    assert answer.status_code in (200, 201, 202), answer.text
    return str(answer.json()["id"])


def make_audience(api: Api) -> str:
    dataset = make_dataset(
        api, tags={"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
    )
    batch = open_batch(api, dataset)
    put_file(api, batch, dataset, "people.json", "\n".join(json.dumps(row) for row in PEOPLE))
    assert api.post(f"/data/foundation/import/batches/{batch}?action=COMPLETE").status_code == 200
    definition = {
        "name": "Everyone",
        "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/text", "value": "person.name.firstName.isNotNull()"},
    }
    audience = made(api.post(f"{UPS}/segment/definitions", definition))
    made(api.post(f"{UPS}/segment/jobs", [{"segmentId": audience}]))
    api.run_jobs()
    return audience


def make_flow(api: Api, card: Card, audience: str) -> tuple[str, str]:
    source = made(api.post(f"{FLOWS}/sourceConnections", {"name": "s", "connectionSpec": PROFILE}))
    base = made(
        api.post(f"{FLOWS}/connections", {"name": "b", "connectionSpec": card.spec, "auth": card.auth})
    )
    target = made(
        api.post(
            f"{FLOWS}/targetConnections",
            {"name": "t", "baseConnectionId": base, "connectionSpec": card.spec, "params": card.params},
        )
    )
    ids = {"sourceConnectionIds": [source], "targetConnectionIds": [target]}
    flow = made(
        api.post(f"{FLOWS}/flows", {"name": "f", "flowSpec": card.flow_spec, **ids, "transformations": []})
    )
    schedule = {
        "frequency": "DAILY",
        "triggerType": "SCHEDULED",
        "startDate": "2040-01-04",
        "startTime": "17:00",
    }
    value = {"id": audience, "filenameTemplate": "%SEGMENT_NAME%_%DATETIME(YYYYMMdd)%", "schedule": schedule}
    place = "/transformations/0/params"
    operations = [{"op": "add", "path": f"{place}/segmentSelectors/selectors/-", "value": {"value": value}}]
    if "fileType" in card.params:
        mapping = {"sourceType": "ATTRIBUTE", "source": "person.name.firstName", "destination": "first"}
        mapping_id = made(api.post("/data/foundation/conversion/mappingSets", {"mappings": [mapping]}))
        pinned = {"mappingId": mapping_id, "mappingVersion": 0}
        operations.append({"op": "add", "path": f"{place}/profileMapping", "value": pinned})
    else:
        attribute = {"type": "JSON_PATH", "value": {"path": "person.name.firstName"}}
        operations.append({"op": "add", "path": f"{place}/profileSelectors/selectors/-", "value": attribute})
    made(api.patch(f"{FLOWS}/flows/{flow}", operations, headers={"If-Match": "*"}))
    return flow, base


def tick(api: Api, at: datetime) -> None:
    assert api.put("/emulator/clock", {"now": iso(at)}).status_code == 200
    api.run_jobs()


def test_uploaded_people_arrive_as_a_file(api: Api, card: Card) -> None:
    audience = make_audience(api)
    flow, base = make_flow(api, card, audience)
    tested = api.get(f"{FLOWS}/connections/{base}/test").json()

    tick(api, DUE)
    tick(api, DUE + timedelta(days=1))

    runs = api.get(f"{FLOWS}/runs", params={"property": f"flowId=={flow}"}).json()["items"]
    files = card.read()
    assert tested == {"result": True}
    assert [run["metrics"]["statusSummary"]["status"] for run in runs] == ["success", "success"], runs
    assert [name.rsplit("/", 1)[1] for name in files] == ["Everyone_20400104.csv", "Everyone_20400105.csv"]
    header, *rows = next(iter(files.values())).splitlines()
    assert header == ("first" if "fileType" in card.params else "person.name.firstName")
    last = "Cäcilie\\, Dr." if "fileType" in card.params else '"Cäcilie, Dr."'
    assert sorted(rows) == sorted(["Ann", "Bob", last])
    assert runs[0]["metrics"]["recordSummary"]["createdRecordCount"] == 3
    shown = api.get(f"{FLOWS}/flows/{flow}").json()["items"][0]
    assert shown["lastRunDetails"]["id"] == runs[0]["id"]


def test_wrong_secret_fails_the_test_and_the_run_and_is_told_plainly(api: Api, card: Card) -> None:
    flow, base = make_flow(api, card, make_audience(api))
    operation = {"op": "replace", "path": "/auth/params", "value": card.wrong_auth["params"]}
    made(api.patch(f"{FLOWS}/connections/{base}", [operation], headers={"If-Match": "*"}))

    tested = api.get(f"{FLOWS}/connections/{base}/test").json()
    tick(api, DUE)

    failed = api.get(
        f"{FLOWS}/runs", params={"property": [f"flowId=={flow}", "metrics.statusSummary.status==Failed"]}
    ).json()["items"]
    assert tested["result"] is False
    assert "refused the sign-in" in tested["reason"]
    assert "refused the sign-in" in failed[0]["metrics"]["statusSummary"]["errors"][0]["message"]
    assert card.read() == {}


def test_ad_hoc_run_delivers_now_and_leaves_the_schedule(api: Api, card: Card) -> None:
    audience = make_audience(api)
    flow, _ = make_flow(api, card, audience)
    path = "/data/core/activation/disflowprovider/adhocrun"
    early = api.post(path, {"activationInfo": {flow: [audience]}})
    api.put("/emulator/clock", {"now": iso(DUE - timedelta(hours=3))})

    order = api.post(path, {"activationInfo": {flow: [audience]}}).json()["order"]
    again = api.post(path, {"activationInfo": {flow: [audience]}})
    api.run_jobs()
    run = api.get(order[0]["statusURL"].removeprefix("http://cdp.test")).json()["items"][0]
    delivered = list(card.read())
    tick(api, DUE)

    assert early.status_code == 400
    assert "out of schedule range" in early.json()["message"]
    assert (order[0]["segment"], order[0]["order"]) == (audience, flow)
    assert again.status_code == 400
    assert again.json()["message"].startswith(
        f"Run already going on for audience {audience} for order {flow}"
    )
    assert run["metrics"]["statusSummary"]["status"] == "success"
    assert len(delivered) == 1
    assert len(api.get(f"{FLOWS}/runs?property=flowId=={flow}").json()["items"]) == 2
