"""Instants and days: which form they have, how they move, how they are read from text and written."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime

from sqlglot import exp

from muster.pql import bound
from muster.pql.emit.duckdb import sql
from muster.pql.emit.duckdb.sql import NoForm, Sql
from muster.pql.emit.duckdb.values import Emission, Value
from muster.pql.temporal import FIXED_UNITS, MONTHS
from muster.pql.types import DATE, DATETIME, INTEGER, STRING

_YEARS_MAX = 10_000
"""A longer step ends where the representable years do, whatever it starts from."""
_FIRST, _LAST = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999"
_DAY = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?"
_ZONE = r"(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?"
_INSTANT = f"{_DAY}(T{_TIME}{_ZONE})?"


def naive(value: Value) -> Value:
    """A date or an instant as TIMESTAMP in UTC: casts of the engine would use the session's zone."""
    if value.naive:
        return value
    if isinstance(value.constant, date):
        return Value(sql.naive_scalar(value.constant), DATETIME, naive=True)
    if value.type == DATE:
        return Value(sql.cast(value.sql, "TIMESTAMP"), DATETIME, naive=True)
    if value.type == DATETIME:
        return Value(sql.call("TIMEZONE", sql.text("UTC"), value.sql), DATETIME, naive=True)
    raise NoForm


def same_clock(left: Value, right: Value) -> tuple[Value, Value]:
    """Two times in forms the engine compares as instants; a stored instant is left as it is where it can be."""
    sides = (left, right)
    stored = [side for side in sides if side.constant is None]
    if all(side.type == DATETIME and not side.naive for side in stored):
        first, second = (_zoned(side) for side in sides)
        return first, second
    return naive(left), naive(right)


def _zoned(value: Value) -> Value:
    constant = value.constant
    if isinstance(constant, date) and not isinstance(constant, datetime):
        midnight = sql.cast(exp.Literal.string(f"{constant.isoformat()} 00:00:00+00"), "TIMESTAMPTZ")
        return dataclasses.replace(value, sql=midnight, type=DATETIME)
    return value


def shift(e: Emission, node: bound.Shift) -> Value | None:
    """An instant moved by fixed or calendar units; the ends of the representable years stop it."""
    value = e.value(node.value)
    if value is None:
        return None
    if node.unit in MONTHS:
        amount, unit, a_year = abs(node.amount) * MONTHS[node.unit], "MONTH", 12
    elif FIXED_UNITS[node.unit] % FIXED_UNITS["day"] == 0:
        amount, unit, a_year = abs(node.amount) * FIXED_UNITS[node.unit] // FIXED_UNITS["day"], "DAY", 366
    else:
        amount, unit = abs(node.amount) * FIXED_UNITS[node.unit], "MILLISECOND"
        a_year = 366 * FIXED_UNITS["day"]
    kind = exp.Sub if node.amount < 0 else exp.Add
    moved = kind(
        this=exp.Paren(this=naive(value).sql), expression=sql.interval(min(amount, _YEARS_MAX * a_year), unit)
    )
    edge = sql.cast(exp.Literal.string(_FIRST if node.amount < 0 else _LAST), "TIMESTAMP")
    beyond = sql.binary(exp.LT if node.amount < 0 else exp.GT, moved, edge)
    return Value(sql.when(beyond, edge.copy(), moved.copy()), DATETIME, naive=True)


def date_part(e: Emission, node: bound.DatePart) -> Value | None:
    """Year, month or day of the month, in UTC."""
    value = e.value(node.value)
    if value is None:
        return None
    extract = exp.Extract(this=exp.Var(this=node.part.upper()), expression=naive(value).sql)
    return Value(extract, INTEGER)


