"""The columns of the store's files that are ours: everything else in them is the data's own."""

from __future__ import annotations

PROFILE_COLUMNS = ("_row", "_person", "_datasets", "_seen", "_has_record")
"""Of a merged profile: row, public id, datasets that speak of it, when last, and whether one of them is a record."""

ORIGIN_COLUMNS = ("_row", "_identity", "_dataset", "_batch", "_order", "_seen")
"""Of a fragment or an event: person's row, primary identity, where and when it came from."""
