"""`muster serve`: keeps an API process and its workers running. Whatever is killed is started again; nothing is lost."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import structlog

from muster.kernel.errors import MusterError
from muster.settings import Settings, as_environment

_PR_SET_PDEATHSIG = 1
_RESTART_PAUSE_S = 0.2
_RESTART_PAUSE_MAX_S = 5.0
_STEADY_S = 10.0
_STOP_PATIENCE_S = 15.0
_WORKER_NICENESS = 5

_log = structlog.get_logger("muster.supervisor")


@dataclass(eq=False)
class DataDirectoryTaken(MusterError):
    """Another server is using {data_dir}. Stop it, or choose another --data-dir."""

    data_dir: str


@dataclass(slots=True)
class _Child:
    """A process that is kept running."""

    name: str
    command: tuple[str, ...]
    settings: Settings
    nice: int
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    pause_s: float = _RESTART_PAUSE_S
    due_s: float = 0.0


class Supervisor:
    """Starts the children, watches them, ends them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        module = (sys.executable, "-m", "muster")
        self._children = [_Child("api", (*module, "api"), settings, 0)]
        for number in range(1, settings.workers + 1):
            # A stable name: a restarted worker goes on with what it left, and starts only after its predecessor was reaped.
            own = replace(settings, worker_id=f"{settings.worker_id.rsplit('-', 1)[0]}-{number}")
            self._children.append(_Child(own.worker_id, (*module, "worker"), own, _WORKER_NICENESS))

    def run(self) -> int:
        """Keep the children running until SIGTERM or SIGINT; the exit code."""
        lock = _lock(self._settings.data_dir)
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        while not self._stop.is_set():
            for child in self._children:
                self._watch(child)
            self._stop.wait(0.05)
        self._end()
        os.close(lock)
        return 0

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _watch(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            _log.warning("child_ended", child=child.name, code=code)
            child.process = None
            steady = now - child.started_s > _STEADY_S
            child.pause_s = _RESTART_PAUSE_S if steady else min(child.pause_s * 2, _RESTART_PAUSE_MAX_S)
            child.due_s = now + child.pause_s
        if now >= child.due_s:
            child.started_s = now
            child.process = _start(child)

    def _end(self) -> None:
        # Workers first: the API goes on answering while they hand their jobs back.
        for child in reversed(self._children):
            if child.process is not None:
                child.process.terminate()
        deadline = time.monotonic() + _STOP_PATIENCE_S
        for child in self._children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.warning("child_killed", child=child.name)
                child.process.kill()
                child.process.wait()


def _start(child: _Child) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **as_environment(child.settings)}
    parent = os.getpid()

    def follow_parent() -> None:
        # Linux ends the child when the supervisor dies, even by `kill -9`. Checked after: it may have died just before.
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
        if child.nice:
            os.nice(child.nice)

    process = subprocess.Popen(child.command, env=environment, preexec_fn=follow_parent)  # noqa: PLW1509
    _log.info("child_started", child=child.name, pid=process.pid)
    return process


def _lock(data_dir: Path) -> int:
    """One server a data directory. Raises `DataDirectoryTaken`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise DataDirectoryTaken(str(data_dir)) from error
    return descriptor
