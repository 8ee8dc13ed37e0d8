"""The commands `muster pql …`: format, check and explain queries, and ask them of people in files; no server needed.

Exit codes: 0 is fine, 1 found something (a file that would change, an error in a query that was to be judged, an answer
that was not expected), 2 could not do its work (wrong usage, an unreadable file, a query that is none).
"""

from __future__ import annotations

import sys
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from muster.cli.pql_output import give_up
from muster.cli.pql_source import Form

# What a command needs is imported when it runs: formatting a query must not wait for column engines.

app = typer.Typer(
    help="Format, check, explain and run audience queries (PQL), on files, without a server.",
    no_args_is_help=True,
)

_QUERY = "A query; @FILE for one in a file, - for standard input."
_DATA = "People: JSON lines, a JSON array, a fixtures document, Parquet, Arrow, Feather or CSV."
_SCHEMA = 'Types of the fields, as {"object": {name: type}}; wins over what the data shows.'
_NOW = "Instant of the evaluation in ISO form. Default: that of the data, else the present."
_ENGINE = "Evaluator: interpret, closures or duckdb."

Data = Annotated[Path, typer.Option(help=_DATA)]
Schema = Annotated[Path | None, typer.Option(help=_SCHEMA)]
Now = Annotated[str | None, typer.Option(metavar="INSTANT", help=_NOW)]


@app.callback()
def pql() -> None:
    """Format, check, explain and run audience queries (PQL), on files, without a server."""
    if isinstance(sys.stdout, TextIOWrapper):
        # Data may hold halves of character pairs, and terminals may lack letters; neither ends a command.
        sys.stdout.reconfigure(errors="backslashreplace")


@app.command("fmt")
def fmt(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Files with one query each; - or none: standard input."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 and name what would change.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the result back to the files.")] = False,
    width: Annotated[int, typer.Option(min=20, help="Columns a line may have.")] = 88,
    to: Annotated[Form | None, typer.Option(help="Form of the result. Default: that of the query.")] = None,
) -> None:
    """Format queries, or convert them between text and JSON."""
    from muster.cli.pql_fmt import format_files

    raise typer.Exit(format_files(files or (), check=check, write=write, width=width, to=to))


@app.command("lint")
def lint(
    queries: Annotated[list[str], typer.Argument(metavar="QUERY", help=_QUERY)],
    schema: Schema = None,
    data: Annotated[Path | None, typer.Option(help=f"Schema read off data. {_DATA}")] = None,
    now: Now = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a query.")] = False,
) -> None:
    """Show the errors of queries, and the traps they may have walked into."""
    from muster.cli.pql_lint import lint_queries

    raise typer.Exit(lint_queries(queries, schema=schema, data=data, now=_instant(now), as_json=as_json))


@app.command("explain")
def explain(
    query: Annotated[str, typer.Argument(metavar="QUERY", help=_QUERY)],
    schema: Schema = None,
    data: Annotated[Path | None, typer.Option(help=f"Schema read off data. {_DATA}")] = None,
    now: Now = None,
    sql: Annotated[bool, typer.Option("--sql", help="Show the SQL of the plan's atoms.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as one JSON object.")] = False,
) -> None:
    """Say what a query means, what it depends on, where it can run, and how it is evaluated."""
    from muster.cli.pql_explain import explain_query

    explain_query(query, schema=schema, data=data, now=_instant(now), as_json=as_json, sql=sql)


@app.command("run")
def run(
    query: Annotated[str, typer.Argument(metavar="QUERY", help=_QUERY)],
    data: Data,
    schema: Schema = None,
    entities: Annotated[
        Path | None,
        typer.Option(help='What references lead to, as {name: {"schema": …, "items": {key: …}}}.'),
    ] = None,
    events: Annotated[Path | None, typer.Option(help="Events in a file of their own; needs --key.")] = None,
    key: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Field, in both files, that says whose an event is.")
    ] = None,
    now: Now = None,
    engine: Annotated[
        str | None, typer.Option(help=f"{_ENGINE} Default: duckdb for columns, closures for JSON.")
    ] = None,
    id_: Annotated[
        str | None,
        typer.Option("--id", metavar="FIELD", help="Field that names a person. Default: id, _id …"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Rows to print. Default: 10 in the table, else all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print who satisfies it as JSON lines.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Print an id a line.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Print how many satisfy it.")] = False,
) -> None:
    """Ask a query of the people in a file: who satisfies it?"""
    from muster.cli import pql_run
    from muster.cli.pql_source import typed

    if as_json + ids + count > 1:
        give_up("--json, --ids and --count are three ways to print; give one of them")
    pql_run.run(
        typed(query),
        pql_run.Files(data, schema, entities, events, key),
        now=_instant(now),
        engine=engine,
        id_field=id_,
        limit=limit,
        shape="json" if as_json else "ids" if ids else "count" if count else "table",
    )


@app.command("check")
def check(
    cases: Annotated[
        Path,
        typer.Argument(metavar="CASES", help="Cases of a conformance suite: JSON lines with id and pql."),
    ],
    fixtures: Annotated[
        Path, typer.Argument(metavar="FIXTURES", help="Its fixtures: now, schema, entities, profiles.")
    ],
    engine: Annotated[str, typer.Option(help=_ENGINE)] = "duckdb",
) -> None:
    """Answer the cases of a conformance suite: one JSON line each, and who disagrees on standard error."""
    from muster.cli.pql_check import check_cases

    raise typer.Exit(check_cases(cases, fixtures, engine))


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    from muster.pql.temporal import parse_iso
    from muster.pql.values import instant_of

    moment = parse_iso(text)
    if moment is None:
        give_up(f"--now {text} is no instant; write it as 2024-03-10T05:45:30Z or 2024-03-10")
    return instant_of(moment)
