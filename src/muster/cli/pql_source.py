"""Queries as people give them to a command: typed, in a file, on standard input; as text or as JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from muster.cli.pql_output import give_up

if TYPE_CHECKING:
    from muster.pql.syntax import Query

Form = Literal["text", "json"]
_JSON_START = re.compile(r'\s*\{\s*"nodeType"\s*:')


@dataclass(frozen=True, slots=True)
class Source:
    """A query before anybody read it. `name` is that of its file, empty when it was typed."""

    text: str
    name: str = ""

    @property
    def form(self) -> Form:
        """JSON when the text is a JSON object with `nodeType`, or begins like one."""
        if _JSON_START.match(self.text):
            return "json"
        if not self.text.lstrip().startswith("{"):
            return "text"
        try:
            document = json.loads(self.text)
        except (ValueError, RecursionError):
            return "text"
        return "json" if isinstance(document, dict) and "nodeType" in document else "text"

    def content(self) -> str | Mapping[str, Any]:
        """What `check` reads: the text, or the node that the JSON is. Raises `PqlErrors` when it is broken JSON."""
        from muster.pql.json_read import read_json

        if self.form == "text":
            return self.text
        try:
            document: Mapping[str, Any] = json.loads(self.text)
        except (ValueError, RecursionError):
            # It says what is wrong with the JSON.
            read_json(self.text)
            raise
        return document

    def tree(self) -> Query:
        """The syntax tree. Raises `PqlErrors`."""
        from muster.pql.json_read import read_json
        from muster.pql.parser import parse

        return read_json(self.text) if self.form == "json" else parse(self.text)


def typed(argument: str) -> Source:
    """The query that an argument is; `@file` names the file it stands in, `-` is standard input."""
    if argument == "-" or argument.startswith("@"):
        return in_file(argument.removeprefix("@"))
    return Source(argument)


def in_file(name: str) -> Source:
    """The query in a file; `-` is standard input."""
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return Source(content.decode("utf-8-sig"), "<stdin>" if name == "-" else name)
    except OSError as error:
        give_up(f"{name}: the file cannot be read ({error.strerror})")
    except UnicodeDecodeError as error:
        give_up(f"{name}: byte {error.start:,} is no UTF-8; a query is UTF-8 text")
