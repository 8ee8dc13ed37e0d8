"""People and their events from two files → people with events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from muster.pql.data.files import UnreadableData
from muster.pql.data.people import People
from muster.pql.types import DATETIME, ArrayType, ObjectType
from muster.pql.values import text

if TYPE_CHECKING:
    import pyarrow as pa

EVENTS = "xEvent"


def with_events(people: People, events: People, key: str) -> People:
    """The people with the events of a second file as their `xEvent`.

    Args:
        people: They have no events yet.
        events: What `read_people` gave for the file of events.
        key: Path of the field, in both files, that says whose an event is; values are compared as text.
    Returns:
        Notes tell how many events belong to nobody, and if they have no time.
    Raises:
        UnreadableData: A file has no such field, or two people share a key.
    """
    path = tuple(key.split("."))
    for file in (people, events):
        if not _has(file.schema, path):
            raise UnreadableData(file.path, f"there is no field {key}", "Name one that both files have")
    if EVENTS in people.schema.fields:
        raise UnreadableData(people.path, "the people have events already", f"Leave {EVENTS} out of one file")
    if isinstance(people.profiles, list) or isinstance(events.profiles, list):
        joined, count, strangers = _join_rows(people, events, path)
    else:
        joined, count, strangers = _join_tables(people, events, path)
    notes = list(people.notes) + [f"{EVENTS}: {note}" for note in events.notes]
    if strangers:
        notes.append(f"{strangers:,} of {count:,} events belong to nobody in {people.path}")
    if events.schema.fields.get("timestamp") != DATETIME:
        notes.append(
            "the events have no date-time `timestamp`, so they have no order and no condition on time holds"
        )
    fields = {**people.schema.fields, EVENTS: ArrayType(events.schema)}
    return replace(people, profiles=joined, schema=ObjectType(fields), notes=tuple(notes))


def _has(schema: ObjectType, path: tuple[str, ...]) -> bool:
    inner: Any = schema
    for name in path:
        if not isinstance(inner, ObjectType) or name not in inner.fields:
            return False
        inner = inner.fields[name]
    return True


def _shared(people: People, key: str) -> UnreadableData:
    return UnreadableData(people.path, f"two people have the key {key}", "Each event belongs to one person")


# --- rows


def _join_rows(
    people: People, events: People, path: tuple[str, ...]
) -> tuple[list[dict[str, Any]], int, int]:
    mine: dict[str, list[Any]] = {}
    joined: list[dict[str, Any]] = []
    for row in _rows(people):
        key = _at(row, path)
        own: list[Any] = []
        if key is not None and mine.setdefault(key, own) is not own:
            raise _shared(people, key)
        joined.append({**row, EVENTS: own})
    count = strangers = 0
    for event in _rows(events):
        count += 1
        key = _at(event, path)
        if key in mine:
            mine[key].append(event)
        else:
            strangers += 1
    return joined, count, strangers


def _rows(people: People) -> Any:
    profiles = people.profiles
    return profiles if isinstance(profiles, list) else profiles.to_pylist(maps_as_pydicts="strict")  # type: ignore[union-attr]


def _at(row: Any, path: tuple[str, ...]) -> str | None:
    for name in path:
        row = row.get(name) if isinstance(row, Mapping) else None
    return None if row is None or isinstance(row, list | Mapping) else text(row)


# --- tables


def _join_tables(people: People, events: People, path: tuple[str, ...]) -> tuple[pa.Table, int, int]:
    """As lists over one table of events, sorted by person; no event becomes a Python object."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    table: Any = people.profiles
    events_table: Any = events.profiles
    keys = _key_column(table, path)
    known = pc.drop_null(keys)
    if len(pc.unique(known)) < len(known):
        repeated = next(each["values"] for each in pc.value_counts(known).to_pylist() if each["counts"] > 1)
        raise _shared(people, repeated)
    owners = pc.index_in(_key_column(events_table, path), value_set=keys, skip_nulls=True)
    owned = pc.is_valid(owners)
    positions = pc.drop_null(owners).to_numpy(zero_copy_only=False)
    # Stable, so that the events of one person stay in the order of the file.
    order = np.argsort(positions, kind="stable")
    chosen = events_table.filter(owned).take(order).combine_chunks()
    ends = np.cumsum(np.bincount(positions, minlength=table.num_rows))
    offsets = pa.array(np.concatenate([[0], ends]), type=pa.int32())
    structs = pa.StructArray.from_arrays(
        [column.combine_chunks() for column in chosen.columns], names=chosen.column_names
    )
    lists = pa.ListArray.from_arrays(offsets, structs)
    return table.append_column(EVENTS, lists), events_table.num_rows, events_table.num_rows - len(positions)


def _key_column(table: pa.Table, path: tuple[str, ...]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(path[0])
    for name in path[1:]:
        column = pc.struct_field(column, name)
    return column.combine_chunks().cast(pa.string())
