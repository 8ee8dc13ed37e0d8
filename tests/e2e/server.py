"""A whole server in processes of its own: supervisor, API and worker, on a free port of loopback.

Everything a test may want to know about it is read from outside: the port answers, `/proc` tells which
processes there are, the log is a file.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import LOOPBACK, free_port, serving

POLL_S = 0.05
CHILDREN_END_TIMEOUT_S = 5.0
# Two Python processes import all there is; on a busy machine with two cores that was seen to take 25 s.
READY_TIMEOUT_S = 90.0
# The supervisor gives its children 15 s to end, and then kills them itself.
STOP_TIMEOUT_S = 25.0
SOURCE = Path(__file__).parents[2] / "src"


@dataclass(eq=False)
class StillRunning(Exception):
    """The server has ended, but these processes of it have not: {left}. The end of its log: {log_tail}"""

    left: str
    log_tail: str

    def __str__(self) -> str:
        return (self.__doc__ or "").format(left=self.left, log_tail=self.log_tail)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """One `muster serve --emulator`.

    Attributes:
        base_url: `http://127.0.0.1:<port>`, without a slash at the end.
        data_dir: Holds all it keeps; a later server on the same directory goes on with it.
        log: What supervisor, API and worker wrote, JSON lines; a later server appends.
        pid: The supervisor's.
    """

    base_url: str
    data_dir: Path
    log: Path
    pid: int

    @property
    def api_pid(self) -> int:
        """Process id of the API at this moment; it changes when the supervisor starts it again."""
        return self._child("api")

    @property
    def worker_pid(self) -> int:
        """Process id of the only worker at this moment; it changes when the supervisor starts it again."""
        return self._child("worker")

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of all workers at this moment."""
        return tuple(pid for pid, role in children_of(self.pid).items() if role == "worker")

    def is_ready(self) -> bool:
        """Whether database, API and a worker are there."""
        return is_ready(self.base_url)

    def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait for `is_ready`; raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{self.base_url} was not ready after {timeout_s:.0f} s: {self.log_tail()}"
                )
            time.sleep(POLL_S)

    def log_tail(self, characters: int = 4000) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-characters:]

    def _child(self, role: str) -> int:
        deadline = time.monotonic() + CHILDREN_END_TIMEOUT_S
        while time.monotonic() < deadline:
            # Between the end of a child and its restart there is none for a moment.
            for pid, found in children_of(self.pid).items():
                if found == role:
                    return pid
            time.sleep(POLL_S)
        raise ProcessLookupError(f"the supervisor {self.pid} has no child {role!r}")


@contextlib.contextmanager
def running_server(
    folder: Path,
    *,
    data_dir: Path | None = None,
    database_url: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[RunningServer]:
    """Run a server for the length of the block; at its end SIGTERM, and a look that no process of it is left.

    Args:
        folder: Its log goes here, and its data to `data` below unless `data_dir` is given. Two blocks one after the
            other with the same folder are a restart.
        database_url: PostgreSQL; default SQLite in the data directory.
        environment: Further variables, `MUSTER_…` for settings. Those of the caller that would change a server
            (`MUSTER_…`, `AWS_…`) are not handed on.
    Raises:
        ServerDidNotStart: It ended by itself or was not ready in 90 s.
        StillRunning: A process of it outlived the end of the supervisor, or the supervisor did not end by itself.
    """
    port = free_port()
    base_url = f"http://{LOOPBACK}:{port}"
    data_dir = data_dir or folder / "data"
    log = folder / "muster.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MUSTER_", "AWS_"))}
    # The code beside these tests, not one that may be installed; a test of an upgrade names another.
    kept |= {"PYTHONPATH": str(SOURCE), "MUSTER_DATABASE_URL": database_url or "", **(environment or {})}
    command = [sys.executable, "-m", "muster", "serve", "--emulator"]
    command += ["--host", LOOPBACK, "--port", str(port), "--data-dir", str(data_dir)]
    seen: dict[int, str] = {}
    stopped_at_s = 0.0
    with serving(
        "muster",
        command,
        log=log,
        ready=lambda: is_ready(base_url),
        env=kept,
        start_timeout_s=READY_TIMEOUT_S,
        stop_timeout_s=STOP_TIMEOUT_S,
    ) as pid:
        server = RunningServer(base_url, data_dir, log, pid)
        try:
            yield server
        finally:
            # Those that are there when the supervisor is asked to end; it starts no further ones.
            seen = _descendants_of(pid)
            stopped_at_s = time.monotonic()
    if time.monotonic() - stopped_at_s >= STOP_TIMEOUT_S:
        raise StillRunning(f"supervisor {pid}, killed after {STOP_TIMEOUT_S:.0f} s", server.log_tail())
    _expect_gone(seen, server)


def is_ready(base_url: str) -> bool:
    """Whether `/health/ready` answers 200."""
    try:
        with urllib.request.urlopen(f"{base_url}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def children_of(pid: int) -> dict[int, str]:
    """Living children of a process: process id → role, the subcommand of `muster` (`api`, `worker`) or else the program."""
    return {child: _role(child) for child, parent in _parents().items() if parent == pid}


def kill(pid: int) -> None:
    """`kill -9`, and wait until the process runs no more."""
    started = _started(pid)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + CHILDREN_END_TIMEOUT_S
    while _started(pid) == started is not None and time.monotonic() < deadline:
        time.sleep(POLL_S / 5)


def _descendants_of(pid: int) -> dict[int, str]:
    """Process id → start time and role of everything below a process."""
    parents = _parents()
    found: dict[int, str] = {}
    todo = [pid]
    while todo:
        parent = todo.pop()
        for child in [child for child, its in parents.items() if its == parent]:
            started = _started(child)
            if started is not None:
                found[child] = started
                todo.append(child)
    return found


def _expect_gone(seen: Mapping[int, str], server: RunningServer) -> None:
    deadline = time.monotonic() + CHILDREN_END_TIMEOUT_S
    # A process id may be in use again: by its start time we tell whether it is still the same process.
    while left := [pid for pid, started in seen.items() if _started(pid) == started]:
        if time.monotonic() > deadline:
            names = ", ".join(f"{_role(pid)} {pid}" for pid in left)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise StillRunning(names, server.log_tail())
        time.sleep(POLL_S)


def _parents() -> dict[int, int]:
    """Parent of every living process."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            found[int(entry.name)] = int(fields[1])
    return found


def _started(pid: int) -> str | None:
    """When a living process started, in ticks since boot; None when it is gone."""
    fields = _stat(pid)
    return None if fields is None else fields[19]


def _stat(pid: int) -> list[str] | None:
    """Fields of `/proc/<pid>/stat` from the state on; None for the dead, zombies among them."""
    try:
        # The name of the program comes before them in parentheses, and may itself hold some.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if not fields or fields[0] in "ZX" else fields


def _role(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    if "muster" in words and words.index("muster") + 1 < len(words):
        return words[words.index("muster") + 1]
    return Path(words[0]).name
