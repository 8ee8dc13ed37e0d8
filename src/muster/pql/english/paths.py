"""Where a path leads, and what stands there is called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from muster.pql import syntax
from muster.pql.english.phrases import full
from muster.pql.english.things import Collection, Lifted, Plain, Referent, Scene, Thing
from muster.pql.english.vocabulary import ARRAYS, collection_noun, field_words
from muster.pql.english.words import Noun, is_plural, possessive, singularise, value_word
from muster.pql.types import ANY, ArrayType, MapType, ObjectType, Type


def walk(owner: Referent, names: Sequence[str], scene: Scene) -> Thing:
    """The field of an owner that a path leads to; from the first array on, that of its elements."""
    type_ = owner.type
    if isinstance(type_, ArrayType):
        entries = collect(owner, (), Noun("member", "members"), type_.element, scene)
        return Lifted(None, base=entries, inner=walk(entries.element, names, scene)) if names else entries
    for index in range(len(names)):
        path = tuple(names[: index + 1])
        type_ = _member(type_, path)
        if isinstance(type_, ArrayType):
            words = field_words(path)
            found = collect(owner, path, collection_noun(path, words, singularise), type_.element, scene)
            rest = names[index + 1 :]
            return Lifted(None, base=found, inner=walk(found.element, rest, scene)) if rest else found
    path = tuple(names)
    text = field_words(path) if path else ""
    plural = is_plural(re.split(" (?:of|in|to) ", text)[0])
    return Plain(_known(type_), not path, text=text, owner=owner, plural=plural, path=path, field=path)


def collect(
    owner: Referent | None, path: tuple[str, ...], noun: Noun, element: Type | None, scene: Scene
) -> Collection:
    """An array of an owner, with an element to speak of."""
    referent = Referent(noun, _known(element), scene.label(noun))
    # The events of a person are always there, if only none of them.
    return Collection(None, path == ("xEvent",), element=referent, owner=owner, path=path)


def taken_from(among: str) -> Collection:
    """An array that is nobody's field, with nothing known of its elements."""
    noun = Noun("entry", "entries")
    return Collection(None, element=Referent(noun, None, "the entry"), among=among)


def _known(type_: Type | None) -> Type | None:
    return None if type_ == ANY else type_


def _member(type_: Type | None, path: tuple[str, ...]) -> Type | None:
    found: Type | None = None
    if isinstance(type_, ObjectType):
        found = type_.fields.get(path[-1])
    elif isinstance(type_, MapType):
        found = type_.value
    if found is None and (".".join(path) in ARRAYS or (len(path) == 2 and f"{path[0]}.*" in ARRAYS)):
        return ArrayType(ANY)
    return found


def field(node: syntax.Field, scene: Scene) -> Thing:
    """What a row of names leads to."""
    names = [node.name]
    base = node.object
    while isinstance(base, syntax.Field):
        names.append(base.name)
        base = base.object
    names.reverse()
    if isinstance(base, syntax.Name) and base.name not in scene.variables:
        owner = scene.profile if base.name == "xEvent" else scene.scope
        return walk(owner, (base.name, *names), scene)
    return member(scene.value(base), names, scene)


def name(node: syntax.Name, scene: Scene) -> Thing:
    meaning = scene.variables.get(node.name)
    if isinstance(meaning, Referent):
        return walk(meaning, (), scene)
    if meaning is not None:
        return meaning
    return walk(scene.profile if node.name == "xEvent" else scene.scope, (node.name,), scene)


def member(base: Thing, names: Sequence[str], scene: Scene) -> Thing:
    """The field of a value."""
    match base:
        case Collection():
            return Lifted(None, base=base, inner=walk(base.element, names, scene))
        case Lifted(_, _, collection, inner):
            return Lifted(None, base=collection, inner=member(inner, names, scene))
        case Plain(owner=Referent() as owner, path=tuple() as path):
            return walk(owner, (*path, *names), scene)
    text = full(base, scene)
    found = walk(Referent(Noun("", ""), base.type, text), names, scene)
    if isinstance(found, Plain) and isinstance(base, Plain) and base.owner is not None:
        return replace(found, text=f"{possessive(base.text)} {found.text}", owner=base.owner, path=None)
    if isinstance(found, Plain):
        return replace(found, text=f"the {found.text} of {text}", owner=None, path=None)
    return found


def entry(map_: Thing, key: str, scene: Scene) -> Thing:
    """The value that a map has for a key: as a path, so that both ways of writing it read the same."""
    if isinstance(map_, Plain) and map_.owner is None:
        return Plain(text=f"the {value_word(key)} entry of {map_.text}")
    return member(map_, (key,), scene)
