"""The syntax tree of a query, as it was written.

Every node knows its *place*: the token an error about it points at. That is the last name of a path, the method's
name of a call, the place of `a` in `a[c]`, the (first) operator of an operation, otherwise the first token. Places
take no part in comparison, so two trees are equal when they say the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from typing import Literal as Choice

from muster.pql.errors import NOWHERE, Place

DEPTH_MAX = 200
"""Levels a query may be nested; deeper ones are refused, so that no stage runs out of stack."""

TREE_DEPTH_MAX = 4 * DEPTH_MAX
"""Depth of a tree, in half levels: a link of a path or of a chain of methods is half a level, anything else a whole one.

A level of brackets may hold an `or` of an `and` of a comparison of a sum, so a tree may be deeper than its brackets.
"""

TEXT_MAX = 250_000
"""Code points of a query in text form."""

WEIGHT_MAX = 1_000_000
"""The parts of a tree, each counted as often as it is deep, in half levels, and as often as it has to be written.

The stages behind take time in proportion to it, so this bounds the time of what is large and deep at once. A list of a hundred
thousand values weighs less than half of it.
"""

UNITS: tuple[str, ...] = ("millisecond", "second", "minute", "hour", "day", "week", "month", "year")
UNITS += ("decade", "century", "millennium")
PLURALS = {f"{unit}s": unit for unit in UNITS} | {"centuries": "century", "millennia": "millennium"}
UNIT_WORDS = {unit: unit for unit in UNITS} | {
    plural: unit for plural, unit in PLURALS.items() if plural not in ("centurys", "millenniums")
}
MOMENTS = ("now", "today", "yesterday", "tomorrow")
_WORDS = """and or not in notin like occurs select from where let if exists forall true false null now today
yesterday tomorrow this last next before after between over"""
RESERVED = frozenset((*_WORDS.split(), *UNIT_WORDS))
QUANTIFIERS = {"exists": "some", "some": "some", "forall": "all", "all": "all", "none": "none", "one": "one"}
AGGREGATES = ("sum", "average", "min", "max", "count")
COMPARISONS = ("=", "!=", ">", ">=", "<", "<=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of a query. `place` is where an error about it points; `start` is its first token."""

    place: Place = field(default=NOWHERE, compare=False, repr=False)
    start: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Expr(Node):
    """A part that has a value."""


@dataclass(frozen=True, slots=True)
class Broken(Expr):
    """A part that could not be read, or not wholly; its error is noted. It stands only in trees that come with errors.

    `parts` are what was read of it. They are good for finding more that is wrong; what they are together nobody knows.
    """

    parts: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Literal(Expr):
    """Text, number or truth value. `kind` keeps 1, 1.0 and true apart."""

    kind: Choice["string", "integer", "double", "boolean"]
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Moment(Expr):
    """`now`, `today`, `yesterday` or `tomorrow`."""

    word: str


@dataclass(frozen=True, slots=True)
class ArrayLiteral(Expr):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class ObjectLiteral(Expr):
    entries: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class Parameter(Expr):
    """`$1`, the profile."""

    position: int


@dataclass(frozen=True, slots=True)
class ScopeReference(Expr):
    """`this` (up 0), and what `^`, `^^` … stand on (up 1, 2 …)."""

    up: int


@dataclass(frozen=True, slots=True)
class Name(Expr):
    """A bare name: a variable, or a field of the innermost scope."""

    name: str


