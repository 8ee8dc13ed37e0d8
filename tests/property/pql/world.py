"""The made-up world of the property tests: what a person may have, what persons refer to, and which time it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

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
)

NOW = datetime(2024, 3, 10, 5, 45, 30, 250_000, tzinfo=UTC)
NOWS = (
    NOW,
    datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
    datetime(
        2024, 3, 31, 0, 30, tzinfo=timezone(timedelta(hours=-1))
    ),  # 01:30 in Berlin: the clock is put forward
    datetime(2023, 11, 5, 6, 0, tzinfo=UTC),  # 02:00 in New York, for the second time
    datetime(2023, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 1, 1, tzinfo=UTC),
    datetime(2025, 3, 31, 23, 59, 59, 1_000),
)
"""Instants at which calendars have edges; the last has no zone."""

PRODUCT = ObjectType(
    {"category": STRING, "price": NUMBER, "launched": DATE, "brand": ReferenceType("brands")}
)
BRAND = ObjectType({"country": STRING, "founded": INTEGER, "aliases": ArrayType(STRING), "top": BOOLEAN})
STORE = ObjectType(
    {"city": STRING, "opened": DATETIME, "floors": INTEGER, "sells": ArrayType(ReferenceType("products"))}
)
ENTITY_SCHEMAS: Mapping[str, ObjectType] = {"products": PRODUCT, "brands": BRAND, "stores": STORE}
ENTITIES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "products": {
        "P1": {"category": "buy", "price": 1.5, "launched": "2024-02-29", "brand": "B1"},
        "P2": {"category": None, "price": 3, "brand": "nobody"},
        "P3": {"category": 12, "price": "1.5", "launched": "2024-03-10T23:30:00-02:00", "brand": "B2"},
    },
    "brands": {
        "B1": {"country": "日本", "founded": 3, "aliases": ["a", None, "É"], "top": True},
        "B2": {},
    },
    "stores": {
        "S1": {
            "city": "ab",
            "opened": "2024-03-10T05:45:30.250Z",
            "floors": 2.0,
            "sells": ["P1", None, "P9", "P2"],
        },
        "S2": {"city": "", "opened": "2023-12-31T23:59:59.999Z", "floors": 7, "sells": []},
        "P1": {"city": "A"},
    },
}
KEYS = {
    "products": ("P1", "P2", "P3", "P9"),
    "brands": ("B1", "B2", "B9"),
    "stores": ("S1", "S2", "P1", "S9"),
}
"""Keys that references hold; the last of each leads nowhere."""

ORDER = ObjectType(
    {
        "sku": STRING,
        "qty": INTEGER,
        "price": NUMBER,
        "at": DATETIME,
        "due": DATE,
        "paid": BOOLEAN,
        "notes": ArrayType(STRING),
        "product": ReferenceType("products"),
        "gifts": ArrayType(ObjectType({"sku": STRING, "qty": INTEGER, "at": DATETIME})),
    }
)
EVENT = ObjectType(
    {
        "eventType": STRING,
        "timestamp": DATETIME,
        "total": NUMBER,
        "n": INTEGER,
        "due": DATE,
        "done": BOOLEAN,
        "place": ObjectType({"city": STRING, "store": ReferenceType("stores")}),
        "items": ArrayType(ORDER),
        "labels": ArrayType(STRING),
        "extra": MapType(NUMBER),
    }
)
MEMBERSHIP = ObjectType({"status": STRING, "lastQualificationTime": DATETIME, "validUntil": DATETIME})
SCHEMA = ObjectType(
    {
        "name": STRING,
        "code": STRING,
        "age": INTEGER,
        "score": NUMBER,
        "long": INTEGER,
        "big": NUMBER,
        "vip": BOOLEAN,
        "born": DATE,
        "seen": DATETIME,
        "home": ObjectType({"zip": STRING, "floor": INTEGER, "next": STRING}),
        "work": ObjectType({"zip": STRING, "floor": INTEGER, "next": STRING}),
        "tags": ArrayType(STRING),
        "wishes": ArrayType(STRING),
        "marks": ArrayType(NUMBER),
        "counts": ArrayType(INTEGER),
        "flags": ArrayType(BOOLEAN),
        "visits": ArrayType(DATETIME),
        "dates": ArrayType(DATE),
        "prefs": MapType(STRING),
        "quota": MapType(INTEGER),
        "lists": MapType(ArrayType(INTEGER)),
        "cards": MapType(ObjectType({"zip": STRING, "n": INTEGER, "until": DATE})),
        "baskets": ArrayType(MapType(NUMBER)),
        "store": ReferenceType("stores"),
        "owned": ArrayType(ReferenceType("products")),
        "orders": ArrayType(ORDER),
        "segmentMembership": MapType(MapType(MEMBERSHIP)),
        "xEvent": ArrayType(EVENT),
    }
)
"""`long` holds whole numbers, `big` doubles that no sum, product or text of another field comes near to."""

SEGMENTS = ("gold", "lost", "new", "never")


def fresh_memberships(count: int) -> dict[str, list[bool]]:
    """What a job would have found just before for two definitions; the others are as they are stored."""
    return {"gold": [row % 3 == 0 for row in range(count)], "fresh": [row % 2 == 0 for row in range(count)]}
