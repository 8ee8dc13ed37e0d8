"""The lake as a directory. Durability is ours: file and folder are synced before anyone may mention the file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from muster.kernel.errors import NotFound


class LocalLake:
    """Files below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._spools = root / ".spool"
        self._spools.mkdir(parents=True, exist_ok=True)

    def put(self, path: str, source: Path) -> None:
        target = self._at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        sync_file(source)
        os.replace(source, target)
        # The folder's own entry, and those of the folders just made above it.
        for folder in (target.parent, *target.parent.parents):
            sync_folder(folder)
            if folder == self._root:
                break

    def local(self, path: str) -> Path:
        found = self._at(path)
        if not found.is_file():
            raise NotFound("file", path)
        return found

    def delete(self, path: str) -> None:
        self._at(path).unlink(missing_ok=True)

    def paths(self, prefix: str) -> Iterator[str]:
        for found in sorted((self._root / prefix).rglob("*")):
            if found.is_file() and self._spools not in found.parents:
                yield found.relative_to(self._root).as_posix()

    @contextmanager
    def spool(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._spools) as folder:
            yield Path(folder)

    def _at(self, path: str) -> Path:
        resolved = (self._root / path).resolve()
        if not resolved.is_relative_to(self._root.resolve()):
            raise NotFound("file", path)
        return resolved


def sync_file(path: Path) -> None:
    """Wait until the bytes of a file are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the entries of a folder are on the disk."""
    sync_file(path)
