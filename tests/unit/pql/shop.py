"""A small data model, and queries bound against it, for tests of what is told about queries."""

from __future__ import annotations

from muster.pql import BoundQuery, bind, parse
from muster.pql.notation import read_object
from muster.pql.types import ObjectType

_ITEM = {"object": {"sku": "string", "notes": {"array": "string"}}}
EVENT = {
    "object": {
        "eventType": "string",
        "timestamp": "date-time",
        "due": "date-time",
        "total": "number",
        "items": {"array": _ITEM},
    }
}
SCHEMA = read_object(
    {
        "object": {
            "name": "string",
            "code": "string",
            "age": "integer",
            "vip": "boolean",
            "born": "date",
            "seen": "date-time",
            "tags": {"array": "string"},
            "store": {"ref": "Store"},
            "orders": {"array": {"object": {"sku": "string", "at": "date-time"}}},
            "segmentMembership": {"map": {"map": {"object": {"status": "string"}}}},
            "xEvent": {"array": EVENT},
        }
    }
)
ENTITIES = {"Store": read_object({"object": {"city": "string"}})}


def asked(text: str, *, schema: ObjectType = SCHEMA, open_schema: bool = False) -> BoundQuery:
    """The query, bound."""
    return bind(parse(text), schema, entities=ENTITIES, open_schema=open_schema)
