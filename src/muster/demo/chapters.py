"""The calls of the story, one function a chapter; each gives the numbers that the API answered."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq

from muster.demo.audiences import Audience
from muster.demo.client import CATALOG, CONVERSION, DATA_ACCESS, FLOW, IMPORT, UPS, Client
from muster.demo.mapping import NAMESPACE
from muster.demo.servers import Bucket

PROFILE = "_xdm.context.profile"
EVENT = "_xdm.context.experienceevent"

# Cards of the destination catalogue, by their published ids.
_S3_CARD = {"id": "4fce964d-3f37-408f-9778-e597338a21ee", "version": "1.0"}
_S3_FLOW = {"id": "1a0514a6-33d4-4c7f-aff8-594799c47549", "version": "1.0"}
_PROFILE_STORE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A segment job that has succeeded.

    Attributes:
        day: The day as of which windows were cut.
        segmentation_ms: How long the evaluation of all definitions together took; `job_ms` is the whole job.
        sizes: Members by definition.
    """

    day: date
    profile_count: int
    segmentation_ms: int
    job_ms: int
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DatasetExport:
    """An export job that has succeeded.

    Attributes:
        file_rows: Rows of the Parquet files that were downloaded.
        preview: First rows of the dataset, flat.
    """

    exported_count: int
    file_rows: int
    files: Sequence[Path]
    preview: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Activation:
    """A flow run that has succeeded, and what lies in the bucket.

    Attributes:
        run: The run as Flow Service prints it.
        sizes: All objects of the bucket with their sizes in bytes.
        key: The object that the run made; `text` is what it holds, `file` a copy, `rows` its rows by column.
    """

    run: Mapping[str, Any]
    sizes: Mapping[str, int]
    key: str
    file: Path
    text: str
    rows: Sequence[Mapping[str, str]]


def ingest(client: Client, dataset_id: str, table: pa.Table, file: Path) -> Mapping[str, Any]:
    """Send a table as one batch of one Parquet file; the batch as Catalog prints it when its rows count."""
    pq.write_table(table, file, compression="zstd")
    batch = client.post(f"{IMPORT}/batches", {"datasetId": dataset_id, "inputFormat": {"format": "parquet"}})[
        "id"
    ]
    client.upload(f"{IMPORT}/batches/{batch}/datasets/{dataset_id}/files/{file.name}", file)
    client.post(f"{IMPORT}/batches/{batch}?action=COMPLETE")
    found: Mapping[str, Any] = client.wait(
        f"{CATALOG}/batches/{batch}", lambda body: str(body[batch]["status"])
    )
    done: Mapping[str, Any] = found[batch]
    return done


def profile_of(client: Client, household: str) -> Mapping[str, Any]:
    """The profile of a household, found by its number."""
    person = {"schema.name": PROFILE, "entityId": household, "entityIdNS": NAMESPACE}
    (found,) = client.get(f"{UPS}/access/entities?{urlencode(person)}").values()
    profile: Mapping[str, Any] = found["entity"]
    return profile


def events_of(client: Client, household: str) -> Sequence[Mapping[str, Any]]:
    """The first page of the events of a household, oldest first."""
    related = {
        "schema.name": EVENT,
        "relatedSchema.name": PROFILE,
        "relatedEntityId": household,
        "relatedEntityIdNS": NAMESPACE,
    }
    events = client.get(f"{UPS}/access/entities?{urlencode(related)}")
    return [child["entity"] for child in events["children"]]


def define(client: Client, wanted: Sequence[Audience]) -> dict[str, str]:
    """Make a segment definition of each audience; their ids by key."""
    ids: dict[str, str] = {}
    for audience in wanted:
        pql = audience.pql
        for key, id_ in ids.items():
            pql = pql.replace(f"{{{key}}}", id_)
        expression = {"type": "PQL", "format": "pql/text", "value": pql}
        body = {"name": audience.name, "schema": {"name": PROFILE}, "expression": expression}
        ids[audience.key] = client.post(f"{UPS}/segment/definitions", body)["id"]
    return ids


def evaluate(client: Client, ids: Sequence[str]) -> Evaluation:
    """Evaluate definitions in one segment job."""
    job = client.post(f"{UPS}/segment/jobs", [{"segmentId": id_} for id_ in ids])["id"]
    metrics = client.wait(f"{UPS}/segment/jobs/{job}", lambda body: str(body["status"]))["metrics"]
    whole, segmentation = metrics["totalTime"], metrics["profileSegmentationTime"]
    return Evaluation(
        datetime.fromtimestamp(whole["startTimeInMs"] / 1000, UTC).date(),
        metrics["totalProfiles"],
        segmentation["totalTimeInMs"],
        whole["totalTimeInMs"],
        metrics["segmentedProfileCounter"],
    )


