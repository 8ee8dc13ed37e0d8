"""Two workers share a PostgreSQL database; one is killed or sleeps, and the other takes its job over."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server
from tests.simulation.gate import Gate, gate_to
from tests.simulation.invariants import check_at_rest, states
from tests.simulation.server import Installation, installation, wait_for
from tests.simulation.story import Story

LEASE_S = 2
SIZES = {"women": (3, 0, 0), "buyers": (1, 0, 0), "others": (1, 0, 0)}
FILE = b"first,gender\nann,female\nbea,female\neva,female\n"
WORKERS = ("worker-1", "worker-2")


@pytest.fixture(scope="module")
def gate(s3_server: S3Server) -> Iterator[Gate]:
    with gate_to(int(urlsplit(s3_server.endpoint).port or 0)) as gate:
        yield gate


@pytest.fixture
def running(tmp_path: Path, postgres_server: PostgresServer, gate: Gate) -> Iterator[Installation]:
    """An API on PostgreSQL, without a supervisor: nobody starts a dead worker again."""
    settings = {
        "MUSTER_DATABASE_URL": postgres_server.database(),
        "MUSTER_LEASE_S": str(LEASE_S),
        "MUSTER_S3_ENDPOINT": gate.endpoint,
    }
    with installation(tmp_path, settings) as running:
        running.start_api()
        yield running


def test_the_other_worker_finishes_what_a_killed_one_began(
    running: Installation, s3_server: S3Server
) -> None:
    for number, point in enumerate(("ingest_batch.unify", "segment_job.commit", "flow_run.publish")):
        workflow = point.partition(".")[0]
        for worker in WORKERS:
            running.start_worker(point, worker)
        story = Story(running, f"story-{number}", s3_server)
        for stage in ("ingest_batch", "segment_job")[:number]:
            story.stage(stage)
        story.begin(workflow)
        running.wait_crashed()
        seen = story.end(workflow)

        (survivor,) = [worker for worker in WORKERS if running.is_running(worker)]
        match workflow:
            case "ingest_batch":
                assert story.sizes(story.evaluate()) == SIZES
            case "segment_job":
                assert seen[0] == SIZES
            case "flow_run":
                assert seen == {"women.csv": FILE}
        check_at_rest(running)
        running.ask_to_stop(survivor)
        assert running.wait_ended(survivor) == 0
        running.marker.unlink()


def test_worker_that_slept_through_its_lease_does_no_harm(
    running: Installation, s3_server: S3Server, gate: Gate
) -> None:
    running.start_worker(worker_id="worker-1")
    story = Story(running, "sleep", s3_server)
    story.stage("ingest_batch")
    story.stage("segment_job")
    gate.close()
    story.begin("flow_run")
    wait_for(gate.reached.is_set, "the file is under way")
    os.kill(running.pid("worker-1"), signal.SIGSTOP)
    gate.reached.clear()
    running.start_worker(worker_id="worker-2")
    wait_for(gate.reached.is_set, "the other worker sends it as well")

    gate.open()
    assert story.end("flow_run") == {"women.csv": FILE}
    os.kill(running.pid("worker-1"), signal.SIGCONT)
    assert story.sizes(story.evaluate()) == {name: (0, size[0], 0) for name, size in SIZES.items()}
    assert states(running, "flow_run") == ["success"]
    assert story.delivered() == {"women.csv": FILE}
    check_at_rest(running)
    running.stop()
