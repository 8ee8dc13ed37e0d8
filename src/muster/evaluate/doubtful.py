"""People about whom the scans of a bucket leave a doubt: read with all their events, and asked whole.

Few are asked one after another. Many become columns, so that what needs a person's events together is answered for all of them at
once, too; what has no form over columns goes to the compiled functions there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from muster.pql.emit.closures import compile_query
from muster.pql.paths import Path
from muster.pql.plan import Plan
from muster.pql.tables import ProfileTable
from muster.profiles.bucket import BucketReader, Mask, Rows, Slice
from muster.profiles.columns import ORIGIN_COLUMNS, PROFILE_COLUMNS

_OURS = frozenset((*ORIGIN_COLUMNS, *PROFILE_COLUMNS))
_EVENTS, _MEMBERSHIPS = "xEvent", "segmentMembership"


class DoubtfulPeople:
    """Answers a definition for some people of a bucket.

    Args:
        cursor: The engine; what is made of people lives in connections of its own beside it.
        stored_map: `segmentMembership` of one row before the job.
        one_by_one_max: More people than this become columns.
        together_max: As many become columns at a time, so that memory is bounded.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        reader: BucketReader,
        *,
        now: datetime,
        stored_map: Callable[[int], Mapping[str, Any]],
        one_by_one_max: int = 2_000,
        together_max: int = 200_000,
    ) -> None:
        self._cursor = cursor
        self._reader = reader
        self._now = now
        self._stored_map = stored_map
        self._one_by_one_max = one_by_one_max
        self._together_max = together_max

    def members(self, plan: Plan, policy_id: str, people: Mask, memberships: Mapping[str, Mask]) -> Mask:
        """Who of some people satisfies a definition; (rows,).

        Args:
            memberships: Who is a member of the definitions that it asks about, by id.
        """
        answer = np.zeros(self._reader.row_count, dtype=np.bool_)
        rows = np.flatnonzero(people)
        # Memberships as a field are no column of the store: they change without it.
        if len(rows) <= self._one_by_one_max or any(path[0] == _MEMBERSHIPS for path in plan.paths):
            self._one_by_one(plan, policy_id, people, memberships, answer)
            return answer
        for start in range(0, len(rows), self._together_max):
            some = np.zeros(self._reader.row_count, dtype=np.bool_)
            some[rows[start : start + self._together_max]] = True
            self._together(plan, policy_id, some, memberships, answer)
        return answer

    def _one_by_one(
        self, plan: Plan, policy_id: str, people: Mask, memberships: Mapping[str, Mask], answer: Mask
    ) -> None:
        if not people.any():
            return
        satisfies = compile_query(plan.query).at(self._now)
        events = self._events_by_row(people, plan.paths)
        for slice_ in self._reader.profiles(policy_id):
            for table in self._read(slice_, people, {path[0] for path in plan.paths}):
                for item in table.to_pylist(maps_as_pydicts="strict"):
                    row = item.pop("_row")
                    person = {**item, _EVENTS: events.get(row, []), _MEMBERSHIPS: self._stored_map(row)}
                    answer[row] = satisfies(
                        person, {id_: bool(mask[row]) for id_, mask in memberships.items()}
                    )

    def _together(
        self, plan: Plan, policy_id: str, people: Mask, memberships: Mapping[str, Mask], answer: Mask
    ) -> None:
        fields = {path[0] for path in plan.paths}
        profiles = _joined(
            table
            for slice_ in self._reader.profiles(policy_id)
            for table in self._read(slice_, people, fields)
        )
        if profiles is None:
            return
        rows: Rows = profiles["_row"].to_numpy()
        columns = profiles.drop_columns(["_row"]).append_column(
            _EVENTS, self._histories(rows, people, plan.paths)
        )
        with ProfileTable.from_arrow(columns, connection=self._cursor.cursor()) as table:
            known = {id_: mask[rows] for id_, mask in memberships.items()}
            answer[rows] = table.members(plan, now=self._now, memberships=known)

    # --- reading

    def _events_by_row(self, people: Mask, paths: Collection[Path]) -> dict[int, list[dict[str, Any]]]:
        events: dict[int, list[dict[str, Any]]] = {}
        for table in self._events(people, paths):
            for item in table.to_pylist(maps_as_pydicts="strict"):
                events.setdefault(item.pop("_row"), []).append(item)
        return events

    def _histories(self, rows: Rows, people: Mask, paths: Collection[Path]) -> pa.ListArray:
        """The events of each row, as a list of structs; nobody's where the plan asks for none."""
        events = _joined(self._events(people, paths))
        if events is None:
            return pa.array([[]] * len(rows), pa.list_(pa.struct([("timestamp", pa.timestamp("ms", "UTC"))])))
        place = np.full(self._reader.row_count, -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        owners = place[events["_row"].to_numpy()]
        order = np.argsort(owners, kind="stable")
        order = order[owners[order] >= 0]
        counts = np.bincount(owners[order], minlength=len(rows))
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        items = events.drop_columns(["_row"]).take(pa.array(order)).to_struct_array()
        return pa.ListArray.from_arrays(
            offsets, pa.concat_arrays(items.chunks) if items.num_chunks else items
        )

    def _events(self, people: Mask, paths: Collection[Path]) -> Iterator[pa.Table]:
        """Events with the fields that some paths lead to; whole ones where a path ends at the events."""
        if not any(path[0] == _EVENTS for path in paths):
            return
        fields = {path[1] for path in paths if path[0] == _EVENTS and len(path) > 1} | {"timestamp"}
        for type_ in self._reader.event_types:
            for slice_ in self._reader.events(type_):
                yield from self._read(slice_, people, None if (_EVENTS,) in paths else fields)

    def _read(self, slice_: Slice, people: Mask, fields: Collection[str] | None) -> Iterator[pa.Table]:
        """Rows of a file with some of its fields, or all of them; of ours, the row number alone."""
        wanted = people if slice_.hidden is None else people & ~slice_.hidden
        file = pq.ParquetFile(self._reader.local(slice_.path))
        names = [
            name
            for name in file.schema_arrow.names
            if name not in _OURS and (fields is None or name in fields)
        ]
        for batch in file.iter_batches(65_536, columns=["_row", *names]):
            keep = wanted[batch.column("_row").to_numpy()]
            if keep.any():
                yield pa.Table.from_batches([batch.filter(pa.array(keep))])


def _joined(tables: Iterator[pa.Table]) -> pa.Table | None:
    """Tables under each other; a field that one of them has not is null in its rows."""
    found = list(tables)
    return pa.concat_tables(found, promote_options="permissive") if found else None
