"""Tests: what is true or false for any data."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from muster.pql import bound
from muster.pql.bound import FLIPPED, Bound, Constant, Variable
from muster.pql.emit.closures.arrays import counter, element
from muster.pql.emit.closures.compiler import Code, Compiler, Frame, Handler, both, plain
from muster.pql.emit.closures.readers import identity, inside, is_plain
from muster.pql.like import is_like
from muster.pql.regex import compile_pattern
from muster.pql.temporal import INSTANT_MAX, INSTANT_MIN
from muster.pql.values import ORDER

# --- presence


def _is_true(compiler: Compiler, node: bound.IsTrue) -> Code:
    value = compiler.code(node.value)
    return lambda frame: value(frame) is True


def _present(compiler: Compiler, node: bound.Present) -> Code:
    value = compiler.code(node.value, ordered=False)
    return lambda frame: value(frame) is not None


def _non_empty(compiler: Compiler, node: bound.NonEmpty) -> Code:
    if isinstance(node.value, bound.Where):
        where = node.value
        return compiler.code(bound.AnyOf(where.source, where.variable, where.test))
    value = compiler.code(node.value, ordered=False)
    return lambda frame: bool(value(frame))


# --- logic


def _not(compiler: Compiler, node: bound.Not) -> Code:
    operand = compiler.code(node.operand)
    return lambda frame: not operand(frame)


def _and(compiler: Compiler, node: bound.And) -> Code:
    tests = _windows(compiler, node.operands)
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        return both(tests[0], tests[1])

    def all_hold(frame: Frame) -> bool:
        # Not `all` of a generator: that would cost more than most tests.
        for test in tests:  # noqa: SIM110
            if not test(frame):
                return False
        return True

    return all_hold


def _or(compiler: Compiler, node: bound.Or) -> Code:
    tests = [compiler.code(operand) for operand in node.operands]

    def some_holds(frame: Frame) -> bool:
        for test in tests:  # noqa: SIM110
            if test(frame):
                return True
        return False

    return some_holds


# --- comparisons


def _compare(compiler: Compiler, node: bound.Compare) -> Code:
    if node.kind == "object":
        return _same_object(compiler, node)
    left, right, sign = node.left, node.right, node.operator
    if isinstance(left, Constant) or (compiler.is_fixed(left) and not isinstance(right, Constant)):
        left, right, sign = right, left, FLIPPED[sign]
    holds = ORDER[sign]
    if isinstance(right, Constant):
        return _compare_with(compiler, left, sign, inside(right.value))
    first, second = compiler.code(left), compiler.code(right)

    def compares(frame: Frame) -> bool:
        one, other = first(frame), second(frame)
        return one is not None and other is not None and holds(one, other)

    return compares


def _compare_with(compiler: Compiler, left: Bound, sign: str, constant: Any) -> Code:
    holds = ORDER[sign]
    if isinstance(left, bound.Count) and isinstance(left.value, bound.Where) and not compiler.is_kept(left):
        # As soon as there are too many, it does not matter how many there are.
        most = math.ceil(constant) if sign in ("<", ">=") else math.floor(constant) + 1
        count = counter(compiler, left.value, max(most, 1))
        return lambda frame: holds(count(frame), constant)
    value = compiler.code(left)
    if sign == "=":
        return lambda frame: value(frame) == constant

    def compares(frame: Frame) -> bool:
        given = value(frame)
        return given is not None and holds(given, constant)

    return compares


def _same_object(compiler: Compiler, node: bound.Compare) -> Code:
    left, right = compiler.code(node.left), compiler.code(node.right)
    left_identity, right_identity = identity(node.left.type), identity(node.right.type)
    holds = ORDER[node.operator]

    def compares(frame: Frame) -> bool:
        one, other = left(frame), right(frame)
        return one is not None and other is not None and holds(left_identity(one), right_identity(other))

    return compares


def _same_elements(compiler: Compiler, node: bound.SameElements) -> Code:
    left, right = (compiler.code(side, ordered=False) for side in (node.left, node.right))
    slot, negated = compiler.slot(), node.negated
    with compiler.looping(), compiler.bound_at(slot, node.variable):
        convert = compiler.code(node.converted)
    types = element(node.left.type), node.converted.type
    # Numbers, whole or not, that are equal are one key of a counter, too.
    left_identity, right_identity = (None if is_plain(type_) else identity(type_) for type_ in types)

    def same(frame: Frame) -> bool:
        ours, theirs = left(frame), right(frame)
        if ours is None or theirs is None:
            return False
        converted = []
        for item in theirs:
            frame[slot] = item
            value = convert(frame)
            if value is None:
                return False
            converted.append(value)
        counted = Counter(ours if left_identity is None else map(left_identity, ours))
        other = Counter(converted if right_identity is None else map(right_identity, converted))
        return (counted == other) is not negated

    return same


# --- windows


def _windows(compiler: Compiler, operands: tuple[Bound, ...]) -> list[Code]:
    """The tests, those that bound one time from both sides by known instants as one."""
    bounds: dict[Bound, list[bound.Compare]] = {}
    for operand in operands:
        if isinstance(operand, bound.Compare) and _is_limit(compiler, operand):
            bounds.setdefault(operand.left, []).append(operand)
    tests: list[Code] = []
    for operand in operands:
        limits = bounds.get(operand.left, []) if isinstance(operand, bound.Compare) else []
        if len(limits) < 2 or not any(operand is each for each in limits):
            tests.append(compiler.code(operand))
        elif operand is limits[0]:
            tests.append(_window(compiler, limits))
    return tests


def _is_limit(compiler: Compiler, node: bound.Compare) -> bool:
    known = isinstance(node.right, Constant) or compiler.is_fixed(node.right)
    return node.kind == "instant" and node.operator != "!=" and known and not compiler.is_fixed(node.left)


def _window(compiler: Compiler, limits: list[bound.Compare]) -> Code:
    lowest = [
        (int(each.operator == ">"), compiler.code(each.right)) for each in limits if "<" not in each.operator
    ]
    highest = [
        (int(each.operator == "<"), compiler.code(each.right)) for each in limits if ">" not in each.operator
    ]

    def first(frame: Frame) -> int:
        found = [(code(frame), beyond) for beyond, code in lowest]
        # A limit that is missing lets nothing through.
        return max(
            (INSTANT_MAX + 1 if limit is None else limit + beyond for limit, beyond in found),
            default=INSTANT_MIN,
        )

    def last(frame: Frame) -> int:
        found = [(code(frame), beyond) for beyond, code in highest]
        return min(
            (INSTANT_MIN - 1 if limit is None else limit - beyond for limit, beyond in found),
            default=INSTANT_MAX,
        )

    time, first_slot, last_slot = compiler.code(limits[0].left), compiler.fix(first), compiler.fix(last)

    def within(frame: Frame) -> bool:
        instant = time(frame)
        return instant is not None and frame[first_slot] <= instant <= frame[last_slot]

    return within


# --- elements


def _any_of(compiler: Compiler, node: bound.AnyOf) -> Code:
    contained = _membership(compiler, node)
    if contained is not None:
        return contained
    with compiler.loop(node.source, node.variable, ordered=False) as loop:
        test = both(loop.test, compiler.code(node.test))
    source, slot = loop.source, loop.slot

    def some(frame: Frame) -> bool:
        for item in source(frame) or ():
            frame[slot] = item
            if test(frame):
                return True
        return False

    return some


def _membership(compiler: Compiler, node: bound.AnyOf) -> Code | None:
    """The test as a look-up, when it asks whether some element equals a value that does not depend on it."""
    test, variable = node.test, node.variable
    if not isinstance(test, bound.Compare) or test.operator != "=" or test.kind == "object":
        return None
    sought, item = test.left, test.right
    if variable.id in compiler.free(sought):
        sought, item = item, sought
    if variable.id in compiler.free(sought) or compiler.free(item) != {variable.id}:
        return None
    if compiler.is_fixed(node.source):
        return _contained_in_known(compiler, sought, node, item)
    if not isinstance(item, Variable):
        return None
    source, value = compiler.code(node.source, ordered=False), compiler.code(sought)

    def contained(frame: Frame) -> bool:
        elements = source(frame)
        return bool(elements) and (given := value(frame)) is not None and given in elements

    return contained


def _contained_in_known(compiler: Compiler, sought: Bound, node: bound.AnyOf, item: Bound) -> Code:
    value, source, slot = compiler.code(sought), compiler.code(node.source), compiler.slot()
    with compiler.bound_at(slot, node.variable):
        convert = compiler.code(item)

    def known(frame: Frame) -> frozenset[Any]:
        found = set()
        for each in source(frame) or ():
            frame[slot] = each
            found.add(convert(frame))
        return frozenset(found - {None})

    known_slot = compiler.fix(known)
    return lambda frame: value(frame) in frame[known_slot]


# --- text


def _text_test(compiler: Compiler, node: bound.TextTest) -> Code:
    subject, argument, passes = (
        compiler.code(node.subject),
        compiler.code(node.argument),
        _TEXT_TESTS[node.function],
    )

    def holds(frame: Frame) -> bool:
        text, given = subject(frame), argument(frame)
        return text is not None and given is not None and passes(text, given)

    return holds


_TEXT_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
    "like": is_like,
}


def _regex_test(compiler: Compiler, node: bound.RegexTest) -> Code:
    subject, search = compiler.code(node.subject), compile_pattern(node.pattern).python.search

    def found(frame: Frame) -> bool:
        text = subject(frame)
        return text is not None and search(text) is not None

    return found


HANDLERS: Mapping[type[Bound], Handler] = {
    bound.IsTrue: plain(_is_true),
    bound.Present: plain(_present),
    bound.NonEmpty: plain(_non_empty),
    bound.Not: plain(_not),
    bound.And: plain(_and),
    bound.Or: plain(_or),
    bound.AnyOf: plain(_any_of),
    bound.Compare: plain(_compare),
    bound.SameElements: plain(_same_elements),
    bound.TextTest: plain(_text_test),
    bound.RegexTest: plain(_regex_test),
}
