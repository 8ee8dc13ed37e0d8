"""The offset of the business clock, in the database, so that every process tells the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from muster.kernel.clock import BusinessClock, Clock, from_ms, iso, to_ms
from muster.kernel.errors import MusterError
from muster.storage import tables
from muster.storage.database import Database

_NAME = "business_clock_offset_ms"
_CACHE_S = 0.05


@dataclass(eq=False)
class ClockBackwards(MusterError):
    """The business clock shows {now} and never goes back to {wanted}. Start with an empty data directory instead."""

    now: str
    wanted: str


class BusinessTime:
    """Reads and sets the offset. Reading is cached for a moment: a clock is asked often."""

    def __init__(
        self, database: Database, wall: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._wall = wall
        self._monotonic = monotonic
        self._read_at = -_CACHE_S
        self._offset = 0

    def clock(self) -> BusinessClock:
        return BusinessClock(self._wall, self.offset_ms)

    def offset_ms(self) -> int:
        if self._monotonic() - self._read_at >= _CACHE_S:
            query = sa.select(tables.settings.c.value).where(tables.settings.c.name == _NAME)
            with self._database.read() as connection:
                self._offset = int(connection.execute(query).scalar() or 0)
            self._read_at = self._monotonic()
        return self._offset

    def set(self, wanted: datetime) -> datetime:
        """Move the business clock forward to an instant. Raises `ClockBackwards`."""
        wall = to_ms(self._wall.now())
        with self._database.write() as connection:
            query = sa.select(tables.settings.c.value).where(tables.settings.c.name == _NAME)
            stored = connection.execute(query).scalar()
            offset = to_ms(wanted) - wall
            if offset < int(stored or 0):
                raise ClockBackwards(iso(from_ms(wall + int(stored or 0))), iso(wanted))
            if stored is None:
                connection.execute(sa.insert(tables.settings).values(name=_NAME, value=offset))
            else:
                connection.execute(
                    sa.update(tables.settings).where(tables.settings.c.name == _NAME).values(value=offset)
                )
        self._read_at = -_CACHE_S
        return wanted
