"""Columns: the SQL engine that reads the lake's files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb


class Engine:
    """A DuckDB database in memory that reads local files and nothing else.

    Args:
        threads: How many cores one query may use.
        memory_bytes_max: Bound of its memory; what does not fit goes to `spill`.
        spill: Directory for what does not fit.
    """

    def __init__(self, *, threads: int, memory_bytes_max: int, spill: Path) -> None:
        spill.mkdir(parents=True, exist_ok=True)
        self._connection = duckdb.connect(
            config={
                "threads": threads,
                "memory_limit": f"{max(memory_bytes_max, 64 << 20) // (1 << 20)}MiB",
                "temp_directory": str(spill),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": False,
            }
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        self._lock = threading.Lock()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of one's own: an unread result of another thread would be in the way."""
        with self._lock:
            cursor = self._connection.cursor()
        try:
            cursor.execute("SET TimeZone = 'UTC'")
            yield cursor
        finally:
            cursor.close()

    def close(self) -> None:
        self._connection.close()
