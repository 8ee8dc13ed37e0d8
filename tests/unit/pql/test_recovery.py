"""One mistake does not hide the others, and gives no others."""

from __future__ import annotations

from typing import Any

import pytest

from muster.pql import (
    DATE,
    INTEGER,
    STRING,
    ArrayType,
    ObjectType,
    PqlErrors,
    check,
    parse,
    print_text,
    syntax,
    write_json,
)
from muster.pql import parser as pql_parser
from muster.pql.errors import ERRORS_MAX
from muster.pql.json_read import read_json

SCHEMA = ObjectType(
    {
        "tier": STRING,
        "points": INTEGER,
        "born": DATE,
        "tags": ArrayType(STRING),
        "orders": ArrayType(ObjectType({"sku": STRING, "qty": INTEGER})),
    }
)


def found(source: str | dict[str, Any]) -> list[tuple[str, int]]:
    with pytest.raises(PqlErrors) as caught:
        check(source, SCHEMA)
    return [(each.code, each.column) for each in caught.value.errors]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'teir = "x" and (1 <) and pionts > 3',
            [("UNKNOWN_FIELD", 1), ("SYNTAX", 20), ("UNKNOWN_FIELD", 26)],
        ),
        ("tier == 'x' && pionts > 3", [("SYNTAX", 6), ("SYNTAX", 9), ("SYNTAX", 13), ("UNKNOWN_FIELD", 16)]),
        ("tier = and pionts > 3", [("SYNTAX", 8), ("UNKNOWN_FIELD", 12)]),
        ("(tier = ) or (points > ) or pionts", [("SYNTAX", 9), ("SYNTAX", 24), ("UNKNOWN_FIELD", 29)]),
        ("points in [1, , 3, = ] and pionts > 1", [("SYNTAX", 15), ("SYNTAX", 20), ("UNKNOWN_FIELD", 28)]),
        (
            "orders[qty > and skuu = 1] and pionts > 1",
            [("SYNTAX", 14), ("UNKNOWN_FIELD", 18), ("UNKNOWN_FIELD", 32)],
        ),
        ('tags.includes(= "a").count() > 1 or pionts > 1', [("SYNTAX", 15), ("UNKNOWN_FIELD", 37)]),
        ("if(tier =, points, pionts) > 1", [("SYNTAX", 10), ("UNKNOWN_FIELD", 20)]),
        ('tier.matches("\\d") and points > 99999999999999999999', [("SYNTAX", 15), ("BAD_VALUE", 33)]),
        ("points > $x and pionts > 1", [("SYNTAX", 10), ("UNKNOWN_FIELD", 17)]),
        ('tier "x" and pionts > 3', [("SYNTAX", 6), ("UNKNOWN_FIELD", 14)]),
        ("points > 1\nand (tier = \nor pionts > 1)", [("SYNTAX", 1), ("UNKNOWN_FIELD", 4)]),
    ],
)
def test_reading_goes_on_after_an_error(text: str, expected: list[tuple[str, int]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ('tier = "open and pionts > 3', 8),
        ("tier = 'open and pionts > 3", 8),
        ("points > 1) and pionts > 3", 11),
        ("exists O in orders where O.qty > 1 and O.skuu = 2", 10),
        ("some O in orders where O.qty > 1 and O.skuu = 2", 6),
        ("let x 5 in x > 1 and y > 2", 7),
        ("(a, 5) => a.points > 1 and a.x = 2", 3),
        ("born occurs between and points > 1", 21),
        ('points in [and "a", "b"]', 12),
        ("points 5 + tier > 1", 8),
        ("5 tags.includes(1)", 3),
        ('tags.includes(, "a")', 15),
        ("orders.exists(qty > ).count() = 1", 21),
        ("tags.count(5,)", 14),
        ("points === 5 + 1", 8),
        ("points =", 9),
        ("points = 'many'", 10),
        ("orders['sku']", 8),
        ('born > "\\2024"', 9),
        ("points = 1e999 + 1", 10),
        ("(day) => day.x and pionts > 1", 2),
        ("tags.count() = (P) => pionts", 20),
        ('tags.intersects(["a", 1, true])', 23),
        ("(P) => Q => pionts > 1", 10),
        ("chain(tags, sku, [A: WHAT(sku = qty)])", 7),
        ("(" * 150 + "points = ", 160),
    ],
)
def test_one_mistake_gives_one_error(text: str, column: int) -> None:
    assert [place for _, place in found(text)] == [column]


