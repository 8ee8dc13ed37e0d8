"""Batch, streaming, edge: the published table, and the part of a query that is in the way."""

from __future__ import annotations

import pytest
from tests.unit.pql.shop import asked

from muster.pql import Facts, bind, facts, parse
from muster.pql.types import STRING, ObjectType

RECENT = "xEvent[timestamp occurs <= 24 hours before now]"
LATE = "xEvent[timestamp occurs <= 25 hours before now]"


def known(text: str) -> Facts:
    referenced = {
        "profile": facts(asked("vip")),
        "nested": facts(asked('inSegment("profile")')),
        "events": facts(asked(RECENT)),
        "through": facts(asked('inSegment("events")')),
    }
    return facts(asked(text), referenced=referenced)


@pytest.mark.parametrize(
    ("text", "streaming", "edge"),
    [
        ('vip and name = "a"', True, True),
        (RECENT, True, True),
        (f"{RECENT}.count() >= 3", True, True),
        (f"vip or {RECENT}", True, True),
        (f"vip and {RECENT} and {RECENT}.count() > 2", True, False),
        ("chain(xEvent, timestamp, [A: WHAT(total > 1) WHEN(today), B: WHAT(total > 2)])", True, False),
        ("chain(xEvent, timestamp, [A: WHAT(total > 1) WHEN(today)])", True, True),
        ('inSegment("events") and not inSegment("x")', True, True),
        (f'inSegment("profile") and {RECENT}', True, True),
        (f'inSegment("nested") and {RECENT}', True, True),
        (f'inSegment("events") and {RECENT}', False, False),
        (f'inSegment("through") and {RECENT}', False, False),
        (f'inSegment("unheard of") and {RECENT}', False, False),
        (f"{RECENT} and not xEvent[timestamp occurs this hour]", True, False),
        (f"not {RECENT}", False, False),
        (f"vip and {RECENT}.count() = 0 and not xEvent[timestamp occurs today]", False, False),
        (LATE, False, False),
        ("xEvent[timestamp occurs this day]", True, True),
        ("xEvent[timestamp occurs yesterday]", False, False),
        ("xEvent[timestamp occurs <= 24 hours before today]", False, False),
        ("xEvent[total > 1]", False, False),
        ("born.getMonth() = 3", False, False),
        ("born.getDayOfMonth() = currentDayOfMonth()", False, False),
        ("born.getYear() = 1990 and currentMonth() = 3", True, True),
        ('store.city = "Bergen"', False, False),
        ('store = "ST-7"', True, True),
        ('segmentMembership.AAM.`12`.status = "realized"', False, False),
        ('segmentMembership.get("AAM").get("12").isNotNull()', False, False),
        ('segmentMembership.ups.x.status = "realized"', True, True),
    ],
)
def test_table_of_methods(text: str, streaming: bool, edge: bool) -> None:
    methods = known(text).methods
    assert {name: each.allowed for name, each in methods.items()} == {
        "batch": True,
        "streaming": streaming,
        "edge": edge,
    }


def test_namespace_is_seen_where_it_is_a_field_of_an_object() -> None:
    namespaces = ObjectType({"AAM": ObjectType({"x": STRING}), "ups": ObjectType({"x": STRING})})
    schema = ObjectType({"segmentMembership": namespaces})
    allowed = {
        name: facts(bind(parse(f"segmentMembership.{name}.x"), schema)).methods["streaming"].allowed
        for name in ("AAM", "ups")
    }
    assert allowed == {"AAM": False, "ups": True}


def test_every_obstacle_is_named_in_order_with_its_place_and_reason() -> None:
    text = f'born.getMonth() = 3 and\n{LATE} and store.city = "Bergen" and inSegment("events")'
    assert [str(obstacle) for obstacle in known(text).methods["edge"].obstacles] == [
        "line 1, column 6: getMonth of a stored date ignores the year",
        "line 2, column 1: events are read that are up to 25 hours old; 24 hours are the most",
        "line 2, column 59: a relationship is followed, to Store",
        "line 2, column 79: events are combined with the definition events, which is not known to read the profile alone",
    ]


def test_step_of_a_sequence_is_named_by_its_number() -> None:
    text = "chain(xEvent, timestamp, [A: WHAT(total > 1), B: WHAT(total > 2) WHEN(today)])"
    (obstacle,) = known(text).methods["streaming"].obstacles
    assert obstacle.reason.startswith("step 1 of the sequence reads events of any age")


def test_one_use_too_many_is_told_at_the_second() -> None:
    (obstacle,) = known(f"{RECENT} or {RECENT}[total > 1]").methods["edge"].obstacles
    assert (obstacle.place.column, obstacle.reason) == (
        52,
        "events are read 2 times; once is the most on the edge",
    )


def test_definitions_that_ask_about_each_other_do_not_hang() -> None:
    cycle = {name: facts(asked(f'inSegment("{other}")')) for name, other in (("a", "b"), ("b", "a"))}
    query = asked(f'inSegment("a") and {RECENT}')
    assert facts(query, referenced=cycle).methods["streaming"].allowed
