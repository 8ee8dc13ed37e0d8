"""A long campaign: processes die at any time under a stream of work, and the end is that of a quiet day.

Deeds and deaths come from a seed; which deed a death meets does not, so a failure shows the log, not only the seed.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.e2e.client import CATALOG, IMPORT, PROFILE, SANDBOXES, UPS, Client
from tests.simulation.invariants import check_at_rest, states
from tests.simulation.server import Installation, installation, wait_for
from tests.simulation.story import EVENT_CLASS, PROFILE_CLASS, Row, identity_map, json_lines, purchase

SEEDS = [int(seed) for seed in os.environ.get("MUSTER_SOAK_SEEDS", "1,2").split(",")]
DEED_COUNT = 100
PERSON_COUNT = 200
VICTIMS = ("worker-1", "worker-1", "api", "both", "supervisor")
AUDIENCES = {
    "women": 'person.gender = "female"',
    "once": 'xEvent[eventType = "commerce.purchases"].count() = 1',
    "often": 'xEvent[eventType = "commerce.purchases"].count() >= 3',
}
LEFT_TIMEOUT_S = 180.0


class Script:
    """What is done, made from a seed. The end does not depend on the order in which batches take effect."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.genders = {f"p{n}": self._random.choice(("female", "male")) for n in range(PERSON_COUNT)}
        self.rows: list[tuple[str, list[Row]]] = []
        self._owners: dict[str, str] = {}
        self._parents = {name: name for name in self.genders}
        for number in range(DEED_COUNT):
            kind = self._random.choices(("people", "events", "link"), (3, 4, 1))[0]
            self.rows.append(("events" if kind == "events" else "people", self._batch(kind, number)))

    def sizes(self) -> dict[str, int]:
        """How many persons each audience has at the end, counted by hand."""
        known = {name for _, rows in self.rows for row in rows for name in _names(row)}
        events = Counter(self._root(owner) for owner in self._owners.values())
        described = {self._root(_names(row)[0]) for _, rows in self.rows for row in rows if row.get("person")}
        persons = {self._root(name) for name in known}
        return {
            "women": sum(self.genders[person] == "female" for person in persons & described),
            "once": sum(events[person] == 1 for person in persons),
            "often": sum(events[person] >= 3 for person in persons),
        }

    def _batch(self, kind: str, number: int) -> list[Row]:
        if kind == "link":
            return [self._link()]
        names = self._random.sample(sorted(self.genders), 20)
        if kind == "people":
            return [
                {"identityMap": identity_map(name), "person": {"gender": self.genders[name]}}
                for name in names
            ]
        # Some events come a second time, in a later batch.
        again = self._random.sample(sorted(self._owners), min(5, len(self._owners)))
        new = {f"e{number}-{place}": name for place, name in enumerate(names)}
        self._owners.update(new)
        return [purchase(id, self._owners[id]) for id in (*again, *new)]

    def _link(self) -> Row:
        first = self._random.choice(sorted(self.genders))
        # Of one gender: of two that differ the newest batch would win, and which that is depends on the deaths.
        alike = [name for name in sorted(self.genders) if self.genders[name] == self.genders[first]]
        second = self._random.choice([name for name in alike if name != first])
        self._parents[self._root(first)] = self._root(second)
        # It takes the place of the first person's row in the dataset, so it says of her what that row said.
        return {"identityMap": identity_map(first, second), "person": {"gender": self.genders[first]}}

    def _root(self, name: str) -> str:
        while self._parents[name] != name:
            name = self._parents[name]
        return name


def _names(row: Row) -> list[str]:
    return [item["id"].partition("@")[0] for item in row["identityMap"]["Email"]]


class Reaper:
    """Kills a process now and then, until it is told to stop."""

    def __init__(self, running: Installation, seed: int) -> None:
        self._running = running
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.killed: Counter[str] = Counter()
        self.failure: BaseException | None = None

    def __enter__(self) -> Reaper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._random.uniform(0.5, 4.0)):
                victim = self._random.choice(VICTIMS)
                if victim == "supervisor":
                    self._running.kill("supervisor")
                    self._running.serve()
                else:
                    for name in ("worker-1", "api") if victim == "both" else (victim,):
                        self._running.kill(name)
                self.killed[victim] += 1
        except BaseException as error:  # noqa: BLE001 - the test hears of it: it asserts that there was none
            self.failure = error


