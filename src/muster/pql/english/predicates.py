"""What may be said of a single value, and the idioms for well-known fields."""

from __future__ import annotations

import re
from collections.abc import Sequence

from muster.pql.english.claims import Claim
from muster.pql.english.phrases import NameOf, constant_words, full
from muster.pql.english.states import Predicate, state
from muster.pql.english.things import Constant, Plain, Scene, Thing
from muster.pql.english.vocabulary import (
    BIRTH_YEAR,
    EVENT_TYPE,
    GENDER,
    GENDERS,
    PLACES,
    channel_words,
    event_noun,
    month_name,
    value_names,
)
from muster.pql.english.words import listed, with_article
from muster.pql.types import DATE

OPPOSITES = {"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
KNOWN = Predicate("known", "unknown")
TRUE = Predicate("true")


def names_for(thing: Thing) -> NameOf:
    """How the values of a field are called."""
    if isinstance(thing, Plain) and thing.moment == "month":
        return month_name
    return value_names(thing.field) if isinstance(thing, Plain) and thing.field else lambda text: None


def one_of_values(thing: Thing, values: Sequence[Thing], scene: Scene) -> Predicate:
    """That a value is one of those given."""
    texts = [full(value, scene, names_for(thing)) for value in values]
    if not texts:
        return Predicate("in an empty list")
    none = f"neither {texts[0]} nor {texts[1]}" if len(texts) == 2 else f"none of {listed(texts, 'and')}"
    return Predicate(listed(texts, "or"), none if len(texts) > 1 else "")


def idiom(thing: Thing, values: Sequence[Thing], scene: Scene) -> Claim | None:
    """What one says of a well-known field that has one of the values; None if there is nothing better."""
    if not isinstance(thing, Plain) or not thing.path or thing.owner is not scene.subject:
        return None
    texts = [value.value for value in values if isinstance(value, Constant) and isinstance(value.value, str)]
    if not texts or len(texts) < len(values):
        return None
    return (
        _profile_idiom(thing.path, texts, scene)
        if scene.subject is scene.profile
        else _event_idiom(thing.path, texts, scene)
    )


def _event_idiom(path: tuple[str, ...], texts: Sequence[str], scene: Scene) -> Claim | None:
    if path != EVENT_TYPE or len(texts) > 1 or not texts[0]:
        return None
    named = event_noun(texts[0])
    text = f"are {named.many}" if scene.plural else f"is {with_article(named.one)}"
    return Claim("who", text, noun=named)


def _profile_idiom(path: tuple[str, ...], texts: Sequence[str], scene: Scene) -> Claim | None:
    if path == GENDER and len(texts) == 1 and texts[0] in GENDERS:
        named = GENDERS[texts[0]]
        return Claim("who", f"are {named.many}", noun=named)
    name_of = value_names(path)
    choice = listed([constant_words(text, name_of) for text in texts], "or")
    if path in PLACES:
        place = PLACES[path]
        return Claim("who", f"{place.verb} {choice}", short=f"{place.behind} {choice}")
    if path == ("preferredLanguage",):
        return Claim("who", f"prefer {choice}")
    if path[:2] == ("consents", "marketing") and len(path) == 4 and path[3] == "val" and len(texts) == 1:
        about = f"{channel_words(path[2])} marketing"
        if texts[0] == "y":
            return Claim("who", f"agreed to {about}")
        if texts[0] == "n":
            return Claim("who", f"declined {about}")
    return None


def marked(thing: Plain, scene: Scene, *, value: bool = True, negated: bool = False) -> Claim:
    """That a truth value is true, or is false."""
    if not thing.path:
        return state(thing, Predicate("true" if value else "false"), scene, negated=negated)
    mark = thing.text.removeprefix("is ")
    mark = mark if value else f"not {mark}"
    if negated and not value:
        return state(thing, Predicate("false", "true"), scene, negated=True)
    words = f"{'not ' if negated else ''}marked as {mark}"
    if thing.owner is scene.subject:
        return Claim("who", f"{scene.voice.are} {words}", alone=words)
    assert thing.owner is not None
    return Claim("where", f"{thing.owner.label} is {words}")


# --- order


def order(left: Thing, operator: str, right: Thing, scene: Scene) -> Predicate:
    """That a value comes before or after another, in words that fit what they are."""
    shown = full(right, scene, names_for(left))
    if _is_moment(left) or _is_moment(right) or (not left.is_text and _is_written_time(right)):
        return _time_order(left, operator, right, shown)
    if left.is_text or (left.type is None and right.is_text):
        words = {"<": "before", "<=": "at or before", ">": "after", ">=": "at or after"}[operator]
        return Predicate(f"{words} {shown}", verb="sort")
    if _is_year(left):
        years = {"<": "before", "<=": "no later than", ">": "after", ">=": "no earlier than"}
        return Predicate(f"{years[operator]} {shown}", f"{years[OPPOSITES[operator]]} {shown}")
    yes, no = {
        "<": ("less than", "at least"),
        "<=": ("at most", "more than"),
        ">": ("more than", "at most"),
        ">=": ("at least", "less than"),
    }[operator]
    return Predicate(f"{yes} {shown}", f"{no} {shown}", amount=True)


def _is_moment(thing: Thing) -> bool:
    return thing.is_time or (isinstance(thing, Plain) and thing.moment in ("day", "instant"))


def _is_written_time(thing: Thing) -> bool:
    return isinstance(thing, Constant) and bool(_ISO_DATE.match(str(thing.value)))


def _is_year(thing: Thing) -> bool:
    return isinstance(thing, Plain) and (thing.moment == "year" or thing.path == BIRTH_YEAR)


def is_day(thing: Thing) -> bool:
    """Whether a time is a whole day, which counts as its first moment."""
    if isinstance(thing, Constant):
        return _is_written_time(thing) and len(str(thing.value)) == len("2024-02-29")
    return thing.type == DATE or (isinstance(thing, Plain) and thing.moment == "day")


def _time_order(left: Thing, operator: str, right: Thing, shown: str) -> Predicate:
    # A day counts as its first moment: something later on that day is after it, unless days are compared with days.
    start = f"the start of {shown}" if is_day(right) and not is_day(left) else shown
    before, not_before = (
        f"before {shown}",
        f"on or after {shown}" if is_day(right) else f"at or after {shown}",
    )
    on = "on" if is_day(right) and is_day(left) else "at"
    after, not_after = f"after {start}", f"{on} or before {start}"
    return {
        "<": Predicate(before, not_before),
        ">=": Predicate(not_before, before),
        ">": Predicate(after, not_after),
        "<=": Predicate(not_after, after),
    }[operator]
