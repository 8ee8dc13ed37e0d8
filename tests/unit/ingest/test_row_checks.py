"""Which rows fail, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.ingest.reading import INTEGER, NUMBER, STRING, read, read_lines, record

from muster.xdm.fields import Field, Kind

GENDER = Field(Kind.STRING, enum=("female", "male"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (STRING, "1", "a is 1, not text"),
        (STRING, '{"b":1}', 'a is {"b":1}, not text'),
        (INTEGER, '"1"', 'a is "1", not a whole number'),
        (INTEGER, "1.5", "a is 1.5, not a whole number"),
        (INTEGER, "true", "a is true, not a whole number"),
        (NUMBER, "true", "a is true, not a number"),
        (Field(Kind.BOOLEAN), "1", "a is 1, not true or false"),
        (Field(Kind.DATE), '"31.1.2026"', 'a is "31.1.2026", not a date such as 2026-01-31'),
        (Field(Kind.DATE), '"2026-02-30"', 'a is "2026-02-30", not a date such as 2026-01-31'),
        (Field(Kind.DATETIME), '"noon"', 'a is "noon", not a date and time such as 2026-01-31T02:00:07Z'),
        (record(b=STRING), "[]", "a is [], not an object"),
        (record(b=INTEGER), '{"b":"x"}', 'a.b is "x", not a whole number'),
        (Field(Kind.ARRAY, item=STRING), '"x"', 'a is "x", not a list'),
        (
            Field(Kind.ARRAY, item=record(b=INTEGER)),
            '[{"b":1},{"b":"x"}]',
            'a[].b is "x", not a whole number',
        ),
        (Field(Kind.MAP, item=INTEGER), '{"k":"x"}', 'a.* is "x", not a whole number'),
        (GENDER, '"cat"', 'a is "cat", not one of female, male'),
        (
            Field(Kind.STRING, pattern="^[a-z]+$"),
            '"A"',
            'a is "A", which does not match the pattern ^[a-z]+$',
        ),
        (Field(Kind.STRING, pattern="^(?!x)"), '"xy"', 'a is "xy", which does not match the pattern ^(?!x)'),
        (Field(Kind.STRING, min_length=2), '"ä"', 'a is "ä", below the minimum of 2 characters'),
        (Field(Kind.STRING, max_length=1), '"äö"', 'a is "äö", above the maximum of 1 characters'),
        (Field(Kind.INTEGER, minimum=0), "-1", "a is -1, below the minimum of 0"),
        (
            Field(Kind.INTEGER, maximum=2**53 - 1),
            "9007199254740992",
            "a is 9007199254740992, above the maximum of 9007199254740991",
        ),
        (Field(Kind.NUMBER, maximum=1.5), "1.6", "a is 1.6, above the maximum of 1.5"),
        (record(frozenset({"b"}), b=STRING, c=STRING), '{"c":"x"}', "a.b is required and missing"),
        (
            record(open=False, b=STRING),
            '{"b":"x","z":1}',
            "a.z is not in the schema, which takes no further fields here",
        ),
    ],
)
def test_row_that_breaks_a_rule_is_named(tmp_path: Path, field: Field, value: str, message: str) -> None:
    outcome = read_lines(tmp_path, record(a=field, id=STRING), '{"id":"good"}', f'{{"id":"bad","a":{value}}}')
    assert outcome.failed == {2: [message]}
    assert [row["id"] for row in outcome.rows] == ["good"]


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        (INTEGER, "2.0", 2),
        (NUMBER, "2", 2.0),
        (Field(Kind.DATETIME), '"2026-01-31T02:00:07.123456+02:00"', "2026-01-31 00:00:07.123000+00:00"),
        (Field(Kind.DATETIME), '"2026-01-31T02:00:07"', "2026-01-31 02:00:07+00:00"),
        (Field(Kind.DATETIME), '"1926-01-31"', "1926-01-31 00:00:00+00:00"),
        (Field(Kind.DATE), '"0026-01-31"', "0026-01-31"),
        (
            Field(Kind.MAP, item=Field(Kind.ARRAY, item=record(id=STRING))),
            '{"ä":[{"id":"1"}],"b":null}',
            {"ä": [{"id": "1"}], "b": None},
        ),
        (Field(Kind.ARRAY, item=STRING), "[null]", [None]),
        (record(frozenset({"b"}), b=STRING), "{}", {"b": None}),
        (STRING, "null", None),
    ],
)
def test_value_is_kept_in_the_type_of_its_field(
    tmp_path: Path, field: Field, value: str, kept: object
) -> None:
    outcome = read_lines(tmp_path, record(a=field), f'{{"a":{value}}}')
    assert outcome.failed == {}
    [found] = [row["a"] for row in outcome.rows]
    assert found == kept or str(found) == kept


def test_all_problems_of_a_row_are_told_together(tmp_path: Path) -> None:
    schema = record(frozenset({"id"}), id=STRING, n=INTEGER, gender=GENDER)
    outcome = read_lines(tmp_path, schema, '{"n":"x","gender":"cat"}')
    assert outcome.failed == {
        1: [
            'n is "x", not a whole number',
            "id is required and missing",
            'gender is "cat", not one of female, male',
        ]
    }


def test_lines_that_are_no_objects_are_named_by_their_number(tmp_path: Path) -> None:
    outcome = read_lines(tmp_path, record(id=STRING), '{"id":"1"}', "", "{", '"text"', '{"id":"5"}')
    assert list(outcome.failed) == [3, 4]
    assert outcome.failed[4] == ['a row is an object, not "text"']
    assert [row["id"] for row in outcome.rows] == ["1", "5"]


def test_csv_rows_are_counted_past_those_of_wrong_length(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('id,n,on\n1,1,true\n2\n3,x,FALSE\n"4\n4",4,maybe\n5,5,\n6,6,true,more\n')
    schema = record(id=STRING, n=INTEGER, on=Field(Kind.BOOLEAN))
    outcome = read(tmp_path, file, schema, format="csv", chunk_rows=2)
    assert outcome.failed == {
        2: ["the row has 1 fields, the header 3"],
        3: ['n is "x", not a whole number'],
        4: ['on is "maybe", not true or false'],
        6: ["the row has 4 fields, the header 3"],
    }
    assert outcome.rows == [{"id": "1", "n": 1, "on": True}, {"id": "5", "n": 5, "on": None}]
