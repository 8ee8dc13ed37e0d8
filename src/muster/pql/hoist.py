"""Loops inside loops: what the inner one asks of its own elements is asked once, before the outer one begins.

`exists A from xEvent where …, B from xEvent where B.type = "buy" and B.total > A.total` looks, for every A, at the purchases alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import count

from muster.pql import bound
from muster.pql.bound import PROFILE_ID, TRUE, Bound, Variable, conjunction
from muster.pql.traversal import binders, free_variables, rebuild, substitute, walk
from muster.pql.types import ANY, ArrayType, Type


def hoist(node: Bound) -> Bound:
    """An equal expression whose inner loops go over lists that were filtered before the outer loop."""
    used = [part.id for part in walk(node) if isinstance(part, Variable)]
    used += [variable.id for part in walk(node) for variable in binders(part)]
    return _Hoister(max(used, default=PROFILE_ID)).inside(node)


class _Hoister:
    def __init__(self, last_id: int) -> None:
        self._ids = count(last_id + 1)

    def inside(self, node: Bound) -> Bound:
        """The expression with its parts done, then itself, if it is a loop."""
        node = rebuild(node, self.inside)
        return self._freed(node) if binders(node) or isinstance(node, bound.Sequence) else node

    def _freed(self, loop: Bound) -> Bound:
        """A loop whose own inner loops were filtered before it."""
        if isinstance(loop, bound.Let | bound.SequenceStep):
            return loop
        own = {variable.id for part in _scopes(loop) for variable in binders(part)}
        lists: dict[tuple[Bound, Bound], Variable] = {}
        changed = rebuild(loop, lambda part: self._replaced(part, frozenset(own), lists))
        for (source, test), variable in lists.items():
            item = Variable(_element_type(source), next(self._ids))
            filtered = bound.Where(source, item, substitute(test, {_ELEMENT: item}))
            changed = bound.Let(variable, filtered, changed)
        return changed

    def _replaced(
        self, node: Bound, inner: frozenset[int], lists: dict[tuple[Bound, Bound], Variable]
    ) -> Bound:
        """The part with each loop that can begin before the outer one going over a list of its own."""
        if isinstance(node, bound.AnyOf) and not free_variables(node.source) & inner:
            first, rest = _parted(node, inner)
            if TRUE not in (first, rest):
                key = (
                    node.source,
                    substitute(first, {node.variable.id: Variable(node.variable.of, _ELEMENT)}),
                )
                known = lists.get(key)
                if known is None:
                    known = lists[key] = Variable(node.source.type, next(self._ids))
                node = dataclasses.replace(node, source=known, test=rest)
        deeper = inner | {variable.id for part in _scopes(node) for variable in binders(part)}
        return rebuild(node, lambda part: self._replaced(part, deeper, lists))


_ELEMENT = -2
"""Stands for the element of a list that is filtered before its loop."""


def _scopes(node: Bound) -> Iterator[Bound]:
    """The node, and the steps of a sequence, whose variables the whole of it binds."""
    yield node
    if isinstance(node, bound.Sequence):
        yield from node.steps


def _parted(node: bound.AnyOf, inner: frozenset[int]) -> tuple[Bound, Bound]:
    """What an inner loop asks of its element alone, and what mentions the loops around it."""
    operands = node.test.operands if isinstance(node.test, bound.And) else (node.test,)
    own = [each for each in operands if not free_variables(each) & inner]
    rest = [each for each in operands if free_variables(each) & inner]
    return conjunction(*own), conjunction(*rest)


def _element_type(array: Bound) -> Type:
    return array.type.element if isinstance(array.type, ArrayType) else ANY
