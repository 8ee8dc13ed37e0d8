"""Fixtures of the tests against a whole server: one that many tests share, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.client import Client
from tests.e2e.server import RunningServer, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all tests that leave it running; each works in a sandbox or under names of its own."""
    with running_server(tmp_path_factory.mktemp("muster")) as server:
        yield server


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """A client of the shared server, in the default sandbox."""
    with Client(server.base_url) as client:
        yield client
