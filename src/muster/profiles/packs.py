"""Memberships of one bucket as of one evaluation, packed: a bit a person and definition, and since when.

The file is an Arrow file read by memory map, one row a definition; a reader touches only the definitions it asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from muster.profiles.bucket import Mask, Rows

_SCHEMA = pa.schema(
    [
        ("definition", pa.string()),
        ("bits", pa.large_binary()),
        ("since", pa.large_binary()),
        ("left_rows", pa.large_binary()),
        ("left_at", pa.large_binary()),
        ("own_rows", pa.large_binary()),
        ("own_since", pa.large_binary()),
    ]
)


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in one audience, in one bucket.

    Attributes:
        mask: Members by row; (rows,).
        since: Ordinal of the evaluation since which each member is in, in the order of rows; (members,).
        left_rows: Rows of those who left within the last 30 days, ascending; (left,).
        left_at: Ordinal of the evaluation in which each left; (left,).
        own_rows: Rows of persons who were merged, as survivor or as absorbed, and whose membership changed by it; ascending.
        own_since: Since when each of them was a member alone, 0 for not at all: what counts again when they part; (own,).
    """

    mask: Mask
    since: npt.NDArray[np.uint32]
    left_rows: Rows
    left_at: npt.NDArray[np.uint32]
    own_rows: Rows
    own_since: npt.NDArray[np.uint32]

    def since_by_row(self) -> npt.NDArray[np.uint32]:
        """`since` spread over all rows, 0 where no member is; (rows,)."""
        spread = np.zeros(len(self.mask), dtype=np.uint32)
        spread[self.mask] = self.since
        return spread

    def resized(self, row_count: int) -> Members:
        """The same for a bucket that has got more rows since."""
        if row_count == len(self.mask):
            return self
        mask = np.zeros(row_count, dtype=np.bool_)
        mask[: len(self.mask)] = self.mask
        return replace(self, mask=mask)


def nobody(row_count: int) -> Members:
    """An audience without members."""
    none = np.zeros(0, dtype=np.uint32)
    return Members(np.zeros(row_count, dtype=np.bool_), none, none, none, none, none)


def write_pack(path: Path, members: Mapping[str, Members], *, row_count: int, generation: int) -> None:
    """Write the memberships of one bucket."""
    ids = sorted(members)
    columns = [
        pa.array(ids, pa.string()),
        _packed(np.packbits(members[id_].mask).tobytes() for id_ in ids),
        _packed(members[id_].since.astype("<u4").tobytes() for id_ in ids),
        _packed(members[id_].left_rows.astype("<u4").tobytes() for id_ in ids),
        _packed(members[id_].left_at.astype("<u4").tobytes() for id_ in ids),
        _packed(members[id_].own_rows.astype("<u4").tobytes() for id_ in ids),
        _packed(members[id_].own_since.astype("<u4").tobytes() for id_ in ids),
    ]
    schema = _SCHEMA.with_metadata({"row_count": str(row_count), "generation": str(generation)})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as out:
        out.write_batch(pa.record_batch(columns, schema=schema))


class Pack:
    """A pack that was written."""

    def __init__(self, path: Path) -> None:
        self._source = pa.memory_map(str(path))
        reader = pa.ipc.open_file(self._source)
        metadata = reader.schema.metadata
        self.row_count = int(metadata[b"row_count"])
        self.generation = int(metadata[b"generation"])
        self._batch = reader.get_batch(0)
        self._places = {id_: place for place, id_ in enumerate(self._batch["definition"].to_pylist())}

    @property
    def definitions(self) -> list[str]:
        """The definitions that this pack speaks of."""
        return list(self._places)

    def members(self, definition_id: str) -> Members:
        """Who is in an audience; nobody when the pack does not speak of it."""
        place = self._places.get(definition_id)
        if place is None:
            return nobody(self.row_count)
        mask = np.unpackbits(self._bytes("bits", place), count=self.row_count).astype(np.bool_)
        columns = ("since", "left_rows", "left_at", "own_rows", "own_since")
        return Members(mask, *(self._numbers(column, place) for column in columns))

    def of_row(self, definition_id: str, row: int) -> tuple[str, int] | None:
        """(`in` or `left`, ordinal) of one person in one audience; None when it never was a member or left long ago."""
        place = self._places.get(definition_id)
        if place is None or row >= self.row_count:
            return None
        bits = self._bytes("bits", place)
        if (bits[row >> 3] >> (7 - (row & 7))) & 1:
            rank = int(np.unpackbits(bits[: (row >> 3) + 1], count=row).sum()) if row else 0
            return "in", int(self._numbers("since", place)[rank])
        left = self._numbers("left_rows", place)
        position = int(np.searchsorted(left, row))
        if position < len(left) and left[position] == row:
            return "left", int(self._numbers("left_at", place)[position])
        return None

    def _bytes(self, column: str, place: int) -> npt.NDArray[np.uint8]:
        buffer = self._batch[column][place].as_buffer()
        return np.frombuffer(buffer, dtype=np.uint8)

    def _numbers(self, column: str, place: int) -> npt.NDArray[np.uint32]:
        return np.frombuffer(self._batch[column][place].as_buffer(), dtype="<u4")


def _packed(values: Iterable[bytes]) -> pa.Array:
    return pa.array(list(values), pa.large_binary())
