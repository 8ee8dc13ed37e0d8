"""People in files of every form are read as rows or columns with the schema that is theirs."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from muster.pql import evaluate, parse
from muster.pql.bind import bind
from muster.pql.data import (
    People,
    UnreadableData,
    infer_object,
    read_entities,
    read_people,
    read_schema,
    with_events,
)
from muster.pql.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
    ObjectType,
    ReferenceType,
    Type,
)

NOW = datetime(2024, 3, 10, tzinfo=UTC)
PEOPLE: list[dict[str, Any]] = [
    {"id": "a", "city": "Oslo", "loyalty": {"points": 5, "joined": "2023-05-01"}, "tags": ["x", None]},
    {"id": "b", "city": None, "loyalty": {"points": 7.5}},
    {"id": "c", "active": True},
]
SCHEMA = ObjectType(
    {
        "id": STRING,
        "city": STRING,
        "loyalty": ObjectType({"points": NUMBER, "joined": DATE}),
        "tags": ArrayType(STRING),
        "active": BOOLEAN,
    }
)


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(people: People) -> list[dict[str, Any]]:
    profiles = people.profiles
    if isinstance(profiles, pa.Table):
        return list(profiles.to_pylist(maps_as_pydicts="strict"))
    return [dict(row) for row in profiles]


def members(people: People, query: str) -> list[int]:
    checked = bind(parse(query), people.schema, entities=people.entity_schemas)
    answers = evaluate(
        checked, people.profiles, now=people.now or NOW, engine="interpret", entities=people.entities
    )
    return [index for index, answer in enumerate(answers) if answer]


def lines(of: list[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in of)


# --- inference


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 2, None], INTEGER),
        ([1, 2.5], NUMBER),
        ([1.0], NUMBER),
        ([2**63], NUMBER),
        ([True, False], BOOLEAN),
        (["a", ""], STRING),
        (["2024-01-02", "1999-12-31"], DATE),
        (["2024-01-02T03:04:05Z", "2024-01-02T03:04+01:00"], DATETIME),
        (["2024-01-02", "2024-01-02T03:04:05Z"], DATETIME),
        (["2024-01-02", "2024-02-30"], STRING),
        ([None, None], ANY),
        ([[], []], ArrayType(ANY)),
        ([[1], [2.5, None]], ArrayType(NUMBER)),
        ([[[1]], [[]]], ArrayType(ArrayType(INTEGER))),
        ([{"a": 1}, {"b": "x"}], ObjectType({"a": INTEGER, "b": STRING})),
        ([{}, {}], ObjectType({})),
    ],
)
def test_type_of_a_field_is_what_all_its_values_show(values: list[Any], type_: Type) -> None:
    inferred = infer_object([{"field": value} for value in values])
    assert inferred.schema == ObjectType({"field": type_})
    assert inferred.notes == ()


def test_only_the_three_well_known_fields_are_maps() -> None:
    row = {
        "identityMap": {"Email": [{"id": "a@b.example", "primary": True}]},
        "segmentMembership": {"ups": {"s-1": {"status": "realized"}, "s-2": {"status": "exited"}}},
        "optInOut": {"_channels": "in"},
        "prefs": {"x-1": "a", "x-2": "b"},
    }
    assert infer_object([row]).schema.fields == {
        "identityMap": MapType(ArrayType(ObjectType({"id": STRING, "primary": BOOLEAN}))),
        "segmentMembership": MapType(MapType(ObjectType({"status": STRING}))),
        "optInOut": MapType(STRING),
        "prefs": ObjectType({"x-1": STRING, "x-2": STRING}),
    }


def test_where_kinds_disagree_most_values_decide_and_a_note_says_so() -> None:
    inferred = infer_object([{"a": {"n": value}} for value in (5, 6, "seven", None)])
    assert inferred.schema.fields["a"] == ObjectType({"n": INTEGER})
    assert inferred.notes == (
        "a.n is text in 1 and number in 2; it is read as number, and what is not counts as missing",
    )


def test_text_wins_a_tie_of_kinds() -> None:
    assert infer_object([{"n": 5}, {"n": "five"}]).schema.fields["n"] == STRING


# --- JSON


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.jsonl", lines(PEOPLE)),
        ("people.ndjson", "\n" + lines(PEOPLE).replace("\n", "\r\n\r\n")),
        ("people.json", json.dumps(PEOPLE, indent=2)),
        ("people.json", "\ufeff" + lines(PEOPLE)),
        ("people.json", json.dumps({"profiles": PEOPLE})),
        ("people", lines(PEOPLE)),
        ("people.jsonl.gz", gzip.compress(lines(PEOPLE).encode())),
    ],
)
def test_json_in_any_form_gives_the_same_people(tmp_path: Path, name: str, content: str | bytes) -> None:
    people = read_people(written(tmp_path, name, content))
    assert rows(people) == PEOPLE
    assert people.schema == SCHEMA


def test_single_object_is_one_person(tmp_path: Path) -> None:
    assert rows(read_people(written(tmp_path, "one.json", '{\n "id": "a"\n}'))) == [{"id": "a"}]


def test_rare_line_ends_inside_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    people = read_people(written(tmp_path, "people.jsonl", '{"a": "x\u2028y"}\n'))
    assert rows(people) == [{"a": "x\u2028y"}]


def test_given_schema_wins_and_what_does_not_fit_it_is_missing(tmp_path: Path) -> None:
    people = read_people(
        written(tmp_path, "people.jsonl", '{"n": "5"}\n{"n": 5}\n'), schema=ObjectType({"n": INTEGER})
    )
    assert members(people, "n.isNotNull()") == [1]


def test_fixtures_bring_now_schema_and_entities(tmp_path: Path) -> None:
    document = {
        "now": "2024-03-10T05:45:30.250Z",
        "schema": {"object": {"shop": {"ref": "shops"}, "joined": "date"}},
        "entities": {"shops": {"schema": {"object": {"city": "string"}}, "items": {"s1": {"city": "Oslo"}}}},
        "profiles": [{"id": "a", "shop": "s1"}, {"id": "b", "shop": "s2"}],
    }
    people = read_people(written(tmp_path, "fixtures.json", json.dumps(document)))
    assert people.now == datetime(2024, 3, 10, 5, 45, 30, 250_000, tzinfo=UTC)
    assert people.schema == ObjectType({"shop": ReferenceType("shops"), "joined": DATE})
    assert people.id_key == "id"
    assert members(people, 'shop.city = "Oslo"') == [0]


def test_entities_come_from_a_file_of_their_own_too(tmp_path: Path) -> None:
    entities = written(tmp_path, "shops.json", '{"shops": {"items": {"s1": {"city": "Oslo"}}}}')
    schema = written(tmp_path, "schema.json", '{"schema": {"object": {"shop": {"ref": "shops"}}}}')
    data = written(tmp_path, "people.jsonl", '{"shop": "s2"}\n{"shop": "s1"}\n')
    people = read_entities(entities, read_people(data, schema=read_schema(schema)))
    assert people.entity_schemas == {"shops": ObjectType({"city": STRING})}
    assert members(people, 'shop.city = "Oslo"') == [1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "people.jsonl",
            '{"a": 1}\n\n{"a": }\n',
            "people.jsonl, line 3: this is no JSON, expecting value at column 7. "
            "Each person is a JSON object on a line of its own.",
        ),
        (
            "people.jsonl",
            "[1]\n",
            "people.jsonl, line 1: this is an array. Each person is a JSON object on a line of its own.",
        ),
        ("people.json", '[{"a": 1}, 5]', "people.json: item 2 is a number. Each person is a JSON object."),
        (
            "people.json",
            '[\n {"a": 1},\n {"a" 2}\n]',
            "people.json, line 3: this is no JSON, expecting ':' delimiter at column 7. "
            "The file holds an array of people, a fixtures document, or one person a line.",
        ),
        (
            "people.json",
            '{"profiles": [], "now": "soon"}',
            'people.json: `now` is "soon". It is an instant in ISO form, "2024-03-10T05:45:30Z".',
        ),
        (
            "people.json",
            '{"profiles": [], "schema": {"object": {"a": "txt"}}}',
            "people.json: the schema cannot be read: 'txt' is no type; one of string, integer, number, boolean, "
            "date, date-time, or an object with array, map, object or ref. A schema names the type of every field.",
        ),
        (
            "people.json",
            '{"profiles": [], "entities": {"shops": {"items": [1]}}}',
            'people.json: the entity shops has no items. Each entity is {"schema": …, "items": {key: object}}.',
        ),
        ("people.jsonl", b'{"a": "\xff"}', "people.jsonl: byte 7 is no UTF-8. Text must be UTF-8."),
        (
            "people.txt",
            "a,b\n",
            "people.txt: the name does not say what the file is. Known are .json, .jsonl, .ndjson, .parquet, "
            ".arrow, .feather, .ipc, .csv and .tsv.",
        ),
        (
            "people.csv",
            "a,b\n1,2\n1,2,3\n",
            "people.csv, line 3: a row has 3 columns and the header 2. All rows have the columns of the header.",
        ),
        (
            "people.csv",
            "a,a\n",
            "people.csv, line 1: there are two columns a. Columns need names of their own.",
        ),
        (
            "people.csv",
            "a,a.b\n1,2\n",
            "people.csv, line 1: the column a.b says that a is an object, another that it is a value. "
            "Columns a and a.b do not go together.",
        ),
        ("people.csv", "", "people.csv: the file is empty. The first line of CSV names the columns."),
    ],
)
def test_refusal_names_file_line_and_what_would_be_right(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(UnreadableData) as caught:
        read_people(written(tmp_path, name, content))
    assert str(caught.value) == f"{tmp_path}/{message}"


@pytest.mark.parametrize("name", ["none.json", "none.parquet", "none.csv", "none.arrow", "none"])
def test_missing_file_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableData, match="there is no such file"):
        read_people(tmp_path / name)


@pytest.mark.parametrize("name", ["people.parquet", "people.arrow", "people.json.gz"])
def test_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableData):
        read_people(written(tmp_path, name, b"PAR1 no more than this"))


# --- columns


@pytest.mark.parametrize(
    "name", ["people.parquet", "people.arrow", "people.feather", "stream.arrow", "people"]
)
def test_files_of_columns_have_the_types_they_hold(tmp_path: Path, name: str) -> None:
    table = pa.table(
        {
            "id": pa.array(["a", "b"]).dictionary_encode(),
            "points": pa.array([Decimal("1.5"), None], pa.decimal128(5, 2)),
            "seen": pa.array([1_700_000_000_000_000_123, None], pa.timestamp("ns")),
            "address": pa.array([{"city": "Oslo"}, None]),
            "prefs": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
        }
    )
    path = tmp_path / name
    if name == "people.parquet" or name == "people":
        pq.write_table(table, path)
    else:
        writer = pa.ipc.new_stream if name == "stream.arrow" else pa.ipc.new_file
        with pa.OSFile(str(path), "wb") as sink, writer(sink, table.schema) as out:
            out.write_table(table)
    people = read_people(path)
    assert people.schema == ObjectType(
        {
            "id": STRING,
            "points": NUMBER,
            "seen": DATETIME,
            "address": ObjectType({"city": STRING}),
            "prefs": MapType(INTEGER),
        }
    )
    assert members(people, 'id = "a" and points = 1.5 and address.city = "Oslo" and prefs.k = 1') == [0]
    assert members(people, "seen occurs on date(2023, 11, 14)") == [0]


def test_columns_of_other_types_than_the_schema_are_read_value_by_value(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pq.write_table(pa.table({"born": ["1999-02-03", "long ago"]}), path)
    people = read_people(path, schema=ObjectType({"born": DATE}))
    assert members(people, "born = date(1999, 2, 3)") == [0]
    assert members(people, "born.isNotNull()") == [0]


def test_schema_that_makes_references_of_texts_leaves_the_columns_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pq.write_table(pa.table({"shop": ["s1", None]}), path)
    people = read_people(path, schema=ObjectType({"shop": ReferenceType("shops")}))
    assert isinstance(people.profiles, pa.Table)
    assert people.schema == ObjectType({"shop": ReferenceType("shops")})


def test_column_that_no_field_can_hold_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people.arrow"
    table = pa.table({"image": pa.array([b"\xff\xfe"])})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    with pytest.raises(UnreadableData, match="the column image of type binary cannot be read"):
        read_people(path)


def test_csv_has_types_objects_and_missing_cells(tmp_path: Path) -> None:
    content = (
        "id;zip;loyalty.points;loyalty.tier;joined;seen;ok\r\n"
        '1;0150;5;"gold; or so";2024-01-02;2024-01-02T03:04:05Z;true\r\n'
        "2;2010;;;2024-01-03;2024-01-04;FALSE\r\n"
        '3;;7.5;"";;;\r\n'
    )
    people = read_people(written(tmp_path, "people.csv", content))
    assert people.schema == ObjectType(
        {
            "id": INTEGER,
            "zip": STRING,
            "loyalty": ObjectType({"points": NUMBER, "tier": STRING}),
            "joined": DATE,
            "seen": DATETIME,
            "ok": BOOLEAN,
        }
    )
    assert rows(people)[1:] == [
        {
            "id": 2,
            "zip": "2010",
            "loyalty": None,
            "joined": date(2024, 1, 3),
            "seen": datetime(2024, 1, 4, tzinfo=UTC),
            "ok": False,
        },
        {
            "id": 3,
            "zip": None,
            "loyalty": {"points": 7.5, "tier": ""},
            "joined": None,
            "seen": None,
            "ok": None,
        },
    ]


def test_schema_decides_what_the_cells_of_csv_are(tmp_path: Path) -> None:
    schema = ObjectType({"code": STRING, "points": INTEGER})
    people = read_people(written(tmp_path, "people.csv", "code,points\n12,5\n13,many\n"), schema=schema)
    assert members(people, 'code = "12"') == [0]
    assert members(people, "points.isNotNull()") == [0]


# --- events of their own


@pytest.mark.parametrize("people_form", ["jsonl", "csv"])
@pytest.mark.parametrize("events_form", ["jsonl", "csv"])
def test_events_of_a_second_file_are_those_of_the_person_with_the_key(
    tmp_path: Path, people_form: str, events_form: str
) -> None:
    found = [{"id": 1}, {"id": 2}, {"id": 3}]
    events = [
        {"id": 2, "type": "buy", "timestamp": "2024-03-02T00:00:00Z"},
        {"id": 1, "type": "buy", "timestamp": "2024-03-01T00:00:00Z"},
        {"id": 9, "type": "buy", "timestamp": "2024-03-01T00:00:00Z"},
        {"id": 2, "type": "return", "timestamp": "2024-03-03T00:00:00Z"},
    ]
    joined = with_events(
        read_people(saved(tmp_path, "people", people_form, found)),
        read_people(saved(tmp_path, "events", events_form, events)),
        "id",
    )
    assert [[event["type"] for event in row["xEvent"]] for row in rows(joined)] == [
        ["buy"],
        ["buy", "return"],
        [],
    ]
    assert joined.notes == (f"1 of 4 events belong to nobody in {joined.path}",)
    assert members(joined, 'xEvent[type = "buy" and timestamp occurs <= 8 days before now]') == [1]


def saved(folder: Path, name: str, form: str, content: list[dict[str, Any]]) -> Path:
    if form == "jsonl":
        return written(folder, f"{name}.jsonl", lines(content))
    table = [list(content[0]), *([str(value) for value in row.values()] for row in content)]
    return written(folder, f"{name}.csv", "".join(",".join(cells) + "\n" for cells in table))


def test_key_may_lie_inside_an_object(tmp_path: Path) -> None:
    found = read_people(written(tmp_path, "people.csv", "who.id,x\n1,a\n2,b\n"))
    events = read_people(written(tmp_path, "events.csv", "who.id,type\n2,buy\n"))
    joined = with_events(found, events, "who.id")
    assert members(joined, "xEvent") == [1]
    assert joined.notes == (
        "the events have no date-time `timestamp`, so they have no order and no condition on time holds",
    )


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_people_who_share_a_key_are_refused(tmp_path: Path, form: str) -> None:
    twice = read_people(saved(tmp_path, "people", form, [{"id": 1}, {"id": 1}]))
    with pytest.raises(UnreadableData, match="two people have the key 1"):
        with_events(twice, twice, "id")


def test_key_must_be_a_field_of_both_files(tmp_path: Path) -> None:
    found = read_people(saved(tmp_path, "people", "jsonl", [{"id": 1}]))
    events = read_people(saved(tmp_path, "events", "jsonl", [{"who": 1}]))
    with pytest.raises(UnreadableData, match=r"events\.jsonl: there is no field id"):
        with_events(found, events, "id")
