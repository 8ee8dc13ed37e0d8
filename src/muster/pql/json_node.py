"""A node of the JSON form: its fields, its parts, and what is known about the whole document while it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn, Self

from muster.pql.errors import ERRORS_MAX, Code, Place, PqlError, Unreadable
from muster.pql.lexer import INTEGER_MAX
from muster.pql.syntax import DEPTH_MAX, TREE_DEPTH_MAX, WEIGHT_MAX

LINE_END = re.compile(r"[\r\n]")
# A bare name is two nodes, so a tree that is not too large may be read from more of them than it has parts.
_WEIGHT_MAX = 4 * WEIGHT_MAX


def failure_at(pointer: str, code: Code, message: str, **details: Any) -> Unreadable:
    return Unreadable(PqlError.at(Place(pointer=pointer), code, message, **details))


class Enough(Exception):
    """Reading ends: as much is wrong as is reported, or the document is too large to be read on."""


class Notes:
    """What is known about the whole document: its errors, and what the nodes weigh that were read so far."""

    def __init__(self) -> None:
        self.errors: list[PqlError] = []
        self._weight = 0

    def add(self, failure: Unreadable) -> None:
        self.errors.append(failure.error)
        if len(self.errors) == ERRORS_MAX:
            raise Enough

    def weigh(self, pointer: str, depth: int) -> None:
        """Count a part at a depth in half levels."""
        self._weight += depth
        if depth > TREE_DEPTH_MAX:
            self.refuse(pointer, f"the query is nested deeper than {DEPTH_MAX} levels")
        if self._weight > _WEIGHT_MAX:
            self.refuse(pointer, "the query is too large")

    def refuse(self, pointer: str, message: str) -> NoReturn:
        """Read no further."""
        self.errors.append(failure_at(pointer, "SYNTAX", message).error)
        raise Enough


class JsonNode:
    """Reads the fields of the node at `_pointer`, inside `_scopes` element scopes, with `_variables` in sight."""

    def __init__(
        self, notes: Notes, pointer: str, variables: frozenset[str], scopes: int, depth: int
    ) -> None:
        self._notes = notes
        self._pointer = pointer
        self._variables = variables
        self._scopes = scopes
        self._depth = depth

    # --- moving about

    def _down(self, *steps: str | int, levels: int = 2) -> Self:
        """At a part of the node, that many half levels deeper."""
        pointer = self._pointer + "".join(f"/{step}" for step in steps)
        return type(self)(self._notes, pointer, self._variables, self._scopes, self._depth + levels)

    def _with(self, *names: str, scopes: int = 0) -> Self:
        variables = self._variables | frozenset(names)
        return type(self)(self._notes, self._pointer, variables, self._scopes + scopes, self._depth)

    def _place(self, field: str = "") -> Place:
        return Place(pointer=f"{self._pointer}/{field}" if field else self._pointer)

    def _error(self, field: str, message: str, code: Code = "SYNTAX", **details: Any) -> Unreadable:
        return failure_at(self._place(field).pointer or "", code, message, **details)

    # --- reading fields

    def _mapping(self, node: Any) -> Mapping[str, Any]:
        if not isinstance(node, Mapping):
            raise self._error("", "object expected")
        self._notes.weigh(self._pointer, self._depth)
        return node

    def _get(self, node: Mapping[str, Any], field: str) -> Any:
        if field not in node or node[field] is None:
            raise self._error(field, f"the field {field} is missing")
        return node[field]

    def _text(self, node: Mapping[str, Any], field: str) -> str:
        value = self._get(node, field)
        if not isinstance(value, str) or not value:
            raise self._error(field, f"{field} is text")
        if LINE_END.search(value):
            raise self._error(field, f"{field} has a line end")
        return value

    def _choice(self, node: Mapping[str, Any], field: str, choices: tuple[str, ...]) -> str:
        value = self._text(node, field)
        if value not in choices:
            raise self._error(
                field, f"{value} is none of {', '.join(choices)}", expected=choices, found=value
            )
        return value

    def _whole(self, node: Mapping[str, Any], field: str, most: int = INTEGER_MAX) -> int:
        value = self._get(node, field)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise self._error(field, f"{field} is a whole number", "BAD_VALUE")
        return value

    def _list(self, node: Mapping[str, Any], field: str) -> list[Any]:
        value = self._get(node, field)
        if not isinstance(value, list):
            raise self._error(field, f"{field} is a list")
        return value
