"""One suite for the record stores of both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer

from muster.jobs.task_table import TaskTable
from muster.kernel.clock import FixedClock
from muster.kernel.errors import AlreadyExists, NotFound, VersionMismatch
from muster.kernel.scope import Scope
from muster.kernel.version import Version
from muster.storage.database import Database
from muster.storage.records import Filter, Names, Operator, Order, Query, Task
from muster.storage.sealing import Seal, SealBroken
from muster.storage.sql_records import SqlRecords

PROD = Scope(1, "o@AdobeOrg", "s-1", "prod", "production", True)
DEV = Scope(2, "o@AdobeOrg", "s-2", "dev", "development", False)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Stores:
    """The record stores of two scopes over one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FixedClock(NOON)
        self.prod = SqlRecords(database, PROD, self.clock, Seal("key"))
        self.dev = SqlRecords(database, DEV, self.clock, Seal("key"))


@pytest.fixture(params=["sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/records.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        database = Database(server.database())
    database.migrate()
    yield Stores(database)
    database.close()


@pytest.fixture
def flows(stores: Stores) -> Callable[..., list[str]]:
    """Five flows f0 … f4, and a function that lists the ids a query finds."""
    with stores.prod.write() as records:
        for number in range(5):
            body = {
                "name": f"Flow {number}",
                "n": number,
                "on": number % 2 == 0,
                "targets": [{"id": number, "spec": {"id": f"spec-{number}"}}, {"id": 100}],
                "tags": [f"t{number}", "all"],
                "note": None if number == 0 else 'with "quotes" and %',
            }
            records.add("flow", f"f{number}", body, Names([f"name:{number}"], [("spec", f"s{number % 2}")]))

    def ids(*filters: Filter, **options: Any) -> list[str]:
        with stores.prod.read() as records:
            return sorted(
                record.id for record in records.page("flow", Query(filters=filters, **options)).items
            )

    return ids


def only(path: str, operator: Operator, *values: str, ignore_case: bool = False) -> Filter:
    return Filter(tuple(path.split(".")), operator, values, ignore_case)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (only("name", "==", "Flow 1", "Flow 3"), ["f1", "f3"]),
        (only("name", "==", "FLOW 1", ignore_case=True), ["f1"]),
        (only("name", "!=", "Flow 1"), ["f0", "f2", "f3", "f4"]),
        (only("n", "==", "2"), ["f2"]),
        (only("n", ">=", "3"), ["f3", "f4"]),
        (only("n", "<", "1.5"), ["f0", "f1"]),
        (only("on", "==", "true"), ["f0", "f2", "f4"]),
        (only("targets[].id", "==", "3"), ["f3"]),
        (only("targets[].spec.id", "==", "spec-4"), ["f4"]),
        (only("targets[].id", "==", "100"), ["f0", "f1", "f2", "f3", "f4"]),
        (only("tags[]", "==", "t0", "t2"), ["f0", "f2"]),
        (only("name", "~", "[34]$"), ["f3", "f4"]),
        (only("name", "contains", "FLOW 2"), ["f2"]),
        (only("note", "contains", "%"), ["f1", "f2", "f3", "f4"]),
        (only("nowhere.at.all", "absent"), ["f0", "f1", "f2", "f3", "f4"]),
        (only("nowhere", "==", "x"), []),
        (only("@id", "==", "f2"), ["f2"]),
        (only("@created", ">", "0"), ["f0", "f1", "f2", "f3", "f4"]),
    ],
    ids=lambda value: f"{value.path} {value.operator}" if isinstance(value, Filter) else "",
)
def test_a_filter_finds(flows: Callable[..., list[str]], condition: Filter, found: list[str]) -> None:
    assert flows(condition) == found


def test_conditions_are_joined_by_and(flows: Callable[..., list[str]]) -> None:
    assert flows(only("on", "==", "true"), only("n", ">", "1"), links=[("spec", "s0")]) == ["f2", "f4"]


def test_pages_show_each_record_once_while_others_are_added(
    stores: Stores, flows: Callable[..., list[str]]
) -> None:
    seen = []
    for offset in range(0, 6, 2):
        with stores.prod.read() as records:
            page = records.page("flow", Query(orders=[Order(("n",))], offset=offset, limit=2))
        seen += [record.id for record in page.items]
        with stores.prod.write() as records:
            records.add("flow", f"late-{offset}", {"n": 1000 + offset})
    assert seen[:5] == ["f0", "f1", "f2", "f3", "f4"]


