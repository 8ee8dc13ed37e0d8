"""Going through a bound tree: its parts, the variables it binds and reads, an equal tree with parts changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from muster.pql.bound import PROFILE_ID, Bound, Sequence, SequenceStep, Variable
from muster.pql.types import Type

_BINDERS = ("variable", "key_variable", "value_variable")
# Types that the key of a node needs: elsewhere the parts decide.
_TYPED_KEYS = ("Constant", "Convert", "Missing")

B = TypeVar("B", bound=Bound)

_FIELDS: dict[type[Any], tuple[str, ...]] = {}


def _fields(kind: type[Any]) -> tuple[str, ...]:
    names = _FIELDS.get(kind)
    if names is None:
        names = _FIELDS[kind] = tuple(each.name for each in dataclasses.fields(kind) if each.compare)
    return names


def _inner(value: Any) -> Iterator[Bound]:
    if isinstance(value, Bound):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _inner(item)


def children(node: Bound) -> Iterator[Bound]:
    """The direct parts of a node, binders left out."""
    for name in _fields(type(node)):
        if name not in _BINDERS:
            yield from _inner(getattr(node, name))


def walk(node: Bound) -> Iterator[Bound]:
    """The node and all parts of it."""
    yield node
    for child in children(node):
        yield from walk(child)


def binders(node: Bound) -> tuple[Variable, ...]:
    """The variables that a node binds for its parts."""
    return tuple(getattr(node, name) for name in _fields(type(node)) if name in _BINDERS)


def rebuild(node: B, change: Callable[[Bound], Bound]) -> B:
    """The node with every direct part changed; itself when nothing changed."""
    changes: dict[str, Any] = {}
    for name in _fields(type(node)):
        if name in _BINDERS:
            continue
        old = getattr(node, name)
        new = _rebuild_value(old, change)
        if new is not old:
            changes[name] = new
    return dataclasses.replace(node, **changes) if changes else node


def _rebuild_value(value: Any, change: Callable[[Bound], Bound]) -> Any:
    if isinstance(value, Bound):
        return change(value)
    if isinstance(value, tuple):
        items = tuple(_rebuild_value(item, change) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def free_variables(node: Bound) -> frozenset[int]:
    """Numbers of the variables that the expression reads and does not bind."""
    if isinstance(node, Variable):
        return frozenset((node.id,))
    found = set[int]()
    for child in children(node):
        found |= free_variables(child)
    bound = {variable.id for variable in binders(node)}
    if isinstance(node, Sequence):
        bound = {step.variable.id for step in node.steps}
    return frozenset(found - bound)


def substitute(node: Bound, replacements: Mapping[int, Bound]) -> Bound:
    """The expression with variables replaced. Numbers of binders must differ from those free in replacements."""
    if isinstance(node, Variable):
        return replacements.get(node.id, node)
    return rebuild(node, lambda child: substitute(child, replacements))


def rename_binders(node: Bound, fresh: Callable[[], int]) -> Bound:
    """An equal expression whose binders have new numbers, so that a copy of it can stand inside the original."""
    renamed: dict[int, int] = {}
    for part in walk(node):
        for variable in binders(part):
            renamed.setdefault(variable.id, fresh())

    def change(part: Bound) -> Bound:
        if isinstance(part, Variable):
            return dataclasses.replace(part, id=renamed.get(part.id, part.id))
        copy = rebuild(part, change)
        new = {
            name: dataclasses.replace(old, id=renamed[old.id])
            for name in _fields(type(part))
            if name in _BINDERS
            for old in (getattr(part, name),)
        }
        return dataclasses.replace(copy, **new) if new else copy

    return change(node) if renamed else node


def fingerprint(node: Bound, names: Mapping[int, str] | None = None) -> str:
    """A text that is equal for expressions that differ only in the numbers of their variables."""
    return _print(node, dict(names) if names is not None else {PROFILE_ID: "profile"})


def _print(node: Bound, names: dict[int, str]) -> str:
    if isinstance(node, Variable):
        return names.get(node.id, f"free{node.id}")
    bound = binders(node)
    if isinstance(node, Sequence):
        bound = tuple(step.variable for step in node.steps)
    if bound and not isinstance(node, SequenceStep):
        names = names | {variable.id: f"v{len(names) + index}" for index, variable in enumerate(bound)}
    kind = type(node).__name__
    parts = [kind]
    for name in _fields(type(node)):
        value = getattr(node, name)
        if name in _BINDERS or (name == "of" and kind not in _TYPED_KEYS):
            continue
        parts.append(_print_value(value, names))
    return f"({' '.join(parts)})"


def _print_value(value: Any, names: dict[int, str]) -> str:
    if isinstance(value, Bound):
        return _print(value, names)
    if isinstance(value, tuple):
        return f"[{' '.join(_print_value(item, names) for item in value)}]"
    if isinstance(value, Type):
        return value.name if hasattr(value, "name") else type(value).__name__
    if isinstance(value, datetime | date):
        return value.isoformat()
    return repr(value)
