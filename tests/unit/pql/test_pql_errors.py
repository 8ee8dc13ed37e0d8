"""Every mistake is refused with its code, its place and, where there is one, the likely intention."""

from __future__ import annotations

import json

import pytest

from muster.pql import ArrayType, MapType, ObjectType, PqlErrors, ReferenceType, bind, parse, read_json
from muster.pql.types import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, STRING

ITEM = ObjectType({"sku": STRING, "qty": INTEGER, "at": DATETIME})
SCHEMA = ObjectType(
    {
        "tier": STRING,
        "points": INTEGER,
        "score": NUMBER,
        "vip": BOOLEAN,
        "born": DATE,
        "home": ObjectType({"city": STRING}),
        "tags": ArrayType(STRING),
        "marks": ArrayType(NUMBER),
        "prefs": MapType(STRING),
        "store": ReferenceType("stores"),
        "orders": ArrayType(ITEM),
        "xEvent": ArrayType(
            ObjectType({"eventType": STRING, "timestamp": DATETIME, "items": ArrayType(ITEM)})
        ),
    }
)


def errors(text: str) -> PqlErrors:
    with pytest.raises(PqlErrors) as caught:
        bind(parse(text), SCHEMA)
    return caught.value


@pytest.mark.parametrize(
    ("text", "code", "column", "suggestion"),
    [
        ("tier = 'gold'", "SYNTAX", 8, '"'),
        ("tier == 1", "SYNTAX", 6, "="),
        ("vip && vip", "SYNTAX", 5, "and"),
        ("vip || vip", "SYNTAX", 5, "or"),
        ("tier = null", "SYNTAX", 8, "isNull()"),
        ('"\\d" = tier', "SYNTAX", 2, "\\\\"),
        ('tier = "open', "SYNTAX", 8, None),
        ("`tier", "SYNTAX", 1, None),
        ('tier = "\\ud800"', "SYNTAX", 9, "\\\\"),
        ("1 < points < 5", "SYNTAX", 12, None),
        ("points.5 = 1", "SYNTAX", 8, None),
        ("points = 5.", "SYNTAX", 12, None),
        ("tags.includes(tier,)", "SYNTAX", 20, None),
        ("born occurs around now", "SYNTAX", 20, "<= 1 day from"),
        ("born occurs in last 3 days", "SYNTAX", 13, "<= 3 days before now"),
        ("born occurs next 2 weeks", "SYNTAX", 18, "<= 2 weeks after now"),
        ("born.getYear = 1990", "UNKNOWN_FIELD", 6, "getYear()"),
        ("born occurs < -1 days before now", "SYNTAX", 15, None),
        ("born occurs on", "SYNTAX", 15, None),
        ("tier not like tier", "SYNTAX", 10, None),
        ("vip = vip not in [vip]", "SYNTAX", 11, None),
        ("prefs.map((k, over) => 1)", "SYNTAX", 15, "`over`"),
        ("orders.map(this => 1)", "SYNTAX", 12, "`this`"),
        ("(day) => true", "SYNTAX", 2, "`day`"),
        ("(P) => Q => true", "SYNTAX", 10, None),
        ("points = 'many'", "SYNTAX", 10, '"'),
        ('tier.matches("\\q")', "SYNTAX", 15, "\\\\"),
        ("", "SYNTAX", 1, None),
        ("tier = 'open", "SYNTAX", 8, '"'),
        ("tier <> tier", "SYNTAX", 6, "!="),
        ("vip and ``", "SYNTAX", 9, None),
        ("tier = tier; vip", "SYNTAX", 12, None),
        ("$x.tier = tier", "SYNTAX", 1, "$1"),
        ("exists O in orders where vip", "SYNTAX", 10, None),
        ("chain(orders, at, [A: WHAT(true) COUNT(0)])", "BAD_VALUE", 40, None),
        ('tier.matches("[a-\\\\d]")', "BAD_VALUE", 14, None),
        ('tier.matches("(a{100}){100}")', "BAD_VALUE", 14, None),
        ("(" * 201 + "vip" + ")" * 201, "SYNTAX", 201, None),
        ("points = 9223372036854775808", "BAD_VALUE", 10, None),
        ("score = 1e999", "BAD_VALUE", 9, None),
        ("vip = 1e999", "BAD_VALUE", 7, None),
        ("born = date(99999999999999999999, 1, 1)", "BAD_VALUE", 13, None),
        ("born = date(2025, 2, 30)", "BAD_VALUE", 8, None),
        ('tier.matches("(?=a)")', "BAD_VALUE", 14, None),
        ('tier.matches("a++")', "BAD_VALUE", 14, None),
        ('tier.matches("(a)\\\\1")', "BAD_VALUE", 14, None),
        ('tier.matches("[a")', "BAD_VALUE", 14, None),
        ('tier.regexGroup("(a)", 2) = "a"', "BAD_VALUE", 24, None),
        ("teir = 1", "UNKNOWN_FIELD", 1, "tier"),
        ("Tier = 1", "UNKNOWN_FIELD", 1, "tier"),
        ("pixonts = 1", "UNKNOWN_FIELD", 1, "points"),
        ("zzzzzz = 1", "UNKNOWN_FIELD", 1, None),
        ("home.town = 1", "UNKNOWN_FIELD", 6, None),
        ("orders[points > 1]", "UNKNOWN_FIELD", 8, "^.points"),
        ("xEvent[items[tier = sku]]", "UNKNOWN_FIELD", 14, "^^.tier"),
        ("exists Order from orders where Oder.qty > 1", "UNKNOWN_FIELD", 32, "Order"),
        ("select A from orders where B.qty > 1, B from orders", "UNKNOWN_FIELD", 28, "A"),
        ("tags.size() > 1", "UNKNOWN_FUNCTION", 6, "count"),
        ("marks.avg() > 1", "UNKNOWN_FUNCTION", 7, "average"),
        ("count(tags) > 1", "UNKNOWN_FUNCTION", 1, "tags.count()"),
        ("avg(marks) > 1", "UNKNOWN_FUNCTION", 1, "marks.average()"),
        ("isnull(home.city)", "UNKNOWN_FUNCTION", 1, "home.city.isNull()"),
        ("avg() > 1", "UNKNOWN_FUNCTION", 1, None),
        ("dat(2024, 1, 1) = born", "UNKNOWN_FUNCTION", 1, "date"),
        ("tier.startswith(tier)", "UNKNOWN_FUNCTION", 6, "startsWith"),
        ("tags.count(1) > 1", "BAD_ARGUMENTS", 6, None),
        ("tags.includes((x) => x)", "BAD_ARGUMENTS", 15, None),
        ("orders.filter((a, b) => a.qty > 1)", "BAD_ARGUMENTS", 15, None),
        ("prefs.map((a, a) => a)", "DUPLICATE_NAME", 15, None),
        ("chain(orders, at, [A: WHAT(vip) , A: WHAT(true)])", "UNKNOWN_FIELD", 28, "^.vip"),
        ("chain(orders, at, [A: WHAT(true), A: WHAT(true)])", "DUPLICATE_NAME", 35, None),
        ("chain(orders, qty, [A: WHAT(true)])", "TYPE_MISMATCH", 15, None),
        ("chain(orders, when_, [A: WHAT(true), B: WHAT(true)])", "UNKNOWN_FIELD", 15, None),
        ("chain(home, at, [A: WHAT(true)])", "TYPE_MISMATCH", 7, None),
        ("chain(home.city, at, [A: WHAT(true)])", "TYPE_MISMATCH", 12, None),
        ("points + 1", "TYPE_MISMATCH", 8, None),
        ("points + 1 - 2", "TYPE_MISMATCH", 8, None),
        ("points * 2 + 1 - 3", "TYPE_MISMATCH", 12, None),
        ("points / (2 + 1) * 3", "TYPE_MISMATCH", 8, None),
        ('"gold"', "TYPE_MISMATCH", 1, None),
        ("vip and -points", "TYPE_MISMATCH", 9, None),
        ("tier = born", "TYPE_MISMATCH", 6, None),
        ("vip > true", "TYPE_MISMATCH", 5, None),
        ("home < home", "TYPE_MISMATCH", 6, None),
        ("tags < tags", "TYPE_MISMATCH", 6, None),
        ('points = "many"', "TYPE_MISMATCH", 8, None),
        ('points in ["a", 5]', "TYPE_MISMATCH", 17, None),
        ('points in ["5", "many"]', "TYPE_MISMATCH", 8, None),
        ('born notIn ["2024-01-01", "soon"]', "TYPE_MISMATCH", 6, None),
        ('marks.intersects(["5", "many"])', "TYPE_MISMATCH", 18, None),
        ('marks.supersetOf(["many"])', "TYPE_MISMATCH", 18, None),
        ("points in [true, 1]", "TYPE_MISMATCH", 18, None),
        ('points like "a"', "TYPE_MISMATCH", 1, None),
        ('home matches "a"', "TYPE_MISMATCH", 1, None),
        ('points.matches("a")', "TYPE_MISMATCH", 8, None),
        ("tier in tier", "TYPE_MISMATCH", 9, None),
        ("points + tier > 1", "TYPE_MISMATCH", 10, None),
        ("home.city.sum() > 1", "TYPE_MISMATCH", 11, None),
        ("orders[0]", "TYPE_MISMATCH", 8, None),
        ("tier[true]", "TYPE_MISMATCH", 1, None),
        ("home.city.getYear() = 1", "TYPE_MISMATCH", 11, None),
        ('born occurs on "2024-01-01"', "TYPE_MISMATCH", 16, None),
        ("home.city occurs today", "TYPE_MISMATCH", 6, None),
        ("tier.contains(points)", "TYPE_MISMATCH", 15, None),
        ("tier.contains(tier, vip)", "TYPE_MISMATCH", 21, None),
        ("if(vip, tier, points) = tier", "TYPE_MISMATCH", 15, None),
        ("marks.topN(this, points).count() > 0", "TYPE_MISMATCH", 18, None),
        ("exists T from tier where true", "TYPE_MISMATCH", 15, None),
        ("store.city = tier", None, 0, None),
        ("^.tier = tier", "BAD_SCOPE", 1, None),
        ("$2.tier = tier", "BAD_SCOPE", 1, "$1"),
        ("(a, b) => a.vip", "BAD_SCOPE", 1, None),
        ("mapEntry(tier, tier)", "BAD_SCOPE", 1, None),
    ],
)
def test_first_error_names_code_place_and_intention(
    text: str, code: str | None, column: int, suggestion: str | None
) -> None:
    if code is None:
        assert bind(parse(text), SCHEMA).condition is not None
        return
    first = errors(text).first
    assert (first.code, first.column, first.suggestion) == (code, column, suggestion)


