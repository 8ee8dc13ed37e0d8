"""The conformance suite's cases, answered by one evaluator."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from muster.cli.pql_output import CANNOT_WORK, FOUND_SOMETHING, give_up, note, working
from muster.cli.pql_run import Files, bound, engine_named, read_files
from muster.cli.pql_source import Source
from muster.pql.data import People
from muster.pql.errors import PqlError, PqlErrors
from muster.pql.evaluate import Engine, Profiles, evaluate


@dataclass(frozen=True, slots=True)
class Case:
    """A query with an id, and what is expected of it, if anything is."""

    id: str
    pql: str
    expected: Mapping[str, Any]


def check_cases(cases: Path, fixtures: Path, engine: str) -> int:
    """Print one JSON line a case on standard output and a summary on standard error. Gives the exit code."""
    chosen = engine_named(engine)
    people = read_files(Files(fixtures))
    ids = _ids(people)
    profiles = _for_many_queries(people, chosen)
    now = people.now or datetime.now(UTC)
    broken: list[str] = []
    wrong: list[str] = []
    count = judged = 0
    started = time.perf_counter()
    with working(f"asking {len(people.profiles):,} people"):
        for case in _read(cases, broken):
            count += 1
            try:
                answer = answer_of(case, people, profiles, ids, now=now, engine=chosen)
            except Exception as error:  # noqa: BLE001 - the summary tells; one bad case must not hide the others
                broken.append(f"{case.id}: the evaluator failed with {type(error).__name__}: {error}")
                continue
            typer.echo(json.dumps({"id": case.id, **answer}))
            verdict = agrees(case.expected, answer)
            judged += verdict is not None
            if verdict is False:
                wrong.append(case.id)
    for sentence in broken:
        note(sentence)
    _summarize(count, judged, wrong, engine=chosen, seconds=time.perf_counter() - started)
    return CANNOT_WORK if broken else FOUND_SOMETHING if wrong else 0


def _read(path: Path, broken: list[str]) -> Iterator[Case]:
    """The cases of a file; lines that are none are described in `broken`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        give_up(f"{path}: the file cannot be read ({error.strerror})")
    except UnicodeDecodeError as error:
        give_up(f"{path}: byte {error.start:,} is no UTF-8; cases are JSON lines in UTF-8")
    # Not splitlines(): texts in JSON may hold the rarer line ends as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            case = json.loads(line)
        except (ValueError, RecursionError) as error:
            broken.append(f"{where}: this is no JSON ({error})")
            continue
        if not isinstance(case, dict):
            broken.append(f"{where}: a case is a JSON object")
            continue
        id_, pql = case.get("id"), case.get("pql")
        if isinstance(pql, dict):
            pql = json.dumps(pql)
        if isinstance(id_, str) and isinstance(pql, str):
            yield Case(id_, pql, case)
        else:
            broken.append(f"{where}: a case has an `id` and a `pql`, both text")


def _ids(people: People) -> list[str]:
    """What each person is called in answers."""
    rows = people.profiles
    ids = [row.get("id") for row in rows] if isinstance(rows, list) else []
    if len(ids) < len(rows) or not all(isinstance(id_, str) for id_ in ids):
        give_up(f"{people.path}: fixtures are a JSON document whose `profiles` each have a text `id`")
    return ids


def _for_many_queries(people: People, engine: Engine) -> Profiles:
    """The profiles in the form in which the evaluator takes them fastest, made once for all queries."""
    rows = people.profiles
    if engine != "duckdb" or not isinstance(rows, list):
        return rows
    # The other evaluators must not wait for the column engines.
    from muster.pql.tables import ProfileTable

    return ProfileTable.from_rows(
        rows, people.schema, entities=people.entities, entity_schemas=people.entity_schemas
    )


def answer_of(
    case: Case, people: People, profiles: Profiles, ids: Sequence[str], *, now: datetime, engine: Engine
) -> dict[str, Any]:
    """`members`, or the first `error` of the query."""
    try:
        query = bound(Source(case.pql), people)
    except PqlErrors as errors:
        return {"error": _error(errors.first)}
    answers = evaluate(query, profiles, now=now, engine=engine, entities=people.entities)
    return {"members": sorted(id_ for id_, answer in zip(ids, answers, strict=True) if answer)}


def _error(error: PqlError) -> dict[str, Any]:
    place = {"line": error.line, "column": error.column}
    if error.pointer is not None:
        place["pointer"] = error.pointer  # type: ignore[assignment]
    return {"code": error.code, "message": error.message, **place, "suggestion": error.suggestion}


def agrees(expected: Mapping[str, Any], answer: Mapping[str, Any]) -> bool | None:
    """Whether an answer is the expected one; None when the case expects nothing."""
    if expected.get("error"):
        error = answer.get("error")
        if error is None:
            return False
        place = expected.get("error_at") or {}
        wanted = {
            **{name: expected[field] for field, name in _ERROR_FIELDS.items() if field in expected},
            **{name: place[name] for name in ("line", "column") if name in place},
        }
        return all(error.get(name) == value for name, value in wanted.items())
    if "expect" not in expected:
        return None
    return bool(answer.get("members") == sorted(expected["expect"]))


_ERROR_FIELDS = {"error_code": "code", "suggestion": "suggestion"}


def _summarize(count: int, judged: int, wrong: list[str], *, engine: str, seconds: float) -> None:
    sentence = f"{count:,} cases answered by {engine} in {seconds:,.1f} s"
    if judged:
        sentence += f"; {judged - len(wrong):,} of {judged:,} as expected"
    typer.echo(sentence, err=True)
    if wrong:
        typer.echo(f"not as expected: {', '.join(wrong)}", err=True)
