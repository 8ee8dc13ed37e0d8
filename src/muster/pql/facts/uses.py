"""Where a query reads events, and how far back each of these readings must look.

Arrays that come from `xEvent` are followed through filters, paths and variables to where they are consumed: counted,
asked for an element, walked through by a sequence. The window of a use is what the conditions on the event's own
timestamp force on the way; a use that is consumed more than once needs the widest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from muster.pql import bound
from muster.pql.bound import FLIPPED, Bound, Variable, is_test
from muster.pql.errors import NOWHERE, Place, position
from muster.pql.facts.windows import Window, look_back, tightest, widest
from muster.pql.interpret import evaluate_constant
from muster.pql.normal import is_events
from muster.pql.traversal import binders, children, free_variables, rebuild, walk
from muster.pql.types import ANY, ArrayType

_TIME = ("timestamp",)
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_NONE = bound.ListOf(ArrayType(ANY), ())


@dataclass(frozen=True, slots=True)
class EventUse:
    """One reading of the events.

    Attributes:
        place: Where the query names `xEvent`.
        negated: It is asked that nothing happened: the condition around it holds without any event.
        window: How far back it looks; None when its conditions do not say.
        step: Number of the step, from 1, when it is one of several of a sequence.
    """

    place: Place
    negated: bool
    window: Window | None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class _Flow:
    """An array or element that comes from events.

    `path` leads there from the event, None when it was computed. `pending` arrays have not been consumed. Conditions
    on elements no longer narrow what is looked at once some of them were picked by their order (`narrows` False).
    """

    use: int
    window: Window | None
    path: tuple[str, ...] | None = ()
    narrows: bool = True
    pending: bool = True


_Env = Mapping[int, _Flow]
_Key = tuple[Place | int, int | None]


def event_uses(condition: Bound) -> tuple[EventUse, ...]:
    """The readings of events of a bound condition, in the order of the query."""
    reader = _Reader()
    reader.visit(condition, {}, negated=False)
    return tuple(sorted(reader.uses(), key=lambda use: (position(use.place), use.step or 0)))


class _Reader:
    def __init__(self) -> None:
        self._keys: list[tuple[_Key, Place]] = []
        self._found: dict[_Key, EventUse] = {}

    def uses(self) -> Iterable[EventUse]:
        return self._found.values()

    def visit(self, node: Bound, env: _Env, *, negated: bool) -> None:
        """Visit an expression whose value goes no further."""
        self._consume(self._value(node, env, negated), negated)

    def _consume(self, flow: _Flow | None, negated: bool, step: int | None = None) -> None:
        if flow is None or not flow.pending:
            return
        (origin, _), place = self._keys[flow.use]
        key = origin, step
        known = self._found.get(key)
        window = flow.window
        if window is not None and window.longest_ms < 0:
            # Only events that are still to come; there is nothing to look back at.
            window = Window()
        if known is not None:
            negated = negated and known.negated
            window = widest((known.window, window))
        self._found[key] = EventUse(place, negated, window, step)

    def _value(self, node: Bound, env: _Env, negated: bool) -> _Flow | None:
        """Visit an expression; what it is of the events is left to whoever reads on from it."""
        match node:
            case Variable(_, id_):
                return env.get(id_)
            case bound.Member() if is_events(node):
                # A copy of a reading, as in `notIn`, is the same reading; trees made by a program have no places.
                origin: Place | int = node.place if node.place != NOWHERE else id(node)
                self._keys.append(((origin, None), node.place))
                return _Flow(len(self._keys) - 1, None)
            case bound.Member(_, inner, name):
                return _onwards(self._value(inner, env, negated), name)
            case bound.Let(variable, value, body):
                flow = self._value(value, env, negated)
                return self._value(body, env if flow is None else {**env, variable.id: flow}, negated)
            case bound.Not(operand):
                self.visit(operand, env, negated=not negated)
                return None
            case bound.Sequence():
                self._sequence(node, env, negated)
                return None
            case bound.Distinct(_, array):
                return self._value(array, env, negated)
            case bound.Head(_, array):
                flow = self._value(array, env, negated)
                return None if flow is None else dataclasses.replace(flow, narrows=False)
        variables = binders(node)
        if variables:
            return self._loop(node, variables, env, negated)
        if _is_leaf(node) and _holds_without_events(node):
            negated = not negated
        for child in children(node):
            self.visit(child, env, negated=negated)
        return None

    def _loop(self, node: Bound, variables: tuple[Variable, ...], env: _Env, negated: bool) -> _Flow | None:
        source, *bodies = children(node)
        flow = self._value(source, env, negated)
        if flow is None:
            for body in bodies:
                self.visit(body, env, negated=negated)
            return None
        element = dataclasses.replace(flow, pending=False)
        if isinstance(node, bound.AnyOf | bound.Where) and flow.narrows:
            forced = _Forced({**env, node.variable.id: element}, node.variable.id).by(node.test)
            flow = dataclasses.replace(flow, window=tightest((flow.window, forced)))
            element = dataclasses.replace(element, window=flow.window)
        inner = {**env, variables[-1].id: element}
        results = [self._value(body, inner, negated) for body in bodies]
        for result in results:
            self._consume(result, negated)
        last = results[-1]
        if isinstance(node, bound.Where):
            return flow
        if isinstance(node, bound.Top):
            return dataclasses.replace(flow, narrows=False)
        if isinstance(node, bound.Lift | bound.MapOver):
            path = last.path if last is not None and not last.pending and last.use == flow.use else None
            return dataclasses.replace(flow, path=path)
        self._consume(flow, negated)
        return None

    def _sequence(self, node: bound.Sequence, env: _Env, negated: bool) -> None:
        flow = self._value(node.array, env, negated)
        earlier: Window | None = None
        for number, step in enumerate(node.steps, 1):
            if flow is not None:
                element = dataclasses.replace(flow, pending=False)
                forced = _Forced({**env, step.variable.id: element}, step.variable.id)
                window = tightest((flow.window, forced.by(step.test)))
                if forced.is_time(step.time):
                    # Every step is later than the one before.
                    window = earlier = tightest((earlier, window))
                env = {**env, step.variable.id: dataclasses.replace(element, window=window)}
                part = number if len(node.steps) > 1 else None
                self._consume(dataclasses.replace(flow, window=window), negated, part)
            self.visit(step.time, env, negated=negated)
            self.visit(step.test, env, negated=negated)


def _onwards(flow: _Flow | None, name: str) -> _Flow | None:
    if flow is None:
        return None
    return dataclasses.replace(flow, path=None if flow.path is None else (*flow.path, name))


@dataclass(frozen=True, slots=True)
class _Forced:
    """What a test forces on the time of one event: the variable number `target`, or the time itself under that number."""

    env: _Env
    target: int

    def by(self, test: Bound) -> Window | None:
        """The look-back outside of which the test is false; None when it may be true at any time."""
        match test:
            case bound.And(operands):
                return tightest(map(self.by, operands))
            case bound.Or(operands):
                return widest(map(self.by, operands))
            case bound.Not(operand):
                return self._by_failure(operand)
            case bound.Compare(operator, left, right, "instant"):
                if self.is_time(left):
                    return self._after(operator, right)
                return self._after(FLIPPED[operator], left) if self.is_time(right) else None
            case bound.AnyOf(source, _, inner):
                return tightest((self.by(inner), self._by_elements(source)))
            case bound.NonEmpty(value):
                return self._by_elements(value)
            case bound.IsTrue(value):
                return self.by(value)
            case bound.Choose(_, chosen, then, otherwise) if is_test(test):
                first = tightest((self.by(chosen), self.by(then)))
                return widest((first, tightest((self._by_failure(chosen), self.by(otherwise)))))
            case bound.Let(variable, value, body):
                flow = self._flow(value)
                env = self.env if flow is None else {**self.env, variable.id: flow}
                target = variable.id if self.is_time(value) else self.target
                inside = _Forced(env, target).by(body)
                return inside if target == self.target else tightest((inside, self.by(body)))
        return None

    def _by_failure(self, test: Bound) -> Window | None:
        """As `by`, for the test being false. An event without a time escapes every comparison."""
        match test:
            case bound.Not(operand):
                return self.by(operand)
            case bound.And(operands):
                return widest(map(self._by_failure, operands))
            case bound.Or(operands):
                return tightest(map(self._by_failure, operands))
        return None

    def _by_elements(self, array: Bound) -> Window | None:
        """What it forces that an array has an element."""
        match array:
            case bound.Where(source, _, test):
                return tightest((self.by(test), self._by_elements(source)))
            case bound.Lift(_, source) | bound.MapOver(_, source):
                return self._by_elements(source)
        return None

    def is_time(self, node: Bound) -> bool:
        """Whether the expression is the timestamp of the event."""
        match node:
            case Variable(_, id_) | bound.Member(_, Variable(_, id_)):
                flow = self._flow(node)
                return id_ == self.target and flow is not None and flow.path == _TIME
        return False

    def _flow(self, node: Bound) -> _Flow | None:
        match node:
            case Variable(_, id_):
                return self.env.get(id_)
            case bound.Member(_, inner, name):
                return _onwards(self._flow(inner), name)
        return None

    def _after(self, operator: str, limit: Bound) -> Window | None:
        return self._reach(limit) if operator in (">", ">=", "=") else None

    def _reach(self, limit: Bound) -> Window | None:
        """How far back a limit lies: by itself, or because an event that it names does not lie further back."""
        if isinstance(limit, bound.Shift):
            window = self._reach(limit.value)
            return None if window is None else window.reaching(limit.amount, limit.unit)
        flow = self._flow(limit)
        if flow is not None and flow.path == _TIME and not self.is_time(limit):
            return flow.window
        return look_back(limit)


# --- absence


def _is_leaf(node: Bound) -> bool:
    """Whether the node is a test whose parts are no tests on which its truth simply depends."""
    return isinstance(node, bound.Test) and not isinstance(node, bound.And | bound.Or | bound.SequenceStep)


def _holds_without_events(test: Bound) -> bool:
    """Whether a test, such as `xEvent.count() < 3`, is true for a person without events whatever else is known."""
    if not any(is_events(part) for part in walk(test)):
        return False
    bare = _without_events(test)
    if free_variables(bare) or any(isinstance(part, bound.InSegment) for part in walk(bare)):
        return False
    return evaluate_constant(bare, now=_ANY_DAY) is True


def _without_events(node: Bound) -> Bound:
    if is_events(node):
        return _NONE
    changed = rebuild(node, _without_events)
    match changed:
        case (
            bound.Where(source) | bound.Distinct(_, source) | bound.Top(_, source) | bound.MapOver(_, source)
        ):
            return _NONE if source == _NONE else changed
        case bound.Lift(of, source) if source == _NONE:
            return bound.Missing(of)
        case bound.AnyOf(source) if source == _NONE:
            return bound.FALSE
        case bound.Sequence(array) if array == _NONE:
            return bound.FALSE
    return changed
