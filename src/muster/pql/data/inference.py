"""JSON rows → the type of each field, for data that comes without a schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Literal

from muster.pql.temporal import parse_iso
from muster.pql.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
    ObjectType,
    Type,
)
from muster.pql.values import INTEGER_MAX, INTEGER_MIN

MAP_LEVELS: Mapping[str, int] = {"identityMap": 1, "segmentMembership": 2, "optInOut": 1}
"""Fields that are maps, and how many levels of keys they have. Memberships are kept by namespace, then by id."""

Kind = Literal["text", "number", "boolean", "array", "object"]
_KINDS: Mapping[type, Kind] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
}
_PREFERENCE: tuple[Kind, ...] = ("text", "number", "boolean", "array", "object")


@dataclass(frozen=True, slots=True)
class Inferred:
    """A schema that was read off data; `notes` are sentences about fields whose values disagree."""

    schema: ObjectType
    notes: tuple[str, ...]


def infer_object(rows: Iterable[Mapping[str, Any]]) -> Inferred:
    """The fields that JSON rows have, with the types that their values show.

    Integers and doubles mix to number, as do integers that 64 bits do not hold. Text is a date or a date-time when
    every value is one in ISO form; both mixed are date-times. An object is an object even if its keys look like
    data: only `identityMap`, `segmentMembership` and `optInOut`, which are maps wherever they are used, become maps.
    The elements of arrays that are always empty, and fields that are always null, are of type *any*: missing.

    Where values are of different kinds (5 and "five"), the kind that most of them have is the field's, on a tie the
    first of text, number, boolean, array, object; the other values then count as missing, and a note says so.
    """
    inference = _Inference()
    schema = inference.object_("", list(rows))
    return Inferred(schema, tuple(inference.notes))


class _Inference:
    """Works a field at a time over all rows, so that each list of values is looked at by one fast loop."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def object_(self, path: str, rows: Sequence[Mapping[str, Any]]) -> ObjectType:
        columns: dict[str, list[Any]] = {}
        for row in rows:
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
        return ObjectType({name: self._field(path, name, values) for name, values in columns.items()})

    def _field(self, path: str, name: str, values: Iterable[Any]) -> Type:
        path = f"{path}.{name}" if path else name
        return self._map(path, values, MAP_LEVELS.get(name, 0))

    def _map(self, path: str, values: Iterable[Any], levels: int) -> Type:
        if not levels:
            return self._type(path, values)
        entries = chain.from_iterable(value.values() for value in values if isinstance(value, dict))
        return MapType(self._map(f"{path}.*", entries, levels - 1))

    def _type(self, path: str, values: Iterable[Any]) -> Type:
        present = [value for value in values if value is not None]
        kinds = {_KINDS[type_] for type_ in set(map(type, present))}
        if not kinds:
            return ANY
        if len(kinds) == 1:
            return self._of_kind(path, kinds.pop(), present)
        groups: dict[Kind, list[Any]] = {kind: [] for kind in _PREFERENCE if kind in kinds}
        for value in present:
            groups[_KINDS[type(value)]].append(value)
        kind = max(groups, key=lambda each: len(groups[each]))
        self._disagreement(path, kind, {each: len(found) for each, found in groups.items()})
        return self._of_kind(path, kind, groups[kind])

    def _of_kind(self, path: str, kind: Kind, values: Sequence[Any]) -> Type:
        match kind:
            case "object":
                return self.object_(path, values)
            case "array":
                return ArrayType(self._type(path, chain.from_iterable(values)))
            case "number":
                whole = all(type(value) is int and INTEGER_MIN <= value <= INTEGER_MAX for value in values)
                return INTEGER if whole else NUMBER
            case "boolean":
                return BOOLEAN
        return _text_type(values)

    def _disagreement(self, path: str, kind: Kind, counts: Mapping[Kind, int]) -> None:
        others = " and ".join(f"{each} in {count:,}" for each, count in counts.items())
        self.notes.append(f"{path} is {others}; it is read as {kind}, and what is not counts as missing")


def _text_type(values: Sequence[str]) -> Type:
    """What a field of text is: a date or a date-time when every value is one, else text."""
    if parse_iso(values[0]) is None:
        return STRING
    moments = [parse_iso(value) for value in set(values)]
    if None in moments:
        return STRING
    return DATETIME if any(isinstance(moment, datetime) for moment in moments) else DATE
