"""A checked query → a Boolean combination of atoms, each of which an evaluator can compute once for all people.

Atoms have a key that is equal for equal conditions in different definitions. What a condition asks of events, of the
profile and of other definitions is kept apart, so that each goes to the evaluator that is best at it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from muster.pql import bound
from muster.pql.bound import (
    FLIPPED,
    PROFILE_ID,
    TRUE,
    Bound,
    BoundQuery,
    Constant,
    Operator,
    Variable,
    conjunction,
)
from muster.pql.hoist import hoist
from muster.pql.normal import is_events, normalize, sort_operands
from muster.pql.paths import Path, paths_read
from muster.pql.traversal import children, fingerprint, free_variables, substitute, walk
from muster.pql.types import NUMBER, ArrayType, ObjectType, TuplesType

EVENT_ID = -1
"""The number of the variable that stands for the event in an event atom."""

Aggregation = Literal["count", "sum", "min", "max", "average"]
_EVENT_NAMES = {PROFILE_ID: "profile", EVENT_ID: "event"}


@dataclass(frozen=True, slots=True)
class ProfileAtom:
    """A test that reads the profile row alone: no events, no other definition."""

    expression: Bound
    key: str


@dataclass(frozen=True, slots=True)
class EventAtom:
    """A person's events that pass `filter`, aggregated and compared.

    `filter` and `value` read one event, the variable number `EVENT_ID`, and *now*; nothing else. The atom holds when
    `aggregate(value) comparison threshold`. Without events, `count` and `sum` are 0; `min`, `max` and `average` are missing
    and the atom is false. `value` is None for `count`; events whose value is missing are skipped; a whole sum that leaves 64 bits,
    or a sum that is not finite, is missing too.

    `event_types` holds the values of `eventType` that `filter` can be true for; None when it does not say. `expression` is the
    whole test, of the profile, for an evaluator that goes person by person.
    """

    filter: Bound
    event_types: frozenset[str] | None
    aggregate: Aggregation
    value: Bound | None
    comparison: Operator
    threshold: int | float
    expression: Bound
    key: str


@dataclass(frozen=True, slots=True)
class SegmentAtom:
    """Membership in another definition."""

    segment_id: str
    key: str


@dataclass(frozen=True, slots=True)
class PersonAtom:
    """A test that needs a person's row, events and memberships together.

    `expression` is a test of the profile, with what inner loops ask of their own elements taken out of the outer ones;
    `uses_events` says whether it needs the events at all.
    """

    expression: Bound
    uses_events: bool
    key: str


Atom = ProfileAtom | EventAtom | SegmentAtom | PersonAtom


@dataclass(frozen=True, slots=True)
class Always:
    """A condition that is the same for everybody."""

    value: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    atom: Atom


@dataclass(frozen=True, slots=True)
class Not:
    operand: Condition


@dataclass(frozen=True, slots=True)
class And:
    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    operands: tuple[Condition, ...]


Condition = Always | Leaf | Not | And | Or


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer a query.

    Attributes:
        condition: Boolean algebra over atoms.
        atoms: The atoms, each once, in order of appearance.
        segment_ids: Definitions that must be evaluated before, those that atoms of a person ask about included.
        time_dependent: The answer can change with *now* alone.
        paths: Field paths that are read, as tuples of names; those of events begin with `xEvent`.
        query: What was planned; atoms of a person are evaluated within it.
    """

    condition: Condition
    atoms: tuple[Atom, ...]
    segment_ids: frozenset[str]
    time_dependent: bool
    paths: frozenset[Path]
    query: BoundQuery


def plan(query: BoundQuery) -> Plan:
    """Split a checked query into atoms."""
    root = normalize(query.condition)
    condition = _split(root)
    atoms = {atom.key: atom for atom in _atoms(condition)}
    parts = list(walk(root))
    return Plan(
        condition=condition,
        atoms=tuple(atoms.values()),
        segment_ids=frozenset(part.segment_id for part in parts if isinstance(part, bound.InSegment)),
        time_dependent=any(isinstance(part, bound.Moment | bound.PeriodEdge) for part in parts),
        paths=paths_read(root),
        query=query,
    )


def _atoms(condition: Condition) -> Iterator[Atom]:
    match condition:
        case Leaf(atom):
            yield atom
        case Not(operand):
            yield from _atoms(operand)
        case And(operands) | Or(operands):
            for each in operands:
                yield from _atoms(each)


# --- Boolean algebra


def _split(node: Bound) -> Condition:
    match node:
        case Constant():
            return Always(node.value is True)
        case bound.Not(operand):
            return _negate(_split(operand))
        case bound.And(operands):
            return _combine(And, [_split(operand) for operand in operands], neutral=True)
        case bound.Or(operands):
            return _combine(Or, [_split(operand) for operand in operands], neutral=False)
        case bound.InSegment(segment_id):
            return Leaf(SegmentAtom(segment_id, fingerprint(node)))
    return _leaf(node)


def _negate(condition: Condition) -> Condition:
    if isinstance(condition, Always):
        return Always(not condition.value)
    return condition.operand if isinstance(condition, Not) else Not(condition)


