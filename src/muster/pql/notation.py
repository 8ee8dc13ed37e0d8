"""Types written as JSON: the notation of the conformance suite, and of schema files.

`"string" "integer" "number" "boolean" "date" "date-time"`, `{"array": T}`, `{"map": T}`, `{"object": {name: T}}`,
`{"ref": entity}`.
"""

from __future__ import annotations

from typing import Any

from muster.pql.types import SCALARS, ArrayType, MapType, ObjectType, ReferenceType, ScalarType, Type

_KINDS = frozenset(("array", "map", "ref", "object"))


def read_type(node: Any) -> Type:
    """A type from its notation. Raises `ValueError` that quotes what is none."""
    if isinstance(node, str) and node in SCALARS:
        return SCALARS[node]
    if isinstance(node, dict) and len(node) == 1:
        ((kind, inner),) = node.items()
        match kind:
            case "array":
                return ArrayType(read_type(inner))
            case "map":
                return MapType(read_type(inner))
            case "ref" if isinstance(inner, str):
                return ReferenceType(inner)
            case "object" if isinstance(inner, dict):
                return ObjectType({name: read_type(field) for name, field in inner.items()})
    expected = ", ".join(SCALARS)
    raise ValueError(f"{node!r} is no type; one of {expected}, or an object with array, map, object or ref")


def read_object(node: Any) -> ObjectType:
    """A schema: an object type in its notation, or its fields alone as `{name: T}`. Raises `ValueError`."""
    if isinstance(node, dict) and not (len(node) == 1 and node.keys() <= _KINDS):
        node = {"object": node}
    type_ = read_type(node)
    if not isinstance(type_, ObjectType):
        raise ValueError(f'a schema is written {{"object": {{…}}}}, not {node!r}')
    return type_


def write_type(type_: Type) -> Any:
    """The notation of a type."""
    match type_:
        case ScalarType(name):
            return name
        case ArrayType(element):
            return {"array": write_type(element)}
        case MapType(value):
            return {"map": write_type(value)}
        case ReferenceType(entity):
            return {"ref": entity}
        case ObjectType(fields):
            return {"object": {name: write_type(field) for name, field in fields.items()}}
    raise TypeError(f"{type_} has no notation")
