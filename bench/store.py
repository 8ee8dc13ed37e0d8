"""A profile store of made-up people, the same for the same size."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from muster import pql
from muster.app import App
from muster.evaluate.bucket import Planned
from muster.pql.arrow_types import physical_type
from muster.pql.plan import plan
from muster.pql.types import ArrayType, ObjectType
from muster.profiles.bucket import BucketReader, Mask
from muster.profiles.lookup import lookup_profile
from muster.profiles.manifest import Snapshot, commit_snapshot, read_snapshot
from muster.profiles.merge_policies import MergePolicy, default_policy
from muster.settings import Settings
from muster.storage.workspace import Workspace
from muster.unify.build import add_batch
from muster.unify.run_files import Addition
from muster.xdm.registry import IdentityField

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CITIES = ["Oslo", "Bergen", "Lyon", "Porto", "Turku", "Graz", "Ghent", "Brno"]
TYPES = ["view", "add", "buy", "return", "search"]

PROFILES = pa.schema(
    [
        ("email", pa.string()),
        ("home", pa.struct([("city", pa.string())])),
        ("loyalty", pa.struct([("points", pa.int64()), ("tier", pa.string())])),
        ("birthYear", pa.int64()),
    ]
)
EVENTS = pa.schema(
    [
        ("_id", pa.string()),
        ("email", pa.string()),
        ("eventType", pa.string()),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("order", pa.struct([("priceTotal", pa.float64())])),
    ]
)
_EMAIL = (IdentityField(("email",), "Email", is_primary=True),)


@dataclass
class BenchStore:
    """A store with what the measurements ask of it."""

    app: App
    workspace: Workspace
    snapshot: Snapshot
    policy: MergePolicy
    now: datetime = NOW

    def definitions(self, count: int) -> list[Planned]:
        """Definitions as a retailer would write them; each differs from the others in some number."""
        return [self._planned(f"d{number}", _text(number)) for number in range(count)]

    def sequence(self) -> Planned:
        """A view, and a purchase within a week of it: needs a person's events together."""
        return self._planned(
            "sequence",
            'chain(xEvent, timestamp, [A: WHAT(eventType = "view"), B: WHAT(eventType = "buy")'
            " WHEN(<= 7 days after A.timestamp)])",
        )

    def _planned(self, id_: str, text: str) -> Planned:
        profile = physical_type(PROFILES)
        schema = ObjectType({**profile.fields, "xEvent": ArrayType(physical_type(EVENTS))})
        return Planned(id_, self.policy.id, plan(pql.bind(pql.parse(text), schema)))

    def by_statements(self, count: int) -> int:
        """The same audiences as one SQL statement each over the same files; gives how many members there are."""
        members = 0
        with self.workspace.engine.cursor() as cursor:
            for number in range(count):
                for bucket in self.snapshot.buckets:
                    reader = BucketReader(bucket, self.workspace.lake)
                    profiles = [reader.local(slice_.path) for slice_ in reader.profiles(self.policy.id)]
                    events = [
                        reader.local(slice_.path) for slice_ in reader.events(TYPES[number % len(TYPES)])
                    ]
                    members += cursor.execute(_statement(number), [profiles, events]).fetchall()[0][0]
        return members

    def look_up_hundred(self) -> int:
        """A hundred entities by identity."""
        return sum(
            lookup_profile(self.workspace, "email", f"p{number}@x") is not None for number in range(100)
        )

    def nobody(self, reader: BucketReader) -> Mask:
        return np.zeros(reader.row_count, dtype=np.bool_)

    def close(self) -> None:
        self.app.close()


def build_store(folder: Path, persons: int, events: int) -> BenchStore:
    """Lay a batch of profiles and a batch of events over an empty store."""
    app = App(Settings(data_dir=folder / "data"), engine_threads=2, engine_bytes_max=2 << 30)
    app.database.migrate()
    sandbox = app.sandboxes.add("bench@AdobeOrg", "prod", "Prod", "production", is_default=True, by="bench")
    workspace = app.workspace(sandbox.scope)
    policy = MergePolicy.of(default_policy(workspace))
    chance = np.random.default_rng(7)
    with workspace.records.read() as records:
        snapshot = read_snapshot(records, "pdg")
    for name, table, schema in (
        ("profiles", _profiles(chance, persons), PROFILES),
        ("events", _events(chance, persons, events), EVENTS),
    ):
        file = folder / f"{name}.parquet"
        pq.write_table(table, file)
        addition = Addition(name, name, schema is EVENTS, (file,), schema, {"email": "Email"}, NOW)
        snapshot = add_batch(workspace, snapshot, addition, _EMAIL, [policy])
    with workspace.records.write() as records:
        commit_snapshot(records, snapshot)
    return BenchStore(app, workspace, snapshot, policy)


def _profiles(chance: np.random.Generator, persons: int) -> pa.Table:
    tiers = np.array(["gold", "silver", "bronze"])
    return pa.table(
        [
            pa.array([f"p{number}@x" for number in range(persons)]),
            pa.StructArray.from_arrays(
                [pa.array(np.array(CITIES)[chance.integers(0, len(CITIES), persons)])], ["city"]
            ),
            pa.StructArray.from_arrays(
                [
                    pa.array(chance.integers(0, 10_000, persons)),
                    pa.array(tiers[chance.integers(0, 3, persons)]),
                ],
                ["points", "tier"],
            ),
            pa.array(chance.integers(1930, 2012, persons)),
        ],
        schema=PROFILES,
    )


def _events(chance: np.random.Generator, persons: int, events: int) -> pa.Table:
    start = int(NOW.timestamp() * 1000) - 365 * 86_400_000
    who = chance.integers(0, persons, events)
    return pa.table(
        [
            pa.array([f"e{number}" for number in range(events)]),
            pa.array([f"p{number}@x" for number in who.tolist()]),
            pa.array(np.array(TYPES)[chance.integers(0, len(TYPES), events)]),
            pa.array(start + chance.integers(0, 365 * 86_400_000, events), pa.timestamp("ms", tz="UTC")),
            pa.StructArray.from_arrays([pa.array(chance.uniform(1, 200, events).round(2))], ["priceTotal"]),
        ],
        schema=EVENTS,
    )


def _text(number: int) -> str:
    type_, city = TYPES[number % len(TYPES)], CITIES[number % len(CITIES)]
    days, points = 7 + number % 90, 100 * (number % 97)
    return (
        f'home.city = "{city}" and loyalty.points > {points} '
        f'and xEvent[eventType = "{type_}" and timestamp occurs <= {days} days before now].count() >= {1 + number % 3}'
    )


def _statement(number: int) -> str:
    type_, city = TYPES[number % len(TYPES)], CITIES[number % len(CITIES)]
    days, points = 7 + number % 90, 100 * (number % 97)
    return f"""
        SELECT count(*) FROM read_parquet($1) p WHERE p.home.city = '{city}' AND p.loyalty.points > {points}
        AND (SELECT count(*) FROM read_parquet($2) e WHERE e._row = p._row AND e."eventType" = '{type_}'
             AND e.timestamp BETWEEN TIMESTAMPTZ '2030-01-01 00:00:00+00' - INTERVAL {days} DAYS AND TIMESTAMPTZ '2030-01-01 00:00:00+00') >= {1 + number % 3}
    """
