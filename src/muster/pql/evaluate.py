"""One question, many profiles, any evaluator: the door for those who have data and no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

import pyarrow as pa

from muster.pql.bound import BoundQuery
from muster.pql.interpret import Entities, matches

Engine = Literal["interpret", "closures", "duckdb"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
"""The evaluators; they agree on every query and every profile."""

Profiles: TypeAlias = Sequence[Mapping[str, Any]] | pa.Table


def evaluate(
    query: BoundQuery,
    profiles: Profiles,
    *,
    now: datetime,
    engine: Engine = "duckdb",
    memberships: Mapping[str, Sequence[bool]] | None = None,
    entities: Entities | None = None,
) -> list[bool]:
    """Which profiles satisfy a query; one answer a profile, in their order.

    Args:
        query: What `bind` gave.
        profiles: JSON-like rows, or an Arrow table with a column per field; the events are the list `xEvent`.
        now: The instant of the evaluation; without a zone it is UTC.
        engine: `interpret` is slow and obvious, `closures` fast for one profile, `duckdb` fast for many.
        memberships: Fresh results of other definitions, by id; one a profile. For others the stored membership counts.
        entities: Items that references lead to: entity → key → object.
    """
    rows = profiles.to_pylist(maps_as_pydicts="strict") if isinstance(profiles, pa.Table) else profiles
    fresh = memberships or {}
    return [
        matches(
            query,
            row,
            now=now,
            memberships={id_: bool(known[index]) for id_, known in fresh.items()},
            entities=entities,
        )
        for index, row in enumerate(rows)
    ]
