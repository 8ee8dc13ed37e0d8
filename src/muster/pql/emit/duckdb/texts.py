"""Texts: tests of them, patterns, and the text of other values."""

from __future__ import annotations

from sqlglot import exp

from muster.pql import bound
from muster.pql.emit.duckdb import sql, times
from muster.pql.emit.duckdb.numbers import finite
from muster.pql.emit.duckdb.sql import NoForm, Sql
from muster.pql.emit.duckdb.values import Emission, Value, as_double
from muster.pql.regex import compile_pattern
from muster.pql.types import BOOLEAN, DATETIME, INTEGER, NUMBER, STRING, TEMPORAL, is_text

_TESTS = {"startsWith": "STARTS_WITH", "endsWith": "ENDS_WITH", "contains": "CONTAINS"}
_NUMBER_PATTERN = r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"


def text_test(e: Emission, node: bound.TextTest) -> Sql:
    """`startsWith`, `endsWith`, `contains`, `like`."""
    subject, argument = e.value(node.subject), e.value(node.argument)
    if subject is None or argument is None:
        return sql.FALSE.copy()
    if node.function == "like":
        return exp.Like(this=subject.sql, expression=argument.sql)
    return sql.call(_TESTS[node.function], subject.sql, argument.sql)


def regex_test(e: Emission, node: bound.RegexTest) -> Sql:
    """The pattern is found in the text."""
    value = e.value(node.subject)
    return sql.FALSE.copy() if value is None else _regex("REGEXP_MATCHES", value, node.pattern)


def regex_group(e: Emission, node: bound.RegexGroup) -> Value | None:
    """What a group of the pattern found; NULL where the pattern is not found."""
    value = e.value(node.subject)
    if value is None:
        return None
    pattern = compile_pattern(node.pattern)
    if node.group and node.group not in pattern.certain:
        # DuckDB gives an empty text for a group that took no part; the language says missing.
        raise NoForm
    found = _regex("REGEXP_MATCHES", value, node.pattern)
    group = _regex("REGEXP_EXTRACT", value, node.pattern, sql.whole(node.group))
    return Value(sql.when(found, group), STRING)


def _regex(function: str, value: Value, pattern: str, *more: Sql) -> Sql:
    checked = compile_pattern(pattern)
    if checked.re2 is None:
        raise NoForm
    return sql.call(function, value.sql.copy(), sql.text(checked.re2), *more)


def as_text(value: Value) -> Value:
    """The text of a scalar: whole doubles without `.0`, dates in ISO form."""
    if is_text(value.type):
        return value
    if value.type in (INTEGER, BOOLEAN):
        return Value(sql.cast(value.sql, "VARCHAR"), STRING)
    if value.type == NUMBER:
        # Adding nothing makes a plain zero of a negative one.
        positive = sql.binary(exp.Add, value.sql, sql.scalar(0.0))
        spelled = sql.cast(exp.Paren(this=positive), "VARCHAR")
        return Value(sql.call("REGEXP_REPLACE", spelled, sql.text(r"\.0$"), sql.text("")), STRING)
    if value.type in TEMPORAL:
        return times.text_of(value)
    raise NoForm


def convert(e: Emission, node: bound.Convert) -> Value | None:
    """A scalar as text, number, truth value or instant; NULL when that cannot be."""
    value = e.value(node.value)
    if value is None:
        return None
    if node.of == STRING:
        return as_text(value)
    if node.of in TEMPORAL and value.type in TEMPORAL:
        return times.naive(value)
    if node.of == NUMBER and value.type in (INTEGER, NUMBER):
        return Value(as_double(value), NUMBER)
    if not is_text(value.type):
        raise NoForm
    if node.of == NUMBER:
        spelled = sql.call("REGEXP_FULL_MATCH", value.sql, sql.text(_NUMBER_PATTERN))
        return finite(Value(sql.when(spelled, sql.try_cast(value.sql.copy(), "DOUBLE")), NUMBER))
    if node.of == BOOLEAN:
        cases = [
            exp.If(this=sql.binary(exp.EQ, value.sql.copy(), sql.text(word)), true=sql.scalar(word == "true"))
            for word in ("true", "false")
        ]
        return Value(exp.Case(ifs=cases), BOOLEAN)
    if node.of == DATETIME:
        return times.from_text(e, value)
    raise NoForm
