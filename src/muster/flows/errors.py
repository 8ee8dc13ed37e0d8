"""What Flow Service refuses, each with the code that the hosted product prints."""

from __future__ import annotations

from dataclasses import dataclass

from muster.kernel.errors import Invalid, MusterError, NotFound, Problem


@dataclass(eq=False)
class FlowInvalid(Invalid):
    """{message}"""

    @property
    def code(self) -> str:
        """`NNNN-HTTP` of the first problem."""
        return self.problems[0].code or "1449-400"


def refused(code: str, message: str, path: str = "") -> FlowInvalid:
    """One problem under one code."""
    return FlowInvalid((Problem(path, message, code),))


@dataclass(eq=False)
class EntityNotFound(NotFound):
    """{resource} not found with id = [{id}]"""

    resource: str
    code: str = "1439-404"


@dataclass(eq=False)
class StaleEtag(MusterError):
    """Supplied version=["{supplied}"] does not match the current version on entity=["{current}"]"""

    supplied: str
    current: str
    code: str = "1404-412"


@dataclass(eq=False)
class SpecVersionMissing(MusterError):
    """connectionSpec.version is required, usually 1.0."""

    code: str = "1413-422"


@dataclass(eq=False)
class KindNotSupported(MusterError):
    """{kind} is not supported by this version: {reason}"""

    kind: str
    reason: str
    code: str = "1413-400"
