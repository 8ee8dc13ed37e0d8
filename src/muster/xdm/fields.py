"""What a schema says of its data, as a tree of typed fields: the form that every other part reads schemas in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from muster.kernel.errors import Invalid


class Kind(StrEnum):
    """How the values of a field are kept."""

    STRING = "string"
    INTEGER = "integer"
    """long, int, short and byte alike; their bounds are in `minimum` and `maximum`."""
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "date-time"
    OBJECT = "object"
    ARRAY = "array"
    MAP = "map"


LONG_MAX = 2**53 - 1
"""Largest whole number that every JSON reader keeps exactly. Documented: field constraints."""

_INTEGER_BOUNDS = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-LONG_MAX, LONG_MAX),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field and everything below it.

    Attributes:
        kind: How its values are kept.
        title: Name for people; may be empty.
        fields: Members of an OBJECT, by name.
        item: Elements of an ARRAY, values of a MAP (its keys are strings).
        required: Names of the members that an OBJECT must have.
        enum: The only values allowed; empty when any are.
        pattern: Regular expression that some part of a STRING must match.
        minimum, maximum: Bounds of INTEGER and NUMBER, inclusive.
        min_length, max_length: Bounds of a STRING in characters, of an ARRAY in elements.
        xdm_type: `meta:xdmType` as the API names it: `string`, `int`, `date-time` …
        open: Whether an OBJECT takes members that the schema does not name.
        deprecated: Whether the schema asks to use another field.
    """

    kind: Kind
    title: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict)
    item: Field | None = None
    required: frozenset[str] = frozenset()
    enum: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    xdm_type: str = ""
    open: bool = True
    deprecated: bool = False

    def at(self, path: Sequence[str]) -> Field | None:
        """The field below this one at a path of names; a name below a MAP is a key. None when there is none.

        An ARRAY has no names of its own: its elements are reached through `item`.
        """
        found: Field | None = self
        for name in path:
            if found is None:
                return None
            found = found.item if found.kind is Kind.MAP else found.fields.get(name)
        return found

    def leaves(self) -> Iterator[tuple[tuple[str, ...], Field]]:
        """Every path below with a field that is no OBJECT, depth first; arrays and maps are not entered."""
        for name, member in self.fields.items():
            if member.kind is Kind.OBJECT:
                for path, leaf in member.leaves():
                    yield (name, *path), leaf
            else:
                yield (name,), member


def read_field(node: Mapping[str, Any], path: str = "") -> Field:
    """The field that a resolved JSON schema node describes.

    Args:
        node: JSON schema without `$ref` and `allOf`.
        path: Where the node stands, for messages.
    Raises:
        Invalid: A type that XDM does not have.
    """
    xdm_type = xdm_type_of(node, path)
    kind = Kind.INTEGER if xdm_type in _INTEGER_BOUNDS else Kind(xdm_type)
    low, high = _INTEGER_BOUNDS.get(xdm_type, (None, None))
    members = {
        name: read_field(member, f"{path}/{name}") for name, member in (node.get("properties") or {}).items()
    }
    return Field(
        kind=kind,
        title=str(node.get("title") or ""),
        fields=members if kind is Kind.OBJECT else {},
        item=_item(node, kind, path),
        required=frozenset(node.get("required") or ()) & members.keys(),
        enum=tuple(str(value) for value in node.get("enum") or ()),
        pattern=node.get("pattern"),
        minimum=_bound(node.get("minimum", node.get("exclusiveMinimum")), low),
        maximum=_bound(node.get("maximum", node.get("exclusiveMaximum")), high),
        min_length=node.get("minItems" if kind is Kind.ARRAY else "minLength"),
        max_length=node.get("maxItems" if kind is Kind.ARRAY else "maxLength"),
        xdm_type=xdm_type,
        open=node.get("additionalProperties") is not False,
        deprecated=node.get("meta:status") == "deprecated",
    )


def xdm_type_of(node: Mapping[str, Any], path: str = "") -> str:
    """`meta:xdmType` of a JSON schema node: as written, else derived from type, format and bounds.

    Source: documented, field constraints.
    """
    written = node.get("meta:xdmType")
    if written is not None:
        if written not in _WRITABLE:
            raise Invalid.at(path, f"meta:xdmType {written!r} is none of {', '.join(sorted(_WRITABLE))}")
        return str(written)
    type_ = node.get("type")
    if isinstance(type_, list):
        type_ = next((name for name in type_ if name != "null"), None)
    if type_ is None:
        type_ = _implied_type(node)
    if type_ == "string":
        return str(node["format"]) if node.get("format") in ("date", "date-time") else "string"
    if type_ == "integer":
        return _narrowest(node.get("minimum"), node.get("maximum"))
    if type_ == "object":
        values = node.get("additionalProperties")
        return "map" if isinstance(values, Mapping) and not node.get("properties") else "object"
    if type_ in ("number", "boolean", "array"):
        return str(type_)
    raise Invalid.at(path, f"{type_!r} is no type; write string, number, integer, boolean, array or object")


_WRITABLE = frozenset(kind.value for kind in Kind) - {"integer"} | _INTEGER_BOUNDS.keys()


def _implied_type(node: Mapping[str, Any]) -> str:
    if "items" in node:
        return "array"
    if "enum" in node or "pattern" in node or "format" in node:
        return "string"
    return "object"


def _narrowest(low: float | None, high: float | None) -> str:
    # An open side is taken as wide: a narrower type would refuse numbers that the schema allows.
    if low is None or high is None:
        return "long"
    return next(
        (name for name, (least, most) in _INTEGER_BOUNDS.items() if least <= low and high <= most), "long"
    )


def _item(node: Mapping[str, Any], kind: Kind, path: str) -> Field | None:
    if kind is Kind.ARRAY:
        items = node.get("items")
        if not isinstance(items, Mapping):
            raise Invalid.at(path, "an array needs items, the schema of its elements")
        return read_field(items, f"{path}/items")
    if kind is Kind.MAP:
        values = node.get("additionalProperties")
        if not isinstance(values, Mapping):
            raise Invalid.at(path, "a map needs additionalProperties, the schema of its values")
        return read_field(values, f"{path}/additionalProperties")
    return None


def _bound(written: float | None, implied: float | None) -> float | None:
    return implied if written is None else written
