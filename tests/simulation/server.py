"""An installation that a test may break: its processes can be killed, stopped and started again on the same data."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from tests.servers.process import LOOPBACK, free_port
from tests.simulation.client import PatientClient

Found = TypeVar("Found")

SOURCE = Path(__file__).parents[2] / "src"
PLAIN_INSTALL = Path(__file__).parent / "plain_install"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.02


class Installation:
    """One data directory and the processes that work on it.

    The three ways to run it are `serve` (the supervisor with its children), `start_api` and `start_worker` (single
    processes, which nobody starts again). All end with the test.

    Args:
        folder: Holds the data directory and the log.
        environment: `MUSTER_…` variables of every process.
        source: Folder that the package is imported from.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str] | None = None, source: Path = SOURCE
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data_dir = folder / "data"
        self.log = folder / "server.log"
        self.port = free_port()
        self.source = source
        self.environment = dict(environment or {})
        self._clients: list[PatientClient] = []
        self.client = self.client_of(None)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def client_of(self, sandbox: str | None) -> PatientClient:
        """A client in a sandbox; closed with the installation."""
        made = PatientClient(f"http://{LOOPBACK}:{self.port}", sandbox)
        self._clients.append(made)
        return made

    def update(self, source: Path) -> None:
        """Let what is started from now on run another build."""
        self.source = source

    @property
    def database_url(self) -> str:
        """Where the resources are."""
        return self.environment.get("MUSTER_DATABASE_URL") or f"sqlite:///{self.data_dir / 'muster.db'}"

    @property
    def marker(self) -> Path:
        """The file that a worker leaves when it dies where it was told to."""
        return self.data_dir / "crashed-once"

    def serve(self, crash_at: str = "", **variables: str) -> None:
        """Start the supervisor and wait until a worker has started."""
        self.start_supervisor(crash_at, **variables)
        self.wait_ready()

    def start_supervisor(self, crash_at: str = "", **variables: str) -> None:
        """Start the supervisor and wait for nothing."""
        command = ("serve", "--emulator", "--port", str(self.port), "--data-dir", str(self.data_dir))
        self._start("supervisor", command, {"MUSTER_CRASH_AT": crash_at, **variables})

    def start_api(self) -> None:
        """Start the API process alone."""
        self._start("api", ("api",), {})
        wait_for(lambda: self.client.answers("/health/live"), "the API answers", START_TIMEOUT_S)

    def start_worker(self, crash_at: str = "", worker_id: str = "worker-1", **variables: str) -> None:
        """Start one worker process alone and wait until it works."""
        before = self._started_count(worker_id)
        own = {"MUSTER_CRASH_AT": crash_at, "MUSTER_WORKER_ID": worker_id, **variables}
        self._start(worker_id, ("worker",), own)
        wait_for(lambda: self._started_count(worker_id) > before, f"{worker_id} works", START_TIMEOUT_S)

    def wait_ready(self) -> None:
        """Wait until the API answers and a worker has started."""
        wait_for(lambda: self.client.answers("/health/ready"), "the server is ready", START_TIMEOUT_S)

    def wait_crashed(self) -> None:
        """Wait until a worker has died where it was told to."""
        wait_for(self.marker.exists, "the worker dies where it was told to", START_TIMEOUT_S)

    def is_running(self, name: str) -> bool:
        """Whether a process that was started here still runs."""
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def pid(self, name: str) -> int:
        """The process id of one that was started here, or of a child of the supervisor: `api`, `worker-1` …"""
        if name in self._processes:
            return self._processes[name].pid
        pid = wait_for(lambda: self.children().get(name), f"{name} runs", START_TIMEOUT_S)
        assert pid is not None
        return pid

    def children(self) -> dict[str, int]:
        """The supervisor's living children by name."""
        supervisor = self._processes["supervisor"].pid
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and (name := _child_name(folder, supervisor)):
                found[name] = int(folder.name)
        return found

    def kill(self, name: str) -> int:
        """`kill -9` a process; gives the id that it had."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        process = self._processes.get(name)
        if process is not None:
            process.wait(STOP_TIMEOUT_S)
        wait_for(lambda: not _lives(pid), f"{name} is gone", STOP_TIMEOUT_S)
        return pid

    def ask_to_stop(self, name: str = "supervisor") -> None:
        """Send SIGTERM and do not wait."""
        os.kill(self.pid(name), signal.SIGTERM)

    def wait_ended(self, name: str = "supervisor") -> int:
        """Wait until a process has ended; gives its exit code."""
        return self._processes[name].wait(STOP_TIMEOUT_S)

    def stop(self) -> None:
        """End everything in order. Fails when a process must be killed for it, or leaves a child behind."""
        running = [name for name in self._processes if self.is_running(name)]
        children = self.children() if "supervisor" in running else {}
        for name in running:
            self.ask_to_stop(name)
        codes = {name: self.wait_ended(name) for name in running}
        assert set(codes.values()) <= {0, -signal.SIGTERM}, f"{codes}\n{self.log_tail()}"
        assert not [name for name, pid in children.items() if _lives(pid)]

    def end(self) -> None:
        """End everything, whatever state it is in."""
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(STOP_TIMEOUT_S)
        for client in self._clients:
            client.close()

    def log_text(self) -> str:
        """What all processes wrote so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @contextlib.contextmanager
    def told_on_failure(self) -> Iterator[None]:
        """Show the end of the log when the block fails."""
        try:
            yield
        except BaseException:
            sys.stderr.write(self.log_tail())
            raise

    def log_tail(self) -> str:
        """The end of it."""
        return self.log_text()[-6000:]

    def _start(self, name: str, command: tuple[str, ...], own: Mapping[str, str]) -> None:
        assert not self.is_running(name), f"{name} runs already"
        # Without compiled modules of their own, processes that start again and again would spend their time compiling.
        dropped = ("MUSTER_", "AWS_", "PYTHONDONTWRITEBYTECODE")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        variables = {
            **inherited,
            "PYTHONPATH": os.pathsep.join([str(self.source), str(PLAIN_INSTALL)]),
            "MUSTER_EMULATOR": "1",
            "MUSTER_PORT": str(self.port),
            "MUSTER_DATA_DIR": str(self.data_dir),
            **self.environment,
            **own,
        }
        with self.log.open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "muster", *command],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _started_count(self, worker_id: str) -> int:
        lines = self.log_text().splitlines()
        return sum('"worker_started"' in line and f'"{worker_id}"' in line for line in lines)


@contextlib.contextmanager
def installation(
    folder: Path, environment: Mapping[str, str] | None = None, source: Path = SOURCE
) -> Iterator[Installation]:
    """An installation for the length of a block; nothing of it runs afterwards."""
    made = Installation(folder, environment, source)
    try:
        with made.told_on_failure():
            yield made
    finally:
        made.end()


def wait_for(look: Callable[[], Found], what: str, timeout_s: float = 60.0) -> Found:
    """Look again and again until something is found. Fails with a sentence when it is not in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s in vain until {what}"
        time.sleep(POLL_S)


def _child_name(folder: Path, parent: int) -> str:
    """What the supervisor calls the process; empty for a process that is none of its children."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        if int(fields[1]) != parent or fields[0] == "Z":
            return ""
        role = (folder / "cmdline").read_text().split("\0")[-2:-1]
        variables = (folder / "environ").read_text().split("\0")
    except (OSError, UnicodeDecodeError):
        return ""
    if role == ["worker"]:
        return next(item.partition("=")[2] for item in variables if item.startswith("MUSTER_WORKER_ID="))
    return role[0] if role == ["api"] else ""


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
