"""The words for methods that are conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from muster.pql import syntax
from muster.pql.english.amounts import elements, exists, known, unknown
from muster.pql.english.claims import Said
from muster.pql.english.compare import compare, equals, text_test, text_words
from muster.pql.english.method_values import filtered
from muster.pql.english.phrases import full
from muster.pql.english.states import Predicate, state
from muster.pql.english.things import (
    Collection,
    Constant,
    Lifted,
    Listing,
    Scene,
    Thing,
)
from muster.pql.english.tree import argument
from muster.pql.english.words import listed

MethodTest = Callable[[Thing, syntax.Call, Scene, bool], Said]


def _exists(receiver: Thing, call: syntax.Call, scene: Scene, negated: bool) -> Said:
    return exists(filtered(receiver, call, scene), scene, negated=negated)


def _part_test(verb: str, rest: str = "", *, strict: bool = False) -> MethodTest:
    def test(receiver: Thing, call: syntax.Call, scene: Scene, negated: bool) -> Said:
        part = scene.value(argument(call, 0))
        case = " (ignoring case)" if _ignores_case(call, 1) else ""
        words = " ".join(filter(None, (rest, text_words(part, scene)))) + case
        predicate = Predicate(words, verb=verb)
        return text_test(receiver, predicate, scene, strict=strict, negated=negated, other=part)

    return test


def _ignores_case(call: syntax.Call, index: int) -> bool:
    if len(call.arguments) <= index:
        return False
    argument = call.arguments[index]
    return isinstance(argument, syntax.Literal) and argument.value is False


def _equality(*, strict: bool) -> MethodTest:
    def test(receiver: Thing, call: syntax.Call, scene: Scene, negated: bool) -> Said:
        last = call.arguments[-1]
        has_case = len(call.arguments) > 1 and isinstance(last, syntax.Literal) and last.kind == "boolean"
        count = len(call.arguments) - has_case
        values = [scene.value(argument(call, index)) for index in range(count)]
        fold = has_case and _ignores_case(call, count)
        return equals(receiver, values, scene, ignoring_case=fold, strict=strict, negated=negated)

    return test


def _matches(receiver: Thing, call: syntax.Call, scene: Scene, negated: bool) -> Said:
    pattern = text_words(scene.value(argument(call, 0)), scene)
    predicate = Predicate(f"the regular expression {pattern}", verb="match")
    return text_test(receiver, predicate, scene, strict=False, negated=negated, other=Constant(None, True))


def _set_test(verb: str, yes: str, no: str = "") -> MethodTest:
    """A test of two arrays: the verb, and `yes` or `no`, stand before the elements of the second."""

    def test(receiver: Thing, call: syntax.Call, scene: Scene, negated: bool) -> Said:
        other = scene.value(argument(call, 0))
        if isinstance(other, Listing):
            items = [full(item, scene) for item in other.items]
            shown = listed(items, "and") if items else "nothing"
        else:
            shown = full(other, scene)
        subject = elements(receiver, scene) if not isinstance(receiver, Listing) else receiver
        predicate = Predicate(f"{yes} {shown}", f"{no} {shown}" if no else "", verb=verb)
        return state(subject, predicate, scene, negated=negated, other=other)

    return test


def _includes(receiver: Thing, call: syntax.Call, scene: Scene, negated: bool) -> Said:
    many = receiver if isinstance(receiver, Collection | Lifted | Listing) else elements(receiver, scene)
    return compare(many, "=", scene.value(argument(call, 0)), scene, negated=negated)


def _is_null(receiver: Thing, call: syntax.Call, scene: Scene, negated: bool) -> Said:
    return known(receiver, scene) if negated else unknown(receiver, scene)


def _is_not_null(receiver: Thing, call: syntax.Call, scene: Scene, negated: bool) -> Said:
    return unknown(receiver, scene) if negated else known(receiver, scene)


METHOD_TESTS: Mapping[str, MethodTest] = {
    "startsWith": _part_test("start", "with"),
    "doesNotStartWith": _part_test("start", "with", strict=True),
    "endsWith": _part_test("end", "with"),
    "doesNotEndWith": _part_test("end", "with", strict=True),
    "contains": _part_test("contain"),
    "doesNotContain": _part_test("contain", strict=True),
    "equals": _equality(strict=False),
    "notEqualTo": _equality(strict=True),
    "matches": _matches,
    "intersects": _set_test("include", "at least one of", "none of"),
    "subsetOf": _set_test("contain", "nothing but", "something other than"),
    "supersetOf": _set_test("include", "all of"),
    "includes": _includes,
    "exists": _exists,
    "isNull": _is_null,
    "isNotNull": _is_not_null,
}
