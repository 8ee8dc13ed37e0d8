"""The words for functions without a receiver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from muster.pql import syntax
from muster.pql.english.claims import Claim, Said
from muster.pql.english.phrases import full
from muster.pql.english.things import (
    Constant,
    Plain,
    Scene,
    Thing,
)
from muster.pql.english.tree import argument
from muster.pql.english.vocabulary import MONTHS
from muster.pql.english.words import quoted, value_word
from muster.pql.types import DATE, INTEGER

FreeValue = Callable[[syntax.Call, Scene], Thing]


def _date(call: syntax.Call, scene: Scene) -> Thing:
    year, month, day = (scene.value(argument(call, index)) for index in range(3))
    if isinstance(month, Constant) and isinstance(day, Constant):
        numbers = [part.value for part in (month, day)]
        if all(isinstance(number, int) for number in numbers):
            named = _day(int(numbers[0]), int(numbers[1]))
            if named is not None and isinstance(year, Constant):
                return Plain(DATE, True, text=f"{named} {year.value}", moment="day")
            if named is not None:
                certain = year.certain and int(numbers[1]) <= 28
                return Plain(DATE, certain, text=f"{named} of {full(year, scene)}", moment="day")
    parts = ", ".join(
        f"{name} {full(part, scene)}" for name, part in (("year", year), ("month", month), ("day", day))
    )
    return Plain(DATE, text=f"the date of {parts}", moment="day")


def _day(month: int, day: int) -> str | None:
    try:
        date(2024, month, day)
    except ValueError:
        return None
    return f"{day} {MONTHS[month - 1]}"


def _current(text: str) -> FreeValue:
    return lambda call, scene: Plain(INTEGER, True, text=text)


def _map_entry(call: syntax.Call, scene: Scene) -> Thing:
    key, value = (full(scene.value(argument(call, index)), scene) for index in range(2))
    return Plain(text=f"the map entry from {key} to {value}")


def in_segment(call: syntax.Call, scene: Scene, *, negated: bool = False) -> Said:
    """That the person is a member of another audience."""
    node = call.arguments[0]
    identifier = node.value if isinstance(node, syntax.Literal) else None
    if not isinstance(identifier, str):
        return Claim("where", f"the audience of {full(scene.value(argument(call, 0)), scene)} has them")
    name = scene.names.get(identifier)
    audience = (
        f"the audience {quoted(name)}" if name else f"the audience with the ID {value_word(identifier)}"
    )
    words = f"{'not ' if negated else ''}in {audience}"
    if scene.subject is scene.profile:
        return Claim("who", f"are {words}", alone=words)
    return Claim("where", f"{scene.profile.label} is {words}")


FREE_VALUES: Mapping[str, FreeValue] = {
    "date": _date,
    "currentYear": _current("the current year"),
    "currentMonth": _current("the current month"),
    "currentDayOfMonth": _current("today’s day of the month"),
    "mapEntry": _map_entry,
}
FREE_TESTS: Mapping[str, Callable[..., Said]] = {"inSegment": in_segment}
