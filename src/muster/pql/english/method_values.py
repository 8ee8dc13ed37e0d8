"""The words for methods that give a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from muster.pql import syntax
from muster.pql.english.amounts import elements
from muster.pql.english.claims import Phrase, Said
from muster.pql.english.compare import compare, is_in, text_words
from muster.pql.english.fallback import is_well_formed
from muster.pql.english.paths import collect, entry, walk
from muster.pql.english.phrases import definite, flattened, full, nest, owner_words, root, some_of, words_of
from muster.pql.english.things import (
    Collection,
    Constant,
    Count,
    Groups,
    Lifted,
    Listing,
    Measure,
    Plain,
    Referent,
    Scene,
    Thing,
)
from muster.pql.english.tree import argument
from muster.pql.english.vocabulary import BIRTH_DATE, TIMESTAMP
from muster.pql.english.words import Noun
from muster.pql.types import ANY, INTEGER, NUMBER, STRING, ArrayType, MapType

MethodValue = Callable[[Thing, syntax.Call, Scene], Thing]


def _inside(
    call: syntax.Call, collection: Collection, scene: Scene, *, plural: bool
) -> tuple[Scene, syntax.Expr]:
    """The scene of an element, and what the first argument asks there."""
    within = scene.enter(collection.element, plural=plural)
    argument = call.arguments[0]
    if isinstance(argument, syntax.Lambda):
        return within.bind(argument.parameters[0], collection.element), argument.body
    return within, argument


def _for_each(receiver: Thing, make: Callable[[Thing], Thing]) -> Thing:
    """A function of a single value; over an array, of each element."""
    if isinstance(receiver, Lifted):
        return replace(receiver, inner=_for_each(receiver.inner, make))
    if isinstance(receiver, Collection):
        element = Plain(receiver.element.type, True, owner=receiver.element, path=())
        return Lifted(None, base=receiver, inner=make(element))
    return make(receiver)


# --- arrays


def filtered(receiver: Thing, call: syntax.Call, scene: Scene) -> Collection:
    """The elements of which an expression argument is true."""
    collection = elements(receiver, scene)

    def passes(plural: bool) -> Said:
        within, condition = _inside(call, collection, scene, plural=plural)
        return within.says(condition)

    return collection.where(passes)


def _distinct(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    return replace(elements(receiver, scene), different=True, certain=True)


def _intersection(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    collection = elements(receiver, scene)
    other = scene.value(argument(call, 0))

    def passes(plural: bool) -> Said:
        within = scene.about(collection.element, plural=plural)
        element = walk(collection.element, (), within)
        return is_in(element, replace(other, certain=True), within, strict=False, negated=False)

    return replace(collection.where(passes), different=True)


def _head(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    collection = elements(receiver, scene)
    type_ = collection.element.type
    owner = collection.owner if collection.within is None else None
    text, heavy = Phrase(collection.rank) if collection.rank else some_of(collection, scene, plural=False)
    if not collection.rank:
        text = f"first {text}"
    if owner is not None and not heavy and " with the " not in text:
        return Plain(type_, text=text, owner=owner)
    whose = "the" if owner is None else owner_words(owner, scene)
    return Plain(type_, text=f"{whose} {text}")


def _top(*, highest: bool) -> MethodValue:
    def value(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
        collection = elements(receiver, scene)
        within, body = _inside(call, collection, scene, plural=False)
        key = within.value(body)
        number = full(scene.value(argument(call, 1)), scene)
        by_time = key.is_time or (isinstance(key, Plain) and key.path == TIMESTAMP)
        word = ("latest" if by_time else "highest") if highest else ("earliest" if by_time else "lowest")
        one = some_of(collection, scene, plural=False).text
        many = definite(collection, scene)
        if isinstance(key, Plain) and key.path == TIMESTAMP and key.owner is collection.element:
            rank, among = f"{word} {one}", _ranked(many, scene, number, word)
        else:
            rank = f"{one} with the {word} {words_of(key, within)}"
            first = "the one" if number == "1" else f"the {number}"
            among = f"{first} of {many} with the {word} {words_of(key, within)}"
        return replace(
            collection, tests=(), within=None, different=False, among=among, rank=rank, certain=True
        )

    return value


def _ranked(many: str, scene: Scene, number: str, word: str) -> str:
    """The first or last ones in time: `their 2 latest events`."""
    their = f"{scene.voice.their} "
    if number == "1" or not many.startswith(their):
        return f"the {word if number == '1' else f'{number} {word}'} of {many}"
    return f"{their}{number} {word} {many.removeprefix(their)}"


def _measure(function: str) -> MethodValue:
    def value(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
        if not call.arguments:
            of, inner = _measured(receiver, scene)
            return Measure(NUMBER, function == "sum", function=function, of=of, value=inner)
        collection = elements(receiver, scene)
        within, body = _inside(call, collection, scene, plural=True)
        return Measure(NUMBER, function == "sum", function=function, of=collection, value=within.value(body))

    return value


def _measured(receiver: Thing, scene: Scene) -> tuple[Collection, Thing | None]:
    """The collection, and the value of each of its elements, that an aggregate without argument is about."""
    if not isinstance(receiver, Lifted):
        return elements(receiver, scene), None
    if isinstance(receiver.inner, Lifted | Collection):
        of, value = _measured(receiver.inner, scene)
        return nest(of, receiver.base), value
    return receiver.base, receiver.inner


def _count(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    of = elements(_groups(receiver, scene) if isinstance(receiver, Groups) else receiver, scene)
    return Count(INTEGER, True, of=of)


def _map(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    collection = _groups(receiver, scene) if isinstance(receiver, Groups) else elements(receiver, scene)
    function = call.arguments[0]
    if not (isinstance(function, syntax.Lambda) and len(function.parameters) == 2):
        within, body = _inside(call, collection, scene, plural=True)
        return Lifted(None, base=collection, inner=within.value(body))
    words = (
        words_of(receiver.key(), scene.about(receiver.of.element, plural=True))
        if isinstance(receiver, Groups)
        else "key"
    )
    key = Plain(STRING, True, text=words, owner=collection.element)
    within = scene.enter(collection.element, plural=True)
    within = within.bind(function.parameters[0], key).bind(function.parameters[1], collection.element)
    body = function.body
    if isinstance(body, syntax.Call) and body.name == "mapEntry" and is_well_formed(body):
        by, entry_ = (words_of(within.value(argument(body, index)), within) for index in range(2))
        text = f"the map of the {entry_} by {by} over {definite(collection, scene)}"
        return Plain(None, True, text=text)
    return Lifted(None, base=collection, inner=within.value(body))


def _group_by(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    collection = elements(receiver, scene)

    def key() -> Thing:
        within, body = _inside(call, collection, scene, plural=True)
        return within.value(body)

    return Groups(None, True, of=collection, key=key)


def _groups(groups: Groups, scene: Scene) -> Collection:
    """The groups as a collection of arrays."""
    of = groups.of
    words = words_of(groups.key(), scene.about(of.element, plural=True))
    which = definite(replace(of, owner=None), scene).removeprefix("the ")
    noun = Noun(f"group of {which} with the same {words}", f"groups of {which} with the same {words}")
    members = ArrayType(of.element.type or ANY)
    element = Referent(noun, members, scene.label(Noun("group", "groups")))
    return Collection(None, True, element=element, owner=root(of))


# --- maps


def _get(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    key = scene.value(argument(call, 0))
    if isinstance(receiver, Groups):
        return replace(receiver.of.where(_has_key(receiver, key, scene)), hollow=True)
    if (
        isinstance(key, Constant)
        and isinstance(key.value, str)
        and not isinstance(receiver, Constant | Listing)
    ):
        return entry(receiver, key.value, scene)
    shown = full(key, scene)
    return _for_each(receiver, lambda map_: Plain(text=f"the entry of {full(map_, scene)} for {shown}"))


def _has_key(groups: Groups, key: Thing, scene: Scene) -> Callable[[bool], Said]:
    of = groups.of

    def test(plural: bool) -> Said:
        return compare(groups.key(), "=", key, scene.about(of.element, plural=plural))

    return test


def _keys(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    if isinstance(receiver, Groups):
        return replace(flattened(Lifted(None, base=receiver.of, inner=receiver.key()), scene), different=True)
    if isinstance(receiver, Plain) and receiver.path and receiver.owner is not None:
        noun = Noun(f"{receiver.text} key", f"{receiver.text} keys")
        return collect(receiver.owner, (*receiver.path, "*"), noun, STRING, scene)
    return replace(
        collect(None, (), Noun("key", "keys"), STRING, scene), among=f"the keys of {full(receiver, scene)}"
    )


def _values(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    if isinstance(receiver, Groups):
        return _groups(receiver, scene)
    if isinstance(receiver, Plain) and receiver.path and receiver.owner is not None:
        element = receiver.type.value if isinstance(receiver.type, MapType) else None
        noun = Noun(f"{receiver.text} value", f"{receiver.text} values")
        return collect(receiver.owner, (*receiver.path, "*"), noun, element, scene)
    among = f"the values of {full(receiver, scene)}"
    return replace(collect(None, (), Noun("value", "values"), None, scene), among=among)


# --- text and time


def _regex_group(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
    pattern = text_words(scene.value(argument(call, 0)), scene)
    number = full(scene.value(argument(call, 1)), scene) if len(call.arguments) > 1 else "0"
    part = f"the match of {pattern}" if number == "0" else f"group {number} of the match of {pattern}"
    return _for_each(receiver, lambda thing: Plain(STRING, text=f"{part} in {full(thing, scene)}"))


def _date_part(part: str) -> MethodValue:
    def value(receiver: Thing, call: syntax.Call, scene: Scene) -> Thing:
        def each(thing: Thing) -> Thing:
            if not isinstance(thing, Plain) or thing.owner is None:
                return Plain(INTEGER, thing.certain, text=f"the {part} of {full(thing, scene)}", moment=part)
            text = f"{part} of birth" if thing.path == BIRTH_DATE else f"{thing.text} {part}".strip()
            return Plain(INTEGER, thing.certain, text=text, owner=thing.owner, moment=part)

        return _for_each(receiver, each)

    return value


METHOD_VALUES: Mapping[str, MethodValue] = {
    "regexGroup": _regex_group,
    "intersection": _intersection,
    "distinct": _distinct,
    "head": _head,
    "count": _count,
    "filter": filtered,
    "map": _map,
    "groupBy": _group_by,
    "topN": _top(highest=True),
    "bottomN": _top(highest=False),
    "sum": _measure("sum"),
    "average": _measure("average"),
    "min": _measure("min"),
    "max": _measure("max"),
    "get": _get,
    "keys": _keys,
    "values": _values,
    "getYear": _date_part("year"),
    "getMonth": _date_part("month"),
    "getDayOfMonth": _date_part("day of the month"),
}
