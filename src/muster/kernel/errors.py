"""The root of the error tree. One class per situation; its docstring is the message and says what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass

from muster.kernel.version import Version


class MusterError(Exception):
    """Something was asked for that cannot be done as asked."""

    def __str__(self) -> str:
        template = (type(self).__doc__ or type(self).__name__).strip().splitlines()[0]
        names: list[str] = [field.name for field in fields(self)] if is_dataclass(self) else []
        values = {name: getattr(self, name) for name in names}
        if "kind" in values:
            # Kinds are written as identifiers; a person reads words.
            values["kind"] = str(values["kind"]).replace("_", " ")
        return template.format(**values)


@dataclass(eq=False)
class Transient(MusterError):
    """{what} is not available just now: {reason}. The same call may succeed later."""

    what: str
    reason: str


@dataclass(eq=False)
class NotFound(MusterError):
    """There is no {kind} {id} here."""

    kind: str
    id: str


@dataclass(eq=False)
class AlreadyExists(MusterError):
    """A {kind} with {key} exists already. Choose another, or change the one that is there."""

    kind: str
    key: str


@dataclass(eq=False)
class VersionMismatch(MusterError):
    """{kind} {id} is at version {current}, not {expected}. Read it again, then retry."""

    kind: str
    id: str
    current: Version
    expected: Version


@dataclass(eq=False)
class InUse(MusterError):
    """{kind} {id} is used by {users}. Remove these first."""

    kind: str
    id: str
    users: str


@dataclass(eq=False)
class TransitionRefused(MusterError):
    """{kind} {id} is {state} and cannot become {wanted}."""

    kind: str
    id: str
    state: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: where (`/expression/value`), what, and what would be right."""

    path: str
    message: str
    code: str = ""


@dataclass(eq=False)
class Invalid(MusterError):
    """{message}"""

    problems: Sequence[Problem]

    @property
    def message(self) -> str:
        """All problems in one line, each with its place."""
        return "; ".join(
            f"{problem.path}: {problem.message}" if problem.path else problem.message
            for problem in self.problems
        )

    def __str__(self) -> str:
        return self.message

    @classmethod
    def at(cls, path: str, message: str, code: str = "") -> Invalid:
        """One problem at one place."""
        return cls((Problem(path, message, code),))
