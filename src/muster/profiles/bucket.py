"""Read one bucket: its base with the runs laid over it. Whoever reads profiles, events or identities comes through here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from muster.profiles.identity import HASH_BYTES, IdentityIndex
from muster.profiles.manifest import Bucket, Segment
from muster.storage.lake import Lake

Rows = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Persons:
    """The persons of a bucket by row.

    Attributes:
        hashes: Founding identity of each row; (rows, 16) bytes.
        founded: Ordinal at which each was founded; the lower is the older; (rows,).
        merged_into: Hash of the survivor for rows that were merged away, by row.
        alive: Which rows are persons today; (rows,).
    """

    hashes: npt.NDArray[np.uint8]
    founded: npt.NDArray[np.int64]
    merged_into: dict[int, bytes]
    alive: Mask


@dataclass(frozen=True, slots=True)
class Slice:
    """A file and those of its rows that count.

    Attributes:
        path: Lake path of a Parquet file with a column `_row`.
        hidden: Rows that later segments have replaced; None when there are none.
    """

    path: str
    hidden: Mask | None


class BucketReader:
    """One bucket of one snapshot, read through the lake."""

    def __init__(self, bucket: Bucket, lake: Lake) -> None:
        self.bucket = bucket
        self._lake = lake

    @property
    def row_count(self) -> int:
        return self.bucket.row_count

    def profiles(self, policy_id: str) -> list[Slice]:
        """The files of merged profiles; each living row is visible in exactly one."""
        return self._slices(lambda segment: segment.profiles.get(policy_id, ""), self._touched)

    def fragments(self) -> list[Slice]:
        """The files of fragments; all visible fragments of a row are in one."""
        return self._slices(lambda segment: segment.fragments, self._touched)

    def identity_values(self) -> list[Slice]:
        """The files of identities; all visible identities of a row are in one."""
        return self._slices(lambda segment: segment.identity_values, self._touched)

    def events(self, event_type: str) -> list[Slice]:
        """The files of events of one type; their visible rows add up."""
        return self._slices(lambda segment: segment.events.get(event_type, ""), self._reset)

    @cached_property
    def event_types(self) -> list[str]:
        """Every type that some event of the bucket has."""
        return sorted({type_ for segment in self.bucket.segments for type_ in segment.events})

    @cached_property
    def index(self) -> IdentityIndex:
        """Finds the row of an identity."""
        paths = [segment.identities for segment in self.bucket.segments if segment.identities]
        return IdentityIndex([self._lake.local(path) for path in paths])

    @cached_property
    def persons(self) -> Persons:
        """All rows' persons, the newest word on each."""
        count = self.row_count
        hashes = np.zeros((count, HASH_BYTES), dtype=np.uint8)
        founded = np.zeros(count, dtype=np.int64)
        alive = np.zeros(count, dtype=np.bool_)
        merged: dict[int, bytes] = {}
        for segment in self.bucket.segments:
            if not segment.persons:
                continue
            table = pq.read_table(self._lake.local(segment.persons))
            rows = table["_row"].to_numpy()
            hashes[rows] = _fixed_bytes(table["hash"])
            founded[rows] = table["founded"].to_numpy()
            gone = table["merged_into"].is_valid().to_numpy()
            alive[rows] = ~gone
            for row in rows[~gone].tolist() if merged else ():
                merged.pop(row, None)
            targets = table["merged_into"].drop_null().to_pylist()
            merged.update(zip(rows[gone].tolist(), targets, strict=True))
        return Persons(hashes, founded, merged, alive)

    def visible(self, slices: Sequence[Slice], rows: Rows) -> Iterator[tuple[str, Rows]]:
        """Which of some rows to look for in which file: (path, rows)."""
        for slice_ in slices:
            wanted = rows if slice_.hidden is None else rows[~slice_.hidden[rows]]
            if len(wanted):
                yield slice_.path, wanted

    def local(self, path: str) -> str:
        """Where a lake path can be read."""
        return str(self._lake.local(path))

    def _touched(self, segment: Segment) -> Rows | None:
        return self._rows(segment.touched)

    def _reset(self, segment: Segment) -> Rows | None:
        return self._rows(segment.reset)

    def _rows(self, path: str) -> Rows | None:
        if not path:
            return None
        rows: Rows = np.load(self._lake.local(path))
        return rows

    def _slices(
        self, path_of: Callable[[Segment], str], overlaid_by: Callable[[Segment], Rows | None]
    ) -> list[Slice]:
        hidden: Mask | None = None
        slices: list[Slice] = []
        # From the newest to the oldest: what a segment replaces is hidden in all that came before it.
        for segment in reversed(self.bucket.segments):
            path = path_of(segment)
            if path:
                slices.append(Slice(path, None if hidden is None else hidden.copy()))
            rows = overlaid_by(segment)
            if rows is not None and len(rows):
                if hidden is None:
                    hidden = np.zeros(self.row_count, dtype=np.bool_)
                hidden[rows] = True
        slices.reverse()
        return slices


def _fixed_bytes(column: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    """Binary values of `HASH_BYTES` each as a matrix, without a Python object a value; (values, 16)."""
    array = column.combine_chunks().cast(pa.binary(HASH_BYTES))
    start = array.offset * HASH_BYTES
    values = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    matrix: npt.NDArray[np.uint8] = values[start : start + len(array) * HASH_BYTES].reshape(-1, HASH_BYTES)
    return matrix
