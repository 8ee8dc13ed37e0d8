"""The writers of all formats behind one face, and the cutting of one export into files."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from muster.export.files.csv import CsvWriter, Dialect

_HASH_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is written.

    Attributes:
        file_type: `CSV`, `TAB_DELIMITED`, `JSON` (an object a line) or `PARQUET`.
        headers: Names of the columns, in order.
        types: Arrow types of the columns, for formats that have them; a column that differs is cast.
        packed: Whether it is compressed with gzip: the file, or the pages of Parquet.
    """

    file_type: str
    headers: tuple[str, ...]
    types: tuple[pa.DataType, ...]
    packed: bool
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A file in the local spool, synced."""

    path: Path
    row_count: int
    byte_count: int
    sha256: str


class _Writer(Protocol):
    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class _JsonLines:
    """An object a line; an absent value has no key."""

    def __init__(self, file: BinaryIO, headers: Sequence[str]) -> None:
        self._file = file
        self._headers = tuple(headers)

    def write(self, table: pa.Table) -> None:
        for row in table.rename_columns(list(self._headers)).to_pylist(maps_as_pydicts="lossy"):
            present = {name: value for name, value in row.items() if value is not None}
            self._file.write(orjson.dumps(present, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))

    def close(self) -> None:
        """Nothing follows the last line."""


class _Parquet:
    def __init__(self, file: BinaryIO, format_: Format) -> None:
        fields = [pa.field(name, type_) for name, type_ in zip(format_.headers, format_.types, strict=True)]
        self._schema = pa.schema(fields)
        compression = "gzip" if format_.packed else "snappy"
        self._writer = pq.ParquetWriter(file, self._schema, compression=compression)

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table.rename_columns(self._schema.names).cast(self._schema))

    def close(self) -> None:
        self._writer.close()


def write_files(folder: Path, tables: Iterable[pa.Table], format_: Format, rows_max: int) -> list[BuiltFile]:
    """Write rows into as many files as the bound asks for; the same rows give the same bytes.

    Args:
        folder: Emptied of earlier parts, which a killed step may have left.
        tables: Columns in the order of the format's headers.
        rows_max: Rows of one file; each has its own header.
    Returns:
        At least one file: an export without rows has a header only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("part-*"):
        left.unlink()
    parts: list[_Part] = [_Part(folder / "part-1", format_)]
    try:
        for table in tables:
            start = 0
            while start < table.num_rows:
                if parts[-1].row_count == rows_max:
                    parts[-1].close()
                    parts.append(_Part(folder / f"part-{len(parts) + 1}", format_))
                piece = table.slice(start, rows_max - parts[-1].row_count)
                parts[-1].write(piece)
                start += piece.num_rows
    finally:
        parts[-1].close()
    _sync_folder(folder)
    return [part.built() for part in parts]


class _Part:
    def __init__(self, path: Path, format_: Format) -> None:
        self._path = path
        self.row_count = 0
        self._stack = ExitStack()
        raw = self._stack.enter_context(path.open("wb"))
        self._raw: IO[bytes] = raw
        file: BinaryIO = cast(BinaryIO, raw)
        if format_.packed and format_.file_type != "PARQUET":
            # Without time and name in its head, a retry makes the same bytes.
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6)
            file = cast(BinaryIO, self._stack.enter_context(packed))
        self._writer = _writer(file, format_)
        self._closed = False

    def write(self, table: pa.Table) -> None:
        self._writer.write(table)
        self.row_count += table.num_rows

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._stack.close()

    def built(self) -> BuiltFile:
        return BuiltFile(self._path, self.row_count, self._path.stat().st_size, hash_and_sync(self._path))


def _writer(file: BinaryIO, format_: Format) -> _Writer:
    if format_.file_type == "PARQUET":
        return _Parquet(file, format_)
    if format_.file_type == "JSON":
        return _JsonLines(file, format_.headers)
    return CsvWriter(file, format_.headers, format_.dialect)


def hash_and_sync(path: Path) -> str:
    """SHA-256 of a file whose bytes survive a power cut when this returns."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK_BYTES):
            digest.update(block)
        os.fsync(file.fileno())
    return digest.hexdigest()


def manifest(run_id: str, scheduled: str, files: Sequence[Any]) -> bytes:
    """The list of what a run delivered. Entries have `folder`, `name` and `size`; written after the files themselves."""
    results = [
        {
            "sinkPath": "/" + f"{each['folder']}/{each['name'].rsplit('.', 1)[0]}".strip("/"),
            "name": each["name"],
            "size": each["size"],
        }
        for each in files
    ]
    body = {"flowRunId": run_id, "scheduledTime": scheduled, "exportResults": results}
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
