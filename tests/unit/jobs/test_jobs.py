"""States, retries and leases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from muster.jobs.leases import Leases
from muster.jobs.retry import ATTEMPTS_MAX, with_retries
from muster.jobs.states import ALLOWED, is_final, transition
from muster.kernel.clock import FixedClock
from muster.kernel.errors import Invalid, Transient, TransitionRefused
from muster.kernel.scope import Scope
from muster.storage.database import Database
from muster.storage.sealing import Seal
from muster.storage.sql_records import SqlRecords

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/jobs.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def records(database: Database) -> SqlRecords:
    scope = Scope(1, "o@AdobeOrg", "s", "prod", "production", True)
    return SqlRecords(database, scope, FixedClock(NOON), Seal("key"))


def test_a_job_goes_through_its_states_and_stops_at_the_end(records: SqlRecords) -> None:
    with records.write() as tx:
        tx.add("segment_job", "j", {"status": "NEW"})
        transition(tx, "segment_job", "j", "PROCESSING")
        done = transition(tx, "segment_job", "j", "SUCCEEDED", {"metrics": {"n": 1}})
        assert done.body == {"status": "SUCCEEDED", "metrics": {"n": 1}}
        with pytest.raises(TransitionRefused):
            transition(tx, "segment_job", "j", "PROCESSING")


def test_a_transition_that_was_made_changes_nothing_when_it_is_repeated(records: SqlRecords) -> None:
    with records.write() as tx:
        tx.add("segment_job", "j", {"status": "NEW"})
        first = transition(tx, "segment_job", "j", "PROCESSING", {"at": 1})
        assert transition(tx, "segment_job", "j", "PROCESSING", {"at": 2}) == first


@pytest.mark.parametrize("kind", sorted(ALLOWED))
def test_every_state_leads_to_an_end(kind: str) -> None:
    for state in ALLOWED[kind]:
        seen, reachable = {state}, [state]
        while reachable:
            for following in ALLOWED[kind].get(reachable.pop(), set()) - seen:
                seen.add(following)
                reachable.append(following)
        assert any(is_final(kind, found) for found in seen), f"{kind} never ends from {state}"


def test_what_is_away_is_tried_again_with_growing_pauses() -> None:
    pauses: list[float] = []
    answers = iter([Transient("The store", "busy"), Transient("The store", "busy"), None])

    def call() -> str:
        answer = next(answers)
        if answer is not None:
            raise answer
        return "done"

    assert with_retries("step", call, pauses.append) == "done"
    assert pauses == [0.2, 0.4]


def test_what_is_wrong_is_not_tried_again() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise Invalid.at("/name", "is required")

    with pytest.raises(Invalid):
        with_retries("step", call, lambda _: None)
    assert len(calls) == 1


def test_trying_ends() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise Transient("The store", "gone")

    with pytest.raises(Transient):
        with_retries("step", call, lambda _: None)
    assert len(calls) == ATTEMPTS_MAX


def test_a_lease_has_one_holder_until_it_runs_out(database: Database) -> None:
    clock = FixedClock(NOON)
    leases = Leases(database, clock)
    assert leases.take("leader", "a", 10)
    assert not leases.take("leader", "b", 10)
    assert leases.take("leader", "a", 10), "its holder renews it"
    clock.instant = NOON + timedelta(seconds=10)
    assert leases.take("leader", "b", 10)


def test_a_lease_that_was_made_to_run_out_is_listed(database: Database) -> None:
    leases = Leases(database, FixedClock(NOON))
    leases.take("worker/1", "1", 10)
    leases.take("worker/2", "2", 10)
    leases.expire("worker/2")
    assert leases.expired("worker/") == ["worker/2"]
