"""Uploaded files, read in chunks of bounded size, whatever their format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from muster.ingest.problems import Problems
from muster.kernel.errors import MusterError
from muster.xdm.fields import Field

ROWS_MAX = 10_000
BYTES_MAX = 16 << 20
"""A chunk ends at whichever of the two comes first."""

EMPTY_FILE, EMPTY_HEADER = "106", "118"


@dataclass(eq=False)
class FileUnreadable(MusterError):
    """{name}: {reason}."""

    code: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CorruptRow:
    """A piece of a file that is no row at all."""

    number: int
    text: str
    message: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of one file.

    Attributes:
        numbers: What people call each row: its line, or its place among the records; from 1.
        corrupt: Pieces that are no rows, found on the way.
        build: The chunk's columns in the schema's types, as one struct; reports values that do not fit.
        original: A row by its position in the chunk, as it came.
    """

    numbers: Sequence[int]
    corrupt: Sequence[CorruptRow]
    build: Callable[[Field, Problems], pa.StructArray]
    original: Callable[[int], dict[str, Any]]


class Reader(Protocol):
    """Reads one file."""

    def __call__(self, path: Path, name: str, form: dict[str, Any], rows_max: int) -> Iterator[Chunk]:
        """The chunks of a file.

        Args:
            name: What the sender calls the file, for messages.
            form: `inputFormat` of the batch.
            rows_max: Rows of a chunk; the result must not depend on it.
        Raises:
            FileUnreadable: The file as a whole cannot be read.
        """
        ...
