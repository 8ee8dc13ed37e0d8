"""Child processes that serve on loopback: a free port, a wait until ready, an end by process id."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05
LOG_TAIL_BYTES = 4000
PR_SET_PDEATHSIG = 1


@dataclass(eq=False)
class ServerMissing(Exception):
    """{program} is not on this machine. Install Debian's {package}, or run `make servers` as root."""

    program: str
    package: str

    def __str__(self) -> str:
        return (self.__doc__ or "").format(program=self.program, package=self.package)


@dataclass(eq=False)
class ServerDidNotStart(Exception):
    """{name} did not start: {reason}. The end of its log: {log_tail}"""

    name: str
    reason: str
    log_tail: str

    def __str__(self) -> str:
        return (self.__doc__ or "").format(name=self.name, reason=self.reason, log_tail=self.log_tail)


def find_program(program: str, *, package: str, folders: Sequence[Path] = ()) -> Path:
    """Return the path of a program on PATH or in one of the folders.

    Raises:
        ServerMissing: It is in none of them; `package` is the Debian package that has it.
    """
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, folders)])
    found = shutil.which(program, path=places)
    if found is None:
        raise ServerMissing(program, package)
    return Path(found).absolute()


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def accepts_connections(port: int) -> bool:
    """Tell whether something listens on this port of the loopback address."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def serving(
    name: str,
    argv: Sequence[str],
    *,
    log: Path,
    ready: Callable[[], bool],
    stop_signal: signal.Signals = signal.SIGTERM,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    start_timeout_s: float = START_TIMEOUT_S,
    stop_timeout_s: float = STOP_TIMEOUT_S,
) -> Iterator[int]:
    """Run a server in the foreground of a child process; yields its process id once it is ready.

    Args:
        name: What to call it in errors.
        argv: Program and arguments; the program must not detach itself.
        log: File that receives its output.
        ready: Asked every 50 ms; says whether clients are served.
        stop_signal: What asks this server to end at once.
        user: System user to run as, with that user's groups alone; only root can. Default: the caller.
        env: The whole environment. Default: the caller's.
        start_timeout_s: How long to wait until it is ready.
        stop_timeout_s: How long to wait until it has ended; SIGKILL follows.
    Raises:
        ServerDidNotStart: It ended by itself, or was not ready in time.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env=None if env is None else dict(env),
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            start_new_session=True,  # Ctrl-C goes to the tests, which then end the server in order.
            preexec_fn=_end_with_parent(),  # noqa: PLW1509 - one system call, which takes no lock
        )
    try:
        _wait_until_ready(name, process, log, ready, start_timeout_s)
        yield process.pid
    finally:
        _stop(process, stop_signal, stop_timeout_s)


def _end_with_parent() -> Callable[[], None] | None:
    """Return what makes a child end even when the tests are killed; None where the kernel cannot do it."""
    try:
        # Loaded before the fork: between fork and exec nothing may be imported.
        prctl = ctypes.CDLL(None).prctl
    except AttributeError:
        return None

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_kernel


def _wait_until_ready(
    name: str, process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool], timeout_s: float
) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        if process.poll() is not None:
            raise ServerDidNotStart(name, f"it ended with code {process.returncode}", _tail(log))
        if time.monotonic() > deadline:
            raise ServerDidNotStart(name, f"it was not ready after {timeout_s:.0f} s", _tail(log))
        time.sleep(POLL_S)


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals, timeout_s: float) -> None:
    if process.poll() is None:
        process.send_signal(stop_signal)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
