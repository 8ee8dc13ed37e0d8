"""The syntax tree of a query, as it was written.

Every node knows its *place*: the token an error about it points at. That is the last name of a path, the method's
name of a call, the place of `a` in `a[c]`, the (first) operator of an operation, otherwise the first token. Places
take no part in comparison, so two trees are equal when they say the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as Choice

from muster.pql.errors import NOWHERE, Place

DEPTH_MAX = 200
"""Levels a query may be nested; deeper ones are refused, so that no stage runs out of stack."""

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
    parameters: tuple[str, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A method (`receiver` is given) or a free-standing function."""

    receiver: Expr | None
    name: str
    arguments: tuple[Expr | Lambda, ...]


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