def _combine(kind: type[And] | type[Or], operands: list[Condition], *, neutral: bool) -> Condition:
    flat: list[Condition] = []
    for operand in operands:
        flat.extend(operand.operands if isinstance(operand, kind) else (operand,))
    kept = [operand for operand in dict.fromkeys(flat) if operand != Always(neutral)]
    if Always(not neutral) in kept:
        return Always(not neutral)
    if len(kept) < 2:
        return kept[0] if kept else Always(neutral)
    return kind(tuple(kept))


def _leaf(node: Bound) -> Condition:
    parts = list(walk(node))
    uses_events = any(_reads_events(part) for part in parts)
    if not uses_events and not any(isinstance(part, bound.InSegment) for part in parts):
        return Leaf(ProfileAtom(node, fingerprint(node)))
    found = _event_condition(node)
    if found is not None:
        return found
    whole = Leaf(PersonAtom(hoist(node), uses_events, fingerprint(node)))
    return _combine(And, [*_necessary(node), whole], neutral=True)


def _reads_events(node: Bound) -> bool:
    """Whether the node itself is the events, or an object of the profile that holds them."""
    if is_events(node):
        return True
    if isinstance(node, bound.Member):
        return False
    # The profile as a whole: only as the base of a field is it harmless.
    return any(
        isinstance(child, Variable) and child.id == PROFILE_ID and isinstance(child.of, ObjectType)
        for child in children(node)
    )


# --- events


@dataclass(frozen=True, slots=True)
class _Selection:
    """Events that pass a test, and a value of each; the value is None when the events themselves are meant."""

    variable: Variable
    test: Bound
    value: Bound | None


def _selection(node: Bound) -> _Selection | None:
    """The expression as a selection of events, if it is one."""
    if is_events(node):
        inner = node.type.element if isinstance(node.type, ArrayType) else ObjectType({})
        return _Selection(Variable(inner, EVENT_ID), TRUE, None)
    if isinstance(node, bound.Where):
        source = _selection(node.source)
        if source is None or source.value is not None:
            return None
        own = substitute(node.test, {node.variable.id: source.variable})
        return _Selection(source.variable, conjunction(source.test, own), None)
    if isinstance(node, bound.Lift | bound.MapOver):
        source = _selection(node.source)
        if source is None or source.value is not None:
            return None
        return dataclasses.replace(source, value=substitute(node.body, {node.variable.id: source.variable}))
    return None


def _is_pure(node: Bound) -> bool:
    """Whether an expression reads one event and the clock alone."""
    return free_variables(node) <= {EVENT_ID} and not any(
        isinstance(part, bound.InSegment) for part in walk(node)
    )


def _event_condition(node: Bound) -> Condition | None:
    """The test as event atoms, or None when it asks for more than they can say."""
    match node:
        case bound.NonEmpty(value):
            return _exists(value, TRUE)
        case bound.AnyOf(source, variable, test):
            selection = _selection(source)
            if selection is None or selection.value is not None:
                return None
            return _exists(source, substitute(test, {variable.id: selection.variable}))
        case bound.Compare(operator, left, right, "number"):
            if isinstance(right, Constant):
                return _aggregate(left, operator, right)
            if isinstance(left, Constant):
                return _aggregate(right, FLIPPED[operator], left)
    return None


def _necessary(node: Bound) -> Iterator[Condition]:
    """What must hold of single events for a test of several to hold: cheap to ask, and it leaves few people in doubt."""
    match node:
        case bound.And(operands):
            for operand in operands:
                yield from _necessary(operand)
        case bound.AnyOf(source, variable, test):
            yield from _some_event(source, variable, test, 1)
            yield from _necessary(test)
        case bound.Sequence(array, steps):
            for step in steps:
                yield from _some_event(array, step.variable, step.test, step.count)


def _some_event(source: Bound, variable: Variable, test: Bound, least: int) -> Iterator[Condition]:
    """So many events pass those parts of a test that read one event alone."""
    selection = _selection(source)
    if selection is None or selection.value is not None:
        return
    whole = conjunction(selection.test, substitute(test, {variable.id: selection.variable}))
    operands = whole.operands if isinstance(whole, bound.And) else (whole,)
    own = conjunction(*(each for each in operands if free_variables(each) == {EVENT_ID} and _is_pure(each)))
    if own != TRUE:
        yield Leaf(_atom(own, "count", None, ">=", least))


def _exists(source: Bound, test: Bound) -> Condition | None:
    selection = _selection(source)
    if selection is None or selection.value is not None:
        return None
    whole = conjunction(selection.test, test)
    operands = whole.operands if isinstance(whole, bound.And) else (whole,)
    about_event = [operand for operand in operands if EVENT_ID in free_variables(operand)]
    # What does not mention the event is the same for every event of a person, so it is asked once.
    about_person = [operand for operand in operands if EVENT_ID not in free_variables(operand)]
    condition = conjunction(*about_event)
    if not _is_pure(condition):
        return None
    atom = Leaf(_atom(condition, "count", None, ">=", 1))
    return _combine(And, [atom, *(_split(operand) for operand in about_person)], neutral=True)


