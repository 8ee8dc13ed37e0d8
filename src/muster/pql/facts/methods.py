"""Batch, streaming, edge: which of them a query qualifies for, and which part of it forbids them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from muster.pql import bound
from muster.pql.bound import PROFILE_ID, Bound, Constant, Variable
from muster.pql.errors import Place, describe_place, position
from muster.pql.facts.lengths import DAY_MS
from muster.pql.facts.uses import EventUse
from muster.pql.traversal import free_variables, walk

Method = Literal["batch", "streaming", "edge"]
METHODS: tuple[Method, ...] = get_args(Method)

_FOREIGN = "AAM"
_PARTS = {"month": "getMonth", "day": "getDayOfMonth"}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A part of a query that a method of evaluation does not allow."""

    place: Place
    reason: str

    def __str__(self) -> str:
        return f"{describe_place(self.place)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether a method may be used; if not, everything that is in the way, in the order of the query."""

    obstacles: tuple[Obstacle, ...] = ()

    @property
    def allowed(self) -> bool:
        return not self.obstacles


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rules look at: the condition, its event uses, and the definitions known to read no events."""

    condition: Bound
    uses: tuple[EventUse, ...]
    profile_only: frozenset[str]


def eligibility(method: Method, reading: Reading) -> Eligibility:
    """Whether a query may be evaluated by a method.

    Source:
        Documented: the published lists for streaming and edge of May 2025, as rows of one table.
    """
    if method == "batch":
        return Eligibility()
    found = [
        *_windows(reading.uses),
        *_absence(reading.uses),
        *_parts(reading.condition),
        *_definitions(reading),
    ]
    if method == "edge":
        found += _several(reading.uses)
    return Eligibility(tuple(sorted(dict.fromkeys(found), key=lambda obstacle: position(obstacle.place))))


def _windows(uses: tuple[EventUse, ...]) -> Iterator[Obstacle]:
    for use in uses:
        which = "events are read" if use.step is None else f"step {use.step} of the sequence reads events"
        if use.window is None:
            yield Obstacle(
                use.place,
                f"{which} of any age; a condition such as timestamp occurs <= 24 hours before now is needed",
            )
        elif use.window.longest_ms > DAY_MS:
            yield Obstacle(use.place, f"{which} that are up to {use.window} old; 24 hours are the most")


def _absence(uses: tuple[EventUse, ...]) -> Iterator[Obstacle]:
    if uses and all(use.negated for use in uses):
        yield Obstacle(
            uses[0].place, "it is only asked that events did not happen; no arriving event can tell that"
        )


def _several(uses: tuple[EventUse, ...]) -> Iterator[Obstacle]:
    if len(uses) > 1:
        yield Obstacle(uses[1].place, f"events are read {len(uses)} times; once is the most on the edge")


def _parts(condition: Bound) -> Iterator[Obstacle]:
    for part in walk(condition):
        match part:
            case bound.Follow(_, _, entity):
                yield Obstacle(part.place, f"a relationship is followed, to {entity}")
            case bound.DatePart("month" | "day" as name, value) if free_variables(value):
                yield Obstacle(part.place, f"{_PARTS[name]} of a stored date ignores the year")
            case bound.Member(_, bound.Member(_, Variable(_, id_), "segmentMembership"), name):
                if id_ == PROFILE_ID and name == _FOREIGN:
                    yield Obstacle(part.place, f"audiences of the namespace {_FOREIGN} are read")
            case bound.Entry(
                _, bound.Member(_, Variable(_, id_), "segmentMembership") as all_, Constant(_, key)
            ):
                if id_ == PROFILE_ID and key == _FOREIGN:
                    yield Obstacle(all_.place, f"audiences of the namespace {_FOREIGN} are read")


def _definitions(reading: Reading) -> Iterator[Obstacle]:
    if not reading.uses:
        return
    for part in walk(reading.condition):
        if isinstance(part, bound.InSegment) and part.segment_id not in reading.profile_only:
            yield Obstacle(
                part.place,
                f"events are combined with the definition {part.segment_id}, which is not known to read the profile alone",
            )