def export_to_dataset(client: Client, definition_id: str, dataset_id: str, folder: Path) -> DatasetExport:
    """Write the members of an audience to a dataset, and download its files."""
    policy = client.get(f"{UPS}/segment/definitions/{definition_id}")["mergePolicyId"]
    body = {
        "filter": {"segments": [{"segmentId": definition_id}]},
        "destination": {"datasetId": dataset_id},
        "schema": {"name": PROFILE},
        "mergePolicy": {"id": policy, "version": 1},
    }
    job = client.post(f"{UPS}/export/jobs", body)["id"]
    done = client.wait(f"{UPS}/export/jobs/{job}", lambda answer: str(answer["status"]))
    files = _download(client, done["destination"]["batchId"], folder)
    return DatasetExport(
        done["metrics"]["totalExportedProfileCounter"],
        sum(pq.read_metadata(file).num_rows for file in files),
        files,
        client.get(f"{DATA_ACCESS}/datasets/{dataset_id}/preview")["data"],
    )


def _download(client: Client, batch_id: str, folder: Path) -> list[Path]:
    (listed,) = client.get(f"{DATA_ACCESS}/batches/{batch_id}/files")["data"]
    address = f"{DATA_ACCESS}/files/{listed['dataSetFileId']}"
    files = []
    for entry in client.get(address)["data"]:
        file = folder / entry["name"]
        file.write_bytes(client.get_bytes(f"{address}?{urlencode({'path': entry['name']})}"))
        files.append(file)
    return files


def activate(
    client: Client, bucket: Bucket, definition_id: str, tenant: str, day: date, folder: Path
) -> Activation:
    """Send the members of an audience to the bucket as a CSV file, once and now.

    Args:
        day: Any day up to today; the schedule begins at its start, which has passed.
    """
    flow = _make_flow(client, bucket)
    columns = {
        f"{tenant}.householdId": "household",
        f"{tenant}.ageBand": "age_band",
        f"{tenant}.incomeBand": "income_band",
        f"{tenant}.kids": "kids",
        "segmentMembership.ups.seg_id.status": "status",
    }
    mapping = {"mappingId": _make_mapping_set(client, columns), "mappingVersion": 0}
    selector = {
        "type": "PLATFORM_SEGMENT",
        "value": {
            "id": definition_id,
            "filenameTemplate": "%SEGMENT_NAME%_%DATETIME(YYYYMMdd)%",
            "exportMode": "DAILY_FULL_EXPORT",
            "schedule": {
                "frequency": "ONCE",
                "triggerType": "SCHEDULED",
                "startDate": day.isoformat(),
                "startTime": "00:00",
            },
        },
    }
    place = "/transformations/0/params"
    changes = [
        {"op": "add", "path": f"{place}/profileMapping", "value": mapping},
        {"op": "add", "path": f"{place}/segmentSelectors/selectors/-", "value": selector},
    ]
    etag = client.get(f"{FLOW}/flows/{flow}")["items"][0]["etag"]
    client.patch(f"{FLOW}/flows/{flow}", changes, If_Match=etag)
    runs = client.wait(f"{FLOW}/runs?{urlencode({'property': f'flowId=={flow}'})}", _state_of_newest)
    return _look_into(bucket, runs["items"][0], folder)


def _make_flow(client: Client, bucket: Bucket) -> str:
    """A flow from the profile store to the bucket; nothing runs before it has an audience."""
    keys = {"s3AccessKey": bucket.access_key, "s3SecretKey": bucket.secret_key}
    auth = {"specName": "Access Key", "params": keys}
    base = _made(client, "connections", name="Demo bucket", connectionSpec=_S3_CARD, auth=auth)
    source = _made(client, "sourceConnections", name="Profiles", connectionSpec=_PROFILE_STORE)
    place = {"mode": "Server-to-server", "bucketName": bucket.name, "path": "audiences"}
    params = {**place, "fileType": "CSV", "compression": "NONE"}
    target = _made(
        client,
        "targetConnections",
        name="CSV files",
        baseConnectionId=base,
        connectionSpec=_S3_CARD,
        params=params,
    )
    ends = {"sourceConnectionIds": [source], "targetConnectionIds": [target]}
    return _made(client, "flows", name="Audiences to the demo bucket", flowSpec=_S3_FLOW, **ends)


def _made(client: Client, resource: str, **body: Any) -> str:
    return str(client.post(f"{FLOW}/{resource}", body)["id"])


def _make_mapping_set(client: Client, columns: Mapping[str, str]) -> str:
    """A mapping set: paths of the profile to columns of the file, in order."""
    schema = client.post(f"{CONVERSION}/schemas", {"name": "Demo", "jsonSchema": {"type": "object"}})["id"]
    mappings = [
        {"sourceType": "ATTRIBUTE", "source": path, "destination": column} for path, column in columns.items()
    ]
    ends = {"inputSchema": {"id": schema}, "outputSchema": {"id": schema}, "xdmVersion": "1.0"}
    return str(client.post(f"{CONVERSION}/mappingSets", {**ends, "mappings": mappings})["id"])


def _state_of_newest(runs: Any) -> str:
    return str(runs["items"][0]["metrics"]["statusSummary"]["status"]) if runs["items"] else ""


def _look_into(bucket: Bucket, run: Mapping[str, Any], folder: Path) -> Activation:
    info = run["metrics"]["fileSummary"]["manifest"]["fileInfo"][0]
    key = f"{info['pathPrefix']}/{info['path']}"
    body = bucket.read(key)
    file = folder / str(info["path"])
    file.write_bytes(body)
    text = body.decode()
    return Activation(run, bucket.sizes(), key, file, text, list(csv.DictReader(text.splitlines())))
