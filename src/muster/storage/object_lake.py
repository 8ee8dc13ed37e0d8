"""The lake in an object store, read through a local cache that obstore fills."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from muster.kernel.errors import NotFound, Transient

_CHUNK_BYTES = 8 << 20


class ObjectLake:
    """Files below a prefix of a bucket.

    Credentials and endpoint come from the environment as the AWS tools read it: this is the installation's own store.

    Args:
        url: `s3://bucket/prefix`.
        cache: Directory of local copies; files are immutable, so a copy is never stale.
        cache_bytes_max: The oldest copies go when more is held.
    """

    def __init__(self, url: str, cache: Path, cache_bytes_max: int) -> None:
        parts = urlsplit(url)
        self._store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            client_options={"allow_http": True, "timeout": "60s"},
        )
        self._cache = cache
        self._cache_bytes_max = cache_bytes_max
        self._cache.mkdir(parents=True, exist_ok=True)

    def put(self, path: str, source: Path) -> None:
        with (
            _translated(path),
            source.open("rb") as file,
            obstore.open_writer(self._store, path, buffer_size=_CHUNK_BYTES) as out,
        ):
            while chunk := file.read(_CHUNK_BYTES):
                out.write(chunk)
        source.unlink()

    def local(self, path: str) -> Path:
        cached = self._cached(path)
        if cached.exists():
            os.utime(cached)
            return cached
        self._make_room()
        with _translated(path), tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as part:
            try:
                for chunk in obstore.get(self._store, path).stream(min_chunk_size=_CHUNK_BYTES):
                    part.write(chunk)
            except BaseException:
                os.unlink(part.name)
                raise
        os.replace(part.name, cached)
        return cached

    def delete(self, path: str) -> None:
        with _translated(path):
            obstore.delete(self._store, path)
        self._cached(path).unlink(missing_ok=True)

    def paths(self, prefix: str) -> Iterator[str]:
        with _translated(prefix):
            for page in obstore.list(self._store, prefix):
                yield from (item["path"] for item in page)

    @contextmanager
    def spool(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._cache, prefix="spool-") as folder:
            yield Path(folder)

    def _cached(self, path: str) -> Path:
        # The ending stays: column engines look at it.
        return self._cache / (hashlib.sha256(path.encode()).hexdigest() + Path(path).suffix)

    def _make_room(self) -> None:
        files = sorted((f for f in self._cache.iterdir() if f.is_file()), key=lambda f: f.stat().st_mtime)
        held = sum(f.stat().st_size for f in files)
        for file in files:
            if held <= self._cache_bytes_max:
                return
            held -= file.stat().st_size
            # An open reader keeps the bytes until it closes.
            file.unlink(missing_ok=True)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound("file", path) from error
    except (BaseError, OSError) as error:
        raise Transient("The lake", str(error).splitlines()[0]) from error
