"""Queries → what is wrong with them, and what looks unintended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import typer

from muster.cli.pql_output import (
    FOUND_SOMETHING,
    console,
    give_up,
    json_line,
    note,
    problem_json,
    problem_text,
    show,
)
from muster.cli.pql_run import Files, read_files
from muster.cli.pql_source import Source, typed
from muster.pql import traps
from muster.pql.bound import BoundQuery
from muster.pql.check import check
from muster.pql.data import UnreadableData, read_schema
from muster.pql.errors import PqlError, PqlErrors, PqlWarning
from muster.pql.types import ObjectType

_NO_SCHEMA = "no schema was given, so every field is accepted; --schema or --data says which there are"


@dataclass(frozen=True, slots=True)
class World:
    """What a query is checked against; without a schema every field is accepted."""

    schema: ObjectType | None
    entities: Mapping[str, ObjectType] = field(default_factory=dict)
    now: datetime | None = None

    def check(self, source: Source) -> BoundQuery:
        """The query, checked. Raises `PqlErrors` with everything that is wrong."""
        schema = self.schema or ObjectType({})
        return check(source.content(), schema, entities=self.entities, open_schema=self.schema is None)


def read_world(schema: Path | None, data: Path | None, now: datetime | None) -> World:
    """The schema in a file, or that of the people in one; ends the command when a file cannot be read."""
    if data is not None:
        people = read_files(Files(data, schema))
        return World(people.schema, people.entity_schemas, now or people.now)
    if schema is None:
        note(_NO_SCHEMA)
        return World(None, now=now)
    try:
        return World(read_schema(schema), now=now)
    except UnreadableData as error:
        give_up(str(error))


def lint_queries(
    arguments: Sequence[str], *, schema: Path | None, data: Path | None, now: datetime | None, as_json: bool
) -> int:
    """Print the errors and warnings of each query. Gives the exit code: errors count, warnings do not."""
    sources = [typed(argument) for argument in arguments]
    world = read_world(schema, data, now)
    error_count = warning_count = 0
    for source in sources:
        errors: Sequence[PqlError] = ()
        warnings: Sequence[PqlWarning] = ()
        try:
            warnings = warnings_of(world.check(source), world)
        except PqlErrors as refusal:
            errors = refusal.errors
        error_count += len(errors)
        warning_count += len(warnings)
        if as_json:
            problems = {"errors": [*map(problem_json, errors)], "warnings": [*map(problem_json, warnings)]}
            typer.echo(json_line({"query": source.text, "file": source.name or None, **problems}))
        else:
            show(console(), [problem_text(source, "error", error) for error in errors])
            show(console(), [problem_text(source, "warning", warning) for warning in warnings])
    if not as_json:
        asked = "1 query" if len(sources) == 1 else f"{len(sources):,} queries"
        typer.echo(f"{asked}: {_counted(error_count, 'error')}, {_counted(warning_count, 'warning')}")
    return FOUND_SOMETHING if error_count else 0


def warnings_of(query: BoundQuery, world: World) -> Sequence[PqlWarning]:
    """What looks unintended in a checked query, in the order of the query."""
    return traps.warnings_of(query, world.now or datetime.now(UTC))


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
