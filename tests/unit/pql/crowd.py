"""A fixed group of people who are asked many queries, on any evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import duckdb

from muster.pql import BoundQuery, Engine, ObjectType, bind, evaluate, parse
from muster.pql.interpret import Entities
from muster.pql.tables import ProfileTable


class Crowd:
    """People of one schema. What DuckDB needs of them is built once."""

    def __init__(
        self,
        people: Sequence[Mapping[str, Any]],
        schema: ObjectType,
        *,
        entities: Entities | None = None,
        entity_schemas: Mapping[str, ObjectType] | None = None,
    ) -> None:
        self.people = people
        self._schema = schema
        self._entities = entities
        self._entity_schemas = entity_schemas

    @cached_property
    def table(self) -> ProfileTable:
        """The people as columns."""
        connection = duckdb.connect(config={"threads": 1})
        # Any zone but UTC, so that a cast that uses the session's zone shows.
        connection.execute("SET TimeZone = 'Asia/Kolkata'")
        return ProfileTable.from_rows(
            self.people,
            self._schema,
            entities=self._entities,
            entity_schemas=self._entity_schemas,
            connection=connection,
        )

    def bound(self, text: str) -> BoundQuery:
        return bind(parse(text), self._schema, entities=self._entity_schemas)

    def ask(
        self,
        query: str | BoundQuery,
        engine: Engine,
        *,
        now: datetime,
        memberships: Mapping[str, Sequence[bool]] | None = None,
    ) -> list[bool]:
        """One answer a person, in their order."""
        return evaluate(
            self.bound(query) if isinstance(query, str) else query,
            self.table if engine == "duckdb" else self.people,
            now=now,
            engine=engine,
            memberships=memberships,
            entities=self._entities,
        )
