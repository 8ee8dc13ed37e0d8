"""What the PQL commands say, and how: sentences on standard error, problems of a query with the place they stand at."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from muster.cli.pql_source import Source
    from muster.pql.errors import PqlErrors

FOUND_SOMETHING = 1
"""The command did its work and something is not as it should be."""
CANNOT_WORK = 2
"""Wrong usage, a file that cannot be read, a query that is none. Typer's own code for wrong usage."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_EXCERPT_WIDTH = 100
_STYLES = {"error": "bold red", "warning": "bold yellow"}


class Problem(Protocol):
    """What errors and warnings of a query have in common."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def suggestion(self) -> str | None: ...


def console(*, error: bool = False) -> Console:
    """A console that colours only terminals and never takes text for markup."""
    from rich.console import Console

    return Console(stderr=error, highlight=False, markup=False, emoji=False)


def give_up(message: str, code: int = CANNOT_WORK) -> NoReturn:
    """Say why the command cannot go on, and end it."""
    note(message)
    raise typer.Exit(code)


def note(message: str) -> None:
    """A sentence on standard error."""
    typer.echo(f"muster: {message}", err=True)


def json_line(value: Any) -> str:
    """A value as one line of JSON; dates in ISO form, what JSON does not have as text."""
    return json.dumps(value, ensure_ascii=False, default=_as_json)


def _as_json(value: Any) -> str:
    from datetime import date

    from muster.pql.temporal import text_of

    return text_of(value) if isinstance(value, date) else str(value)


def refuse(source: Source, errors: PqlErrors) -> NoReturn:
    """Show what is wrong with a query, and end the command."""
    show_errors(source, errors)
    raise typer.Exit(CANNOT_WORK)


def show_errors(source: Source, errors: PqlErrors) -> None:
    """Show what is wrong with a query on standard error."""
    show(console(error=True), [problem_text(source, "error", error) for error in errors.errors])


def show(where: Console, texts: list[Text]) -> None:
    """Print excerpts as they are; a terminal may wrap them, we do not."""
    for text in texts:
        where.print(text, soft_wrap=True)


def problem_text(source: Source, level: Literal["error", "warning"], problem: Problem) -> Text:
    """A problem the way compilers show it: what, where, the line, and a caret below the word."""
    from rich.text import Text

    text = Text()
    text.append(f"{level}[{problem.code}]", style=_STYLES[level])
    text.append(f": {problem.message}\n", style="bold")
    hint = ""
    if problem.suggestion:
        hint = f"did you mean `{problem.suggestion}`?" if level == "error" else f"or `{problem.suggestion}`?"
    pointer = getattr(problem, "pointer", None)
    if pointer is not None or problem.line < 1:
        where = f"at {pointer or '/'} of the JSON" if pointer is not None else ""
        text.append("  --> ", style="blue").append(" ".join(filter(None, (source.name, where))))
        return text.append(f"\n   = {hint}\n" if hint else "\n")
    name = f"{source.name}:" if source.name else ""
    text.append("  --> ", style="blue").append(f"{name}{problem.line}:{problem.column}\n")
    number = str(problem.line)
    margin = " " * len(number)
    line, before, length = _excerpt(source.text, problem.line, problem.column)
    text.append(f" {margin} |\n {number} | ", style="blue").append(f"{line}\n")
    text.append(f" {margin} | ", style="blue").append(" " * before)
    return text.append("^" * length + (f" {hint}" if hint else "") + "\n", style=_STYLES[level])


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem as JSON; one of a query in JSON form has a pointer instead of line and column."""
    pointer = getattr(problem, "pointer", None)
    where = {"line": problem.line, "column": problem.column} if pointer is None else {"pointer": pointer}
    return {"code": problem.code, "message": problem.message, **where, "suggestion": problem.suggestion}


def _excerpt(query: str, line_number: int, column: int) -> tuple[str, int, int]:
    """A line of a query cut to a readable width, the cells before the token at a column, and the cells of the token."""
    from rich.cells import cell_len

    lines = _LINE_END.split(query)
    line = lines[line_number - 1].replace("\t", " ") if line_number <= len(lines) else ""
    start, end = column - 1, column - 1 + _token_length(query, line_number, column)
    head, tail = "", ""
    if len(line) > _EXCERPT_WIDTH:
        left = max(0, min(start - _EXCERPT_WIDTH // 2, len(line) - _EXCERPT_WIDTH))
        head, tail = "…" if left else "", "…" if left + _EXCERPT_WIDTH < len(line) else ""
        line, start, end = line[left : left + _EXCERPT_WIDTH], start - left, end - left
    return f"{head}{line}{tail}", cell_len(head + line[:start]), max(1, cell_len(line[start:end]))


def _token_length(query: str, line: int, column: int) -> int:
    from muster.pql.lexer import tokenize

    for token in tokenize(query):
        if (token.place.line, token.place.column) == (line, column):
            return token.place.length
    return 1


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on a terminal what goes on, if it takes longer than a second."""
    if not sys.stderr.isatty():
        yield
        return
    status = console(error=True).status(f"{what} …")
    timer = threading.Timer(1.0, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # Once the timer has ended, nobody starts the status behind our back.
        timer.join()
        status.stop()
