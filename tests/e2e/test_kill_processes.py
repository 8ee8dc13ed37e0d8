"""`kill -9` and SIGTERM of the API, the worker, both and the supervisor, in the middle of work."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.client import CATALOG, IMPORT, ORG
from tests.servers.process import LOOPBACK
from tests.servers.s3 import S3Server
from tests.simulation.gate import Gate, gate_to
from tests.simulation.invariants import check_at_rest, lake_files, states
from tests.simulation.server import Installation, installation, wait_for
from tests.simulation.story import PERSON_ROWS, Story, json_lines

SIZES = {"women": (3, 0, 0), "buyers": (1, 0, 0), "others": (1, 0, 0)}
FILE = b"first,gender\nann,female\nbea,female\neva,female\n"


@pytest.fixture(scope="module")
def gate(s3_server: S3Server) -> Iterator[Gate]:
    """The only way that the servers of these tests have to the bucket."""
    with gate_to(int(urlsplit(s3_server.endpoint).port or 0)) as gate:
        yield gate


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[Installation]:
    """One data directory for all tests."""
    folder = tmp_path_factory.mktemp("kill-processes")
    with installation(folder, {"MUSTER_S3_ENDPOINT": gate.endpoint}) as running:
        yield running
        running.stop()


@contextlib.contextmanager
def serving(running: Installation, crash_at: str = "") -> Iterator[None]:
    """A server for the length of a block; what was done in it must be whole. The next block goes on with it."""
    with running.told_on_failure():
        if crash_at or not running.is_running("supervisor"):
            running.stop()
            running.marker.unlink(missing_ok=True)
            running.serve(crash_at)
        yield
        check_at_rest(running)


def test_upload_that_the_api_did_not_survive_is_sent_again(running: Installation) -> None:
    with serving(running):
        story = Story(running, "upload")
        batch_id = story.client.open_batch(story.people)
        content = json_lines(PERSON_ROWS)
        with half_an_upload(running, story, batch_id, content):
            killed = running.kill("api")
        running.wait_ready()

        assert running.pid("api") != killed
        assert story.client.get(f"{CATALOG}/batches/{batch_id}")[batch_id]["status"] == "loading"
        assert not [file for file in lake_files(running) if batch_id in file.parts]

        story.client.upload(batch_id, story.people, "rows.json", content)
        story.client.complete(batch_id)
        assert len(story.rows(story.people)) == len(PERSON_ROWS)


@contextlib.contextmanager
def half_an_upload(running: Installation, story: Story, batch_id: str, content: bytes) -> Iterator[None]:
    """An upload that stops after half of its bytes, for the length of a block."""
    path = f"{IMPORT}/batches/{batch_id}/datasets/{story.people}/files/rows.json"
    headers = {
        "Host": LOOPBACK,
        "Authorization": "Bearer dev",
        "x-api-key": "dev",
        "x-gw-ims-org-id": ORG,
        "x-sandbox-name": "upload",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(len(content)),
    }
    head = f"PUT {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((LOOPBACK, running.port)) as connection:
        connection.sendall(head.encode() + b"\r\n" + content[: len(content) // 2])
        spool = running.data_dir / "lake" / ".spool"
        wait_for(lambda: list(spool.glob("*/body")), "the API has begun to receive")
        yield


def test_second_server_on_a_data_directory_is_refused(running: Installation) -> None:
    with serving(running), installation(running.data_dir.parent / "second") as second:
        second.data_dir = running.data_dir
        second.start_supervisor()
        assert second.wait_ended() == 2
        assert "Another server is using" in second.log_text()


def test_upload_that_is_cut_leaves_nothing_under_the_final_name(
    running: Installation, s3_server: S3Server, gate: Gate
) -> None:
    with serving(running):
        story = told_up_to_the_flow(running, s3_server, "cut")
        gate.close()
        story.begin("flow_run")
        wait_for(gate.reached.is_set, "all but the end of the file has passed")
        running.kill("worker-1")

        assert story.delivered() == {}
        gate.open()
        assert story.end("flow_run") == {"women.csv": FILE}


@pytest.mark.parametrize(
    ("point", "also"),
    [
        ("ingest_batch.unify", "api"),
        ("segment_job.evaluate", "supervisor"),
        ("export_job.write", "api"),
        ("flow_run.publish", "supervisor"),
    ],
)
def test_job_survives_the_death_of_more_than_its_worker(
    running: Installation, s3_server: S3Server, point: str, also: str
) -> None:
    workflow, _, _ = point.partition(".")
    with serving(running, point):
        story = Story(running, f"{also}-{workflow}".replace("_", "-"), s3_server)
        for stage in {"ingest_batch": (), "segment_job": ("ingest_batch",)}.get(
            workflow, ("ingest_batch", "segment_job")
        ):
            story.stage(stage)
        story.begin(workflow)
        running.wait_crashed()
        if also == "supervisor":
            children = running.children()
            running.kill("supervisor")
            wait_for(lambda: not any(lives(pid) for pid in children.values()), "its children end")
            running.serve(point)
        else:
            running.kill("api")
        seen = story.end(workflow)

        match workflow:
            case "ingest_batch":
                assert story.sizes(story.evaluate()) == SIZES
            case "segment_job":
                assert seen[0] == SIZES
            case "export_job":
                assert seen[0] == 3
                assert sorted(row["person"]["name"]["firstName"] for row in seen[1]["rows"]["exported"]) == [
                    "ann",
                    "bea",
                    "eva",
                ]
            case "flow_run":
                assert seen == {"women.csv": FILE}


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_stop_in_the_middle_of_a_job_hands_it_to_the_next_start(
    running: Installation, s3_server: S3Server, gate: Gate
) -> None:
    with serving(running):
        story = told_up_to_the_flow(running, s3_server, "stop")
        uploads = gate.upload_count
        gate.close()
        story.begin("flow_run")
        wait_for(gate.reached.is_set, "the file is under way")
        running.ask_to_stop()
        wait_for(lambda: not running.client.answers("/health/live"), "the API has stopped")
        gate.open()
        assert running.wait_ended() == 0
        assert "child_killed" not in running.log_text()
        assert "inProgress" in states(running, "flow_run")

        running.serve()
        assert story.end("flow_run") == {"women.csv": FILE}
        # The step that was under way was let finish: nothing was sent a second time.
        assert gate.upload_count == uploads + 1


def test_stop_does_not_wait_for_ever_for_a_step(
    running: Installation, s3_server: S3Server, gate: Gate
) -> None:
    with serving(running):
        story = told_up_to_the_flow(running, s3_server, "patience")
        gate.close()
        story.begin("flow_run")
        wait_for(gate.reached.is_set, "the file is under way")
        running.ask_to_stop()
        assert running.wait_ended() == 0
        gate.open()

        assert story.delivered() == {}
        running.serve()
        assert story.end("flow_run") == {"women.csv": FILE}


def told_up_to_the_flow(running: Installation, bucket: S3Server, sandbox: str) -> Story:
    """A story whose audiences are evaluated."""
    story = Story(running, sandbox, bucket)
    story.stage("ingest_batch")
    story.stage("segment_job")
    return story
