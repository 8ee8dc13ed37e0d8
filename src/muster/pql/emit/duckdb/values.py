"""What an expression of the engine stands for, and what every part of the emitter may ask of the whole."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlglot import exp

from muster.pql.bound import Bound, Scalar, Variable
from muster.pql.emit.duckdb import sql
from muster.pql.emit.duckdb.sql import NoForm, Sql
from muster.pql.types import (
    DATETIME,
    INTEGER,
    NUMBER,
    ArrayType,
    MapType,
    ObjectType,
    ScalarType,
    Type,
    is_text,
)


@dataclass(frozen=True, slots=True)
class Value:
    """An expression of the engine with the type it has there.

    `naive` marks instants as TIMESTAMP in UTC, without zone: the value itself, or the elements of a list. `clean` marks a list
    without NULL elements, `ordered` one in the order the language asks for. `constant` is the value where it is known.
    """

    sql: Sql
    type: Type
    naive: bool = False
    clean: bool = False
    ordered: bool = True
    constant: Scalar | date | None = None


@dataclass(frozen=True, slots=True)
class EntityColumn:
    """Where the items of an entity are found: a column that holds a MAP from key to item, and the items' type there."""

    column: str
    type: ObjectType


class Emission(ABC):
    """One statement that is being written. Parts of the emitter call each other through it."""

    def __init__(self) -> None:
        self._names = 0
        self._variables: dict[int, Value | None] = {}
        self.keeps_order = False

    @abstractmethod
    def test(self, node: Bound) -> Sql:
        """A test that may be NULL where it is false."""

    @abstractmethod
    def two_valued(self, node: Bound) -> Sql:
        """A test that is never NULL."""

    @abstractmethod
    def value(self, node: Bound) -> Value | None:
        """The expression as a value of the engine, NULL where missing; None when it is always missing."""

    @abstractmethod
    def kept(self, node: Bound) -> Value | None:
        """As `value`, for places that tell missing from empty: a branch, a field, an item, a variable."""

    @abstractmethod
    def elements(self, node: Bound, *, tolerant: bool = False) -> Value | None:
        """An array as a list, NULL or empty when there is nothing; without NULL elements unless `tolerant`."""

    def name(self) -> str:
        """A name that nothing else has."""
        self._names += 1
        return f"v{self._names}"

    def bind(self, variable: Variable, value: Value | None) -> None:
        """What a variable stands for from here on; None when it is always missing."""
        self._variables[variable.id] = value

    def bound(self, variable: Variable) -> Value | None:
        """What a variable stands for. Raises `NoForm` when it belongs to something outside of the statement."""
        if variable.id not in self._variables:
            raise NoForm
        return self._variables[variable.id]

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """Inside, lists keep the language's order even where that costs more."""
        before, self.keeps_order = self.keeps_order, True
        yield
        self.keeps_order = before

    def ordered_elements(self, node: Bound) -> Value | None:
        """As `elements`, in the language's order. Raises `NoForm` when that cannot be had."""
        with self.in_order():
            elements = self.elements(node)
        if elements is not None and not elements.ordered:
            raise NoForm
        return elements

    def held(self, value: Value, use: Callable[[Value], Sql]) -> Sql:
        """An expression that reads a value several times and computes it once."""
        if isinstance(value.sql, exp.Column | exp.Literal):
            return use(value)
        name = self.name()
        inner = use(dataclasses.replace(value, sql=sql.column(name)))
        one = sql.list_transform(exp.Array(expressions=[value.sql]), name, inner)
        return sql.call("LIST_EXTRACT", one, sql.whole(1))


def element_type(value: Value) -> Type:
    """What a list holds. Raises `NoForm` when the value is no list."""
    if not isinstance(value.type, ArrayType):
        raise NoForm
    return value.type.element


def item_of(array: Value, item: Sql) -> Value:
    """An element of a list, given the expression for it."""
    return Value(item, element_type(array), naive=array.naive)


def is_simple(type_: Type) -> bool:
    """Whether the engine compares values of the type as the language does."""
    return isinstance(type_, ScalarType) or is_text(type_)


def fit(value: Value, declared: Type) -> Value:
    """A stored value, where a value of the declared type is expected. Raises `NoForm` when the file holds another type."""
    actual = value.type
    if is_simple(declared):
        if declared == actual or (is_text(declared) and is_text(actual)):
            return value
        if declared == NUMBER and actual == INTEGER:
            return dataclasses.replace(value, sql=sql.cast(value.sql, "DOUBLE"), type=NUMBER)
        raise NoForm
    if isinstance(declared, ArrayType) and isinstance(actual, ArrayType):
        if declared.element == NUMBER and actual.element == INTEGER:
            return dataclasses.replace(value, sql=sql.cast(value.sql, "DOUBLE[]"), type=declared)
        if declared.element != actual.element:
            fit(Value(value.sql, actual.element), declared.element)
        return value
    if type(declared) is not type(actual):
        raise NoForm
    if isinstance(declared, MapType) and isinstance(actual, MapType) and declared.value != actual.value:
        fit(Value(value.sql, actual.value), declared.value)
    return value


def clean(value: Value, name: str) -> Value:
    """The list without NULL elements."""
    if value.clean:
        return value
    kept = sql.list_filter(value.sql, name, sql.is_present(sql.column(name)))
    return dataclasses.replace(value, sql=kept, clean=True)


def as_stored(e: Emission, value: Value) -> Value:
    """The value in the form that a column has: instants with their zone, so that nobody needs to know where it came from."""
    if not value.naive:
        return value
    if isinstance(value.type, ArrayType):
        name = e.name()
        zoned = sql.list_transform(value.sql, name, sql.call("TIMEZONE", sql.text("UTC"), sql.column(name)))
        return dataclasses.replace(value, sql=zoned, naive=False)
    assert value.type == DATETIME
    return dataclasses.replace(value, sql=sql.call("TIMEZONE", sql.text("UTC"), value.sql), naive=False)


def length(elements: Value) -> Sql:
    """How many elements a list has; 0 for NULL. BIGINT."""
    return sql.cast(sql.coalesce(exp.ArraySize(this=elements.sql), sql.whole(0)), "BIGINT")


def longer_than_none(elements: Value) -> Sql:
    """Whether a list has an element; NULL for NULL."""
    return sql.binary(exp.GT, exp.ArraySize(this=elements.sql), sql.whole(0))


def as_double(value: Value) -> Sql:
    """A number as DOUBLE."""
    return sql.cast(value.sql, "DOUBLE") if value.type == INTEGER else value.sql
