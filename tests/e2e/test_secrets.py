"""Secrets are in the sealed store and nowhere else: not in files, not in the log, not in answers."""

from __future__ import annotations

import base64
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.e2e.client import CONVERSION, FLOW, Client
from tests.e2e.server import RunningServer, children_of, running_server
from tests.servers.s3 import S3Server

PROFILE_STORE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
S3 = {"id": "4fce964d-3f37-408f-9778-e597338a21ee", "version": "1.0"}
S3_FLOW = {"id": "1a0514a6-33d4-4c7f-aff8-594799c47549", "version": "1.0"}
SFTP = {"id": "36965a81-b1c6-401b-99f8-22508f1e6a26", "version": "1.0"}
SFTP_PASSWORD = "correcthorsebatterystaple0123456789"
CLIENT_SECRET = "clientsecretclientsecret0123456789"
ORG = "A" * 24 + "@AdobeOrg"
INSTALLATION_KEY = "installationkeyinstallationkey0123456789"


def test_secret_of_a_connection_is_found_nowhere_after_its_flow_ran(
    tmp_path: Path, s3_server: S3Server
) -> None:
    environment = {
        "MUSTER_S3_ENDPOINT": s3_server.endpoint,
        "MUSTER_CLIENT_ID": "acme",
        "MUSTER_CLIENT_SECRET": CLIENT_SECRET,
        "MUSTER_ORG_ID": ORG,
        "MUSTER_LOG_LEVEL": "debug",
    }
    secrets = [s3_server.secret_key, SFTP_PASSWORD, CLIENT_SECRET]
    with running_server(tmp_path, environment=environment) as server, Client(server.base_url) as client:
        files = _run_a_flow(client, s3_server)
        assert s3_server.read(files[0]).decode().splitlines() == ["email", "ann@x.io"]
        _sign_in_in_vain(client)
        assert _shown_by(client, secrets) == []
        # While it runs: a database in use has files of its own beside it.
        assert _found_in(server.data_dir, secrets) == []
        assert _command_lines_with(server, secrets) == []
    assert _found_in(tmp_path, secrets) == []


