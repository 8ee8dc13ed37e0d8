"""Arrays and maps as wholes.

No array is ever changed once it is made: one that is computed once is handed to every evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

from muster.pql import bound
from muster.pql.bound import Bound
from muster.pql.emit.closures.compiler import Code, Compiler, Frame, Handler, plain
from muster.pql.emit.closures.readers import identity, is_plain, text_form
from muster.pql.emit.closures.scalars import bounded
from muster.pql.types import ANY, INTEGER, ArrayType, TuplesType, Type


def element(type_: Type) -> Type:
    """What an array holds; nothing for what is always missing."""
    return type_.element if isinstance(type_, ArrayType) else ANY


def _list_of(compiler: Compiler, node: bound.ListOf) -> Code:
    items = [compiler.code(item) for item in node.items]
    return lambda frame: [value for item in items if (value := item(frame)) is not None]


# --- loops


def _where(compiler: Compiler, node: bound.Where, *, ordered: bool) -> Code:
    with compiler.loop(node.source, node.variable, ordered=ordered) as loop:
        test = compiler.code(node.test)
    source, slot, first = loop.source, loop.slot, loop.test

    def kept(frame: Frame) -> list[Any]:
        found = []
        for item in source(frame) or ():
            frame[slot] = item
            if (first is None or first(frame)) and test(frame):
                found.append(item)
        return found

    return kept


def _lift(compiler: Compiler, node: bound.Lift, *, ordered: bool) -> Code:
    results = _results(compiler, node, ordered)
    return lambda frame: results(frame) or None


def _map_over(compiler: Compiler, node: bound.MapOver, *, ordered: bool) -> Code:
    return _results(compiler, node, ordered)


def _results(compiler: Compiler, node: bound.Lift | bound.MapOver, ordered: bool) -> Code:
    """The body for every element, arrays joined, missing ones dropped."""
    with compiler.loop(node.source, node.variable, ordered=ordered) as loop:
        body = compiler.code(node.body, ordered=ordered)
    source, slot, test = loop.source, loop.slot, loop.test
    add = _adder(node.body.type)

    def results(frame: Frame) -> list[Any]:
        found: list[Any] = []
        for item in source(frame) or ():
            frame[slot] = item
            if test is None or test(frame):
                value = body(frame)
                if value is not None:
                    add(found, value)
        return found

    return results


def _adder(body: Type) -> Callable[[list[Any], Any], None]:
    """How a result of this type joins the others."""
    return list.extend if isinstance(body, ArrayType | TuplesType) else list.append


# --- one value from an array


def _count(compiler: Compiler, node: bound.Count) -> Code:
    if isinstance(node.value, bound.Where):
        return counter(compiler, node.value, None)
    value = compiler.code(node.value, ordered=False)
    return lambda frame: len(value(frame) or ())


def counter(compiler: Compiler, node: bound.Where, most: int | None) -> Code:
    """How many elements pass; with `most`, counting ends there."""
    with compiler.loop(node.source, node.variable, ordered=False) as loop:
        test = compiler.code(node.test)
    source, slot, first = loop.source, loop.slot, loop.test

    def count(frame: Frame) -> int:
        number = 0
        for item in source(frame) or ():
            frame[slot] = item
            if (first is None or first(frame)) and test(frame):
                number += 1
                if number == most:
                    break
        return number

    return count


def _aggregate(compiler: Compiler, node: bound.Aggregate) -> Code:
    inner = element(node.array.type)
    nested = isinstance(inner, ArrayType)
    while isinstance(inner, ArrayType):
        inner = inner.element
    # Only doubles are added in array order; their sum depends on it.
    ordered = node.function in ("sum", "average") and inner != INTEGER
    array, aggregate = compiler.code(node.array, ordered=ordered), _AGGREGATES[node.function]
    if node.function == "sum" and node.of == INTEGER:
        aggregate = _whole_sum

    def result(frame: Frame) -> Any:
        numbers = array(frame) or ()
        return aggregate(list(_flat(numbers)) if nested else numbers)

    return result


def _flat(items: Iterable[Any]) -> Iterable[Any]:
    return chain.from_iterable(_flat(item) if isinstance(item, list) else (item,) for item in items)


def _whole_sum(numbers: Iterable[Any]) -> Any:
    return bounded(sum(numbers))


def _sum(numbers: Iterable[Any]) -> Any:
    # Not `sum`: newer versions of Python correct its rounding, and the rule is to add one after the other.
    total = 0.0
    for number in numbers:
        total += number
    return bounded(total)


def _average(numbers: list[Any]) -> Any:
    if not numbers:
        return None
    whole = all(type(number) is int for number in numbers)
    total = sum(numbers) if whole else _sum(numbers)
    try:
        return None if total is None else bounded(total / len(numbers))
    except OverflowError:
        return None


_AGGREGATES: Mapping[str, Callable[[Any], Any]] = {
    "sum": _sum,
    "average": _average,
    "min": lambda numbers: min(numbers, default=None),
    "max": lambda numbers: max(numbers, default=None),
}


def _head(compiler: Compiler, node: bound.Head) -> Code:
    with compiler.loop(node.array) as loop:
        pass
    source, slot, test = loop.source, loop.slot, loop.test

    def head(frame: Frame) -> Any:
        for item in source(frame) or ():
            frame[slot] = item
            if test is None or test(frame):
                return item
        return None

    return head


# --- other arrangements


def _distinct(compiler: Compiler, node: bound.Distinct, *, ordered: bool) -> Code:
    array, of = compiler.code(node.array, ordered=ordered), element(node.array.type)
    if is_plain(of):
        return lambda frame: list(dict.fromkeys(array(frame) or ()))
    identify = identity(of)

    def distinct(frame: Frame) -> list[Any]:
        first: dict[Any, Any] = {}
        for item in array(frame) or ():
            first.setdefault(identify(item), item)
        return list(first.values())

    return distinct


def _top(compiler: Compiler, node: bound.Top) -> Code:
    with compiler.loop(node.array, node.variable) as loop:
        key = compiler.code(node.key)
    source, slot, test = loop.source, loop.slot, loop.test
    amount, highest = node.amount, node.highest

    def top(frame: Frame) -> list[Any]:
        keyed = []
        for item in source(frame) or ():
            frame[slot] = item
            if (test is None or test(frame)) and (value := key(frame)) is not None:
                keyed.append((value, item))
        # The sort is stable, also when it is reversed: ties stay in array order.
        keyed.sort(key=_first, reverse=highest)
        return [item for _, item in keyed[:amount]]

    return top


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _group_by(compiler: Compiler, node: bound.GroupBy) -> Code:
    with compiler.loop(node.array, node.variable) as loop:
        key = compiler.code(node.key)
    source, slot, test = loop.source, loop.slot, loop.test
    many = isinstance(node.key.type, ArrayType)
    text = text_form(element(node.key.type) if many else node.key.type)

    def groups(frame: Frame) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for item in source(frame) or ():
            frame[slot] = item
            if (test is not None and not test(frame)) or (value := key(frame)) is None:
                continue
            for name in dict.fromkeys(map(text, value)) if many else (text(value),):
                found.setdefault(name, []).append(item)
        return found

    return groups


# --- maps


def _keys(compiler: Compiler, node: bound.Keys) -> Code:
    entries = compiler.code(node.map)
    return lambda frame: list(entries(frame) or ())


def _values(compiler: Compiler, node: bound.Values) -> Code:
    entries = compiler.code(node.map)
    return lambda frame: list((entries(frame) or {}).values())


def _pairs_over(compiler: Compiler, node: bound.PairsOver) -> Code:
    entries, key_slot, value_slot = compiler.code(node.map), compiler.slot(), compiler.slot()
    with (
        compiler.looping(),
        compiler.bound_at(key_slot, node.key_variable),
        compiler.bound_at(value_slot, node.value_variable),
    ):
        body = compiler.code(node.body)
    add = _adder(node.body.type)

    def results(frame: Frame) -> list[Any]:
        found: list[Any] = []
        for name, item in (entries(frame) or {}).items():
            frame[key_slot], frame[value_slot] = name, item
            value = body(frame)
            if value is not None:
                add(found, value)
        return found

    return results


def _map_entries(compiler: Compiler, node: bound.MapEntries) -> Code:
    entries, key_slot, value_slot = compiler.code(node.map), compiler.slot(), compiler.slot()
    with (
        compiler.looping(),
        compiler.bound_at(key_slot, node.key_variable),
        compiler.bound_at(value_slot, node.value_variable),
    ):
        key, value = compiler.code(node.key), compiler.code(node.value)

    def made(frame: Frame) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, item in (entries(frame) or {}).items():
            frame[key_slot], frame[value_slot] = name, item
            new_key, new_value = key(frame), value(frame)
            if new_key is not None and new_value is not None:
                found[new_key] = new_value
        return found

    return made


HANDLERS: Mapping[type[Bound], Handler] = {
    bound.ListOf: plain(_list_of),
    bound.Where: _where,
    bound.Lift: _lift,
    bound.MapOver: _map_over,
    bound.Count: plain(_count),
    bound.Aggregate: plain(_aggregate),
    bound.Head: plain(_head),
    bound.Distinct: _distinct,
    bound.Top: plain(_top),
    bound.GroupBy: plain(_group_by),
    bound.Keys: plain(_keys),
    bound.Values: plain(_values),
    bound.PairsOver: plain(_pairs_over),
    bound.MapEntries: plain(_map_entries),
}
