"""From the `expression` of a request to a bound query: read it, check it against the union schema, tell all problems."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from muster import pql
from muster.kernel.errors import Invalid, Problem
from muster.pql import syntax, types
from muster.pql.errors import Place, PqlError, describe_place
from muster.storage.records import Filter, Query
from muster.storage.workspace import Workspace
from muster.xdm.fields import Field, Kind
from muster.xdm.registry import EVENT_CLASS, PROFILE_CLASS, Registry

TEXT, JSON = "pql/text", "pql/json"
EVENTS_FIELD = "xEvent"
"""The array of a person's events, as queries name it."""

_SCALARS: Mapping[Kind, types.Type] = {
    Kind.STRING: types.STRING,
    Kind.INTEGER: types.INTEGER,
    Kind.NUMBER: types.NUMBER,
    Kind.BOOLEAN: types.BOOLEAN,
    Kind.DATE: types.DATE,
    Kind.DATETIME: types.DATETIME,
}


@dataclass(frozen=True, slots=True)
class ExpressionProblem(Problem):
    """A problem inside a query. `details` has `line` and `column`, or a JSON `pointer`, and what would be right."""

    details: Mapping[str, Any] = field(default_factory=dict)


def compile_expression(workspace: Workspace, expression: Any, *, closed: bool = False) -> pql.BoundQuery:
    """Read an expression `{type, format, value}` and check it against the sandbox's union schema.

    Unknown fields are let through, as missing values, only while the sandbox has no data model of its own, so that a
    definition can be made before the first ingestion; with `closed` not even then, since nothing can be said about them.

    Raises:
        Invalid: With every problem; those of the query are `ExpressionProblem`s.
    """
    problems = list(_problems_of_form(expression))
    if problems:
        raise Invalid(tuple(problems))
    registry = Registry(workspace)
    schema = pql_schema(registry.union_fields(PROFILE_CLASS), registry.union_fields(EVENT_CLASS))
    try:
        source = _source(expression["format"], expression["value"])
        return pql.check(source, schema, open_schema=not closed and not has_data_model(workspace))
    except pql.PqlErrors as errors:
        raise Invalid(tuple(map(_problem, errors.errors))) from errors


def _source(format_: str, value: str) -> str | Mapping[str, Any] | syntax.Query:
    """The text of a query, or the node of its JSON form."""
    if format_ != JSON:
        return value
    try:
        node = json.loads(value)
    except RecursionError:
        return pql.read_json(value)
    except ValueError:
        node = None
    # A published sample labels plain text pql/json, so the label alone does not decide.
    return node if isinstance(node, Mapping) else value


def has_data_model(workspace: Workspace) -> bool:
    """Whether the sandbox has a schema that takes part in Profile, or a dataset of the whole profile class."""
    tagged = Query(filters=[Filter(("meta:immutableTags[]",), "==", ("union",))], limit=0)
    legacy = Query(filters=[Filter(("schemaRef", "id"), "==", (PROFILE_CLASS,))], limit=0)
    with workspace.records.read() as tx:
        return bool(tx.page("schema", tagged).total_count or tx.page("dataset", legacy).total_count)


def pql_schema(profile: Field, events: Field) -> types.ObjectType:
    """The type that queries are bound against: the profile's fields, and its events as the array `xEvent`."""
    fields = {name: _type(inner) for name, inner in profile.fields.items()}
    return types.ObjectType({**fields, EVENTS_FIELD: types.ArrayType(_type(events))})


def _type(field: Field) -> types.Type:
    if field.kind in _SCALARS:
        return _SCALARS[field.kind]
    if field.kind is Kind.OBJECT:
        return types.ObjectType({name: _type(inner) for name, inner in field.fields.items()})
    assert field.item is not None, f"a field of kind {field.kind} has an item"
    return (
        types.ArrayType(_type(field.item)) if field.kind is Kind.ARRAY else types.MapType(_type(field.item))
    )


def _problems_of_form(expression: Any) -> Iterator[Problem]:
    if not isinstance(expression, Mapping):
        yield Problem("/expression", 'is required: {"type": "PQL", "format": "pql/text", "value": "…"}')
        return
    kind = expression.get("type")
    if not isinstance(kind, str):
        yield Problem("/expression/type", "is required: PQL")
    elif kind.upper() != "PQL":
        yield Problem("/expression/type", f"{kind!r} is not supported; expressions are written in PQL")
    if expression.get("format") not in (TEXT, JSON):
        yield Problem("/expression/format", f"{TEXT} or {JSON} is needed, not {expression.get('format')!r}")
    if not isinstance(expression.get("value"), str):
        yield Problem(
            "/expression/value", "is required, as text; for pql/json the tree is written as a string"
        )


def unfit(path: str, obstacle: pql.Obstacle) -> ExpressionProblem:
    """The problem that a part of an expression is in the way of what was asked for at `path`."""
    return ExpressionProblem(path, str(obstacle), details=_where(obstacle.place))


def _where(place: Place) -> Mapping[str, Any]:
    return (
        {"line": place.line, "column": place.column} if place.pointer is None else {"pointer": place.pointer}
    )


def _problem(error: PqlError) -> ExpressionProblem:
    place = Place(error.line, error.column, pointer=error.pointer)
    message = f"{describe_place(place)}: {error.message}"
    if error.expected:
        message += f"; expected {', '.join(error.expected)}"
    if error.suggestion:
        message += f"; did you mean {error.suggestion}?"
    hints = {"expected": list(error.expected), "found": error.found, "suggestion": error.suggestion}
    details = {**_where(place), **{name: value for name, value in hints.items() if value}}
    return ExpressionProblem("/expression/value", message, error.code, details)
