"""Reading in chunks bounds memory and changes nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.ingest.reading import INTEGER, STRING, read, read_lines, record

from muster.xdm.fields import Field, Kind

WORKSHOP = Path(__file__).parents[4] / "shared" / "data" / "workshop-profiles.parquet"

SCHEMA = record(
    id=STRING,
    year=INTEGER,
    at=Field(Kind.DATETIME),
    person=record(name=record(first=STRING, last=STRING), seen=Field(Kind.ARRAY, item=record(n=INTEGER))),
    identityMap=Field(Kind.MAP, item=Field(Kind.ARRAY, item=record(id=STRING, primary=Field(Kind.BOOLEAN)))),
)


def odd_rows() -> list[dict[str, Any]]:
    """Rows of which hardly two have the same fields, known and unknown."""
    rows: list[dict[str, Any]] = []
    for number in range(60):
        row: dict[str, Any] = {"id": f"ü{number}"}
        if number % 3 == 0:
            row["person"] = {"name": {"first": "A"}, "seen": [{"n": number, "extra": [number]}, None]}
        if number % 4 == 0:
            row["identityMap"] = {"Email": [{"id": "x", "primary": True}], "Phone": []}
        if number % 5 == 0:
            row["extra"] = {"n": number if number < 30 else number + 0.5, "deep": {}}
        if number == 41:
            row["extra"] = {"n": None, "deep": {"found": ["late"]}}
        if number % 7 == 0:
            row["year"] = "wrong"
        rows.append(row)
    return rows


@pytest.mark.parametrize("chunk_rows", [1, 2, 7, 59])
def test_json_lines_give_the_same_file_for_any_chunk_size(tmp_path: Path, chunk_rows: int) -> None:
    lines = [json.dumps(row) for row in odd_rows()]
    whole = read_lines(tmp_path, SCHEMA, *lines)
    assert list(whole.failed) == [1, 8, 15, 22, 29, 36, 43, 50, 57]
    cut = read_lines(tmp_path, SCHEMA, *lines, chunk_rows=chunk_rows)
    assert cut.failed == whole.failed
    assert cut.table.equals(whole.table)
    assert cut.content == whole.content


def test_array_of_objects_reads_as_its_lines_do(tmp_path: Path) -> None:
    lines = read_lines(tmp_path, SCHEMA, *[json.dumps(row) for row in odd_rows()])
    file = tmp_path / "array.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(odd_rows(), indent=1, ensure_ascii=False).encode())
    array = read(tmp_path, file, SCHEMA, chunk_rows=13, isMultiLineJson=True)
    assert array.content == lines.content


def test_values_longer_than_a_block_are_read(tmp_path: Path) -> None:
    rows = [{"id": "é" * 3_000_000}, {"id": "2"}, {"id": "é" * 1_500_000}]
    file = tmp_path / "long.json"
    file.write_text(json.dumps(rows, ensure_ascii=False))
    assert [len(row["id"]) for row in read(tmp_path, file, SCHEMA).rows] == [3_000_000, 1, 1_500_000]


def test_objects_printed_over_several_lines_are_read_one_after_another(tmp_path: Path) -> None:
    file = tmp_path / "objects.json"
    file.write_text('{\n "id": "1"\n}\n{\n "id": "]"\n}')
    assert [row["id"] for row in read(tmp_path, file, SCHEMA, isMultiLineJson=True).rows] == ["1", "]"]


def test_parquet_keeps_values_in_our_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "year": pa.array([1, None], pa.int16()),
            "at": pa.array([1_769_824_807_123_456_789, None], pa.timestamp("ns")),
            "id": pa.array(["a", "b"]).dictionary_encode(),
            "person": pa.array([{"seen": [{"n": 1, "z": 2}], "name": None}, None]),
            "identityMap": pa.array(
                [[("Email", [{"id": "x"}])], None],
                pa.map_(pa.string(), pa.list_(pa.struct([("id", pa.string())]))),
            ),
            "nothing": pa.nulls(2),
            "odd": pa.array([1, 2], pa.int8()),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    outcome = read(tmp_path, tmp_path / "rows.parquet", SCHEMA, format="parquet", chunk_rows=1)
    assert outcome.failed == {}
    assert outcome.table.schema.names == ["id", "year", "at", "person", "identityMap", "nothing", "odd"]
    assert outcome.table.schema.field("year").type == pa.int64()
    assert outcome.table.schema.field("odd").type == pa.int8()
    assert outcome.rows == [
        {
            "id": "a",
            "year": 1,
            "at": datetime(2026, 1, 31, 2, 0, 7, 123_000, UTC),
            "person": {"name": None, "seen": [{"n": 1, "z": 2}]},
            "identityMap": {"Email": [{"id": "x", "primary": None}]},
            "nothing": None,
            "odd": 1,
        },
        {"id": "b", "year": None, "at": None, "person": None, "identityMap": None, "nothing": None, "odd": 2},
    ]


def test_parquet_column_of_a_foreign_type_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"year": ["x", None], "id": ["a", "b"]}), tmp_path / "rows.parquet")
    outcome = read(tmp_path, tmp_path / "rows.parquet", SCHEMA, format="parquet")
    assert outcome.failed == {1: ['year is "x", not a whole number']}


@pytest.mark.skipif(not WORKSHOP.exists(), reason="the workshop's file is not part of a checkout")
def test_workshop_file_is_the_same_in_small_chunks(tmp_path: Path) -> None:
    schema = record(
        person=record(birthMonth=INTEGER, gender=STRING), _repo=record(createDate=Field(Kind.DATETIME))
    )
    whole = read(tmp_path, WORKSHOP, schema, format="parquet")
    cut = read(tmp_path, WORKSHOP, schema, format="parquet", chunk_rows=1000)
    assert (whole.table.num_rows, whole.failed) == (2754, {})
    assert cut.table.equals(whole.table)


def test_rows_without_fields_are_rows(tmp_path: Path) -> None:
    assert read_lines(tmp_path, SCHEMA, "{}", '{"year":1}', "{}", chunk_rows=1).rows == [
        {"year": None},
        {"year": 1},
        {"year": None},
    ]
    assert read_lines(tmp_path, SCHEMA, "{}", "{}").rows == [{"id": None}, {"id": None}]