def test_search_for_secrets_would_find_one(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text(f"x{SFTP_PASSWORD}y")
    (tmp_path / "packed").write_bytes(base64.b64encode(f"user:{SFTP_PASSWORD}".encode()))
    (tmp_path / "wide").write_bytes(SFTP_PASSWORD.encode("utf-16-le"))
    assert len(_found_in(tmp_path, [SFTP_PASSWORD])) == 3


def test_key_of_the_installation_is_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        key = server.data_dir / "secret.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_key_given_from_outside_is_in_no_file(tmp_path: Path) -> None:
    environment = {"MUSTER_SECRET_KEY": INSTALLATION_KEY}
    with running_server(tmp_path, environment=environment) as server, Client(server.base_url) as client:
        _connect(client, "k" * 40)
        assert not (server.data_dir / "secret.key").exists()
    assert _found_in(tmp_path, [INSTALLATION_KEY]) == []


def test_copied_data_directory_is_unreadable_without_its_key(tmp_path: Path, s3_server: S3Server) -> None:
    endpoint = {"MUSTER_S3_ENDPOINT": s3_server.endpoint}
    with (
        running_server(tmp_path, environment={**endpoint, "MUSTER_SECRET_KEY": INSTALLATION_KEY}) as server,
        Client(server.base_url) as client,
    ):
        connection = _connect(client, s3_server.secret_key, s3_server.access_key)
        assert client.get(f"{FLOW}/connections/{connection}/test") == {"result": True}
    with (
        running_server(tmp_path, environment={**endpoint, "MUSTER_SECRET_KEY": "another" * 6}) as server,
        Client(server.base_url) as client,
    ):
        answer = client.call("GET", f"{FLOW}/connections/{connection}/test")
        assert answer.json().get("result") is not True
        assert s3_server.secret_key not in answer.text


def _connect(client: Client, secret: str, access_key: str = "A" * 20) -> str:
    auth = {"specName": "Access Key", "params": {"s3AccessKey": access_key, "s3SecretKey": secret}}
    body = {"name": "Bucket", "connectionSpec": S3, "auth": auth}
    return str(client.post(f"{FLOW}/connections", body, status=201)["id"])


def _run_a_flow(client: Client, s3_server: S3Server) -> list[str]:
    """From a person to a file in the bucket, by a flow that is due at once; gives the files."""
    dataset = client.make_dataset(client.make_people_schema())
    client.ingest(dataset, [{"personalEmail": {"address": "ann@x.io"}}])
    audience = client.define("everyone", "personalEmail.address.isNotNull()")
    client.evaluate(audience)
    place = {"bucketName": s3_server.bucket, "path": "secrets", "compression": "NONE", "fileType": "CSV"}
    target = {
        "name": "Files",
        "baseConnectionId": _connect(client, s3_server.secret_key, s3_server.access_key),
        "connectionSpec": S3,
        "params": {"mode": "Server-to-server", **place},
    }
    source = {"name": "Profiles", "connectionSpec": PROFILE_STORE}
    made = {
        resource: client.post(f"{FLOW}/{resource}", body, status=201)["id"]
        for resource, body in (("sourceConnections", source), ("targetConnections", target))
    }
    flow = client.post(
        f"{FLOW}/flows",
        {
            "name": "Everyone",
            "flowSpec": S3_FLOW,
            "sourceConnectionIds": [made["sourceConnections"]],
            "targetConnectionIds": [made["targetConnections"]],
            "transformations": [],
        },
        status=201,
    )["id"]
    mapping = {"sourceType": "ATTRIBUTE", "source": "personalEmail.address", "destination": "email"}
    mapping_set = client.post(f"{CONVERSION}/mappingSets", {"mappings": [mapping]})["id"]
    today = datetime.now(UTC).date().isoformat()
    schedule = {"frequency": "ONCE", "triggerType": "SCHEDULED", "startDate": today, "startTime": "00:00"}
    selector = {"id": audience, "exportMode": "DAILY_FULL_EXPORT", "schedule": schedule}
    operations = [
        {"op": "add", "path": f"/transformations/0/params/{path}", "value": value}
        for path, value in (
            ("profileMapping", {"mappingId": mapping_set, "mappingVersion": 0}),
            ("segmentSelectors/selectors/-", {"type": "PLATFORM_SEGMENT", "value": selector}),
        )
    ]
    client.expect(200, "PATCH", f"{FLOW}/flows/{flow}", json=operations, headers={"If-Match": "*"})
    client.wait(
        f"{FLOW}/runs?property=flowId=={flow}",
        lambda body: body["items"] and body["items"][0]["metrics"]["statusSummary"]["status"],
        "success",
    )
    return s3_server.objects("secrets/")


def _sign_in_in_vain(client: Client) -> None:
    """A connection to a server that is not there: its error has everything at hand but the secret."""
    params = {"domain": "127.0.0.1", "port": "9", "username": "user", "password": SFTP_PASSWORD}
    auth = {"specName": "SFTP with Password", "params": params}
    body = {"name": "Nowhere", "connectionSpec": SFTP, "auth": auth}
    connection = client.post(f"{FLOW}/connections", body, status=201)["id"]
    tested = client.get(f"{FLOW}/connections/{connection}/test")
    assert tested["result"] is False
    assert SFTP_PASSWORD not in str(tested)


def _shown_by(client: Client, secrets: list[str]) -> list[str]:
    """Answers of Flow Service that hold a secret."""
    resources = ("connections", "sourceConnections", "targetConnections", "flows", "runs")
    texts = {resource: client.call("GET", f"{FLOW}/{resource}").text for resource in resources}
    assert all('"items":[{' in text for text in texts.values())
    return [resource for resource, text in texts.items() if any(secret in text for secret in secrets)]


def _found_in(folder: Path, secrets: list[str]) -> list[str]:
    """Files below a folder that hold a secret: plain, in wide characters, or in base64 at any offset."""
    needles = {needle for secret in secrets for needle in _forms(secret)}
    found = []
    for path in folder.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            # A running database removes its side files as it likes.
            continue
        if any(needle in content for needle in needles):
            found.append(str(path))
    return found


def _forms(secret: str) -> list[bytes]:
    plain = secret.encode()
    # In base64 three bytes become four characters, so a text looks different at each of three offsets; what its
    # first and last bytes share with their neighbours is cut off.
    packed = [base64.b64encode(b"\0" * offset + plain)[4:-4] for offset in range(3)]
    return [plain, secret.encode("utf-16-le"), *packed]


def _command_lines_with(server: RunningServer, secrets: list[str]) -> list[int]:
    """Processes whose command line, which everybody on the machine can read, holds a secret."""
    pids = [server.pid, *children_of(server.pid)]
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in pids}
    return [pid for pid, line in lines.items() if any(secret in line for secret in secrets)]


pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="command lines are read from /proc")
