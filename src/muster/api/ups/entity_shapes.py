"""How persons and events are printed by profile access, and how a request chooses among their fields."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from muster.kernel.clock import from_ms, iso
from muster.kernel.errors import Invalid
from muster.profiles.lookup import EventView, ProfileView
from muster.storage.records import Document

CONDITIONS_MAX = 3

Trees = dict[str, "Trees"]
"""Chosen fields: names at each level; a name without any below it stands for all that it holds."""

_CONDITION = re.compile(r"([\w.\-@]+?)\s*(==|!=|<=|>=|<|>)\s*(.*)", re.DOTALL)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`path` compared with a value: as numbers where both are, else as text. Some element of an array is enough."""

    path: tuple[str, ...]
    sign: str
    value: str

    def holds(self, entity: Mapping[str, Any]) -> bool:
        found = [_compare(self.sign, value, self.value) for value in _values(entity, self.path)]
        return all(found) if self.sign == "!=" else any(found)


def record(xid: str, view: ProfileView, trees: Trees | None) -> Document:
    """A person's block. `xid` is the identity that was asked for."""
    entity = {**view.entity}
    if isinstance(entity.get("identityMap"), dict):
        # Documented samples have the codes in lower case here, whatever their case elsewhere.
        entity["identityMap"] = _lowered(entity["identityMap"])
    return {
        "entityId": xid,
        "mergePolicy": {"id": view.policy_id},
        "sources": list(view.sources),
        "identityGraph": [identity_xid for _, _, identity_xid in view.identities],
        "entity": entity if trees is None else chosen(entity, trees),
        "lastModifiedAt": iso(view.last_modified_at),
    }


def nobody(xid: str) -> Document:
    """The block of an identity that nobody has. Documented: empty source, empty entity, the year 1970."""
    return {
        "entityId": xid,
        "sources": [""],
        "identityGraph": [],
        "entity": {},
        "lastModifiedAt": iso(from_ms(0)),
    }


def event(view: EventView, trees: Trees | None) -> Document:
    """One event of a person."""
    return {
        "relatedEntityId": view.related_entity_id,
        "entityId": view.entity_id,
        "timestamp": view.timestamp_ms,
        "entity": view.entity if trees is None else chosen(view.entity, trees),
        "lastModifiedAt": iso(view.last_modified_at),
        "sources": list(view.sources),
    }


def trees_of(paths: Iterable[str]) -> Trees | None:
    """Dotted paths as a tree; None when there are none. `identities` is the old name of `identityMap`."""
    trees: Trees = {}
    for path in paths:
        names = path.strip().split(".")
        if names == [""]:
            continue
        if names[0] == "identities":
            names = ["identityMap"]
        inner = trees
        for name in names:
            inner = inner.setdefault(name, {})
    return trees or None


def chosen(value: Any, trees: Trees) -> Any:
    """The chosen fields of an object, or of each object of an array."""
    if not trees:
        return value
    if isinstance(value, list):
        return [chosen(item, trees) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: chosen(value[name], below) for name, below in trees.items() if name in value}


def conditions_of(texts: Sequence[str]) -> tuple[Condition, ...]:
    """The `property` parameters of an event query. Raises `Invalid`: unreadable, or more than three."""
    if len(texts) > CONDITIONS_MAX:
        raise Invalid.at("property", f"at most {CONDITIONS_MAX} conditions are possible")
    conditions = []
    for text in texts:
        match = _CONDITION.fullmatch(text.strip())
        if match is None:
            raise Invalid.at("property", f"{text!r} is not of the form path==value")
        path, sign, value = match.groups()
        conditions.append(Condition(tuple(path.split(".")), sign, value.strip("\"'")))
    return tuple(conditions)


def _values(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values(value[path[0]], path[1:])


def _compare(sign: str, left: Any, right: str) -> bool:
    if isinstance(left, bool):
        return _COMPARISONS[sign](str(left).lower(), right.lower())
    if isinstance(left, int | float):
        try:
            return _COMPARISONS[sign](left, float(right))
        except ValueError:
            return sign == "!="
    return _COMPARISONS[sign](str(left), right)


def _lowered(identities: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    lowered: dict[str, list[Any]] = {}
    for code, items in identities.items():
        lowered.setdefault(code.lower(), []).extend(items)
    return lowered
