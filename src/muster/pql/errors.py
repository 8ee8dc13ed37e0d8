"""What is wrong with a query, and where.

`PqlError` is one problem, `PqlErrors` the exception that carries all problems of one query. `PqlWarning` is what
looks unintended in a query that is valid. The texts are meant for the person who wrote the query: they name both sides
of a mismatch and, where there is one, the likely intention.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Code = Literal[
    "SYNTAX",
    "BAD_VALUE",
    "UNKNOWN_FIELD",
    "UNKNOWN_FUNCTION",
    "BAD_ARGUMENTS",
    "TYPE_MISMATCH",
    "BAD_SCOPE",
    "DUPLICATE_NAME",
]


ERRORS_MAX = 20
"""Problems of one query that are reported; a query with more is mended in several rounds."""


@dataclass(frozen=True, slots=True)
class Place:
    """A token of the query: line and column from 1, in code points; or, for the JSON form, a JSON pointer.

    A tree that was made by a program, not read, has line 0.
    """

    line: int = 0
    column: int = 0
    length: int = 0
    pointer: str | None = None


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class PqlError:
    """One problem of a query.

    `line` and `column` count from 1 and are 0 when the query came as JSON; then `pointer` says where.
    `expected` lists tokens or types, `found` names what stands there, `suggestion` is text to put in its place.
    """

    code: Code
    message: str
    line: int = 0
    column: int = 0
    expected: tuple[str, ...] = ()
    found: str | None = None
    suggestion: str | None = None
    pointer: str | None = None

    @classmethod
    def at(
        cls,
        place: Place,
        code: Code,
        message: str,
        *,
        expected: Iterable[str] = (),
        found: str | None = None,
        suggestion: str | None = None,
    ) -> PqlError:
        """Make an error that points at `place`."""
        return cls(code, message, place.line, place.column, tuple(expected), found, suggestion, place.pointer)

    def __str__(self) -> str:
        where = self.pointer if self.pointer is not None else f"{self.line}:{self.column}"
        hint = f" Did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{where} {self.code}: {self.message}.{hint}"


@dataclass(frozen=True, slots=True)
class PqlWarning:
    """Something in a valid query that probably means another thing than it says; it refuses nothing.

    `suggestion`, where there is one, is text to put in its place.
    """

    code: str
    message: str
    place: Place = NOWHERE
    suggestion: str | None = None

    @property
    def line(self) -> int:
        """From 1; 0 when the query came as JSON."""
        return self.place.line

    @property
    def column(self) -> int:
        """From 1; 0 when the query came as JSON."""
        return self.place.column

    @property
    def pointer(self) -> str | None:
        """Where in the JSON form; None when the query came as text."""
        return self.place.pointer

    def __str__(self) -> str:
        hint = f" Did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{describe_place(self.place)}: {self.message}.{hint}"


def describe_place(place: Place) -> str:
    """The place in words: `line 1, column 5`, a JSON pointer, or `the query` for a tree made by a program."""
    if place.pointer is not None:
        return place.pointer or "/"
    return f"line {place.line}, column {place.column}" if place.line else "the query"


def position(place: Place) -> tuple[int, int, tuple[tuple[int, str], ...]]:
    """A key that sorts places as they follow each other in the query; a list of a JSON document by its numbers."""
    steps = (place.pointer or "").split("/")
    return (
        place.line,
        place.column,
        tuple((int(step), "") if step.isdigit() else (-1, step) for step in steps),
    )


class PqlErrors(Exception):
    """The problems of one query, first by position, `ERRORS_MAX` at most. Correct the query; nothing was evaluated.

    Errors of the JSON form have no line; they stay in the order given.
    """

    def __init__(self, errors: Iterable[PqlError]) -> None:
        unique = dict.fromkeys(errors)
        ordered = sorted(unique, key=lambda e: (e.line, e.column))
        if not ordered:
            raise ValueError("a refusal needs at least one error")
        self.errors: tuple[PqlError, ...] = tuple(ordered[:ERRORS_MAX])
        super().__init__("\n".join(str(error) for error in self.errors))

    @property
    def first(self) -> PqlError:
        """The problem that comes first in the text."""
        return self.errors[0]


class Unreadable(Exception):
    """A part of a query cannot be read. Never leaves a reader: it notes the error and goes on behind the part."""

    def __init__(self, error: PqlError) -> None:
        super().__init__(str(error))
        self.error = error