def _aggregate(node: Bound, operator: Operator, right: Constant) -> Condition | None:
    threshold = right.value
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        return None
    if isinstance(node, bound.Count):
        return _count(node.value, operator, threshold)
    if not isinstance(node, bound.Aggregate):
        return None
    selection = _selection(node.array)
    if selection is None or selection.value is None:
        return None
    value = selection.value
    if isinstance(value.type, ArrayType):
        if node.function == "average":
            return None
        value = bound.Aggregate(node.of, node.function, value)
    if not (_is_pure(selection.test) and _is_pure(value)):
        return None
    return Leaf(_atom(selection.test, cast(Aggregation, node.function), value, operator, threshold))


def _count(array: Bound, operator: Operator, threshold: int | float) -> Condition | None:
    selection = _selection(array)
    if selection is None:
        return None
    test, value = selection.test, selection.value
    if value is not None and isinstance(value.type, ArrayType | TuplesType):
        value = bound.Count(value)
        if not (_is_pure(test) and _is_pure(value)):
            return None
        return Leaf(_atom(test, "sum", value, operator, threshold))
    if value is not None:
        test = normalize(conjunction(test, bound.Present(value)))
    return _counted(test, operator, threshold) if _is_pure(test) else None


def _counted(test: Bound, operator: Operator, threshold: int | float) -> Condition:
    """A comparison of a count, as `>= n` or `= n` with n at least 1, so that few atoms say it all."""
    if operator in (">", ">="):
        least = math.floor(threshold) + 1 if operator == ">" else math.ceil(threshold)
        return Always(True) if least < 1 else Leaf(_atom(test, "count", None, ">=", least))
    if operator in ("<", "<="):
        return _negate(_counted(test, ">=" if operator == "<" else ">", threshold))
    if operator == "!=":
        return _negate(_counted(test, "=", threshold))
    if threshold != math.floor(threshold) or threshold < 0:
        return Always(False)
    if threshold == 0:
        return _negate(_counted(test, ">=", 1))
    return Leaf(_atom(test, "count", None, "=", int(threshold)))


def _atom(
    test: Bound,
    aggregate: Aggregation,
    value: Bound | None,
    comparison: Operator,
    threshold: int | float,
) -> EventAtom:
    test = sort_operands(test, _EVENT_NAMES)
    value_key = "" if value is None else fingerprint(value, _EVENT_NAMES)
    parts = (aggregate, value_key, comparison, repr(threshold), fingerprint(test, _EVENT_NAMES))
    return EventAtom(
        filter=test,
        event_types=event_types(test),
        aggregate=aggregate,
        value=value,
        comparison=comparison,
        threshold=threshold,
        expression=_whole(test, aggregate, value, comparison, threshold),
        key=f"(Events {' '.join(parts)})",
    )


def _whole(
    test: Bound, aggregate: Aggregation, value: Bound | None, comparison: Operator, threshold: int | float
) -> Bound:
    """The atom as one test of the profile."""
    # Types are those of the parts; the array itself and its elements are only passed on.
    event = Variable(ObjectType({}), EVENT_ID)
    events = bound.Member(ArrayType(event.of), Variable(ObjectType({}), PROFILE_ID), "xEvent")
    chosen = bound.Where(events, event, test)
    if aggregate == "count" or value is None:
        left: Bound = bound.Count(chosen)
    else:
        numbers = bound.MapOver(ArrayType(value.type), chosen, event, value)
        type_ = NUMBER if aggregate == "average" else value.type
        left = bound.Aggregate(type_, aggregate, numbers)
    return bound.Compare(comparison, left, bound.literal(threshold), "number")


def event_types(test: Bound) -> frozenset[str] | None:
    """The event types for which a test of one event can be true; None when it says nothing about them."""
    match test:
        case bound.And(operands):
            known = [types for types in map(event_types, operands) if types is not None]
            return frozenset.intersection(*known) if known else None
        case bound.Or(operands):
            sets = [event_types(operand) for operand in operands]
            known = [types for types in sets if types is not None]
            return frozenset().union(*known) if len(known) == len(sets) else None
        case bound.Compare("=", left, Constant(_, str() as value), "text") if _is_type_field(left):
            return frozenset((value,))
        case bound.AnyOf(bound.ListOf(_, items), variable, bound.Compare("=", left, right, "text")):
            # `right` is the item: a list literal compares each of its items with the field.
            if _is_type_field(left) and right == variable and all(isinstance(i, Constant) for i in items):
                return frozenset(str(item.value) for item in items if isinstance(item, Constant))
    return None


def _is_type_field(node: Bound) -> bool:
    return (
        isinstance(node, bound.Member)
        and node.name == "eventType"
        and isinstance(node.object, Variable)
        and node.object.id == EVENT_ID
    )


__all__ = [
    "EVENT_ID",
    "Always",
    "And",
    "Atom",
    "Condition",
    "EventAtom",
    "Leaf",
    "Not",
    "Or",
    "PersonAtom",
    "Plan",
    "ProfileAtom",
    "SegmentAtom",
    "plan",
]
