"""Flow runs from begin to commit, over members made here and a destination that is a folder."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from muster.app import App
from muster.export import activation
from muster.export.destinations.destination import DestinationAway, FileIsThere
from muster.flows import connections, dataflows, mapping_sets
from muster.flows.due import Due, after_evaluation
from muster.flows.entities import Author
from muster.jobs.steps import InlineSteps
from muster.jobs.task_table import TaskTable
from muster.kernel.clock import to_ms
from muster.kernel.errors import MusterError
from muster.kernel.ids import SeededIds
from muster.settings import Settings
from muster.storage.records import Query, Record
from muster.storage.workspace import Workspace

AUTHOR = Author("dev@AdobeID", "dev")
AUDIENCE = "9f7d37fd-7039-4454-94ef-2b0cd6c3206a"
ORG = "dev@AdobeOrg"
FIRST = datetime(2040, 1, 4, 17, tzinfo=UTC)
SELECTORS = "/transformations/0/params"
COLUMNS = [
    ("person.name.firstName", "firstName"),
    ("personalEmail.address", "email"),
    ("segmentMembership.ups.seg_id.status", "status"),
]


def person(
    id: str, first: str | None, email: str | None = None, phones: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    return {
        "_person": id,
        "_status": more.get("status", "existing"),
        "_since": more.get("since", datetime(2039, 12, 1, tzinfo=UTC)),
        "person": {"name": {"firstName": first}},
        "personalEmail": None if email is None else {"address": email},
        "identityMap": [("Phone_E.164", [{"id": phone, "primary": False} for phone in phones])]
        if phones
        else [],
    }


SCHEMA = pa.schema(
    [
        ("_person", pa.string()),
        ("_status", pa.string()),
        ("_since", pa.timestamp("ms", tz="UTC")),
        ("person", pa.struct([("name", pa.struct([("firstName", pa.string())]))])),
        ("personalEmail", pa.struct([("address", pa.string())])),
        (
            "identityMap",
            pa.map_(pa.string(), pa.list_(pa.struct([("id", pa.string()), ("primary", pa.bool_())]))),
        ),
    ]
)


@dataclass
class Audience:
    """Members as the profile store would give them, two tables of them."""

    people: list[dict[str, Any]]
    evaluation: int = 3
    evaluated_at: datetime = FIRST

    def tables(
        self, columns: Sequence[str] | None = None, *, with_memberships: bool = False
    ) -> Iterator[pa.Table]:
        half = len(self.people) // 2
        for part in (self.people[:half], self.people[half:]):
            if part:
                yield pa.Table.from_pylist(part, SCHEMA).select(
                    ["_person", "_status", "_since", *(columns or [])]
                )


@dataclass
class Folder:
    """A destination in a folder, which can be told to fail."""

    root: Path
    failures: list[MusterError] = field(default_factory=list)
    puts: int = 0

    @property
    def location(self) -> str:
        return "folder://here"

    def check(self) -> None:
        return

    def head(self, name: str) -> int | None:
        path = self.root / name
        return path.stat().st_size if path.is_file() else None

    def publish(self, name: str, local_path: Path, *, create_only: bool) -> None:
        self.puts += 1
        if self.failures:
            raise self.failures.pop(0)
        path = self.root / name
        if create_only and path.exists():
            raise FileIsThere(self.location, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(local_path.read_bytes())

    def read(self, name: str) -> Iterator[bytes]:
        yield (self.root / name).read_bytes()

    def delete(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def files(self) -> dict[str, bytes]:
        found = sorted(path for path in self.root.rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in found}


class Site:
    """One installation with a flow, an audience and a destination, at a time that tests move."""

    def __init__(self, app: App, folder: Folder, audience: Audience) -> None:
        self.app = app
        self.folder = folder
        self.audience = audience

    @property
    def workspace(self) -> Workspace:
        return self.app.workspace(self.app.sandboxes.get(ORG, "prod").scope)

    def make_flow(self, columns: Sequence[tuple[str, str]] = COLUMNS, **params: Any) -> str:
        workspace = self.workspace
        spec = {"id": "4fce964d-3f37-408f-9778-e597338a21ee", "version": "1.0"}
        keys = {"s3AccessKey": "A" * 20, "s3SecretKey": "s" * 40}
        auth = {"specName": "Access Key", "params": keys}
        base = connections.create_connection(
            workspace, {"name": "b", "connectionSpec": spec, "auth": auth}, AUTHOR
        )
        place = {
            "bucketName": "out-bucket",
            "path": "a/b",
            "compression": "NONE",
            "fileType": "CSV",
            **params,
        }
        body = {"name": "t", "baseConnectionId": base.id, "connectionSpec": spec, "params": place}
        target = connections.create_target_connection(workspace, body, AUTHOR)
        profile = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
        source = connections.create_source_connection(
            workspace, {"name": "s", "connectionSpec": profile}, AUTHOR
        )
        flow = dataflows.create_flow(
            workspace,
            {
                "name": "Nightly",
                "flowSpec": {"id": "1a0514a6-33d4-4c7f-aff8-594799c47549", "version": "1.0"},
                "sourceConnectionIds": [source.id],
                "targetConnectionIds": [target.id],
            },
            AUTHOR,
        )
        if columns:
            mappings = [
                {"sourceType": "ATTRIBUTE", "source": path, "destination": name} for path, name in columns
            ]
            mapping = mapping_sets.create_mapping_set(workspace, {"mappings": mappings}, AUTHOR)
            value = {"mappingId": mapping.id, "mappingVersion": 0}
            self.patch(flow.id, "profileMapping", value)
        return flow.id

    def patch(self, flow: str, name: str, value: Any) -> None:
        operation = {"op": "add", "path": f"{SELECTORS}/{name}", "value": value}
        dataflows.patch_flow(self.workspace, flow, [operation], "*", AUTHOR)

    def activate(
        self, flow: str, template: str = "%SEGMENT_NAME%_%DATETIME(YYYYMMdd_HHmmss)%", **schedule: str
    ) -> None:
        timing = {"frequency": "DAILY", "startDate": "2040-01-04", "startTime": "17:00", **schedule}
        value = {"id": AUDIENCE, "filenameTemplate": template, "schedule": timing}
        self.patch(flow, "segmentSelectors/selectors/-", {"value": value})

    def tick(self, at: datetime) -> list[str]:
        """Let all jobs run that are due at a time, as a worker would; gives their arguments."""
        self.app.business_time.set(at)
        table = TaskTable(self.app.database)
        ran = []
        while tasks := table.due(self.app.clock.now()):
            for task in tasks:
                ran.append(task.argument)
                try:
                    activation.WORKFLOW.run(self.workspace, task.argument, InlineSteps())
                except MusterError as error:
                    activation.WORKFLOW.fail(self.workspace, task.argument, error)
                table.remove(task.id)
        return ran

    def runs(self) -> tuple[Record, ...]:
        with self.workspace.records.read() as tx:
            return tx.page("flow_run", Query()).items

    def last(self) -> dict[str, Any]:
        metrics: dict[str, Any] = self.runs()[0].body["metrics"]
        return metrics


PEOPLE = [
    person("p1", "Ann", "ann@x.org", ["+1", "+2"]),
    person("p2", "Bob", None, ["+3"], status="realized"),
    person("p3", None, "cat@x.org"),
    person("p4", "Dan, the man", ""),
]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    settings = Settings(data_dir=tmp_path / "data", emulator=True, export_rows_max=3)
    app = App(settings, engine_threads=1, engine_bytes_max=256 << 20, ids=SeededIds(1))
    app.database.migrate()
    app.sandboxes.add(ORG, "prod", "Production", "production", is_default=True, by="dev@AdobeID")
    made = Site(app, Folder(tmp_path / "there"), Audience(list(PEOPLE)))
    with made.workspace.records.write() as tx:
        tx.add("segment_definition", AUDIENCE, {"name": "VIP", "mergePolicyId": "policy"})
    monkeypatch.setattr(activation, "members_of", lambda *_: made.audience)
    monkeypatch.setattr(activation, "open_destination", lambda *_: made.folder)
    monkeypatch.setattr("muster.jobs.retry.time.sleep", lambda _: None)
    yield made
    app.close()


def rows(content: bytes) -> list[str]:
    return content.decode().splitlines()[1:]


def test_members_become_files_at_the_due_time(site: Site) -> None:
    site.activate(site.make_flow())

    assert site.tick(FIRST - timedelta(seconds=5)) == []
    site.tick(FIRST)

    assert site.folder.files() == {
        "a/b/VIP_20400104_170000.csv": b"firstName,email,status\nAnn,ann@x.org,realized\nBob,null,realized\nnull,cat@x.org,realized\n",
        "a/b/VIP_20400104_170000_2.csv": b"firstName,email,status\nDan\\, the man,,realized\n",
    }


def test_run_counts_what_it_wrote(site: Site) -> None:
    flow = site.make_flow()
    site.activate(flow)
    site.tick(FIRST)

    metrics = site.last()
    records = metrics["recordSummary"]
    assert metrics["statusSummary"]["status"] == "success"
    assert (records["inputRecordCount"], records["createdRecordCount"], records["skippedRecordCount"]) == (
        4,
        4,
        0,
    )
    assert records["targetSummaries"][0]["entitySummaries"][0]["id"] == f"segment:{AUDIENCE}"
    assert metrics["fileSummary"]["outputFileCount"] == 2
    assert metrics["sizeSummary"]["outputBytes"] == sum(
        len(content) for content in site.folder.files().values()
    )
    with site.workspace.records.read() as tx:
        details = tx.get("flow", flow).body["lastRunDetails"]
        published = tx.page("published_file").items
    assert (details["id"], details["state"]) == (site.runs()[0].id, "success")
    assert sorted(record.body["rowCount"] for record in published) == [1, 3]
    assert {record.body["state"] for record in published} == {"published"}
    assert {record.body["verifiedBy"] for record in published} == {"sha256"}


def test_run_leaves_the_etag_of_its_flow(site: Site) -> None:
    flow = site.make_flow()
    site.activate(flow)
    with site.workspace.records.read() as tx:
        before = tx.get("flow", flow).body["revision"]

    site.tick(FIRST)

    with site.workspace.records.read() as tx:
        assert tx.get("flow", flow).body["revision"] == before


def test_each_day_has_its_run_and_missed_days_have_one(site: Site) -> None:
    site.activate(site.make_flow())

    site.tick(FIRST)
    site.tick(FIRST + timedelta(days=1))
    site.tick(FIRST + timedelta(days=5, hours=2))

    stamps = {name.split("_")[1] for name in site.folder.files()}
    assert stamps == {"20400104", "20400105", "20400109"}


def test_once_runs_once_and_at_once_when_its_time_is_past(site: Site) -> None:
    site.app.business_time.set(FIRST)
    flow = site.make_flow()
    site.activate(flow, frequency="ONCE", startDate="2020-01-01")

    assert len(site.tick(FIRST + timedelta(minutes=1))) == 1
    site.patch(flow, "mandatoryFields", [])
    assert site.tick(FIRST + timedelta(days=1)) == []


def test_change_between_due_time_and_run_loses_no_run(site: Site) -> None:
    flow = site.make_flow()
    site.activate(flow)
    site.app.business_time.set(FIRST + timedelta(minutes=1))

    site.patch(flow, "mandatoryFields", [])

    assert len(site.tick(FIRST + timedelta(minutes=2))) == 1


def test_disabled_flow_runs_nothing_and_makes_up_for_nothing(site: Site) -> None:
    flow = site.make_flow()
    site.activate(flow)
    dataflows.act_on_flow(site.workspace, flow, "disable", None, AUTHOR)
    assert site.tick(FIRST + timedelta(hours=1)) == []

    dataflows.act_on_flow(site.workspace, flow, "enable", None, AUTHOR)

    assert site.tick(FIRST + timedelta(hours=2)) == []
    assert len(site.tick(FIRST + timedelta(days=1))) == 1


def test_flow_that_was_deleted_runs_nothing(site: Site) -> None:
    flow = site.make_flow()
    site.activate(flow)
    dataflows.delete_flow(site.workspace, flow)

    activation.WORKFLOW.run(site.workspace, Due(flow, AUDIENCE, to_ms(FIRST)).argument, InlineSteps())

    assert site.runs() == ()
    assert site.folder.files() == {}


def test_segment_job_starts_what_follows_it_once(site: Site) -> None:
    site.activate(site.make_flow(), triggerType="AFTER_SEGMENT_EVAL")
    site.app.business_time.set(FIRST + timedelta(days=2))

    for _ in range(2):
        with site.workspace.records.write() as tx:
            assert after_evaluation(tx, site.workspace, [AUDIENCE, "other"], 7) == 1

    assert len(site.tick(FIRST + timedelta(days=2, minutes=1))) == 1
    assert site.tick(FIRST + timedelta(days=3)) == []


def test_repeated_job_changes_nothing(site: Site) -> None:
    site.activate(site.make_flow())
    (argument,) = site.tick(FIRST)
    before, puts = site.folder.files(), site.folder.puts

    activation.WORKFLOW.run(site.workspace, argument, InlineSteps())

    assert site.folder.files() == before
    assert site.folder.puts == puts
    assert len(site.runs()) == 1


class Killed(BaseException):
    """The worker is gone."""


@dataclass
class DyingSteps:
    """Steps of a worker that is killed after one of them, before it is recorded; then of the next worker."""

    victim: str
    died: bool = False
    done: dict[str, Any] = field(default_factory=dict)

    def run(self, name: str, step: Any) -> Any:
        if name not in self.done:
            result = json.loads(json.dumps(step()))
            if name == self.victim and not self.died:
                self.died = True
                raise Killed
            self.done[name] = result
        return self.done[name]


@pytest.mark.parametrize("victim", activation.WORKFLOW.steps)
@pytest.mark.parametrize("spool_is_lost", [False, True])
def test_killed_worker_leaves_the_same_files(site: Site, victim: str, spool_is_lost: bool) -> None:
    flow = site.make_flow(includeFileManifest=True)
    site.activate(flow)
    site.app.business_time.set(FIRST)
    steps, argument = DyingSteps(victim), Due(flow, AUDIENCE, to_ms(FIRST)).argument

    with pytest.raises(Killed):
        activation.WORKFLOW.run(site.workspace, argument, steps)
    if spool_is_lost:
        for path in (site.app.settings.data_dir / "spool").rglob("*"):
            if path.is_file():
                path.unlink()
    activation.WORKFLOW.run(site.workspace, argument, steps)

    assert len(site.folder.files()) == 3
    assert site.last()["statusSummary"]["status"] == "success"
    assert len(site.runs()) == 1
    assert site.folder.puts == 3
    assert list((site.app.settings.data_dir / "spool").iterdir()) == []


def test_lost_spool_of_another_evaluation_fails_openly(site: Site) -> None:
    flow = site.make_flow()
    site.activate(flow)
    site.app.business_time.set(FIRST)
    steps, argument = DyingSteps("intend"), Due(flow, AUDIENCE, to_ms(FIRST)).argument
    with pytest.raises(Killed):
        activation.WORKFLOW.run(site.workspace, argument, steps)
    for path in (site.app.settings.data_dir / "spool").rglob("part-*"):
        path.unlink()
    site.audience.people = PEOPLE[:1]

    with pytest.raises(activation.SpoolLost):
        activation.WORKFLOW.run(site.workspace, argument, steps)

    assert site.folder.files() == {}


def test_foreign_file_is_never_overwritten(site: Site) -> None:
    site.activate(site.make_flow())
    theirs = site.folder.root / "a/b/VIP_20400104_170000_2.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")

    site.tick(FIRST)

    assert site.folder.files() == {"a/b/VIP_20400104_170000_2.csv": b"theirs"}
    status = site.last()["statusSummary"]
    assert status["status"] == "failed"
    assert "VIP_20400104_170000_2.csv" in status["errors"][0]["message"]


def test_name_without_a_date_replaces_the_files_of_its_own_flow_only(site: Site) -> None:
    site.activate(site.make_flow(), template="fixed")
    site.tick(FIRST)
    site.audience.people = PEOPLE[:2]
    site.tick(FIRST + timedelta(days=1))
    assert rows(site.folder.files()["a/b/fixed.csv"]) == ["Ann,ann@x.org,realized", "Bob,null,realized"]

    site.activate(site.make_flow(), template="fixed", startTime="18:00")
    site.tick(FIRST + timedelta(days=1, hours=1))

    assert site.last()["statusSummary"]["status"] == "failed"
    assert len(rows(site.folder.files()["a/b/fixed.csv"])) == 2


def test_unreachable_storage_fails_the_run_and_the_next_one_delivers(site: Site) -> None:
    site.activate(site.make_flow())
    site.folder.failures = [DestinationAway("folder", "it is away")]
    site.tick(FIRST)
    failed = site.last()["statusSummary"]

    site.tick(FIRST + timedelta(days=1))

    assert failed["status"] == "failed"
    assert "it is away" in failed["errors"][0]["message"]
    assert {name.split("_")[1] for name in site.folder.files()} == {"20400105"}
    assert [attempt["cause"] for attempt in site.runs()[1].body["attempts"]] == [
        "folder cannot be reached just now: it is away."
    ]


def test_failure_half_way_takes_back_what_was_sent(site: Site) -> None:
    site.activate(site.make_flow())
    publish = site.folder.publish

    def second_fails(name: str, local_path: Path, *, create_only: bool) -> None:
        if name.endswith("_2.csv"):
            raise DestinationAway("folder", "it is away")
        publish(name, local_path, create_only=create_only)

    site.folder.publish = second_fails  # type: ignore[method-assign]
    site.tick(FIRST)

    assert site.folder.files() == {}
    assert site.last()["statusSummary"]["status"] == "failed"


def test_upload_whose_answer_was_lost_is_recognised(site: Site) -> None:
    site.activate(site.make_flow())
    publish = site.folder.publish
    lost: list[str] = []

    def answers_get_lost(name: str, local_path: Path, *, create_only: bool) -> None:
        publish(name, local_path, create_only=create_only)
        if not lost:
            lost.append(name)
            raise DestinationAway("folder", "the answer got lost")

    site.folder.publish = answers_get_lost  # type: ignore[method-assign]
    site.app.business_time.set(FIRST)
    steps = DyingSteps("none")
    argument = TaskTable(site.app.database).due(FIRST)[0].argument
    with pytest.raises(DestinationAway):
        activation.WORKFLOW.run(site.workspace, argument, steps)
    activation.WORKFLOW.run(site.workspace, argument, steps)

    assert len(site.folder.files()) == 2
    assert site.last()["statusSummary"]["status"] == "success"


def test_wrong_bytes_at_the_destination_fail_the_run(site: Site) -> None:
    site.activate(site.make_flow())
    publish = site.folder.publish

    def garbles(name: str, local_path: Path, *, create_only: bool) -> None:
        publish(name, local_path, create_only=create_only)
        path = site.folder.root / name
        path.write_bytes(b"x" * path.stat().st_size)

    site.folder.publish = garbles  # type: ignore[method-assign]
    site.tick(FIRST)

    assert "SHA-256" in site.last()["statusSummary"]["errors"][0]["message"]


def test_flow_without_a_mapping_fails_openly(site: Site) -> None:
    site.activate(site.make_flow(columns=()))
    site.tick(FIRST)

    assert "maps no attributes" in site.last()["statusSummary"]["errors"][0]["message"]


def test_empty_audience_gives_a_header_only(site: Site) -> None:
    site.audience.people = []
    site.activate(site.make_flow())
    site.tick(FIRST)

    assert list(site.folder.files().values()) == [b"firstName,email,status\n"]
    assert site.last()["recordSummary"]["inputRecordCount"] == 0


def test_profiles_without_a_mandatory_field_are_skipped_and_counted(site: Site) -> None:
    flow = site.make_flow()
    site.patch(flow, "mandatoryFields", ["personalEmail.address", "firstName"])
    site.activate(flow)
    site.tick(FIRST)

    records = site.last()["recordSummary"]
    assert [rows(content) for content in site.folder.files().values()] == [["Ann,ann@x.org,realized"]]
    assert (records["inputRecordCount"], records["createdRecordCount"], records["skippedRecordCount"]) == (
        4,
        1,
        3,
    )
    assert records["skippedInfo"][0]["code"] == "ACTIVATION_BATCH-0000-SKIP"


def test_identities_are_a_row_each(site: Site) -> None:
    columns = [("identityMap.Phone_E//.164", "phone"), ("person.name.firstName", "first")]
    site.activate(site.make_flow(columns))
    site.tick(FIRST)

    found = [row for content in site.folder.files().values() for row in rows(content)]
    assert found == ["+1,Ann", "+2,Ann", "+3,Bob", "null,null", "null,Dan\\, the man"]
    assert site.last()["recordSummary"]["createdRecordCount"] == 5


def test_loser_of_one_identity_is_left_out_whole(site: Site) -> None:
    early, late = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
    site.audience.people = [
        person("a", "A", None, ["johndoe", "doejohn_1"], since=early),
        person("b", "B", None, ["johndoe", "doejohn_2"], since=late),
    ]
    columns = [("identityMap.Phone_E//.164", "phone"), ("person.name.firstName", "first")]
    site.activate(site.make_flow(columns))
    site.tick(FIRST)

    assert [rows(content) for content in site.folder.files().values()] == [["johndoe,B", "doejohn_2,B"]]
    assert site.last()["recordSummary"]["skippedRecordCount"] == 2


def test_attribute_key_keeps_the_later_then_the_first_by_text(site: Site) -> None:
    early, late = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
    site.audience.people = [
        person("a", "John Morris", "j@x.org", since=late),
        person("b", "John Doe", "j@x.org", since=late),
        person("c", "Early", "j@x.org", since=early),
        person("d", "No mail", None),
        person("e", "No mail either", None),
    ]
    flow = site.make_flow([("person.name.firstName", "first"), ("personalEmail.address", "email")])
    site.patch(flow, "primaryFields", [{"fieldType": "ATTRIBUTE", "attributePath": "personalEmail.address"}])
    site.activate(flow)
    site.tick(FIRST)

    found = [row for content in site.folder.files().values() for row in rows(content)]
    assert found == ["John Doe,j@x.org", "No mail,null", "No mail either,null"]


def test_gzip_holds_the_same_bytes(site: Site) -> None:
    site.activate(site.make_flow())
    site.tick(FIRST)
    plain = site.folder.files()["a/b/VIP_20400104_170000.csv"]

    site.activate(site.make_flow(compression="GZIP"), template="packed", startTime="18:00")
    site.tick(FIRST + timedelta(hours=1))

    assert gzip.decompress(site.folder.files()["a/b/packed.csv.gz"]) == plain


def test_json_has_an_object_a_line_without_nulls(site: Site) -> None:
    site.activate(site.make_flow(fileType="JSON"))
    site.tick(FIRST)

    first = site.folder.files()["a/b/VIP_20400104_170000.json"].decode().splitlines()
    assert [json.loads(line) for line in first][1] == {"firstName": "Bob", "status": "realized"}


def test_parquet_has_the_same_rows(site: Site) -> None:
    site.activate(site.make_flow(fileType="PARQUET", path="p"))
    site.tick(FIRST)

    table = pq.read_table(site.folder.root / "p/VIP_20400104_170000.parquet")
    assert table.column_names == ["firstName", "email", "status"]
    assert table.to_pylist()[0] == {"firstName": "Ann", "email": "ann@x.org", "status": "realized"}


def test_manifest_lists_what_is_there(site: Site) -> None:
    flow = site.make_flow(includeFileManifest=True, path="m/%SEGMENT_NAME%")
    site.activate(flow)
    site.tick(FIRST)

    run = site.runs()[0].id
    files = site.folder.files()
    listed = json.loads(files[f"m/VIP/manifest-{flow}-{run}.json"])
    assert listed["flowRunId"] == run
    assert listed["scheduledTime"] == "2040-01-04T17:00:00Z"
    assert {each["name"]: each["size"] for each in listed["exportResults"]} == {
        name.rsplit("/", 1)[1]: len(content) for name, content in files.items() if "manifest" not in name
    }
