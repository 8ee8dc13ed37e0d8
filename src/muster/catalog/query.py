"""The catalog's query language, translated to conditions that the database evaluates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from muster.kernel.errors import Invalid, Problem
from muster.storage.records import Filter, Operator, Order, Query

LIMIT_DEFAULT, LIMIT_MAX, OBSERVABLE_LIMIT_MAX = 20, 100, 20

_CONTROLS = {
    "limit",
    "start",
    "offset",
    "properties",
    "property",
    "orderBy",
    "orderby",
    "sort",
    "tags",
    "requestDataSource",
}
_TIMES: Mapping[str, tuple[str, Operator]] = {
    "createdAfter": ("@created", ">"),
    "createdBefore": ("@created", "<"),
    "startAfter": ("started", ">"),
    "startBefore": ("started", "<"),
    "endAfter": ("completed", ">"),
    "endBefore": ("completed", "<"),
}
_COLUMNS = {"id": "@id", "batch": "@id", "created": "@created", "updated": "@updated"}
# Two spellings of one state occur in the hosted product; only the second is stored.
_STATES = {"failed": "failure"}
# Longer operators first: `<=` begins with `<`.
_OPERATORS: tuple[str, ...] = ("==", "!=", "<=", ">=", "~", "<", ">")


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """A query and the top-level properties that its answer keeps; none means all."""

    query: Query
    properties: tuple[str, ...]

    def keep(self, body: Mapping[str, object]) -> dict[str, object]:
        """What is shown of a resource; `{}` when it has none of the properties."""
        if not self.properties:
            return dict(body)
        return {name: body[name] for name in self.properties if name in body}


@dataclass(slots=True)
class _Reading:
    filters: list[Filter] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))


def read_query(parameters: Iterable[tuple[str, str]]) -> CatalogQuery:
    """Read the parameters of a list.

    `limit` 1-100 (default 20; 20 at most with `observableSchema`), `start`, `properties`, `orderBy`, `property`,
    `tags`, the batches' times, and `<field>=value`, `<field>=!value`, `<field>=a,b`. All of them must hold.

    Raises:
        Invalid: Parameters that cannot be read, all together.
    Source:
        Documented: Catalog guide, filtering of data.
    """
    reading = _Reading()
    given = [(name, value) for name, value in parameters if value != ""]
    first: dict[str, str] = {}
    for name, value in given:
        first.setdefault(name, value)
    properties = tuple(name.strip() for name in first.get("properties", "").split(",") if name.strip())
    limit_max = OBSERVABLE_LIMIT_MAX if "observableSchema" in properties else LIMIT_MAX
    limit = _number(reading, "limit", first.get("limit", str(LIMIT_DEFAULT)), 1, limit_max)
    start = _number(reading, "start", first.get("start") or first.get("offset") or "0", 0, None)
    orders = _orders(reading, first.get("orderBy") or first.get("orderby") or first.get("sort") or "")
    for name, value in given:
        if name == "property":
            _property(reading, value)
        elif name == "tags":
            _tags(reading, value)
        elif name in _TIMES:
            _time(reading, name, value)
        elif name not in _CONTROLS:
            _simple(reading, name, value)
    if reading.problems:
        raise Invalid(tuple(reading.problems))
    query = Query(tuple(reading.filters), tuple(reading.links), orders, start, limit)
    return CatalogQuery(query, properties)


def _number(reading: _Reading, name: str, value: str, minimum: int, maximum: int | None) -> int:
    if re.fullmatch(r"-?\d{1,18}", value):
        number = int(value)
        if number >= minimum and (maximum is None or number <= maximum):
            return number
    bounds = f"a whole number from {minimum}" + ("" if maximum is None else f" to {maximum}")
    reading.refuse(name, f"{value!r} is not {bounds}")
    return minimum


def _orders(reading: _Reading, text: str) -> tuple[Order, ...]:
    orders = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        direction, colon, name = part.partition(":")
        if not colon:
            direction, name = "asc", part
        if direction.lower() not in ("asc", "desc"):
            reading.refuse("orderBy", f"{part!r} is not asc:<field> or desc:<field>")
            continue
        orders.append(Order(_path(name), direction.lower() == "desc"))
    return tuple(orders)


def _path(name: str) -> tuple[str, ...]:
    """The record's path of a dotted field name. Tags are lists, and their names may hold slashes but no dots."""
    if name in _COLUMNS:
        return (_COLUMNS[name],)
    names = tuple(name.split("."))
    if names[0] == "tags" and len(names) > 1:
        return ("tags", ".".join(names[1:]) + "[]")
    if names[0] in ("relatedObjects", "errors") and len(names) > 1:
        return (f"{names[0]}[]", *names[1:])
    return names


