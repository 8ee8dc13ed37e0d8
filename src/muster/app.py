"""The wiring: builds stores, engines and clocks for the doors and the workers. Decides nothing."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from muster.kernel.clock import Clock, WallClock
from muster.kernel.ids import Ids, RandomIds
from muster.kernel.scope import Scope
from muster.settings import Settings
from muster.storage.business_time import BusinessTime
from muster.storage.database import Database
from muster.storage.engine import Engine
from muster.storage.lake import Lake, ScopedLake
from muster.storage.local_lake import LocalLake
from muster.storage.object_lake import ObjectLake
from muster.storage.scopes import Clients, Sandboxes
from muster.storage.sealing import Seal, read_or_make_key
from muster.storage.sql_records import SqlRecords
from muster.storage.workspace import Workspace


class App:
    """All that one process of the server holds.

    Args:
        engine_threads, engine_bytes_max: Bounds of the column engine: small in the API, wide in a worker.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        engine_threads: int,
        engine_bytes_max: int,
        wall: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.wall = wall or WallClock()
        self.ids = ids or RandomIds()
        self.seal = Seal(settings.secret_key or read_or_make_key(settings.data_dir / "secret.key"))
        self.database = Database(settings.database)
        self.business_time = BusinessTime(self.database, self.wall)
        self.clock: Clock = self.business_time.clock()
        self.sandboxes = Sandboxes(self.database, self.clock, self.ids)
        self.clients = Clients(self.database, self.wall)
        self.lake = open_lake(settings)
        self.engine = Engine(
            threads=engine_threads, memory_bytes_max=engine_bytes_max, spill=settings.data_dir / "spill"
        )

    def workspace(self, scope: Scope) -> Workspace:
        """The stores of one sandbox."""
        return Workspace(
            scope=scope,
            records=SqlRecords(self.database, scope, self.clock, self.seal),
            lake=ScopedLake(self.lake, scope.number),
            engine=self.engine,
            clock=self.clock,
            wall=self.wall,
            ids=self.ids,
            settings=self.settings,
        )

    def close(self) -> None:
        self.engine.close()
        self.database.close()


def open_lake(settings: Settings) -> Lake:
    """The lake that the settings name."""
    parts = urlsplit(settings.lake)
    if parts.scheme == "file":
        return LocalLake(Path(parts.path))
    return ObjectLake(settings.lake, settings.data_dir / "lake-cache", settings.lake_cache_bytes_max)
