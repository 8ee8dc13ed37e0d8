"""Comparisons: which types go together, what is converted to what, and the test that results."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from muster.pql import values
from muster.pql.bound import (
    FALSE,
    AnyOf,
    Bound,
    Compare,
    Constant,
    Convert,
    Kind,
    Lift,
    ListOf,
    Missing,
    Operator,
    Present,
    SameElements,
    Variable,
    conjunction,
    negation,
)
from muster.pql.types import (
    ANY,
    BOOLEAN,
    DATETIME,
    NUMBER,
    NUMERIC,
    STRING,
    TEMPORAL,
    ArrayType,
    ObjectType,
    ReferenceType,
    Type,
    describe,
    is_text,
)

NewVariable = Callable[[Type], Variable]


class Incomparable(Exception):
    """The two sides do not compare; the text says why."""


def compare(operator: str, left: Bound, right: Bound, new: NewVariable) -> Bound:
    """The test `left operator right`: the right side converted, arrays lifted to "some element".

    Raises:
        Incomparable: No value of one type compares with a value of the other.
    """
    left_array, right_array = isinstance(left.type, ArrayType), isinstance(right.type, ArrayType)
    if left_array and right_array:
        return _compare_arrays(operator, left, right, new)
    if left_array:
        variable = new(element(left.type))
        return any_of(left, variable, compare(operator, variable, right, new))
    if right_array:
        check_items(left.type, right)
        variable = new(element(right.type))
        return any_of(right, variable, compare(operator, left, variable, new))
    if ANY in (left.type, right.type):
        return FALSE
    kind, converted = _convert(left.type, right)
    if kind in ("boolean", "object") and operator not in ("=", "!="):
        raise Incomparable(f"{describe(left.type)} values have no order")
    return Compare(cast(Operator, operator), left, converted, kind)


def element(type_: Type) -> Type:
    """What an array holds; nothing for what is always missing."""
    return type_.element if isinstance(type_, ArrayType) else ANY


def any_of(source: Bound, variable: Variable, test: Bound) -> Bound:
    """Some element passes; plainly false when the test is."""
    return FALSE if test == FALSE else AnyOf(source, variable, test)


def lift(source: Bound, variable: Variable, body: Bound) -> Bound:
    """`body` for every element of an array; nothing when the body is nothing."""
    if body.type == ANY:
        return Missing(ANY)
    inner = body.type.element if isinstance(body.type, ArrayType) else body.type
    return Lift(ArrayType(inner), source, variable, body)


def contains(array: Bound, item: Bound, new: NewVariable, *, item_first: bool) -> Bound:
    """Some element of the array equals the item; with `item_first` the element is converted, else the item."""
    if item_first:
        check_items(item.type, array)
    variable = new(element(array.type))
    first, second = (item, variable) if item_first else (variable, item)
    return any_of(array, variable, compare("=", first, second, new))


def check_items(left: Type, right: Bound) -> None:
    """Let a list be compared with values of a type.

    Raises:
        Incomparable: A literal in the list has no form of that type.
    """
    if isinstance(right, ListOf) and (left in NUMERIC or left in TEMPORAL or left == BOOLEAN):
        for item in right.items:
            if isinstance(item, Constant) and item.of == STRING:
                _convert(left, item)


def _compare_arrays(operator: str, left: Bound, right: Bound, new: NewVariable) -> Bound:
    if operator not in ("=", "!="):
        raise Incomparable("arrays compare with = and != only")
    variable = new(element(right.type))
    converted: Bound = variable
    if ANY not in (element(left.type), element(right.type)):
        converted = _convert(element(left.type), variable)[1]
    return SameElements(left, right, variable, converted, operator == "!=")


def not_contained(item: Bound, array: Bound, test: Bound) -> Bound:
    """`notIn`: both sides are present, and the containment test fails."""
    return conjunction(Present(item), Present(array), negation(test))


def _convert(left: Type, right: Bound) -> tuple[Kind, Bound]:
    """How values of type `left` compare with `right`, and `right` converted for it."""
    of = right.type
    if is_text(left) and is_text(of):
        return "text", right
    if left == STRING and (of in NUMERIC or of == BOOLEAN):
        return "text", converted(right, STRING)
    if left in NUMERIC and of in NUMERIC:
        return "number", right
    if left in NUMERIC and of == STRING:
        return "number", converted(right, NUMBER)
    if left == BOOLEAN and of == BOOLEAN:
        return "boolean", right
    if left == BOOLEAN and of == STRING:
        return "boolean", converted(right, BOOLEAN)
    if left in TEMPORAL and of in TEMPORAL:
        return "instant", right
    if left in TEMPORAL and of == STRING:
        return "instant", converted(right, DATETIME)
    if isinstance(left, ObjectType) and isinstance(of, ObjectType):
        return "object", right
    if isinstance(left, ArrayType) and isinstance(of, ArrayType):
        _convert(element(left), Variable(element(of), -1))
        return "object", right
    if isinstance(left, ReferenceType):
        raise Incomparable(f"a {describe(left)} compares with text, {describe(of)} found")
    raise Incomparable(f"{describe(left)} and {describe(of)} do not compare")


def converted(value: Bound, type_: Type) -> Bound:
    """The value as another scalar type; a literal is converted at once.

    Raises:
        Incomparable: The literal has no such form.
    """
    if not isinstance(value, Constant):
        return Convert(type_, value)
    result = values.convert(value.value, type_)
    if result is None:
        raise Incomparable(f'"{value.value}" is no {describe(type_)}')
    return Constant(type_, result)
