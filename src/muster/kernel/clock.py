"""Two clocks. Business time decides what data means; wall time decides when machinery gives up.

`BusinessClock` is *now* in PQL, due times, windows and file names. It lives in the database and an emulator may set
it, only forward. `WallClock` is for tokens, leases, retries and metrics. Mixing them up lets a test that jumps a
year ahead expire every token on the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Anything that tells an aware UTC instant."""

    def now(self) -> datetime:
        """Tell the present instant, in UTC, cut to whole milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return from_ms(time.time_ns() // 1_000_000)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is set. For tests."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


@dataclass(frozen=True, slots=True)
class BusinessClock:
    """Business time: the wall clock plus an offset that only an emulator changes.

    Args:
        wall: The clock beneath.
        offset_ms: Reads the stored offset, in milliseconds, never negative.
    """

    wall: Clock
    offset_ms: Callable[[], int]

    def now(self) -> datetime:
        return from_ms(to_ms(self.wall.now()) + self.offset_ms())


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware instant."""
    return round(instant.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """The UTC instant at so many milliseconds since 1970."""
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def iso(instant: datetime) -> str:
    """Write an instant as the API does: `2026-01-31T02:00:07Z`, with milliseconds only when there are any."""
    text = instant.astimezone(UTC).isoformat(timespec="milliseconds" if instant.microsecond else "seconds")
    return text.replace("+00:00", "Z")
