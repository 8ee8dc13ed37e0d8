"""One question, many profiles, any evaluator: the door for those who have data and no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from muster.pql.bound import BoundQuery
from muster.pql.emit.closures import compile_query
from muster.pql.interpret import Entities, matches

if TYPE_CHECKING:
    import pyarrow as pa

    from muster.pql.tables import ProfileTable

# Column engines take two seconds to import, and whoever only reads or formats queries needs none.

Engine = Literal["interpret", "closures", "duckdb"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
"""The evaluators; they agree on every query and every profile."""

Profiles: TypeAlias = "Sequence[Mapping[str, Any]] | pa.Table | ProfileTable"


def evaluate(
    query: BoundQuery,
    profiles: Profiles,
    *,
    now: datetime,
    engine: Engine | None = None,
    memberships: Mapping[str, Sequence[bool]] | None = None,
    entities: Entities | None = None,
) -> list[bool]:
    """Which profiles satisfy a query; one answer a profile, in their order.

    Args:
        query: What `bind` gave.
        profiles: JSON-like rows, or an Arrow table with a column per field; the events are the list `xEvent`. For several queries
            over the same people, a `ProfileTable`, which is made once and knows its entities.
        now: The instant of the evaluation; without a zone it is UTC.
        engine: `interpret` is slow and obvious, `closures` fast for one profile, `duckdb` fast for many that are columns. Without
            one, `fastest` decides.
        memberships: Fresh results of other definitions, by id; one a profile. For others the stored membership counts.
        entities: Items that references lead to: entity → key → object.
    """
    chosen = engine or fastest(profiles)
    if chosen == "duckdb":
        with _table(query, profiles, entities) as table:
            return [bool(member) for member in table.members(query, now=now, memberships=memberships)]
    rows, items = _rows(profiles, entities)
    ask = _ask(query, chosen, now, items)
    fresh = memberships or {}
    return [
        ask(row, {id_: bool(known[index]) for id_, known in fresh.items()}) for index, row in enumerate(rows)
    ]


def fastest(profiles: Profiles) -> Engine:
    """The evaluator that answers one query soonest: to make columns of rows takes longer than to ask them one by one."""
    return "closures" if isinstance(profiles, Sequence) else "duckdb"


def _rows(
    profiles: Profiles, entities: Entities | None
) -> tuple[Sequence[Mapping[str, Any]], Entities | None]:
    """The profiles one by one, and the entities that go with them."""
    if isinstance(profiles, Sequence):
        return profiles, entities
    from muster.pql.tables import ProfileTable

    if isinstance(profiles, ProfileTable):
        return profiles.rows(), profiles.entities
    return profiles.to_pylist(maps_as_pydicts="strict"), entities


def _ask(
    query: BoundQuery, engine: Engine, now: datetime, entities: Entities | None
) -> Callable[[Mapping[str, Any], Mapping[str, bool]], bool]:
    if engine == "closures":
        return compile_query(query).at(now, entities=entities)
    return lambda row, known: matches(query, row, now=now, memberships=known, entities=entities)


@contextmanager
def _table(query: BoundQuery, profiles: Profiles, entities: Entities | None) -> Iterator[ProfileTable]:
    from muster.pql.tables import ProfileTable

    if isinstance(profiles, ProfileTable):
        yield profiles
        return
    schemas = query.entities
    made = (
        ProfileTable.from_rows(profiles, query.schema, entities=entities, entity_schemas=schemas)
        if isinstance(profiles, Sequence)
        else ProfileTable.from_arrow(profiles, entities=entities, entity_schemas=schemas)
    )
    with made:
        yield made
