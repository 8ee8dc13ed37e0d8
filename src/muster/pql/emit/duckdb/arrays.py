"""Arrays as lists: paths through them, filters, literals, the first, the highest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date

from sqlglot import exp

from muster.pql import bound
from muster.pql.bound import Bound, Constant, Scalar, Variable, conjunction
from muster.pql.emit.duckdb import maps, objects, sql
from muster.pql.emit.duckdb.sql import NoForm, Sql
from muster.pql.emit.duckdb.times import naive
from muster.pql.emit.duckdb.values import (
    Emission,
    Value,
    as_stored,
    fit,
    is_simple,
    item_of,
    length,
    longer_than_none,
)
from muster.pql.normal import rejects_missing
from muster.pql.traversal import binders, free_variables, walk
from muster.pql.types import ANY, DATETIME, INTEGER, NUMBER, ArrayType, MapType, Type


def array(e: Emission, node: Bound) -> Value | None:
    """An array as a list that may hold NULL elements; None when it is always missing or empty."""
    match node:
        case Variable() | bound.Member() | bound.Entry() | bound.Head() | bound.Let() | bound.Choose():
            value = e.value(node)
            if value is not None and not isinstance(value.type, ArrayType):
                raise NoForm
            return value
        case bound.ListOf(of, items):
            return _literal(e, of, items)
        case bound.Lift(_, source, variable, body) | bound.MapOver(_, source, variable, body):
            return mapped(e, e.elements(source), variable, body)
        case bound.Where(source, variable, test):
            elements = e.elements(source, tolerant=True)
            return None if elements is None else filtered(e, elements, variable, test)
        case bound.Distinct():
            return objects.distinct(e, node)
        case bound.Top():
            return _top(e, node)
        case bound.Keys(_, map_):
            return maps.entry_parts(e, map_, "key")
        case bound.Values(_, map_):
            return maps.entry_parts(e, map_, "value")
        case bound.PairsOver():
            return maps.pairs(e, node)
    raise NoForm


def _literal(e: Emission, of: Type, items: tuple[Bound, ...]) -> Value | None:
    inner = of.element if isinstance(of, ArrayType) else of
    values = [value for value in map(e.kept, items) if value is not None]
    if not values:
        return None
    if inner == DATETIME:
        return Value(exp.Array(expressions=[naive(value).sql for value in values]), of, naive=True)
    if not is_simple(inner):
        return _literal_of_wholes(e, of, values)
    # Every item is cast: the engine would give the list the widest type it can think of.
    return Value(exp.Array(expressions=[sql.cast(value.sql, sql.type_name(inner)) for value in values]), of)


def _literal_of_wholes(e: Emission, of: Type, values: list[Value]) -> Value:
    stored = [as_stored(e, value) for value in values]
    if any(value.type != stored[0].type for value in stored):
        raise NoForm
    return Value(exp.Array(expressions=[value.sql for value in stored]), ArrayType(stored[0].type))


def constant_list(items: Sequence[Scalar], type_: Type) -> Value | None:
    """A list whose items are known scalars; None for an empty one, whose type nobody knows."""
    inner = type_.element if isinstance(type_, ArrayType) else type_
    if not items:
        return None
    if inner == DATETIME:
        instants = [sql.naive_scalar(item) for item in items if isinstance(item, date)]
        return Value(exp.Array(expressions=instants), type_, naive=True, clean=True)
    if inner == NUMBER:
        items = [float(item) if isinstance(item, int) else item for item in items]
    return Value(exp.Array(expressions=[sql.scalar(item) for item in items]), type_, clean=True)


# --- tests


def any_of(e: Emission, node: bound.AnyOf) -> Sql:
    """Some element passes."""
    member = _membership(e, node)
    if member is None:
        member = _list_membership(e, node)
    if member is not None:
        return member
    source = e.elements(node.source, tolerant=True)
    if source is None:
        return sql.FALSE.copy()
    return longer_than_none(filtered(e, source, node.variable, node.test))


def _membership(e: Emission, node: bound.AnyOf) -> Sql | None:
    """`x IN (…)`, where some element of a literal list is asked to equal a scalar."""
    match node:
        case bound.AnyOf(bound.ListOf(_, items), variable, bound.Compare("=", left, right, kind)):
            if variable not in (left, right) or kind not in ("text", "number", "boolean"):
                return None
            other = right if left == variable else left
            if variable.id in free_variables(other) or not all(isinstance(i, Constant) for i in items):
                return None
            value = e.value(other)
            if value is None:
                return sql.FALSE.copy()
            literals = [sql.scalar(item.value) for item in items if isinstance(item, Constant)]
            return exp.In(this=value.sql, expressions=literals)
    return None


def _list_membership(e: Emission, node: bound.AnyOf) -> Sql | None:
    """`LIST_CONTAINS` and `LIST_HAS_ANY`, which are faster than a filter, where the types are the same."""
    variable = node.variable
    match node.test:
        case bound.Compare("=", left, right, "text" | "boolean") if variable in (left, right):
            other = right if left == variable else left
            if variable.id in free_variables(other):
                return None
            function, value = "LIST_CONTAINS", e.value(other)
        case bound.AnyOf(bound.ListOf() as items, item, bound.Compare("=", left, right, "text")):
            if {left, right} != {variable, item} or free_variables(items):
                return None
            function, value = "LIST_HAS_ANY", e.value(items)
        case _:
            return None
    source = e.elements(node.source, tolerant=True)
    if source is None or value is None:
        return sql.FALSE.copy()
    return sql.call(function, source.sql, value.sql)


# --- loops


def filtered(e: Emission, source: Value, variable: Variable, test: Bound) -> Value:
    """The elements for which a test holds, without NULL elements.

    Tests with loops inside are asked of the elements that pass the others: in a list the engine asks everything of every element.
    """
    operands = test.operands if isinstance(test, bound.And) else (test,)
    slow = [operand for operand in operands if any(binders(part) for part in walk(operand))]
    quick = [operand for operand in operands if operand not in slow]
    if not (slow and quick):
        return _kept(e, source, variable, test)
    return _kept(e, _kept(e, source, variable, conjunction(*quick)), variable, conjunction(*slow))


def _kept(e: Emission, source: Value, variable: Variable, test: Bound) -> Value:
    name = e.name()
    item = sql.column(name)
    e.bind(variable, item_of(source, item))
    condition = e.test(test)
    if not source.clean and not rejects_missing(test, variable):
        condition = sql.junction([sql.is_present(item.copy()), condition], all_=True)
    kept = sql.list_filter(source.sql, name, condition)
    return dataclasses.replace(source, sql=kept, clean=True, constant=None)


def mapped(e: Emission, source: Value | None, variable: Variable, body: Bound) -> Value | None:
    """The body's value for every element, inner arrays joined."""
    if source is None:
        return None
    name = e.name()
    e.bind(variable, item_of(source, sql.column(name)))
    value = e.value(body)
    if value is None:
        return None
    each = sql.list_transform(source.sql, name, value.sql)
    if not isinstance(value.type, ArrayType):
        return Value(each, ArrayType(value.type), naive=value.naive, ordered=source.ordered)
    flat = sql.call("FLATTEN", each)
    return Value(flat, value.type, naive=value.naive, ordered=source.ordered and value.ordered)


