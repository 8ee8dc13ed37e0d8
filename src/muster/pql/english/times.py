"""When something happens: what follows `occurs`, as a phrase that fits behind `is` and behind `happened`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from muster.pql import syntax
from muster.pql.english.amounts import is_many, some
from muster.pql.english.claims import Claim, Said
from muster.pql.english.phrases import full
from muster.pql.english.states import Predicate, state
from muster.pql.english.things import Plain, Scene, Thing
from muster.pql.english.vocabulary import BIRTH_DATE, TIMESTAMP
from muster.pql.types import DATE, DATETIME

_PLURALS = {"century": "centuries", "millennium": "millennia"}
# Lengths that are always the same are told in a smaller unit, so that "the last day" is not taken for a calendar day.
_ONE = {"minute": "60 seconds", "hour": "60 minutes", "day": "24 hours", "week": "7 days"}
_DAYS = {"this": "today", "last": "yesterday", "next": "tomorrow"}
_CLOCK = ("millisecond", "second", "minute", "hour")
_CLOCK_WORDS = {"this": "current", "last": "previous", "next": "next"}


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a time is measured from: an instant, a day or a period, or either of the first two."""

    text: str
    kind: Literal["now", "instant", "day", "period", "unknown"]
    certain: bool

    @property
    def start(self) -> str:
        """Its first moment."""
        return f"the start of {self.text}" if self.kind in ("day", "period") else self.text

    @property
    def end(self) -> str:
        """Its last moment; that of a day counts as its first."""
        return f"the end of {self.text}" if self.kind == "period" else self.start


def occurs(subject: Thing, when: syntax.When, scene: Scene, *, negated: bool = False) -> Said:
    """That a time is so; of an array, that some time in it is."""
    if is_many(subject):

        def test(element: Thing, within: Scene) -> Said:
            return occurs(element, when, _seeing(within, scene), negated=False)

        return some(subject, test, scene, negated=negated)
    phrase, certain = phrase_of(when, scene, by_days=subject.type == DATE)
    return happened(subject, phrase, scene, negated=negated, anchored=certain)


def _seeing(within: Scene, outside: Scene) -> Scene:
    """The scene of an element in which names still mean what they mean outside."""
    return outside.about(within.subject, plural=within.plural)


def happened(
    subject: Thing, phrase: str, scene: Scene, *, negated: bool = False, anchored: bool = True
) -> Claim:
    """That a time is as the phrase says; `anchored` if what it is measured from is never missing."""
    if not negated and isinstance(subject, Plain) and subject.owner is scene.subject:
        if subject.path == TIMESTAMP:
            return Claim("who", f"happened {phrase}", short=phrase)
        if subject.path == BIRTH_DATE and scene.subject.person:
            return Claim("who", f"were born {phrase}", short=f"born {phrase}")
        if not subject.text:
            return Claim("who", f"{scene.voice.are} {phrase}", short=phrase)
    if not negated:
        return state(subject, Predicate(phrase), scene)
    unknown = "" if anchored else ", or what that is measured from is unknown"
    return state(
        subject, Predicate(phrase, f"not {phrase}{unknown}", heavy=not anchored), scene, negated=True
    )


def _anchors(when: syntax.When) -> tuple[syntax.Anchor, ...]:
    match when:
        case syntax.Between(lower, upper):
            return lower, upper
        case syntax.Distance() | syntax.Side() | syntax.During():
            return (when.anchor,)
    raise TypeError(f"no anchors in {type(when).__name__}")


def anchor(node: syntax.Anchor, scene: Scene) -> Anchor:
    if isinstance(node, syntax.Period):
        if node.unit == "day":
            return Anchor(_DAYS[node.which], "period", True)
        if node.unit in _CLOCK:
            return Anchor(f"the {_CLOCK_WORDS[node.which]} clock {node.unit}", "period", True)
        return Anchor(f"{node.which} {node.unit}", "period", True)
    thing = scene.value(node)
    if isinstance(thing, Plain) and thing.moment:
        return Anchor(thing.text, "now" if thing.text == "now" else "day", thing.certain)
    if isinstance(thing, Plain) and thing.path == TIMESTAMP and thing.owner is not None:
        own = thing.owner is scene.subject
        return Anchor(f"{scene.voice.their} own time" if own else thing.owner.label, "instant", False)
    kinds: dict[object, Literal["instant", "day"]] = {DATE: "day", DATETIME: "instant"}
    return Anchor(full(thing, scene), kinds.get(thing.type, "unknown"), thing.certain)