def _simple(reading: _Reading, name: str, value: str) -> None:
    negated = value.startswith("!")
    values = [part for part in value.removeprefix("!").split(",") if part != ""]
    if name in ("dataSet", "dataSetId", "datasetId"):
        if len(values) == 1 and not negated:
            reading.links.append(("dataset", values[0]))
        else:
            reading.filters.append(
                Filter(("relatedObjects[]", "id"), "!=" if negated else "==", tuple(values))
            )
        return
    _compare(reading, name, "!=" if negated else "==", values)


def _compare(reading: _Reading, name: str, operator: Operator, values: list[str]) -> None:
    """Equality with a list of values; in names `*` stands for any text and `**` for a star."""
    path = _path(name)
    if name == "status":
        values = [_STATES.get(value.lower(), value.lower()) for value in values]
    if path == ("name",) and any("*" in value for value in values):
        if operator == "!=":
            reading.refuse("name", "a wildcard cannot be negated; use property=name~<regular expression>")
            return
        pattern = "|".join(_wildcard(value) for value in values)
        reading.filters.append(Filter(path, "~", (f"^({pattern})$",)))
        return
    reading.filters.append(Filter(path, operator, tuple(values)))


def _wildcard(value: str) -> str:
    literal = [re.escape(part).replace(r"\*", ".*") for part in value.split("**")]
    return r"\*".join(literal)


def _property(reading: _Reading, text: str) -> None:
    operator, position = _find_operator(text)
    if operator is None:
        for name in filter(None, (name.strip() for name in text.split(","))):
            absent = name.startswith("!")
            reading.filters.append(Filter(_path(name.removeprefix("!")), "absent" if absent else "exists"))
        return
    name, value = text[:position].strip(), text[position + len(operator) :].strip().strip("\"'")
    if not name or not value:
        reading.refuse("property", f"{text!r} is not <field>{operator}<value>")
    elif operator == "==":
        _compare(reading, name, "==", value.split(","))
    elif operator == "!=":
        _compare(reading, name, "!=", value.split(","))
    elif operator == "~":
        _regular_expression(reading, name, value)
    else:
        comparison: Mapping[str, Operator] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
        reading.filters.append(Filter(_path(name), comparison[operator], (value,)))


def _find_operator(text: str) -> tuple[str | None, int]:
    """The operator that stands first in the text."""
    found = [(text.find(operator), -len(operator), operator) for operator in _OPERATORS if operator in text]
    if not found:
        return None, -1
    position, _, operator = min(found)
    return operator, position


def _regular_expression(reading: _Reading, name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        reading.refuse("property", f"{pattern!r} is no regular expression: {error}")
        return
    reading.filters.append(Filter(_path(name), "~", (pattern,)))


def _tags(reading: _Reading, text: str) -> None:
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, colon, value = part.partition(":")
        if not key or not colon or not value:
            reading.refuse("tags", f"{part!r} is not <key>:<value>, <key>:<prefix>* or <key>:*")
        elif value == "*":
            reading.filters.append(Filter(("tags", key), "exists"))
        elif value.endswith("*"):
            reading.filters.append(Filter(("tags", f"{key}[]"), "~", ("^" + re.escape(value[:-1]),)))
        else:
            reading.filters.append(Filter(("tags", f"{key}[]"), "==", (value,)))


def _time(reading: _Reading, name: str, value: str) -> None:
    field_name, operator = _TIMES[name]
    if not re.fullmatch(r"\d{1,18}", value):
        reading.refuse(name, f"{value!r} is no number of milliseconds since 1970")
        return
    reading.filters.append(Filter((field_name,), operator, (value,)))
