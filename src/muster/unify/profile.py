"""Merge the fragments of a person into one profile, as SQL over columns, by a merge policy."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from muster.profiles.columns import ORIGIN_COLUMNS
from muster.storage.sql_text import literal, quoted

UNITED = ("identityMap", "segmentMembership")
"""Not merged from fragments: the one is made from the graph, the other from the memberships."""


def merged_profiles_sql(
    fragments: str, columns: pa.Schema, precedence: Sequence[str], *, all_alone: bool
) -> str:
    """A SELECT with one row a person: `_row, _datasets, _seen` and the merged attributes.

    Of each attribute the newest fragment that has it wins; objects merge member by member, arrays and maps are taken
    whole. With a precedence an earlier dataset of it wins, and datasets not listed take no part.

    Args:
        fragments: Name of a relation with `ORIGIN_COLUMNS` and the attributes.
        columns: Columns of the relation.
        precedence: Dataset ids, the strongest first; empty: by time.
        all_alone: Whether no person has more than one fragment.
    Source:
        Documented: merge policies. Chosen: arrays whole.
    """
    attributes = [field for field in columns if field.name not in (*ORIGIN_COLUMNS, *UNITED)]
    where = f"WHERE _dataset IN ({', '.join(map(literal, precedence))})" if precedence else ""
    rank = _rank(precedence)
    alone = ", ".join(
        ["_row", "[_dataset] AS _datasets", "_seen", *(quoted(field.name) for field in attributes)]
    )
    merged = ", ".join(
        [
            "_row",
            "list(DISTINCT _dataset ORDER BY _dataset) AS _datasets",
            "max(_seen) AS _seen",
            *(f"{_merged(quoted(field.name), field.type)} AS {quoted(field.name)}" for field in attributes),
        ]
    )
    if all_alone:
        return f"SELECT {alone} FROM {fragments} {where}"
    # Most persons have one fragment, and for them there is nothing to merge; aggregating a wide schema is dear.
    return f"""
        WITH ranked AS (
            SELECT *, {rank} AS _rank, count(*) OVER (PARTITION BY _row) AS _fragments FROM {fragments} {where}
        )
        SELECT {alone} FROM ranked WHERE _fragments = 1
        UNION ALL BY NAME
        SELECT {merged} FROM ranked WHERE _fragments > 1 GROUP BY _row
    """


def _rank(precedence: Sequence[str]) -> str:
    if not precedence:
        return "_order"
    places = " ".join(
        f"WHEN {literal(dataset)} THEN {len(precedence) - place}" for place, dataset in enumerate(precedence)
    )
    return f"(CASE _dataset {places} END)::HUGEINT * 9223372036854775807 + _order"


def _merged(column: str, type_: pa.DataType) -> str:
    if not pa.types.is_struct(type_) or type_.num_fields == 0:
        return f"arg_max({column}, _rank) FILTER (WHERE {column} IS NOT NULL)"
    members = ", ".join(
        f"{quoted(member.name)} := {_merged(f'{column}.{quoted(member.name)}', member.type)}"
        for member in type_
    )
    return f"CASE WHEN count({column}) > 0 THEN struct_pack({members}) END"
