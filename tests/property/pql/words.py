"""What a writer of random queries says first: choices, names, literals."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.property.pql.sight import Found, Sight, kind_of, paths_from
from tests.property.pql.world import EVENT, ORDER

from muster.pql import ArrayType, Type

T = TypeVar("T")
Rule = Callable[[Sight, int], str]
Typed = Callable[[Sight, int], Found]

EVENTS = ArrayType(EVENT)
ORDERS = ArrayType(ORDER)
SIGNS = ("=", "!=", "<", "<=", ">", ">=")
UNITS = (
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "decade",
    "century",
    "millennium",
)
TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "aB",
    "é",
    "É",
    "ß",
    "日本",
    "a%b",
    "_",
    "12",
    "1.5",
    "true",
    "buy",
    "view",
    "x\ny",
)


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class Words(ABC):
    """The parts that all rules use, and those of the language that refer to each other.

    A rule gives a text that may stand as an operand and as a receiver: whatever is loose comes in parentheses. `depth` bounds
    the nesting; at 0 only names and literals are left.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._variables = 0

    def one(self, options: Sequence[T]) -> T:
        return self._chance.choice(options)

    def sign(self) -> str:
        return str(self.one(SIGNS))

    def rule(self, rules: Sequence[Rule], sight: Sight, depth: int) -> str:
        return str(self.one(rules)(sight, depth))

    # --- names

    def path(self, kind: str, sight: Sight) -> Found | None:
        """A path to a value of a kind, or a name that is one; None when nothing in sight is."""
        options: list[tuple[str, tuple[Found, ...]]] = [
            (root, found)
            for root, type_ in sight.roots()
            if (found := paths_from(type_).get(kind)) is not None
        ]
        whole = tuple(pair for pair in sight.whole() if kind_of(pair[1]) == kind)
        if whole:
            options += [("", whole)] * 3
        if not options:
            return None
        root, found = self.one(options)
        text, type_ = self.one(found)
        return root + text, type_

    def name(self) -> str:
        """A variable that no field is named like; now and then one that hides another."""
        self._variables += 1
        return str(self.one([f"V{self._variables}", f"V{self._variables}", "V1", "`in`"]))

    def fallback(self, kind: str, sight: Sight, otherwise: str) -> str:
        found = self.path(kind, sight)
        return otherwise if found is None else found[0]

    # --- the language

    @abstractmethod
    def text(self, sight: Sight, depth: int) -> str: ...

    @abstractmethod
    def number(self, sight: Sight, depth: int) -> str: ...

    @abstractmethod
    def time(self, sight: Sight, depth: int) -> str: ...

    @abstractmethod
    def texts(self, sight: Sight, depth: int) -> str: ...

    @abstractmethod
    def numbers(self, sight: Sight, depth: int) -> str: ...

    @abstractmethod
    def times(self, sight: Sight, depth: int) -> str: ...

    @abstractmethod
    def numbers_map(self, sight: Sight, depth: int) -> str:
        """A map of numbers."""

    @abstractmethod
    def objects(self, sight: Sight, depth: int) -> Found:
        """An array of objects, with the type of its elements."""

    @abstractmethod
    def object(self, sight: Sight, depth: int) -> Found: ...

    @abstractmethod
    def mapping(self, sight: Sight, depth: int) -> Found:
        """A map, with the type of its values."""

    @abstractmethod
    def per_element(self, sight: Sight, element: Type, depth: int, write: Rule) -> str:
        """An argument that is evaluated per element: an expression in its scope, or a lambda that has both."""

    @abstractmethod
    def clauses(self, sight: Sight, depth: int, count: int, array: Typed | None = None) -> tuple[str, Sight]:
        """`V from A where c, …`, and what is seen after it."""

    @abstractmethod
    def tuples(self, sight: Sight, depth: int) -> str:
        """A selection with one or several variables."""

    @abstractmethod
    def test(self, sight: Sight, depth: int) -> str:
        """A condition of any type."""

    @abstractmethod
    def boolean(self, sight: Sight, depth: int) -> str:
        """A test of type boolean."""