def head(e: Emission, node: bound.Head) -> Value | None:
    """The first element."""
    elements = e.ordered_elements(node.array)
    if elements is None:
        return None
    return fit(item_of(elements, sql.call("LIST_EXTRACT", elements.sql, sql.whole(1))), node.of)


def _top(e: Emission, node: bound.Top) -> Value | None:
    """Sorted by key, then by position: elements are packed with both, sorted, cut and unpacked."""
    elements = e.ordered_elements(node.array)
    if elements is None:
        return None
    name, index, packed = e.name(), e.name(), e.name()
    e.bind(node.variable, item_of(elements, sql.column(name)))
    key = e.value(node.key)
    if key is None:
        return None
    # Both sort down or both up: for the highest keys the positions are negated, so that ties keep their order.
    position = exp.Neg(this=sql.column(index)) if node.highest else sql.column(index)
    pack = sql.struct({"k": key.sql, "i": position, "v": sql.column(name)})
    packs = exp.Transform(this=elements.sql, expression=sql.lambda_((name, index), pack))
    present = sql.is_present(sql.field(sql.column(packed), "k"))
    kept = sql.list_filter(packs, packed, present)
    order = sql.call("LIST_REVERSE_SORT" if node.highest else "LIST_SORT", kept)
    cut = sql.call("LIST_SLICE", order, sql.whole(1), sql.whole(node.amount))
    unpacked = sql.list_transform(cut, packed, sql.field(sql.column(packed), "v"))
    return Value(unpacked, elements.type, naive=elements.naive, clean=True)


def count(e: Emission, node: Bound) -> Value:
    """How many elements or entries there are; 0 of what is missing."""
    if isinstance(node.type, MapType):
        entries = maps.entries(e, node)
        return Value(sql.scalar(0) if entries is None else length(entries), INTEGER)
    elements = None if node.type == ANY else e.elements(node)
    return Value(sql.scalar(0) if elements is None else length(elements), INTEGER)
