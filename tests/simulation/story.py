"""The main path in small: a few people whose every number is known, through every kind of job.

A story is told in a sandbox of its own, so that many of them fit into one installation, and what it observes names no
id: two tellings can be compared, one of them disturbed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from tests.e2e.client import CATALOG, CONVERSION, EXPORT, FLOW, IMPORT, PROFILE, SANDBOXES, UPS
from tests.servers.s3 import S3Server
from tests.simulation.server import Installation, wait_for

Row = dict[str, Any]

PEOPLE = ("ann", "bea", "cid", "dan", "eva")
GENDERS = ("female", "female", "male", "male", "female")
AUDIENCES = {
    "women": 'person.gender = "female"',
    "buyers": 'xEvent[eventType = "commerce.purchases"].count() = 2',
    "others": 'person.gender = "male" and xEvent[eventType = "commerce.purchases"].count() = 0',
}
PROFILE_CLASS = "https://ns.adobe.com/xdm/context/profile"
EVENT_CLASS = "https://ns.adobe.com/xdm/context/experienceevent"

S3 = {"id": "4fce964d-3f37-408f-9778-e597338a21ee", "version": "1.0"}
PROFILE_STORE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
S3_FLOW = {"id": "1a0514a6-33d4-4c7f-aff8-594799c47549", "version": "1.0"}


def identity_map(*names: str) -> dict[str, Any]:
    """The identities of a row; the first leads."""
    items = [{"id": f"{name}@x.io", "primary": place == 0} for place, name in enumerate(names)]
    return {"Email": items}


def person_row(name: str, gender: str) -> Row:
    """What one row says of a person."""
    return {"identityMap": identity_map(name), "person": {"gender": gender, "name": {"firstName": name}}}


def purchase(id: str, name: str, day: int = 1) -> Row:
    """One purchase of a person."""
    return {
        "_id": id,
        "timestamp": f"2026-01-{day:02}T10:00:00Z",
        "eventType": "commerce.purchases",
        "identityMap": identity_map(name),
    }


PERSON_ROWS = [person_row(name, gender) for name, gender in zip(PEOPLE, GENDERS, strict=True)]
EVENT_ROWS = [purchase("e1", "ann", 1), purchase("e2", "ann", 2), purchase("e3", "cid", 3)]
LINK_ROWS = [{"identityMap": identity_map("cid", "dan")}]


def json_lines(rows: list[Row]) -> bytes:
    """The file that is uploaded."""
    return "\n".join(json.dumps(row) for row in rows).encode()


class Story:
    """A sandbox with its datasets and audiences, and the jobs that a test starts in it.

    Args:
        sandbox: Name of a sandbox that is not there yet; empty for the default one.
        bucket: Where flows deliver, below a folder that is named after the sandbox.
    """

    def __init__(self, installation: Installation, sandbox: str = "", bucket: S3Server | None = None) -> None:
        self.bucket = bucket
        self.exported = ""
        self._waiting: list[str] = []
        self.folder = f"{sandbox or 'prod'}-{secrets.token_hex(4)}"
        self.client = installation.client_of(sandbox or None)
        if sandbox:
            body = {"name": sandbox, "title": sandbox, "type": "development"}
            installation.client.post(f"{SANDBOXES}/sandboxes", body, status=202)
        self.people = self.client.make_dataset(PROFILE_CLASS, "People")
        self.events = self.client.make_dataset(EVENT_CLASS, "Events")
        self.audiences = {name: self.client.define(name, pql) for name, pql in AUDIENCES.items()}

    # What happens.

    def load(self) -> None:
        """Both batches, completed together so that their commits meet, to their success."""
        self.begin("ingest_batch")
        self.end("ingest_batch")

    def upload(self, dataset_id: str, rows: list[Row]) -> str:
        """An open batch of JSON lines; gives its id."""
        batch_id = self.client.open_batch(dataset_id)
        self.client.upload(batch_id, dataset_id, "rows.json", json_lines(rows))
        return batch_id

    def send(self, dataset_id: str, rows: list[Row]) -> str:
        """A batch of JSON lines, completed; gives its id at once."""
        batch_id = self.upload(dataset_id, rows)
        self.client.post(f"{IMPORT}/batches/{batch_id}?action=COMPLETE")
        return batch_id

    def settled(self, batch_id: str, state: str) -> None:
        """Wait for the outcome of a batch."""
        path = f"{CATALOG}/batches/{batch_id}"
        self.client.wait(path, lambda body: body[batch_id]["status"], state)

    def link(self) -> str:
        """A batch that makes one person of two; gives its id."""
        batch_id = self.send(self.people, LINK_ROWS)
        self.settled(batch_id, "success")
        return batch_id

    def evaluate(self) -> Row:
        """A segment job over all audiences; gives the job."""
        return self.client.evaluate(*self.audiences.values())

    def begin(self, workflow: str) -> None:
        """Start one kind of job, and return when the server has said that it will be done."""
        match workflow:
            case "ingest_batch":
                batches = [(self.people, PERSON_ROWS), (self.events, EVENT_ROWS)]
                self._waiting = [self.upload(dataset_id, rows) for dataset_id, rows in batches]
                for batch_id in self._waiting:
                    self.client.post(f"{IMPORT}/batches/{batch_id}?action=COMPLETE")
            case "revert_batch":
                self._waiting = [self.link()]
                self.client.post(f"{IMPORT}/batches/{self._waiting[0]}?action=REVERT")
            case "rebuild_profiles":
                self.client.expect(200, "DELETE", f"{CATALOG}/dataSets/{self.events}")
            case "segment_job":
                every = [{"segmentId": id} for id in self.audiences.values()]
                self._waiting = [self.client.post(f"{UPS}/segment/jobs", every)["id"]]
            case "export_job":
                self.exported = self.exported or self.client.make_union_dataset()
                wanted = [self.audiences["women"], self.audiences["buyers"]]
                body = {
                    "filter": {"segments": [{"segmentId": id} for id in wanted]},
                    "destination": {"datasetId": self.exported},
                    "schema": PROFILE,
                }
                self._waiting = [str(self.client.post(f"{UPS}/export/jobs", body)["id"])]
            case "flow_run":
                assert self.bucket is not None, "the story has no bucket"
                self._waiting = [self.make_flow(self.bucket)]
            case _:
                raise AssertionError(f"no story leads to the workflow {workflow}: add a case")

    def end(self, workflow: str) -> Any:
        """Wait for the end of what was begun, and give all that is to be seen of it."""
        match workflow:
            case "ingest_batch" | "revert_batch":
                for batch_id in self._waiting:
                    self.settled(batch_id, "success" if workflow == "ingest_batch" else "inactive")
                return self.observed()
            case "rebuild_profiles":
                # No record of the API tells of this job; it has ended when no job is open.
                wait_for(lambda: not self.client.get("/emulator/clock")["openJobs"], "the store is rebuilt")
                return self.persons()
            case "segment_job":
                path = f"{UPS}/segment/jobs/{self._waiting[0]}"
                job = self.client.wait(path, lambda job: job["status"], "SUCCEEDED")
                return self.sizes(job), self.observed()
            case "export_job":
                path = f"{UPS}/export/jobs/{self._waiting[0]}"
                job = self.client.wait(path, lambda job: job["status"], "SUCCEEDED")
                return job["metrics"]["totalExportedProfileCounter"], self.observed()
            case "flow_run":
                self.flow_run(self._waiting[0], "success")
                return self.delivered()
        raise AssertionError(workflow)

    def stage(self, workflow: str) -> Any:
        """Do one kind of job, and give all that is to be seen of it."""
        self.begin(workflow)
        return self.end(workflow)

    def make_flow(self, bucket: S3Server, secret: str = "", folder: str = "") -> str:
        """A flow to a bucket that is due at once; gives its id."""
        keys = {"s3AccessKey": bucket.access_key, "s3SecretKey": secret or bucket.secret_key}
        base = {"name": "keys", "connectionSpec": S3, "auth": {"specName": "Access Key", "params": keys}}
        base_id = self._made("connections", base)
        source_id = self._made("sourceConnections", {"name": "profiles", "connectionSpec": PROFILE_STORE})
        place = {"bucketName": bucket.bucket, "path": folder or self.folder, "mode": "Server-to-server"}
        target = {
            "name": "files",
            "baseConnectionId": base_id,
            "connectionSpec": S3,
            "params": {**place, "compression": "NONE", "fileType": "CSV"},
        }
        flow = {
            "name": "delivery",
            "flowSpec": S3_FLOW,
            "sourceConnectionIds": [source_id],
            "targetConnectionIds": [self._made("targetConnections", target)],
        }
        flow_id = self._made("flows", flow)
        columns = {"person.name.firstName": "first", "person.gender": "gender"}
        mappings = [
            {"sourceType": "ATTRIBUTE", "source": source, "destination": name}
            for source, name in columns.items()
        ]
        mapping = self.client.post(f"{CONVERSION}/mappingSets", {"mappings": mappings})
        today = self.client.get("/emulator/clock")["now"][:10]
        audience = {
            "id": self.audiences["women"],
            "filenameTemplate": "women",
            "exportMode": "DAILY_FULL_EXPORT",
            "schedule": {
                "frequency": "ONCE",
                "triggerType": "SCHEDULED",
                "startDate": today,
                "startTime": "00:00",
            },
        }
        params = "/transformations/0/params"
        changes = [
            {
                "op": "add",
                "path": f"{params}/profileMapping",
                "value": {"mappingId": mapping["id"], "mappingVersion": 0},
            },
            {
                "op": "add",
                "path": f"{params}/segmentSelectors/selectors/-",
                "value": {"type": "PLATFORM_SEGMENT", "value": audience},
            },
        ]
        etag = self.client.get(f"{FLOW}/flows/{flow_id}")["items"][0]["etag"]
        answer = self.client.call(
            "PATCH", f"{FLOW}/flows/{flow_id}", json=changes, headers={"If-Match": etag}
        )
        assert answer.is_success, answer.text
        return flow_id

    def flow_run(self, flow_id: str, state: str) -> Row:
        """Wait for the end of the only run of a flow."""
        path = f"{FLOW}/runs?property=flowId=={flow_id}"

        def status(body: Any) -> str:
            return body["items"][0]["metrics"]["statusSummary"]["status"] if body["items"] else ""

        items = self.client.wait(path, status, state)["items"]
        assert len(items) == 1
        return dict(items[0])

    def delivered(self) -> dict[str, bytes]:
        """What lies in the story's folder of the bucket, by name."""
        assert self.bucket is not None
        prefix = f"{self.folder}/"
        return {key.removeprefix(prefix): self.bucket.read(key) for key in self.bucket.objects(prefix)}

    def _made(self, resource: str, body: Row) -> str:
        return str(self.client.post(f"{FLOW}/{resource}", body, status=201)["id"])

    # What is to be seen.

    def sizes(self, job: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
        """Per audience of a segment job: who entered, who stayed, who left."""
        found = {}
        for name, id in self.audiences.items():
            status = job["metrics"]["segmentedProfileByStatusCounter"][id]
            assert job["metrics"]["segmentedProfileCounter"][id] == status["realized"] + status["existing"]
            found[name] = (status["realized"], status["existing"], status["exited"])
        return found

    def persons(self) -> list[Row]:
        """Every profile as it is served: fields, identities, events, and the state in each audience."""
        return [self.person(name) for name in PEOPLE]

    def person(self, name: str) -> Row:
        """One profile as it is served, found by its address."""
        found = self.client.person(f"{name}@x.io")
        entries = found.pop("segmentMembership", {}).get("ups", {})
        names = {id: audience for audience, id in self.audiences.items()}
        states = {names[id]: entry["status"] for id, entry in entries.items() if id in names}
        query = (
            "schema.name=_xdm.context.experienceevent&relatedSchema.name=_xdm.context.profile"
            f"&relatedEntityId={quote(f'{name}@x.io')}&relatedEntityIdNS=email"
        )
        answer = self.client.call("GET", f"{UPS}/access/entities?{query}")
        events = answer.json().get("children", []) if answer.status_code == 200 else []
        return {
            "entity": {key: found[key] for key in ("person", "identityMap") if key in found},
            "states": states,
            "events": sorted(event["entity"]["_id"] for event in events),
        }

    def rows(self, dataset_id: str) -> list[Row]:
        """The rows of a dataset's visible batches, downloaded; without what names ids or times."""
        found: list[Row] = []
        for batch_id, batch in self.batches(dataset_id).items():
            if batch["status"] == "success":
                for table in self._tables(batch_id):
                    found += [self._plain(row) for row in table.to_pylist()]
        return sorted(found, key=repr)

    def batches(self, dataset_id: str) -> dict[str, Row]:
        """The batches of a dataset by id."""
        found = self.client.get(f"{CATALOG}/batches?dataSet={dataset_id}&limit=100")
        return dict(found)

    def catalog(self) -> list[tuple[str, str, int, int]]:
        """Every batch: dataset, state, rows, rows that failed."""
        names = {self.people: "people", self.events: "events"}
        if self.exported:
            names[self.exported] = "exported"
        return sorted(
            (name, batch["status"], batch["recordCount"], batch["failedRecordCount"])
            for dataset_id, name in names.items()
            for batch in self.batches(dataset_id).values()
        )

    def observed(self) -> Row:
        """All of the above."""
        datasets = {"people": self.people, "events": self.events}
        if self.exported:
            datasets["exported"] = self.exported
        return {
            "catalog": self.catalog(),
            "persons": self.persons(),
            "rows": {name: self.rows(id) for name, id in datasets.items()},
        }

    def _tables(self, batch_id: str) -> list[pa.Table]:
        tables = []
        for entry in self.client.get(f"{EXPORT}/batches/{batch_id}/files")["data"]:
            file_id = entry["dataSetFileId"]
            for file in self.client.get(f"{EXPORT}/files/{file_id}")["data"]:
                answer = self.client.call("GET", f"{EXPORT}/files/{file_id}", params={"path": file["name"]})
                assert answer.status_code == 200, answer.text
                tables.append(pq.read_table(pa.BufferReader(answer.content)))
        return tables

    def _plain(self, row: Row) -> Row:
        names = {id: name for name, id in self.audiences.items()}
        memberships = dict(dict(row.pop("segmentMembership", None) or {}).get("ups") or {})
        states = {names.get(id, id): entry["status"] for id, entry in memberships.items()}
        return {**row, "states": states}
