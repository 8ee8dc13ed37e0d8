"""Bound tree → an equal one in normal form, so that the same condition, written differently, looks the same.

Lets are put in place, chains of lifted paths become one loop, filters that feed a question become part of it, and the
operands of `and` and `or` are put in order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import count, islice
from typing import Any

from muster.pql import bound
from muster.pql.bound import (
    FALSE,
    FLIPPED,
    PROFILE_ID,
    TRUE,
    Bound,
    Constant,
    Variable,
    conjunction,
    disjunction,
    is_test,
    negation,
)
from muster.pql.traversal import binders, children, fingerprint, rebuild, rename_binders, substitute, walk
from muster.pql.types import STRING, ArrayType, TuplesType, is_text

_COPIED_NODES_MAX = 500
"""A let whose copies would be larger than this stays a let, and what it holds is not taken apart."""

_TWICE_NODES_MAX = 60

_ALWAYS_PRESENT: tuple[type[Bound], ...] = (
    *(bound.Test, bound.Where, bound.MapOver, bound.ListOf, bound.Record, bound.Count, bound.Distinct),
    *(bound.Top, bound.GroupBy, bound.Keys, bound.Values, bound.PairsOver, bound.MapEntries),
    *(bound.PeriodEdge, Constant),
)


def normalize(node: Bound) -> Bound:
    """The normal form of a test or value whose only free variable is the profile."""
    ids = [part.id for part in walk(node) if isinstance(part, Variable)]
    ids += [variable.id for part in walk(node) for variable in binders(part)]
    return sort_operands(_Normalizer(max(ids, default=PROFILE_ID)).normal(node), {PROFILE_ID: "profile"})


def sort_operands(node: Bound, names: Mapping[int, str]) -> Bound:
    """Put the operands of `and` and `or` into an order that does not depend on how they were written."""
    bound_here = binders(node)
    if isinstance(node, bound.Sequence):
        bound_here = tuple(step.variable for step in node.steps)
    if bound_here and not isinstance(node, bound.SequenceStep):
        start = len(names)
        names = {**names, **{variable.id: f"v{start + i}" for i, variable in enumerate(bound_here)}}
    node = rebuild(node, lambda child: sort_operands(child, names))
    if isinstance(node, bound.And | bound.Or):
        operands = tuple(sorted(node.operands, key=lambda operand: fingerprint(operand, names)))
        return dataclasses.replace(node, operands=operands)
    return node


def is_events(node: Bound) -> bool:
    """Whether the expression is the array of all events."""
    return (
        isinstance(node, bound.Member)
        and node.name == "xEvent"
        and isinstance(node.object, Variable)
        and node.object.id == PROFILE_ID
    )


def is_always_present(node: Bound) -> bool:
    """Whether an expression has a value for any data."""
    return isinstance(node, _ALWAYS_PRESENT) or is_events(node)


def rejects_missing(test: Bound, variable: Variable) -> bool:
    """Whether a test is surely false when the variable is missing."""
    match test:
        case bound.And(operands):
            return any(rejects_missing(operand, variable) for operand in operands)
        case bound.Or(operands):
            return all(rejects_missing(operand, variable) for operand in operands)
        case bound.Compare(_, left, right):
            return _strict(left, variable) or _strict(right, variable)
        case bound.TextTest(_, subject, argument):
            return _strict(subject, variable) or _strict(argument, variable)
        case bound.RegexTest(subject):
            return _strict(subject, variable)
        case bound.IsTrue(value) | bound.Present(value):
            return _strict(value, variable)
        case bound.AnyOf(source, _, body):
            return _strict(source, variable) or rejects_missing(body, variable)
    return False


def _strict(node: Bound, variable: Variable) -> bool:
    """Whether a value is missing when the variable is."""
    match node:
        case Variable(_, id_):
            return id_ == variable.id
        case bound.Member(_, inner) | bound.Follow(_, inner) | bound.Fold(inner) | bound.Convert(_, inner):
            return _strict(inner, variable)
        case bound.DatePart(_, inner) | bound.RegexGroup(inner) | bound.Shift(inner):
            return _strict(inner, variable)
        case bound.Entry(_, map_, key):
            return _strict(map_, variable) or _strict(key, variable)
        case bound.Arithmetic(_, _, left, right):
            return _strict(left, variable) or _strict(right, variable)
    return False


def _is_path(node: Bound) -> bool:
    while isinstance(node, bound.Member | bound.Follow | bound.Entry):
        if isinstance(node, bound.Entry) and not isinstance(node.key, Constant):
            return False
        node = next(iter(children(node)))
    return isinstance(node, Variable | Constant | bound.Moment)


def _is_small(node: Bound) -> bool:
    """Whether a test may be written twice: choices nested in tests of choices would double with each level."""
    return sum(1 for _ in islice(walk(node), _TWICE_NODES_MAX + 1)) <= _TWICE_NODES_MAX


def _uses(node: Bound, variable: Variable) -> int:
    return sum(isinstance(part, Variable) and part.id == variable.id for part in walk(node))


class _Normalizer:
    def __init__(self, last_id: int) -> None:
        self._ids = count(last_id + 1)

    def _fresh(self) -> int:
        return next(self._ids)

    def normal(self, node: Bound) -> Bound:
        if isinstance(node, bound.Let):
            return self._let(node)
        node = self._ungrouped(rebuild(node, self.normal))
        changed = self._rule(node)
        return node if changed is None else self.normal(changed)

    def _ungrouped(self, node: Bound) -> Bound:
        """One group of many is a filter: nobody needs the others."""
        if not isinstance(node, _OF_LISTS):
            return node
        name = next(name for name in _LISTS if hasattr(node, name))
        match getattr(node, name):
            case bound.Entry(_, bound.GroupBy(_, array, variable, group), key):
                same: Bound = bound.Compare("=", _text(group), key, "text")
                if isinstance(group.type, ArrayType):
                    item = Variable(group.type.element, self._fresh())
                    same = bound.AnyOf(group, item, bound.Compare("=", _text(item), key, "text"))
                changes: dict[str, Any] = {name: bound.Where(array, variable, same)}
                return dataclasses.replace(node, **changes)
        return node

    def _let(self, node: bound.Let) -> Bound:
        # The body is put into normal form once, after the copies are in place: twice would double with each let.
        value, body = self.normal(node.value), node.body
        uses = _uses(body, node.variable)
        if not uses or _is_path(value) or uses * sum(1 for _ in walk(value)) <= _COPIED_NODES_MAX:
            return self.normal(self._put(body, node.variable, value))
        return dataclasses.replace(node, value=value, body=self.normal(body))

    def _put(self, body: Bound, variable: Variable, value: Bound) -> Bound:
        """The body with each use of a variable replaced by a copy of the value."""
        if isinstance(body, Variable):
            return rename_binders(value, self._fresh) if body.id == variable.id else body
        return rebuild(body, lambda child: self._put(child, variable, value))

    def _rule(self, node: Bound) -> Bound | None:
        """The node rewritten once, or None when it is in normal form."""
        match node:
            case bound.And(operands):
                return _changed(node, conjunction(*operands))
            case bound.Or(operands):
                return _changed(node, disjunction(*operands))
            case bound.Not(operand):
                return _changed(node, negation(operand))
            case bound.IsTrue(value):
                return self._is_true(value)
            case bound.Choose(_, test, then, otherwise) if is_test(node) and _is_small(test):
                return disjunction(conjunction(test, then), conjunction(negation(test), otherwise))
            case bound.Present(value):
                return self._present(value)
            case bound.NonEmpty(value):
                return self._non_empty(value)
            case bound.AnyOf():
                return self._any_of(node)
            case bound.Where(bound.Where(source, inner, first), variable, second):
                return bound.Where(
                    source, variable, conjunction(substitute(first, {inner.id: variable}), second)
                )
            case bound.Where(bound.Lift() | bound.MapOver() as source, variable, test):
                if isinstance(source.body.type, ArrayType) or not _is_path(source.body):
                    return None
                asked = self._put(test, variable, source.body)
                kept = bound.Where(source.source, source.variable, asked)
                return bound.MapOver(source.type, kept, source.variable, source.body)
            case bound.Lift():
                return self._lift(node)
            case bound.Compare(operator, Constant() as left, right, kind) if not isinstance(right, Constant):
                return bound.Compare(FLIPPED[operator], right, left, kind)
        return None

    def _is_true(self, value: Bound) -> Bound | None:
        if is_test(value):
            return value
        if isinstance(value, bound.Choose) and _is_small(value.test):
            then, otherwise = bound.IsTrue(value.then), bound.IsTrue(value.otherwise)
            return disjunction(conjunction(value.test, then), conjunction(negation(value.test), otherwise))
        return FALSE if isinstance(value, bound.Missing) else None

    def _present(self, value: Bound) -> Bound | None:
        if isinstance(value, bound.Missing):
            return FALSE
        if is_always_present(value):
            return TRUE
        if isinstance(value, bound.Lift):
            return bound.NonEmpty(value)
        return bound.Present(value.value) if isinstance(value, bound.Fold) else None

    def _non_empty(self, value: Bound) -> Bound | None:
        match value:
            case bound.Missing():
                return FALSE
            case bound.ListOf(_, items):
                return disjunction(*(bound.Present(item) for item in items))
            case bound.Distinct(_, array):
                return bound.NonEmpty(array)
            case bound.Where(source, variable, test):
                return bound.AnyOf(source, variable, test)
            case bound.Lift(_, source, variable, body) | bound.MapOver(_, source, variable, body):
                inner = isinstance(body.type, ArrayType | TuplesType)
                return bound.AnyOf(source, variable, bound.NonEmpty(body) if inner else bound.Present(body))
        return None

    def _any_of(self, node: bound.AnyOf) -> Bound | None:
        source, variable, test = node.source, node.variable, node.test
        if test == FALSE or isinstance(source, bound.Missing):
            return FALSE
        match source:
            case bound.Where(inner, other, first):
                return bound.AnyOf(
                    inner, variable, conjunction(substitute(first, {other.id: variable}), test)
                )
            case bound.ListOf(_, (single,)) if isinstance(single, Constant):
                return substitute(test, {variable.id: single})
            case bound.Lift(_, inner, other, body) | bound.MapOver(_, inner, other, body):
                if isinstance(body.type, ArrayType):
                    return bound.AnyOf(inner, other, bound.AnyOf(body, variable, test))
                if _is_path(body) or _uses(test, variable) <= 1:
                    asked = self._put(test, variable, body)
                    if not rejects_missing(test, variable):
                        asked = conjunction(bound.Present(body), asked)
                    return bound.AnyOf(inner, other, asked)
        return None

    def _lift(self, node: bound.Lift) -> Bound | None:
        source = node.source
        if not isinstance(source, bound.Lift):
            return None
        if isinstance(source.body.type, ArrayType):
            inner_type = node.body.type if isinstance(node.body.type, ArrayType) else node.of
            body: Bound = bound.Lift(inner_type, source.body, node.variable, node.body)
        elif _is_path(source.body) or _uses(node.body, node.variable) <= 1:
            body = self._put(node.body, node.variable, source.body)
        else:
            return None
        return bound.Lift(node.of, source.source, source.variable, body)


_LISTS = ("source", "array", "value")
_OF_LISTS = (
    *(bound.Count, bound.NonEmpty, bound.AnyOf, bound.Where, bound.Lift, bound.MapOver),
    *(bound.Aggregate, bound.Distinct, bound.Head, bound.Top, bound.GroupBy),
)
"""Nodes to which a missing array is an empty one."""


def _text(value: Bound) -> Bound:
    return value if is_text(value.type) else bound.Convert(STRING, value)


def _changed(old: Bound, new: Bound) -> Bound | None:
    return None if new == old else new
