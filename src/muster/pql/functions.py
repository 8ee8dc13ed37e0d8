"""The table of methods and functions: arity, receiver, arguments, meaning.

A handler gets the binder, the bound receiver, the call and what is seen there; it gives the bound expression or notes
an error. Arity, and where a lambda may stand, are checked before from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from muster.pql import bound, syntax
from muster.pql.bound import Bound, Constant, Missing, Variable, conjunction, disjunction, negation
from muster.pql.compare import Incomparable, any_of, compare, contains, element, lift
from muster.pql.errors import Place
from muster.pql.regex import PatternError, compile_pattern
from muster.pql.types import (
    ANY,
    DATE,
    INTEGER,
    NUMERIC,
    STRING,
    TEMPORAL,
    ArrayType,
    EntryType,
    MapType,
    ObjectType,
    TuplesType,
    Type,
    is_text,
)

if TYPE_CHECKING:
    from muster.pql.bind import Binder, Env

_NOTHING = Missing(ANY)
_MANY = 1_000


@dataclass(frozen=True, slots=True)
class At:
    """One call that is being bound."""

    binder: Binder
    node: syntax.Call
    env: Env

    @property
    def place(self) -> Place:
        return self.node.place

    def expr(self, index: int) -> syntax.Expr:
        argument = self.node.arguments[index]
        assert isinstance(argument, syntax.Expr)
        return argument

    def value(self, index: int) -> Bound:
        """An argument that is evaluated where the call stands."""
        return self.binder.expr(self.expr(index), self.env)

    def text(self, index: int) -> Bound:
        value = self.value(index)
        if not is_text(value.type) and value.type != ANY:
            return self.binder.mismatch(self.expr(index).place, "text", value.type)
        return value

    def array(self, index: int) -> Bound:
        value = self.value(index)
        if not isinstance(value.type, ArrayType) and value.type != ANY:
            return self.binder.mismatch(self.expr(index).place, "array", value.type)
        return value

    def literal(self, index: int, kind: Literal["string", "integer", "boolean"]) -> syntax.Literal | None:
        """An argument that must be written out, or None with an error noted."""
        node = self.expr(index)
        if isinstance(node, syntax.Literal) and node.kind == kind:
            return node
        if kind == "integer" and isinstance(node, syntax.Negative):
            self.binder.fail(node.place, "BAD_VALUE", "the number is not negative")
            return None
        if isinstance(node, syntax.Broken):
            return None
        message = f"{kind} literal needed"
        self.binder.fail(node.place, "TYPE_MISMATCH", message, expected=(f"{kind} literal",))
        return None

    def element(self, type_: Type, *, condition: bool = False) -> tuple[Variable, Bound]:
        """The first argument, evaluated once per element of this type."""
        argument = self.node.arguments[0]
        variable = self.binder.new(type_)
        env = self.env.enter(variable)
        body = argument
        if isinstance(argument, syntax.Lambda):
            env = env.bind(argument.parameters[0], variable)
            body = argument.body
        assert isinstance(body, syntax.Expr)
        bind = self.binder.condition if condition else self.binder.expr
        return variable, bind(body, env)

    def body_place(self) -> Place:
        argument = self.node.arguments[0]
        return argument.body.place if isinstance(argument, syntax.Lambda) else argument.place

    def refuse(self, expected: str, receiver: Bound) -> Bound:
        """The receiver has the wrong type."""
        return self.binder.mismatch(self.place, expected, receiver.type)


Handler = Callable[[At, Bound], Bound]


@dataclass(frozen=True, slots=True)
class Method:
    """`least` to `most` arguments; `lambdas` are the numbers of parameters its first argument may have as a lambda."""

    handler: Handler
    least: int
    most: int
    lambdas: tuple[int, ...] = ()


def apply_method(binder: Binder, receiver: Bound, node: syntax.Call, env: Env) -> Bound:
    """Bind a call of a method that exists."""
    method = METHODS[node.name]
    if not _check(binder, node, method.least, method.most, method.lambdas):
        return _NOTHING
    return method.handler(At(binder, node, env), receiver)


def apply_function(binder: Binder, node: syntax.Call, env: Env) -> Bound:
    """Bind a call of a free-standing function that exists."""
    count, handler = FREE[node.name]
    if not _check(binder, node, count, count, ()):
        return _NOTHING
    return handler(At(binder, node, env))


def _check(binder: Binder, node: syntax.Call, least: int, most: int, lambdas: tuple[int, ...]) -> bool:
    given = len(node.arguments)
    if not least <= given <= most:
        wanted = (
            str(least) if least == most else f"{least} or more" if most == _MANY else f"{least} to {most}"
        )
        binder.fail(
            node.place,
            "BAD_ARGUMENTS",
            f"{node.name} takes {wanted} arguments, {given} given",
            expected=(wanted,),
            found=str(given),
        )
        return False
    for index, argument in enumerate(node.arguments):
        if not isinstance(argument, syntax.Lambda):
            continue
        if len(set(argument.parameters)) < len(argument.parameters):
            binder.fail(argument.start, "DUPLICATE_NAME", "two parameters have one name")
            return False
        if index > 0 or len(argument.parameters) not in lambdas:
            message = "a lambda does not fit here" if index or not lambdas else "another number of parameters"
            binder.fail(argument.start, "BAD_ARGUMENTS", f"{node.name}: {message}")
            return False
    return True


# --- text


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
            if not negated:
                return some
            present = (bound.Present(given) for given in texts if not isinstance(given, Constant))
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
    return text_test(at.binder, receiver, at.place, lambda subject: bound.RegexTest(subject, pattern))


def _regex_group(at: At, receiver: Bound) -> Bound:
    node = _pattern(at)
    number = at.literal(1, "integer") if len(at.node.arguments) > 1 else syntax.Literal("integer", 0)
    if node is None or number is None:
        return _NOTHING
    pattern, group = str(node.value), int(number.value)
    if group > compile_pattern(pattern).groups:
        return at.binder.fail(number.place, "BAD_VALUE", f"the pattern has no group {group}")
    return _lifted(at, receiver, "text", is_text, lambda s: bound.RegexGroup(s, pattern, group))


def _lifted(
    at: At, receiver: Bound, expected: str, fits: Callable[[Type], bool], make: Callable[[Bound], Bound]
) -> Bound:
    """A function of a scalar; over an array, the array of the results."""
    if isinstance(receiver.type, ArrayType):
        variable = at.binder.new(receiver.type.element)
        return lift(receiver, variable, _lifted(at, variable, expected, fits, make))
    if receiver.type == ANY:
        return _NOTHING
    return make(receiver) if fits(receiver.type) else at.refuse(expected, receiver)


# --- arrays


def _needs_array(handler: Handler) -> Handler:
    def handle(at: At, receiver: Bound) -> Bound:
        if not isinstance(receiver.type, ArrayType) and receiver.type != ANY:
            return at.refuse("array", receiver)
        return handler(at, receiver)

    return handle


def _set_test(make: Callable[[At, Bound, Bound], Bound]) -> Handler:
    """A handler for two arrays whose elements compare."""

    def handle(at: At, receiver: Bound) -> Bound:
        other = at.array(0)
        try:
            return make(at, receiver, other)
        except Incomparable as error:
            return at.binder.fail(at.expr(0).place, "TYPE_MISMATCH", str(error))

    return _needs_array(handle)


def _intersects(at: At, left: Bound, right: Bound) -> Bound:
    item = at.binder.new(element(left.type))
    return any_of(left, item, contains(right, item, at.binder.new, item_first=True))


def _intersection(at: At, left: Bound, right: Bound) -> Bound:
    item = at.binder.new(element(left.type))
    test = contains(right, item, at.binder.new, item_first=True)
    return _distinct(at, bound.Where(left, item, test))


def _subset(at: At, left: Bound, right: Bound) -> Bound:
    item = at.binder.new(element(left.type))
    strays = any_of(left, item, negation(contains(right, item, at.binder.new, item_first=True)))
    return conjunction(bound.Present(left), bound.Present(right), negation(strays))


def _superset(at: At, left: Bound, right: Bound) -> Bound:
    item = at.binder.new(element(right.type))
    strays = any_of(right, item, negation(contains(left, item, at.binder.new, item_first=False)))
    return conjunction(bound.Present(left), bound.Present(right), negation(strays))


def _includes(at: At, receiver: Bound) -> Bound:
    value = at.value(0)
    if isinstance(value.type, ArrayType) and not isinstance(element(receiver.type), ArrayType):
        return at.binder.mismatch(at.expr(0).place, "single value", value.type)
    variable = at.binder.new(element(receiver.type))
    try:
        return any_of(receiver, variable, compare("=", variable, value, at.binder.new))
    except Incomparable as error:
        return at.binder.fail(at.expr(0).place, "TYPE_MISMATCH", str(error))


def _distinct(at: At, receiver: Bound) -> Bound:
    return bound.Distinct(receiver.type if receiver.type != ANY else ArrayType(ANY), receiver)


def _head(at: At, receiver: Bound) -> Bound:
    inner = element(receiver.type)
    return _NOTHING if inner == ANY else bound.Head(inner, receiver)


def _count(at: At, receiver: Bound) -> Bound:
    if isinstance(receiver.type, ArrayType | MapType | TuplesType) or receiver.type == ANY:
        return bound.Count(receiver)
    return at.refuse("array or map", receiver)


def _filter(at: At, receiver: Bound) -> Bound:
    variable, test = at.element(element(receiver.type), condition=True)
    return bound.Where(receiver, variable, test)


def _exists(at: At, receiver: Bound) -> Bound:
    variable, test = at.element(element(receiver.type), condition=True)
    return any_of(receiver, variable, test)


def _map(at: At, receiver: Bound) -> Bound:
    argument = at.node.arguments[0]
    pairs = isinstance(argument, syntax.Lambda) and len(argument.parameters) == 2
    if isinstance(receiver.type, MapType):
        if pairs and isinstance(argument, syntax.Lambda):
            return _map_pairs(at, receiver, receiver.type.value, argument)
        receiver = bound.Values(ArrayType(receiver.type.value), receiver)
    elif not isinstance(receiver.type, ArrayType) and receiver.type != ANY:
        return at.refuse("array or map", receiver)
    elif pairs and receiver.type != ANY:
        assert isinstance(argument, syntax.Lambda)
        at.binder.fail(argument.start, "BAD_ARGUMENTS", "map over an array takes a lambda of one parameter")
        return _NOTHING
    elif pairs:
        return Missing(ANY)
    variable, body = at.element(element(receiver.type))
    return bound.MapOver(_joined(body.type), receiver, variable, body)


def _joined(body: Type) -> Type:
    return body if isinstance(body, ArrayType) else ArrayType(body)


def _map_pairs(at: At, receiver: Bound, value_type: Type, argument: syntax.Lambda) -> Bound:
    key, value = at.binder.new(STRING), at.binder.new(value_type)
    env = at.env.enter(value).bind(argument.parameters[0], key).bind(argument.parameters[1], value)
    body = argument.body
    if not (isinstance(body, syntax.Call) and body.receiver is None and body.name == "mapEntry"):
        meaning = at.binder.expr(body, env)
        return bound.PairsOver(_joined(meaning.type), receiver, key, value, meaning)
    if not _check(at.binder, body, 2, 2, ()):
        return _NOTHING
    inner = At(at.binder, body, env)
    new_key, new_value = inner.value(0), inner.value(1)
    if isinstance(new_key.type, ArrayType | MapType | ObjectType | TuplesType | EntryType):
        return at.binder.mismatch(inner.expr(0).place, "text", new_key.type)
    if not is_text(new_key.type) and new_key.type != ANY:
        new_key = bound.Convert(STRING, new_key)
    return bound.MapEntries(MapType(new_value.type), receiver, key, value, new_key, new_value)


def _group_by(at: At, receiver: Bound) -> Bound:
    variable, key = at.element(element(receiver.type))
    inner = key.type.element if isinstance(key.type, ArrayType) else key.type
    if isinstance(inner, ObjectType | MapType | ArrayType | TuplesType):
        return at.binder.mismatch(at.body_place(), "key that has a text", key.type)
    return bound.GroupBy(MapType(ArrayType(element(receiver.type))), receiver, variable, key)


def _top(*, highest: bool) -> Handler:
    def handle(at: At, receiver: Bound) -> Bound:
        variable, key = at.element(element(receiver.type))
        amount = at.literal(1, "integer")
        if key.type not in NUMERIC and key.type not in TEMPORAL and key.type != ANY:
            return at.binder.mismatch(at.body_place(), "number or date", key.type)
        if amount is None:
            return _NOTHING
        type_ = receiver.type if receiver.type != ANY else ArrayType(ANY)
        return bound.Top(type_, receiver, variable, key, int(amount.value), highest)

    return _needs_array(handle)


def _aggregate(at: At, receiver: Bound) -> Bound:
    if not at.node.arguments:
        return at.binder.aggregate(at.node.name, receiver, at.place)
    variable, body = at.element(element(receiver.type))
    values = bound.MapOver(_joined(body.type), receiver, variable, body)
    return at.binder.aggregate(at.node.name, values, at.body_place())


# --- maps, objects, dates


def _get(at: At, receiver: Bound) -> Bound:
    key = at.text(0)

    def make(map_: Bound) -> Bound:
        assert isinstance(map_.type, MapType)
        return bound.Entry(map_.type.value, map_, key)

    return _lifted(at, receiver, "map", lambda type_: isinstance(type_, MapType), make)


def _keys(at: At, receiver: Bound) -> Bound:
    if not isinstance(receiver.type, MapType) and receiver.type != ANY:
        return at.refuse("map", receiver)
    return bound.Keys(ArrayType(STRING), receiver)


def _values(at: At, receiver: Bound) -> Bound:
    if receiver.type == ANY:
        return bound.ListOf(ArrayType(ANY), ())
    if not isinstance(receiver.type, MapType):
        return at.refuse("map", receiver)
    return bound.Values(ArrayType(receiver.type.value), receiver)


def _is_not_null(at: At, receiver: Bound) -> Bound:
    return bound.FALSE if receiver.type == ANY and isinstance(receiver, Missing) else bound.Present(receiver)


def _is_null(at: At, receiver: Bound) -> Bound:
    return negation(_is_not_null(at, receiver))


def _date_part(part: Literal["year", "month", "day"]) -> Handler:
    def handle(at: At, receiver: Bound) -> Bound:
        expected = "date or date-time"
        return _lifted(
            at, receiver, expected, lambda t: t in TEMPORAL, lambda d: bound.DatePart(part, d, at.place)
        )

    return handle


METHODS: Mapping[str, Method] = {
    "startsWith": Method(_part_test("startsWith"), 1, 2),
    "doesNotStartWith": Method(_part_test("startsWith", negated=True), 1, 2),
    "endsWith": Method(_part_test("endsWith"), 1, 2),
    "doesNotEndWith": Method(_part_test("endsWith", negated=True), 1, 2),
    "contains": Method(_part_test("contains"), 1, 2),
    "doesNotContain": Method(_part_test("contains", negated=True), 1, 2),
    "equals": Method(_equality(negated=False), 1, _MANY),
    "notEqualTo": Method(_equality(negated=True), 1, _MANY),
    "matches": Method(_matches, 1, 1),
    "regexGroup": Method(_regex_group, 1, 2),
    "intersects": Method(_set_test(_intersects), 1, 1),
    "intersection": Method(_set_test(_intersection), 1, 1),
    "subsetOf": Method(_set_test(_subset), 1, 1),
    "supersetOf": Method(_set_test(_superset), 1, 1),
    "includes": Method(_needs_array(_includes), 1, 1),
    "distinct": Method(_needs_array(_distinct), 0, 0),
    "head": Method(_needs_array(_head), 0, 0),
    "count": Method(_count, 0, 0),
    "filter": Method(_needs_array(_filter), 1, 1, (1,)),
    "exists": Method(_needs_array(_exists), 1, 1, (1,)),
    "map": Method(_map, 1, 1, (1, 2)),
    "groupBy": Method(_needs_array(_group_by), 1, 1, (1,)),
    "topN": Method(_top(highest=True), 2, 2, (1,)),
    "bottomN": Method(_top(highest=False), 2, 2, (1,)),
    "sum": Method(_needs_array(_aggregate), 0, 1, (1,)),
    "average": Method(_needs_array(_aggregate), 0, 1, (1,)),
    "min": Method(_needs_array(_aggregate), 0, 1, (1,)),
    "max": Method(_needs_array(_aggregate), 0, 1, (1,)),
    "get": Method(_get, 1, 1),
    "keys": Method(_keys, 0, 0),
    "values": Method(_values, 0, 0),
    "isNull": Method(_is_null, 0, 0),
    "isNotNull": Method(_is_not_null, 0, 0),
    "getYear": Method(_date_part("year"), 0, 0),
    "getMonth": Method(_date_part("month"), 0, 0),
    "getDayOfMonth": Method(_date_part("day"), 0, 0),
}
"""Every method of the language."""


# --- free-standing functions


def _current(at: At) -> Bound:
    return bound.Moment(INTEGER, at.node.name)


def _date(at: At) -> Bound:
    parts: list[Bound] = []
    for index in range(3):
        part = at.value(index)
        if part.type not in (INTEGER, ANY):
            part = at.binder.mismatch(at.expr(index).place, "integer", part.type)
        parts.append(part)
    numbers = [part.value for part in parts if isinstance(part, Constant)]
    if len(numbers) < 3:
        return bound.MakeDate(*parts)
    try:
        return Constant(DATE, date(*(int(str(number)) for number in numbers)))
    except (ValueError, OverflowError):
        return at.binder.fail(at.place, "BAD_VALUE", "there is no such day")


def _in_segment(at: At) -> Bound:
    node = at.literal(0, "string")
    return bound.FALSE if node is None else bound.InSegment(str(node.value), at.place)


def _misplaced_entry(at: At) -> Bound:
    return at.binder.fail(at.place, "BAD_SCOPE", "mapEntry is the whole body of a lambda (key, value) of map")


FREE: Mapping[str, tuple[int, Callable[[At], Bound]]] = {
    "date": (3, _date),
    "currentYear": (0, _current),
    "currentMonth": (0, _current),
    "currentDayOfMonth": (0, _current),
    "inSegment": (1, _in_segment),
    "mapEntry": (2, _misplaced_entry),
}
"""Every free-standing function, with its number of arguments."""

assert METHODS.keys() >= syntax.ELEMENT_METHODS and FREE.keys() == syntax.FREE_FUNCTIONS
