"""Things as phrases, and claims about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from muster.pql.english.claims import Claim, Phrase, Voice, conjuncts, describe
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
from muster.pql.english.words import (
    Noun,
    is_plural,
    listed,
    number_words,
    pluralise,
    possessive,
    singularise,
    value_word,
    with_article,
)

MEASURES = {"sum": "total", "average": "average", "min": "lowest", "max": "highest"}
NameOf = Callable[[str], str | None]


def constant_words(value: str | float | bool, name_of: NameOf = lambda text: None) -> str:
    """A written value; `name_of` knows the names of codes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return name_of(value) or value_word(value)
    return name_of(str(value)) or number_words(value)


def owner_words(owner: Referent, scene: Scene) -> str:
    """Whose: `their` of the subject, `the person's` of somebody else."""
    return scene.voice.their if owner is scene.subject else possessive(owner.label)


# --- values


def full(thing: Thing, scene: Scene, name_of: NameOf = lambda text: None) -> str:
    """A value as a noun phrase that says whose it is."""
    match thing:
        case Constant(_, _, value):
            return constant_words(value, name_of)
        case Plain(owner=None):
            return thing.text
        case Plain(owner=Referent() as owner, text=""):
            return scene.voice.they if owner is scene.subject else owner.label
        case Plain(owner=Referent() as owner, path=("timestamp",)) if owner is not scene.subject:
            return f"the time of {owner.label}"
        case Plain(owner=Referent() as owner):
            return f"{owner_words(owner, scene)} {thing.text}"
        case Listing(_, _, items):
            texts = [full(item, scene, name_of) for item in items]
            return listed(texts, "and") if texts else "an empty list"
        case Collection():
            return definite(thing, scene)
        case Lifted():
            return definite(flattened(thing, scene), scene)
        case Count(_, _, of):
            return f"the number of {definite(of, scene)}"
        case Measure(_, _, function, of, value):
            return f"the {_measured(function, value, of, scene)} of {definite(of, scene)}"
        case Groups(_, _, of, key):
            return f"{definite(of, scene)} by {words_of(key(), scene.about(of.element, plural=False))}"
    return "something"


def words_of(thing: Thing, scene: Scene) -> str:
    """A value as words; it need not be said that it is the subject's."""
    match thing:
        case Plain(owner=Referent() as owner) if owner is scene.subject:
            return thing.text or "value"
        case Count(_, _, of) if is_own(of, scene):
            return f"number of {all_of(of)}"
        case Measure(_, _, function, of, value) if is_own(of, scene):
            return f"{_measured(function, value, of, scene)} of {all_of(of)}"
        case Collection() if is_own(thing, scene):
            return all_of(thing)
    return full(thing, scene)


def _measured(function: str, value: Thing | None, of: Collection, scene: Scene) -> str:
    if value is None or (isinstance(value, Plain) and value.path == ()):
        return MEASURES[function]
    return f"{MEASURES[function]} {words_of(value, scene.about(of.element, plural=True))}"


# --- collections


def root(collection: Collection) -> Referent | None:
    """Who has the elements."""
    return root(collection.within) if collection.within is not None else collection.owner


def definite(collection: Collection, scene: Scene) -> str:
    """All elements: `their purchases in the last 30 days`."""
    if collection.among and not collection.tests:
        return collection.among
    text = all_of(collection)
    if collection.among:
        return f"those {text} among {collection.among}"
    if collection.within is not None:
        return f"the {text} of {definite(collection.within, scene)}"
    owner = collection.owner
    return f"the {text}" if owner is None else f"{owner_words(owner, scene)} {text}"


def all_of(collection: Collection) -> str:
    return described(collection, plural=True).text


def described(collection: Collection, *, plural: bool, of: str = "", open_: bool = False) -> Phrase:
    said = [item for test in collection.tests for item in conjuncts(test(plural))]
    label = labelled(collection.label) + (f" {of}" if of else "")
    text, heavy = describe(collection.noun, said, Voice(False, plural), label=label)
    if not open_:
        text = resolve(text, [collection.label], always=collection.always_labelled)
    return Phrase(f"different {text}", heavy) if collection.different else Phrase(text, heavy)


def labelled(label: str) -> str:
    """A place for the letter of a variable, to be resolved when it is known whether anything refers to it."""
    return f"\ue000{label}\ue001" if label else ""


def resolve(text: str, labels: Sequence[str], *, always: bool = False) -> str:
    """The text with the letters that something refers to, and without the others."""
    for label in filter(None, labels):
        place = labelled(label)
        rest = text.replace(place, "")
        used = always or re.search(rf"(?<!\w){re.escape(label)}(?!\w)", rest) is not None
        text = text.replace(place, f" ({label})" if used else "")
    return text


def some_of(
    collection: Collection, scene: Scene, *, plural: bool, of: str = "", open_: bool = False
) -> Phrase:
    """Some elements, without article or number: `purchases in the last 30 days`."""
    phrase = described(collection, plural=plural, of=of, open_=open_)
    source = collection.among
    if not source and collection.within is not None:
        source = definite(collection.within, scene)
    if not source:
        return phrase
    return Phrase(f"{phrase.text}{',' if phrase.heavy else ''} among {source}", phrase.heavy)


def one_of(collection: Collection, scene: Scene, *, of: str = "", open_: bool = False) -> Phrase:
    """An element; `open_` leaves the place of its letter to be resolved in a longer text."""
    phrase = some_of(collection, scene, plural=False, of=of, open_=open_)
    return Phrase(with_article(phrase.text), phrase.heavy)


def has(collection: Collection, amount: Phrase, scene: Scene, *, lacks: bool = False) -> Claim:
    """That whoever the elements belong to has so many of them."""
    owner = root(collection)
    if owner is scene.subject:
        return Claim("with", amount.text, heavy=amount.heavy, lacks=lacks)
    if owner is None or not owner.label:
        return Claim("where", f"there {'is no' if lacks else 'is'} {amount.text}", heavy=True)
    verb = "does not have" if lacks else "has"
    return Claim("where", f"{owner.label} {verb} {amount.text}", heavy=True)


def is_own(collection: Collection, scene: Scene) -> bool:
    """Whether the collection is a plain array of the subject, perhaps filtered."""
    return collection.owner is scene.subject and collection.within is None and not collection.among


def flattened(lifted: Lifted, scene: Scene) -> Collection:
    """The values of all elements, as one collection."""
    base, inner = lifted.base, lifted.inner
    if isinstance(inner, Lifted):
        return nest(flattened(inner, scene), base)
    if isinstance(inner, Collection):
        return nest(inner, base)
    if isinstance(inner, Plain) and inner.path == ():
        return base
    words = words_of(inner, scene.about(base.element, plural=True))
    if isinstance(inner, Plain) and inner.path:
        noun = Noun(singularise(words), words) if is_plural(words) else Noun(words, pluralise(words))
    else:
        noun = Noun(f"value of {words}", f"values of {words}")
    element = Referent(noun, inner.type, scene.label(noun))
    return Collection(None, True, element=element, within=base)


def nest(inner: Collection, base: Collection) -> Collection:
    return replace(inner, within=base if inner.within is None else nest(inner.within, base))
