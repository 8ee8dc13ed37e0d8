"""What `convert` does with one file, without a database: read, check, write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from muster.ingest.checks import check_rows
from muster.ingest.preview import READERS
from muster.ingest.problems import Problems
from muster.ingest.spool import RowSpool
from muster.xdm.arrow import arrow_schema
from muster.xdm.fields import Field, Kind

STRING, INTEGER, NUMBER = Field(Kind.STRING), Field(Kind.INTEGER), Field(Kind.NUMBER)


def record(required: frozenset[str] = frozenset(), *, open: bool = True, **fields: Field) -> Field:
    """An object of fields."""
    return Field(Kind.OBJECT, fields=fields, required=required, open=open)


@dataclass(frozen=True)
class Outcome:
    """Good rows, and the messages of the others by row number."""

    table: pa.Table
    failed: dict[int, list[str]]
    content: bytes

    @property
    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.table.to_pylist(maps_as_pydicts="strict")
        return rows


def read(folder: Path, file: Path, schema: Field, *, chunk_rows: int = 20_000, **form: Any) -> Outcome:
    """Read a file in chunks of so many rows."""
    form = {"format": "json", **form}
    made = folder / f"made-{chunk_rows}"
    made.mkdir()
    spool = RowSpool(made, arrow_schema(schema))
    failed: dict[int, list[str]] = {}
    for chunk in READERS[form["format"]](file, file.name, form, chunk_rows):
        for row in chunk.corrupt:
            failed[row.number] = [row.message]
        problems = Problems()
        columns = chunk.build(schema, problems)
        check_rows(columns, schema, problems)
        for position, found in problems.by_position.items():
            failed[chunk.numbers[position]] = [problem.message for problem in found]
        good = [position not in problems.by_position for position in range(len(columns))]
        spool.add(columns, pa.array(good, pa.bool_()))
    files = spool.write(made)
    if not files:
        return Outcome(pa.table({}), failed, b"")
    return Outcome(pq.read_table(files[0][0]), failed, files[0][0].read_bytes())


def read_lines(folder: Path, schema: Field, *lines: str, **options: Any) -> Outcome:
    """Read JSON lines."""
    file = folder / "rows.json"
    file.write_text("\n".join(lines))
    return read(folder, file, schema, **options)
