"""The judge: one profile, one bound query, the rules written out as plainly as they can be.

Every other evaluator must agree with this one on every profile. It is written to be read, not to be fast.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any

from muster.pql import bound, temporal, values
from muster.pql.bound import PROFILE_ID, Bound, BoundQuery
from muster.pql.like import is_like
from muster.pql.regex import compile_pattern
from muster.pql.temporal import from_ms, to_ms
from muster.pql.traversal import free_variables
from muster.pql.types import DATETIME, INTEGER, MEMBERSHIPS, ArrayType, ObjectType, Type
from muster.pql.values import Value

Entities = Mapping[str, Mapping[str, Mapping[str, Any]]]


def matches(
    query: BoundQuery,
    profile: Mapping[str, Any],
    *,
    now: datetime,
    memberships: Mapping[str, bool] | None = None,
    entities: Entities | None = None,
) -> bool:
    """Whether a profile satisfies a query.

    Args:
        query: What `bind` gave.
        profile: JSON-like data; dates and date-times may be text or Python's; the events are the list `xEvent`.
        now: The instant of the evaluation; without a zone it is UTC.
        memberships: Fresh results of other definitions, by id. For ids not in it the stored membership counts.
        entities: Items that references lead to: entity → key → object.
    """
    return Evaluation(query, profile, now=now, memberships=memberships, entities=entities).test(
        query.condition
    )


def holds(
    expression: Bound,
    query: BoundQuery,
    profile: Mapping[str, Any],
    *,
    now: datetime,
    memberships: Mapping[str, bool] | None = None,
    entities: Entities | None = None,
) -> bool:
    """Whether a profile satisfies one test of a query, such as the `expression` of an atom; as `matches`."""
    evaluation = Evaluation(query, profile, now=now, memberships=memberships, entities=entities)
    return evaluation.test(expression)


def evaluate_constant(node: Bound, *, now: datetime) -> Value:
    """The value of an expression without free variables: text, number, truth value, date, list … or None."""
    empty = ObjectType({})
    return Evaluation(BoundQuery(node, empty, {}), {}, now=now).value(node)


class Evaluation:
    """One profile at one instant; evaluates any expression of a query over it."""

    def __init__(
        self,
        query: BoundQuery,
        profile: Mapping[str, Any],
        *,
        now: datetime,
        memberships: Mapping[str, bool] | None = None,
        entities: Entities | None = None,
    ) -> None:
        aware = now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)
        self._now = aware.replace(microsecond=aware.microsecond // 1000 * 1000)
        self._raw = profile
        self._memberships = memberships or {}
        self._query = query
        self._items = entities or {}
        self._profile = _Stored(profile, query.schema)
        self._env: dict[int, Value] = {PROFILE_ID: self._profile}

    def test(self, node: Bound) -> bool:
        """The value of a test."""
        return self.value(node) is True

    def value(self, node: Bound) -> Value:
        """The value of an expression, None when it is missing."""
        return getattr(self, f"_{type(node).__name__}")(node)

    # --- leaves

    def _Constant(self, node: bound.Constant) -> Value:
        return node.value

    def _Missing(self, node: bound.Missing) -> Value:
        return None

    def _Variable(self, node: bound.Variable) -> Value:
        return self._env[node.id]

    def _Moment(self, node: bound.Moment) -> Value:
        try:
            return temporal.moment(node.word, self._now)
        except OverflowError:
            return None

    def _PeriodEdge(self, node: bound.PeriodEdge) -> Value:
        return from_ms(temporal.period_edge(to_ms(self._now), node.which, node.unit, node.edge))

    def _InSegment(self, node: bound.InSegment) -> Value:
        if node.segment_id in self._memberships:
            return self._memberships[node.segment_id]
        stored = values.read(self._raw.get("segmentMembership"), MEMBERSHIPS) or {}
        entry = stored.get("ups", {}).get(node.segment_id, {})
        until = entry.get("validUntil")
        return entry.get("status") in values.MEMBER_STATUSES and (until is None or until > self._now)

    # --- reaching values

    def _Member(self, node: bound.Member) -> Value:
        target = self.value(node.object)
        if isinstance(target, _Stored):
            return target.read(node.name)
        return None if target is None else target.get(node.name)

    def _Entry(self, node: bound.Entry) -> Value:
        entries, key = self.value(node.map), self.value(node.key)
        return None if entries is None or key is None else entries.get(key)

    def _Follow(self, node: bound.Follow) -> Value:
        key = self.value(node.reference)
        item = self._items.get(node.entity, {}).get(key) if key is not None else None
        schema = self._query.entities.get(node.entity)
        return None if item is None or schema is None else _Stored(item, schema)

    def _ListOf(self, node: bound.ListOf) -> Value:
        return [value for value in map(self.value, node.items) if value is not None]

    def _Record(self, node: bound.Record) -> Value:
        entries = ((key, self.value(part)) for key, part in node.entries)
        return {key: value for key, value in entries if value is not None}

    def _elements(self, node: Bound) -> list[Value]:
        """The elements of an array; none of a missing one."""
        return self.value(node) or []

    def _with(self, variable: bound.Variable, value: Value, node: Bound) -> Value:
        """The value of a part with a variable bound."""
        hidden = self._env.get(variable.id)
        self._env[variable.id] = value
        result = self.value(node)
        self._env[variable.id] = hidden
        return result

    def _results(self, node: bound.Lift | bound.MapOver) -> list[Value]:
        results = (self._with(node.variable, item, node.body) for item in self._elements(node.source))
        return _joined(results)

    def _Lift(self, node: bound.Lift) -> Value:
        return self._results(node) or None

    def _MapOver(self, node: bound.MapOver) -> Value:
        return self._results(node)

    def _Where(self, node: bound.Where) -> Value:
        return [item for item in self._elements(node.source) if self._with(node.variable, item, node.test)]

    def _Let(self, node: bound.Let) -> Value:
        return self._with(node.variable, self.value(node.value), node.body)

    def _Choose(self, node: bound.Choose) -> Value:
        return self.value(node.then if self.test(node.test) else node.otherwise)

    # --- tests

    def _IsTrue(self, node: bound.IsTrue) -> bool:
        return self.value(node.value) is True

    def _Present(self, node: bound.Present) -> bool:
        return self.value(node.value) is not None

    def _NonEmpty(self, node: bound.NonEmpty) -> bool:
        return bool(self._elements(node.value))

    def _Not(self, node: bound.Not) -> bool:
        return not self.test(node.operand)

    def _And(self, node: bound.And) -> bool:
        return all(self.test(operand) for operand in node.operands)

    def _Or(self, node: bound.Or) -> bool:
        return any(self.test(operand) for operand in node.operands)

    def _AnyOf(self, node: bound.AnyOf) -> bool:
        return any(self._with(node.variable, item, node.test) for item in self._elements(node.source))

    def _Compare(self, node: bound.Compare) -> bool:
        left, right = self.value(node.left), self.value(node.right)
        if left is None or right is None:
            return False
        if node.kind == "instant":
            left, right = to_ms(left), to_ms(right)
        elif node.kind == "object":
            left, right = _identity(left), _identity(right)
        return bool(values.ORDER[node.operator](left, right))

    def _SameElements(self, node: bound.SameElements) -> bool:
        left, right = self.value(node.left), self.value(node.right)
        if left is None or right is None:
            return False
        converted = [self._with(node.variable, item, node.converted) for item in right]
        if any(item is None for item in converted):
            return False
        same = Counter(map(_identity, left)) == Counter(map(_identity, converted))
        return same is not node.negated

    def _TextTest(self, node: bound.TextTest) -> bool:
        subject, argument = self.value(node.subject), self.value(node.argument)
        if subject is None or argument is None:
            return False
        match node.function:
            case "startsWith":
                return bool(subject.startswith(argument))
            case "endsWith":
                return bool(subject.endswith(argument))
            case "contains":
                return argument in subject
        return is_like(subject, argument)

    def _RegexTest(self, node: bound.RegexTest) -> bool:
        subject = self.value(node.subject)
        return subject is not None and compile_pattern(node.pattern).python.search(subject) is not None

    # --- computed values

    def _Convert(self, node: bound.Convert) -> Value:
        value = self.value(node.value)
        return None if value is None else values.convert(_typed(value, node.value.type), node.of)

    def _Fold(self, node: bound.Fold) -> Value:
        value = self.value(node.value)
        return None if value is None else values.lower(value)

    def _RegexGroup(self, node: bound.RegexGroup) -> Value:
        subject = self.value(node.subject)
        found = None if subject is None else compile_pattern(node.pattern).python.search(subject)
        return None if found is None else found.group(node.group)

    def _Arithmetic(self, node: bound.Arithmetic) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if left is None or right is None:
            return None
        return _bounded(_calculate(node.operator, left, right))

    def _Negate(self, node: bound.Negate) -> Value:
        value = self.value(node.value)
        return None if value is None else _bounded(-value)

    def _Shift(self, node: bound.Shift) -> Value:
        value = self.value(node.value)
        return None if value is None else from_ms(temporal.shift(to_ms(value), node.amount, node.unit))

    def _DatePart(self, node: bound.DatePart) -> Value:
        value = self.value(node.value)
        return None if value is None else getattr(value, node.part)

    def _MakeDate(self, node: bound.MakeDate) -> Value:
        year, month, day = self.value(node.year), self.value(node.month), self.value(node.day)
        if year is None or month is None or day is None:
            return None
        try:
            return date(year, month, day)
        except (ValueError, OverflowError):
            return None

    # --- arrays and maps as wholes

    def _Count(self, node: bound.Count) -> Value:
        return len(self.value(node.value) or ())

    def _Aggregate(self, node: bound.Aggregate) -> Value:
        numbers = _flat(self._elements(node.array))
        if node.function == "sum":
            return _bounded(_sum(numbers, node.of == INTEGER))
        if not numbers:
            return None
        if node.function == "average":
            return _bounded(_divide(_sum(numbers, all(isinstance(n, int) for n in numbers)), len(numbers)))
        return min(numbers) if node.function == "min" else max(numbers)

    def _Distinct(self, node: bound.Distinct) -> Value:
        first: dict[Any, Value] = {}
        for item in self._elements(node.array):
            first.setdefault(_identity(item), item)
        return list(first.values())

    def _Head(self, node: bound.Head) -> Value:
        return next(iter(self._elements(node.array)), None)

    def _Top(self, node: bound.Top) -> Value:
        keyed = [(self._with(node.variable, item, node.key), item) for item in self._elements(node.array)]
        present = [(_sortable(key), item) for key, item in keyed if key is not None]
        # The sort is stable, also when it is reversed: ties stay in array order.
        present.sort(key=lambda pair: pair[0], reverse=node.highest)
        return [item for _, item in present[: node.amount]]

    def _GroupBy(self, node: bound.GroupBy) -> Value:
        groups: dict[str, list[Value]] = {}
        type_ = node.key.type.element if isinstance(node.key.type, ArrayType) else node.key.type
        for item in self._elements(node.array):
            key = self._with(node.variable, item, node.key)
            keys = key if isinstance(key, list) else [] if key is None else [key]
            for name in dict.fromkeys(values.text(_typed(each, type_)) for each in keys):
                groups.setdefault(name, []).append(item)
        return groups

    def _Keys(self, node: bound.Keys) -> Value:
        return list(self.value(node.map) or ())

    def _Values(self, node: bound.Values) -> Value:
        return list((self.value(node.map) or {}).values())

    def _pair(self, node: bound.PairsOver | bound.MapEntries, key: str, value: Value, body: Bound) -> Value:
        hidden = self._env.get(node.key_variable.id)
        self._env[node.key_variable.id] = key
        result = self._with(node.value_variable, value, body)
        self._env[node.key_variable.id] = hidden
        return result

    def _PairsOver(self, node: bound.PairsOver) -> Value:
        entries = (self.value(node.map) or {}).items()
        return _joined(self._pair(node, key, value, node.body) for key, value in entries)

    def _MapEntries(self, node: bound.MapEntries) -> Value:
        made: dict[str, Value] = {}
        for key, value in (self.value(node.map) or {}).items():
            new_key = self._pair(node, key, value, node.key)
            new_value = self._pair(node, key, value, node.value)
            if new_key is not None and new_value is not None:
                made[new_key] = new_value
        return made

    # --- sequences

    def _Sequence(self, node: bound.Sequence) -> bool:
        return self._chain(node, self._elements(node.array), 0, None)

    def _chain(self, node: bound.Sequence, elements: list[Value], index: int, after: int | None) -> bool:
        """Whether the steps from `index` on can be filled with elements later than `after`."""
        if index == len(node.steps):
            return True
        step = node.steps[index]
        fitting: list[tuple[int, Value]] = []
        for item in elements:
            time = self._with(step.variable, item, step.time)
            if time is None or (after is not None and to_ms(time) <= after):
                continue
            if self._with(step.variable, item, step.test):
                fitting.append((to_ms(time), item))
        fitting.sort(key=lambda pair: pair[0])
        # The name stands for the last of those chosen; those of one time stay in the order of the array.
        last_ones = fitting[step.count - 1 :]
        if not any(step.variable.id in free_variables(later) for later in node.steps[index + 1 :]):
            # Nobody asks which element it was, so the earliest leaves the most room.
            last_ones = last_ones[:1]
        for time, item in last_ones:
            hidden = self._env.get(step.variable.id)
            self._env[step.variable.id] = item
            found = self._chain(node, elements, index + 1, time)
            self._env[step.variable.id] = hidden
            if found:
                return True
        return False


class _Stored:
    """An object as it is stored, whose fields are read, by their types, when somebody asks."""

    def __init__(self, raw: Mapping[str, Any], schema: ObjectType) -> None:
        self._raw = raw
        self._schema = schema
        self._fields: dict[str, Value] = {}

    def read(self, name: str) -> Value:
        if name not in self._fields:
            type_ = self._schema.fields.get(name)
            value = None if type_ is None else values.read(self._raw.get(name), type_)
            if name == "xEvent":
                value = sorted(value or [], key=_event_order)
            self._fields[name] = value
        return self._fields[name]

    def whole(self) -> dict[str, Value]:
        fields = ((name, self.read(name)) for name in self._schema.fields)
        return {name: value for name, value in fields if value is not None}


def _event_order(event: Any) -> tuple[bool, int]:
    """Oldest first, those without a time last; the sort keeps stored order among equals."""
    time = event.get("timestamp") if isinstance(event, Mapping) else None
    return (False, to_ms(time)) if isinstance(time, date) else (True, 0)


def _identity(value: Value) -> Any:
    return values.identity(value.whole() if isinstance(value, _Stored) else value)


def _typed(value: Value, type_: Type) -> Value:
    """The value as one of its type: a day among date-times is a date-time."""
    return values.instant_of(value) if type_ == DATETIME else value


def _joined(results: Any) -> list[Value]:
    joined: list[Value] = []
    for result in results:
        if isinstance(result, list):
            joined.extend(result)
        elif result is not None:
            joined.append(result)
    return joined


def _flat(items: list[Value]) -> list[Any]:
    return list(chain.from_iterable(_flat(item) if isinstance(item, list) else [item] for item in items))


def _sortable(key: Value) -> Any:
    return to_ms(key) if isinstance(key, date) else key


def _sum(numbers: list[Any], whole: bool) -> Any:
    if whole:
        return sum(numbers)
    total = 0.0
    for number in numbers:
        total += number
    return total


def _divide(left: Any, right: Any) -> Any:
    try:
        return left / right if right else None
    except OverflowError:
        return None


def _calculate(sign: str, left: Any, right: Any) -> Any:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return _divide(float(left), float(right))
    if not right:
        return None
    if isinstance(left, int) and isinstance(right, int):
        remainder = abs(left) % abs(right)
        return -remainder if left < 0 else remainder

    return math.fmod(left, right)


def _bounded(number: Any) -> Value:
    """The number, or None when 64 bits or a double do not hold it."""
    if isinstance(number, int):
        return number if values.INTEGER_MIN <= number <= values.INTEGER_MAX else None
    return None if number is None else values.real(number)
