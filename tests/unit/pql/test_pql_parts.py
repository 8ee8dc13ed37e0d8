"""The small parts: calendar steps, patterns, stored values, printing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal

import pytest

from muster.pql import parse, print_text, read_json, temporal, values, write_json
from muster.pql.notation import read_object, write_type
from muster.pql.regex import PatternError, compile_pattern
from muster.pql.suggest import distance
from muster.pql.types import DATE, DATETIME, INTEGER, NUMBER, STRING, ArrayType, MapType, ObjectType


@pytest.mark.parametrize(
    ("start", "amount", "unit", "end"),
    [
        (date(2024, 3, 31), -1, "month", date(2024, 2, 29)),
        (date(2023, 3, 31), -1, "month", date(2023, 2, 28)),
        (date(2024, 2, 29), 1, "year", date(2025, 2, 28)),
        (date(2024, 2, 29), 1, "century", date(2124, 2, 29)),
        (date(2024, 3, 10), -2, "week", date(2024, 2, 25)),
        (date(9990, 1, 1), 1, "century", datetime.max.replace(tzinfo=UTC)),
        (date(10, 1, 1), -1, "millennium", date(1, 1, 1)),
    ],
)
def test_calendar_steps_clamp(start: date, amount: int, unit: str, end: date) -> None:
    assert temporal.shift(temporal.to_ms(start), amount, unit) == temporal.to_ms(end)


@pytest.mark.parametrize(
    ("unit", "edge", "expected"),
    [
        ("week", "start", date(2024, 3, 4)),
        ("week", "end", date(2024, 3, 11)),
        ("month", "end", date(2024, 4, 1)),
        ("decade", "start", date(2020, 1, 1)),
        ("century", "end", date(2100, 1, 1)),
        ("millennium", "start", date(2000, 1, 1)),
    ],
)
def test_periods_hold_now(unit: str, edge: Literal["start", "end"], expected: date) -> None:
    now = temporal.to_ms(datetime(2024, 3, 10, 5, 45, tzinfo=UTC))
    assert temporal.period_edge(now, "this", unit, edge) == temporal.to_ms(expected)


@pytest.mark.parametrize(
    ("stored", "type_", "read"),
    [
        ("5", INTEGER, None),
        (True, INTEGER, None),
        (2**63, INTEGER, None),
        (4, NUMBER, 4.0),
        (float("nan"), NUMBER, None),
        ([1, None, "x", 2], ArrayType(INTEGER), [1, 2]),
        ({"a": None, "b": 1}, MapType(INTEGER), {"b": 1}),
        ([("a", None), ("b", 1)], MapType(INTEGER), {"b": 1}),
        ({"a": None, "c": 1}, ObjectType({"a": STRING}), {}),
        ("2024-03-10T01:30:00.1239+02:00", DATE, date(2024, 3, 9)),
        ("2024-03-10", DATETIME, datetime(2024, 3, 10, tzinfo=UTC)),
        ("2024-03-10T05:00", DATETIME, datetime(2024, 3, 10, 5, tzinfo=UTC)),
        ("2024-13-10", DATE, None),
        (1700000000000, DATETIME, None),
        (
            datetime(2024, 3, 10, 5, 0, 0, 123_456),
            DATETIME,
            datetime(2024, 3, 10, 5, 0, 0, 123_000, tzinfo=UTC),
        ),
    ],
)
def test_what_does_not_fit_its_type_is_missing(stored: object, type_: object, read: object) -> None:
    assert values.read(stored, type_) == read  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2"), (2.5, "2.5"), (True, "true"), (7, "7"), (date(2024, 3, 1), "2024-03-01")],
)
def test_text_of_other_values(value: object, text: str) -> None:
    assert values.text(value) == text
    assert values.text(datetime(2024, 3, 1, 2, 3, 4, 5000, tzinfo=UTC)) == "2024-03-01T02:03:04.005Z"


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)",
        "(?<n>a)",
        "(?>a)",
        "a*+",
        "a**",
        r"\1",
        r"\p{L}",
        r"\Qa\E",
        "[[a]",
        "[a&&b]",
        "a{2,1}",
        "a{1001}",
        "(",
        ")",
        "a{",
        "x(?i)y",
        "^*",
    ],
)
def test_patterns_that_engines_read_differently_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a$", "a\n", False),
        (r"^\d+$", "١٢", False),
        (r"\s", "\v", True),
        ("(?i)ab", "xAB", True),
        ("(?s)a.b", "a\nb", True),
        ("(?i)(?s)A.b", "a\nB", True),
        ("^a]}{2}$", "a]}}", True),
        ("a.b", "a\nb", False),
        ("[^]x]", "y", None),
        (r"[a\]b]{2,3}?", "]b", True),
        ("(?:ab|cd)+", "abcd", True),
    ],
)
def test_patterns_are_found_anywhere(pattern: str, text: str, found: bool | None) -> None:
    if found is None:
        with pytest.raises(PatternError):
            compile_pattern(pattern)
    else:
        assert (compile_pattern(pattern).python.search(text) is not None) is found


def test_a_group_that_may_take_no_part_is_not_certain() -> None:
    assert compile_pattern("(a)(b)?(?:(c)|d)(e+){2}((f)*)").certain == {1, 4, 5}


def test_nearest_names_count_swaps_as_one() -> None:
    assert distance("teir", "tier") == 1
    assert distance("evenType", "eventType") == 1
    assert distance("abc", "xyz") == 3
    assert distance("ca", "abc") == 2
    assert distance("pixonts", "points", 2) == 2


@pytest.mark.parametrize(
    "text",
    [
        "(a - b) - (c - d) = -(-e)",
        "not (a and (b or c)) and d",
        "a.`from`.`x y`.`a``b` = `select`",
        "`xdm:a`.`xdm:xdm:b` = a.`xdm:`",
        "exists A from xEvent where (exists B from A.items where B.c), D from xEvent where D.e",
        "let V = (a = 1) in V and (let W = V in W)",
        "(sum E.x over E from xEvent where E.y) > (count F from tags)",
        '{"k": [1, 2.5, -3], "l": {}}.isNull()',
        '`sum` > 1 and `on` = `some` and `count` matches "x"',
        "t occurs between (if(a, now, today)) and ^^.x.y",
        "t occurs `on`",
        "t occurs >= 3 centuries from next millennium",
        "chain(a[b], t.u, [`A`: WHAT(c) WHERE(d) WHEN(after now) COUNT(2), B: WHAT(e)])",
        '(P) => P.a.map((k, v) => mapEntry(k, v)).get("x") in [this, ^.y]',
        "1e-3 = 1.0 and 9223372036854775807 > 0.1",
        '"\\u0000\\"\\\\\\n" = a',
    ],
)
def test_print_then_parse_is_the_identity(text: str) -> None:
    tree = parse(text)
    assert parse(print_text(tree)) == tree
    assert read_json(write_json(tree)) == tree


def test_words_are_read_in_any_case_and_operators_in_any_spelling() -> None:
    assert parse("NOT a = 1 AND b NOT IN [1]") == parse("!(a = 1) and b notin [1]")
    assert parse("Exists E From xEvent Where E.a") == parse("some E from xEvent : E.a")


def test_the_old_root_of_the_json_form_is_the_profile() -> None:
    document = """{"nodeType":"fnApply","fnName":"in","params":[{"nodeType":"fieldLookup","fieldName":"xdm:gender",
      "object":{"nodeType":"fieldLookup","fieldName":"person","object":
      {"nodeType":"literal","literalType":"XDMObject","value":"profile"}}},
      {"literalType":"List","nodeType":"literal","value":["female"]}]}"""
    assert read_json(document) == parse('person.gender in ["female"]')


def test_a_schema_is_an_object_or_its_fields_alone() -> None:
    fields = {"a": "string", "object": {"array": "integer"}}
    assert read_object(fields) == read_object({"object": fields})
    assert read_object(write_type(read_object(fields))) == read_object(fields)
    with pytest.raises(ValueError, match="'strng' is no type"):
        read_object({"a": "strng"})