def test_the_newest_comes_first_and_ties_keep_their_order(stores: Stores) -> None:
    with stores.prod.write() as records:
        for id_ in ("first", "second"):
            records.add("flow", id_, {})
    stores.clock.instant = NOON + timedelta(seconds=1)
    with stores.prod.write() as records:
        records.add("flow", "third", {})
    with stores.prod.read() as records:
        page = records.page("flow", Query(limit=2))
    assert [record.id for record in page.items] == ["third", "second"]
    assert (page.total_count, page.has_next) == (3, True)


def test_an_id_and_a_key_are_taken_once(stores: Stores) -> None:
    with stores.prod.write() as records:
        records.add("schema", "a", {}, Names(["title:People"]))
    with pytest.raises(AlreadyExists), stores.prod.write() as records:
        records.add("schema", "a", {})
    with pytest.raises(AlreadyExists), stores.prod.write() as records:
        records.add("schema", "b", {}, Names(["title:People"]))
    with stores.prod.read() as records:
        assert records.find("schema", "b") is None, "a refused write leaves nothing"
        found = records.find_key("schema", "title:People")
    assert found is not None
    assert found.id == "a"


def test_a_stale_version_is_refused_and_changes_nothing(stores: Stores) -> None:
    with stores.prod.write() as records:
        records.add("flow", "a", {"n": 1})
    with stores.prod.write() as records:
        assert records.replace("flow", "a", {"n": 2}, expected=Version(1)).version == 2
    with pytest.raises(VersionMismatch), stores.prod.write() as records:
        records.replace("flow", "a", {"n": 3}, expected=Version(1))
    with stores.prod.read() as records:
        assert records.get("flow", "a").body == {"n": 2}


def test_a_block_that_raises_leaves_nothing(stores: Stores) -> None:
    with pytest.raises(ZeroDivisionError), stores.prod.write() as records:
        records.add("flow", "a", {})
        records.enqueue(Task("t", "flow_run", "a"))
        _ = 1 / 0
    with stores.prod.read() as records:
        assert records.find("flow", "a") is None
    assert TaskTable(stores.database).due(NOON) == []


def test_two_scopes_with_the_same_ids_never_meet(stores: Stores) -> None:
    for scope, name in ((stores.prod, "prod"), (stores.dev, "dev")):
        with scope.write() as records:
            records.add("flow", "a", {"in": name}, Names(["key"], [("spec", "s")]))
            records.put_secret("s", {"of": name})
            assert records.next_number("export_job") == 1
    with stores.dev.write() as records:
        records.remove("flow", "a")
        records.remove_secret("s")
    with stores.prod.read() as records:
        assert records.get("flow", "a").body == {"in": "prod"}
        assert records.find_key("flow", "key") is not None
        assert records.page("flow", Query(links=[("spec", "s")])).total_count == 1
        assert records.get_secret("s") == {"of": "prod"}


def test_a_sealed_secret_opens_only_with_its_key(stores: Stores) -> None:
    with stores.prod.write() as records:
        records.put_secret("s", {"secretKey": "hunter2"})
    other = SqlRecords(stores.database, PROD, stores.clock, Seal("another key"))
    with pytest.raises(SealBroken), other.read() as records:
        records.get_secret("s")
    with pytest.raises(NotFound), stores.prod.read() as records:
        records.get_secret("none")


def test_a_task_is_due_at_its_business_time_and_once(stores: Stores) -> None:
    table = TaskTable(stores.database)
    with stores.prod.write() as records:
        records.enqueue(Task("now", "segment_job", "j"))
        records.enqueue(Task("now", "segment_job", "j"))
        records.enqueue(Task("later", "flow_run", "r", NOON + timedelta(hours=1), owner="flow:f"))
    assert [task.id for task in table.due(NOON)] == ["now"]
    table.mark_handed_over("now")
    assert table.due(NOON) == []
    assert [task.id for task in table.due(NOON + timedelta(hours=1))] == ["later"]


def test_withdrawn_tasks_never_start(stores: Stores) -> None:
    with stores.prod.write() as records:
        records.enqueue(Task("later", "flow_run", "r", NOON, owner="flow:f"))
        records.withdraw("flow:f")
    assert TaskTable(stores.database).due(NOON + timedelta(days=1)) == []
