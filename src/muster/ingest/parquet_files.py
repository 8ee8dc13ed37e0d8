"""Parquet files: nested columns with XDM's names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from muster.ingest.conform import conform_rows
from muster.ingest.files import EMPTY_FILE, Chunk, FileUnreadable
from muster.ingest.problems import CORRUPT


def read_parquet(path: Path, name: str, form: dict[str, Any], rows_max: int) -> Iterator[Chunk]:
    """The chunks of a Parquet file; its `form` says nothing further."""
    if not path.stat().st_size:
        raise FileUnreadable(EMPTY_FILE, name, "the file is empty")
    first = 1
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=rows_max, use_threads=False):
                yield _chunk(batch, first)
                first += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise FileUnreadable(CORRUPT, name, f"the file is no readable Parquet: {error}") from error


def _chunk(batch: pa.RecordBatch, first: int) -> Chunk:
    def original(position: int) -> dict[str, Any]:
        row: dict[str, Any] = batch.slice(position, 1).to_pylist()[0]
        return row

    rows = batch.to_struct_array()
    numbers = range(first, first + batch.num_rows)
    return Chunk(numbers, (), lambda field, problems: conform_rows(rows, field, problems), original)
