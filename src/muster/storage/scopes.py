"""Sandboxes and API clients: who may ask, and for which scope a store is opened."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from muster.kernel.clock import Clock, from_ms, to_ms
from muster.kernel.errors import AlreadyExists, InUse, NotFound
from muster.kernel.ids import Ids
from muster.kernel.page import Page
from muster.kernel.scope import Scope
from muster.storage import tables
from muster.storage.database import Database

_S, _C = tables.scopes, tables.clients

ALL_PERMISSIONS = ("*",)

_FIELDS: Mapping[str, sa.Column[Any]] = {
    "name": _S.c.sandbox_name,
    "title": _S.c.title,
    "type": _S.c.sandbox_type,
    "state": _S.c.state,
    "createdDate": _S.c.created_ms,
}
"""The API's names of the fields that a list is filtered and sorted by."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox as its administrator sees it."""

    scope: Scope
    title: str
    state: str
    version: int
    created_at: datetime
    updated_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Client:
    """API credentials of one organisation. `("*",)` is every permission."""

    client_id: str
    org_id: str
    permissions: tuple[str, ...]

    def may(self, permission: str) -> bool:
        return permission in self.permissions or self.permissions == ALL_PERMISSIONS


class Sandboxes:
    """The sandboxes of all organisations."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    def add(
        self,
        org_id: str,
        name: str,
        title: str,
        type_: str,
        *,
        is_default: bool,
        by: str,
        state: str = "active",
    ) -> Sandbox:
        """Make a sandbox; the name of a deleted one is free again. Raises `AlreadyExists` when it is in use."""
        now = to_ms(self._clock.now())
        row = {
            "org_id": org_id,
            "sandbox_id": self._ids.uuid(),
            "sandbox_name": name,
            "sandbox_type": type_,
            "title": title,
            "state": state,
            "is_default": is_default,
            "version": 1,
            "created_ms": now,
            "updated_ms": now,
            "created_by": by,
        }
        named = (_S.c.org_id == org_id, _S.c.sandbox_name == name, _S.c.state == "deleted")
        try:
            with self._database.write() as connection:
                # The deleted sandbox keeps its row, since jobs may still name its number, but gives up its name.
                connection.execute(sa.update(_S).where(*named).values(sandbox_name=_S.c.sandbox_id))
                connection.execute(sa.insert(_S).values(**row))
        except sa.exc.IntegrityError as error:
            raise AlreadyExists("sandbox", f"name {name}") from error
        return self.get(org_id, name)

    def get(self, org_id: str, name: str) -> Sandbox:
        """The sandbox of that name. Raises `NotFound`."""
        return self._one(name, _S.c.org_id == org_id, _S.c.sandbox_name == name)

    def get_by_id(self, org_id: str, sandbox_id: str) -> Sandbox:
        """The sandbox of that UUID. Raises `NotFound`."""
        return self._one(sandbox_id, _S.c.org_id == org_id, _S.c.sandbox_id == sandbox_id)

    def default(self, org_id: str) -> Sandbox:
        """The sandbox of calls that name none. Raises `NotFound`."""
        return self._one("default", _S.c.org_id == org_id, _S.c.is_default)

    def by_number(self, number: int) -> Sandbox:
        """The sandbox that a task belongs to. Raises `NotFound`."""
        return self._one(str(number), _S.c.number == number)

    def page(
        self,
        org_id: str,
        *,
        offset: int,
        limit: int,
        where: Mapping[str, str] | None = None,
        orders: Sequence[tuple[str, bool]] = (),
    ) -> Page[Sandbox]:
        """The sandboxes of an organisation, in the order they were made unless another is asked for.

        Args:
            where: Values by field, all of which must hold: `name`, `title`, `type`, `state`.
            orders: Pairs of such a field, or `createdDate`, and whether the order is descending.
        """
        wanted = [_S.c.org_id == org_id, *(_FIELDS[name] == value for name, value in (where or {}).items())]
        order = [_FIELDS[name].desc() if descending else _FIELDS[name].asc() for name, descending in orders]
        query = sa.select(_S).where(*wanted).order_by(*order, _S.c.number).offset(offset).limit(limit)
        with self._database.read() as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(_S).where(*wanted)).scalar_one()
            return Page(tuple(_sandbox(row) for row in connection.execute(query)), offset, limit, count)

    def change(self, org_id: str, name: str, **values: Any) -> Sandbox:
        """Change the title or the state. Raises `NotFound`."""
        self.get(org_id, name)
        with self._database.write() as connection:
            connection.execute(
                sa.update(_S)
                .where(_S.c.org_id == org_id, _S.c.sandbox_name == name)
                .values(version=_S.c.version + 1, updated_ms=to_ms(self._clock.now()), **values)
            )
        return self.get(org_id, name)

    def delete(self, org_id: str, name: str) -> Sandbox:
        """Close a sandbox for good: nobody can select it, and what waits in it is never started. Raises `NotFound`."""
        sandbox = self.change(org_id, name, state="deleted")
        with self._database.write() as connection:
            waiting = (tables.tasks.c.scope == sandbox.scope.number, tables.tasks.c.state == "waiting")
            connection.execute(sa.delete(tables.tasks).where(*waiting))
        return sandbox

    def reset(self, org_id: str, name: str) -> Sandbox:
        """Empty a sandbox: all its resources, secrets and waiting tasks are gone. Its files are the caller's to remove.

        Raises:
            NotFound: There is no such sandbox.
            InUse: Jobs are running in it.
        """
        number = self.get(org_id, name).scope.number
        with self._database.write() as connection:
            running = sa.select(tables.tasks.c.id).where(
                tables.tasks.c.scope == number, tables.tasks.c.state != "waiting"
            )
            ids = [row.id for row in connection.execute(running.limit(5))]
            if ids:
                raise InUse("sandbox", name, f"running jobs ({', '.join(ids)})")
            kept = (
                tables.documents,
                tables.document_keys,
                tables.document_links,
                tables.secrets,
                tables.tasks,
            )
            for table in kept:
                connection.execute(sa.delete(table).where(table.c.scope == number))
        return self.change(org_id, name)

    def _one(self, shown: str, *conditions: sa.ColumnElement[bool]) -> Sandbox:
        with self._database.read() as connection:
            row = connection.execute(sa.select(_S).where(*conditions)).first()
        if row is None:
            raise NotFound("sandbox", shown)
        return _sandbox(row)


class Clients:
    """The API clients of all organisations. Only hashes of their secrets are kept."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def put(
        self, client_id: str, secret: str, org_id: str, permissions: Sequence[str] = ALL_PERMISSIONS
    ) -> Client:
        """Make a client, or give an existing one another secret and other permissions."""
        row = {
            "org_id": org_id,
            "secret_hash": _hashed(secret, os.urandom(16)),
            "permissions": list(permissions),
            "created_ms": to_ms(self._clock.now()),
        }
        with self._database.write() as connection:
            changed = connection.execute(sa.update(_C).where(_C.c.client_id == client_id).values(**row))
            if not changed.rowcount:
                connection.execute(sa.insert(_C).values(client_id=client_id, **row))
        return Client(client_id, org_id, tuple(permissions))

    def find(self, client_id: str) -> Client | None:
        """The client, or None."""
        row = self._row(client_id)
        return None if row is None else Client(row.client_id, row.org_id, tuple(row.permissions))

    def any(self) -> bool:
        """Whether there is a client at all."""
        with self._database.read() as connection:
            return connection.execute(sa.select(_C.c.client_id).limit(1)).first() is not None

    def authenticate(self, client_id: str, secret: str) -> Client | None:
        """The client if the secret is its own, else None."""
        row = self._row(client_id)
        if row is None:
            return None
        salt = bytes.fromhex(row.secret_hash.split("$")[1])
        if not hmac.compare_digest(_hashed(secret, salt), row.secret_hash):
            return None
        return Client(row.client_id, row.org_id, tuple(row.permissions))

    def _row(self, client_id: str) -> Any:
        with self._database.read() as connection:
            return connection.execute(sa.select(_C).where(_C.c.client_id == client_id)).first()


def _hashed(secret: str, salt: bytes) -> str:
    digest = hashlib.scrypt(secret.encode(), salt=salt, n=1 << 14, r=8, p=1)
    return f"scrypt${salt.hex()}${digest.hex()}"


def _sandbox(row: Any) -> Sandbox:
    scope = Scope(row.number, row.org_id, row.sandbox_id, row.sandbox_name, row.sandbox_type, row.is_default)
    return Sandbox(
        scope,
        row.title,
        row.state,
        row.version,
        from_ms(row.created_ms),
        from_ms(row.updated_ms),
        row.created_by,
    )
