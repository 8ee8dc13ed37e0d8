"""Resources in SQL tables, the same statements on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from muster.kernel.clock import Clock, from_ms, to_ms
from muster.kernel.errors import AlreadyExists, NotFound, VersionMismatch
from muster.kernel.page import Page
from muster.kernel.scope import Scope
from muster.kernel.version import Version
from muster.storage import json_paths, tables
from muster.storage.database import Database
from muster.storage.records import Document, Names, Query, Record, RecordsTransaction, Task
from muster.storage.sealing import Seal

_D, _K, _L, _T = tables.documents, tables.document_keys, tables.document_links, tables.tasks


class SqlRecords:
    """The resources of one scope in a database.

    Args:
        clock: Business time; `created_at` and `updated_at` of resources are told by it.
    """

    def __init__(self, database: Database, scope: Scope, clock: Clock, seal: Seal) -> None:
        self._database = database
        self._scope = scope
        self._clock = clock
        self._seal = seal

    @contextmanager
    def read(self) -> Iterator[RecordsTransaction]:
        with self._database.read() as connection:
            yield _Transaction(connection, self._scope.number, self._clock, self._seal)

    @contextmanager
    def write(self) -> Iterator[RecordsTransaction]:
        with self._database.write() as connection:
            yield _Transaction(connection, self._scope.number, self._clock, self._seal)


class _Transaction:
    def __init__(self, connection: Connection, scope: int, clock: Clock, seal: Seal) -> None:
        self._connection = connection
        self._scope = scope
        self._clock = clock
        self._seal = seal
        self._sqlite = connection.dialect.name == "sqlite"

    def add(self, kind: str, id: str, body: Mapping[str, Any], names: Names = Names()) -> Record:
        now = to_ms(self._clock.now())
        row = {
            "scope": self._scope,
            "kind": kind,
            "id": id,
            "version": 1,
            "body": dict(body),
            "created_ms": now,
            "updated_ms": now,
            "serial": self.next_number("documents"),
        }
        if not self._insert_new(_D, row):
            raise AlreadyExists(kind, f"id {id}")
        self._write_names(kind, id, names)
        return Record(kind, id, Version(1), dict(body), from_ms(now), from_ms(now))

    def find(self, kind: str, id: str) -> Record | None:
        row = self._connection.execute(sa.select(_D).where(*self._at(kind, id))).first()
        return None if row is None else _record(row)

    def get(self, kind: str, id: str) -> Record:
        record = self.find(kind, id)
        if record is None:
            raise NotFound(kind, id)
        return record

    def get_many(self, kind: str, ids: Sequence[str]) -> dict[str, Record]:
        found: dict[str, Record] = {}
        # Databases bound the number of parameters of one statement.
        for start in range(0, len(ids), 500):
            chunk = list(ids[start : start + 500])
            query = sa.select(_D).where(_D.c.scope == self._scope, _D.c.kind == kind, _D.c.id.in_(chunk))
            found.update({row.id: _record(row) for row in self._connection.execute(query)})
        return found

    def find_key(self, kind: str, key: str) -> Record | None:
        joined = sa.select(_D).join(
            _K, sa.and_(_K.c.scope == _D.c.scope, _K.c.kind == _D.c.kind, _K.c.id == _D.c.id)
        )
        row = self._connection.execute(
            joined.where(_K.c.scope == self._scope, _K.c.kind == kind, _K.c.key == key)
        ).first()
        return None if row is None else _record(row)

    def page(self, kind: str, query: Query = Query()) -> Page[Record]:
        conditions = [_D.c.scope == self._scope, _D.c.kind == kind]
        conditions += [json_paths.condition(filter_, sqlite=self._sqlite) for filter_ in query.filters]
        for relation, target in query.links:
            linked = sa.select(_L.c.id).where(
                _L.c.scope == self._scope,
                _L.c.kind == kind,
                _L.c.relation == relation,
                _L.c.target == target,
            )
            conditions.append(_D.c.id.in_(linked))
        count = self._connection.execute(
            sa.select(sa.func.count()).select_from(_D).where(*conditions)
        ).scalar_one()
        if not query.limit:
            return Page((), query.offset, 0, count)
        orders: list[sa.ColumnElement[Any]] = []
        for order in query.orders:
            orders += json_paths.ordering(order, sqlite=self._sqlite)
        orders += [_D.c.created_ms.desc(), _D.c.serial.desc()] if not query.orders else [_D.c.serial.asc()]
        rows = self._connection.execute(
            sa.select(_D).where(*conditions).order_by(*orders).offset(query.offset).limit(query.limit)
        )
        return Page(tuple(_record(row) for row in rows), query.offset, query.limit, count)

    def replace(
        self,
        kind: str,
        id: str,
        body: Mapping[str, Any],
        *,
        expected: Version | None = None,
        names: Names | None = None,
    ) -> Record:
        current = self._checked(kind, id, expected)
        now = max(to_ms(self._clock.now()), to_ms(current.created_at))
        version = Version(current.version + 1)
        changed = self._connection.execute(
            sa.update(_D)
            .where(*self._at(kind, id), _D.c.version == current.version)
            .values(body=dict(body), version=version, updated_ms=now)
        )
        if changed.rowcount != 1:
            raise VersionMismatch(kind, id, self.get(kind, id).version, current.version)
        if names is not None:
            self._remove_names(kind, id)
            self._write_names(kind, id, names)
        return Record(kind, id, version, dict(body), current.created_at, from_ms(now))

    def remove(self, kind: str, id: str, *, expected: Version | None = None) -> None:
        self._checked(kind, id, expected)
        self._remove_names(kind, id)
        self._connection.execute(sa.delete(_D).where(*self._at(kind, id)))

    def next_number(self, sequence: str) -> int:
        insert = self._insert(tables.sequences).values(scope=self._scope, name=sequence, value=1)
        statement = insert.on_conflict_do_update(
            index_elements=["scope", "name"], set_={"value": tables.sequences.c.value + 1}
        ).returning(tables.sequences.c.value)
        return int(self._connection.execute(statement).scalar_one())

    def enqueue(self, task: Task) -> None:
        row = {
            "id": task.id,
            "scope": self._scope,
            "workflow": task.workflow,
            "argument": task.argument,
            "owner": task.owner,
            "due_ms": 0 if task.due_at is None else to_ms(task.due_at),
            "state": "waiting",
            "created_ms": to_ms(self._clock.now()),
        }
        self._insert_new(_T, row)

    def withdraw(self, owner: str) -> None:
        self._connection.execute(
            sa.delete(_T).where(_T.c.scope == self._scope, _T.c.owner == owner, _T.c.state == "waiting")
        )

    def put_secret(self, id: str, value: Mapping[str, Any]) -> None:
        sealed = self._seal.close(value, context=f"{self._scope}/{id}")
        insert = self._insert(tables.secrets).values(scope=self._scope, id=id, sealed=sealed)
        self._connection.execute(
            insert.on_conflict_do_update(index_elements=["scope", "id"], set_={"sealed": sealed})
        )

    def get_secret(self, id: str) -> Document:
        row = self._connection.execute(sa.select(tables.secrets.c.sealed).where(*self._secret_at(id))).first()
        if row is None:
            raise NotFound("secret", id)
        return self._seal.open(row.sealed, context=f"{self._scope}/{id}")

    def remove_secret(self, id: str) -> None:
        self._connection.execute(sa.delete(tables.secrets).where(*self._secret_at(id)))

    def _at(self, kind: str, id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return _D.c.scope == self._scope, _D.c.kind == kind, _D.c.id == id

    def _secret_at(self, id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return tables.secrets.c.scope == self._scope, tables.secrets.c.id == id

    def _checked(self, kind: str, id: str, expected: Version | None) -> Record:
        current = self.get(kind, id)
        if expected is not None and current.version != expected:
            raise VersionMismatch(kind, id, current.version, expected)
        return current

    def _write_names(self, kind: str, id: str, names: Names) -> None:
        for key in sorted(set(names.keys)):
            if not self._insert_new(_K, {"scope": self._scope, "kind": kind, "key": key, "id": id}):
                raise AlreadyExists(kind, key)
        for relation, target in sorted(set(names.links)):
            row = {"scope": self._scope, "kind": kind, "relation": relation, "target": target, "id": id}
            self._insert_new(_L, row)

    def _remove_names(self, kind: str, id: str) -> None:
        for table in (_K, _L):
            self._connection.execute(
                sa.delete(table).where(table.c.scope == self._scope, table.c.kind == kind, table.c.id == id)
            )

    def _insert(self, table: sa.Table) -> Any:
        # Two modules, one statement: only their ON CONFLICT is spelled in the dialect.
        return sqlite.insert(table) if self._sqlite else postgresql.insert(table)

    def _insert_new(self, table: sa.Table, row: Mapping[str, Any]) -> bool:
        """Insert unless the primary key is taken; tells whether it did. A failed INSERT would end PostgreSQL's transaction."""
        try:
            insert = self._insert(table).values(**row).on_conflict_do_nothing()
            inserted = self._connection.execute(insert.returning(sa.literal(1))).first()
        except IntegrityError as error:
            raise AlreadyExists(table.name, str(error.orig)) from error
        return inserted is not None


def _record(row: Any) -> Record:
    return Record(
        row.kind, row.id, Version(row.version), row.body, from_ms(row.created_ms), from_ms(row.updated_ms)
    )
