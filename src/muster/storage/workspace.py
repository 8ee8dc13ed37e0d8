"""What a stage works with: the stores of one scope, the clocks and the ids."""

from __future__ import annotations

from dataclasses import dataclass

from muster.kernel.clock import Clock
from muster.kernel.ids import Ids
from muster.kernel.scope import Scope
from muster.settings import Settings
from muster.storage.engine import Engine
from muster.storage.lake import Lake
from muster.storage.records import Records


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything of one sandbox; whoever holds it cannot reach another.

    Attributes:
        clock: Business time.
        wall: Machine time, for leases, retries and metrics.
    """

    scope: Scope
    records: Records
    lake: Lake
    engine: Engine
    clock: Clock
    wall: Clock
    ids: Ids
    settings: Settings
