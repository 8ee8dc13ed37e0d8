"""Which rows and columns of a view become the files of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from muster.export import dataset_rows
from muster.storage.lake import ScopedLake
from muster.storage.local_lake import LocalLake
from muster.xdm.fields import Field, Kind

TEXT = Field(Kind.STRING)
UNION = Field(
    Kind.OBJECT,
    fields={
        "person": Field(Kind.OBJECT, fields={"gender": TEXT, "birthMonth": Field(Kind.INTEGER)}),
        "phones": Field(Kind.ARRAY, item=Field(Kind.OBJECT, fields={"number": TEXT, "kind": TEXT})),
    },
)
IDENTITY_MAP = pa.map_(pa.string(), pa.list_(pa.struct([("id", pa.string())])))


def table(*persons: str, **columns: Any) -> pa.Table:
    since = pa.array([datetime(2026, 1, day + 1, tzinfo=UTC) for day in range(len(persons))])
    return pa.table(
        {
            "_person": list(persons),
            "_status": ["realized"] * len(persons),
            "_since": since.cast(pa.timestamp("ms", tz="UTC")),
            **columns,
        }
    )


def identities(*codes: tuple[str, ...]) -> pa.Array:
    return pa.array([[(code, [{"id": "x"}]) for code in row] for row in codes], IDENTITY_MAP)


def persons(tables: Any) -> list[str]:
    return [name for one in tables for name in one["_person"].to_pylist()]


@pytest.fixture
def lake(tmp_path: Path) -> ScopedLake:
    return ScopedLake(LocalLake(tmp_path), 1)


def read(lake: ScopedLake, parts: dataset_rows.Parts) -> list[pa.Table]:
    return [pq.read_table(lake.local(file["path"])) for file in parts.files]


def test_person_is_kept_in_the_first_table_only() -> None:
    tables = [table("a", "b"), table("b", "c"), table("a"), table("d", "c")]
    assert persons(dataset_rows.first_seen(tables, duckdb.connect())) == ["a", "b", "c", "d"]


def test_time_window_has_its_start_and_lacks_its_end() -> None:
    start, end = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
    assert persons([dataset_rows.since_within(start, end, table("a", "b", "c"))]) == ["b"]
    assert persons([dataset_rows.since_within(None, end, table("a", "b", "c"))]) == ["a", "b"]
    assert persons([dataset_rows.since_within(start, None, table("a", "b", "c"))]) == ["b", "c"]


def test_row_without_any_attribute_has_no_record() -> None:
    rows = table(
        "nothing",
        "empty parts",
        "nested",
        "listed",
        person=[None, {"gender": None}, {"gender": "male"}, None],
        phones=pa.array([None, [], [], [{"number": "1"}]]),
        identityMap=identities(("Email",), ("Email",), ("Email",), ("Email",)),
    )
    assert persons([dataset_rows.with_record(rows)]) == ["nested", "listed"]


def test_general_opt_out_excludes_wherever_it_stands() -> None:
    out = {"optOutType": "general_opt_out", "optOutValue": "out"}
    stays = [
        {"optOutType": "general_opt_out", "optOutValue": "pending"},
        {"optOutType": "sales_sharing_opt_out", "optOutValue": "out"},
    ]
    top = table("a", "b", "c", privacyOptOuts=[[out], stays, None])
    assert persons([dataset_rows.without_opted_out(top)]) == ["b", "c"]
    nested = table(
        "a", "b", "c", optOutConsentLevel=[{"privacyOptOuts": [*stays, out]}, {"privacyOptOuts": stays}, None]
    )
    assert persons([dataset_rows.without_opted_out(nested)]) == ["b", "c"]


def test_person_with_too_many_identities_is_left_out() -> None:
    crowd = [("Email", [{"id": str(n)} for n in range(3)]), ("Phone", [{"id": "1"}])]
    few = [("Email", [{"id": "1"}, {"id": "2"}]), ("Phone", [{"id": "1"}])]
    rows = table("few", "crowd", "none", identityMap=pa.array([few, crowd, None], IDENTITY_MAP))
    assert persons([dataset_rows.without_crowded(rows, 3)]) == ["few", "none"]
    assert persons([dataset_rows.without_crowded(rows.slice(1), 3)]) == ["none"]


def test_files_have_what_the_rows_have_and_nothing_of_the_view(lake: ScopedLake) -> None:
    parts = dataset_rows.write_parts(lake, [table("a", city=["Oslo"])], "exports/1", None, 10)
    (written,) = read(lake, parts)
    assert written.to_pylist() == [{"city": "Oslo"}]
    (file,) = parts.files
    assert (file["role"], file["name"], file["rowCount"]) == ("data", "part-0.parquet", 1)
    assert file["byteCount"] == lake.local(file["path"]).stat().st_size


def test_other_columns_start_another_file(lake: ScopedLake) -> None:
    tables = [table("a", x=[1]), table("b", x=[2]), table("c", x=[3], y=[1]), table("d", x=[4])]
    parts = dataset_rows.write_parts(lake, tables, "exports/1", None, 10)
    assert [one.to_pylist() for one in read(lake, parts)] == [
        [{"x": 1}, {"x": 2}],
        [{"x": 3, "y": 1}],
        [{"x": 4}],
    ]
    assert parts.row_count == 4


@pytest.mark.parametrize("sizes", [[7], [1] * 7, [4, 3], [2, 5]])
def test_file_has_at_most_so_many_rows(lake: ScopedLake, sizes: list[int]) -> None:
    def tables() -> Iterator[pa.Table]:
        start = 0
        for size in sizes:
            numbers = list(range(start, start + size))
            yield table(*map(str, numbers), n=numbers)
            start += size

    parts = dataset_rows.write_parts(lake, tables(), "exports/1", None, 3)
    assert all(file["rowCount"] <= 3 for file in parts.files)
    assert [number for one in read(lake, parts) for number in one["n"].to_pylist()] == list(range(7))


def test_same_rows_have_the_same_path_and_others_another(lake: ScopedLake) -> None:
    def path(value: int) -> str:
        parts = dataset_rows.write_parts(lake, [table("a", x=[value])], "exports/1", None, 10)
        return str(parts.files[0]["path"])

    assert path(1) == path(1) != path(2)


def test_namespaces_are_counted_by_rows_in_lower_case(lake: ScopedLake) -> None:
    rows = table("a", "b", "c", identityMap=identities(("Email", "ECID"), ("Email",), ()), x=[1, 2, 3])
    parts = dataset_rows.write_parts(lake, [rows.slice(0, 1), rows.slice(1)], "exports/1", None, 10)
    assert parts.namespaces == {"email": 2, "ecid": 1}


def test_chosen_fields_are_in_every_file_whether_there_or_not(lake: ScopedLake) -> None:
    tree = dataset_rows.tree_of("person.gender,phones.number")
    assert tree is not None
    schema = dataset_rows.schema_of(tree, UNION)
    tables = [
        table("a", person=[{"gender": "male", "birthMonth": 9}], other=[1]),
        table("b", phones=[[{"number": "1", "kind": "home"}]]),
    ]
    parts = dataset_rows.write_parts(lake, tables, "exports/1", schema, 10)
    (written,) = read(lake, parts)
    assert written.to_pylist() == [
        {"person": {"gender": "male"}, "phones": None},
        {"person": None, "phones": [{"number": "1"}]},
    ]


def test_old_name_of_the_identities_is_understood() -> None:
    assert dataset_rows.tree_of("identities.id,a.b") == {"identityMap": {}, "a": {"b": {}}}


def test_nothing_written_is_no_file(lake: ScopedLake) -> None:
    parts = dataset_rows.write_parts(lake, [table("a").slice(1)], "exports/1", None, 10)
    assert (parts.files, parts.row_count) == ([], 0)
