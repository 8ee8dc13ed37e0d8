"""The compiler's core: a bound expression becomes a function of a *frame*.

A frame is a list that lives for one evaluation. Its first places hold the inputs; each variable has a place, and so
has each value that is computed once: those that depend on *now* alone, filled when the instant is known, and those
inside of a loop that do not depend on the loop, filled when they are first asked for. What a node of each kind
becomes is in the tables of `paths`, `scalars`, `conditions`, `arrays` and `sequences`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from muster.pql import bound
from muster.pql.bound import PROFILE_ID, Bound, BoundQuery, Variable
from muster.pql.emit.closures.readers import in_order, reader
from muster.pql.normal import is_events
from muster.pql.traversal import binders, children
from muster.pql.types import ArrayType, MapType

Frame = list[Any]
Code = Callable[[Frame], Any]
"""The value of an expression, None when it is missing; of a test, always True or False."""

PROFILE, NOW, MEMBERSHIPS, ENTITIES, EVENTS, EVENTS_IN_ORDER = range(6)
"""Places of the inputs: the profile, the instant in milliseconds, memberships or None, the entities; then the events."""
_FIRST_FREE = 6
_UNKNOWN = object()

_LEAVES = (bound.Constant, bound.Missing, Variable)
_COSTLY = (
    *(bound.Lift, bound.MapOver, bound.Where, bound.AnyOf, bound.SameElements, bound.Count, bound.Aggregate),
    *(bound.Distinct, bound.Top, bound.GroupBy, bound.Keys, bound.Values, bound.PairsOver, bound.MapEntries),
    bound.Sequence,
)


class Handler(Protocol):
    """Compiles one kind of node; with `ordered` False nobody looks at the order of the array that results."""

    def __call__(self, compiler: Compiler, node: Any, /, *, ordered: bool) -> Code: ...


@dataclass(frozen=True, slots=True)
class Loop:
    """The elements of `source` for which `test` holds, each put at `slot` before."""

    source: Code
    slot: int
    test: Code | None


class Compiler:
    """Compiles the expressions of one query."""

    def __init__(self, query: BoundQuery, handlers: Mapping[type[Bound], Handler]) -> None:
        self.query = query
        self.size = _FIRST_FREE
        self.fixed: list[tuple[int, Code]] = []
        self._handlers = handlers
        self._slots: dict[int, int] = {PROFILE_ID: PROFILE}
        self._memos: list[int] = []
        self._folds = True
        self._loops = 0
        self._free: dict[int, tuple[Bound, frozenset[int]]] = {}

    # --- expressions

    def code(self, node: Bound, *, ordered: bool = True) -> Code:
        """The function that gives the value of an expression."""
        slot = self.fixed_slot(node)
        if slot is not None:
            return lambda frame: frame[slot]
        if self._is_invariant(node):
            return self._once(node, ordered)
        return self._handlers[type(node)](self, node, ordered=ordered)

    def free(self, node: Bound) -> frozenset[int]:
        """The variables that an expression depends on. What reads other inputs counts as reading the profile."""
        known = self._free.get(id(node))
        if known is None:
            # The node is kept, so that its number stays its own.
            known = self._free[id(node)] = (node, self._find_free(node))
        return known[1]

    def _find_free(self, node: Bound) -> frozenset[int]:
        if isinstance(node, Variable):
            return frozenset((node.id,))
        found: set[int] = {PROFILE_ID} if isinstance(node, bound.InSegment | bound.Follow) else set()
        for child in children(node):
            found |= self.free(child)
        own = {variable.id for variable in binders(node)}
        if isinstance(node, bound.Sequence):
            own = {step.variable.id for step in node.steps}
        return frozenset(found - own)

    # --- what is computed once

    def fix(self, code: Code) -> int:
        """The place of a value that depends on *now* alone."""
        slot = self.slot()
        self.fixed.append((slot, code))
        return slot

    def is_fixed(self, node: Bound) -> bool:
        """Whether the value of an expression is the same for all profiles, and may be computed before they come."""
        return self._folds and not self.free(node)

    def fixed_slot(self, node: Bound) -> int | None:
        """The place of an expression that depends on *now* alone; None for others, and for literals."""
        if isinstance(node, _LEAVES) or not self.is_fixed(node):
            return None
        # Everything inside is computed with it, so nothing inside needs a place of its own.
        self._folds, loops, self._loops = False, self._loops, 0
        code = self._handlers[type(node)](self, node, ordered=True)
        self._folds, self._loops = True, loops
        return self.fix(code)

    def is_kept(self, node: Bound) -> bool:
        """Whether the value of an expression is computed once at most, and so must be asked for as a whole."""
        return self.is_fixed(node) or self._is_invariant(node)

    def _is_invariant(self, node: Bound) -> bool:
        """Whether an expression is worth keeping, because a loop around it asks for the same value again."""
        if not self._loops or not self.free(node) <= {PROFILE_ID}:
            return False
        if isinstance(node, bound.Member):
            return isinstance(node.of, ArrayType | MapType) and not is_events(node)
        return isinstance(node, _COSTLY)

    def _once(self, node: Bound, ordered: bool) -> Code:
        loops, self._loops = self._loops, 0
        code = self._handlers[type(node)](self, node, ordered=ordered)
        self._loops = loops
        slot = self.slot()
        self._memos.append(slot)

        def once(frame: Frame) -> Any:
            value = frame[slot]
            if value is _UNKNOWN:
                value = frame[slot] = code(frame)
            return value

        return once

    def template(self) -> Frame:
        """A frame in which nothing is known yet."""
        frame: Frame = [None] * self.size
        for slot in self._memos:
            frame[slot] = _UNKNOWN
        return frame

    # --- places and variables

    def slot(self) -> int:
        """A new place in the frame."""
        self.size += 1
        return self.size - 1

    def slot_of(self, variable: Variable) -> int:
        """The place of a variable that is bound here."""
        return self._slots[variable.id]

    @contextmanager
    def bound_at(self, slot: int, *variables: Variable) -> Iterator[None]:
        """Inside, the variables stand for what is at the place."""
        hidden = self._slots
        self._slots = {**hidden, **{variable.id: slot for variable in variables}}
        yield
        self._slots = hidden

    @contextmanager
    def looping(self) -> Iterator[None]:
        """Inside, what is compiled is evaluated again and again."""
        self._loops += 1
        yield
        self._loops -= 1

    @contextmanager
    def loop(self, source: Bound, *variables: Variable, ordered: bool = True) -> Iterator[Loop]:
        """A loop over an array with the variables bound inside; filters of the array become the loop's test."""
        filters: list[bound.Where] = []
        while isinstance(source, bound.Where) and not self.is_kept(source):
            filters.insert(0, source)
            source = source.source
        array, slot, test = self.code(source, ordered=ordered), self.slot(), None
        with self.looping():
            for each in filters:
                with self.bound_at(slot, each.variable):
                    test = both(test, self.code(each.test))
            with self.bound_at(slot, *variables):
                yield Loop(array, slot, test)

    # --- events

    def events(self, *, ordered: bool) -> Code:
        """The events of the profile, each an object; found once, and put in order only for those who care."""
        type_ = self.query.schema.fields.get("xEvent")
        if not isinstance(type_, ArrayType):
            return lambda frame: []
        read, event = reader(type_), type_.element

        def events_as_stored(frame: Frame) -> list[Any]:
            events: list[Any] | None = frame[EVENTS]
            if events is None:
                events = frame[EVENTS] = read(frame[PROFILE].get("xEvent")) or []
            return events

        def events_in_order(frame: Frame) -> list[Any]:
            events: list[Any] | None = frame[EVENTS_IN_ORDER]
            if events is None:
                events = frame[EVENTS_IN_ORDER] = in_order(events_as_stored(frame), event)
            return events

        return events_in_order if ordered else events_as_stored


def plain(handler: Callable[[Compiler, Any], Code]) -> Handler:
    """A handler of nodes to which it makes no difference whether order matters."""

    def handle(compiler: Compiler, node: Any, /, *, ordered: bool) -> Code:
        return handler(compiler, node)

    return handle


def both(first: Code | None, second: Code) -> Code:
    """The test that both hold."""
    if first is None:
        return second
    return lambda frame: first(frame) and second(frame)
