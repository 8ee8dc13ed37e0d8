"""A worker process: hands due tasks to the queue, runs jobs, shows that it lives, takes over from the dead."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

import structlog

from muster.app import App
from muster.jobs.leases import Leases
from muster.jobs.queue import JobQueue
from muster.jobs.steps import JobBroken, Steps, Workflow
from muster.jobs.task_table import TaskTable
from muster.kernel.errors import MusterError, Transient
from muster.pipeline import WORKFLOWS
from muster.settings import Settings

_LEASE_PREFIX = "worker/"
_LEADER = "leader"
_BEAT_SHARE = 3
_STOP_PATIENCE_S = 8.0

_log = structlog.get_logger("muster.worker")


class Worker:
    """One worker. Several of them share the work when the database is PostgreSQL."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app = App(
            settings,
            engine_threads=settings.worker_threads,
            engine_bytes_max=int(_machine_bytes() * settings.worker_memory_fraction),
        )
        self._tasks = TaskTable(self._app.database)
        self._leases = Leases(self._app.database, self._app.wall)
        self._stop = threading.Event()
        self._queue = JobQueue(
            database_url=settings.jobs_database,
            executor_id=settings.worker_id,
            run=self._run_job,
            threads=settings.worker_threads,
            poll_s=settings.poll_s,
            crash_at=settings.crash_at,
            crash_marker=settings.data_dir / "crashed-once",
        )

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then let running steps finish and hand their jobs back."""
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        self._queue.launch()
        # Only now: whoever asks whether a worker is there means one that takes jobs.
        self._beat()
        _log.info("worker_started", worker=self._settings.worker_id, threads=self._settings.worker_threads)
        heart = threading.Thread(target=self._keep_beating, name="heartbeat", daemon=True)
        heart.start()
        while not self._stop.is_set():
            try:
                handed = self._hand_over()
            except Transient as error:
                _log.warning("database_away", reason=str(error))
                handed = 0
            if not handed:
                self._stop.wait(self._settings.poll_s)
        self._queue.stop(_STOP_PATIENCE_S)
        # Expired, not released: whoever leads takes over what is unfinished at once.
        self._leases.expire(_LEASE_PREFIX + self._settings.worker_id)
        _log.info("worker_stopped", worker=self._settings.worker_id)
        # Parked jobs hold their threads for ever, by intention; they must not keep the process.
        os._exit(0)

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _hand_over(self) -> int:
        due = self._tasks.due(self._app.clock.now())
        for task in due:
            self._queue.enqueue(task.id, task.workflow, task.scope_number, task.argument)
            self._tasks.mark_handed_over(task.id)
        return len(due)

    def _run_job(self, name: str, scope_number: int, argument: str, task_id: str, steps: Steps) -> None:
        workflow = WORKFLOWS.get(name)
        if workflow is None:
            # A job of a later release, met by an earlier one: it stays a row, for whoever knows it.
            _log.error("workflow_unknown", workflow=name, job=task_id)
            return
        workspace = self._app.workspace(self._app.sandboxes.by_number(scope_number).scope)
        log = _log.bind(job=task_id, scope=scope_number)
        log.info("job_started")
        try:
            workflow.run(workspace, argument, steps)
        except MusterError as error:
            log.warning("job_failed", reason=str(error))
            self._write_failure(workflow, scope_number, argument, error, steps)
        except Exception as error:
            # Nobody else would hear of it: the log gets the details, the row a reference to them.
            log.exception("job_broken")
            self._write_failure(workflow, scope_number, argument, JobBroken(task_id), steps)
            del error
        log.info("job_ended")
        steps.run("forget-task", lambda: self._tasks.remove(task_id))

    def _write_failure(
        self, workflow: Workflow, scope_number: int, argument: str, error: MusterError, steps: Steps
    ) -> None:
        workspace = self._app.workspace(self._app.sandboxes.by_number(scope_number).scope)
        steps.run("fail", lambda: workflow.fail(workspace, argument, error))

    def _keep_beating(self) -> None:
        while not self._stop.wait(self._settings.lease_s / _BEAT_SHARE):
            try:
                self._beat()
                self._take_over()
            except Transient as error:
                _log.warning("database_away", reason=str(error))

    def _beat(self) -> None:
        self._leases.take(
            _LEASE_PREFIX + self._settings.worker_id, self._settings.worker_id, self._settings.lease_s
        )

    def _take_over(self) -> None:
        """The leader gives the jobs of workers that show no sign of life back to the queue."""
        if not self._leases.take(_LEADER, self._settings.worker_id, self._settings.lease_s):
            return
        for name in self._leases.expired(_LEASE_PREFIX):
            dead = name.removeprefix(_LEASE_PREFIX)
            if dead != self._settings.worker_id:
                self._queue.take_over(dead)
                self._leases.release(name, dead)


def _machine_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
