"""The filter grammar of Flow Service lists: `path op value`, repeated conditions all hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast
from urllib.parse import unquote

from muster.flows.errors import refused
from muster.storage.records import Filter, Order

_CONDITION = re.compile(r"\s*(?P<path>[^=!<>]*?)\s*(?P<operator>==|!=|>=|<=|>|<)(?P<value>.*)", re.DOTALL)
_PATH = re.compile(r"[A-Za-z0-9_:@$-]+(\[\])?(\.[A-Za-z0-9_:@$-]+(\[\])?)*")
_INEQUALITIES = ("<", "<=", ">", ">=")
_WITHOUT_CASE = ("state", "status")

FilterOperator = Literal["==", "!=", "<", "<=", ">", ">="]


def read_filters(conditions: Sequence[str]) -> tuple[Filter, ...]:
    """Filters over the documents of a kind.

    Raises:
        FlowInvalid: 1443 a list with an inequality, 1449 a bad field, 1450 a bad operator, 1451 a bad value.
    """
    return tuple(_read_filter(condition) for condition in conditions)


def read_orders(text: str | None) -> tuple[Order, ...]:
    """Sort fields from `createdAt,-name`. Raises `FlowInvalid` 1432."""
    orders = []
    for part in (text or "").split(","):
        name = part.strip()
        if not name:
            continue
        # A plus sign that was not percent-encoded arrives as a space.
        descending, name = name.startswith("-"), name.lstrip("+-").strip()
        if not _PATH.fullmatch(name):
            raise refused("1432-400", f"{part!r} is no field to sort by", "orderby")
        orders.append(Order(_as_path(name), descending))
    return tuple(orders)


def matches(document: Mapping[str, Any], filter_: Filter) -> bool:
    """Whether a document that is not in the database (a spec) meets a condition."""
    path = ("id", *filter_.path[1:]) if filter_.path[0] == "@id" else filter_.path
    found = list(_values_at(document, path))
    if filter_.operator == "!=":
        return not any(_text(value) in filter_.values for value in found)
    if filter_.operator == "==":
        return any(_text(value) in filter_.values for value in found)
    limit = float(filter_.values[0]) if _is_number(filter_.values[0]) else None
    return any(_compares(value, filter_.operator, limit) for value in found)


def _read_filter(condition: str) -> Filter:
    parts = _CONDITION.fullmatch(condition)
    if parts is None:
        raise refused("1450-400", f"{condition!r} has no operator; write path==value", "property")
    path, operator = parts["path"], cast(FilterOperator, parts["operator"])
    if not _PATH.fullmatch(path):
        raise refused("1449-400", f"{path!r} is no field to filter by", "property")
    values = _read_values(parts["value"])
    if not values:
        raise refused("1451-400", f"{condition!r} has no value", "property")
    if len(values) > 1 and operator in _INEQUALITIES:
        raise refused("1443-400", f"a list of values goes with == only, not with {operator}", "property")
    if path == "id" and operator in _INEQUALITIES:
        raise refused("1448-400", f"{operator} is not usable on id", "property")
    last = path.rsplit(".", 1)[-1]
    return Filter(_as_path(path), operator, values, ignore_case=last in _WITHOUT_CASE)


def _read_values(text: str) -> tuple[str, ...]:
    text = text.strip()
    if text.startswith("%22"):
        text = unquote(text)
    if len(text) >= 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        return (text[1:-1],)
    return tuple(part.strip().strip('"') for part in text.split(",") if part.strip())


def _as_path(path: str) -> tuple[str, ...]:
    return ("@id",) if path == "id" else tuple(path.split("."))


def _values_at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        yield value
    elif isinstance(value, Mapping):
        name = path[0].removesuffix("[]")
        inner = value.get(name)
        for each in inner if path[0].endswith("[]") and isinstance(inner, list) else [inner]:
            yield from _values_at(each, path[1:])


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _compares(value: Any, operator: str, limit: float | None) -> bool:
    if limit is None or isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[operator]
