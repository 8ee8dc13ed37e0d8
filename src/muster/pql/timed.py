"""What a query asks of time: `occurs`, and sequences of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muster.pql import bound, occurs, syntax
from muster.pql.bound import FALSE, Bound, Missing, Variable, conjunction
from muster.pql.compare import any_of, element
from muster.pql.types import ANY, TEMPORAL, AnyType, ArrayType, ObjectType

if TYPE_CHECKING:
    from muster.pql.bind import Binder, Env


def _anchor(binder: Binder, anchor: syntax.Anchor, env: Env) -> occurs.Span | None:
    if isinstance(anchor, syntax.Period):
        return occurs.period_span(anchor)
    value = binder.expr(anchor, env)
    if value.type == ANY:
        return None
    if value.type not in TEMPORAL:
        binder.mismatch(anchor.place, "date or date-time", value.type)
        return None
    return occurs.value_span(value)


def _when(binder: Binder, when: syntax.When, time: Bound, env: Env) -> Bound:
    match when:
        case syntax.Between(lower, upper):
            first, last = _anchor(binder, lower, env), _anchor(binder, upper, env)
            return FALSE if first is None or last is None else occurs.between(time, first, last)
        case syntax.During(anchor):
            span = _anchor(binder, anchor, env)
            return FALSE if span is None else occurs.within(time, span)
        case syntax.Side(direction, anchor):
            span = _anchor(binder, anchor, env)
            return FALSE if span is None else occurs.beside(time, direction, span)
        case syntax.Distance(_, _, _, _, anchor):
            span = _anchor(binder, anchor, env)
            return FALSE if span is None else occurs.distant(time, when, span)
    raise TypeError(f"no meaning of {type(when).__name__}")


def occurs_test(binder: Binder, node: syntax.Occurs, env: Env) -> Bound:
    """A time, or some time of an array, is where `occurs` says."""
    time = binder.expr(node.value, env)
    inner = time.type
    while isinstance(inner, ArrayType):
        inner = inner.element
    if inner == ANY:
        time = Missing(ANY)
    elif inner not in TEMPORAL:
        time = binder.mismatch(node.value.place, "date or date-time", inner)
    return _lifted_when(binder, time, node.when, env)


def _lifted_when(binder: Binder, time: Bound, when: syntax.When, env: Env) -> Bound:
    if isinstance(time.type, ArrayType):
        variable = binder.new(time.type.element)
        return any_of(time, variable, _lifted_when(binder, variable, when, env))
    if isinstance(time, Variable | bound.Member | Missing):
        return _when(binder, when, time, env)
    # The time may be read twice; a variable keeps a long expression from doubling with each nesting.
    variable = binder.new(time.type)
    return bound.Let(variable, time, _when(binder, when, variable, env))


def chain(binder: Binder, node: syntax.Chain, env: Env) -> Bound:
    """Elements follow each other in time, one for each step."""
    array = binder.expr(node.array, env)
    inner = element(array.type)
    objects = isinstance(array.type, ArrayType) and isinstance(inner, ObjectType | AnyType)
    if array.type != ANY and not objects:
        binder.mismatch(node.array.place, "array of objects", array.type)
        array, inner = Missing(ANY), ANY
    steps: list[bound.SequenceStep] = []
    names: set[str] = set()
    for index, step in enumerate(node.steps):
        if step.name in names:
            binder.fail(step.place, "DUPLICATE_NAME", f"two steps are named {step.name}", found=step.name)
        names.add(step.name)
        variable = binder.new(inner)
        env = env.bind(step.name, variable)
        steps.append(_step(binder, node, step, variable, env.enter(variable), first=index == 0))
    if len(steps) > 1 or steps[0].count > 1:
        return bound.Sequence(array, tuple(steps))
    only = steps[0]
    return any_of(array, only.variable, conjunction(bound.Present(only.time), only.test))


def _step(
    binder: Binder, chain: syntax.Chain, step: syntax.Step, variable: Variable, env: Env, *, first: bool
) -> bound.SequenceStep:
    errors = len(binder.errors)
    time = _time_field(binder, chain, variable)
    if not first:
        # The time field is the same in every step; its errors are noted once.
        del binder.errors[errors:]
    tests = [binder.condition(step.what, env)]
    tests += [binder.condition(condition, env) for condition in step.where]
    tests += [binder.notes.note_when(when, _when(binder, when, time, env)) for when in step.when]
    return bound.SequenceStep(variable, time, conjunction(*tests), step.count or 1)


def _time_field(binder: Binder, chain: syntax.Chain, variable: Variable) -> Bound:
    value: Bound = variable
    for name, place in zip(chain.time, chain.time_places, strict=True):
        value = binder.member(value, name, place)
    if value.type not in TEMPORAL and value.type != ANY:
        return binder.mismatch(chain.time_places[-1], "date or date-time", value.type)
    return value
