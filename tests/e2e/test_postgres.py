"""The main path on the parts that one installs for more than one machine: PostgreSQL, a lake in an object store."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.e2e.client import EXPORT, UPS, Client
from tests.e2e.server import RunningServer, running_server
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server

PEOPLE = {"ann@x.io": "female", "bea@x.io": "female", "cid@x.io": "male"}
FEMALES = ["ann@x.io", "bea@x.io"]
LAKE = "lake"


@dataclass(frozen=True, slots=True)
class Installation:
    """One way to keep data; `run` starts a server on it, again and again on the same data."""

    run: Callable[[], AbstractContextManager[RunningServer]]
    lake_files: Callable[[], list[str]]


@pytest.fixture(params=["postgres", "postgres-and-s3", "s3"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Installation:
    """PostgreSQL with a directory, PostgreSQL with an object store, SQLite with an object store."""
    database_url: str | None = None
    environment: dict[str, str] = {}
    if request.param.startswith("postgres"):
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        database_url = postgres.database()
    if not request.param.endswith("s3"):
        return Installation(
            lambda: running_server(tmp_path, database_url=database_url),
            lambda: _files(tmp_path / "data" / LAKE),
        )
    s3: S3Server = request.getfixturevalue("s3_server")
    prefix = f"{LAKE}-{request.param}"
    environment = {
        "MUSTER_LAKE_URL": f"s3://{s3.bucket}/{prefix}",
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_REGION": s3.region,
    }
    return Installation(
        lambda: running_server(tmp_path, database_url=database_url, environment=environment),
        lambda: s3.objects(f"{prefix}/"),
    )


def _files(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


@contextlib.contextmanager
def _client(installation: Installation) -> Iterator[Client]:
    with installation.run() as server, Client(server.base_url) as client:
        yield client


def test_a_record_takes_the_whole_path_and_a_restart_changes_no_answer(
    installation: Installation, tmp_path: Path
) -> None:
    with _client(installation) as client:
        dataset = client.make_dataset(client.make_people_schema())
        client.ingest(
            dataset,
            [
                {"personalEmail": {"address": email}, "person": {"gender": gender}}
                for email, gender in PEOPLE.items()
            ],
        )
        females = client.define("females", 'person.gender = "female"')
        job = client.evaluate(females)
        assert job["metrics"]["segmentedProfileCounter"] == {females: len(FEMALES)}
        target = client.make_union_dataset()
        export = client.export(target, females)
        assert export["metrics"]["totalExportedProfileCounter"] == len(FEMALES)
        paths = {
            "job": f"{UPS}/segment/jobs/{job['id']}",
            "export": f"{UPS}/export/jobs/{export['id']}",
            "preview": f"{EXPORT}/datasets/{target}/preview",
            "person": f"{UPS}/access/entities?schema.name=_xdm.context.profile&entityId=ann@x.io&entityIdNS=email",
        }
        before = {name: client.get(path) for name, path in paths.items()}
        assert sorted(row["personalEmail_address"] for row in before["preview"]["data"]) == FEMALES
        assert _downloaded(client, export["destination"]["batchId"]) == FEMALES
    in_lake = installation.lake_files()
    assert any(name.endswith(".parquet") for name in in_lake)
    if not in_lake[0].startswith("/"):
        assert _files(tmp_path / "data" / LAKE) == []
    with _client(installation) as client:
        # Links name the host that was asked, and the restarted server has another port.
        after = {name: client.get(path) for name, path in paths.items()}
        assert after["job"] == before["job"]
        assert after["export"] == before["export"]
        assert after["preview"]["data"] == before["preview"]["data"]
        assert after["person"] == before["person"]
        assert client.sizes(females) == [len(FEMALES)]


def _downloaded(client: Client, batch: str) -> list[str]:
    emails: list[str] = []
    for listed in client.get(f"{EXPORT}/batches/{batch}/files")["data"]:
        path = f"{EXPORT}/files/{listed['dataSetFileId']}"
        for part in client.get(path)["data"]:
            content = client.call("GET", path, params={"path": part["name"]}).content
            table = pq.read_table(io.BytesIO(content), columns=["personalEmail"])
            emails += [row["address"] for row in table["personalEmail"].to_pylist()]
    return sorted(emails)
