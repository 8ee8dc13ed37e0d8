"""A worker is killed at every durable step of every kind of job, and nobody can tell afterwards.

The kill comes after a step's effect and before its record: the moment at which the step will be done a second time.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.servers.s3 import S3Server
from tests.simulation.invariants import check_at_rest
from tests.simulation.server import Installation, installation
from tests.simulation.story import Story

from muster.pipeline import WORKFLOWS

# What is told before a stage. A workflow that is missing here fails the tests of its steps.
BEFORE: dict[str, tuple[str, ...]] = {
    "ingest_batch": (),
    "revert_batch": ("ingest_batch",),
    "rebuild_profiles": ("ingest_batch",),
    "segment_job": ("ingest_batch",),
    "export_job": ("ingest_batch", "segment_job"),
    "flow_run": ("ingest_batch", "segment_job"),
}
POINTS = [
    f"{workflow.name}.{step}" for workflow in WORKFLOWS.values() for step in (*workflow.steps, "forget-task")
]


class Theatre:
    """One installation for all stories. Its worker is told where to die, and the next one finishes the job."""

    def __init__(self, installation: Installation, bucket: S3Server) -> None:
        self.installation = installation
        self._bucket = bucket
        self._crash_at = ""
        self._story_count = 0
        self._expected: dict[str, Any] = {}

    def story(self, workflow: str) -> Story:
        """A new story in a sandbox of its own, told up to where a workflow's stage begins."""
        self._story_count += 1
        story = Story(self.installation, f"story-{self._story_count}", self._bucket)
        for stage in BEFORE[workflow]:
            story.stage(stage)
        return story

    def arm(self, point: str) -> None:
        """Have a worker that will die at a point."""
        self.installation.marker.unlink(missing_ok=True)
        if self._crash_at != point or not self.installation.is_running("worker-1"):
            self._restart(point)

    def replace_the_dead(self, next_point: str) -> None:
        """Wait for the worker's death and start another; it spares the present story, and may die in the next."""
        self.installation.wait_crashed()
        assert self.installation.wait_ended("worker-1") == -signal.SIGKILL
        self._restart(next_point)

    def expected(self, workflow: str) -> Any:
        """What an undisturbed telling shows of a stage."""
        if workflow not in self._expected:
            self.arm("")
            self._expected[workflow] = self.story(workflow).stage(workflow)
        return self._expected[workflow]

    def _restart(self, crash_at: str) -> None:
        if self.installation.is_running("worker-1"):
            self.installation.ask_to_stop("worker-1")
            assert self.installation.wait_ended("worker-1") == 0
        self.installation.start_worker(crash_at)
        self._crash_at = crash_at


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[Theatre]:
    settings = {"MUSTER_S3_ENDPOINT": s3_server.endpoint}
    with installation(tmp_path_factory.mktemp("kill-steps"), settings) as running:
        running.start_api()
        yield Theatre(running, s3_server)
        running.stop()


@pytest.mark.parametrize("point", POINTS)
def test_job_ends_as_if_the_worker_had_not_been_killed(theatre: Theatre, point: str) -> None:
    with theatre.installation.told_on_failure():
        workflow = point.partition(".")[0]
        expected = theatre.expected(workflow)
        theatre.arm(point)
        story = theatre.story(workflow)

        with ThreadPoolExecutor(1) as beside:
            rescue = beside.submit(theatre.replace_the_dead, _after(point))
            seen = story.stage(workflow)
            rescue.result()

        assert theatre.installation.marker.read_text() == point
        assert seen == expected
        check_at_rest(theatre.installation)


def _after(point: str) -> str:
    return POINTS[(POINTS.index(point) + 1) % len(POINTS)]