def test_the_partial_tree_holds_what_was_read() -> None:
    query, errors = pql_parser.read("points > 1 and (tier = ) and tags")
    assert [each.column for each in errors] == [24]
    assert not syntax.is_whole(query)
    assert isinstance(query, syntax.Broken)
    assert syntax.Name("tags") in query.parts
    assert pql_parser.read("points > 1") == (parse("points > 1"), ())


def test_a_broken_tree_has_no_text_and_no_json_form() -> None:
    query, _ = pql_parser.read("points > 1 and (tier = )")
    with pytest.raises(TypeError, match="Broken"):
        print_text(query)
    with pytest.raises(TypeError, match="Broken"):
        write_json(query)


def test_errors_are_as_many_as_a_person_can_mend() -> None:
    found_errors = found(" and ".join(["(points > )"] * 50))
    assert len(found_errors) == ERRORS_MAX
    assert found_errors[0] == ("SYNTAX", 11)
    assert len(found(" and ".join(["pionts > 1"] * 50))) == ERRORS_MAX


def field(name: str) -> dict[str, Any]:
    return {
        "nodeType": "fieldLookup",
        "fieldName": name,
        "object": {"nodeType": "parameterReference", "position": 1},
    }


def apply(name: str, *params: Any) -> dict[str, Any]:
    return {"nodeType": "fnApply", "fnName": name, "params": list(params)}


def literal(value: Any, kind: str | None = None) -> dict[str, Any]:
    return {"nodeType": "literal", "value": value} | ({"literalType": kind} if kind else {})


def test_errors_of_the_json_form_come_in_the_order_of_the_document() -> None:
    document = apply(
        "and",
        apply("=", field("teir"), literal("x", "Blob")),
        {"nodeType": "set"},
        {
            "params": [field("pionts"), {"nodeType": "varRef", "varName": "E"}],
            "fnName": ">",
            "nodeType": "fnApply",
        },
        apply("in", field("points"), literal([1, None, 2, [3]])),
        apply("not"),
    )
    with pytest.raises(PqlErrors) as caught:
        check(document, SCHEMA)
    assert [(each.code, each.pointer) for each in caught.value.errors] == [
        ("UNKNOWN_FIELD", "/params/0/params/0/fieldName"),
        ("SYNTAX", "/params/0/params/1/literalType"),
        ("SYNTAX", "/params/1/nodeType"),
        ("UNKNOWN_FIELD", "/params/2/params/0/fieldName"),
        ("UNKNOWN_FIELD", "/params/2/params/1/varName"),
        ("BAD_VALUE", "/params/3/params/1/value/1"),
        ("TYPE_MISMATCH", "/params/3/params/1/value/3"),
        ("BAD_ARGUMENTS", "/params/4/params"),
    ]


def test_reading_the_json_form_reports_all_that_cannot_be_read() -> None:
    with pytest.raises(PqlErrors) as caught:
        read_json(apply("or", {"nodeType": "a"}, apply("=", literal(1), {"nodeType": "b"})))
    assert [each.pointer for each in caught.value.errors] == [
        "/params/0/nodeType",
        "/params/1/params/1/nodeType",
    ]


def test_check_gives_what_bind_gives() -> None:
    text = 'tier = "gold" and orders[qty > 1]'
    query = check(text, SCHEMA)
    assert query.condition == check(write_json(parse(text)), SCHEMA).condition
    assert query.condition == check(parse(text), SCHEMA).condition
