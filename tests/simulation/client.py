"""A client that waits while the server is away: it is killed and started again under the client's hands."""

from __future__ import annotations

import time
from typing import Any

import httpx2
from tests.e2e.client import Client

AWAY_TIMEOUT_S = 60.0
POLL_S = 0.05


class PatientClient(Client):
    """Asks again when a read finds nobody. What changes something is sent once: whoever sends it decides about more."""

    def call(self, method: str, path: str, *arguments: Any, **options: Any) -> httpx2.Response:
        deadline = time.monotonic() + AWAY_TIMEOUT_S
        while True:
            try:
                return super().call(method, path, *arguments, **options)
            except httpx2.TransportError:
                if method != "GET" or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)

    def answers(self, path: str) -> bool:
        """Whether somebody is there and answers 200."""
        try:
            return super().call("GET", path).status_code == 200
        except httpx2.TransportError:
            return False
