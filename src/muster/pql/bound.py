"""The bound tree: what a query means, once types and names are known.

It is a small language with explicit variables. Element scopes, `this`, `^`, lambdas and clauses have all become
variables with numbers of their own; method families have become a few primitives; conversions and tests are explicit:
a *test* is true or false for any data, every other expression may be missing. So the stages behind need no rules
about scopes, lifting or missing values beyond those written at the nodes.

Nodes that read stored data know their `place` in the query, for those who tell a person about them; it takes no part in
comparison, so equal conditions stay equal wherever they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from muster.pql.errors import NOWHERE, Place, position
from muster.pql.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    ObjectType,
    Type,
)

Scalar = str | int | float | bool | date | datetime
Kind = Literal["text", "number", "boolean", "instant", "object"]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]

FLIPPED: Mapping[Operator, Operator] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
PROFILE_ID = 0


@dataclass(frozen=True, slots=True)
class Bound:
    """An expression with a type."""

    @property
    def type(self) -> Type:
        """What the expression gives when it is not missing."""
        return BOOLEAN


@dataclass(frozen=True, slots=True)
class Test(Bound):
    """A boolean expression that is never missing."""


@dataclass(frozen=True, slots=True)
class Typed(Bound):
    """An expression whose type is written beside it."""

    of: Type

    @property
    def type(self) -> Type:
        return self.of


# --- leaves


@dataclass(frozen=True, slots=True)
class Constant(Typed):
    """A literal. A `datetime` is aware, UTC, whole milliseconds."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Missing(Typed):
    """Never has a value."""


@dataclass(frozen=True, slots=True)
class Variable(Typed):
    """Number 0 is the profile; every binder has a number of its own."""

    id: int


@dataclass(frozen=True, slots=True)
class Moment(Typed):
    """`now`, `today`, `yesterday`, `tomorrow`, `currentYear`, `currentMonth` or `currentDayOfMonth`."""

    word: str


@dataclass(frozen=True, slots=True)
class PeriodEdge(Bound):
    """First moment of a calendar period, or the first moment after it."""

    which: str
    unit: str
    edge: Literal["start", "end"]

    @property
    def type(self) -> Type:
        return DATETIME


@dataclass(frozen=True, slots=True)
class InSegment(Test):
    """Membership in another definition."""

    segment_id: str
    place: Place = field(default=NOWHERE, compare=False, repr=False)


# --- reaching values


@dataclass(frozen=True, slots=True)
class Member(Typed):
    """A field of an object."""

    object: Bound
    name: str
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Entry(Typed):
    """The value of a key of a map."""

    map: Bound
    key: Bound


@dataclass(frozen=True, slots=True)
class Follow(Typed):
    """The item of an entity that a reference points to."""

    reference: Bound
    entity: str
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListOf(Typed):
    """An array literal; missing items are left out."""

    items: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Record(Typed):
    """An object literal; missing values are left out."""

    entries: tuple[tuple[str, Bound], ...]


@dataclass(frozen=True, slots=True)
class Lift(Typed):
    """`body` for every element, arrays joined, missing ones dropped; missing when nothing is reached."""

    source: Bound
    variable: Variable
    body: Bound


@dataclass(frozen=True, slots=True)
class MapOver(Typed):
    """As `Lift`, but an empty array when nothing is reached."""

    source: Bound
    variable: Variable
    body: Bound


@dataclass(frozen=True, slots=True)
class Where(Bound):
    """The elements for which `test` holds; of a missing array, none."""

    source: Bound
    variable: Variable
    test: Bound

    @property
    def type(self) -> Type:
        # Asked once: twice would double with every filter of a chain.
        type_ = self.source.type
        return type_ if type_ != ANY else ArrayType(ANY)


@dataclass(frozen=True, slots=True)
class Let(Bound):
    variable: Variable
    value: Bound
    body: Bound

    @property
    def type(self) -> Type:
        return self.body.type


@dataclass(frozen=True, slots=True)
class Choose(Typed):
    test: Bound
    then: Bound
    otherwise: Bound


# --- tests


@dataclass(frozen=True, slots=True)
class IsTrue(Test):
    """A stored truth value is present and true."""

    value: Bound


@dataclass(frozen=True, slots=True)
class Present(Test):
    """The value is not missing."""

    value: Bound


