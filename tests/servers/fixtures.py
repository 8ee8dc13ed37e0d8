"""Session fixtures: one real server of each kind for all tests that ask, started by the first of them.

A server that is not on the machine skips the tests that need it; under CI=true it fails them, because a
run that proved nothing must not look like one that did.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import pytest
from tests.servers.openssh import SftpServer, run_sftp_server
from tests.servers.postgres import PostgresServer, run_postgres_server
from tests.servers.process import ServerMissing
from tests.servers.s3 import S3Server, run_s3_server

Server = TypeVar("Server")


@pytest.fixture(scope="session")
def sftp_server() -> Iterator[SftpServer]:
    """OpenSSH; password login only when the tests run as root."""
    with _server_folder("sftp") as folder, _required(run_sftp_server(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """S3 that enforces signatures, with an empty bucket."""
    with _server_folder("s3") as folder, _required(run_s3_server(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """PostgreSQL; `postgres_server.database()` gives the URL of an empty database."""
    with _server_folder("postgres") as folder, _required(run_postgres_server(folder)) as server:
        yield server


@contextlib.contextmanager
def _server_folder(name: str) -> Iterator[Path]:
    """Make a folder that other users of the machine can reach; into pytest's own they cannot look."""
    folder = Path(tempfile.mkdtemp(prefix=f"muster-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _required(server: AbstractContextManager[Server]) -> Iterator[Server]:
    """Run a server; skip the test when the machine does not have it, or fail it under CI=true."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(server)
        except ServerMissing as missing:
            in_ci = os.environ.get("CI") == "true"
            outcome = pytest.fail.Exception if in_ci else pytest.skip.Exception
            raise outcome(str(missing), pytrace=False) from None
        yield running
