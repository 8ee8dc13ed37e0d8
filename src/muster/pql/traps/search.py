"""The search for warnings.

The binder notes what every part of the query came to mean; then the query is gone through once as it was written, so
that each warning has its place and, where there is a better way to say it, the text of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from muster.pql import bound, syntax
from muster.pql.bound import PROFILE_ID, Bound, BoundQuery, Notes, Variable, conjunction
from muster.pql.errors import Place, PqlWarning, position
from muster.pql.facts.verdicts import Verdicts
from muster.pql.facts.windows import can_never_hold
from muster.pql.normal import is_always_present
from muster.pql.printer import print_text
from muster.pql.temporal import FIXED_UNITS
from muster.pql.traps.comparisons import comparison_traps
from muster.pql.traps.limits import Sizes
from muster.pql.traversal import substitute, walk
from muster.pql.types import ANY, DATE, DATETIME, ArrayType, Type

NEVER_HOLDS = "NEVER_HOLDS"

_POSITIVE = {
    "doesNotStartWith": "startsWith",
    "doesNotEndWith": "endsWith",
    "doesNotContain": "contains",
    "notEqualTo": "equals",
}
_FIELDS: dict[type[syntax.Node], tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class _TimeTest:
    """Conditions on time that hold together, each with its place.

    `inner` is how many of the tests before it in the query are parts of it.
    """

    parts: tuple[tuple[Place, Bound], ...]
    inner: int


def warnings_of(query: BoundQuery, now: datetime | None = None) -> tuple[PqlWarning, ...]:
    """All that looks unintended in a query, in its order.

    With `now`, also conditions on time that could hold once, but can no longer from this *now* on.
    """
    tree = query.notes.tree
    if tree is None:
        return ()
    search = _Search(query.notes)
    search.visit(tree.body if isinstance(tree, syntax.Lambda) else tree, frozenset(), negated=False)
    limits = search.sizes.warnings(query.condition, query.notes.conditions, query.schema)
    return _ordered((*search.found, *limits, *_impossible(search.time_tests, now)))


def _ordered(warnings: Iterable[PqlWarning]) -> tuple[PqlWarning, ...]:
    return tuple(sorted(dict.fromkeys(warnings), key=lambda warning: position(warning.place)))


def _parts(node: syntax.Node) -> Iterator[syntax.Node]:
    kind = type(node)
    names = _FIELDS.get(kind)
    if names is None:
        names = _FIELDS[kind] = tuple(each.name for each in dataclasses.fields(kind) if each.compare)
    for name in names:
        yield from _nodes(getattr(node, name))


def _nodes(value: Any) -> Iterator[syntax.Node]:
    if isinstance(value, syntax.Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


_Known = frozenset[Bound]
"""Values about which it is decided beside the test at hand what happens when they are missing."""


class _Search:
    """Goes through a query and collects warnings and conditions on time."""

    def __init__(self, notes: Notes) -> None:
        self.found: list[PqlWarning] = []
        self.time_tests: list[_TimeTest] = []
        self.sizes = Sizes()
        self._notes = notes
        self._verdicts = Verdicts()

    def visit(self, node: syntax.Node, known: _Known, *, negated: bool) -> bool:
        """Look at a part and all it is made of; tells whether a condition in it is the same for everybody."""
        if isinstance(node, syntax.Literal):
            return False
        self.sizes.see(node)
        if isinstance(node, syntax.Logic):
            known |= frozenset(self._decided(node))
        if isinstance(node, syntax.Not):
            negated = not negated
        first = len(self.time_tests)
        constant = False
        for part in _parts(node):
            constant |= self.visit(part, known, negated=negated)
        match node:
            case syntax.Binary():
                self._binary(node, known, negated)
            case syntax.Call() if node.name in _POSITIVE:
                self._negative_text(node, known, negated)
            case syntax.Occurs(value, when):
                self._exact_distance(when, self._type(value))
            case syntax.Step(_, _, _, whens):
                for when in whens:
                    self._exact_distance(when, DATETIME)
        self._time_test(node, first)
        return constant or self._same_for_all(node)

    def _warn(self, code: str, message: str, place: Place, suggestion: syntax.Expr | None = None) -> None:
        self.found.append(
            PqlWarning(code, message, place, None if suggestion is None else print_text(suggestion))
        )

    def _type(self, node: syntax.Node) -> Type:
        return self._notes.values[id(node)].type

    # --- missing values, arrays

    def _decided(self, node: syntax.Logic) -> Iterator[Bound]:
        for operand in node.operands:
            match self._notes.tests.get(id(operand)):
                case bound.Present(value) if node.operator == "and":
                    yield value
                case bound.Not(bound.Present(value)) if node.operator == "or":
                    yield value

    def _binary(self, node: syntax.Binary, known: _Known, negated: bool) -> None:
        left, right = self._type(node.left), self._type(node.right)
        if node.operator not in (*syntax.COMPARISONS, "in", "notIn") or ANY in (left, right):
            return
        if node.operator in ("!=", "notIn"):
            positive = dataclasses.replace(node, operator="=" if node.operator == "!=" else "in")
            lifted = isinstance(left, ArrayType) != (node.operator == "!=" and isinstance(right, ArrayType))
            if lifted:
                self._some_element(node, positive, node.place)
            else:
                self._left_out(node, positive, (node.left, node.right), known, negated)
        self.found += comparison_traps(node, _scalar(left), _scalar(right))

    def _negative_text(self, node: syntax.Call, known: _Known, negated: bool) -> None:
        assert node.receiver is not None, "text tests are methods"
        positive = dataclasses.replace(node, name=_POSITIVE[node.name])
        if isinstance(self._type(node.receiver), ArrayType):
            self._some_element(node, positive, node.place)
            return
        given = (argument for argument in node.arguments if isinstance(argument, syntax.Expr))
        self._left_out(node, positive, (node.receiver, *given), known, negated)

    def _some_element(self, node: syntax.Expr, positive: syntax.Expr, place: Place) -> None:
        message = f"{print_text(node)} is true as soon as one element is another, also when others are not"
        if isinstance(node, syntax.Binary) and node.operator == "!=":
            array, other = node.left, node.right
            if not isinstance(self._type(array), ArrayType):
                array, other = other, array
            message = f"{print_text(node)} means that {print_text(array)} has an element other than {print_text(other)}"
        self._warn("SOME_ELEMENT", message, place, syntax.Not(positive))

    def _left_out(
        self,
        node: syntax.Expr,
        positive: syntax.Expr,
        sides: Sequence[syntax.Expr],
        known: _Known,
        negated: bool,
    ) -> None:
        meanings = [(side, self._notes.values.get(id(side))) for side in sides]
        absent = [
            (side, value)
            for side, value in meanings
            if value is not None and _may_be_missing(value) and value not in known
        ]
        if not absent:
            return
        names = " or ".join(dict.fromkeys(print_text(side) for side, _ in absent))
        who = "profiles" if any(_is_of_profile(value) for _, value in absent) else "elements"
        message = f"{print_text(node)} is false where {names} is missing, so {who} without it are "
        if negated:
            self._warn("LEFT_OUT", f"{message}let in by the not around it", node.place)
        else:
            self._warn("LEFT_OUT", f"{message}left out", node.place, syntax.Not(positive))

    # --- time

    def _exact_distance(self, when: syntax.When, type_: Type) -> None:
        if not isinstance(when, syntax.Distance) or when.comparison not in ("=", "!="):
            return
        anchor_is_day = isinstance(when.anchor, syntax.Period) or self._type(when.anchor) == DATE
        whole_days = when.unit not in FIXED_UNITS or when.unit in ("day", "week")
        if _scalar(type_) == DATE and anchor_is_day and whole_days:
            return
        message = f"{when.comparison} in a distance is exact to the millisecond; for a whole day use on"
        self.found.append(PqlWarning("EXACT_DISTANCE", message, when.place, "on"))

    def _time_test(self, node: syntax.Node, first: int) -> None:
        parts = tuple(self._together(node))
        if any(_is_about_time(test) for _, test in parts):
            self.time_tests.append(_TimeTest(parts, len(self.time_tests) - first))

    def _together(self, node: syntax.Node) -> Iterator[tuple[Place, Bound]]:
        """The tests of one element that hold together where this part of the query begins to say so."""
        tests, meanings = self._notes.tests, self._notes.values
        match node:
            case syntax.Occurs():
                yield node.place, meanings[id(node)]
            case syntax.Logic("and", operands):
                for operand in operands:
                    yield operand.place, tests[id(operand)]
            case syntax.Step(_, what, where, whens):
                for condition in (what, *where):
                    yield condition.place, tests[id(condition)]
                for when in whens:
                    yield when.place, meanings[id(when)]
            case syntax.Filter(syntax.Filter(), _):
                yield from self._filters(node)

    def _filters(self, node: syntax.Expr) -> Iterator[tuple[Place, Bound]]:
        filters: list[tuple[Place, bound.Where]] = []
        while isinstance(node, syntax.Filter) and isinstance(
            meaning := self._notes.values[id(node)], bound.Where
        ):
            filters.append((node.condition.place, meaning))
            node = node.array
        for place, meaning in reversed(filters):
            yield place, substitute(meaning.test, {meaning.variable.id: filters[0][1].variable})

    # --- the same for everybody

    def _same_for_all(self, node: syntax.Node) -> bool:
        test = self._notes.tests.get(id(node))
        if test is None or not isinstance(node, syntax.Expr) or isinstance(node, syntax.Literal):
            return False
        value = self._verdicts.of(test)
        if value is None or self._names_nothing(node):
            return False
        self._warn(
            "CONSTANT_CONDITION", f"{print_text(node)} is always {'true' if value else 'false'}", node.place
        )
        return True

    def _names_nothing(self, node: syntax.Node) -> bool:
        """Whether a part reads fields that nobody has declared yet."""
        if isinstance(self._notes.values.get(id(node)), bound.Missing):
            return True
        return any(self._names_nothing(part) for part in _parts(node))


def _impossible(tests: Sequence[_TimeTest], now: datetime | None) -> Iterator[PqlWarning]:
    """A warning for each smallest part of the query whose conditions on time contradict each other."""
    flagged: list[bool] = []
    for index, test in enumerate(tests):
        inside = any(flagged[index - test.inner : index])
        alone = not inside and can_never_hold(conjunction(*(part for _, part in test.parts)), now)
        flagged.append(inside or alone)
        if alone:
            yield PqlWarning(NEVER_HOLDS, *_contradiction(test, now))


def _contradiction(test: _TimeTest, now: datetime | None) -> tuple[str, Place]:
    """The text, and the place of the first part that cannot hold together with those before it."""
    held: list[Bound] = []
    for _, part in test.parts:
        held.append(part)
        if can_never_hold(conjunction(*held), now):
            break
    place, _ = test.parts[len(held) - 1]
    lapsed = now is not None and not can_never_hold(conjunction(*held))
    beside = " together with what is said before it" if len(held) > 1 else ""
    return f"this window{beside} can never hold{' any more' if lapsed else ''}", place


def _is_about_time(test: Bound) -> bool:
    return any(isinstance(part, bound.Compare) and part.kind == "instant" for part in walk(test))


def _scalar(type_: Type) -> Type:
    while isinstance(type_, ArrayType):
        type_ = type_.element
    return type_


def _may_be_missing(value: Bound) -> bool:
    """Whether the value is stored, or made of what is stored, and need not be there. An element of an array is."""
    if is_always_present(value) or isinstance(value, Variable):
        return False
    return any(isinstance(part, bound.Member | bound.Entry) for part in walk(value))


def _is_of_profile(value: Bound) -> bool:
    return any(isinstance(part, Variable) and part.id == PROFILE_ID for part in walk(value))


__all__ = ["NEVER_HOLDS", "warnings_of"]