@dataclass(frozen=True, slots=True)
class NonEmpty(Test):
    """The array has an element."""

    value: Bound


@dataclass(frozen=True, slots=True)
class Not(Test):
    operand: Bound


@dataclass(frozen=True, slots=True)
class And(Test):
    operands: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Or(Test):
    operands: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Test):
    """`test` holds for some element; false for a missing array."""

    source: Bound
    variable: Variable
    test: Bound


@dataclass(frozen=True, slots=True)
class Compare(Test):
    """Both sides are present and compare; conversions are done already."""

    operator: Operator
    left: Bound
    right: Bound
    kind: Kind


@dataclass(frozen=True, slots=True)
class SameElements(Test):
    """Two arrays hold the same elements equally often; `converted` maps an element of the right one.

    False, negated or not, when an array is missing or an element cannot be converted.
    """

    left: Bound
    right: Bound
    variable: Variable
    converted: Bound
    negated: bool


@dataclass(frozen=True, slots=True)
class TextTest(Test):
    """Both texts are present and `subject` starts with, ends with, contains or is like `argument`."""

    function: Literal["startsWith", "endsWith", "contains", "like"]
    subject: Bound
    argument: Bound


@dataclass(frozen=True, slots=True)
class RegexTest(Test):
    """The pattern is found in the text."""

    subject: Bound
    pattern: str


# --- computed values


@dataclass(frozen=True, slots=True)
class Convert(Typed):
    """The value as text, number, truth value or instant; missing when that cannot be."""

    value: Bound


@dataclass(frozen=True, slots=True)
class Fold(Bound):
    """Text in lower case, code point by code point."""

    value: Bound

    @property
    def type(self) -> Type:
        return STRING


@dataclass(frozen=True, slots=True)
class RegexGroup(Bound):
    subject: Bound
    pattern: str
    group: int

    @property
    def type(self) -> Type:
        return STRING


@dataclass(frozen=True, slots=True)
class Arithmetic(Typed):
    operator: Literal["+", "-", "*", "/", "%"]
    left: Bound
    right: Bound


@dataclass(frozen=True, slots=True)
class Negate(Typed):
    value: Bound


@dataclass(frozen=True, slots=True)
class Shift(Bound):
    """An instant moved by calendar or fixed units; `amount` may be negative."""

    value: Bound
    amount: int
    unit: str

    @property
    def type(self) -> Type:
        return DATETIME


@dataclass(frozen=True, slots=True)
class DatePart(Bound):
    part: Literal["year", "month", "day"]
    value: Bound
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    @property
    def type(self) -> Type:
        return INTEGER


@dataclass(frozen=True, slots=True)
class MakeDate(Bound):
    """A day; missing when there is no such day."""

    year: Bound
    month: Bound
    day: Bound

    @property
    def type(self) -> Type:
        return DATE


# --- arrays and maps as wholes


@dataclass(frozen=True, slots=True)
class Count(Bound):
    """Elements of an array, entries of a map; 0 for a missing one."""

    value: Bound

    @property
    def type(self) -> Type:
        return INTEGER


@dataclass(frozen=True, slots=True)
class Aggregate(Typed):
    """Over the numbers of an array, inner arrays flattened."""

    function: Literal["sum", "average", "min", "max"]
    array: Bound


@dataclass(frozen=True, slots=True)
class Distinct(Typed):
    array: Bound


@dataclass(frozen=True, slots=True)
class Head(Typed):
    array: Bound


@dataclass(frozen=True, slots=True)
class Top(Typed):
    """The `amount` elements with the highest or lowest keys, in that order; ties in array order."""

    array: Bound
    variable: Variable
    key: Bound
    amount: int
    highest: bool


@dataclass(frozen=True, slots=True)
class GroupBy(Typed):
    array: Bound
    variable: Variable
    key: Bound


@dataclass(frozen=True, slots=True)
class Keys(Typed):
    map: Bound


@dataclass(frozen=True, slots=True)
class Values(Typed):
    map: Bound


@dataclass(frozen=True, slots=True)
class PairsOver(Typed):
    """`body` for every entry of a map, as `MapOver`."""

    map: Bound
    key_variable: Variable
    value_variable: Variable
    body: Bound


@dataclass(frozen=True, slots=True)
class MapEntries(Typed):
    """A map of the new keys and values of every entry; the last of equal keys wins."""

    map: Bound
    key_variable: Variable
    value_variable: Variable
    key: Bound
    value: Bound


