"""A look at an uploaded file before its batch is complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from muster.catalog.batches import batch_in
from muster.catalog.files import page_of_files
from muster.ingest.csv_files import read_csv
from muster.ingest.files import Chunk, FileUnreadable, Reader
from muster.ingest.json_files import read_json
from muster.ingest.parquet_files import read_parquet
from muster.kernel.errors import Invalid, NotFound
from muster.storage.records import Document
from muster.storage.workspace import Workspace

READERS: Mapping[str, Reader] = {"json": read_json, "parquet": read_parquet, "csv": read_csv}


def preview_upload(
    workspace: Workspace, batch_id: str, dataset_id: str, form: Mapping[str, Any], row_count: int
) -> Document:
    """The first rows of the first uploaded file, unchecked.

    Args:
        form: Says otherwise than the batch how the file is to be read.
    Returns:
        `{formatParams, preview: {columns: [{name}], rows: [[value, …]]}}`; without a file no rows.
    Raises:
        NotFound: The batch, or the dataset in it.
        Invalid: The file cannot be read so.
    """
    with workspace.records.read() as tx:
        batch = batch_in(tx, batch_id)
        uploads = page_of_files(tx, batch_id, "upload", 0, 1).items
    if batch.dataset_id != dataset_id:
        raise NotFound("dataset", f"{dataset_id} in batch {batch_id}")
    reading = {**batch.input_format, **form}
    reading["format"] = str(reading["format"]).lower()
    if reading["format"] not in READERS:
        raise Invalid.at("format", f"{reading['format']!r} is none of {', '.join(READERS)}")
    rows: list[dict[str, Any]] = []
    if uploads:
        path = workspace.lake.local(uploads[0].path)
        try:
            chunks = READERS[reading["format"]](path, uploads[0].name, reading, row_count)
            rows = list(islice(_rows(chunks), row_count))
        except FileUnreadable as error:
            raise Invalid.at("", str(error), error.code) from error
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return {
        "formatParams": reading,
        "preview": {
            "columns": [{"name": name} for name in columns],
            "rows": [[row.get(name) for name in columns] for row in rows],
        },
    }


def _rows(chunks: Iterator[Chunk]) -> Iterator[dict[str, Any]]:
    for chunk in chunks:
        for position in range(len(chunk.numbers)):
            yield chunk.original(position)
