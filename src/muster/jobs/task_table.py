"""The waiting tasks of all scopes, as the worker sees them. Stages write them through `RecordsTransaction.enqueue`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from muster.kernel.clock import to_ms
from muster.storage import tables
from muster.storage.database import Database

_T = tables.tasks


@dataclass(frozen=True, slots=True)
class DueTask:
    """A task whose time has come."""

    id: str
    scope_number: int
    workflow: str
    argument: str


class TaskTable:
    """Reads what is due and remembers what was handed over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now: datetime, limit: int = 100) -> list[DueTask]:
        """Waiting tasks whose business time has come, in the order of their times."""
        query = (
            sa.select(_T)
            .where(_T.c.state == "waiting", _T.c.due_ms <= to_ms(now))
            .order_by(_T.c.due_ms, _T.c.created_ms, _T.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                DueTask(row.id, row.scope, row.workflow, row.argument) for row in connection.execute(query)
            ]

    def mark_handed_over(self, id: str) -> None:
        """The queue has the task. Handing it over twice does no harm: its id is the workflow's."""
        with self._database.write() as connection:
            connection.execute(sa.update(_T).where(_T.c.id == id).values(state="handed_over"))

    def remove(self, id: str) -> None:
        """The job has ended; its row is the record of it."""
        with self._database.write() as connection:
            connection.execute(sa.delete(_T).where(_T.c.id == id))

    def open_count(self, now: datetime) -> int:
        """How many tasks are due or running."""
        waiting = sa.and_(_T.c.state == "waiting", _T.c.due_ms <= to_ms(now))
        query = sa.select(sa.func.count()).where(sa.or_(waiting, _T.c.state == "handed_over"))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())