def test_all_errors_of_a_query_are_reported_by_position() -> None:
    found = errors("vip and points.foo = 1 and\r\n  orders[qyt > 1] or tags.size() > born")
    assert [(each.line, each.column) for each in found.errors] == [(1, 16), (2, 10), (2, 27)]


def test_one_mistake_gives_one_error() -> None:
    found = errors("orders[teir = 1].map(price * 2).sum() > 3")
    assert [each.found for each in found.errors] == ["teir", "price"]


def test_a_message_names_both_types() -> None:
    assert "number needed, text found" in errors("points + tier > 1").first.message


@pytest.mark.parametrize(
    ("node", "code", "pointer"),
    [
        ({"nodeType": "set"}, "SYNTAX", "/nodeType"),
        ({"nodeType": "fieldLookup"}, "SYNTAX", "/fieldName"),
        ({"nodeType": "literal", "literalType": "Integer", "value": "x"}, "BAD_VALUE", "/value"),
        ({"nodeType": "literal", "literalType": "Blob", "value": "x"}, "SYNTAX", "/literalType"),
        ({"nodeType": "fnApply", "fnName": "=", "params": []}, "BAD_ARGUMENTS", "/params"),
        ({"nodeType": "varRef", "varName": "E"}, "UNKNOWN_FIELD", "/varName"),
        (
            {
                "nodeType": "fnApply",
                "fnName": "=",
                "params": [
                    {
                        "nodeType": "fieldLookup",
                        "fieldName": "teir",
                        "object": {"nodeType": "parameterReference", "position": 1},
                    },
                    {"nodeType": "literal", "value": "gold"},
                ],
            },
            "UNKNOWN_FIELD",
            "/params/0/fieldName",
        ),
        (
            {
                "nodeType": "fnApply",
                "fnName": "shout",
                "params": [{"nodeType": "parameterReference", "position": 1}],
            },
            "UNKNOWN_FUNCTION",
            "/fnName",
        ),
    ],
)
def test_errors_of_the_json_form_carry_a_pointer(node: dict[str, object], code: str, pointer: str) -> None:
    with pytest.raises(PqlErrors) as caught:
        bind(read_json(json.dumps(node)), SCHEMA)
    first = caught.value.first
    assert (first.code, first.pointer, first.line) == (code, pointer, 0)


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(PqlErrors, match="no JSON"):
        read_json("{")


def test_an_open_schema_takes_unknown_fields_as_missing() -> None:
    text = "unknown.deep > 1 or home.town.isNotNull() or xEvent[foo.bar = 1] or (sum E.x over E from unknown) > 1"
    assert bind(parse(text), SCHEMA, open_schema=True).condition is not None
    with pytest.raises(PqlErrors):
        bind(parse("unknown.shout()"), SCHEMA, open_schema=True)
