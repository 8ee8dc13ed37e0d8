"""Methods of texts: tests of a part, equality, patterns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from muster.pql import bound, syntax
from muster.pql.bound import Bound, Constant, conjunction, disjunction, negation
from muster.pql.compare import any_of
from muster.pql.errors import Place
from muster.pql.regex import PatternError, compile_pattern
from muster.pql.types import ANY, ArrayType, is_text

if TYPE_CHECKING:
    from muster.pql.bind import Binder
from muster.pql.functions.call import MANY, NOTHING, At, Handler, Method, lifted


def text_test(binder: Binder, subject: Bound, place: Place, test: Callable[[Bound], Bound]) -> Bound:
    """A test of text, asked of some element where the subject is an array."""
    if isinstance(subject.type, ArrayType):
        variable = binder.new(subject.type.element)
        return any_of(subject, variable, text_test(binder, variable, place, test))
    if not is_text(subject.type) and subject.type != ANY:
        binder.mismatch(place, "text", subject.type)
        return bound.FALSE
    return test(subject) if subject.type != ANY else bound.FALSE


def _ignores_case(at: At, index: int) -> bool:
    if len(at.node.arguments) <= index:
        return False
    node = at.literal(index, "boolean")
    return node is not None and node.value is False


def _part_test(function: Literal["startsWith", "endsWith", "contains"], *, negated: bool = False) -> Handler:
    def handle(at: At, receiver: Bound) -> Bound:
        argument = at.text(0)
        fold = _ignores_case(at, 1)

        def test(subject: Bound) -> Bound:
            sides = (bound.Fold(subject), bound.Fold(argument)) if fold else (subject, argument)
            found = bound.TextTest(function, *sides)
            if not negated:
                return found
            return conjunction(bound.Present(subject), bound.Present(argument), negation(found))

        return text_test(at.binder, receiver, at.place, test)

    return handle


def _equality(*, negated: bool) -> Handler:
    def handle(at: At, receiver: Bound) -> Bound:
        last = len(at.node.arguments) - 1
        node = at.node.arguments[last]
        has_case = last > 0 and isinstance(node, syntax.Literal) and node.kind == "boolean"
        fold = has_case and _ignores_case(at, last)
        texts = [at.text(index) for index in range(last if has_case else last + 1)]

        def equal(subject: Bound, given: Bound) -> Bound:
            sides = (bound.Fold(subject), bound.Fold(given)) if fold else (subject, given)
            return bound.Compare("=", *sides, "text")

        def test(subject: Bound) -> Bound:
            some = disjunction(*(equal(subject, given) for given in texts))
            # No test passes with something missing, also when another of the texts is the one.
            present = [bound.Present(given) for given in texts if not isinstance(given, Constant)]
            if not negated:
                return conjunction(*present, some) if len(texts) > 1 else some
            return conjunction(bound.Present(subject), *present, negation(some))

        return text_test(at.binder, receiver, at.place, test)

    return handle


def _pattern(at: At) -> syntax.Literal | None:
    node = at.literal(0, "string")
    if node is None:
        return None
    try:
        compile_pattern(str(node.value))
    except PatternError as error:
        at.binder.fail(node.place, "BAD_VALUE", f"not a regular expression that can be used: {error}")
        return None
    return node


def _matches(at: At, receiver: Bound) -> Bound:
    node = _pattern(at)
    pattern = "" if node is None else str(node.value)
    left = at.node.receiver
    place = left.place if left is not None and at.node.infix else at.place
    return text_test(at.binder, receiver, place, lambda subject: bound.RegexTest(subject, pattern))


def _regex_group(at: At, receiver: Bound) -> Bound:
    node = _pattern(at)
    number = at.literal(1, "integer") if len(at.node.arguments) > 1 else syntax.Literal("integer", 0)
    if node is None or number is None:
        return NOTHING
    pattern, group = str(node.value), int(number.value)
    if group > compile_pattern(pattern).groups:
        return at.binder.fail(number.place, "BAD_VALUE", f"the pattern has no group {group}")
    return lifted(at, receiver, "text", is_text, lambda s: bound.RegexGroup(s, pattern, group))


TEXT: Mapping[str, Method] = {
    "startsWith": Method(_part_test("startsWith"), 1, 2),
    "doesNotStartWith": Method(_part_test("startsWith", negated=True), 1, 2),
    "endsWith": Method(_part_test("endsWith"), 1, 2),
    "doesNotEndWith": Method(_part_test("endsWith", negated=True), 1, 2),
    "contains": Method(_part_test("contains"), 1, 2),
    "doesNotContain": Method(_part_test("contains", negated=True), 1, 2),
    "equals": Method(_equality(negated=False), 1, MANY),
    "notEqualTo": Method(_equality(negated=True), 1, MANY),
    "matches": Method(_matches, 1, 1),
    "regexGroup": Method(_regex_group, 1, 2),
}
"""Methods of texts; lifted over arrays of them."""
