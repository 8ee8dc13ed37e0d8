"""Queries and their English, as text. After a deliberate change: `python -m tests.golden.pql.test_english_golden`."""

from __future__ import annotations

from pathlib import Path

from muster.pql import ObjectType, in_english, parse
from muster.pql.types import (
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
    ReferenceType,
)

PAIRS = Path(__file__).with_name("english.txt")
NAMES = {"lapsed": "Lapsed customers"}
_ADDRESS = ObjectType({"countryCode": STRING, "city": STRING, "postalCode": STRING})
_CONSENT = ObjectType({"val": STRING})
_PRODUCT = ObjectType({"SKU": STRING, "name": STRING, "priceTotal": NUMBER, "quantity": INTEGER})
_ORDER = ObjectType({"priceTotal": NUMBER, "currencyCode": STRING})
_EVENT = ObjectType(
    {
        "eventType": STRING,
        "timestamp": DATETIME,
        "commerce": ObjectType({"order": _ORDER}),
        "productListItems": ArrayType(_PRODUCT),
        "web": ObjectType({"webPageDetails": ObjectType({"name": STRING, "isErrorPage": BOOLEAN})}),
        "device": ObjectType({"type": STRING}),
        "store": ReferenceType("stores"),
    }
)
_TRIP = ObjectType(
    {
        "code": STRING,
        "nights": INTEGER,
        "cost": NUMBER,
        "paid": BOOLEAN,
        "bookedAt": DATETIME,
        "checkIn": DATE,
        "guests": ArrayType(ObjectType({"name": STRING, "age": INTEGER})),
    }
)
SCHEMA = ObjectType(
    {
        "person": ObjectType(
            {
                "gender": STRING,
                "birthDate": DATE,
                "birthYear": INTEGER,
                "name": ObjectType({"firstName": STRING, "lastName": STRING}),
            }
        ),
        "homeAddress": _ADDRESS,
        "workAddress": _ADDRESS,
        "personalEmail": ObjectType({"address": STRING}),
        "mobilePhone": ObjectType({"number": STRING}),
        "preferredLanguage": STRING,
        "loyalty": ObjectType({"tier": STRING, "points": INTEGER, "joinDate": DATETIME}),
        "consents": ObjectType({"marketing": ObjectType({"email": _CONSENT, "sms": _CONSENT})}),
        "identityMap": MapType(ArrayType(ObjectType({"id": STRING, "primary": BOOLEAN}))),
        "segmentMembership": MapType(
            MapType(ObjectType({"status": STRING, "lastQualificationTime": DATETIME}))
        ),
        "tags": ArrayType(STRING),
        "wishes": ArrayType(STRING),
        "ratings": ArrayType(NUMBER),
        "prefs": MapType(STRING),
        "quota": MapType(INTEGER),
        "trips": ArrayType(_TRIP),
        "_acme": ObjectType({"member": STRING, "elite": BOOLEAN, "renewal": DATE}),
        "xEvent": ArrayType(_EVENT),
    }
)


def blocks() -> list[str]:
    return PAIRS.read_text(encoding="utf-8").strip().split("\n\n")


def render(block: str) -> str:
    query = block.splitlines()[0]
    return f"{query}\n{in_english(parse(query), SCHEMA, names=NAMES)}"


def test_english_is_as_written_down() -> None:
    assert [render(block) for block in blocks()] == blocks()


if __name__ == "__main__":
    PAIRS.write_text("\n\n".join(render(block) for block in blocks()) + "\n", encoding="utf-8")
