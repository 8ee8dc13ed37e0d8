"""Which leaves of a schema have values, told by Parquet's statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from muster.profiles.occurring import occurring

ITEM = pa.struct([("sku", pa.string()), ("name", pa.string())])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("order", pa.struct([("total", pa.float64()), ("currency", pa.string())])),
        ("items", pa.list_(ITEM)),
        ("extra", pa.map_(pa.string(), pa.int64())),
        ("list", pa.struct([("element", pa.string()), ("other", pa.string())])),
    ]
)


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([{"id": "a"}], {"id": "string"}),
        ([{"id": "a", "order": {"total": 1.0}}], {"id": "string", "order": "struct<total: double>"}),
        ([{"items": [{"sku": "s"}, {"sku": "t"}]}], {"items": "list<item: struct<sku: string>>"}),
        ([{"items": []}, {"items": None}], {}),
        ([{"extra": [("k", None)]}], {"extra": "map<string, int64>"}),
        ([{"extra": []}], {}),
        ([{"list": {"element": "x"}}], {"list": "struct<element: string>"}),
    ],
)
def test_only_leaves_with_values_are_kept(
    tmp_path: Path, rows: list[dict[str, Any]], kept: dict[str, str]
) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file)
    assert {field.name: str(field.type) for field in occurring(SCHEMA, [file])} == kept


def test_a_leaf_of_one_of_several_files_is_kept(tmp_path: Path) -> None:
    files = []
    for number, row in enumerate(({"id": "a"}, {"order": {"currency": "EUR"}})):
        files.append(tmp_path / f"{number}.parquet")
        pq.write_table(pa.Table.from_pylist([row], schema=SCHEMA), files[-1])
    assert occurring(SCHEMA, files).names == ["id", "order"]
