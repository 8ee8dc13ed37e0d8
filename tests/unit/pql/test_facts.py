"""What is known of a query without data: what it reads, and how far back it looks."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.pql.shop import EVENT, SCHEMA, asked

from muster.pql import ObjectType, Window, facts, matches, parse, plan, write_json
from muster.pql.bind import bind
from muster.pql.facts import Facts
from muster.pql.json_read import read_json
from muster.pql.notation import read_object
from muster.pql.temporal import FIXED_UNITS, from_ms, shift, to_ms

HOUR, DAY = FIXED_UNITS["hour"], FIXED_UNITS["day"]


def known(text: str) -> Facts:
    return facts(asked(text))


def test_what_is_read_is_what_the_plan_reads() -> None:
    query = asked('name = "a" and xEvent[items.sku = "A" and total > 1].count() > 2')
    assert facts(query).paths == plan(query).paths
    assert facts(query).paths == {
        ("name",),
        ("xEvent",),
        ("xEvent", "items", "sku"),
        ("xEvent", "total"),
    }


def test_definitions_are_named_in_order_also_where_they_change_nothing() -> None:
    assert known('inSegment("b") or (inSegment("a") and inSegment("b"))').segment_ids == ("b", "a")
    query = asked('_acme.x = 1 and inSegment("a")', schema=ObjectType({}), open_schema=True)
    assert facts(query).segment_ids == ("a",)


def test_entities_are_those_that_a_path_goes_on_into() -> None:
    assert known('store.city = "Bergen"').entities == {"Store"}
    assert known('store = "ST-7"').entities == frozenset()


def test_sources_are_those_that_hold_a_field_that_is_read() -> None:
    sources = {
        "people": read_object({"object": {"name": "string", "age": "integer"}}),
        "codes": read_object({"object": {"code": "string"}}),
        "visits": read_object({"object": {"xEvent": {"array": EVENT}}}),
        "calls": read_object({"object": {"xEvent": {"array": {"object": {"timestamp": "date-time"}}}}}),
    }

    def read_by(text: str) -> set[str]:
        return set(facts(asked(text), sources=sources).sources)

    assert read_by('name = "a" and vip') == {"people"}
    assert read_by("xEvent.total > 3 or code.isNull()") == {"visits", "codes"}
    assert read_by("xEvent[timestamp occurs today]") == {"visits", "calls"}
    assert read_by("vip") == set()


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("seen occurs today", True),
        ("born < date(2025, 1, 1)", False),
        ("born.getMonth() = currentMonth()", True),
    ],
)
def test_what_names_a_moment_depends_on_time(text: str, moves: bool) -> None:
    assert known(text).time_dependent is moves


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("vip", 1),
        ('not (name = "a" or vip)', 2),
        ("seen occurs between yesterday and today", 1),
        ('name in ["a", "b", "c"]', 1),
        ('xEvent[eventType = "a" and total > 1].count() > 2 and vip', 3),
        ("if(vip, age, 3) > 2", 1),
        ("chain(xEvent, timestamp, [A: WHAT(total > 1) WHEN(today), B: WHAT(total > 2)])", 3),
        ("exists E from xEvent where E.total > 1, I from E.items where I.sku.isNull()", 2),
    ],
)
def test_conditions_count_where_they_contain_no_others(text: str, count: int) -> None:
    assert known(text).condition_count == count


HOURS = "timestamp occurs <= 3 hours before now"


# fmt: off
BOUNDED = [
    (f"xEvent[{HOURS}]", Window(0, 3 * HOUR)),
    ("xEvent.timestamp occurs <= 3 hours before now", Window(0, 3 * HOUR)),
    ("xEvent[total > 1].timestamp occurs <= 3 hours before now", Window(0, 3 * HOUR)),
    (f"xEvent[total > 1][{HOURS}].items.sku = \"A\"", Window(0, 3 * HOUR)),
    (f"xEvent.filter(total > 1 and ({HOURS} and total < 9)).sum(total) > 3", Window(0, 3 * HOUR)),
    (f"xEvent.exists({HOURS})", Window(0, 3 * HOUR)),
    ("exists E from xEvent where E.timestamp occurs < 3 hours before now", Window(0, 3 * HOUR)),
    ("(sum E.total over E from xEvent where E.timestamp occurs today) > 3", Window(0, DAY)),
    (f'exists E from xEvent[{HOURS}], I from E.items where I.sku = "A"', Window(0, 3 * HOUR)),
    ('exists E from xEvent, I from E.items where I.sku = "A" and E.timestamp occurs today', Window(0, DAY)),
    (f"xEvent[items[sku = \"A\" and ^.{HOURS}]]", Window(0, 3 * HOUR)),
    (f"xEvent[{HOURS} or timestamp occurs <= 5 hours before now]", Window(0, 5 * HOUR)),
    (f"xEvent[{HOURS} and timestamp occurs <= 5 hours before now]", Window(0, 3 * HOUR)),
    (f"xEvent[({HOURS} or timestamp occurs today) and timestamp occurs <= 5 hours before now]", Window(0, 5 * HOUR)),
    (f"xEvent[if({HOURS}, total > 1, timestamp occurs today)]", Window(0, DAY)),
    ("xEvent[let T = timestamp in T occurs <= 3 hours before now]", Window(0, 3 * HOUR)),
    (f"let E = xEvent[{HOURS}] in E.count() > 1 and E.sum(total) > 2", Window(0, 3 * HOUR)),
    (f"let E = xEvent in E[{HOURS}].count() > 1 and E[timestamp occurs today]", Window(0, DAY)),
    (f"forall E from xEvent where not (E.{HOURS}) or E.total > 1", Window(0, 3 * HOUR)),
    (f"xEvent[{HOURS}].topN(total, 1).head().eventType = \"a\"", Window(0, 3 * HOUR)),
    (f"xEvent[{HOURS}].groupBy(eventType).get(\"a\").count() > 1", Window(0, 3 * HOUR)),
    (f"vip and (xEvent[{HOURS}] or xEvent[timestamp occurs <= 1 month before now])", Window(1, 0)),
    ("xEvent[timestamp occurs this hour]", Window(0, HOUR)),
    ("xEvent[timestamp occurs last hour]", Window(0, 2 * HOUR)),
    ("xEvent[timestamp occurs after last hour]", Window(0, HOUR)),
    ("xEvent[timestamp occurs yesterday]", Window(0, 2 * DAY)),
    ("xEvent[timestamp occurs <= 1 hour before yesterday]", Window(0, 2 * DAY + HOUR)),
    ("xEvent[timestamp occurs > 1 hour after yesterday]", Window(0, 2 * DAY - HOUR)),
    ("xEvent[timestamp occurs between yesterday and now]", Window(0, 2 * DAY)),
    ("xEvent[timestamp occurs <= 3 hours from now]", Window(0, 3 * HOUR)),
    ("xEvent[timestamp >= today]", Window(0, DAY)),
    ("xEvent[today <= timestamp]", Window(0, DAY)),
    ("xEvent[timestamp = now]", Window()),
    ("xEvent[timestamp occurs after now]", Window()),
    ("xEvent[timestamp occurs > 3 days after now]", Window()),
    ("xEvent[timestamp occurs this month]", Window(1, 0)),
    ("xEvent[timestamp occurs last year]", Window(24, 0)),
    (
        "chain(xEvent, timestamp, [A: WHAT(total > 1) WHEN(<= 3 hours before now), B: WHAT(total > 2)])",
        Window(0, 3 * HOUR),
    ),
    (
        "exists A from xEvent where A.timestamp occurs today, B from xEvent where B.timestamp occurs after A.timestamp",
        Window(0, DAY),
    ),
    (
        "exists A from xEvent where A.timestamp occurs today, "
        "B from xEvent where B.timestamp occurs <= 1 hour before A.timestamp",
        Window(0, DAY + HOUR),
    ),
]
# fmt: on


@pytest.mark.parametrize(("text", "window"), BOUNDED)
def test_window_is_what_the_conditions_on_the_timestamp_force(text: str, window: Window) -> None:
    assert (known(text).window, known(text).is_unbounded) == (window, False)


@pytest.mark.parametrize("text", [text for text, _ in BOUNDED])
def test_events_older_than_the_window_change_nothing(text: str) -> None:
    query, chance = asked(text), random.Random(text)
    window = facts(query).window
    assert window is not None
    for _ in range(150):
        now = datetime(
            2025, 3, chance.randrange(1, 32), chance.randrange(24), chance.choice((0, 30)), tzinfo=UTC
        )
        start = from_ms(shift(to_ms(now), -window.months, "month") - window.milliseconds)
        events = [_event(now, start, chance) for _ in range(chance.randrange(5))]
        recent = [event for event in events if event["timestamp"] >= start]
        people = [{"vip": True, "xEvent": some} for some in (events, recent)]
        assert len({matches(query, one, now=now) for one in people}) == 1, (events, now)


def _event(now: datetime, start: datetime, chance: random.Random) -> dict[str, Any]:
    near = chance.choice((now, start, start, now - timedelta(days=1), now - timedelta(days=40)))
    minutes = chance.choice((0, 1, -1, 60, -60, 170, -170, 1_000, -2_000))
    return {
        "timestamp": near + timedelta(minutes=minutes),
        "eventType": chance.choice("ab"),
        "total": chance.choice((0.5, 1.5, 4.0, 12.0)),
        "items": [{"sku": chance.choice("AB")}],
    }


@pytest.mark.parametrize(
    "text",
    [
        "xEvent",
        'xEvent.eventType = "a" and xEvent.timestamp occurs today',
        "xEvent[timestamp occurs today or total > 1]",
        "xEvent[not (timestamp occurs before today)]",
        "xEvent[timestamp occurs before today]",
        "xEvent[timestamp occurs >= 3 days before now]",
        "xEvent[timestamp occurs != 3 days before now]",
        "xEvent[timestamp occurs from date(2025, 1, 1)]",
        'xEvent[timestamp > "2025-01-01"]',
        "xEvent[timestamp occurs after $1.seen]",
        "xEvent[due occurs today]",
        "xEvent.topN(timestamp, 1).head().timestamp occurs today",
        "xEvent.bottomN(total, 3)[timestamp occurs today]",
        "if(vip, xEvent[timestamp occurs today], xEvent).count() > 1",
        "let E = xEvent in E[timestamp occurs today].count() > 1 and E.count() > 3",
        "chain(xEvent, timestamp, [A: WHAT(total > 1), B: WHAT(total > 2) WHEN(today)])",
        "chain(xEvent, due, [A: WHAT(total > 1) WHEN(today), B: WHAT(total > 2)])",
    ],
)
def test_events_of_any_age_have_no_window(text: str) -> None:
    assert (known(text).window, known(text).is_unbounded) == (None, True)


def test_without_events_there_is_no_window_and_nothing_unbounded() -> None:
    assert (known("vip").window, known("vip").is_unbounded, known("vip").event_uses) == (None, False, ())


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("xEvent[total > 1]", [False]),
        ("not xEvent[total > 1]", [True]),
        ("none E from xEvent where E.total > 1", [True]),
        ("forall E from xEvent where E.total > 1", [True]),
        ("xEvent[total > 1].count() = 0", [True]),
        ("xEvent.count() < 3", [True]),
        ("not (xEvent.count() < 3)", [False]),
        ("xEvent.count() >= 3", [False]),
        ("xEvent.sum(total) < 3", [True]),
        ("xEvent.max(total) < 3", [False]),
        ("xEvent.topN(total, 1).head().isNull()", [True]),
        ("xEvent.total > 1 and not xEvent[total > 2]", [False, True]),
        ("xEvent[total > 1 and not ($1.xEvent[total > 2])]", [False, True]),
        ("not xEvent[not ($1.xEvent[total > 2])]", [True, False]),
        ("let E = xEvent in E.count() > 2 and not E[total > 1]", [False]),
        ('xEvent.topN(total, 1).head().eventType notIn ["a"]', [False]),
    ],
)
def test_use_is_negated_where_absence_satisfies_it(text: str, negated: list[bool]) -> None:
    assert [use.negated for use in known(text).event_uses] == negated


def test_uses_know_their_place_in_either_form() -> None:
    sequence = "chain(xEvent, timestamp, [A: WHAT(total > 1), B: WHAT(total > 2)])"
    text = f"vip and\n  xEvent[total > 1] and {sequence}"
    uses = known(text).event_uses
    assert [(use.place.line, use.place.column, use.step) for use in uses] == [
        (2, 3, None),
        (2, 31, 1),
        (2, 31, 2),
    ]
    tree = read_json(write_json(parse("xEvent[total > 1]")))
    (use,) = facts(bind(tree, SCHEMA)).event_uses
    assert use.place.pointer == "/params/0/fieldName"


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (Window(0, DAY), "24 hours"),
        (Window(0, 10 * DAY), "10 days"),
        (Window(0, 90 * 60_000), "90 minutes"),
        (Window(14, 0), "14 months"),
        (Window(24, DAY), "2 years and 24 hours"),
        (Window(), "no time"),
    ],
)
def test_windows_are_told_in_words(window: Window, text: str) -> None:
    assert str(window) == text
