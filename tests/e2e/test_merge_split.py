"""Two persons become one between two evaluations, and two again: nobody is counted twice, nothing is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.e2e.client import CATALOG, IMPORT, SANDBOXES, Client
from tests.e2e.server import RunningServer

PROFILE_CLASS = "https://ns.adobe.com/xdm/context/profile"
EVENT_CLASS = "https://ns.adobe.com/xdm/context/experienceevent"
WOMEN = 'person.gender = "female"'
TWO_PURCHASES = 'xEvent[eventType = "commerce.purchases"].count() = 2'


def who(*names: str) -> dict[str, Any]:
    return {"Email": [{"id": f"{name}@x.io", "primary": place == 0} for place, name in enumerate(names)]}


def person(name: str, gender: str) -> dict[str, Any]:
    return {"identityMap": who(name), "person": {"gender": gender}}


def purchase(id: str, name: str) -> dict[str, Any]:
    stamp = "2026-01-01T00:00:00Z"
    return {"_id": id, "eventType": "commerce.purchases", "timestamp": stamp, "identityMap": who(name)}


class World:
    """A sandbox in which Bea is a woman from the first evaluation on, and Ann, the older person, from the second."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.people = client.make_dataset(PROFILE_CLASS, "People")
        self.women = client.define("women", WOMEN)
        self.buyers = client.define("buyers", TWO_PURCHASES)
        self.exported = client.make_union_dataset()
        events = client.make_dataset(EVENT_CLASS, "Events")
        client.ingest(self.people, [person("ann", "male")])
        client.ingest(self.people, [person("bea", "female"), person("cid", "male")])
        client.ingest(events, [purchase("e1", "ann"), purchase("e2", "bea")])
        self.evaluate()
        client.ingest(self.people, [person("ann", "female")])
        self.evaluate()

    def evaluate(self) -> dict[str, Any]:
        """A segment job; gives (entered, stayed, left) of both audiences."""
        metrics = self.client.evaluate(self.women, self.buyers)["metrics"]
        self.person_count = metrics["totalProfiles"]
        status = metrics["segmentedProfileByStatusCounter"]
        names = {"women": self.women, "buyers": self.buyers}
        return {
            name: tuple(status[id][state] for state in ("realized", "existing", "exited"))
            for name, id in names.items()
        }

    def membership(self, name: str, definition_id: str) -> dict[str, Any]:
        """A person's entry for an audience; empty for none."""
        entries = self.client.person(f"{name}@x.io").get("segmentMembership", {}).get("ups", {})
        return dict(entries.get(definition_id, {}))

    def since(self, name: str) -> str:
        """Since when a person is one of the women."""
        return str(self.membership(name, self.women)["lastQualificationTime"])

    def export_count(self) -> int:
        """Rows that an export of the women writes."""
        job = self.client.export(self.exported, self.women)
        count = int(job["metrics"]["totalExportedProfileCounter"])
        batches = self.client.get(f"{CATALOG}/batches/{job['destination']['batchId']}")
        assert [batch["recordCount"] for batch in batches.values()] == [count]
        return count

    def revert(self, batch_id: str) -> None:
        self.client.post(f"{IMPORT}/batches/{batch_id}?action=REVERT")
        path = f"{CATALOG}/batches/{batch_id}"
        self.client.wait(path, lambda body: body[batch_id]["status"], "inactive")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is to be seen after an evaluation: numbers, the two persons, and since when each is one of the women."""

    sizes: dict[str, Any]
    person_count: int
    export_count: int
    ann: dict[str, Any]
    bea: dict[str, Any]
    since: tuple[str, str]


def look(world: World, sizes: dict[str, Any]) -> Seen:
    return Seen(
        sizes,
        world.person_count,
        world.export_count(),
        world.client.person("ann@x.io"),
        world.client.person("bea@x.io"),
        (world.since("ann"), world.since("bea")),
    )


@pytest.fixture(scope="module")
def seen(server: RunningServer) -> Iterator[tuple[Seen, Seen, Seen]]:
    """The world before the two are linked, while they are, and after the link was taken back."""
    with Client(server.base_url, "merge-split") as client:
        body = {"name": "merge-split", "title": "Merge and split", "type": "development"}
        client.post(f"{SANDBOXES}/sandboxes", body, status=202, sandbox="prod")
        world = World(client)
        apart = look(world, {})
        link = client.ingest(world.people, [{"identityMap": who("bea", "ann")}])
        joined = look(world, world.evaluate())
        world.revert(link)
        yield apart, joined, look(world, world.evaluate())


def test_merged_person_is_counted_and_exported_once(seen: tuple[Seen, Seen, Seen]) -> None:
    apart, joined, _ = seen
    assert (apart.person_count, apart.export_count) == (3, 2)
    assert (joined.person_count, joined.export_count) == (2, 1)
    assert joined.sizes == {"women": (0, 1, 0), "buyers": (1, 0, 0)}
    assert joined.ann == joined.bea


def test_survivor_is_a_member_since_the_earlier_of_the_two(seen: tuple[Seen, Seen, Seen]) -> None:
    apart, joined, _ = seen
    ann, bea = apart.since
    assert bea < ann
    assert joined.since == (bea, bea)


def test_persons_who_part_again_are_counted_and_exported_as_two(seen: tuple[Seen, Seen, Seen]) -> None:
    apart, _, parted = seen
    assert (parted.person_count, parted.export_count) == (3, 2)
    assert sum(parted.sizes["women"][:2]) == 2
    assert parted.sizes["women"][2] == 0
    assert parted.sizes["buyers"] == (0, 0, 1)
    for before, after in ((apart.ann, parted.ann), (apart.bea, parted.bea)):
        assert after["identityMap"] == before["identityMap"]
        assert after["person"] == before["person"]


def test_persons_who_part_again_are_members_since_when_they_were(seen: tuple[Seen, Seen, Seen]) -> None:
    apart, _, parted = seen
    assert parted.since == apart.since
    assert parted.sizes["women"] == (0, 2, 0)