@dataclass(frozen=True, slots=True)
class SequenceStep(Test):
    """An element that satisfies `test`, which sees it and those of earlier steps; `count` of them."""

    variable: Variable
    time: Bound
    test: Bound
    count: int


@dataclass(frozen=True, slots=True)
class Sequence(Test):
    """Elements can be assigned to the steps, each strictly later than the one before."""

    array: Bound
    steps: tuple[SequenceStep, ...]


TRUE = Constant(BOOLEAN, True)
FALSE = Constant(BOOLEAN, False)


@dataclass(slots=True)
class Notes:
    """What the binder noted of the parts of one query as it was written, by the identity of the part.

    The tree is kept with it, so that identities stay what they are.

    Attributes:
        values: What an expression, or what follows `occurs`, means.
        tests: What an expression means as a condition.
        conditions: Places of the conditions that contain no others, in order.
    """

    tree: Any = None
    values: dict[int, Bound] = field(default_factory=dict)
    tests: dict[int, Bound] = field(default_factory=dict)
    conditions: list[Place] = field(default_factory=list)

    def note_value(self, node: Any, value: Bound) -> Bound:
        self.values[id(node)] = value
        return value

    def note_when(self, node: Any, test: Bound) -> Bound:
        """Note a condition on the time of a step."""
        self.conditions.append(node.place)
        return self.note_value(node, test)

    def note_condition(self, node: Any, test: Bound, *, before: int) -> Bound:
        """`before` is how many conditions there were before this one was read."""
        self.tests[id(node)] = test
        if len(self.conditions) == before:
            self.conditions.append(node.place)
        return test


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A checked query: one test with the profile as its only free variable (number 0).

    `notes` speak of the query as it was written, also of parts that turned out to change nothing.
    """

    condition: Bound
    schema: ObjectType
    entities: Mapping[str, ObjectType]
    notes: Notes = field(default_factory=Notes, compare=False, repr=False)

    @property
    def tree(self) -> Any:
        """The syntax tree that was bound; None for a query that was made otherwise."""
        return self.notes.tree

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """Definitions that the query names, each once, in order."""
        found = [value for value in self.notes.values.values() if isinstance(value, InSegment)]
        found.sort(key=lambda value: position(value.place))
        return tuple(dict.fromkeys(value.segment_id for value in found))

    @property
    def condition_count(self) -> int:
        """How many conditions it has that contain no others."""
        return len(self.notes.conditions)


def is_test(node: Bound) -> bool:
    """Whether the expression is true or false for any data."""
    if isinstance(node, Choose):
        return node.type == BOOLEAN and is_test(node.then) and is_test(node.otherwise)
    if isinstance(node, Let):
        return is_test(node.body)
    return isinstance(node, Test) or (isinstance(node, Constant) and node.of == BOOLEAN)


def literal(value: Scalar) -> Constant:
    """A constant with the type of its Python value."""
    match value:
        case bool():
            return Constant(BOOLEAN, value)
        case str():
            return Constant(STRING, value)
        case int():
            return Constant(INTEGER, value)
        case float():
            return Constant(NUMBER, value)
        case datetime():
            return Constant(DATETIME, value)
    return Constant(DATE, value)


def conjunction(*operands: Bound) -> Bound:
    """`and` of tests, flat, without those that are always true."""
    return _join(And, operands, TRUE, FALSE)


def disjunction(*operands: Bound) -> Bound:
    """`or` of tests, flat, without those that are always false."""
    return _join(Or, operands, FALSE, TRUE)


def _join(kind: type[And] | type[Or], operands: tuple[Bound, ...], unit: Constant, zero: Constant) -> Bound:
    flat: list[Bound] = []
    for operand in operands:
        flat.extend(operand.operands if isinstance(operand, kind) else (operand,))
    kept = list(dict.fromkeys(operand for operand in flat if operand != unit))
    if zero in kept:
        return zero
    if not kept:
        return unit
    return kept[0] if len(kept) == 1 else kind(tuple(kept))


def negation(operand: Bound) -> Bound:
    """`not` of a test; two of them cancel."""
    if isinstance(operand, Not):
        return operand.operand
    if isinstance(operand, Constant):
        return FALSE if operand.value else TRUE
    return Not(operand)
