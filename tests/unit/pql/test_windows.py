"""Conditions on time that contradict each other: found where there is one, and never where there is none."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.pql.shop import asked

from muster.pql import bind, matches, parse
from muster.pql.facts.lengths import month_step
from muster.pql.facts.windows import can_never_hold
from muster.pql.notation import read_object
from muster.pql.temporal import shift, to_ms

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)


def never(text: str, now: datetime | None = None) -> bool:
    return can_never_hold(asked(text).condition, now)


@pytest.mark.parametrize(
    "text",
    [
        "xEvent.exists(timestamp occurs > 30 days before now and timestamp occurs <= 7 days before now)",
        "seen occurs between tomorrow and yesterday",
        "seen occurs between date(2025, 2, 1) and date(2025, 1, 1)",
        "seen occurs between next month and this month",
        "seen occurs before born and seen occurs after born",
        "seen occurs before today and seen occurs from today",
        "seen occurs today and seen occurs yesterday",
        "seen occurs this month and seen occurs last month",
        "seen occurs today and seen occurs before this year",
        "seen occurs this hour and seen occurs before today",
        "seen occurs this hour and seen occurs after tomorrow",
        "seen = date(2025, 1, 1) and seen = date(2025, 1, 2)",
        "seen occurs = 1 day before now and seen occurs = 2 days before now",
        "seen occurs > 1 month before now and seen occurs <= 28 days before now",
        "seen occurs < 28 days before now and seen occurs >= 1 month before now",
        "seen occurs > 1 year before now and seen occurs < 365 days before now",
        "seen occurs > 2 months before now and seen occurs < 1 month before now",
        "seen > now and (vip and seen < today)",
        "seen > now and (seen < today or seen occurs yesterday)",
        "not (seen < tomorrow) and seen occurs today",
        "not (not (seen occurs today) or seen >= today)",
        "vip and (seen < born and born < seen)",
        "vip and orders.at occurs between now and yesterday",
        "orders.head().at > now and orders.head().at < today",
        "seen occurs > 3 days after born and seen occurs < 2 days after born",
        "seen > seen",
    ],
)
def test_contradictions_are_found(text: str) -> None:
    assert never(text)


@pytest.mark.parametrize(
    "text",
    [
        "vip",
        "seen occurs > 1 month before now and seen occurs < 30 days before now",
        "seen occurs > 1 month before now and seen occurs <= 29 days before now",
        "seen occurs >= 1 month before now and seen occurs <= 28 days before now",
        "seen occurs > 1 year before now and seen occurs < 366 days before now",
        "seen occurs this week and seen occurs last month",
        "seen occurs today and seen occurs after now",
        "seen occurs from today and seen <= today",
        "seen occurs before today or seen occurs from today",
        "seen occurs before now and born occurs after now",
        "not (seen < tomorrow) and not (seen >= today)",
        "not (seen < born) and seen < born or vip",
        "orders.at occurs before today and orders.at occurs after today",
        "seen occurs >= 2 days after born and seen occurs <= 1 day after born",
        "seen occurs before date(2020, 1, 1) and seen occurs <= 30 days before now",
        "seen occurs >= 9000 years after now and seen occurs <= 8500 years after now",
        "seen != now and seen = now",
        "seen = now and seen = today",
    ],
)
def test_what_can_hold_for_some_now_is_left_alone(text: str) -> None:
    assert not never(text)


@pytest.mark.parametrize(
    ("text", "lapsed"),
    [
        ("seen occurs before date(2025, 1, 1) and seen occurs <= 30 days before now", True),
        ("seen occurs between date(2024, 1, 1) and date(2024, 12, 31) and seen occurs this year", True),
        ("seen <= date(2025, 6, 15) and seen occurs from today", False),
        ("seen < date(2025, 6, 15) and seen occurs from today", True),
        ("seen occurs after date(2026, 1, 1) and seen occurs <= 30 days before now", False),
        ("seen occurs before date(2025, 1, 1)", False),
        ("seen <= date(2025, 5, 15) and seen occurs <= 1 month before now", False),
        ("seen <= date(2025, 5, 14) and seen occurs <= 1 month before now", True),
    ],
)
def test_fixed_end_that_a_rolling_window_has_passed_is_found_with_now(text: str, lapsed: bool) -> None:
    assert not never(text)
    assert never(text, NOW) is lapsed


def test_a_month_may_fall_back_by_less_than_a_day() -> None:
    # On 30 March one month ago is 28 February as on the 31st, but earlier in the day on the 31st.
    late, text = (
        datetime(2025, 3, 30, 12, tzinfo=UTC),
        "seen < date(2025, 2, 28) and seen occurs <= 1 month before now",
    )
    assert never(text, late) and not never(text.replace("2, 28", "3, 1"), late)
    query = asked("seen <= date(2025, 2, 28) and seen occurs <= 1 month before now")
    assert not can_never_hold(query.condition, late)
    assert matches(query, {"seen": "2025-02-28T00:00:00Z"}, now=datetime(2025, 3, 31, tzinfo=UTC))


def test_end_of_the_years_stops_both_bounds() -> None:
    text = "seen occurs >= 2 days after born and seen occurs <= 1 day after born"
    profile = {"seen": "9999-12-31T23:59:59.999Z", "born": "9999-12-31"}
    assert matches(asked(text), profile, now=NOW)
    assert never(text.replace("<=", "<"))


@pytest.mark.parametrize("months", [1, -1, 2, 12, -12, 13, 48, 1_200, -4_801])
def test_lengths_of_months_hold_for_every_day(months: int) -> None:
    least, most = month_step(months)
    day, seen = to_ms(datetime(3000, 1, 1, tzinfo=UTC)), set[int]()
    for number in range(0, 146_097, 1 if abs(months) < 3 else 7):
        start = day + number * 86_400_000
        seen.add(shift(start, months, "month") - start)
    assert least <= min(seen) and max(seen) <= most
    assert abs(months) > 2 or (least, most) == (min(seen), max(seen))


# --- nothing that can hold is said to be impossible

_SCHEMA = read_object({"object": {"t": "date-time", "d": "date", "x": "date-time"}})
_UNITS = ("hour", "day", "week", "month", "year")
_MOMENTS = (
    *(datetime(2024, 3, day, hour, tzinfo=UTC) for day in (1, 10, 30, 31) for hour in (0, 5)),
    datetime(2024, 2, 29, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(2023, 12, 31, 12, tzinfo=UTC),
    datetime(2024, 7, 1, tzinfo=UTC),
)


@st.composite
def _conjunctions(draw: Any) -> str:
    def one(options: tuple[str, ...]) -> str:
        return str(draw(st.sampled_from(options)))

    def anchor() -> str:
        periods = tuple(f"{which} {unit}" for which in ("this", "last", "next") for unit in _UNITS)
        return one(("now", "today", "yesterday", "tomorrow", "date(2024, 3, 1)", "d", "x", one(periods)))

    def condition(time: str) -> str:
        amount, unit = one(("0", "1", "2", "28", "30", "31")), one(_UNITS)
        sign, direction = one(("<", "<=", ">", ">=", "=", "!=")), one(("before", "after", "from"))
        distance = f"{sign} {amount} {unit} {direction} {anchor()}"
        when = one(
            (distance, distance, f"before {anchor()}", f"after {anchor()}", f"from {anchor()}", anchor())
        )
        text = f"{time} occurs {when}"
        return one((text, text, text, f"not ({text})", f"{time} occurs between {anchor()} and {anchor()}"))

    time = one(("t", "t", "d"))
    parts = [condition(time) for _ in range(draw(st.integers(2, 4)))]
    return " and ".join([*parts[:-2], f"({parts[-2]} or {parts[-1]})"] if len(parts) > 2 else parts)


def _sampled(chance: random.Random, now: datetime) -> dict[str, Any]:
    near = [now, *_MOMENTS, now - timedelta(days=1), now + timedelta(days=1)]

    def time() -> datetime:
        base = chance.choice(near)
        step = timedelta(
            days=chance.choice((0, 0, 1, -1, 7, 28, -28, -29, -30, 30, -31, 31, 62, -365, 366)),
            hours=chance.choice((0, 0, 0, 1, -1, 5, 12)),
            milliseconds=chance.choice((0, 0, 1, -1)),
        )
        return base + step

    profile: dict[str, Any] = {"t": time(), "d": time().date(), "x": time()}
    return {name: value for name, value in profile.items() if chance.random() < 0.95}


@settings(max_examples=150, deadline=None)
@given(_conjunctions(), st.integers(0, 1_000))
def test_no_one_satisfies_what_is_said_to_be_impossible(text: str, seed: int) -> None:
    query = bind(parse(text), _SCHEMA)
    chance = random.Random(seed)
    now = chance.choice(_MOMENTS)
    timeless, from_now_on = can_never_hold(query.condition), can_never_hold(query.condition, now)
    assert from_now_on or not timeless
    if not from_now_on:
        return
    for _ in range(60):
        later = now + timedelta(hours=chance.randrange(0, 24 * 800), milliseconds=chance.randrange(3))
        moment = chance.choice(_MOMENTS) if timeless else chance.choice((now, later))
        profile = _sampled(chance, moment)
        assert not matches(query, profile, now=moment), (text, profile, moment)


def test_samples_satisfy_conjunctions_that_are_possible() -> None:
    """The law above would hold of samples that satisfy nothing: here are some that do."""
    chance = random.Random(7)
    texts = ("t occurs <= 1 month before now and t occurs >= 28 days before now", "t occurs today and t >= x")
    for text in texts:
        query = bind(parse(text), _SCHEMA)
        found = [
            now for now in _MOMENTS for _ in range(200) if matches(query, _sampled(chance, now), now=now)
        ]
        assert found
