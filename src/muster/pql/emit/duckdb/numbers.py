"""Arithmetic and aggregates: exact where the language is, missing where a result leaves its type."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from sqlglot import exp

from muster.pql import bound
from muster.pql.bound import Bound
from muster.pql.emit.duckdb import sql
from muster.pql.emit.duckdb.sql import NoForm
from muster.pql.emit.duckdb.values import Emission, Value, as_double, clean, element_type
from muster.pql.types import INTEGER, NUMBER, NUMERIC, ArrayType

_ARITHMETIC: Mapping[str, type[exp.Binary]] = {
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "/": exp.Div,
    "%": exp.Mod,
}


def finite(value: Value) -> Value:
    """A double that is neither infinite nor not a number; whole numbers are."""
    if value.type != NUMBER or value.constant is not None:
        return value
    is_finite = sql.call("ISFINITE", value.sql)
    return dataclasses.replace(value, sql=sql.when(is_finite, value.sql.copy()))


def number(e: Emission, node: Bound) -> Value | None:
    """Arithmetic whose doubles may still be infinite; whole numbers are checked at every step.

    What is not finite stays so through sums, products and numerators, so it is enough to look at the end and at
    divisors.
    """
    match node:
        case bound.Negate(_, inner):
            value = number(e, inner)
            if value is None:
                return None
            if value.type == INTEGER:
                wide = sql.cast(value.sql, "HUGEINT")
                return Value(sql.try_cast(exp.Neg(this=wide), "BIGINT"), INTEGER)
            return Value(exp.Neg(this=exp.Paren(this=value.sql)), NUMBER)
        case bound.Arithmetic(_, operator, left, right):
            first = number(e, left)
            second = e.value(right) if operator in "/%" else number(e, right)
            return None if first is None or second is None else _calculate(operator, first, second)
    return e.value(node)


def _calculate(operator: str, left: Value, right: Value) -> Value:
    kind = _ARITHMETIC[operator]
    if left.type == INTEGER and right.type == INTEGER and operator != "/":
        # BIGINT arithmetic raises on overflow; HUGEINT holds every result, and what leaves BIGINT is missing.
        first, second = sql.cast(left.sql, "HUGEINT"), sql.cast(right.sql, "HUGEINT")
        if operator == "%":
            second = sql.call("NULLIF", second, sql.whole(0))
        return Value(sql.try_cast(sql.binary(kind, first, second), "BIGINT"), INTEGER)
    first, second = as_double(left), as_double(right)
    if operator in "/%":
        second = sql.call("NULLIF", second, sql.scalar(0.0))
    return Value(exp.Paren(this=sql.binary(kind, first, second)), NUMBER)


def aggregate(e: Emission, node: bound.Aggregate) -> Value | None:
    """Sum, average, least or greatest of a list, inner lists flattened."""
    elements = e.elements(node.array)
    while elements is not None and isinstance(element_type(elements), ArrayType):
        inner = element_type(elements)
        elements = clean(Value(sql.call("FLATTEN", elements.sql), inner), e.name())
    if elements is None:
        nothing = Value(sql.scalar(0 if node.of == INTEGER else 0.0), node.of)
        return nothing if node.function == "sum" else None
    if element_type(elements) not in NUMERIC:
        raise NoForm
    if node.of == NUMBER and element_type(elements) == INTEGER and node.function != "average":
        elements = dataclasses.replace(elements, sql=sql.cast(elements.sql, "DOUBLE[]"))
    if node.function in ("min", "max"):
        return Value(sql.call(f"LIST_{node.function.upper()}", elements.sql), node.of)
    if node.function == "average":
        return finite(Value(sql.call("LIST_AVG", elements.sql), NUMBER))
    total = sql.call("LIST_SUM", elements.sql)
    if node.of == INTEGER:
        some = sql.coalesce(total, sql.cast(sql.whole(0), "HUGEINT"))
        return Value(sql.try_cast(some, "BIGINT"), INTEGER)
    return finite(Value(sql.coalesce(total, sql.scalar(0.0)), NUMBER))
