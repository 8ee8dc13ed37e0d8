"""What events add up to, a number a person: how event atoms are answered once their events are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from muster.pql.plan import EventAtom
from muster.pql.tables.masks import Mask
from muster.pql.types import INTEGER
from muster.pql.values import ORDER

_WHOLE_LIMIT = 2.0**63


@dataclass(slots=True)
class Tally:
    """What is known of an event atom's aggregate so far; one number a row, events come in any number of pieces.

    Whole numbers are added exactly; `rough` is the same sum in doubles, which tells when 64 bits do not hold it.
    """

    atom: EventAtom
    count: npt.NDArray[np.int64]
    rough: npt.NDArray[np.float64] | None = None
    exact: npt.NDArray[np.int64] | None = None
    extreme: npt.NDArray[Any] | None = None

    @classmethod
    def of(cls, atom: EventAtom, row_count: int) -> Tally:
        """An empty tally."""
        return cls(atom, np.zeros(row_count, dtype=np.int64))

    def add(self, rows: npt.NDArray[Any], values: pa.ChunkedArray | None) -> None:
        """Count events that pass the atom's filter.

        Args:
            rows: The person's row of each event, (n,).
            values: What is aggregated, (n,), BIGINT or DOUBLE; None where nothing but the count is asked for.
                Events whose value is missing are passed over.
        """
        if values is None or self.atom.aggregate == "count":
            self.count += np.bincount(rows, minlength=len(self.count))
            return
        if values.null_count:
            present = pc.is_valid(values)
            rows, values = rows[present.to_numpy(zero_copy_only=False)], values.filter(present)
        numbers: npt.NDArray[Any] = values.to_numpy()
        self.count += np.bincount(rows, minlength=len(self.count))
        if self.atom.aggregate in ("sum", "average"):
            self._sum(rows, numbers)
        else:
            self._reach(rows, numbers)

    def _sum(self, rows: npt.NDArray[Any], numbers: npt.NDArray[Any]) -> None:
        row_count = len(self.count)
        rough = np.bincount(rows, weights=numbers, minlength=row_count).astype(np.float64, copy=False)
        self.rough = rough if self.rough is None else self.rough + rough
        if self._is_whole():
            if self.exact is None:
                self.exact = np.zeros(row_count, dtype=np.int64)
            # What 64 bits do not hold wraps around here; `rough` tells it apart.
            np.add.at(self.exact, rows, numbers.astype(np.int64, copy=False))

    def _reach(self, rows: npt.NDArray[Any], numbers: npt.NDArray[Any]) -> None:
        least = self.atom.aggregate == "min"
        if self.extreme is None:
            if self._is_whole():
                bounds = np.iinfo(np.int64)
                self.extreme = np.full(len(self.count), bounds.max if least else bounds.min, dtype=np.int64)
            else:
                self.extreme = np.full(len(self.count), np.inf if least else -np.inf)
        (np.minimum if least else np.maximum).at(self.extreme, rows, numbers)

    def _is_whole(self) -> bool:
        return self.atom.value is not None and self.atom.value.type == INTEGER

    def holds(self) -> Mask:
        """Compare the aggregate; of nothing, a count and a sum are 0, the others are missing and the comparison false."""
        atom, compare = self.atom, ORDER[self.atom.comparison]
        if atom.aggregate == "count":
            return np.asarray(compare(self.count, atom.threshold), dtype=np.bool_)
        rough = self.rough if self.rough is not None else np.zeros(len(self.count))
        if atom.aggregate == "sum":
            total: npt.NDArray[Any] = rough if self.exact is None else self.exact
            fits = np.abs(rough) < _WHOLE_LIMIT if self._is_whole() else np.isfinite(rough)
            return np.asarray(compare(total, atom.threshold) & fits, dtype=np.bool_)
        some = self.count > 0
        value: npt.NDArray[Any]
        if atom.aggregate == "average":
            total = rough if self.exact is None else np.where(np.abs(rough) < _WHOLE_LIMIT, self.exact, rough)
            value = np.divide(total, self.count, out=np.zeros(len(rough)), where=some)
            return np.asarray(compare(value, atom.threshold) & some & np.isfinite(value), dtype=np.bool_)
        value = np.zeros(len(self.count)) if self.extreme is None else self.extreme
        return np.asarray(compare(value, atom.threshold) & some, dtype=np.bool_)