@dataclass(frozen=True, slots=True)
class Field(Expr):
    object: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Lambda(Node):
    """`(parameters) => body`. `parameter_places` are the places of the names in `parameters`."""

    parameters: tuple[str, ...]
    body: Expr
    parameter_places: tuple[Place, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A method (`receiver` is given) or a free-standing function. `infix` is how `matches` was written, nothing more."""

    receiver: Expr | None
    name: str
    arguments: tuple[Expr | Lambda, ...]
    infix: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Filter(Expr):
    """`array[condition]`."""

    array: Expr
    condition: Expr


@dataclass(frozen=True, slots=True)
class Not(Expr):
    operand: Expr


@dataclass(frozen=True, slots=True)
class Negative(Expr):
    operand: Expr


@dataclass(frozen=True, slots=True)
class Logic(Expr):
    """`and` or `or` over two or more operands: flat, so a long list is not a deep tree."""

    operator: Choice["and", "or"]
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """A comparison, `in`, `notIn`, `like` or arithmetic. Infix `matches` is read as the method."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class If(Expr):
    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Let(Expr):
    name: str
    value: Expr
    body: Expr


@dataclass(frozen=True, slots=True)
class Clause(Node):
    """`name from source [where condition]`."""

    name: str
    source: Expr
    condition: Expr | None


@dataclass(frozen=True, slots=True)
class Select(Expr):
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Quantified(Expr):
    quantifier: Choice["some", "all", "none", "one"]
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Aggregate(Expr):
    """`sum value over clauses`; the short form `sum clause` has no value."""

    function: str
    value: Expr | None
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Period(Node):
    """`this month`, `last year`, `next week`."""

    which: str
    unit: str


Anchor = Expr | Period


@dataclass(frozen=True, slots=True)
class When(Node):
    """What may follow `occurs`."""


@dataclass(frozen=True, slots=True)
class Distance(When):
    comparison: str
    amount: int
    unit: str
    direction: str
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Side(When):
    direction: str
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Between(When):
    lower: Anchor
    upper: Anchor


@dataclass(frozen=True, slots=True)
class During(When):
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Occurs(Expr):
    value: Expr
    when: When


@dataclass(frozen=True, slots=True)
class Step(Node):
    """One step of a sequence; `count` None is one event."""

    name: str
    what: Expr
    where: tuple[Expr, ...]
    when: tuple[When, ...]
    count: int | None


@dataclass(frozen=True, slots=True)
class Chain(Expr):
    """A sequence of events. `time_places` are the places of the names in `time`."""

    array: Expr
    time: tuple[str, ...]
    steps: tuple[Step, ...]
    time_places: tuple[Place, ...] = field(default=(), compare=False, repr=False)


Query = Expr | Lambda

FREE_FUNCTIONS = frozenset(
    ("date", "currentYear", "currentMonth", "currentDayOfMonth", "inSegment", "mapEntry")
)
"""Functions without a receiver; `if` and `chain` have nodes of their own."""

ELEMENT_METHODS = frozenset(
    ("filter", "exists", "map", "groupBy", "sum", "average", "min", "max", "topN", "bottomN")
)
"""Methods whose first argument is evaluated once per element, in the scope of that element."""


# --- measuring

_NODES = ("Expr", "Lambda", "Clause", "Step", "When", "Anchor")
_FIELDS: dict[type[Node], tuple[str, ...]] = {}
_LINKS = ("object", "receiver", "array")
_TWICE = frozenset(("doesNotStartWith", "doesNotEndWith", "doesNotContain", "subsetOf", "supersetOf"))
_PATTERNS = frozenset(("matches", "regexGroup"))
_PATTERN_WEIGHT, _COUNTED_PATTERN_WEIGHT = 50, 3_000


def is_whole(query: Query) -> bool:
    """Whether every part of the tree was read."""
    rest: list[Node] = [query]
    while rest:
        node = rest.pop()
        if isinstance(node, Broken):
            return False
        rest.extend(child for child, _ in _children(node))
    return True


def oversize(query: Query) -> tuple[Node, str] | None:
    """The part at which a tree exceeds `TREE_DEPTH_MAX` or `WEIGHT_MAX`, and what is too much; None when it fits.

    It goes by a list, in the order of the text, so any tree can be measured.
    """
    weight = 0
    rest: list[tuple[Node, int, int]] = [(query, 0, 1)]
    while rest:
        node, depth, copies = rest.pop()
        weight += depth * copies + _extra(node)
        if depth > TREE_DEPTH_MAX:
            return node, f"the query is nested deeper than {DEPTH_MAX} levels"
        if weight > WEIGHT_MAX:
            return node, "the query is too large"
        children = [
            (child, depth + levels, copies * _copies(node, child)) for child, levels in _children(node)
        ]
        rest.extend(reversed(children))
    return None


def _extra(node: Node) -> int:
    """What a regular expression weighs: it is compiled, and repetitions are written out."""
    if isinstance(node, Call) and node.name in _PATTERNS:
        counted = any(isinstance(each, Literal) and "{" in str(each.value) for each in node.arguments)
        return _COUNTED_PATTERN_WEIGHT if counted else _PATTERN_WEIGHT
    return 0


def _copies(node: Node, child: Node) -> int:
    """How often the bound tree holds a part of a node: where that asks whether it is present, more than once."""
    match node:
        case Call(receiver, "equals" | "notEqualTo", arguments) if child is receiver:
            return len(arguments) + 1
        case Call(_, name) if name in _TWICE or name in ("equals", "notEqualTo"):
            return 2
        case Binary("notIn") | Distance() | During():
            return 2
    return 1


def _children(node: Node) -> Iterator[tuple[Node, int]]:
    """The direct parts, each with the half levels that it is deeper than the node."""
    kind = type(node)
    names = _FIELDS.get(kind)
    if names is None:
        fields = (each for each in dataclasses.fields(kind) if any(name in str(each.type) for name in _NODES))
        names = _FIELDS[kind] = tuple(each.name for each in fields)
    for name in names:
        value: Any = getattr(node, name)
        if isinstance(value, Node):
            yield value, _levels(name, value)
        elif value:
            for index, item in enumerate(value):
                # The entries of an object are pairs of a key and a value.
                child = item[1] if isinstance(item, tuple) else item
                # A clause or a step sees those before it, as if it stood inside them.
                yield child, 2 * index if isinstance(child, Clause | Step) else _levels(name, child)


def _levels(field_name: str, child: Node) -> int:
    if isinstance(child, Lambda | When):
        return 0
    return 1 if field_name in _LINKS else 2
