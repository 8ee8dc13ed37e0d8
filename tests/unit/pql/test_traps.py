"""Warnings: valid queries that probably mean another thing than they say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.pql.shop import ENTITIES, SCHEMA, asked

from muster.pql import ObjectType, PqlWarning, bind, parse, warnings_of, write_json
from muster.pql.json_read import read_json

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)


def told(text: str, now: datetime | None = None) -> list[PqlWarning]:
    return list(warnings_of(asked(text), now))


def codes(text: str, now: datetime | None = None) -> list[str]:
    return [warning.code for warning in told(text, now)]


@pytest.mark.parametrize(
    "text",
    [
        'name = "a" and vip and age > 3 and tags = "x"',
        'not (name = "a")',
        "xEvent[timestamp occurs <= 7 days before now].count() > 2",
        "seen occurs on date(2025, 1, 1) and born = date(2025, 1, 1)",
        "seen = now",
        "true",
        'chain(xEvent, timestamp, [A: WHAT(total > 1), B: WHAT(eventType = "b") WHEN(<= 1 day after A.timestamp)])',
        'xEvent.groupBy(eventType).map(this.count()).max() > 1 and tags.distinct().count() != 2',
    ],
)  # fmt: skip
def test_plain_queries_are_left_alone(text: str) -> None:
    assert told(text, NOW) == []


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ('name != "a"', 'name = "a"'),
        ('vip and name notIn ["a", "b"]', 'name in ["a", "b"]'),
        ('name not in ["a"]', 'name in ["a"]'),
        ('name.doesNotContain("a")', 'name.contains("a")'),
        ('name.doesNotStartWith("a", false)', 'name.startsWith("a", false)'),
        ('name.doesNotEndWith("a")', 'name.endsWith("a")'),
        ('name.notEqualTo("a", "b")', 'name.equals("a", "b")'),
        ('orders[sku != "a"]', 'sku = "a"'),
        ("age + 1 != 3", "age + 1 = 3"),
        ("seen occurs today and born != today", "born = today"),
    ],
)
def test_negative_tests_leave_out_who_has_no_value(text: str, suggestion: str) -> None:
    (warning,) = told(text)
    assert warning.code == "LEFT_OUT"
    assert warning.suggestion is not None
    assert parse(warning.suggestion) == parse(f"not ({suggestion})")


def test_message_says_who_is_left_out() -> None:
    (warning,) = told('name != "a"')
    assert (
        warning.message == 'name != "a" is false where name is missing, so profiles without it are left out'
    )
    assert (warning.line, warning.column, warning.pointer) == (1, 6, None)
    assert "elements without it are left out" in told('orders[sku != "a"]')[0].message
    assert "name or code is missing" in told("name != code")[0].message
    (inside,) = told('not (name != "a")')
    assert "profiles without it are let in by the not around it" in inside.message
    assert inside.suggestion is None


@pytest.mark.parametrize(
    "text",
    [
        'name.isNotNull() and name != "a"',
        'name and name != "a"',
        'not name.isNull() and (vip or name.doesNotContain("a"))',
        'name.isNull() or name notIn ["a"]',
        "name.isNotNull() and code.isNotNull() and name != code",
        'orders[sku.isNotNull() and sku != "a" or sku.isNull()]',
        'tags[this != "a"]',
        "xEvent.count() != 3",
        'forall T from tags where T != "a"',
        "currentMonth() != 3",
    ],
)
def test_who_is_decided_about_is_not_warned_of(text: str) -> None:
    assert "LEFT_OUT" not in codes(text)


def test_presence_of_another_value_decides_nothing() -> None:
    assert codes('code.isNotNull() and name != "a"') == ["LEFT_OUT"]
    assert codes('name.isNotNull() or name != "a"') == ["LEFT_OUT"]
    assert codes('orders[sku.isNotNull()] and orders[sku != "a"]') == ["LEFT_OUT"]


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ('tags != "a"', 'tags = "a"'),
        ('"a" != tags', '"a" = tags'),
        ('tags notIn ["a"]', 'tags in ["a"]'),
        ('tags.doesNotContain("a")', 'tags.contains("a")'),
        ('xEvent.eventType != "a"', 'xEvent.eventType = "a"'),
    ],
)
def test_negative_tests_of_arrays_ask_about_some_element(text: str, positive: str) -> None:
    (warning,) = told(text)
    assert warning.code == "SOME_ELEMENT"
    assert warning.suggestion is not None
    assert parse(warning.suggestion) == parse(f"not ({positive})")


def test_unequal_arrays_as_wholes_are_only_left_out_when_missing() -> None:
    assert codes("tags != orders.sku") == ["LEFT_OUT"]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("xEvent[timestamp occurs > 30 days before now and timestamp occurs <= 7 days before now]", 60),
        ("vip and seen occurs between tomorrow and yesterday", 14),
        ("seen > now and vip and seen < today", 29),
        ("xEvent[timestamp > now][timestamp < today]", 35),
        ("xEvent[timestamp > now][total > 1][timestamp < today]", 46),
        ("chain(xEvent, timestamp, [A: WHAT(total > 1) WHEN(today) WHEN(before yesterday)])", 63),
        ("chain(xEvent, timestamp, [A: WHAT(timestamp > now) WHEN(yesterday)])", 57),
        ("(seen occurs between tomorrow and yesterday) and seen > now and seen < now", 7),
    ],
)
def test_window_that_can_never_hold_is_told_where_it_contradicts(text: str, position: int) -> None:
    (warning,) = told(text)
    assert (warning.code, warning.column) == ("NEVER_HOLDS", position)


def test_window_that_has_passed_is_told_with_now_only() -> None:
    text = "seen < date(2025, 1, 1) and seen occurs <= 30 days before now"
    assert codes(text) == []
    (warning,) = told(text, NOW)
    assert (warning.code, warning.column) == ("NEVER_HOLDS", 34)
    assert warning.message == "this window together with what is said before it can never hold any more"
    assert codes(text, datetime(2025, 1, 15, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("seen occurs = 3 days before now", True),
        ("seen occurs != 3 days from today", True),
        ("born occurs = 3 days before now", True),
        ("born occurs = 3 hours before today", True),
        ("born occurs = 3 days before today", False),
        ("born occurs = 1 year after this month", False),
        ("chain(xEvent, timestamp, [A: WHAT(total > 1) WHEN(= 1 day before now)])", True),
    ],
)
def test_exact_distance_is_told_unless_days_are_compared_with_days(text: str, warned: bool) -> None:
    found = [(warning.code, warning.suggestion) for warning in told(text)]
    assert found == ([("EXACT_DISTANCE", "on")] if warned else [])


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("seen = today", "seen occurs today"),
        ("born = seen", "seen occurs born"),
        ('seen = "2025-01-31"', "seen occurs date(2025, 1, 31)"),
        ("seen.isNotNull() and seen != today", "not (seen occurs today)"),
        ("orders.at = today", "orders.at occurs today"),
    ],
)
def test_instant_that_is_compared_with_a_day_is_told(text: str, suggestion: str) -> None:
    (warning,) = told(text)
    assert warning.code == "DAY_AND_INSTANT"
    assert warning.suggestion is not None
    assert parse(warning.suggestion) == parse(suggestion)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("code = 42", 'code = "42"'),
        ("code < -1.5", 'code < "-1.5"'),
        ("code = age", None),
        ('age = "42"', "age = 42"),
        ('age > "-1.5"', "age > -1.5"),
        ("age = code", None),
        ("code in [1, 2]", None),
    ],
)
def test_conversion_between_text_and_number_is_told(text: str, suggestion: str | None) -> None:
    (warning,) = told(text)
    assert (warning.code, warning.suggestion) == ("CONVERSION", suggestion)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("age = 1.5", True),
        ('age = "1.5"', True),
        ("age = 2.0", False),
        ("age > 1.5", False),
        ('born = "2025-01-01T10:00:00Z"', True),
        ('born = "2025-01-01T00:00:00Z"', False),
    ],
)
def test_literal_that_a_field_can_never_equal_is_told(text: str, warned: bool) -> None:
    assert codes(text) == (["NEVER_EQUAL"] if warned else [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("xEvent.count() >= 0", "true"),
        ("xEvent.count() < 0", "false"),
        ("1 = 1", "true"),
        ('"a" in ["b"]', "false"),
        ("[]", "false"),
        ("name in []", "false"),
        ("tags.intersects([])", "false"),
        ("xEvent.isNull()", "false"),
        ('tags[this = "a"].isNotNull()', "true"),
        ("born.getMonth() = 13", "false"),
        ("born.getDayOfMonth() > 31", "false"),
        ("currentMonth() <= 12", "true"),
        ("age > age", "false"),
        ("if(vip, 1, 1) = 2", None),
        ("born.getMonth() <= 12", None),
        ("name notIn []", None),
        ("tags.subsetOf([])", None),
        ("age = age", None),
        ("xEvent.count() > 0", None),
        ("currentMonth() <= 11", None),
    ],
)
def test_condition_that_is_the_same_for_everybody_is_told(text: str, value: str | None) -> None:
    messages = [warning.message for warning in told(text) if warning.code == "CONSTANT_CONDITION"]
    assert messages == ([] if value is None else [f"{text} is always {value}"])


def test_constant_is_told_once_where_it_stands() -> None:
    (warning,) = told("vip and (age > 1 or not (xEvent[1 = 2]))")
    assert (warning.code, warning.column) == ("CONSTANT_CONDITION", 35)


def test_fields_that_nobody_declared_yet_are_no_constants() -> None:
    query = asked('_acme.tier = "gold" and not _acme.x', schema=ObjectType({}), open_schema=True)
    assert warnings_of(query) == ()


def many(count: int) -> str:
    return "name in [" + ", ".join(['"a"'] * count) + "]"


def steps(names: str) -> str:
    return f"chain(xEvent, timestamp, [{', '.join(f'{name}: WHAT(total > 1)' for name in names)}])"


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        (" or ".join(["vip"] * 51), "MANY_CONDITIONS", 351),
        (" or ".join(["vip"] * 50), None, 0),
        (steps("ABCD"), "LONG_SEQUENCE", 87),
        (steps("ABC"), None, 0),
        ("tags.count() + tags.count() + orders.count() + xEvent.sum(total) > 9", "MANY_AGGREGATIONS", 55),
        ("tags.count() + tags.count() + (sum E.total over E from xEvent) > 9", None, 0),
        ('xEvent.items.notes = "a"', "DEEP_ARRAYS", 14),
        ('xEvent.items.sku = "a"', None, 0),
        ('exists E from xEvent, I from E.items where I.notes = "a"', "DEEP_ARRAYS", 46),
        (many(251), "LONG_LIST", 9),
        (many(250), None, 0),
    ],
)
def test_limits_are_told(text: str, code: str | None, column: int) -> None:
    found = [(warning.code, warning.column) for warning in told(text)]
    assert found == ([] if code is None else [(code, column)])


def test_all_are_told_in_the_order_of_the_query() -> None:
    text = 'seen = today or\n name != "a" or tags != "b" and code = 1'
    found = [(warning.code, warning.line, warning.column) for warning in told(text)]
    assert found == [
        ("DAY_AND_INSTANT", 1, 6),
        ("LEFT_OUT", 2, 7),
        ("SOME_ELEMENT", 2, 22),
        ("CONVERSION", 2, 38),
    ]


def test_warnings_of_the_json_form_have_a_pointer() -> None:
    tree = read_json(write_json(parse('vip and name != "a"')))
    (warning,) = warnings_of(bind(tree, SCHEMA, entities=ENTITIES))
    assert (warning.code, warning.pointer, warning.line) == ("LEFT_OUT", "/params/1/fnName", 0)


def test_warnings_refuse_nothing_and_change_nothing() -> None:
    query = asked('name != "a"')
    assert [warning.code for warning in warnings_of(query)] == ["LEFT_OUT"]
    assert query == bind(parse('name   != "a"'), SCHEMA, entities=ENTITIES)
