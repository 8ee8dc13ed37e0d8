"""The lake: immutable files by path. Which files exist for a reader is said by the catalog's rows, never by a listing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from muster.kernel.errors import NotFound


class Lake(Protocol):
    """Files of the installation; paths are relative, with `/`."""

    def put(self, path: str, source: Path) -> None:
        """Move a local file into the lake. When this returns the bytes survive a power cut."""
        ...

    def local(self, path: str) -> Path:
        """A local file with the bytes, for reading. Raises `NotFound`."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file; nothing happens when there is none."""
        ...

    def paths(self, prefix: str) -> Iterator[str]:
        """The paths below a prefix; for the garbage collector only."""
        ...

    def spool(self) -> AbstractContextManager[Path]:
        """A private local directory to make files in, on the lake's own disk; gone at the end of the block."""
        ...


class ScopedLake:
    """The files of one scope: the installation's lake below a folder that the holder cannot leave."""

    def __init__(self, lake: Lake, scope_number: int) -> None:
        self._lake = lake
        self._prefix = f"{scope_number}/"

    def put(self, path: str, source: Path) -> None:
        self._lake.put(self._inside(path), source)

    def local(self, path: str) -> Path:
        return self._lake.local(self._inside(path))

    def delete(self, path: str) -> None:
        self._lake.delete(self._inside(path))

    def paths(self, prefix: str) -> Iterator[str]:
        for path in self._lake.paths(self._inside(prefix)):
            yield path.removeprefix(self._prefix)

    def spool(self) -> AbstractContextManager[Path]:
        return self._lake.spool()

    def _inside(self, path: str) -> str:
        if ".." in path.split("/") or path.startswith("/"):
            raise NotFound("file", path)
        return self._prefix + path
