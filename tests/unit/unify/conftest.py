"""A profile store in an empty folder, and rows laid over it batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from muster.app import App
from muster.kernel.ids import SeededIds
from muster.profiles.bucket import BucketReader
from muster.profiles.identity import Identity
from muster.profiles.manifest import Snapshot, read_snapshot
from muster.profiles.merge_policies import MergePolicy, default_policy
from muster.settings import Settings
from muster.storage.workspace import Workspace
from muster.unify.build import add_batch
from muster.unify.compact import compact
from muster.unify.run_files import Addition
from muster.xdm.registry import IdentityField

IDENTITY = pa.struct([("id", pa.string()), ("primary", pa.bool_())])
PROFILES = pa.schema(
    [
        ("identityMap", pa.map_(pa.string(), pa.list_(IDENTITY))),
        ("person", pa.struct([("first", pa.string()), ("last", pa.string())])),
        ("tags", pa.list_(pa.string())),
    ]
)
EVENTS = pa.schema(
    [
        ("_id", pa.string()),
        ("eventType", pa.string()),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("identityMap", pa.map_(pa.string(), pa.list_(IDENTITY))),
        ("amount", pa.float64()),
    ]
)


def who(primary: str, *others: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """An identity map of e-mail addresses and, where a name starts with `#`, of CRM numbers; the first is primary."""
    found: dict[str, list[dict[str, Any]]] = {}
    for place, name in enumerate((primary, *others)):
        namespace = "CRM" if name.startswith("#") else "Email"
        found.setdefault(namespace, []).append({"id": name, "primary": place == 0})
    return list(found.items())


@dataclass
class Store:
    """A snapshot that grows; nothing is committed, which the build does not need."""

    workspace: Workspace
    policies: list[MergePolicy]
    folder: Path
    snapshot: Snapshot
    batches: int = 0
    log: list[tuple[Sequence[Mapping[str, Any]], str, bool]] = field(default_factory=list)

    def add(self, rows: Sequence[Mapping[str, Any]], *, dataset: str = "d1", events: bool = False) -> None:
        """Lay a batch over the store."""
        self.batches += 1
        self.log.append((rows, dataset, events))
        schema = EVENTS if events else PROFILES
        file = self.folder / f"batch-{self.batches}.parquet"
        # As ingestion writes it: a file holds the columns that occur.
        occurring = pa.schema([field for field in schema if any(field.name in row for row in rows)])
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=occurring), file)
        addition = Addition(
            batch_id=f"b{self.batches}",
            dataset_id=dataset,
            is_events=events,
            files=(file,),
            columns=schema,
            namespace_codes={"email": "Email", "crm": "CRM"},
            at=datetime(2030, 1, self.batches, tzinfo=UTC),
        )
        fields: tuple[IdentityField, ...] = ()
        self.snapshot = add_batch(self.workspace, self.snapshot, addition, fields, self.policies)

    def compact(self) -> None:
        """Fold the runs."""
        self.snapshot = compact(self.workspace, self.snapshot)

    @property
    def readers(self) -> list[BucketReader]:
        return [BucketReader(bucket, self.workspace.lake) for bucket in self.snapshot.buckets]

    def profiles(self) -> dict[str, dict[str, Any]]:
        """Every living person's profile by XID."""
        found: dict[str, dict[str, Any]] = {}
        for reader in self.readers:
            for item in self._visible(reader, reader.profiles(self.policies[0].id)):
                assert item["_person"] not in found, "a person is visible twice"
                found[item["_person"]] = item
        return found

    def events(self) -> dict[str, list[str]]:
        """Per person the ids of the events, by time."""
        found: dict[str, list[tuple[Any, str]]] = {}
        for reader in self.readers:
            xids = {
                row: item["_person"]
                for item in self._visible(reader, reader.profiles(self.policies[0].id))
                for row in [item["_row"]]
            }
            for type_ in reader.event_types:
                for item in self._visible(reader, reader.events(type_)):
                    found.setdefault(xids[item["_row"]], []).append((item["timestamp"], item["_id"]))
        return {xid: [id_ for _, id_ in sorted(items)] for xid, items in found.items()}

    def person(self, name: str) -> dict[str, Any] | None:
        """The profile of whoever owns an e-mail address or CRM number."""
        hash_ = Identity("crm" if name.startswith("#") else "email", name).hash
        for reader in self.readers:
            if not reader.row_count:
                continue
            row = int(reader.index.rows([hash_])[0])
            if row < reader.row_count:
                for item in self._visible(reader, reader.profiles(self.policies[0].id)):
                    if item["_row"] == row:
                        return item
        return None

    @staticmethod
    def _visible(reader: BucketReader, slices: Any) -> Iterator[dict[str, Any]]:
        for slice_ in slices:
            for item in pq.read_table(reader.local(slice_.path)).to_pylist(maps_as_pydicts="strict"):
                if slice_.hidden is None or not slice_.hidden[item["_row"]]:
                    yield item


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[Any]:
    """Makes empty stores; `persons_max` cuts small buckets."""
    apps: list[App] = []

    def make(*, persons_max: int = 1_000_000, runs_max: int = 4) -> Store:
        folder = tmp_path / f"store-{len(apps)}"
        settings = Settings(data_dir=folder, emulator=True, bucket_persons_max=persons_max, runs_max=runs_max)
        app = App(settings, engine_threads=1, engine_bytes_max=256 << 20, ids=SeededIds(7))
        apps.append(app)
        app.database.migrate()
        sandbox = app.sandboxes.add(
            "dev@AdobeOrg", "prod", "Prod", "production", is_default=True, by="dev@AdobeID"
        )
        workspace = app.workspace(sandbox.scope)
        policy = MergePolicy.of(default_policy(workspace))
        with workspace.records.read() as records:
            return Store(workspace, [policy], folder, read_snapshot(records, "pdg"))

    yield make
    for app in apps:
        app.close()


@pytest.fixture
def store(make_store: Any) -> Store:
    """One empty store."""
    made: Store = make_store()
    return made
