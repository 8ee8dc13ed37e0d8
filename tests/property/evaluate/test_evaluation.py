"""Laws of evaluation: whatever batches made the store, columns over base and runs say what the judge says of each person."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.unit.unify.conftest import EVENTS, PROFILES, Store, make_store, who

from muster import pql
from muster.evaluate.bucket import BucketEvaluation, Planned
from muster.pql.arrow_types import physical_type
from muster.pql.plan import plan
from muster.pql.types import ArrayType, ObjectType
from muster.profiles.bucket import Mask
from muster.profiles.identity import xid_of

__all__ = ["make_store"]

NOW = datetime(2030, 1, 1, tzinfo=UTC)

QUERIES = (
    'person.`first` = "Ann"',
    'not (person.`first` = "Ann") and person.`last`.isNotNull()',
    'tags.includes("red") or person.`last`.startsWith("L")',
    "identityMap.CRM.count() > 0",
    'exists E from xEvent where E.eventType = "buy"',
    'not xEvent[eventType = "buy" and timestamp occurs <= 10 days before now]',
    'xEvent[eventType = "buy"].count() >= 2 and person.`first`.isNotNull()',
    'xEvent[eventType = "buy" and timestamp occurs <= 20 days before now].sum(amount) > 50',
    'xEvent.filter(eventType = "view").average(amount) < 40',
    "xEvent.max(amount) > 80",
    "xEvent[amount > 20].count() = 1",
    'exists A from xEvent where A.eventType = "view", B from xEvent where B.eventType = "buy" and B.timestamp occurs after A.timestamp',
    'person.`first` = "Bob" and chain(xEvent, timestamp, [A: WHAT(eventType = "view"), B: WHAT(eventType = "buy")])',
    'inSegment("q0") and not inSegment("q4")',
    'xEvent.topN(amount, 2).exists(eventType = "buy" and inSegment("q0"))',
    "xEvent.groupBy(eventType).map(this.count()).max() >= 2 and tags.count() < 3",
    'xEvent[eventType = ^.person.`first`] or xEvent.head().eventType = "view" and person.`last`.isNull()',
    'xEvent.eventType.regexGroup("(b)|(v)", 2) = "v"',
)


def schema() -> ObjectType:
    profile = physical_type(PROFILES)
    return ObjectType({**profile.fields, "xEvent": ArrayType(physical_type(EVENTS))})


def same(mask: Mask, _definition_id: str) -> Mask:
    return mask


def no_memberships(_row: int) -> dict[str, Any]:
    return {}


def random_batch(chance: random.Random, store: Store, batch: int) -> None:
    """Rows about few people, so that they meet: links, replacements, events old and new."""
    names = [f"p{number}@x" for number in range(12)] + [f"#{number}" for number in range(6)]
    if chance.random() < 0.5:
        rows = [
            {
                "identityMap": who(chance.choice(names), *chance.sample(names, chance.choice([0, 0, 0, 1]))),
                "person": chance.choice(
                    [
                        None,
                        {"first": chance.choice(["Ann", "Bob", None]), "last": chance.choice(["Lee", None])},
                    ]
                ),
                "tags": chance.choice([None, [], ["red"], ["blue", "red"]]),
            }
            for _ in range(chance.randint(1, 6))
        ]
        store.add(rows, dataset=chance.choice(["d1", "d2"]))
        return
    events = [
        {
            "_id": f"e{batch}-{place}" if chance.random() < 0.9 else "e-again",
            "eventType": chance.choice(["buy", "view", None]),
            "timestamp": NOW - timedelta(days=chance.randint(0, 30)),
            "identityMap": who(chance.choice(names)),
            "amount": chance.choice([None, 10.0, 30.5, 99.0]),
        }
        for place in range(chance.randint(1, 8))
    ]
    store.add(events, dataset="events", events=True)


def people(store: Store) -> dict[str, dict[str, Any]]:
    """Each person as plain data with the events, read the long way."""
    found = {xid: {**profile, "xEvent": []} for xid, profile in store.profiles().items()}
    for reader in store.readers:
        for type_ in reader.event_types:
            for slice_ in reader.events(type_):
                for event in pq.read_table(reader.local(slice_.path)).to_pylist(maps_as_pydicts="strict"):
                    if slice_.hidden is None or not slice_.hidden[event["_row"]]:
                        xid = xid_of(reader.persons.hashes[event["_row"]].tobytes())
                        found[xid]["xEvent"].append(event)
    return found


@pytest.mark.parametrize("limits", [{}, {"one_by_one_max": 0, "together_max": 3}], ids=["alone", "together"])
@pytest.mark.parametrize("seed", range(12))
def test_columns_over_base_and_runs_agree_with_the_judge(
    make_store: Any, seed: int, limits: dict[str, int]
) -> None:
    chance = random.Random(seed)
    store: Store = make_store(persons_max=chance.choice([3, 1000]), runs_max=3)
    planned = [
        Planned(f"q{place}", store.policies[0].id, plan(pql.bind(pql.parse(query), schema())))
        for place, query in enumerate(QUERIES)
    ]
    for batch in range(chance.randint(2, 7)):
        random_batch(chance, store, batch)
        if chance.random() < 0.25:
            store.compact()
    said: dict[str, set[str]] = {definition.id: set() for definition in planned}
    for reader in store.readers:
        nobody = np.zeros(reader.row_count, dtype=np.bool_)
        with store.workspace.engine.cursor() as cursor:
            evaluation = BucketEvaluation(
                cursor, reader, now=NOW, stored=partial(same, nobody), stored_map=no_memberships, **limits
            )
            for id_, mask in evaluation.members(planned).items():
                said[id_] |= {xid_of(reader.persons.hashes[row].tobytes()) for row in np.flatnonzero(mask)}
    judged: dict[str, set[str]] = {}
    for definition in planned:
        judged[definition.id] = {
            xid
            for xid, person in people(store).items()
            if pql.matches(
                definition.plan.query,
                person,
                now=NOW,
                memberships={id_: xid in judged.get(id_, set()) for id_ in definition.plan.segment_ids},
            )
        }
    assert said == judged


@pytest.mark.parametrize("seed", range(6))
def test_persons_are_the_same_for_any_order_of_links(make_store: Any, seed: int) -> None:
    chance = random.Random(seed)
    names = [f"p{number}@x" for number in range(8)]
    pairs = [chance.sample(names, 2) for _ in range(5)]
    rows = [{"identityMap": who(name)} for name in names]
    groups = []
    for order in (pairs, chance.sample(pairs, len(pairs))):
        store: Store = make_store(persons_max=chance.choice([2, 1000]))
        store.add(rows)
        for left, right in order:
            store.add([{"identityMap": who(left, right)}], dataset="d2")
        members: dict[str, set[str]] = {}
        for name in names:
            profile = store.person(name)
            assert profile is not None
            members.setdefault(profile["_person"], set()).add(name)
        groups.append(sorted(map(sorted, members.values())))
    assert groups[0] == groups[1]


def test_no_event_columns_at_all_is_no_obstacle(make_store: Any) -> None:
    store: Store = make_store()
    store.add([{"identityMap": who("a@x"), "person": {"first": "Ann", "last": None}}])
    query = plan(pql.bind(pql.parse("xEvent.count() = 0 and tags.count() = 0"), schema()))
    (reader,) = store.readers
    with store.workspace.engine.cursor() as cursor:
        evaluation = BucketEvaluation(
            cursor,
            reader,
            now=NOW,
            stored=partial(same, np.zeros(1, dtype=np.bool_)),
            stored_map=no_memberships,
        )
        assert evaluation.members([Planned("q", store.policies[0].id, query)])["q"].tolist() == [True]
