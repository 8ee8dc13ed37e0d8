"""All parts of a part of a query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from muster.pql import syntax


def nodes(root: syntax.Node) -> Iterator[syntax.Node]:
    """The node and everything below it."""
    stack: list[object] = [root]
    while stack:
        found = stack.pop()
        if isinstance(found, syntax.Node):
            yield found
            stack.extend(getattr(found, part.name) for part in fields(found))
        elif isinstance(found, tuple):
            stack.extend(found)


def mentions(root: syntax.Node, name: str) -> int:
    """How often a bare name stands in a part."""
    return sum(isinstance(node, syntax.Name) and node.name == name for node in nodes(root))


def argument(call: syntax.Call, index: int) -> syntax.Expr:
    """An argument that is no lambda."""
    found = call.arguments[index]
    assert isinstance(found, syntax.Expr)
    return found
