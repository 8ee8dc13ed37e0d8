"""What a checked query reads, how far back it looks, and by which methods it can be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from muster.pql import bound
from muster.pql.bound import BoundQuery
from muster.pql.facts.methods import METHODS, Eligibility, Method, Reading, eligibility
from muster.pql.facts.uses import EventUse, event_uses
from muster.pql.facts.windows import Window, widest
from muster.pql.normal import normalize
from muster.pql.paths import Path, paths_read
from muster.pql.traversal import walk
from muster.pql.types import ArrayType, ObjectType, Type


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a query without data.

    Attributes:
        paths: Fields that are read, as tuples of names; those of events begin with `xEvent`.
        segment_ids: Definitions it asks about, in order.
        entities: Entities whose fields it reads through references.
        sources: Those of the given sources that hold a field it reads.
        event_uses: Its readings of events, in order.
        time_dependent: The answer can change with *now* alone.
        condition_count: Its conditions that contain no others.
        methods: For each method of evaluation, whether it may be used and what is in the way.
    """

    paths: frozenset[Path]
    segment_ids: tuple[str, ...]
    entities: frozenset[str]
    sources: frozenset[str]
    event_uses: tuple[EventUse, ...]
    time_dependent: bool
    condition_count: int
    methods: Mapping[Method, Eligibility]

    @property
    def window(self) -> Window | None:
        """The largest look-back that its event uses need.

        None without event uses, and when `is_unbounded`.
        """
        return widest(use.window for use in self.event_uses)

    @property
    def is_unbounded(self) -> bool:
        """Whether it reads events of any age."""
        return any(use.window is None for use in self.event_uses)


def facts(
    query: BoundQuery,
    *,
    sources: Mapping[str, ObjectType] | None = None,
    referenced: Mapping[str, Facts] | None = None,
) -> Facts:
    """Work out what can be said about a query without data.

    Args:
        query: What `bind` gave, with a closed schema: of fields that nobody declared nothing is known.
        sources: Datasets and the type of their rows; rows of events are given as the field `xEvent`, an array.
        referenced: Facts about the definitions that it depends on, directly or through others. A definition that
            is not among them counts as one that reads events.
    """
    condition = query.condition
    parts = list(walk(condition))
    uses = event_uses(condition)
    paths = paths_read(normalize(condition))
    reading = Reading(condition, uses, _profile_only(referenced or {}))
    return Facts(
        paths=paths,
        segment_ids=query.segment_ids,
        entities=frozenset(part.entity for part in parts if isinstance(part, bound.Follow)),
        sources=frozenset(
            name for name, type_ in (sources or {}).items() if any(_holds(type_, path) for path in paths)
        ),
        event_uses=uses,
        time_dependent=any(isinstance(part, bound.Moment | bound.PeriodEdge) for part in parts),
        condition_count=query.condition_count,
        methods={method: eligibility(method, reading) for method in METHODS},
    )


def _profile_only(referenced: Mapping[str, Facts]) -> frozenset[str]:
    """Ids of the definitions that read no events, not even through other definitions."""
    known = {id_ for id_, each in referenced.items() if not each.event_uses}
    while True:
        # What depends on a definition that is out falls out, too, until nothing changes; cycles stay as they are.
        kept = {id_ for id_ in known if known.issuperset(referenced[id_].segment_ids)}
        if kept == known:
            return frozenset(kept)
        known = kept


def _holds(type_: Type, path: Path) -> bool:
    """Whether rows of a type have the field; what lies inside a map is one field with it."""
    for name in path:
        while isinstance(type_, ArrayType):
            type_ = type_.element
        if not isinstance(type_, ObjectType) or name not in type_.fields:
            return False
        type_ = type_.fields[name]
    return True
