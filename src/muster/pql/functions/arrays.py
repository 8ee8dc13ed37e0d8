"""Methods of arrays: sets, elements, groups, order, aggregates."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from muster.pql import bound, syntax
from muster.pql.bound import Bound, Missing, conjunction, negation
from muster.pql.compare import Incomparable, any_of, check_items, compare, contains, element
from muster.pql.functions.call import NOTHING, At, Handler, Method, check_call, needs_array
from muster.pql.types import (
    ANY,
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


def _set_test(make: Callable[[At, Bound, Bound], Bound]) -> Handler:
    """A handler for two arrays whose elements compare."""

    def handle(at: At, receiver: Bound) -> Bound:
        other = at.array(0)
        try:
            return make(at, receiver, other)
        except Incomparable as error:
            return at.binder.fail(at.expr(0).place, "TYPE_MISMATCH", str(error))

    return needs_array(handle)


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
    check_items(element(left.type), right)
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
    return NOTHING if inner == ANY else bound.Head(inner, receiver)


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
        return NOTHING
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
    if not check_call(at.binder, body, 2, 2, ()):
        return NOTHING
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
            return NOTHING
        type_ = receiver.type if receiver.type != ANY else ArrayType(ANY)
        return bound.Top(type_, receiver, variable, key, int(amount.value), highest)

    return needs_array(handle)


def _aggregate(at: At, receiver: Bound) -> Bound:
    if not at.node.arguments:
        return at.binder.aggregate(at.node.name, receiver, at.place)
    variable, body = at.element(element(receiver.type))
    values = bound.MapOver(_joined(body.type), receiver, variable, body)
    return at.binder.aggregate(at.node.name, values, at.body_place())


ARRAYS: Mapping[str, Method] = {
    "intersects": Method(_set_test(_intersects), 1, 1),
    "intersection": Method(_set_test(_intersection), 1, 1),
    "subsetOf": Method(_set_test(_subset), 1, 1),
    "supersetOf": Method(_set_test(_superset), 1, 1),
    "includes": Method(needs_array(_includes), 1, 1),
    "distinct": Method(needs_array(_distinct), 0, 0),
    "head": Method(needs_array(_head), 0, 0),
    "count": Method(_count, 0, 0),
    "filter": Method(needs_array(_filter), 1, 1, (1,)),
    "exists": Method(needs_array(_exists), 1, 1, (1,)),
    "map": Method(_map, 1, 1, (1, 2)),
    "groupBy": Method(needs_array(_group_by), 1, 1, (1,)),
    "topN": Method(_top(highest=True), 2, 2, (1,)),
    "bottomN": Method(_top(highest=False), 2, 2, (1,)),
    "sum": Method(needs_array(_aggregate), 0, 1, (1,)),
    "average": Method(needs_array(_aggregate), 0, 1, (1,)),
    "min": Method(needs_array(_aggregate), 0, 1, (1,)),
    "max": Method(needs_array(_aggregate), 0, 1, (1,)),
}
"""Methods of arrays; `count` and `map` are those of maps, too."""
