"""Leases: who may do a thing alone, until when. Told by wall time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from muster.kernel.clock import Clock, to_ms
from muster.storage import tables
from muster.storage.database import Database

_L = tables.leases


class Leases:
    """Named leases in the database of the resources."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall

    def take(self, name: str, holder: str, life_s: float) -> bool:
        """Take or renew a lease; False while somebody else's has not run out."""
        now = to_ms(self._wall.now())
        with self._database.write() as connection:
            insert = _insert(connection).values(name=name, holder=holder, expires_ms=now + int(life_s * 1000))
            taken = connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"holder": holder, "expires_ms": insert.excluded.expires_ms},
                    where=sa.or_(_L.c.holder == holder, _L.c.expires_ms <= now),
                ).returning(_L.c.name)
            )
            return taken.first() is not None

    def release(self, name: str, holder: str) -> None:
        """Give a lease back at once."""
        with self._database.write() as connection:
            connection.execute(sa.delete(_L).where(_L.c.name == name, _L.c.holder == holder))

    def expire(self, name: str) -> None:
        """Let a lease run out now: its holder is known to be gone."""
        with self._database.write() as connection:
            connection.execute(sa.update(_L).where(_L.c.name == name).values(expires_ms=0))

    def expired(self, prefix: str) -> list[str]:
        """Names of the leases with that prefix which have run out."""
        now = to_ms(self._wall.now())
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(_L.c.name).where(_L.c.name.startswith(prefix), _L.c.expires_ms <= now)
            )
            return [row.name for row in rows]

    @contextmanager
    def held(self, name: str, holder: str, life_s: float) -> Iterator[bool]:
        """Try to hold a lease for a block; tells whether it is held."""
        taken = self.take(name, holder, life_s)
        try:
            yield taken
        finally:
            if taken:
                self.release(name, holder)


def _insert(connection: Connection) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(_L) if connection.dialect.name == "sqlite" else postgresql.insert(_L)
