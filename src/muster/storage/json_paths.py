"""Conditions and orders on fields of JSON documents, as SQL of either database."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import JSONB

from muster.storage.records import Filter, Operator, Order
from muster.storage.tables import documents

Element = ColumnElement[object]

_COLUMNS: dict[str, Element] = {
    "@id": documents.c.id,
    "@created": documents.c.created_ms,
    "@updated": documents.c.updated_ms,
}


def condition(filter_: Filter, *, sqlite: bool) -> ColumnElement[bool]:
    """The SQL of one filter over the table of documents. Never NULL."""
    if filter_.operator in ("!=", "absent"):
        positive: Operator = "==" if filter_.operator == "!=" else "exists"
        turned = Filter(filter_.path, positive, filter_.values, filter_.ignore_case)
        return sa.not_(condition(turned, sqlite=sqlite))
    if filter_.path[0] in _COLUMNS:
        return _on_column(_COLUMNS[filter_.path[0]], filter_)
    dialect = _Sqlite() if sqlite else _Postgres()
    return sa.func.coalesce(dialect.some(documents.c.body, filter_.path, filter_), sa.false())


def ordering(order: Order, *, sqlite: bool) -> list[ColumnElement[object]]:
    """The SQL of one sort field: numbers by value, the rest as text, absent ones last."""
    if order.path[0] in _COLUMNS:
        column: Element = _COLUMNS[order.path[0]]
        return [column.desc() if order.descending else column.asc()]
    keys = _Sqlite().keys(order.path) if sqlite else _Postgres().keys(order.path)
    return [(key.desc() if order.descending else key.asc()).nulls_last() for key in keys]


def _on_column(column: Element, filter_: Filter) -> ColumnElement[bool]:
    if filter_.operator == "exists":
        return sa.true()
    if isinstance(column.type, sa.String):
        return _compare_text(sa.cast(column, sa.Text), filter_)
    numbers = [_as_number(value) for value in filter_.values]
    if None in numbers:
        return sa.false()
    return _compare(column, filter_.operator, [number for number in numbers if number is not None])


def _compare_text(text: Element, filter_: Filter) -> ColumnElement[bool]:
    values: list[object] = list(filter_.values)
    if filter_.operator == "contains":
        return sa.func.lower(text).contains(str(values[0]).lower(), autoescape=True)
    if filter_.operator == "~":
        return text.regexp_match(str(values[0]))
    if filter_.ignore_case:
        text, values = sa.func.lower(text), [str(value).lower() for value in values]
    return _compare(text, filter_.operator, values)


def _compare(left: Element, operator: str, values: list[object]) -> ColumnElement[bool]:
    if operator == "==":
        return left.in_(values)
    comparisons: dict[str, Callable[[object], ColumnElement[bool]]] = {
        "<": left.__lt__,
        "<=": left.__le__,
        ">": left.__gt__,
        ">=": left.__ge__,
    }
    return comparisons[operator](values[0])


def _compare_json(text: Element, number: Element, filter_: Filter) -> ColumnElement[bool]:
    if filter_.operator == "exists":
        return text.is_not(None)
    numbers = [value for value in map(_as_number, filter_.values) if value is not None]
    by_text = _compare_text(text, filter_)
    if filter_.operator == "==" and numbers:
        return sa.or_(by_text, _compare(number, "==", list(numbers)))
    if filter_.operator in ("<", "<=", ">", ">=") and numbers:
        return _compare(number, filter_.operator, list(numbers))
    return by_text


def _as_number(value: str) -> float | int | None:
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return None


class _Sqlite:
    """JSON by the functions of SQLite. A *value* here is a row of `json_each` or a pair (document, path)."""

    def member(self, document: Element, path: tuple[str, ...]) -> tuple[Element, str]:
        return document, "$" + "".join(f".{_quoted(name)}" for name in path)

    def text(self, value: tuple[Element, str]) -> Element:
        document, path = value
        kind = sa.func.json_type(document, path)
        # json_extract gives 1 and 0 for booleans; filters name them as JSON does.
        return sa.case(
            (kind == "true", "true"),
            (kind == "false", "false"),
            else_=sa.cast(sa.func.json_extract(document, path), sa.Text),
        )

    def number(self, value: tuple[Element, str]) -> Element:
        document, path = value
        kind = sa.func.json_type(document, path)
        return sa.case((kind.in_(["integer", "real"]), sa.func.json_extract(document, path)), else_=None)

    def keys(self, path: tuple[str, ...]) -> list[Element]:
        value = self.member(documents.c.body, path)
        return [self.number(value), self.text(value)]

    def some(self, document: Element, path: tuple[str, ...], filter_: Filter) -> ColumnElement[bool]:
        head, rest = _split(path)
        if rest is None:
            value = self.member(document, head)
            return _compare_json(self.text(value), self.number(value), filter_)
        _, array_path = self.member(document, head)
        each = sa.func.json_each(document, array_path).table_valued("value", "type", joins_implicitly=True)
        if rest:
            # Elements that are no objects have no members; json functions would refuse to read them.
            element = sa.case((each.c.type.in_(["object", "array"]), each.c.value), else_="null")
            inner = self.some(element, rest, filter_)
        else:
            wrapped = sa.func.json_array(each.c.value)
            inner = _compare_json(self.text((wrapped, "$[0]")), self.number((wrapped, "$[0]")), filter_)
        return sa.exists(sa.select(sa.literal(1)).select_from(each).where(inner))


class _Postgres:
    """JSON by the operators of PostgreSQL."""

    def member(self, document: Element, path: tuple[str, ...]) -> Element:
        for name in path:
            document = sa.type_coerce(document, JSONB)[name]
        return document

    def text(self, value: Element) -> Element:
        whole: ColumnElement[str] = sa.literal_column("'{}'")
        return cast(Element, sa.type_coerce(value, JSONB).op("#>>", return_type=sa.Text())(whole))

    def number(self, value: Element) -> Element:
        is_number = sa.func.jsonb_typeof(value) == "number"
        return sa.case((is_number, sa.cast(self.text(value), sa.Double)), else_=None)

    def keys(self, path: tuple[str, ...]) -> list[Element]:
        value = self.member(documents.c.body, path)
        return [self.number(value), self.text(value)]

    def some(self, document: Element, path: tuple[str, ...], filter_: Filter) -> ColumnElement[bool]:
        head, rest = _split(path)
        if rest is None:
            value = self.member(document, head)
            return _compare_json(self.text(value), self.number(value), filter_)
        array = self.member(document, head)
        listed = sa.case(
            (sa.func.jsonb_typeof(array) == "array", array), else_=sa.literal_column("'[]'::jsonb")
        )
        each = sa.func.jsonb_array_elements(listed).table_valued(
            sa.column("value", JSONB), joins_implicitly=True
        )
        if rest:
            inner = self.some(each.c.value, rest, filter_)
        else:
            inner = _compare_json(self.text(each.c.value), self.number(each.c.value), filter_)
        return sa.exists(sa.select(sa.literal(1)).select_from(each).where(inner))


def _split(path: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Cut a path at its first `name[]`: the names up to it, and what follows (None when there is no array)."""
    for position, name in enumerate(path):
        if name.endswith("[]"):
            return (*path[:position], name[:-2]), path[position + 1 :]
    return path, None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
