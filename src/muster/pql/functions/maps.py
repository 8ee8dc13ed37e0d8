"""Methods of maps, of dates, and of anything that may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from muster.pql import bound
from muster.pql.bound import Bound, Missing, negation
from muster.pql.functions.call import At, Handler, Method, lifted
from muster.pql.types import ANY, STRING, TEMPORAL, ArrayType, MapType


def _get(at: At, receiver: Bound) -> Bound:
    key = at.text(0)

    def make(map_: Bound) -> Bound:
        assert isinstance(map_.type, MapType)
        return bound.Entry(map_.type.value, map_, key)

    return lifted(at, receiver, "map", lambda type_: isinstance(type_, MapType), make)


def _keys(at: At, receiver: Bound) -> Bound:
    if not isinstance(receiver.type, MapType) and receiver.type != ANY:
        return at.refuse("map", receiver)
    return bound.Keys(ArrayType(STRING), receiver)


def _values(at: At, receiver: Bound) -> Bound:
    if receiver.type == ANY:
        return bound.ListOf(ArrayType(ANY), ())
    if not isinstance(receiver.type, MapType):
        return at.refuse("map", receiver)
    return bound.Values(ArrayType(receiver.type.value), receiver)


def _is_not_null(at: At, receiver: Bound) -> Bound:
    return bound.FALSE if receiver.type == ANY and isinstance(receiver, Missing) else bound.Present(receiver)


def _is_null(at: At, receiver: Bound) -> Bound:
    return negation(_is_not_null(at, receiver))


def _date_part(part: Literal["year", "month", "day"]) -> Handler:
    def handle(at: At, receiver: Bound) -> Bound:
        expected = "date or date-time"
        return lifted(
            at, receiver, expected, lambda t: t in TEMPORAL, lambda d: bound.DatePart(part, d, at.place)
        )

    return handle


MAPS: Mapping[str, Method] = {
    "get": Method(_get, 1, 1),
    "keys": Method(_keys, 0, 0),
    "values": Method(_values, 0, 0),
    "isNull": Method(_is_null, 0, 0),
    "isNotNull": Method(_is_not_null, 0, 0),
    "getYear": Method(_date_part("year"), 0, 0),
    "getMonth": Method(_date_part("month"), 0, 0),
    "getDayOfMonth": Method(_date_part("day"), 0, 0),
}
"""Methods of maps and dates, and those that see what is missing."""