class Stream:
    """Sends the deeds of a script into a sandbox, again when nobody answers."""

    def __init__(self, running: Installation, sandbox: str) -> None:
        self._client: Client = running.client_of(sandbox)
        body = {"name": sandbox, "title": sandbox, "type": "development"}
        running.client.post(f"{SANDBOXES}/sandboxes", body, status=202)
        self.datasets = {
            "people": self._client.make_dataset(PROFILE_CLASS, "People"),
            "events": self._client.make_dataset(EVENT_CLASS, "Events"),
        }
        self.audiences = {name: self._client.define(name, pql) for name, pql in AUDIENCES.items()}
        self.exported = self._client.make_union_dataset()
        self.batches: list[str] = []

    def perform(self, script: Script) -> None:
        """Every batch, with a segment job after some and an export after others; waits for none of them."""
        for number, (dataset, rows) in enumerate(script.rows):
            self.batches.append(self._load(self.datasets[dataset], rows))
            if number % 5 == 4:
                self._retried(lambda: self._post(f"{UPS}/segment/jobs", self._every()))
            if number % 12 == 11:
                self._retried(lambda: self._post(f"{UPS}/export/jobs", self._export_body()))

    def settled(self) -> list[str]:
        """The outcomes of the batches, when all have one."""

        def outcomes() -> list[str]:
            found = [self._client.get(f"{CATALOG}/batches/{id}")[id]["status"] for id in self.batches]
            return found if not {"loading", "staging"} & set(found) else []

        return wait_for(outcomes, "every batch has its outcome", LEFT_TIMEOUT_S)

    def sizes(self) -> dict[str, int]:
        """The audiences, evaluated now."""
        return dict(zip(self.audiences, self._client.sizes(*self.audiences.values()), strict=True))

    def export_count(self) -> int:
        """Rows of an export of the women, made now, as its dataset shows them."""
        job = self._client.export(self.exported, self.audiences["women"])
        batches = self._client.get(f"{CATALOG}/batches?dataSet={self.exported}&limit=100")
        visible = [batch["recordCount"] for batch in batches.values() if batch["status"] == "success"]
        assert visible == [job["metrics"]["totalExportedProfileCounter"]]
        return int(visible[0])

    def _load(self, dataset_id: str, rows: list[Row]) -> str:
        # A batch that was made although the answer got lost stays open and empty; nobody reads it.
        batch_id: str = self._retried(lambda: self._client.open_batch(dataset_id))
        self._retried(lambda: self._client.upload(batch_id, dataset_id, "rows.json", json_lines(rows)))
        self._retried(lambda: self._complete(batch_id))
        return batch_id

    def _complete(self, batch_id: str) -> None:
        answer = self._client.call("POST", f"{IMPORT}/batches/{batch_id}?action=COMPLETE")
        state = self._client.get(f"{CATALOG}/batches/{batch_id}")[batch_id]["status"]
        # Sent twice it may be refused, for then it is no longer open.
        assert answer.is_success or state in ("staging", "success"), answer.text

    def _every(self) -> list[Row]:
        return [{"segmentId": id} for id in self.audiences.values()]

    def _export_body(self) -> Row:
        everybody: Row = {"destination": {"datasetId": self.exported}, "schema": PROFILE}
        return everybody

    def _post(self, path: str, body: Any) -> Any:
        return self._client.post(path, body)

    @staticmethod
    def _retried(send: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 60.0
        while True:
            try:
                return send()
            except httpx2.TransportError:
                assert time.monotonic() < deadline, "the API did not come back"
                time.sleep(0.1)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as running:
        running.serve()
        yield running


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_of_deaths_ends_as_a_quiet_day(running: Installation, seed: int) -> None:
    script = Script(seed)
    with running.told_on_failure():
        stream = Stream(running, "deadly")
        with Reaper(running, seed) as reaper:
            stream.perform(script)
        assert reaper.failure is None
        assert sum(reaper.killed.values()) >= 5, reaper.killed
        running.wait_ready()
        assert set(stream.settled()) == {"success"}
        check_at_rest(running)
        assert set(states(running, "segment_job")) == {"SUCCEEDED"}

        quiet = Stream(running, "quiet")
        quiet.perform(script)
        assert set(quiet.settled()) == {"success"}
        assert quiet.sizes() == script.sizes()
        assert stream.sizes() == script.sizes()
        assert stream.export_count() == quiet.export_count() == script.sizes()["women"]
        check_at_rest(running)
        running.stop()
