"""Event sequences: steps filled one after the other, each later than the one before."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from muster.pql import bound
from muster.pql.bound import TRUE, Bound, Variable, conjunction
from muster.pql.emit.duckdb import sql
from muster.pql.emit.duckdb.sql import Sql
from muster.pql.emit.duckdb.times import same_clock
from muster.pql.emit.duckdb.values import Emission, Value, item_of, length, longer_than_none
from muster.pql.traversal import children, free_variables
from muster.pql.types import ArrayType, ObjectType


@dataclass(frozen=True, slots=True)
class _Step:
    """A step whose own part has been asked: `candidates` are the elements that pass it, `rest` mentions other steps."""

    variable: Variable
    time: Bound
    rest: Bound
    count: int
    candidates: Value


def sequence(e: Emission, node: bound.Sequence) -> Sql:
    """Elements can be assigned to the steps.

    What a step asks of its own element is asked once, before the search, and only what the search reads is carried into it: the
    engine copies what an inner loop sees for every turn of the outer one.
    """
    elements = e.ordered_elements(node.array) if _order_counts(node.steps) else e.elements(node.array)
    if elements is None:
        return sql.FALSE.copy()
    return e.held(elements, lambda held: _prepare(e, held, node.steps, ()))


def _order_counts(steps: tuple[bound.SequenceStep, ...]) -> bool:
    """Whether the last of several elements of one time is asked for."""
    return any(
        step.count > 1 and any(step.variable.id in free_variables(later) for later in steps[index:])
        for index, step in enumerate(steps, 1)
    )


def _prepare(
    e: Emission, elements: Value, steps: tuple[bound.SequenceStep, ...], ready: tuple[_Step, ...]
) -> Sql:
    """Find the candidates of the steps, then search."""
    if not steps:
        return _search(e, ready, None)
    step = steps[0]
    others = {each.variable.id for each in ready} | {each.variable.id for each in steps[1:]}
    operands = step.test.operands if isinstance(step.test, bound.And) else (step.test,)
    own = [operand for operand in operands if not free_variables(operand) & others]
    rest = [operand for operand in operands if free_variables(operand) & others]
    name = e.name()
    e.bind(step.variable, item_of(elements, sql.column(name)))
    time = e.value(step.time)
    if time is None:
        return sql.FALSE.copy()
    tests = [sql.is_present(time.sql), *(e.test(operand) for operand in own)]
    kept = sql.list_filter(elements.sql.copy(), name, sql.junction(tests, all_=True))
    readers = [*rest, step.time, *(each.test for each in steps[1:])]
    candidates = _narrowed(e, Value(kept, elements.type, clean=True), step.variable, readers)

    def go_on(held: Value) -> Sql:
        found = _Step(step.variable, step.time, conjunction(*rest), step.count, held)
        return _prepare(e, elements, steps[1:], (*ready, found))

    return e.held(candidates, go_on)


def _narrowed(e: Emission, candidates: Value, variable: Variable, readers: list[Bound]) -> Value:
    """The candidates with those fields alone that something reads."""
    type_ = candidates.type.element if isinstance(candidates.type, ArrayType) else candidates.type
    names = _fields_read(variable, readers)
    if names is None or not isinstance(type_, ObjectType):
        return candidates
    fields = {name: type_.fields[name] for name in sorted(names) if name in type_.fields}
    if not fields:
        return candidates
    item = e.name()
    packed = sql.struct({name: sql.field(sql.column(item), name) for name in fields})
    return Value(sql.list_transform(candidates.sql, item, packed), ArrayType(ObjectType(fields)), clean=True)


def _fields_read(variable: Variable, readers: list[Bound]) -> set[str] | None:
    """Names of the fields of a variable that are read; None when it is read as a whole."""
    names: set[str] = set()
    waiting: list[Bound] = list(readers)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Variable) and node.id == variable.id:
            return None
        if isinstance(node, bound.Member) and isinstance(node.object, Variable):
            if node.object.id == variable.id:
                names.add(node.name)
            continue
        waiting.extend(children(node))
    return names


def _search(e: Emission, steps: tuple[_Step, ...], after: Value | None) -> Sql:
    """Whether the steps can be filled with elements later than `after`.

    A step that no later one mentions takes the earliest elements it can, which leaves the most room. For one that is mentioned,
    every element that can be its last is tried.
    """
    step, later = steps[0], steps[1:]
    fitting = _fitting(e, step, after)
    if not later:
        return sql.binary(exp.GTE, length(fitting), sql.whole(step.count))
    if any(step.variable.id in free_variables(each.rest) for each in later):
        return e.held(fitting, lambda held: _some_last(e, held, steps))
    name = e.name()
    time = _time(e, step, item_of(fitting, sql.column(name)))
    moments = sql.list_transform(fitting.sql, name, time.sql)
    if step.count == 1:
        earliest = sql.call("LIST_MIN", moments)
    else:
        earliest = sql.call("LIST_EXTRACT", sql.call("LIST_SORT", moments), sql.whole(step.count))
    # Where too few fit there is no moment, and nothing is later than that.
    reached = Value(earliest, time.type, naive=time.naive)
    return e.held(reached, lambda held: _search(e, later, held))


def _fitting(e: Emission, step: _Step, after: Value | None) -> Value:
    """The candidates of a step that are later than the step before and pass what it asks of other steps."""
    name = e.name()
    time = _time(e, step, item_of(step.candidates, sql.column(name)))
    tests: list[Sql] = []
    if after is not None:
        moment, bound_ = same_clock(time, after)
        tests.append(sql.binary(exp.GT, moment.sql.copy(), bound_.sql.copy()))
    if step.rest != TRUE:
        tests.append(e.test(step.rest))
    if not tests:
        return step.candidates
    kept = sql.list_filter(step.candidates.sql.copy(), name, sql.junction(tests, all_=True))
    return Value(kept, step.candidates.type, clean=True)


def _some_last(e: Emission, fitting: Value, steps: tuple[_Step, ...]) -> Sql:
    """Some element that fits, and has enough others before it, lets the later steps be filled."""
    step, name, index = steps[0], e.name(), e.name()
    tests: list[Sql] = []
    time = _time(e, step, item_of(fitting, sql.column(name)))
    if step.count > 1:
        other, position = e.name(), e.name()
        other_time = _time(e, step, item_of(fitting, sql.column(other)))
        earlier = sql.binary(exp.LT, other_time.sql.copy(), time.sql.copy())
        beside = sql.binary(exp.EQ, other_time.sql, time.sql.copy())
        not_behind = sql.binary(exp.LTE, sql.column(position), sql.column(index))
        before = sql.any_of([earlier, sql.all_of([beside, not_behind])])
        enough = exp.ArrayFilter(this=fitting.sql.copy(), expression=sql.lambda_((other, position), before))
        tests.append(sql.binary(exp.GTE, length(Value(enough, fitting.type)), sql.whole(step.count)))
    # The name now stands for this element, in the steps that follow.
    e.bind(step.variable, item_of(fitting, sql.column(name)))
    tests.append(_search(e, steps[1:], time))
    lets = sql.junction(tests, all_=True)
    chosen = exp.ArrayFilter(this=fitting.sql.copy(), expression=sql.lambda_((name, index), lets))
    return longer_than_none(Value(chosen, fitting.type))


def _time(e: Emission, step: _Step, item: Value) -> Value:
    e.bind(step.variable, item)
    time = e.value(step.time)
    assert time is not None, "candidates have a time"
    return time
