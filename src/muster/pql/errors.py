"""What is wrong with a query, and where.

`PqlError` is one problem, `PqlErrors` the exception that carries all problems of one query. The texts are meant for
the person who wrote the query: they name both sides of a mismatch and, where there is one, the likely intention.
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


class PqlErrors(Exception):
    """All problems of one query, first by position. Correct the query; nothing was evaluated."""

    def __init__(self, errors: Iterable[PqlError]) -> None:
        unique = dict.fromkeys(errors)
        self.errors: tuple[PqlError, ...] = tuple(sorted(unique, key=lambda e: (e.line, e.column)))
        if not self.errors:
            raise ValueError("a refusal needs at least one error")
        super().__init__("\n".join(str(error) for error in self.errors))

    @property
    def first(self) -> PqlError:
        """The problem that comes first in the text."""
        return self.errors[0]
