"""What is wrong with single rows, collected per chunk while columns are built and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

CORRUPT = "INGEST-1401-400"
REQUIRED = "INGEST-1555-400"
CONVERSION = "123"
"""Observed in the product's own samples of conversion errors; texts and paths are ours."""
CONSTRAINT = "MUSTER-CONSTRAINT-400"

_SHOWN_MAX = 80


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One thing that is wrong with one row: the field's dotted path, what was found, what would be right."""

    code: str
    path: str
    message: str


@dataclass(slots=True)
class Problems:
    """The problems of a chunk by the position of the row in it."""

    by_position: dict[int, list[RowProblem]] = field(default_factory=dict)

    def add(self, position: int, code: str, path: str, message: str) -> None:
        self.by_position.setdefault(int(position), []).append(RowProblem(code, path, message))

    def found(self, position: int, path: str, value: Any, expected: str) -> None:
        """A value of the wrong type: says what it is and what it should be."""
        self.add(position, CONVERSION, path, f"{path} is {show(value)}, not {expected}")


def show(value: Any) -> str:
    """A value as it stands in a file, cut to a readable length."""
    try:
        text = orjson.dumps(value, default=str).decode()
    except (TypeError, orjson.JSONEncodeError):
        text = ascii(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def dotted(path: Sequence[str]) -> str:
    """A path as messages write it: `person.name.firstName`, list items as `emails[]`."""
    return ".".join(path).replace(".[]", "[]")


def as_code(code: str) -> str:
    """A code as row errors carry it: the number alone, `INGEST-1401-400` as `1401`."""
    return code.split("-")[1] if code.startswith("INGEST-") else code
