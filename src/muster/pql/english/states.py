"""What is said of a value: that it is so, is not so, or is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from muster.pql.english.claims import Claim
from muster.pql.english.phrases import MEASURES, all_of, described, full, is_own, words_of
from muster.pql.english.things import (
    Collection,
    Count,
    Lifted,
    Listing,
    Measure,
    Plain,
    Referent,
    Scene,
    Thing,
)
from muster.pql.english.words import is_plural, pluralise, with_article

_COME_TO = {"sum": "add up to", "average": "average"}


@dataclass(frozen=True, slots=True)
class Predicate:
    """What may be true of a value: `is gold`, `starts with “a”`. Without a verb it is what follows `is`.

    With a verb, `no` is what it takes for the opposite; without one the verb is negated. An amount may stand in other places, too: `add up to more than 5`.
    """

    yes: str
    no: str = ""
    verb: str = ""
    heavy: bool = False
    amount: bool = False

    def text(self, *, plural: bool, positive: bool, guard: str = "") -> str:
        are = "are" if plural else "is"
        if not self.verb:
            rest = self.yes if positive else self.no or f"not {self.yes}"
            return " ".join(filter(None, (are, guard, rest)))
        if positive or self.no:
            rest = self.yes if positive else self.no
            words = f"{self.verb if plural else _third(self.verb)} {rest}"
        else:
            words = f"{'do' if plural else 'does'} not {self.verb} {self.yes}"
        return f"{are} {guard} {words}" if guard else words


def _third(verb: str) -> str:
    return f"{verb}es" if verb.endswith(("ch", "sh", "s", "x")) else f"{verb}s"


def state(
    thing: Thing,
    predicate: Predicate,
    scene: Scene,
    *,
    strict: bool = False,
    negated: bool = False,
    other: Thing | None = None,
) -> Claim:
    """That a value is, or is not, so.

    Args:
        strict: The question is a negative one that a missing value does not pass, such as `!=`.
        negated: The answer is turned round, so that a missing value passes.
        other: What the value is compared with, if that may be missing, too.
    """
    positive = strict == negated
    guard = ""
    if not thing.certain and (strict or negated):
        guard = "unknown or" if negated else "known and"
    tail = _tail(other, strict=strict, negated=negated, guarded=bool(guard))
    heavy = predicate.heavy or bool(tail)
    compound: Literal["and", "or", ""] = "" if not guard else "or" if negated else "and"

    def text(*, plural: bool) -> str:
        return predicate.text(plural=plural, positive=positive, guard=guard) + tail

    match thing:
        case Plain(owner=Referent() as owner, text="") if owner is scene.subject:
            return Claim("who", text(plural=scene.plural), heavy=heavy, compound=compound)
        case Plain(owner=Referent() as owner, plural=plural, text=topic) if owner is scene.subject:
            said = f"{topic} {text(plural=plural)}"
            return Claim("whose", said, heavy=heavy, topic=topic, compound=compound)
        case Measure(of=of) if is_own(of, scene) and not guard and predicate.amount:
            amount = predicate.yes if positive else predicate.no
            if amount:
                return Claim(
                    "whose", _measure_words(thing, amount, scene) + tail, heavy=heavy or bool(of.tests)
                )
        case Count(of=of) if is_own(of, scene):
            said = f"number of {all_of(of)} {text(plural=False)}"
            return Claim("whose", said, heavy=heavy or bool(of.tests), compound=compound)
        case Collection() if is_own(thing, scene):
            said = f"{all_of(thing)} {text(plural=True)}"
            return Claim("whose", said, heavy=heavy or bool(thing.tests), compound=compound)
    return Claim(
        "where", f"{full(thing, scene)} {text(plural=_is_plural(thing))}", heavy=heavy, compound=compound
    )


def _tail(other: Thing | None, *, strict: bool, negated: bool, guarded: bool) -> str:
    """What becomes of a comparison with something that is missing itself."""
    if other is None or other.certain:
        return ""
    are = "are" if _is_plural(other) else "is"
    if negated:
        return f", or the latter {are} unknown"
    return f", which {are} known{' too' if guarded else ''}" if strict else ""


def _is_plural(thing: Thing) -> bool:
    if isinstance(thing, Plain):
        return thing.plural and thing.owner is not None
    return isinstance(thing, Collection | Lifted | Listing)


def _measure_words(measure: Measure, amount: str, scene: Scene) -> str:
    """What a collection of the subject comes to: `orders have a total of more than 3 nights`, without whose."""
    of, value = measure.of, measure.value
    outer = measure.function in ("min", "max")
    if value is None or (isinstance(value, Plain) and value.path == ()):
        if outer:
            return f"{MEASURES[measure.function]} {described(of, plural=False).text} is {amount}"
        return f"{all_of(of)} {_COME_TO[measure.function]} {amount}"
    words = words_of(value, scene.about(of.element, plural=True))
    plain = isinstance(value, Plain) and bool(value.path)
    many = pluralise(words) if plain else _values_of(words)
    subject = all_of(of)
    if plain and is_plural(words) and not outer:
        return f"{subject} have {with_article(MEASURES[measure.function])} of {amount} {words}"
    if plain and not is_plural(words) and measure.function != "sum":
        return f"{subject} have {with_article(f'{MEASURES[measure.function]} {words}')} of {amount}"
    if outer:
        return f"{subject} have {many} of which the {MEASURES[measure.function]} is {amount}"
    return f"{subject} have {many} that {_COME_TO[measure.function]} {amount}"


def _values_of(words: str) -> str:
    return (
        words.replace("number of", "numbers of", 1) if words.startswith("number of") else f"values of {words}"
    )
