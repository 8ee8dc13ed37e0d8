"""A query → what it means, what it reads, where it can run, and how it is evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from muster.cli.pql_lint import World, read_world, warnings_of
from muster.cli.pql_output import console, json_line, problem_json, problem_text, refuse, show
from muster.cli.pql_source import typed
from muster.pql.bound import Bound, BoundQuery
from muster.pql.emit import duckdb
from muster.pql.emit.duckdb.sql import Sql
from muster.pql.english import in_english
from muster.pql.errors import PqlErrors
from muster.pql.facts import Facts, Obstacle, facts
from muster.pql.paths import paths_read
from muster.pql.plan import (
    Always,
    And,
    Atom,
    Condition,
    EventAtom,
    Leaf,
    Not,
    Or,
    PersonAtom,
    ProfileAtom,
    SegmentAtom,
    plan,
)
from muster.pql.types import ArrayType, ObjectType

_EVENTS = "xEvent"
_CLOSURES = "closures, person by person"


@dataclass(frozen=True, slots=True)
class Step:
    """An atom of a plan as people read it.

    Attributes:
        reads: What it looks at, in words and fields.
        evaluator: Which of ours answers it, for how many people at once.
        sql: Its expression for DuckDB; None when it has no form there.
    """

    reads: str
    evaluator: str
    sql: str | None


def explain_query(
    argument: str, *, schema: Path | None, data: Path | None, now: datetime | None, as_json: bool, sql: bool
) -> None:
    """Print everything that can be said about a query without asking anybody."""
    source = typed(argument)
    world = read_world(schema, data, now)
    try:
        query = world.check(source)
    except PqlErrors as errors:
        refuse(source, errors)
    warnings = warnings_of(query, world)
    english = in_english(source.tree(), world.schema)
    # Of a field that nobody declared nothing is known, so neither facts nor plan would be true.
    known = facts(query) if world.schema is not None else None
    planned = plan(query) if world.schema is not None else None
    steps = [step_of(atom, query, world) for atom in planned.atoms] if planned else []
    order = algebra(planned.condition, [atom.key for atom in planned.atoms]) if planned else ""
    if as_json:
        document: dict[str, Any] = {"english": english, "warnings": [*map(problem_json, warnings)]}
        if known is not None:
            document |= {
                "facts": facts_json(known),
                "plan": {"condition": order, "atoms": _steps_json(steps)},
            }
        typer.echo(json_line(document))
        return
    show(console(error=True), [problem_text(source, "warning", warning) for warning in warnings])
    typer.echo(english[:1].upper() + english[1:])
    if known is not None:
        show(console(), [_facts_text(known), _plan_text(order, steps, sql=sql)])


# --- facts


def facts_json(known: Facts) -> dict[str, Any]:
    """The facts as JSON; paths are written with dots."""
    return {
        "fields": _dotted(known.paths),
        "definitions": list(known.segment_ids),
        "entities": sorted(known.entities),
        "look_back": None if known.window is None else str(known.window),
        "look_back_is_unbounded": known.is_unbounded,
        "time_dependent": known.time_dependent,
        "conditions": known.condition_count,
        "methods": {
            method: {
                "allowed": found.allowed,
                "obstacles": [_obstacle_json(each) for each in found.obstacles],
            }
            for method, found in known.methods.items()
        },
    }


def _obstacle_json(obstacle: Obstacle) -> dict[str, Any]:
    place = obstacle.place
    where = (
        {"line": place.line, "column": place.column} if place.pointer is None else {"pointer": place.pointer}
    )
    return {"reason": obstacle.reason, **where}


def _dotted(paths: Iterable[tuple[str, ...]]) -> list[str]:
    return sorted(".".join(path) for path in paths)


def _facts_text(known: Facts) -> Text:
    if known.is_unbounded:
        look_back = "events of any age"
    else:
        look_back = "no events" if known.window is None else f"events of the last {known.window}"
    moving = "yes, even without new data" if known.time_dependent else "only with new data"
    lines = {
        "reads": ", ".join(_dotted(known.paths)) or "nothing",
        "looks at": look_back,
        "answer changes": moving,
        "definitions": ", ".join(known.segment_ids),
        "entities": ", ".join(sorted(known.entities)),
    }
    text = Text("\n")
    for name, value in lines.items():
        if value:
            text.append(f"{name:<16}", style="blue").append(f"{value}\n")
    told: set[Obstacle] = set()
    for method, found in known.methods.items():
        text.append(f"{method:<16}", style="blue")
        text.append("yes\n" if found.allowed else "no\n", style="green" if found.allowed else "red")
        if told.intersection(found.obstacles):
            text.append(f"{'':<16}for the reasons above\n")
        for obstacle in found.obstacles:
            if obstacle not in told:
                text.append(f"{'':<16}{_where(obstacle)}  {obstacle.reason}\n")
        told.update(found.obstacles)
    return text


def _where(obstacle: Obstacle) -> str:
    place = obstacle.place
    return f"{place.line}:{place.column}" if place.pointer is None else place.pointer


# --- plan


def algebra(condition: Condition, keys: list[str]) -> str:
    """The condition over numbered atoms: `1 and (2 or not 3)`."""

    def written(part: Condition, inside: type[Any] | None = None) -> str:
        match part:
            case Always(value):
                return "everybody" if value else "nobody"
            case Leaf(atom):
                return str(keys.index(atom.key) + 1)
            case Not(operand):
                return f"not {written(operand, Not)}"
            case And(operands) | Or(operands):
                word = " and " if isinstance(part, And) else " or "
                text = word.join(written(operand, type(part)) for operand in operands)
                return text if inside is None else f"({text})"

    return written(condition)


def step_of(atom: Atom, query: BoundQuery, world: World) -> Step:
    """An atom in words, with the first of the evaluators that can answer it."""
    now = world.now or datetime.now(UTC)
    entities = {name: duckdb.EntityColumn(f"#entity {name}", type_) for name, type_ in query.entities.items()}
    profile = ObjectType({name: type_ for name, type_ in query.schema.fields.items() if name != _EVENTS})
    match atom:
        case ProfileAtom(expression):
            predicate = duckdb.profile_predicate(atom, profile, now=now, entities=entities)
            return _step(_fields(expression), "DuckDB, over the profiles", predicate)
        case EventAtom():
            events = query.schema.fields.get(_EVENTS)
            event = events.element if isinstance(events, ArrayType) else None
            columns = event if isinstance(event, ObjectType) else ObjectType({})
            predicate = duckdb.event_predicate(atom, columns, now=now, entities=entities)
            if duckdb.event_value(atom, columns, now=now, entities=entities) is None:
                predicate = None
            return _step(_event_words(atom), "DuckDB, over the events", predicate)
        case SegmentAtom(segment_id):
            return Step(f"membership in {segment_id}", "the result of that definition", None)
        case PersonAtom(expression):
            segments = {id_: f"#segment {id_}" for id_ in query.segment_ids}
            predicate = duckdb.person_predicate(
                atom, query.schema, now=now, entities=entities, segments=segments
            )
            return _step(_fields(expression), "DuckDB, over each person's events together", predicate)


def _step(reads: str, evaluator: str, predicate: Sql | None) -> Step:
    if predicate is None:
        return Step(reads, _CLOSURES, None)
    return Step(reads, evaluator, predicate.sql("duckdb"))


def _fields(expression: Bound) -> str:
    """The fields that an expression reads, without those that are only the way to others."""
    paths = paths_read(expression)
    ways = {path[:length] for path in paths for length in range(1, len(path))}
    return ", ".join(_dotted(paths - ways)) or "no field"


def _event_words(atom: EventAtom) -> str:
    types = "any event" if atom.event_types is None else " or ".join(sorted(atom.event_types)) or "no event"
    return f"{atom.aggregate}({types}) {atom.comparison} {atom.threshold}; {_fields(atom.expression)}"


def _plan_text(order: str, steps: list[Step], *, sql: bool) -> Text:
    text = Text()
    text.append(f"{'plan':<16}", style="blue").append(f"{order}\n")
    for number, step in enumerate(steps, 1):
        text.append(f"{number:>14}  ", style="blue").append(f"{step.reads}\n")
        text.append(f"{'':<16}{step.evaluator}\n", style="dim")
        if sql and step.sql is not None:
            text.append(f"{'':<16}{step.sql}\n", style="dim")
    return text


def _steps_json(steps: list[Step]) -> list[Mapping[str, Any]]:
    return [{"reads": step.reads, "evaluator": step.evaluator, "sql": step.sql} for step in steps]
