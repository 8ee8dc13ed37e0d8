"""Rows as the dataset preview prints them: flat, and every value text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from muster.catalog.batches import Batches
from muster.kernel.clock import to_ms
from muster.storage.workspace import Workspace

PREVIEW_ROWS = 100

_DAY_ZERO = date(1970, 1, 1)


def preview_rows(workspace: Workspace, dataset_id: str) -> list[dict[str, str]]:
    """The first rows of the newest successful batch of a dataset; none when there is no such batch."""
    batches = Batches(workspace)
    batch = batches.latest_success(dataset_id)
    if batch is None:
        return []
    rows: list[dict[str, str]] = []
    for file in batches.files(batch.id, "data"):
        if len(rows) >= PREVIEW_ROWS:
            break
        with pq.ParquetFile(workspace.lake.local(file.path)) as parquet:
            head = next(parquet.iter_batches(batch_size=PREVIEW_ROWS - len(rows), use_threads=False), None)
        if head is not None:
            rows += [flat(row) for row in _rows(head)]
    return rows


def flat(row: Mapping[str, Any]) -> dict[str, str]:
    """One row as recorded: nested names joined by `_`, list items as `<list>_list_element_<field>`, nulls left out.

    Items of a list share their names; the recorded form has no number for them, so the first item that has a field
    shows its value.
    """
    found: dict[str, str] = {}
    for name, value in row.items():
        _flatten(name, value, found)
    return found


def _flatten(name: str, value: Any, found: dict[str, str]) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        for member, below in value.items():
            _flatten(f"{name}_{member}", below, found)
    elif isinstance(value, list):
        for item in value:
            _flatten(f"{name}_list_element", item, found)
    else:
        found.setdefault(name, _text(value))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return str(to_ms(value if value.tzinfo else value.replace(tzinfo=UTC)))
    if isinstance(value, date):
        return str((value - _DAY_ZERO).days)
    return orjson.dumps(value, default=str).decode()


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows of a batch as Python values, maps as objects."""
    rows: list[dict[str, Any]] = batch.to_pylist(maps_as_pydicts="lossy")
    return rows
