"""Small parts of SQL as sqlglot nodes, for DuckDB. Text of a user enters only as a literal or a quoted identifier."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache

from sqlglot import exp

from muster.pql.bound import Scalar
from muster.pql.temporal import text_of
from muster.pql.types import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, Type, is_text

Sql = exp.Expression


class NoForm(Exception):
    """The construct has no honest form over columns."""


def type_name(type_: Type) -> str:
    """The DuckDB type that holds values of a scalar type.

    Raises:
        NoForm: It is no scalar.
    """
    if is_text(type_):
        return "VARCHAR"
    names = {
        INTEGER: "BIGINT",
        NUMBER: "DOUBLE",
        BOOLEAN: "BOOLEAN",
        DATE: "DATE",
        DATETIME: "TIMESTAMPTZ",
    }
    if type_ not in names:
        raise NoForm
    return names[type_]


@cache
def _data_type(name: str) -> exp.DataType:
    return exp.DataType.build(name, dialect="duckdb")


def cast(value: Sql, name: str) -> Sql:
    return exp.Cast(this=value, to=_data_type(name).copy())


def try_cast(value: Sql, name: str) -> Sql:
    return exp.TryCast(this=value, to=_data_type(name).copy())


def text(value: str) -> Sql:
    if "\0" in value:
        # The text of a statement ends at its first NUL.
        raise NoForm
    return exp.Literal.string(value)


def whole(value: int) -> Sql:
    return exp.Literal.number(value)


def null(type_: Type) -> Sql:
    return cast(exp.Null(), type_name(type_))


TRUE = exp.Boolean(this=True)
FALSE = exp.Boolean(this=False)


def scalar(value: Scalar) -> Sql:
    """A literal whose DuckDB type is exactly that of the value: never a DECIMAL, never a local time."""
    match value:
        case bool():
            return TRUE.copy() if value else FALSE.copy()
        case str():
            return text(value)
        case int():
            return cast(whole(value), "BIGINT")
        case float():
            return cast(exp.Literal.string(repr(value)), "DOUBLE")
        case datetime():
            return cast(exp.Literal.string(_moment(value) + "+00"), "TIMESTAMPTZ")
    return cast(exp.Literal.string(value.isoformat()), "DATE")


def naive_scalar(value: date) -> Sql:
    """A date or an instant as a TIMESTAMP in UTC."""
    moment = _moment(value) if isinstance(value, datetime) else f"{value.isoformat()} 00:00:00"
    return cast(exp.Literal.string(moment), "TIMESTAMP")


def _moment(value: datetime) -> str:
    return text_of(value).replace("T", " ").removesuffix("Z")


def call(name: str, *arguments: Sql) -> Sql:
    """A function of the engine, by its name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def column(name: str) -> Sql:
    return exp.Column(this=identifier(name))


def field(base: Sql, name: str) -> Sql:
    """A field of a STRUCT. The parentheses keep `column.field` from being read as `table.column`."""
    return exp.Dot(this=exp.Paren(this=base), expression=identifier(name))


def lambda_(variables: tuple[str, ...], body: Sql) -> Sql:
    return exp.Lambda(this=body, expressions=[identifier(variable) for variable in variables])


def struct(fields: Mapping[str, Sql]) -> Sql:
    pairs = [exp.PropertyEQ(this=identifier(name), expression=value) for name, value in fields.items()]
    return exp.Struct(expressions=pairs)


def list_filter(array: Sql, variable: str, test: Sql) -> Sql:
    return exp.ArrayFilter(this=array, expression=lambda_((variable,), test))


def list_transform(array: Sql, variable: str, body: Sql) -> Sql:
    return exp.Transform(this=array, expression=lambda_((variable,), body))


def binary(kind: type[exp.Binary], left: Sql, right: Sql) -> Sql:
    # The base class of operators is a mixin; every operator itself is an expression.
    return typing.cast(Sql, kind(this=_operand(left), expression=_operand(right)))


def _operand(value: Sql) -> Sql:
    tight = (
        exp.Column,
        exp.Literal,
        exp.Func,
        exp.Paren,
        exp.Dot,
        exp.Boolean,
        exp.Null,
        exp.Array,
        exp.Case,
    )
    loose = (exp.Binary, exp.Not)
    if isinstance(value, exp.Dot) or (isinstance(value, tight) and not isinstance(value, loose)):
        return value
    return exp.Paren(this=value)


def all_of(operands: list[Sql]) -> Sql:
    return _chain(exp.And, operands)


def any_of(operands: list[Sql]) -> Sql:
    return _chain(exp.Or, operands)


def _chain(kind: type[exp.Connector], operands: list[Sql]) -> Sql:
    result = operands[0]
    for operand in operands[1:]:
        left = result if isinstance(result, kind) else _operand(result)
        result = typing.cast(Sql, kind(this=left, expression=_operand(operand)))
    return result


def junction(operands: list[Sql], *, all_: bool) -> Sql:
    """`and` or `or` of tests, without those that decide nothing; a plain truth value where one decides it all."""
    zero, unit = (False, True) if all_ else (True, False)
    kept = [o for o in operands if not (isinstance(o, exp.Boolean) and o.this is unit)]
    if any(isinstance(o, exp.Boolean) and o.this is zero for o in kept):
        return scalar(zero)
    if not kept:
        return scalar(unit)
    return all_of(kept) if all_ else any_of(kept)


def not_(value: Sql) -> Sql:
    return exp.Not(this=_operand(value))


def is_present(value: Sql) -> Sql:
    return not_(exp.Is(this=_operand(value), expression=exp.Null()))


def coalesce(value: Sql, default: Sql) -> Sql:
    return exp.Coalesce(this=value, expressions=[default])


def when(test: Sql, then: Sql, otherwise: Sql | None = None) -> Sql:
    return exp.Case(ifs=[exp.If(this=test, true=then)], default=otherwise)


def interval(amount: int, unit: str) -> Sql:
    return exp.Interval(this=exp.Literal.string(str(amount)), unit=exp.Var(this=unit))
