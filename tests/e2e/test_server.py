"""The server as a set of processes."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.client import Client
from tests.e2e.server import children_of, running_server


def test_server_is_a_supervisor_with_an_api_and_a_worker_and_ends_whole(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert sorted(children_of(server.pid).values()) == ["api", "worker"]
        with Client(server.base_url) as client:
            assert client.get("/health/ready")["status"] == "ready"
    # The block raised StillRunning otherwise.
    assert children_of(server.pid) == {}
    assert not server.is_ready()
