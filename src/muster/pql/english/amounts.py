"""That there are elements, how many, and what is true of some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from muster.pql.english.claims import Claim, Phrase, Said, always
from muster.pql.english.paths import collect, taken_from, walk
from muster.pql.english.phrases import flattened, full, has, one_of, some_of
from muster.pql.english.predicates import KNOWN, OPPOSITES, TRUE, marked
from muster.pql.english.states import state
from muster.pql.english.things import Collection, Constant, Count, Lifted, Plain, Referent, Scene, Thing
from muster.pql.english.words import Noun, number_words, singularise
from muster.pql.types import BOOLEAN, MapType

ElementTest = Callable[[Thing, Scene], Said]


def is_many(thing: Thing) -> bool:
    return isinstance(thing, Collection | Lifted)


def elements(thing: Thing, scene: Scene) -> Collection:
    """A value as a collection; for one that the schema does not call an array, the best guess at its elements."""
    match thing:
        case Collection():
            return thing
        case Lifted():
            return flattened(thing, scene)
        case Plain(owner=Referent() as owner, path=tuple() as path) if path:
            if isinstance(thing.type, MapType):
                noun = Noun(f"{thing.text} entry", f"{thing.text} entries")
                return collect(owner, path, noun, thing.type.value, scene)
            return collect(owner, path, Noun(singularise(thing.text), thing.text), None, scene)
    return taken_from(full(thing, scene))


def exists(collection: Collection, scene: Scene, *, negated: bool = False) -> Claim:
    """That there is an element, or none."""
    collection = replace(collection, different=False)
    within = collection.within
    if within is not None and collection.owner is within.element:
        inner = replace(collection, within=None)

        def holds(plural: bool) -> Said:
            return exists(inner, scene.about(within.element, plural=plural))

        return exists(within.where(holds), scene, negated=negated)
    if collection.parts and not negated:
        return has(collection, Phrase(collection.parts, True), scene)
    if not negated:
        return has(collection, one_of(collection, scene), scene)
    text, heavy = some_of(collection, scene, plural=True)
    return has(collection, Phrase(f"no {text}", heavy), scene)


def some(thing: Thing, test: ElementTest, scene: Scene, *, negated: bool = False) -> Claim:
    """That some element, or none, passes a test."""
    if isinstance(thing, Lifted):
        inner = thing.inner

        def test_inner(_: Thing, within: Scene) -> Said:
            return some(inner, test, within) if is_many(inner) else test(inner, within)

        return some(thing.base, test_inner, scene, negated=negated)
    collection = elements(thing, scene)
    element = collection.element

    def passes(plural: bool) -> Said:
        within = scene.about(element, plural=plural)
        return test(walk(element, (), within), within)

    return exists(collection.where(passes), scene, negated=negated)


def present(thing: Thing, scene: Scene, *, negated: bool = False) -> Said:
    """That a value is there, where a condition is needed: true, known, or with an element."""
    match thing:
        case Constant(_, _, bool() as value):
            return always(value != negated)
        case Collection():
            if thing.element.type == BOOLEAN:
                return some(
                    thing, lambda element, within: state(element, TRUE, within), scene, negated=negated
                )
            return exists(thing, scene, negated=negated)
        case Lifted():
            return some(thing, present, scene, negated=negated)
        case Plain(type_, _, _, _, _, path):
            if type_ == BOOLEAN:
                return marked(thing, scene, negated=negated)
            if type_ is None and path:
                return _recorded(thing, scene, negated=negated)
    return unknown(thing, scene) if negated else known(thing, scene)


def _recorded(thing: Plain, scene: Scene, *, negated: bool) -> Said:
    """A condition on a field of unknown type: true, known or not empty, whatever it is."""
    if thing.owner is scene.subject:
        return Claim("with", f"{thing.text} set", lacks=negated)
    verb = "are" if thing.plural else "is"
    return Claim("where", f"{full(thing, scene)} {verb} {'not ' if negated else ''}set")


def known(thing: Thing, scene: Scene) -> Said:
    """That a value is not missing."""
    if isinstance(thing, Lifted):
        return some(thing, _known_inside, scene)
    if isinstance(thing, Collection) and thing.hollow:
        return exists(thing, scene)
    return always(True) if thing.certain else state(thing, KNOWN, scene)


def unknown(thing: Thing, scene: Scene) -> Said:
    """That a value is missing."""
    if isinstance(thing, Lifted):
        return some(thing, _known_inside, scene, negated=True)
    if isinstance(thing, Collection) and thing.hollow:
        return exists(thing, scene, negated=True)
    if thing.certain:
        return always(False)
    return state(replace(thing, certain=True), KNOWN, scene, negated=True)


def _known_inside(inner: Thing, scene: Scene) -> Said:
    return exists(inner, scene) if isinstance(inner, Collection) else known(inner, scene)


def counted(count: Count, operator: str, number: int, scene: Scene, *, negated: bool = False) -> Said:
    """That there are so many elements. A count is never missing, so the opposite is another comparison."""
    if negated:
        operator = OPPOSITES[operator]
    if (operator, number) in ((">", 0), (">=", 1), ("!=", 0)):
        return exists(count.of, scene)
    if (operator, number) in (("=", 0), ("<=", 0), ("<", 1)):
        return exists(count.of, scene, negated=True)
    text, heavy = some_of(count.of, scene, plural=number != 1)
    shown = number_words(number)
    amount = {
        ">=": f"{shown} or more {text}",
        ">": f"more than {shown} {text}",
        "=": f"exactly {shown} {text}",
        "<=": f"at most {shown} {text}",
        "<": f"fewer than {shown} {text}",
        "!=": f"fewer or more than {shown} {text}",
    }[operator]
    return has(count.of, Phrase(amount, heavy), scene)
