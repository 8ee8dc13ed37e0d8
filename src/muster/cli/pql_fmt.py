"""Queries in files → the same queries, formatted or in the other form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from muster.cli.pql_output import CANNOT_WORK, FOUND_SOMETHING, give_up, note, show_errors
from muster.cli.pql_source import Form, Source, in_file
from muster.pql.errors import PqlErrors
from muster.pql.json_write import write_json
from muster.pql.printer import format_text

STDIN = "-"


def format_files(names: Sequence[str], *, check: bool, write: bool, width: int, to: Form | None) -> int:
    """Format each file; print the results, or write them back, or only compare. Gives the exit code.

    A file that holds no query is reported, and the others are formatted all the same.
    """
    if check and write:
        give_up("--check changes nothing and --write does; give one of them")
    if write and (not names or STDIN in names):
        give_up("--write needs files; standard input cannot be written back")
    code = 0
    printed = 0
    for name in names or (STDIN,):
        source = in_file(name)
        try:
            result = formatted(source, width=width, to=to)
        except PqlErrors as errors:
            show_errors(source, errors)
            code = CANNOT_WORK
            continue
        if check or write:
            if result == source.text:
                continue
            if write:
                _write(name, result)
            else:
                code = code or FOUND_SOMETHING
            note(f"{'formatted' if write else 'would change'} {source.name}")
        else:
            typer.echo(("\n" if printed else "") + result, nl=False)
            printed += 1
    return code


def formatted(source: Source, *, width: int, to: Form | None = None) -> str:
    """The query laid out, with a line end; in its own form or another. Raises `PqlErrors`."""
    tree = source.tree()
    if (to or source.form) == "json":
        return json.dumps(write_json(tree), indent=2, ensure_ascii=False) + "\n"
    return format_text(tree, width=width) + "\n"


def _write(name: str, text: str) -> None:
    try:
        Path(name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        give_up(f"{name}: the file cannot be written ({error.strerror})")
