"""A row that feeds profiles says whose it is: by a field, by the identity map, or by the legacy list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from muster.ingest.problems import REQUIRED, Problems


def check_primary_identity(
    rows: pa.StructArray, primary_paths: Sequence[tuple[str, ...]], problems: Problems
) -> None:
    """Report the rows without a primary identity.

    Args:
        rows: The chunk's columns as one struct.
        primary_paths: The fields that the schema declares as primary identity; often one.
    """
    found = np.zeros(len(rows), bool)
    for path in primary_paths:
        found |= _has_text(_at(rows, path), len(rows))
    for name in ("identityMap", "identities"):
        if not found.all():
            found |= _has_primary(_at(rows, (name,)), len(rows))
    shown = ".".join(primary_paths[0]) if primary_paths else "identityMap"
    for position in np.flatnonzero(~found):
        text = (
            f"{shown} is missing: a dataset that is enabled for Profile needs a primary identity in every row"
        )
        problems.add(int(position), REQUIRED, shown, text)


def _at(array: pa.Array, path: Sequence[str]) -> pa.Array | None:
    for name in path:
        if not pa.types.is_struct(array.type) or array.type.get_field_index(name) < 0:
            return None
        array = array.flatten()[array.type.get_field_index(name)]
    return array


def _has_text(array: pa.Array | None, count: int) -> np.ndarray:
    """Which values are there and, when they are text, not empty."""
    if array is None:
        return np.zeros(count, bool)
    valid = array.is_valid()
    if pa.types.is_string(array.type):
        valid = pc.and_(valid, pc.fill_null(pc.not_equal(array, ""), False))
    found: np.ndarray = valid.to_numpy(zero_copy_only=False).astype(bool)
    return found


def _has_primary(array: pa.Array | None, count: int) -> np.ndarray:
    """Which rows hold an element with `primary` true and an id, in a list or in a map of lists."""
    found = np.zeros(count, bool)
    if array is None:
        return found
    owners = np.arange(count)
    if pa.types.is_map(array.type):
        offsets = array.offsets.to_numpy()
        owners = np.repeat(owners, np.diff(offsets))
        array = array.items.slice(offsets[0], offsets[-1] - offsets[0])
    if not pa.types.is_list(array.type):
        return found
    owners = owners[pc.list_parent_indices(array).to_numpy(zero_copy_only=False)]
    items = array.flatten()
    if not pa.types.is_struct(items.type):
        return found
    primary = _at(items, ("primary",))
    if primary is None or not pa.types.is_boolean(primary.type):
        return found
    is_primary = pc.fill_null(primary, False).to_numpy(zero_copy_only=False).astype(bool)
    found[owners[is_primary & _has_text(_at(items, ("id",)), len(items))]] = True
    return found
