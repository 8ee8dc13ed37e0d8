"""Changes of a syntax tree that must not change its meaning."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tests.property.pql.world import SCHEMA

from muster.pql import syntax

Change = Callable[[syntax.Node, int], syntax.Node | None]


def rewrite(node: Any, change: Change, depth: int = 0) -> Any:
    """The tree with parts replaced: `change` gets a part and how many element scopes are open; None keeps it."""
    if isinstance(node, tuple):
        return tuple(rewrite(item, change, depth) for item in node)
    if not isinstance(node, syntax.Node):
        return node
    replaced = change(node, depth)
    if replaced is not None:
        return replaced
    parts: dict[str, Any] = {}
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if isinstance(value, syntax.Node | tuple) and field.compare:
            parts[field.name] = rewrite(value, change, depth + _opens_scope(node, field.name))
    if isinstance(node, syntax.Call) and node.name in syntax.ELEMENT_METHODS and node.arguments:
        first, *others = node.arguments
        parts["arguments"] = (rewrite(first, change, depth + 1), *rewrite(tuple(others), change, depth))
    return dataclasses.replace(node, **parts)


def _opens_scope(node: syntax.Node, field: str) -> bool:
    return isinstance(node, syntax.Step) or (isinstance(node, syntax.Filter) and field == "condition")


def with_parameter(tree: syntax.Query) -> syntax.Query:
    """Every bare field of the profile is read through `$1`."""

    def change(node: syntax.Node, depth: int) -> syntax.Node | None:
        if isinstance(node, syntax.Name) and (
            node.name == "xEvent" or (depth == 0 and node.name in SCHEMA.fields)
        ):
            return syntax.Field(syntax.Parameter(1), node.name)
        return None

    return rewrite(tree, change)  # type: ignore[no-any-return]


def with_filter_methods(tree: syntax.Query) -> syntax.Query:
    """`A[c]` as `A.filter(c)`."""

    def change(node: syntax.Node, depth: int) -> syntax.Node | None:
        if not isinstance(node, syntax.Filter):
            return None
        condition = rewrite(node.condition, change, depth + 1)
        return syntax.Call(rewrite(node.array, change, depth), "filter", (condition,))

    return rewrite(tree, change)  # type: ignore[no-any-return]


def with_selections(tree: syntax.Query) -> syntax.Query:
    """`A[c]` as `select V from A where c`: the names of the element become paths from V, `^` climbs one less."""
    made = 0

    def change(node: syntax.Node, depth: int) -> syntax.Node | None:
        nonlocal made
        if not isinstance(node, syntax.Filter):
            return None
        made += 1
        name = f"Chosen{made}"
        condition = rewrite(rewrite(node.condition, _from_variable(name)), change, depth)
        return syntax.Select((syntax.Clause(name, rewrite(node.array, change, depth), condition),))

    return rewrite(tree, change)  # type: ignore[no-any-return]


def _from_variable(variable: str) -> Change:
    """What was in the scope of an element is reached through a variable; `depth` counts scopes inside of it."""

    def change(node: syntax.Node, depth: int) -> syntax.Node | None:
        if isinstance(node, syntax.ScopeReference) and node.up >= depth:
            return syntax.Name(variable) if node.up == depth else syntax.ScopeReference(node.up - 1)
        if (
            isinstance(node, syntax.Name)
            and depth == 0
            and node.name != "xEvent"
            and not _is_variable(node.name)
        ):
            return syntax.Field(syntax.Name(variable), node.name)
        return None

    return change


def _is_variable(name: str) -> bool:
    """Whether the generator uses the name for variables; no field of the made-up world is named like that."""
    return (
        name in ("A", "B", "C", "k", "v", "in")
        or (name[0] == "V" and name[1:].isdigit())
        or name.startswith("Chosen")
    )
