"""CSV files: flat rows under a header of field names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc_csv

from muster.ingest.files import EMPTY_FILE, EMPTY_HEADER, Chunk, CorruptRow, FileUnreadable
from muster.ingest.problems import CORRUPT, Problems
from muster.ingest.scalars import TYPES, column_of_text
from muster.xdm.fields import Field

_BLOCK = 4 << 20


def read_csv(path: Path, name: str, form: dict[str, Any], rows_max: int) -> Iterator[Chunk]:
    """The chunks of a CSV file.

    Args:
        form: `delimiter`, `quote`, `escape`, `charset`; by default comma, double quote, no escape, UTF-8.
    """
    columns = _header(path, name, form)
    invalid: list[pc_csv.InvalidRow] = []

    def skip(row: pc_csv.InvalidRow) -> str:
        invalid.append(row)
        return "skip"

    position = 1
    try:
        with _open(path, form, columns, skip) as reader:
            for batch in reader:
                numbers, corrupt, position = _numbered(batch.num_rows, position, invalid, len(columns))
                yield from _chunks(batch, numbers, corrupt, rows_max)
    except (pa.ArrowException, UnicodeError) as error:
        raise FileUnreadable(CORRUPT, name, f"the file is no readable CSV: {error}") from error
    # Rows that cannot be cut into columns, after the last that can.
    rest = [_corrupt(row, number, len(columns)) for number, row in enumerate(invalid, position)]
    if rest:
        yield Chunk((), rest, lambda _field, _problems: pa.array([], pa.struct([])), _no_row)


def _open(path: Path, form: dict[str, Any], columns: list[str], skip: Any) -> pc_csv.CSVStreamingReader:
    return pc_csv.open_csv(
        path,
        read_options=pc_csv.ReadOptions(
            use_threads=False, block_size=_BLOCK, encoding=str(form.get("charset", "utf-8"))
        ),
        parse_options=_parse_options(form, skip),
        convert_options=pc_csv.ConvertOptions(
            column_types={name: pa.string() for name in columns},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _parse_options(form: dict[str, Any], skip: Any = None) -> pc_csv.ParseOptions:
    return pc_csv.ParseOptions(
        delimiter=str(form.get("delimiter", ",")),
        quote_char=str(form.get("quote", '"')),
        escape_char=form.get("escape") or False,
        newlines_in_values=True,
        invalid_row_handler=skip,
    )


def _header(path: Path, name: str, form: dict[str, Any]) -> list[str]:
    if not path.stat().st_size:
        raise FileUnreadable(EMPTY_FILE, name, "the file is empty")
    try:
        with path.open(encoding=str(form.get("charset", "utf-8-sig")), newline="") as stream:
            line = stream.readline(1 << 20)
        with pc_csv.open_csv(
            pa.BufferReader(line.encode()),
            read_options=pc_csv.ReadOptions(autogenerate_column_names=True, use_threads=False),
            parse_options=_parse_options(form),
            convert_options=pc_csv.ConvertOptions(column_types=None),
        ) as reader:
            fields = [
                str(value) for value in reader.read_next_batch().to_pylist()[0].values() if value is not None
            ]
            count = len(reader.schema)
    except (pa.ArrowException, UnicodeError, StopIteration) as error:
        raise FileUnreadable(EMPTY_HEADER, name, f"the header cannot be read: {error}") from error
    columns = [field.strip() for field in fields]
    if len(columns) < count or not all(columns):
        raise FileUnreadable(EMPTY_HEADER, name, "the header has an empty field name")
    if len(set(columns)) < len(columns):
        twice = sorted({column for column in columns if columns.count(column) > 1})
        raise FileUnreadable(EMPTY_HEADER, name, f"the header names {', '.join(twice)} more than once")
    return columns


def _numbered(
    count: int, position: int, invalid: list[pc_csv.InvalidRow], width: int
) -> tuple[list[int], list[CorruptRow], int]:
    """Numbers of the rows of a block, counted past the rows that were skipped before them."""
    skipped = {row.number - 1: row for row in invalid if row.number is not None}
    numbers: list[int] = []
    corrupt: list[CorruptRow] = []
    while len(numbers) < count:
        if position in skipped:
            corrupt.append(_corrupt(skipped[position], position, width))
            invalid.remove(skipped[position])
        else:
            numbers.append(position)
        position += 1
    return numbers, corrupt, position


def _corrupt(row: pc_csv.InvalidRow, number: int, width: int) -> CorruptRow:
    shown = number if row.number is None else row.number - 1
    return CorruptRow(shown, str(row.text), f"the row has {row.actual_columns} fields, the header {width}")


def _chunks(
    batch: pa.RecordBatch, numbers: list[int], corrupt: list[CorruptRow], rows_max: int
) -> Iterator[Chunk]:
    for start in range(0, max(batch.num_rows, 1), rows_max):
        part = batch.slice(start, rows_max)
        yield _chunk(part, numbers[start : start + rows_max], corrupt if start == 0 else [])


def _chunk(batch: pa.RecordBatch, numbers: list[int], corrupt: list[CorruptRow]) -> Chunk:
    def original(position: int) -> dict[str, Any]:
        row: dict[str, Any] = batch.slice(position, 1).to_pylist()[0]
        return row

    return Chunk(numbers, corrupt, lambda field, problems: _columns(batch, field, problems), original)


def _columns(batch: pa.RecordBatch, field: Field, problems: Problems) -> pa.StructArray:
    columns: dict[str, pa.Array] = {}
    known = [name for name in field.fields if name in batch.schema.names]
    for name in [*known, *sorted(set(batch.schema.names) - set(known))]:
        text = batch.column(name)
        member = field.fields.get(name)
        if member is None:
            columns[name] = text
        elif member.kind in TYPES:
            columns[name] = column_of_text(text, range(len(text)), member.kind, name, problems)
        else:
            for position, value in enumerate(text.to_pylist()):
                if value is not None:
                    problems.found(position, name, value, f"{member.kind}; CSV files hold flat fields only")
    if not columns:
        return pa.array([{}] * batch.num_rows, pa.struct([]))
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))


def _no_row(position: int) -> dict[str, Any]:
    raise IndexError(position)
