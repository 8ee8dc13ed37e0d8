"""Which files at destinations are ours: an intent before each upload, a publish record after it is verified.

A file is replaced or removed only when a record says that we made it. Records are kept per place and name, so two
connections to one bucket know of each other's files, as far as they are of one sandbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muster.export.destinations.destination import Destination, FileIsThere, PlaceMissing, PlaceRefused
from muster.kernel.clock import to_ms
from muster.kernel.errors import MusterError
from muster.storage.records import Document, Names, Query, Record, RecordsTransaction
from muster.storage.workspace import Workspace

KIND = "published_file"


@dataclass(eq=False)
class ForeignFile(MusterError):
    """{location} holds a file {name} that this flow did not write. It is left as it is; move it, or choose another file name or folder."""

    location: str
    name: str


@dataclass(eq=False)
class NotAsPublished(MusterError):
    """{name} at {location} is not what was sent: {difference}."""

    location: str
    name: str
    difference: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One file of a run on its way.

    Attributes:
        name: Whole name at the destination.
        path: In the local spool.
    """

    name: str
    path: Path
    byte_count: int
    sha256: str
    row_count: int


def record_id(location: str, name: str) -> str:
    """Of the record about one name at one place; of fixed length, since names are not."""
    return hashlib.sha256(f"{location}\n{name}".encode()).hexdigest()


def intend(tx: RecordsTransaction, location: str, run: Mapping[str, str], files: Sequence[Sent]) -> None:
    """Write down what is going to be sent, before any of it is.

    Args:
        run: `runId` and `flowId`.
    Raises:
        ForeignFile: The name belongs to another flow.
    """
    for file in files:
        id = record_id(location, file.name)
        record = tx.find(KIND, id)
        body = {
            "location": location,
            "name": file.name,
            **run,
            "state": "intended",
            "uploading": False,
            "byteCount": file.byte_count,
            "sha256": file.sha256,
            "rowCount": file.row_count,
        }
        names = Names(links=(("run", run["runId"]),))
        if record is None:
            tx.add(KIND, id, {**body, "previous": None}, names)
        elif record.body["runId"] != run["runId"]:
            if record.body["flowId"] != run["flowId"] and tx.find("flow", record.body["flowId"]) is not None:
                raise ForeignFile(location, file.name)
            tx.replace(KIND, id, {**body, "previous": _previous(record)}, names=names)


def publish(workspace: Workspace, destination: Destination, file: Sent) -> None:
    """Bring one intended file to its name; repeatable.

    Raises:
        ForeignFile: Somebody else's file has the name.
    """
    id = record_id(destination.location, file.name)
    with workspace.records.read() as tx:
        record = tx.get(KIND, id)
    there = destination.head(file.name)
    if there is None:
        _mark_uploading(workspace, id)
        try:
            destination.publish(file.name, file.path, create_only=True)
        except FileIsThere as error:
            # Either an earlier try of ours that was thought lost, or somebody was faster.
            if not _holds(destination, file):
                raise ForeignFile(destination.location, file.name) from error
    elif record.body["uploading"] and there == file.byte_count and _holds(destination, file):
        return
    elif record.body["previous"] and there in _own_sizes(record):
        _mark_uploading(workspace, id)
        destination.publish(file.name, file.path, create_only=False)
    else:
        raise ForeignFile(destination.location, file.name)


def verify(destination: Destination, file: Sent) -> str:
    """Compare what is there with what was sent.

    Returns:
        `sha256` when the bytes were read back, `size` when the account may not read.
    Raises:
        NotAsPublished: They differ.
    """
    there = destination.head(file.name)
    if there != file.byte_count:
        raise NotAsPublished(destination.location, file.name, f"{there} bytes instead of {file.byte_count}")
    try:
        digest = _digest(destination, file.name)
    except PlaceRefused:
        return "size"
    if digest != file.sha256:
        raise NotAsPublished(destination.location, file.name, "another SHA-256")
    return "sha256"


def settle(
    tx: RecordsTransaction, location: str, files: Sequence[Sent], at_ms: int, checks: Sequence[str]
) -> None:
    """Write the publish records; in the transaction that makes the run a success."""
    for file, check in zip(files, checks, strict=True):
        record = tx.get(KIND, record_id(location, file.name))
        done = {
            "state": "published",
            "publishedMs": at_ms,
            "verifiedBy": check,
            "uploading": False,
            "previous": None,
        }
        tx.replace(KIND, record.id, {**record.body, **done})


def take_back(workspace: Workspace, destination: Destination, run_id: str) -> None:
    """Remove what a failed run has brought to new names, so that no part of an export is left.

    A file that replaced an earlier one of ours stays: there is nothing to put in its place.
    """
    for record in intents_of(workspace, run_id):
        if record.body["state"] != "intended" or record.body["previous"]:
            continue
        file = Sent(record.body["name"], Path(), record.body["byteCount"], record.body["sha256"], 0)
        if (
            record.body["uploading"]
            and destination.head(file.name) == file.byte_count
            and _holds(destination, file)
        ):
            destination.delete(file.name)
        with workspace.records.write() as tx:
            tx.remove(KIND, record.id)


def intents_of(workspace: Workspace, run_id: str) -> Sequence[Record]:
    """The records that a run wrote."""
    with workspace.records.read() as tx:
        return tx.page(KIND, Query(links=(("run", run_id),), limit=10_000)).items


def attempt(workspace: Workspace, cause: str, file: Sent | None) -> Document:
    """One try, as the run's history keeps it."""
    at = to_ms(workspace.clock.now())
    return {"at": at, "cause": cause, **({"name": file.name, "bytes": file.byte_count} if file else {})}


def _previous(record: Record) -> list[int]:
    """Sizes that the name may have had by our own hand."""
    sizes = set(record.body["previous"] or ())
    if record.body["state"] == "published" or record.body["uploading"]:
        sizes.add(record.body["byteCount"])
    return sorted(sizes)


def _own_sizes(record: Record) -> list[int]:
    sizes: list[int] = list(record.body["previous"])
    return [*sizes, record.body["byteCount"]] if record.body["uploading"] else sizes


def _mark_uploading(workspace: Workspace, id: str) -> None:
    with workspace.records.write() as tx:
        record: Any = tx.get(KIND, id)
        if not record.body["uploading"]:
            tx.replace(KIND, id, {**record.body, "uploading": True})


def _holds(destination: Destination, file: Sent) -> bool:
    try:
        return _digest(destination, file.name) == file.sha256
    except (PlaceMissing, PlaceRefused):
        return False


def _digest(destination: Destination, name: str) -> str:
    digest = hashlib.sha256()
    for block in destination.read(name):
        digest.update(block)
    return digest.hexdigest()
