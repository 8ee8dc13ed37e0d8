"""A client of the REST API in one small class: the four headers of every call, and waiting for what runs by itself."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from muster.demo.failure import DemoFailed

CLIENT_ID = CLIENT_SECRET = "dev"  # noqa: S105 - the emulator's, known to everybody
ORG = "dev@AdobeOrg"
"""What the emulator takes; a real installation prints its own at the first start."""

CATALOG = "/data/foundation/catalog"
CONVERSION = "/data/foundation/conversion"
DATA_ACCESS = "/data/foundation/export"
FLOW = "/data/foundation/flowservice"
IMPORT = "/data/foundation/import"
NAMESPACES = "/data/core/idnamespace"
REGISTRY = "/data/foundation/schemaregistry"
UPS = "/data/core/ups"

_GOOD_ENDS = {"success", "succeeded"}
_BAD_ENDS = {"failure", "failed", "cancelled", "aborted", "inactive", "abandoned"}
_CALL_S = 120.0
_PAUSE_S = 0.1


class Client:
    """Calls to one server as one client of one organisation, in the default sandbox.

    Attributes:
        base_url: Scheme, host and port.
        call_count: How many requests were sent so far; waiting counts as one.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.call_count = 0
        self._headers: dict[str, str] = {}

    def sign_in(self) -> int:
        """Get an access token for the calls that follow; how long it lives, in seconds."""
        form = (
            f"grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=openid"
        )
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._send("POST", "/ims/token/v3", form.encode(), kind)
        self._headers = {
            "Authorization": f"Bearer {answer['access_token']}",
            "x-api-key": CLIENT_ID,
            "x-gw-ims-org-id": ORG,
            "x-sandbox-name": "prod",
        }
        return int(answer["expires_in"])

    def get(self, path: str, **headers: str) -> Any:
        """The parsed answer to a GET."""
        return self._send("GET", path, None, headers)

    def get_bytes(self, path: str) -> bytes:
        """The answer to a GET as it came."""
        return self._exchange("GET", path, None, {})

    def post(self, path: str, body: Any = None) -> Any:
        """The parsed answer to a POST of JSON."""
        return self._send_json("POST", path, body)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        """The parsed answer to a PATCH of JSON."""
        return self._send_json("PATCH", path, body, **headers)

    def upload(self, path: str, file: Path) -> None:
        """PUT the bytes of a file."""
        self._send("PUT", path, file.read_bytes(), {"Content-Type": "application/octet-stream"})

    def wait(self, path: str, state_of: Callable[[Any], str], timeout_s: float = 300.0) -> Any:
        """Read a resource until it says that its work is done.

        Args:
            state_of: Where the resource keeps its state.
        Raises:
            DemoFailed: The work failed, or takes too long.
        """
        deadline = time.monotonic() + timeout_s
        calls = self.call_count
        while True:
            body = self.get(path)
            self.call_count = calls + 1
            state = state_of(body).lower()
            if state in _GOOD_ENDS:
                return body
            if state in _BAD_ENDS:
                raise DemoFailed(f"{path} ended as {state}: {_short(json.dumps(body))}")
            if time.monotonic() > deadline:
                raise DemoFailed(f"{path} is still {state or 'waiting'} after {timeout_s:.0f} seconds.")
            time.sleep(_PAUSE_S)

    def _send_json(self, method: str, path: str, body: Any, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return self._send(method, path, data, {"Content-Type": "application/json", **headers})

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Any:
        text = self._exchange(method, path, data, headers)
        return json.loads(text) if text else None

    def _exchange(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        self.call_count += 1
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(  # noqa: S310 - the address is our own server's
            self.base_url + path, data, {**self._headers, **headers}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=_CALL_S) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            said = _short(error.read().decode(errors="replace"))
            raise DemoFailed(f"{method} {path} was answered with {error.code}: {said}") from error
        except OSError as error:
            raise DemoFailed(f"{method} {path} got no answer from {self.base_url}: {error}") from error


def _short(text: str) -> str:
    return text if len(text) <= 600 else f"{text[:600]}…"
