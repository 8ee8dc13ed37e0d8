"""Jobs on DBOS: a killed job goes on after its last finished step. Only this file knows DBOS.

What is changed from its defaults, and why: a fixed application version (else an edit of the code strands the jobs in
flight), an executor id per worker (else two workers run each other's jobs), JSON (else pickles), WAL, a short poll.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import structlog
from dbos import DBOS, Serializer, SetWorkflowID

from muster.jobs.retry import with_retries
from muster.jobs.steps import Result, Steps

APPLICATION_VERSION = "1"
"""Never changed: steps that a later release adds are guarded, jobs of an earlier one go on."""

_QUEUE = "jobs"
_NAME = "muster.job"

_log = structlog.get_logger("muster.jobs")

RunJob = Callable[[str, int, str, str, Steps], None]


class _Json(Serializer):
    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            data = {"error": f"{type(data).__name__}: {data}"}
        return orjson.dumps(data, default=_plain).decode()

    def deserialize(self, serialized_data: str) -> Any:
        return orjson.loads(serialized_data)

    def name(self) -> str:
        return "muster_json"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    raise TypeError(f"{type(value).__name__} is no JSON")


class JobQueue:
    """The queue of one worker process. One per process: DBOS is a singleton.

    Args:
        database_url: Where the queue keeps its tables.
        executor_id: This worker's stable name; no other living process has it.
        run: Runs a job: workflow, scope number, argument, task id, steps.
        threads: Jobs at the same time.
        poll_s: How often the queue is looked at.
        crash_at: `<workflow>.<step>`: die once after its effect, before its record. For fault tests.
        crash_marker: File that says that it has died already.
    """

    def __init__(
        self,
        *,
        database_url: str,
        executor_id: str,
        run: RunJob,
        threads: int,
        poll_s: float,
        crash_at: str = "",
        crash_marker: Path | None = None,
    ) -> None:
        self._run = run
        self._threads = threads
        self._poll_s = poll_s
        self._stopping = threading.Event()
        self._busy: set[str] = set()
        self._parked: set[str] = set()
        self._crash_at = crash_at
        self._crash_marker = crash_marker
        _use_wal(database_url)
        DBOS(
            config={
                "name": "muster",
                "system_database_url": database_url,
                "application_version": APPLICATION_VERSION,
                "executor_id": executor_id,
                "serializer": _Json(),
                "log_level": "ERROR",
                "notification_listener_polling_interval_sec": 0.25,
                "max_executor_threads": max(threads * 2, 8),
            }
        )

        @DBOS.workflow(name=_NAME)
        def job(workflow: str, scope_number: int, argument: str, task_id: str) -> None:
            self._execute(workflow, scope_number, argument, task_id)

        self._workflow = job

    def launch(self) -> None:
        """Start working, first on what this executor left unfinished."""
        DBOS.launch()
        DBOS.register_queue(_QUEUE, worker_concurrency=self._threads, polling_interval_sec=self._poll_s)

    def enqueue(self, task_id: str, workflow: str, scope_number: int, argument: str) -> None:
        """Hand a job over; the same task id twice is one job."""
        with SetWorkflowID(task_id):
            DBOS.enqueue_workflow(_QUEUE, self._workflow, workflow, scope_number, argument, task_id)

    def take_over(self, dead_executor_id: str) -> int:
        """Put the unfinished jobs of a dead worker back into the queue; gives how many."""
        found = DBOS.list_workflows(
            status="PENDING", executor_id=dead_executor_id, load_input=False, load_output=False
        )
        ids = [workflow.workflow_id for workflow in found]
        if ids:
            DBOS.resume_workflows(ids, queue_name=_QUEUE)
            _log.warning("jobs_taken_over", worker=dead_executor_id, count=len(ids))
        return len(ids)

    def stop(self, patience_s: float) -> None:
        """Take nothing new, let running steps finish, and leave the rest of their jobs to the next worker."""
        self._stopping.set()
        waited = threading.Event()
        for _ in range(int(patience_s / 0.05)):
            if not self._busy - self._parked:
                break
            waited.wait(0.05)

    def _execute(self, workflow: str, scope_number: int, argument: str, task_id: str) -> None:
        self._busy.add(task_id)
        try:
            self._run(workflow, scope_number, argument, task_id, _DurableSteps(self, workflow, task_id))
        finally:
            self._busy.discard(task_id)

    def park_if_stopping(self, task_id: str) -> None:
        """Between two steps of a stopping worker a job waits for ever; the process ends, and it is recovered."""
        if self._stopping.is_set():
            self._parked.add(task_id)
            threading.Event().wait()

    def crash_if_asked(self, workflow: str, step: str) -> None:
        """Die as `kill -9` would, once, where a fault test says."""
        if (
            self._crash_at != f"{workflow}.{step}"
            or self._crash_marker is None
            or self._crash_marker.exists()
        ):
            return
        self._crash_marker.write_text(self._crash_at)
        os.kill(os.getpid(), signal.SIGKILL)


class _DurableSteps:
    def __init__(self, queue: JobQueue, workflow: str, task_id: str) -> None:
        self._queue = queue
        self._workflow = workflow
        self._task_id = task_id

    def run(self, name: str, step: Callable[[], Result]) -> Result:
        self._queue.park_if_stopping(self._task_id)

        def recorded() -> Result:
            result = with_retries(name, step)
            self._queue.crash_if_asked(self._workflow, name)
            return result

        return DBOS.run_step({"name": name}, recorded)


def _use_wal(database_url: str) -> None:
    if database_url.startswith("sqlite:///"):
        path = database_url.removeprefix("sqlite:///")
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
