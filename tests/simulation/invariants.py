"""What must hold in every data directory at rest, whatever was killed in it before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import sqlalchemy as sa
from tests.simulation.server import Installation, wait_for


def check_at_rest(running: Installation) -> None:
    """Every job comes to its end, every file that a row mentions is there with its size, and every file is whole."""
    wait_for(lambda: not running.client.get("/emulator/clock")["openJobs"], "all jobs are forgotten")
    for body in _rows(running, "batch_file"):
        sizes = {file.stat().st_size for file in running.data_dir.glob(f"lake/*/{body['path']}")}
        assert body["byteCount"] in sizes, f"{body['path']} is missing or has another size"
    for file in lake_files(running, ".parquet"):
        # Reads all values: a file that was cut has no footer, one that was torn fails in its pages.
        pq.read_table(file)


def lake_files(running: Installation, ending: str = "") -> list[Path]:
    """The files of the lake that carry a final name."""
    lake = running.data_dir / "lake"
    return sorted(
        file for file in lake.rglob(f"*{ending}") if file.is_file() and lake / ".spool" not in file.parents
    )


def states(running: Installation, kind: str) -> list[str]:
    """The states of all records of a kind."""
    return sorted(str(body["status"]) for body in _rows(running, kind))


def _rows(running: Installation, kind: str) -> Iterator[dict[str, Any]]:
    engine = sa.create_engine(running.database_url)
    try:
        with engine.connect() as connection:
            query = sa.text("SELECT body FROM documents WHERE kind = :kind")
            bodies = [row.body for row in connection.execute(query, {"kind": kind})]
    finally:
        engine.dispose()
    for body in bodies:
        yield json.loads(body) if isinstance(body, str) else body
