"""Files in an S3 bucket, or in any storage that speaks S3.

A put is atomic there: an object appears whole under its key, large ones by a multipart upload that is completed last.
"Create only" is a condition of the put, so two writers cannot both win.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from muster.export.destinations.destination import (
    DestinationAway,
    FileIsThere,
    PlaceMissing,
    PlaceRefused,
    SignInRefused,
)
from muster.kernel.errors import MusterError

if TYPE_CHECKING:
    from obstore.store import S3Credential

_BLOCK_BYTES = 8 << 20
_BAD_KEYS = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "AuthFailure")
_DEFAULT_REGION = "us-east-1"


class S3Destination:
    """One bucket.

    Args:
        endpoint: Address of the storage, buckets in the path; empty: AWS itself.
        bucket: May be empty for `check` alone.
    """

    def __init__(
        self, *, bucket: str, access_key: str, secret_key: str, endpoint: str = "", region: str = ""
    ) -> None:
        self._bucket = bucket
        self._keys = (access_key, secret_key)
        self._endpoint = endpoint.rstrip("/")
        self._region = region or _DEFAULT_REGION
        self._store = self._open(bucket) if bucket else None

    @property
    def location(self) -> str:
        return f"s3://{urlsplit(self._endpoint).netloc or 'aws'}/{self._bucket}"

    def check(self) -> None:
        # A bucket that nobody has: the storage looks at the signature first, so "no such bucket" proves the keys.
        bucket = self._bucket or f"muster-check-{uuid4().hex}"
        try:
            next(iter(obstore.list(self._open(bucket), prefix="muster-check-", chunk_size=1)), None)
        except (BaseError, FileNotFoundError) as error:
            problem = self._translated(error, "look at", f"bucket {bucket}")
            if isinstance(problem, SignInRefused | DestinationAway):
                raise problem from error
            if self._bucket:
                raise problem from error

    def head(self, name: str) -> int | None:
        try:
            return int(self._opened().head(name)["size"])
        except FileNotFoundError:
            return None
        except BaseError as error:
            if isinstance(error, PermissionDeniedError):
                # The answer to a HEAD has no body; a listing is refused with the reason.
                self.check()
            raise self._translated(error, "look at", name) from error

    def publish(self, name: str, local_path: Path, *, create_only: bool) -> None:
        mode: Any = "create" if create_only else "overwrite"
        try:
            with local_path.open("rb") as file:
                obstore.put(self._opened(), name, file, mode=mode, chunk_size=_BLOCK_BYTES, max_concurrency=4)
        except (AlreadyExistsError, PreconditionError) as error:
            raise FileIsThere(self.location, name) from error
        except (BaseError, FileNotFoundError) as error:
            raise self._translated(error, "write", name) from error

    def read(self, name: str) -> Iterator[bytes]:
        try:
            for block in self._opened().get(name).stream(min_chunk_size=_BLOCK_BYTES):
                yield bytes(block)
        except (BaseError, FileNotFoundError) as error:
            raise self._translated(error, "read", name) from error

    def delete(self, name: str) -> None:
        try:
            self._opened().delete(name)
        except FileNotFoundError:
            return
        except BaseError as error:
            raise self._translated(error, "delete", name) from error

    def _opened(self) -> S3Store:
        if self._store is None:
            raise PlaceMissing(self.location, "a bucket")
        return self._store

    def _open(self, bucket: str) -> S3Store:
        access_key, secret_key = self._keys
        endpoint = self._endpoint or f"https://s3.{self._region}.amazonaws.com"

        def credentials() -> S3Credential:
            return {
                "access_key_id": access_key,
                "secret_access_key": secret_key,
                "token": None,
                "expires_at": None,
            }

        # In these forms the server's own AWS_* variables cannot replace what the customer gave: an endpoint named by
        # its full key, and credentials from a provider, which no session token of the environment joins.
        return S3Store(
            bucket,
            config={
                "aws_endpoint_url_s3": endpoint,
                "region": self._region,
                "skip_signature": False,
                "virtual_hosted_style_request": False,
            },
            credential_provider=credentials,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "timeout": "300s",
                "connect_timeout": "10s",
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
        )

    def _translated(self, error: BaseException, action: str, place: str) -> MusterError:
        text = str(error)
        if found := [name for name in _BAD_KEYS if name in text]:
            return SignInRefused(self.location, f"the key id or the secret is wrong ({found[0]})")
        if "NoSuchBucket" in text:
            return PlaceMissing(self.location, f"bucket {self._bucket}")
        if isinstance(error, UnauthenticatedError):
            return SignInRefused(self.location, "the key id or the secret is wrong")
        if isinstance(error, PermissionDeniedError) or "AccessDenied" in text:
            return PlaceRefused(self.location, action, place)
        if isinstance(error, FileNotFoundError):
            return PlaceMissing(self.location, place)
        if isinstance(error, NotSupportedError | NotImplementedError):
            return PlaceRefused(self.location, f"{action} on condition", place)
        if isinstance(error, GenericError) and "403" in text:
            # Listing, and answers without a body, name no reason.
            return SignInRefused(self.location, "the storage answered 403")
        return DestinationAway(self.location, _first_line(text))


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else "no reason given"
