"""The types of PQL values.

A schema is an `ObjectType`; its fields are types again. `ReferenceType` names an entity whose schema is given to
`bind` beside the profile's, so that entities may refer to each other. `ANY` is the type of what is always missing:
the elements of `[]` and, with an open schema, fields that nobody declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class Type:
    """What a value may be. Types are immutable and compare by structure."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ScalarType(Type):
    """A type without parts."""

    name: str


STRING = ScalarType("string")
INTEGER = ScalarType("integer")
NUMBER = ScalarType("number")
BOOLEAN = ScalarType("boolean")
DATE = ScalarType("date")
DATETIME = ScalarType("date-time")

SCALARS: Mapping[str, ScalarType] = {
    scalar.name: scalar for scalar in (STRING, INTEGER, NUMBER, BOOLEAN, DATE, DATETIME)
}


@dataclass(frozen=True, slots=True)
class AnyType(Type):
    """The type of a value that is known to be missing."""


ANY = AnyType()


@dataclass(frozen=True, slots=True)
class ArrayType(Type):
    """Elements in stored order; an element is never missing."""

    element: Type


@dataclass(frozen=True, slots=True)
class MapType(Type):
    """Text keys to values of one type, in stored order."""

    value: Type


@dataclass(frozen=True, slots=True)
class ObjectType(Type):
    """Named fields."""

    fields: Mapping[str, Type]

    def __hash__(self) -> int:
        return hash(frozenset(self.fields))


@dataclass(frozen=True, slots=True)
class ReferenceType(Type):
    """The key of an item of another entity: text that a path can follow."""

    entity: str


@dataclass(frozen=True, slots=True)
class TuplesType(Type):
    """What a selection with several variables gives: only a condition, or counted."""


@dataclass(frozen=True, slots=True)
class EntryType(Type):
    """What `mapEntry` gives: only the result of a two-parameter lambda in `map`."""

    value: Type


MEMBERSHIPS = MapType(MapType(ObjectType({"status": STRING, "validUntil": DATETIME})))
"""What `inSegment` reads of `segmentMembership`, whether or not the schema declares it."""

NUMERIC: frozenset[Type] = frozenset({INTEGER, NUMBER})
TEMPORAL: frozenset[Type] = frozenset({DATE, DATETIME})


def is_text(type_: Type) -> bool:
    """True for strings and for references, which are strings that can be followed."""
    return type_ == STRING or isinstance(type_, ReferenceType)


def describe(type_: Type) -> str:
    """The name of a type in a message, for example `array of text`."""
    match type_:
        case ScalarType(name):
            return "text" if name == "string" else name
        case ArrayType(element):
            return f"array of {describe(element)}"
        case MapType(value):
            return f"map of {describe(value)}"
        case ObjectType():
            return "object"
        case ReferenceType(entity):
            return f"reference to {entity}"
        case TuplesType():
            return "tuples"
        case EntryType():
            return "map entry"
    return "nothing"


def unify(left: Type, right: Type) -> Type | None:
    """The type that holds values of both, or None: numbers mix, text and references mix, dates mix."""
    if right in (left, ANY):
        return left
    if left == ANY:
        return right
    if left in NUMERIC and right in NUMERIC:
        return NUMBER
    if left in TEMPORAL and right in TEMPORAL:
        return DATETIME
    if is_text(left) and is_text(right):
        return STRING
    if isinstance(left, ArrayType) and isinstance(right, ArrayType):
        element = unify(left.element, right.element)
        return None if element is None else ArrayType(element)
    if isinstance(left, MapType) and isinstance(right, MapType):
        value = unify(left.value, right.value)
        return None if value is None else MapType(value)
    return None


def gather(left: Type, right: Type) -> Type | None:
    """The type of elements of both, or None: as `unify`, and objects are of one kind whatever their fields."""
    if not (isinstance(left, ObjectType) and isinstance(right, ObjectType)):
        return unify(left, right)
    fields = dict(left.fields)
    for name, field in right.fields.items():
        both = gather(fields[name], field) if name in fields else field
        if both is None:
            return None
        fields[name] = both
    return ObjectType(fields)
