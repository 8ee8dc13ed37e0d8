"""From members with nested profiles to flat rows: one column for each mapped path.

A column on `identityMap.X` gives one row for each identity of that namespace; a person without one gets a row with a
null. The audience's own membership is read from the member view, so status and rows are of one evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from muster.flows.mapping_sets import Column, split_source
from muster.kernel.errors import Invalid

IDENTITIES = "identityMap"
MEMBERSHIPS = "segmentMembership"
_OWN_AUDIENCE = ("seg_id", "aep_seg_id")
_STATUS, _SINCE = "status", "lastQualificationTime"


@dataclass(frozen=True, slots=True)
class Projection:
    """Which paths become which columns.

    Attributes:
        columns: In the order of the file.
        audience_id: The audience that is exported; `seg_id` in a path stands for it.
        further: Paths that are needed for mandatory fields and keys, and are not written.
    """

    columns: tuple[Column, ...]
    audience_id: str
    further: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """All paths, those of the file first."""
        return (*(column.source for column in self.columns), *self.further)

    @property
    def profile_columns(self) -> list[str]:
        """Top-level fields of the profile that have to be read."""
        heads = [split_source(source)[0] for source in self.sources]
        return list(dict.fromkeys(head for head in heads if head != MEMBERSHIPS))

    @property
    def needs_memberships(self) -> bool:
        """Whether other audiences than the exported one are mapped."""
        return any(
            names[0] == MEMBERSHIPS and not self._is_own(names) for names in map(split_source, self.sources)
        )

    @property
    def identity_namespace(self) -> str | None:
        """The namespace whose identities are the rows, if there is one."""
        found = {names[1] for names in map(split_source, self.sources) if _is_identity(names)}
        if len(found) > 1:
            raise Invalid.at(
                "mappings", f"a file holds identities of one namespace, not of {', '.join(sorted(found))}"
            )
        return next(iter(found), None)

    def rows(self, members: pa.Table) -> pa.Table:
        """Flat rows of some members.

        Returns:
            `_person`, `_since`, then `c0`, `c1` … in the order of `sources`.
        """
        namespace = self.identity_namespace
        lists = None if namespace is None else value_at(members, (IDENTITIES, namespace))
        parents, identities = _exploded(lists, members.num_rows)
        taken = members if identities is None else members.take(parents)
        arrays: list[pa.Array] = [_whole(taken["_person"]), _whole(taken["_since"])]
        for source in self.sources:
            names = split_source(source)
            if identities is not None and _is_identity(names):
                arrays.append(identities)
            else:
                arrays.append(self._value(taken, names))
        return pa.Table.from_arrays(arrays, names=["_person", "_since", *self.names()])

    def names(self) -> list[str]:
        """Names of the columns of `rows` after the first two."""
        return [f"c{position}" for position in range(len(self.sources))]

    def _is_own(self, names: Sequence[str]) -> bool:
        if len(names) == 2:
            return names[1] in (_STATUS, _SINCE)
        return (
            len(names) == 4
            and names[2] in (*_OWN_AUDIENCE, self.audience_id)
            and names[3] in (_STATUS, _SINCE)
        )

    def _value(self, members: pa.Table, names: tuple[str, ...]) -> pa.Array:
        if names[0] != MEMBERSHIPS:
            return value_at(members, names)
        if self._is_own(names):
            own = _whole(members["_status" if names[-1] == _STATUS else "_since"])
            return _plain_status(own) if names[-1] == _STATUS else as_text(own)
        value = value_at(members, names)
        return _plain_status(value) if names[-1] == _STATUS else value


def projected(projection: Projection, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Flat rows of all members, table by table."""
    for table in tables:
        yield projection.rows(table)


def value_at(table: pa.Table, names: tuple[str, ...]) -> pa.Array:
    """The values at a path; nulls of no type where the table does not have it."""
    if names[0] not in table.column_names:
        return pa.nulls(table.num_rows)
    array = _whole(table[names[0]])
    for name in names[1:]:
        array = _child(array, name)
    return array


def as_text(array: pa.Array) -> pa.Array:
    """Scalars as the API writes them: instants as `2030-01-04T17:00:00Z`, booleans as `true`."""
    text = array.cast(pa.string())
    if pa.types.is_timestamp(array.type):
        text = pc.replace_substring(text, " ", "T")
        text = pc.replace_substring_regex(text, r"\.0+Z?$", "Z" if array.type.tz else "")
    return text


def _child(array: pa.Array, name: str) -> pa.Array:
    kind = array.type
    if pa.types.is_null(kind):
        return array
    if name.startswith("["):
        return _element(array, int(name[1:-1])) if pa.types.is_list(kind) else pa.nulls(len(array))
    if pa.types.is_struct(kind):
        return pc.struct_field(array, name) if kind.get_field_index(name) >= 0 else pa.nulls(len(array))
    if pa.types.is_map(kind):
        return pc.map_lookup(array, pa.scalar(name, kind.key_type), "first")
    return pa.nulls(len(array))


def _element(array: pa.Array, index: int) -> pa.Array:
    lengths = pc.list_value_length(array)
    starts = pa.array(np.asarray(array.offsets)[:-1].astype(np.int64))
    places = pc.if_else(pc.greater(lengths, index), pc.add(starts, index), pa.scalar(None, pa.int64()))
    return array.values.take(places)


def _exploded(lists: pa.Array | None, row_count: int) -> tuple[pa.Array, pa.Array | None]:
    """Row numbers of the parents and the identities, in the order of the parents."""
    if lists is None:
        return pa.array(range(0)), None
    if not pa.types.is_list(lists.type):
        return pa.array(np.arange(row_count)), pa.nulls(row_count, pa.string())
    ids = pc.struct_field(pc.list_flatten(lists), "id")
    parents = np.asarray(pc.list_parent_indices(lists), dtype=np.int64)
    kept = np.asarray(pc.fill_null(pc.not_equal(ids, ""), False))
    parents, ids = parents[kept], ids.filter(pa.array(kept))
    without = np.setdiff1d(np.arange(row_count), parents)
    all_parents = np.concatenate([parents, without])
    order = np.argsort(all_parents, kind="stable")
    all_ids = pa.concat_arrays([ids.cast(pa.string()), pa.nulls(len(without), pa.string())])
    return pa.array(all_parents[order]), all_ids.take(pa.array(order))


def _plain_status(status: pa.Array) -> pa.Array:
    # An existing member is a realized one that was so before; files know two states only.
    return pc.if_else(pc.equal(status.cast(pa.string()), "existing"), "realized", status.cast(pa.string()))


def _is_identity(names: tuple[str, ...]) -> bool:
    return names[0] == IDENTITIES and len(names) == 2


def _whole(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return array if not isinstance(array, pa.ChunkedArray) else pa.concat_arrays(array.chunks)
