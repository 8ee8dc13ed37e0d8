"""The two servers of the demo, as processes of its own on free ports of this machine; both end with it."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muster.demo.failure import DemoFailed

_HOST = "127.0.0.1"
_START_S = 60.0
_END_S = 30.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket in the local S3 server, with keys of the form that Amazon gives out."""

    endpoint: str
    name: str = "muster-demo"
    access_key: str = "AKIAMUSTERDEMO234567"
    secret_key: str = "localdemolocaldemolocaldemolocaldemo0000"  # noqa: S105 - opens nothing but the demo's own server

    def make(self) -> None:
        """Make the bucket in its server."""
        self._ask("create_bucket")

    def sizes(self) -> dict[str, int]:
        """All objects with their sizes in bytes."""
        return {item["Key"]: int(item["Size"]) for item in self._ask("list_objects_v2").get("Contents", [])}

    def read(self, key: str) -> bytes:
        """The bytes of an object."""
        return bytes(self._ask("get_object", Key=key)["Body"].read())

    def _ask(self, operation: str, **arguments: str) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client(), operation)(Bucket=self.name, **arguments)
        except (BotoCoreError, ClientError) as error:
            raise DemoFailed(f"The local S3 server did not do {operation}: {error}") from error

    def _client(self) -> Any:
        # The client that anybody would use; it comes with the local S3 server and is slow to load.
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )


@contextmanager
def s3_server(logs: Path) -> Iterator[Bucket]:
    """An S3-compatible server (moto) with one empty bucket."""
    if importlib.util.find_spec("moto") is None:
        raise DemoFailed("The local S3 server is not installed; `pip install muster-cdp[demo]` brings it.")
    port = _free_port()
    bucket = Bucket(f"http://{_HOST}:{port}")
    command = [sys.executable, "-m", "moto.server", "-H", _HOST, "-p", str(port)]
    with _running("the local S3 server", command, {}, logs / "s3.log", f"{bucket.endpoint}/moto-api/"):
        bucket.make()
        yield bucket


@contextmanager
def muster_server(data_dir: Path, logs: Path, bucket: Bucket) -> Iterator[str]:
    """`muster serve --emulator` on an empty data directory; gives its address."""
    port = _free_port()
    address = f"http://{_HOST}:{port}"
    command = [
        sys.executable,
        "-m",
        "muster",
        "serve",
        "--emulator",
        "--port",
        str(port),
        "--data-dir",
        str(data_dir),
    ]
    # The requests to come name a bucket and no server, as they would for Amazon; this says where buckets are.
    settings = {"MUSTER_S3_ENDPOINT": bucket.endpoint}
    with _running("Muster", command, settings, logs / "muster.log", f"{address}/health/ready"):
        yield address


@contextmanager
def _running(
    name: str, command: Sequence[str], settings: Mapping[str, str], log: Path, ready: str
) -> Iterator[None]:
    """A process that has begun to answer; ended, by its own id, whatever happens meanwhile."""
    foreign = ("MUSTER_", "AWS_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    with log.open("wb") as output:
        # A session of its own: Ctrl-C comes to the demo alone, which then ends its servers in order.
        process = subprocess.Popen(
            command,
            env={**environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await(name, process, ready, log)
            yield
        finally:
            _end(process)


def _await(name: str, process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not _answers(address):
        if process.poll() is not None:
            raise DemoFailed(f"{name} ended with code {process.returncode} while it started; see {log}.")
        if time.monotonic() > deadline:
            raise DemoFailed(f"{name} did not answer within {_START_S:.0f} seconds; see {log}.")
        time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        # The second Ctrl-C means: now.
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
