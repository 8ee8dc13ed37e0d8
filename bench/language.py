"""The audience language: checking definitions, one profile at a time, and a million of them as columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any

import numpy as np
import pyarrow as pa

from bench.measure import Figures, best_of, timed
from muster import pql
from muster.pql import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, STRING, ArrayType, MapType, ObjectType
from muster.pql.tables import ProfileTable

NOW = datetime(2030, 1, 1, tzinfo=UTC)
_CITIES = ("Oslo", "Bergen", "Lyon", "Porto", "Turku", "Graz", "Ghent", "Brno")
_COUNTRIES = ("NO", "FR", "PT", "FI", "AT", "BE", "CZ", "DE")
_TYPES = ("commerce.purchases", "commerce.productViews", "web.webpagedetails.pageViews", "search", "return")

_ITEM = ObjectType({"SKU": STRING, "quantity": INTEGER, "priceTotal": NUMBER})
_EVENT = ObjectType(
    {
        "_id": STRING,
        "eventType": STRING,
        "timestamp": DATETIME,
        "commerce": ObjectType({"order": ObjectType({"priceTotal": NUMBER})}),
        "web": ObjectType({"webPageDetails": ObjectType({"name": STRING, "URL": STRING})}),
        "productListItems": ArrayType(_ITEM),
    }
)
SCHEMA = ObjectType(
    {
        "person": ObjectType({"gender": STRING, "birthDate": DATE, "birthYear": INTEGER}),
        "homeAddress": ObjectType({"city": STRING, "countryCode": STRING}),
        "personalEmail": ObjectType({"address": STRING}),
        "loyalty": ObjectType({"points": INTEGER, "tier": STRING, "joinDate": DATETIME}),
        "consents": ObjectType({"email": ObjectType({"val": STRING})}),
        "tags": ArrayType(STRING),
        "prefs": MapType(STRING),
        "vip": BOOLEAN,
        "xEvent": ArrayType(_EVENT),
    }
)
ATTRIBUTE = 'person.gender = "female" and homeAddress.countryCode in ["DE", "AT"] and loyalty.points >= 1000'
COUNT = 'xEvent[eventType = "commerce.purchases" and timestamp occurs <= 30 days before now].count() >= 3'
SEQUENCE = (
    'chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.productViews"),'
    ' B: WHAT(eventType = "commerce.purchases") WHEN(<= 2 days after A.timestamp)])'
)
_MIXED = (
    'homeAddress.city = "{city}" and loyalty.points > {n}',
    'person.birthYear >= {year} and consents.email.val = "y" and not tags.includes("t{n}")',
    'personalEmail.address.endsWith("@{city}.example", false) or loyalty.tier in ["gold", "tier{n}"]',
    'xEvent[eventType = "{type}" and timestamp occurs <= {days} days before now].count() >= {few}',
    'xEvent[eventType = "{type}"].sum(commerce.order.priceTotal) > {n} and loyalty.joinDate occurs this year',
    'exists E from xEvent where E.eventType = "{type}" and E.productListItems.SKU = "S{n}"',
    '(select E from xEvent where E.web.webPageDetails.name = "p{n}").count() > {few} and vip',
    'chain(xEvent, timestamp, [A: WHAT(eventType = "{type}"), B: WHAT(commerce.order.priceTotal > {n})'
    " WHEN(<= {days} days after A.timestamp)])",
    'xEvent.groupBy(eventType).get("{type}").count() > {few} or prefs.get("k{n}") = "on"',
    'homeAddress.countryCode = "DE" and (person.birthDate.getMonth() = {few} or inSegment("s{n}"))',
)


def measure(persons: int, events: int) -> None:
    """Measure the language and print one table."""
    figures = Figures(f"The language: {persons:,} profiles, {events:,} events")
    _checking(figures)
    _one_profile(figures)
    _columns(figures, persons, events)
    figures.show()


def _checking(figures: Figures) -> None:
    texts = definitions(4_000)
    trees = [pql.parse(text) for text in texts]
    parsing = best_of(lambda: [pql.parse(text) for text in texts])
    binding = best_of(lambda: [pql.bind(tree, SCHEMA) for tree in trees])
    bound = [pql.bind(tree, SCHEMA) for tree in trees]
    planning = best_of(lambda: [pql.plan(query) for query in bound])
    count, both = len(texts), parsing + binding
    figures.row(
        "parse + bind 4,000 mixed definitions", both, f"{both / count * 1e6:,.0f} µs each; goal: under 4 s"
    )
    figures.row("plan them", planning, f"{planning / count * 1e6:,.0f} µs each")


def definitions(count: int) -> list[str]:
    """Definitions of ten kinds, each with values of its own."""
    return [
        text.format(
            city=_CITIES[number % 8],
            type=_TYPES[number % 5],
            n=number % 977,
            year=1950 + number % 60,
            days=1 + number % 90,
            few=1 + number % 5,
        )
        for number, text in enumerate(islice(cycle(_MIXED), count))
    ]


def _one_profile(figures: Figures) -> None:
    # So many that no cache of parsed times holds all of theirs.
    people = _people(10_000)
    for what, text, goal in (
        ("three predicates on the profile", ATTRIBUTE, 50_000),
        ("a count of events, ten a profile", COUNT, 20_000),
    ):
        query = pql.bind(pql.parse(text), SCHEMA)
        ask = pql.compile_query(query).at(NOW)
        judged = best_of(lambda: [pql.matches(query, person, now=NOW) for person in people], 1)  # noqa: B023
        fast = best_of(lambda: [ask(person) for person in people])  # noqa: B023
        assert [ask(each) for each in people] == [pql.matches(query, each, now=NOW) for each in people]
        figures.row(
            f"10,000 profiles by closures: {what}",
            fast,
            f"{len(people) / fast:,.0f} a second (goal {goal:,}); {judged / fast:.1f} times the interpreter",
        )


def _people(count: int) -> list[dict[str, Any]]:
    chance = np.random.default_rng(7)

    def event() -> dict[str, Any]:
        at = NOW - timedelta(seconds=int(chance.integers(0, 90 * 86_400)))
        return {
            "eventType": _TYPES[int(chance.integers(0, 5))],
            "timestamp": at.isoformat().replace("+00:00", "Z"),
            "commerce": {"order": {"priceTotal": float(chance.integers(1, 200))}},
        }

    return [
        {
            "person": {"gender": ("female", "male")[int(chance.integers(0, 2))], "birthYear": 1980},
            "homeAddress": {"city": "Graz", "countryCode": _COUNTRIES[int(chance.integers(0, 8))]},
            "loyalty": {"points": int(chance.integers(0, 5_000)), "tier": "gold"},
            "xEvent": [event() for _ in range(10)],
        }
        for _ in range(count)
    ]


def _columns(figures: Figures, persons: int, events: int) -> None:
    people = _columns_of_people(persons, events)
    with timed() as loading:
        table = ProfileTable.from_arrow(people)
    figures.row("columns into DuckDB", loading[0], f"{(persons + events) / loading[0]:,.0f} rows/s")
    schema = ObjectType({**SCHEMA.fields})
    with table:
        for what, text in (
            ("one attribute definition", ATTRIBUTE),
            ("one event definition", COUNT),
            ("one sequence, events side by side", SEQUENCE),
        ):
            planned = pql.plan(pql.bind(pql.parse(text), schema))
            members = int(table.members(planned, now=NOW).sum())
            spent = best_of(lambda: table.members(planned, now=NOW))  # noqa: B023
            figures.row(f"{what} by DuckDB", spent, f"{persons / spent:,.0f} profiles/s, {members:,} members")


def _columns_of_people(persons: int, events: int) -> pa.Table:
    chance = np.random.default_rng(7)

    def chosen(options: tuple[str, ...], count: int) -> pa.Array:
        codes = pa.array(chance.integers(0, len(options), count).astype(np.int8))
        return pa.DictionaryArray.from_arrays(codes, pa.array(options)).cast(pa.string())

    start = int(NOW.timestamp() * 1000) - 365 * 86_400_000
    order = pa.StructArray.from_arrays(
        [pa.array(chance.integers(1, 200, events).astype(float))], ["priceTotal"]
    )
    happened = pa.StructArray.from_arrays(
        [
            chosen(_TYPES, events),
            pa.array(start + chance.integers(0, 365 * 86_400_000, events), pa.timestamp("ms", tz="UTC")),
            pa.StructArray.from_arrays([order], ["order"]),
        ],
        ["eventType", "timestamp", "commerce"],
    )
    ends = np.sort(chance.integers(0, events + 1, persons - 1))
    offsets = pa.array(np.concatenate([[0], ends, [events]]).astype(np.int32))
    return pa.table(
        {
            "person": pa.StructArray.from_arrays([chosen(("female", "male"), persons)], ["gender"]),
            "homeAddress": pa.StructArray.from_arrays([chosen(_COUNTRIES, persons)], ["countryCode"]),
            "loyalty": pa.StructArray.from_arrays([pa.array(chance.integers(0, 5_000, persons))], ["points"]),
            "xEvent": pa.ListArray.from_arrays(offsets, happened),
        }
    )
