"""Made-up people whose data is awkward on purpose."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from tests.property.pql.queries import queries
from tests.property.pql.world import (
    ENTITIES,
    ENTITY_SCHEMAS,
    EVENT,
    KEYS,
    MEMBERSHIP,
    NOW,
    NOWS,
    SCHEMA,
    SEGMENTS,
    fresh_memberships,
)

from muster.pql import (
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

_TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "aB",
    "é",
    "e\u0301",
    "É",
    "ß",
    "SS",
    "日本",
    "👩‍🚀",
    "a%b",
    "_",
    "12",
    "1.5",
    "-3",
    " 5",
    "true",
    "2024-03-10",
    "x\ny",
    "buy",
    "view",
)
_WHOLE = (0, 1, -1, 2, 3, 7, 12, -300, 41, 2.0, 1964)
# Quarters add exactly in any order, so no engine may differ on a sum.
_REAL = (0.0, -0.0, -0.5, 0.25, 1.5, 2.0, 3.0, -7.0, 3, 12, -300)
_LONG = (0, 1, 2**53, 2**53 + 1, 2**62, 2**63 - 1, 2**63, -(2**63), -(2**53) - 1)
_BIG = (0.5, 1e308, 9007199254740992.0, 9223372036854775808.0, 5e-324, 1e15)
_DAYS = (
    "2024-03-10",
    "2024-03-09",
    "2024-02-29",
    "1964-02-29",
    "2023-12-31",
    "2024-01-01",
    "2024-03-31",
    "2023-02-28",
    "0001-01-01",
    "9999-12-31",
    "2024-03-31T00:30:00+02:00",
    "2024-03-10T23:30:00-05:00",
)
_TIMES = (
    "2024-03-10T05:45:30.250Z",
    "2024-03-10T05:45:30.249Z",
    "2024-03-10T05:45:30.2509999",
    "2024-03-10T05:45",
    "2024-03-10T00:00:00Z",
    "2024-03-10",
    "2024-03-09T23:59:59.999Z",
    "2024-03-11T00:00:00Z",
    "2024-02-29T12:00:00+05:30",
    "2024-03-31T02:30:00+01:00",
    "2024-03-31T03:00:00+0200",
    "2023-11-05T01:30:00-04:00",
    "2023-11-05T01:30:00-05:00",
    "2023-12-31T23:59:59.999Z",
    "2024-01-01T01:00:00+01:00",
    "2023-03-10T05:45:30.251Z",
    "2024-04-01T00:00:00-04:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
)
_MISFITS: tuple[Any, ...] = (
    "",
    "5",
    "2024-13-01",
    "2024-03-10T23:59:60Z",
    "10000-01-01",
    5,
    2.5,
    1_700_000_000_000,
    True,
    [],
    {},
    [1],
    ["a"],
    {"a": 1},
)
_MAP_KEYS = ("a", "b", "A-b", "é", "next", "")
_POOLS: Mapping[Type, Sequence[Any]] = {
    STRING: _TEXTS,
    INTEGER: _WHOLE,
    NUMBER: _REAL,
    BOOLEAN: (True, False),
    DATE: _DAYS,
    DATETIME: _TIMES,
}
# Python's own dates come from columns, not from JSON.
_PYTHON_TIMES = (
    date(2024, 2, 29),
    datetime(2024, 3, 10, 5, 45, 30, 250_999),
    datetime(2024, 3, 9, tzinfo=UTC),
)


def make_people(seed: int, count: int) -> list[dict[str, Any]]:
    """People of a seed; the first two have nothing at all and nulls everywhere."""
    chance = random.Random(seed)
    nothing: dict[str, Any] = {name: None for name in SCHEMA.fields}
    return [{}, nothing, *(_person(chance) for _ in range(count - 2))]


def _person(chance: random.Random) -> dict[str, Any]:
    person: dict[str, Any] = _thing(SCHEMA, chance)
    if chance.random() < 0.5:
        person["work"] = person.get("home")
    if chance.random() < 0.3:
        person["wishes"] = person.get("tags")
    person["long"] = chance.choice((*_LONG, None))
    person["big"] = chance.choice((*_BIG, None))
    person["segmentMembership"] = _memberships(chance)
    if chance.random() < 0.9:
        person["xEvent"] = _events(chance)
    return person


def _events(chance: random.Random) -> list[Any]:
    events: list[Any] = [
        _thing(EVENT, chance) | {"eventType": chance.choice(("buy", "view", "", None))}
        for _ in range(chance.choice((0, 2, 4, 6)))
    ]
    for event in events:
        # Few instants, so that events of one person often share one.
        if "timestamp" in event and chance.random() < 0.6:
            event["timestamp"] = chance.choice(_TIMES[:5])
    return [*events, *chance.choice(((), (), (None,), ("no event",)))]


def _memberships(chance: random.Random) -> Any:
    if chance.random() < 0.1:
        return chance.choice((None, {}, [], ["a"], "ups", {"ups": None}, {"ups": []}, {"ups": {"gold": 5}}))
    entries = {
        segment: _thing(MEMBERSHIP, chance)
        | {"status": chance.choice(("realized", "existing", "exited", "Realized", None))}
        for segment in chance.sample(SEGMENTS, chance.randrange(4))
    }
    return {"ups": entries, "AAM": {"gold": {"status": "realized"}}}


def _thing(type_: Type, chance: random.Random) -> Any:
    match type_:
        case ObjectType(fields):
            names = [name for name in fields if chance.random() < 0.8]
            chance.shuffle(names)
            return {name: _maybe(fields[name], chance) for name in names}
        case ArrayType(element):
            return [_maybe(element, chance) for _ in range(chance.randrange(4))]
        case MapType(value):
            keys = chance.sample(_MAP_KEYS, chance.randrange(4))
            return {key: _maybe(value, chance) for key in keys}
        case ReferenceType(entity):
            return chance.choice(KEYS[entity])
    if type_ in (DATE, DATETIME) and chance.random() < 0.05:
        return chance.choice(_PYTHON_TIMES)
    return chance.choice(_POOLS[type_])


def _maybe(type_: Type, chance: random.Random) -> Any:
    dice = chance.random()
    if dice < 0.03:
        return chance.choice(_MISFITS)
    return None if dice < 0.13 else _thing(type_, chance)


__all__ = [
    "ENTITIES",
    "ENTITY_SCHEMAS",
    "NOW",
    "NOWS",
    "SCHEMA",
    "fresh_memberships",
    "make_people",
    "queries",
]
