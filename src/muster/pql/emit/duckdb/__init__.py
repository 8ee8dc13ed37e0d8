"""Atoms → DuckDB expressions over columns, as sqlglot trees. Engine-specific ideas live here and nowhere else."""

from muster.pql.emit.duckdb.atoms import (
    event_predicate,
    event_value,
    membership_predicate,
    person_predicate,
    profile_predicate,
)
from muster.pql.emit.duckdb.values import EntityColumn

__all__ = [
    "EntityColumn",
    "event_predicate",
    "event_value",
    "membership_predicate",
    "person_predicate",
    "profile_predicate",
]
