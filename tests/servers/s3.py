"""An S3 server that checks signatures: moto in a process of its own, with one user and one bucket."""

import contextlib
import functools
import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from tests.servers.process import LOOPBACK, accepts_connections, free_port, serving

REGION = "us-east-1"
BUCKET = "muster-exports"
# moto serves its first requests unchecked; `_enforce_signatures` ends that, and with it what these keys can do.
BOOTSTRAP_KEY = "bootstrap"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running S3 server and the credentials of the one user who may do anything in S3.

    `access_key` has 20 characters and `secret_key` 40, as AWS makes them. A request with another secret, an unknown
    key or no signature is refused.
    """

    endpoint: str
    region: str
    access_key: str
    secret_key: str
    bucket: str

    def objects(self, prefix: str = "") -> list[str]:
        """Return the keys in the bucket that begin with the prefix, sorted."""
        with self._client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return sorted(str(item["Key"]) for page in pages for item in page.get("Contents", []))

    def read(self, key: str) -> bytes:
        """Return the bytes of one object."""
        with self._client() as client:
            body: bytes = client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def write(self, key: str, body: bytes) -> None:
        """Put one object, as someone other than the product would."""
        with self._client() as client:
            client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, key: str) -> None:
        """Delete one object; silent when there is none."""
        with self._client() as client:
            client.delete_object(Bucket=self.bucket, Key=key)

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        with _client("s3", self.endpoint, self.access_key, self.secret_key) as client:
            yield client


@contextlib.contextmanager
def run_s3_server(folder: Path) -> Iterator[S3Server]:
    """Start an S3 server with an empty bucket, its log in the folder, and end it at the end of the block."""
    port = free_port()
    endpoint = f"http://{LOOPBACK}:{port}"
    # Settings of moto or AWS in the caller's environment would change what the server does.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    with serving(
        "moto",
        [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)],
        log=folder / "moto.log",
        ready=lambda: accepts_connections(port),
        env=env,
    ):
        access_key, secret_key = _make_user(endpoint)
        _enforce_signatures(endpoint)
        server = S3Server(endpoint, REGION, access_key, secret_key, BUCKET)
        with server._client() as client:
            client.create_bucket(Bucket=BUCKET)
        yield server


def _make_user(endpoint: str) -> tuple[str, str]:
    """Make a user who may do anything in S3; return access key and secret."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    with _client("iam", endpoint, BOOTSTRAP_KEY, BOOTSTRAP_KEY) as iam:
        iam.create_user(UserName="exporter")
        iam.put_user_policy(UserName="exporter", PolicyName="s3", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="exporter")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _enforce_signatures(endpoint: str) -> None:
    # The body is the number of further requests that are served without a look at their signature.
    # Python's default content type would make the server take that number for a form.
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


@contextlib.contextmanager
def _client(service: str, endpoint: str, access_key: str, secret_key: str) -> Iterator[Any]:
    client = _session().client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )
    with contextlib.closing(client):
        yield client


@functools.cache
def _session() -> Any:
    # One for all clients: it holds the parsed service descriptions, which take longer to read than a request.
    return boto3.session.Session()
