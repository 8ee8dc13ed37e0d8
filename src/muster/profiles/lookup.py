"""One person by one identity, and the person's events; found by the index, whatever the number of profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from muster.kernel.clock import iso
from muster.kernel.page import Page
from muster.profiles.bucket import BucketReader, Rows, Slice
from muster.profiles.columns import ORIGIN_COLUMNS, PROFILE_COLUMNS
from muster.profiles.identity import Identity, hash_of_xid, xid_of
from muster.profiles.members import NAMESPACE, memberships_of_row
from muster.profiles.store import ProfileStore, open_store
from muster.storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A person as the profile access API shows one.

    Attributes:
        sources: Datasets that hold a fragment of the person.
        identities: All identities: (namespace, value, XID).
        entity: The merged attributes with `identityMap` and `segmentMembership`; absent ones left out.
    """

    person_xid: str
    policy_id: str
    sources: tuple[str, ...]
    identities: tuple[tuple[str, str, str], ...]
    entity: dict[str, Any]
    last_modified_at: datetime


@dataclass(frozen=True, slots=True)
class EventView:
    """One event of a person."""

    entity_id: str
    related_entity_id: str
    timestamp_ms: int
    entity: dict[str, Any]
    sources: tuple[str, ...]
    last_modified_at: datetime


def lookup_profile(
    workspace: Workspace, namespace: str, value: str, policy_id: str | None = None
) -> ProfileView | None:
    """The person who owns an identity; None when nobody does."""
    return _view(open_store(workspace, policy_id), Identity(namespace, value).hash)


def lookup_by_xid(workspace: Workspace, xid: str, policy_id: str | None = None) -> ProfileView | None:
    """The person who owns the identity of that XID; None when nobody does or it is no XID."""
    hash_ = hash_of_xid(xid)
    return None if hash_ is None else _view(open_store(workspace, policy_id), hash_)


def lookup_events(
    workspace: Workspace,
    namespace: str,
    value: str,
    policy_id: str | None = None,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
    limit: int = 100,
    offset: int = 0,
    descending: bool = False,
) -> Page[EventView] | None:
    """One page of a person's events by time, `start_ms` inclusive, `end_ms` exclusive; None when nobody owns the identity."""
    store = open_store(workspace, policy_id)
    found = store.find(Identity(namespace, value).hash)
    if found is None:
        return None
    reader, row = found
    events = [
        (_ms(event.get("timestamp")), event)
        for type_ in reader.event_types
        for event in _read_row(reader, reader.events(type_), row)
    ]
    inside = [
        pair
        for pair in events
        if (start_ms is None or pair[0] >= start_ms) and (end_ms is None or pair[0] < end_ms)
    ]
    inside.sort(key=lambda pair: (pair[0], pair[1]["_order"]), reverse=descending)
    person = xid_of(reader.persons.hashes[row].tobytes())
    views = [_event_view(ms, event, person) for ms, event in inside[offset : offset + limit]]
    return Page(tuple(views), offset, limit, len(inside))


def _view(store: ProfileStore, hash_: bytes) -> ProfileView | None:
    found = store.find(hash_)
    if found is None:
        return None
    reader, row = found
    profiles = _read_row(reader, reader.profiles(store.policy.id), row)
    if not profiles:
        return None
    profile = profiles[0]
    identities = sorted(_read_row(reader, reader.identity_values(), row), key=lambda item: item["first_seen"])
    entity = {
        name: plain(value)
        for name, value in profile.items()
        if name not in PROFILE_COLUMNS and value is not None
    }
    packs = store.memberships.packs_of_bucket(store.workspace.lake, reader.bucket.number)
    if memberships := memberships_of_row(store.memberships, packs, row):
        entity["segmentMembership"] = {NAMESPACE: memberships}
    return ProfileView(
        person_xid=profile["_person"],
        policy_id=store.policy.id,
        sources=tuple(profile["_datasets"]),
        identities=tuple((item["namespace"], item["value"], xid_of(item["hash"])) for item in identities),
        entity={name: value for name, value in entity.items() if value not in ({}, [])},
        last_modified_at=profile["_seen"].astimezone(UTC),
    )


def _event_view(ms: int, event: dict[str, Any], person: str) -> EventView:
    entity = {
        name: plain(value)
        for name, value in event.items()
        if name not in ORIGIN_COLUMNS and value is not None
    }
    return EventView(
        entity_id=str(event.get("_id") or f"{event['_batch']}-{event['_order']}"),
        related_entity_id=person,
        timestamp_ms=ms,
        entity=entity,
        sources=(event["_dataset"],),
        last_modified_at=event["_seen"].astimezone(UTC),
    )


def _read_row(reader: BucketReader, slices: Sequence[Slice], row: int) -> list[dict[str, Any]]:
    wanted: Rows = np.array([row], dtype=np.uint32)
    rows: list[dict[str, Any]] = []
    for path, _ in reader.visible(slices, wanted):
        # Files are sorted by row, so all but one row group are skipped by their statistics.
        table = pq.read_table(reader.local(path), filters=[("_row", "==", row)])
        rows += table.to_pylist(maps_as_pydicts="strict")
    return rows


def plain(value: Any) -> Any:
    """A value as JSON has it: times as text, missing members left out."""
    if isinstance(value, dict):
        shown = {name: plain(member) for name, member in value.items() if member is not None}
        return {name: member for name, member in shown.items() if member != {}}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return iso(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _ms(value: Any) -> int:
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else 0
