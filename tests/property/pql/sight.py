"""What a query can name at one point: every path with its type, sorted into kinds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tests.property.pql.world import ENTITY_SCHEMAS, SCHEMA

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

_DEPTH = 3
_KINDS: dict[Type, str] = {
    STRING: "text",
    INTEGER: "number",
    NUMBER: "number",
    BOOLEAN: "truth",
    DATE: "time",
    DATETIME: "time",
}
_APART = {"long": "long", "big": "big", "segmentMembership": "memberships"}
_QUOTED = {"next"}

Found = tuple[str, Type]
Index = dict[str, tuple[Found, ...]]


def kind_of(type_: Type) -> str:
    """The kind of values of a type; an array has the plural."""
    match type_:
        case ArrayType(ArrayType()):
            return "nested"
        case ArrayType(element):
            return kind_of(element) + "s"
        case ObjectType():
            return "object"
        case MapType():
            return "map"
        case ReferenceType():
            return "key"
    return _KINDS[type_]


def step(type_: Type, name: str) -> Type | None:
    """The type of `.name`; None where a path does not go on that way."""
    match type_:
        case ObjectType(fields):
            return fields.get(name)
        case MapType(value):
            return value
        case ReferenceType(entity):
            return ENTITY_SCHEMAS[entity].fields.get(name)
        case ArrayType(element):
            inner = step(element, name)
            return inner if inner is None or isinstance(inner, ArrayType) else ArrayType(inner)
    return None


def quoted(name: str) -> str:
    return f"`{name}`" if name in _QUOTED or not name.isalnum() else name


def _names(type_: Type) -> tuple[str, ...]:
    match type_:
        case ObjectType(fields):
            return tuple(fields)
        case MapType():
            return ("a", "A-b")
        case ReferenceType(entity):
            return tuple(ENTITY_SCHEMAS[entity].fields)
        case ArrayType(element):
            return _names(element)
    return ()


@lru_cache(maxsize=512)
def paths_from(type_: Type) -> Index:
    """Every path from a value, without the dot before its first name, by kind."""
    index: dict[str, list[Found]] = {}

    def visit(at: Type, prefix: str, depth: int) -> None:
        for name in _names(at):
            inner = step(at, name)
            assert inner is not None
            text = f"{prefix}.{quoted(name)}" if prefix else quoted(name)
            special = _APART.get(name)
            index.setdefault(special or kind_of(inner), []).append((text, inner))
            if depth > 1 and special is None:
                visit(inner, text, depth - 1)

    visit(type_, "", _DEPTH)
    return {kind: tuple(found) for kind, found in index.items()}


@dataclass(frozen=True, slots=True)
class Sight:
    """Element scopes, outermost first, and variables with their types."""

    scopes: tuple[Type, ...] = (SCHEMA,)
    variables: tuple[Found, ...] = ()

    def enter(self, scope: Type) -> Sight:
        return Sight((*self.scopes, scope), self.variables)

    def bind(self, name: str, type_: Type) -> Sight:
        kept = tuple(pair for pair in self.variables if pair[0] != name)
        return Sight(self.scopes, (*kept, (name, type_)))

    def roots(self) -> list[tuple[str, Type]]:
        """What a path may begin with: the text before its first name, and whose names follow."""
        found = [("", self.scopes[-1])] * 3
        found += [(f"{name}.", type_) for name, type_ in reversed(self.variables)] * 2
        found += [(f"{'^' * up}.", scope) for up, scope in enumerate(reversed(self.scopes[:-1]), 1)]
        found += [("this.", self.scopes[-1]), ("$1.", self.scopes[0])]
        return found

    def whole(self) -> list[Found]:
        """Values that have a name themselves: variables, and the elements that scopes are of."""
        found = list(self.variables)
        if len(self.scopes) > 1:
            found += [("this", self.scopes[-1])] * 2
        return found
