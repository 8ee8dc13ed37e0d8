"""Batches laid over the profile store, with the persons on the screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.unify.conftest import Store, who


def at(day: int) -> datetime:
    return datetime(2029, 12, day, tzinfo=UTC)


def person(name: str, *others: str, **attributes: Any) -> dict[str, Any]:
    return {"identityMap": who(name, *others), "person": attributes or None}


def event(id_: str, name: str, day: int, type_: str = "buy") -> dict[str, Any]:
    return {"_id": id_, "eventType": type_, "timestamp": at(day), "identityMap": who(name)}


def test_each_primary_identity_is_a_person(store: Store) -> None:
    store.add([person("a@x", first="Ann"), person("b@x", first="Bob")])
    assert sorted(profile["person"]["first"] for profile in store.profiles().values()) == ["Ann", "Bob"]


def test_a_later_row_of_the_same_identity_and_dataset_replaces_the_fragment(store: Store) -> None:
    store.add([person("a@x", first="Ann", last="Lee"), person("a@x", first="Anna")])
    assert store.person("a@x")["person"] == {"first": "Anna", "last": None}  # type: ignore[index]
    store.add([person("a@x", last="Ray")])
    assert store.person("a@x")["person"] == {"first": None, "last": "Ray"}  # type: ignore[index]


def test_fragments_of_two_datasets_merge_member_by_member_and_the_newest_wins(store: Store) -> None:
    store.add([person("a@x", first="Ann", last="Lee")], dataset="d1")
    store.add([person("a@x", first="Anna")], dataset="d2")
    profile = store.person("a@x")
    assert profile is not None
    assert profile["person"] == {"first": "Anna", "last": "Lee"}
    assert profile["_datasets"] == ["d1", "d2"]


def test_a_row_with_two_identities_makes_both_find_one_person(store: Store) -> None:
    store.add([person("a@x", "#1", first="Ann")])
    assert store.person("#1") == store.person("a@x")
    assert store.person("#1")["identityMap"] == {  # type: ignore[index]
        "CRM": [{"id": "#1", "authenticatedState": None, "primary": False}],
        "Email": [{"id": "a@x", "authenticatedState": None, "primary": True}],
    }


def test_a_link_joins_two_persons_and_the_older_one_keeps_the_id(store: Store) -> None:
    store.add([person("a@x", first="Ann")])
    store.add([person("#1", last="Lee")], dataset="d2")
    older = store.person("a@x")["_person"]  # type: ignore[index]
    store.add([person("#1", "a@x")], dataset="d3")
    assert [profile["_person"] for profile in store.profiles().values()] == [older]
    merged = store.person("#1")
    assert merged is not None
    assert merged["_person"] == older
    assert merged["person"] == {"first": "Ann", "last": "Lee"}
    assert store.snapshot.person_count == 1


def test_events_follow_the_person_into_whom_theirs_was_merged(store: Store) -> None:
    store.add([event("e1", "a@x", 1), event("e3", "b@x", 3), event("e2", "b@x", 2, "view")], events=True)
    store.add([person("a@x", "b@x")])
    assert list(store.events().values()) == [["e1", "e2", "e3"]]


def test_a_person_of_events_alone_has_a_profile_without_a_record(store: Store) -> None:
    store.add([event("e1", "a@x", 1)], events=True)
    profile = store.person("a@x")
    assert profile is not None
    assert profile["_has_record"] is False
    assert profile["identityMap"]["Email"][0]["id"] == "a@x"


def test_an_event_that_is_delivered_twice_counts_once(store: Store) -> None:
    store.add([event("e1", "a@x", 1), event("e1", "a@x", 1)], events=True)
    store.add([event("e1", "a@x", 1), event("e2", "a@x", 2)], events=True)
    assert list(store.events().values()) == [["e1", "e2"]]


def test_an_event_of_a_known_person_touches_no_profile(store: Store) -> None:
    store.add([person("a@x", first="Ann")])
    store.add([event("e1", "a@x", 1)], events=True)
    run = store.snapshot.buckets[0].segments[-1]
    assert (run.touched_count, run.profiles) == (0, {})


@pytest.mark.parametrize("leader", ["a@x", "b@x"])
def test_a_link_led_by_either_person_keeps_what_both_had(store: Store, leader: str) -> None:
    store.add([person("a@x", first="Ann"), person("b@x", last="Lee")])
    store.add([event("e1", "a@x", 1), event("e2", "b@x", 2)], events=True)
    store.add([person(leader, *({"a@x", "b@x"} - {leader}))], dataset="d2")
    (merged,) = store.profiles().values()
    assert merged["person"] == {"first": "Ann", "last": "Lee"}
    assert {item["id"] for item in merged["identityMap"]["Email"]} == {"a@x", "b@x"}
    assert list(store.events().values()) == [["e1", "e2"]]


def test_rows_that_hold_nothing_but_identities_join_persons(store: Store) -> None:
    store.add([person("a@x", first="Ann"), person("b@x", last="Lee")])
    store.add([{"identityMap": who("a@x", "b@x")}], dataset="d2")
    (merged,) = store.profiles().values()
    assert merged["person"] == {"first": "Ann", "last": "Lee"}


def test_three_persons_joined_by_one_row_are_one(store: Store) -> None:
    store.add([person("a@x", first="Ann"), person("b@x", last="Lee"), person("#1")])
    store.add([person("#1", "b@x", "a@x")], dataset="d2")
    assert len(store.profiles()) == 1
    assert store.person("b@x")["person"] == {"first": "Ann", "last": "Lee"}  # type: ignore[index]


def test_compaction_changes_nothing_that_can_be_read(make_store: Any) -> None:
    store = make_store(runs_max=1)
    store.add([person("a@x", first="Ann"), person("b@x", first="Bob"), person("c@x")])
    store.add([event("e1", "a@x", 1), event("e2", "b@x", 2, "view")], events=True)
    store.add([person("#1", "a@x", "b@x", last="Lee")], dataset="d2")
    store.add([event("e3", "#1", 3)], events=True)
    before = store.profiles(), store.events(), store.person("#1")
    store.compact()
    assert [len(bucket.segments) for bucket in store.snapshot.buckets] == [1]
    assert (store.profiles(), store.events(), store.person("#1")) == before


def test_two_builds_on_one_snapshot_leave_each_others_files_alone(make_store: Any) -> None:
    store = make_store(runs_max=1)
    store.add([person("a@x", first="Ann")])
    store.add([person("b@x", first="Bob")])
    common = store.snapshot
    store.add([person("c@x", first="Cid")])
    store.compact()
    committed, before = store.snapshot, store.profiles()
    assert [len(bucket.segments) for bucket in committed.buckets] == [1]

    store.snapshot = common
    store.add([person("d@x", first="Dan"), person("e@x", first="Eva")])
    store.compact()

    assert store.snapshot.ordinal == committed.ordinal
    store.snapshot = committed
    assert store.profiles() == before


def test_persons_that_merge_across_buckets_end_in_one(make_store: Any) -> None:
    store = make_store(persons_max=4)
    store.add([person(f"p{number}@x", first=f"P{number}") for number in range(40)])
    store.add([event(f"e{number}", f"p{number}@x", 1 + number % 20) for number in range(40)], events=True)
    assert len(store.snapshot.buckets) == 16
    store.add([person("p0@x", *(f"p{number}@x" for number in range(1, 40)))], dataset="d2")
    assert len(store.profiles()) == 1
    assert [len(ids) for ids in store.events().values()] == [40]
    assert all(store.person(f"p{number}@x") is not None for number in range(40))