# --- phrases


def phrase_of(when: syntax.When, scene: Scene, *, by_days: bool = False) -> tuple[str, bool]:
    """The phrase, and whether all that it is measured from is known; `by_days` if the time itself is a whole day."""
    anchors = [anchor(node, scene) for node in _anchors(when)]
    return WHENS[type(when)](when, anchors, by_days), all(point.certain for point in anchors)


def _distance(when: syntax.When, anchors: Sequence[Anchor], by_days: bool) -> str:
    assert isinstance(when, syntax.Distance)
    (point,) = anchors
    match when.direction:
        case "before":
            return _ago(when) if point.kind == "now" else _before(when, point)
        case "after":
            return _ahead(when) if point.kind == "now" else _after(when, point)
    return _around(when, point)


def _span(when: syntax.Distance) -> str:
    unit = when.unit if when.amount == 1 else _PLURALS.get(when.unit, f"{when.unit}s")
    return f"{when.amount} {unit}"


def _whole(when: syntax.Distance) -> str:
    """The span behind `the`: `30 days`, `24 hours`, `month`."""
    return _ONE.get(when.unit, when.unit) if when.amount == 1 else _span(when)


def _ago(when: syntax.Distance) -> str:
    if when.comparison == "<=":
        # "The last month" would be taken for a calendar month.
        fixed = when.amount != 1 or when.unit in _ONE
        return f"in the last {_whole(when)}" if fixed else f"in the {when.unit} up to now"
    if when.comparison == "!=":
        return f"in the past, but not exactly {_span(when)} ago"
    return f"{_compared(when)} ago"


def _ahead(when: syntax.Distance) -> str:
    if when.comparison == "<=":
        fixed = when.amount != 1 or when.unit in _ONE
        return f"in the next {_whole(when)}" if fixed else f"in the {when.unit} from now on"
    if when.comparison == "!=":
        return f"in the future, but not exactly {_span(when)} from now"
    return f"{_compared(when)} from now"


def _before(when: syntax.Distance, point: Anchor) -> str:
    edge = point.text if point.kind == "day" else point.start
    return (
        f"in the {_whole(when)} before {edge}"
        if when.comparison == "<="
        else f"{_compared(when)} before {edge}"
    )


def _after(when: syntax.Distance, point: Anchor) -> str:
    edge = point.end
    return (
        f"in the {_whole(when)} after {edge}"
        if when.comparison == "<="
        else f"{_compared(when)} after {edge}"
    )


def _around(when: syntax.Distance, point: Anchor) -> str:
    span = _span(when)
    if point.kind == "period":
        if when.comparison == "<=":
            return f"from {span} before the start of {point.text} to {span} after its end"
        return f"{_compared(when)} before the start of {point.text} or after its end"
    if when.comparison == "<=":
        return f"within {span} before or after {point.start}"
    return f"{_compared(when)} before or after {point.start}"


def _compared(when: syntax.Distance) -> str:
    span = _span(when)
    return {
        "<": f"less than {span}",
        ">": f"more than {span}",
        ">=": f"at least {span}",
        "=": f"exactly {span}",
        "!=": f"some time other than {span}",
    }[when.comparison]


def _side(when: syntax.When, anchors: Sequence[Anchor], by_days: bool) -> str:
    assert isinstance(when, syntax.Side)
    (point,) = anchors
    match when.direction:
        case "before":
            return f"before {point.text}"
        case "after":
            # A day counts as its first moment, so the day itself is after it, unless the time is a day too.
            late = point.kind == "day" and not by_days
            return f"after {point.start if late else point.text}"
    return f"from {point.text} on"


def _between(when: syntax.When, anchors: Sequence[Anchor], by_days: bool) -> str:
    lower, upper = anchors
    return f"from {lower.text} to {upper.text}, both included"


def _during(when: syntax.When, anchors: Sequence[Anchor], by_days: bool) -> str:
    (point,) = anchors
    if point.text.endswith(_CLOCK):
        return f"in {point.text}"
    if point.kind == "period" or point.text in _DAYS.values():
        return point.text
    if point.kind == "now":
        return "exactly now"
    return f"{'exactly at' if point.kind == 'instant' else 'on'} {point.text}"


WHENS: Mapping[type[syntax.When], Callable[[syntax.When, Sequence[Anchor], bool], str]] = {
    syntax.Distance: _distance,
    syntax.Side: _side,
    syntax.Between: _between,
    syntax.During: _during,
}
"""The phrase for every form of time."""