def make_date(e: Emission, node: bound.MakeDate) -> Value | None:
    """A day from three numbers; NULL when there is no such day."""
    parts = [e.value(part) for part in (node.year, node.month, node.day)]
    present = [part.sql for part in parts if part is not None]
    if len(present) < 3:
        return None
    year = present[0].copy()
    in_range = exp.Between(this=exp.Paren(this=year), low=sql.whole(1), high=sql.whole(9999))
    made = sql.call("TRY", sql.call("MAKE_DATE", *present))
    return Value(sql.when(in_range, made), DATE)


def text_of(value: Value) -> Value:
    """A day or an instant as `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ss.fffZ`."""
    if value.type == DATE:
        return Value(sql.cast(value.sql, "VARCHAR"), STRING)
    form = sql.text("%Y-%m-%dT%H:%M:%S.%gZ")
    return Value(sql.call("STRFTIME", naive(value).sql, form), STRING)


def from_text(e: Emission, value: Value) -> Value:
    """ISO text as an instant, NULL for any other; accepts exactly what `temporal.parse_iso` does."""
    return Value(e.held(value, lambda text: _parsed(e, text.sql)), DATETIME, naive=True)


def _parsed(e: Emission, text: Sql) -> Sql:
    def piece(start: int, count: int) -> Sql:
        return sql.call("SUBSTR", text.copy(), sql.whole(start), sql.whole(count))

    def group(number: int, pattern: str) -> Sql:
        return sql.call("REGEXP_EXTRACT", text.copy(), sql.text(pattern), sql.whole(number))

    # Whole minutes by the cast, which refuses days that do not exist; seconds, fraction and offset are added.
    clock = sql.call("COALESCE", sql.call("NULLIF", piece(12, 5), sql.text("")), sql.text("00:00"))
    minutes = sql.try_cast(
        sql.call("CONCAT", piece(1, 10), sql.text(" "), clock, sql.text(":00")), "TIMESTAMP"
    )
    seconds = sql.call("COALESCE", sql.try_cast(group(1, r"T[0-9:]{5}:([0-9]{2})"), "BIGINT"), sql.whole(0))
    digits = sql.call(
        "RPAD", sql.call("LEFT", group(1, r"\.([0-9]+)"), sql.whole(3)), sql.whole(3), sql.text("0")
    )
    milliseconds = sql.try_cast(digits, "BIGINT")
    zone = group(1, r"T.*([+-][0-9]{2}:?[0-9]{2})$")
    hours = sql.call(
        "COALESCE", sql.try_cast(sql.call("SUBSTR", zone, sql.whole(2), sql.whole(2)), "BIGINT"), sql.whole(0)
    )
    rest = sql.call(
        "COALESCE", sql.try_cast(sql.call("RIGHT", zone.copy(), sql.whole(2)), "BIGINT"), sql.whole(0)
    )
    sign = sql.when(sql.call("STARTS_WITH", zone.copy(), sql.text("-")), sql.whole(-1), sql.whole(1))
    east = sql.binary(exp.Mul, sign, sql.binary(exp.Add, sql.binary(exp.Mul, hours, sql.whole(60)), rest))
    instant = sql.binary(
        exp.Sub,
        sql.binary(
            exp.Add,
            sql.binary(exp.Add, minutes, sql.call("TO_SECONDS", seconds)),
            sql.call("TO_MILLISECONDS", milliseconds),
        ),
        sql.call("TO_MINUTES", east),
    )
    known = sql.all_of(
        [
            sql.call("REGEXP_FULL_MATCH", text.copy(), sql.text(_INSTANT)),
            sql.not_(sql.call("STARTS_WITH", text.copy(), sql.text("0000"))),
        ]
    )
    name = e.name()
    inside = exp.Between(
        this=sql.column(name),
        low=sql.cast(exp.Literal.string(_FIRST), "TIMESTAMP"),
        high=sql.cast(exp.Literal.string(_LAST), "TIMESTAMP"),
    )
    one = exp.Array(expressions=[sql.when(known, instant)])
    return sql.call("LIST_EXTRACT", sql.list_filter(one, name, inside), sql.whole(1))
