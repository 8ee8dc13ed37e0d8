"""Which people in a file satisfy a query."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import typer

from muster.cli.pql_output import console, give_up, json_line, note, refuse, working
from muster.cli.pql_source import Source
from muster.pql.bound import BoundQuery
from muster.pql.check import check
from muster.pql.data import People, UnreadableData, read_entities, read_people, read_schema, with_events
from muster.pql.errors import PqlErrors
from muster.pql.evaluate import ENGINES, Engine, evaluate, fastest
from muster.pql.plan import plan
from muster.pql.suggest import nearest
from muster.pql.temporal import text_of
from muster.pql.types import ArrayType, ObjectType, ReferenceType, ScalarType

Shape = Literal["table", "json", "count", "ids"]
TABLE_ROWS = 10
_COLUMNS_MAX = 6
_CELL_WIDTH = 40
_EVENTS = ("xEvent",)
_ID_NAMES = ("id", "_id", "personID", "person_id", "customerId", "customer_id", "profileId", "profile_id")


@dataclass(frozen=True, slots=True)
class Files:
    """Where the people of a command are, and what lies in files beside them."""

    data: Path
    schema: Path | None = None
    entities: Path | None = None
    events: Path | None = None
    key: str | None = None


def read_files(files: Files) -> People:
    """The people, with their events and entities; ends the command when a file cannot be read."""
    if (files.events is None) != (files.key is None):
        give_up("--events and --key belong together: the key is the field that says whose an event is")
    try:
        with working(f"reading {files.data}"):
            schema = read_schema(files.schema) if files.schema else None
            people = read_people(files.data, schema=schema)
            if files.entities is not None:
                people = read_entities(files.entities, people)
            if files.events is not None and files.key is not None:
                people = with_events(people, read_people(files.events), files.key)
    except UnreadableData as error:
        give_up(str(error))
    for sentence in people.notes:
        note(sentence)
    return people


def run(
    source: Source,
    files: Files,
    *,
    now: datetime | None,
    engine: str | None,
    id_field: str | None,
    limit: int | None,
    shape: Shape,
) -> None:
    """Answer the query for everybody and print who satisfies it."""
    wanted = engine_named(engine) if engine else None
    people = read_files(files)
    chosen = wanted or fastest(people.profiles)
    try:
        query = bound(source, people)
    except PqlErrors as errors:
        refuse(source, errors)
    id_path = _id_path(people, id_field or files.key)
    started = time.perf_counter()
    with working(f"asking {len(people.profiles):,} people"):
        answers = evaluate(
            query,
            people.profiles,
            now=now or people.now or datetime.now(UTC),
            engine=chosen,
            entities=people.entities,
        )
    seconds = time.perf_counter() - started
    members = [index for index, answer in enumerate(answers) if answer]
    match shape:
        case "count":
            typer.echo(len(members))
        case "ids":
            for index, row in _rows(people, members[:limit]):
                typer.echo(_shown(_id(row, index, id_path)))
        case "json":
            for _, row in _rows(people, members[:limit]):
                typer.echo(json_line(row))
        case "table":
            rows = list(_rows(people, members[: TABLE_ROWS if limit is None else limit]))
            _print_table(query, people, rows, id_path)
            more = f", the first {len(rows)} shown" if len(rows) < len(members) else ""
            total = f"{len(members):,} of {len(answers):,} people"
            console().print(f"{total}{more}; {chosen} took {_duration(seconds)}", soft_wrap=True)


def engine_named(name: str) -> Engine:
    """The evaluator of a name; ends the command when there is none."""
    if name not in ENGINES:
        near = nearest(name, ENGINES)
        give_up(
            f"there is no engine {name}. "
            + (f"Did you mean {near}?" if near else f"There are {', '.join(ENGINES)}.")
        )
    return name


def bound(source: Source, people: People) -> BoundQuery:
    """The query, checked against the schema of the people. Raises `PqlErrors`."""
    return check(source.content(), people.schema, entities=people.entity_schemas)


# --- rows


def _rows(people: People, indexes: Sequence[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    profiles = people.profiles
    if isinstance(profiles, Sequence):
        return ((index, profiles[index]) for index in indexes)
    return zip(indexes, profiles.take(list(indexes)).to_pylist(maps_as_pydicts="strict"), strict=True)


def _id_path(people: People, field: str | None) -> tuple[str, ...] | None:
    """Where a row has its id; None when people are only numbered."""
    if field is not None:
        path = tuple(field.split("."))
        if field != people.id_key and not _is_scalar(people.schema, path):
            give_up(f"there is no field {field} in {people.path} that could name a person")
        return path
    if people.id_key is not None:
        return (people.id_key,)
    return next(((name,) for name in _ID_NAMES if _is_scalar(people.schema, (name,))), None)


def _id(row: Mapping[str, Any], index: int, path: tuple[str, ...] | None) -> Any:
    return index + 1 if path is None else _at(row, path)


def _at(row: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if isinstance(row, list):
            row = [inner for inner in (_at(item, (name,)) for item in row) if inner is not None]
        else:
            row = row.get(name) if isinstance(row, Mapping) else None
    return row


# --- the table


def _print_table(
    query: BoundQuery,
    people: People,
    rows: Sequence[tuple[int, Mapping[str, Any]]],
    id_path: tuple[str, ...] | None,
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    if not rows:
        return
    paths = _columns(query, people, id_path)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(".".join(id_path) if id_path else "row", no_wrap=True)
    for path in paths:
        justify: Literal["right", "left"] = "right" if path == _EVENTS else "left"
        name = "events" if path == _EVENTS else ".".join(path)
        table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=_CELL_WIDTH, justify=justify)
    for index, row in rows:
        table.add_row(_shown(_id(row, index, id_path)), *(_cell(row, path) for path in paths))
    console().print(table)


def _columns(query: BoundQuery, people: People, id_path: tuple[str, ...] | None) -> list[tuple[str, ...]]:
    """A few fields worth showing: those that the query reads, then the schema's first."""
    read = plan(query).paths
    asked = sorted(
        path for path in read if path[:1] != _EVENTS and _is_scalar(people.schema, path, listed=True)
    )
    fields = [*asked, *_scalars(people.schema)]
    columns = [path for path in dict.fromkeys(fields) if path != id_path][: _COLUMNS_MAX - 2]
    return [*columns, _EVENTS] if any(path[:1] == _EVENTS for path in read) else columns


def _is_scalar(schema: ObjectType, path: tuple[str, ...], *, listed: bool = False) -> bool:
    """Whether a path ends in a value of one cell; `listed`: or in an array of such."""
    type_: Any = schema
    for name in path:
        while listed and isinstance(type_, ArrayType):
            type_ = type_.element
        type_ = type_.fields.get(name) if isinstance(type_, ObjectType) else None
    while listed and isinstance(type_, ArrayType):
        type_ = type_.element
    return isinstance(type_, ScalarType | ReferenceType)


def _scalars(schema: ObjectType, parent: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in schema.fields:
        if _is_scalar(schema, (name,)):
            yield (*parent, name)
    for name, inner in schema.fields.items():
        if isinstance(inner, ObjectType):
            yield from _scalars(inner, (*parent, name))


def _cell(row: Mapping[str, Any], path: tuple[str, ...]) -> str:
    value = _at(row, path)
    return f"{len(value or ()):,}" if path == _EVENTS else _shown(value)


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case date():
            return text_of(value)
        case list():
            return ", ".join(map(_shown, value))
    return str(value)


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"
