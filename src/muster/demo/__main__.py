"""`make demo`: a year of real purchases becomes profiles, audiences, a dataset and a file in a bucket, in about a minute.

Everything goes through the REST API of a server that is started for it, on this machine alone. Read this file as the story,
`model.py` and `chapters.py` as its calls, `mapping.py` and `audiences.py` as what a retailer would write.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from muster.demo import chapters
from muster.demo.audiences import audiences, size_in_files
from muster.demo.client import ORG, UPS, Client
from muster.demo.failure import DemoFailed
from muster.demo.mapping import RetailData, open_retail_data
from muster.demo.model import Model, make_export_dataset, make_model
from muster.demo.servers import Bucket, muster_server, s3_server
from muster.demo.show import Show, megabytes

_MARK = ".muster-demo"


def main() -> int:
    """Run the demo; the exit code of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m muster.demo", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("demo-data"), help="where all files go; emptied first"
    )
    folder = parser.parse_args().folder.resolve()
    # An end from outside is an end like any other: servers first.
    signal.signal(signal.SIGTERM, _interrupt)
    show = Show()
    try:
        _prepare(folder)
        _run(show, folder)
    except DemoFailed as failed:
        show.failure(f"{failed} Logs are in {folder / 'logs'}.")
        return 1
    except KeyboardInterrupt:
        show.failure("It was interrupted; both servers have ended.")
        return 130
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _prepare(folder: Path) -> None:
    """Empty the folder, if the demo made it. Raises `DemoFailed` rather than removing anybody else's files."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise DemoFailed(f"{folder} holds files that are not the demo's. Name another with --folder.")
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("logs", "uploads", "results"):
        (folder / part).mkdir(parents=True)
    (folder / _MARK).touch()


def _run(show: Show, folder: Path) -> None:
    today = datetime.now(UTC).date()
    with open_retail_data(today) as data, s3_server(folder / "logs") as bucket:
        began = time.monotonic()
        with muster_server(folder / "server", folder / "logs", bucket) as address:
            show.say(f"[bold]Muster[/] serves {address}, a local S3 server {bucket.endpoint}.")
            show.say(f"Both began to answer after {time.monotonic() - began:.1f} s and end with the demo.")
            _tell(show, Client(address), data, bucket, folder)
    show.summary()


def _tell(show: Show, client: Client, data: RetailData, bucket: Bucket, folder: Path) -> None:
    with show.chapter("Sign in and describe the data"):
        life_s = client.sign_in()
        model = make_model(client)
        show.say(f"A token for {life_s // 3600} hours; tenant [bold]{model.tenant}[/].")
        show.say(
            "An identity namespace, two schemas with own fields, an identity descriptor, three datasets."
        )
    with show.chapter("Ingest"):
        _ingest(show, client, model, data, folder / "uploads")
    with show.chapter("Look at one household"):
        _look(show, client, model)
    with show.chapter("Evaluate eight audiences in one job"):
        ids, sizes = _evaluate(show, client, model, data)
    with show.chapter("Export an audience to a dataset"):
        dataset = _export(show, client, model, ids["families"], sizes["families"], folder / "results")
    with show.chapter("Send an audience to a bucket as CSV"):
        _activate(
            show,
            client,
            model,
            bucket,
            ids["regular-families"],
            sizes["regular-families"],
            folder / "results",
        )
    _next_steps(show, client, folder, ids["regulars"], dataset)


def _ingest(show: Show, client: Client, model: Model, data: RetailData, folder: Path) -> None:
    show.say(f"All times are moved by {data.shift_days:,} days, so that the last purchase was yesterday.")
    tables = (
        ("households", model.households, data.households),
        ("purchases", model.purchases, data.purchases),
        ("campaign-events", model.campaigns, data.campaign_events),
    )
    rows = []
    for name, dataset, mapped in tables:
        began = time.monotonic()
        table = mapped(model.tenant)
        file = folder / f"{name}.parquet"
        mapped_s = time.monotonic() - began
        batch = chapters.ingest(client, dataset, table, file)
        took = time.monotonic() - began - mapped_s
        written = int(batch["metrics"]["outputRecordCount"])
        show.agree(f"Rows of {name}", sent=table.num_rows, in_the_batch=written)
        size = megabytes(file.stat().st_size)
        rows.append([name, f"{written:,}", size, f"{mapped_s:.1f}", f"{took:.1f}", f"{written / took:,.0f}"])
        if name == "purchases":
            show.say(f"{data.item_count:,} purchased items in {written:,} baskets.")
    headings = ["batch", "rows", "Parquet", "mapped, s", "ingested, s", "rows/s"]
    show.table(headings, rows, numbers=range(1, 6))
    show.say("Ingested means: checked against the schema, laid over the profiles, and visible.")


def _look(show: Show, client: Client, model: Model) -> None:
    household = "900"
    profile, events = chapters.look_up(client, household)
    own = profile[model.tenant]
    known = ", ".join(f"{name} {own[name]}" for name in ("ageBand", "incomeBand", "kids") if name in own)
    show.say(f"Household {household}: {known or 'nothing known but what it bought'}.")
    show.say(f"Its first page of events holds {len(events):,}; the first is:")
    first = events[0]
    show.say(f"  {first['timestamp']}  {first['eventType']}  {first.get('commerce', {}).get('order', {})}")


def _evaluate(
    show: Show, client: Client, model: Model, data: RetailData
) -> tuple[dict[str, str], dict[str, int]]:
    wanted = audiences(model.tenant)
    ids = chapters.define(client, wanted)
    done = chapters.evaluate(client, list(ids.values()))
    sizes = {audience.key: done.sizes[ids[audience.key]] for audience in wanted}
    for audience in wanted:
        in_files = size_in_files(audience, data, done.day)
        show.agree(
            f"The size of “{audience.name}”", in_the_job=sizes[audience.key], in_the_raw_files=in_files
        )
    show.table(
        ["audience", "members", "PQL"],
        [[audience.name, f"{sizes[audience.key]:,}", audience.pql] for audience in wanted],
        numbers=[1],
    )
    show.say(
        f"{done.profile_count:,} profiles; evaluating all {len(wanted)} together took [bold]{done.segmentation_ms:,} ms[/],"
        f" the whole job {done.job_ms:,} ms."
    )
    show.say("Each size was counted a second time, by SQL over the raw files.")
    return ids, sizes


def _export(show: Show, client: Client, model: Model, id_: str, size: int, folder: Path) -> str:
    dataset = make_export_dataset(client)
    done = chapters.export_to_dataset(client, id_, dataset, folder)
    show.agree(
        "The exported audience",
        in_the_evaluation=size,
        in_the_export_job=done.exported_count,
        in_the_downloaded_files=done.file_rows,
    )
    columns = [f"{model.tenant}_{name}" for name in ("householdId", "ageBand", "incomeBand", "kids")]
    show.table(columns, [[row.get(column, "") for column in columns] for row in done.preview[:5]])
    show.say(f"{done.exported_count:,} profiles; the first of the preview are above. Downloaded:")
    for file in done.files:
        show.say(f"  {file}  {megabytes(file.stat().st_size)}")
    return dataset


def _activate(
    show: Show, client: Client, model: Model, bucket: Bucket, id_: str, size: int, folder: Path
) -> None:
    day = datetime.now(UTC).date()
    done = chapters.activate(client, bucket, id_, model.tenant, day, folder)
    metrics = done.run["metrics"]
    records = metrics["recordSummary"]
    show.agree(
        "The activated audience",
        in_the_evaluation=size,
        in_the_flow_run=records["outputRecordCount"],
        in_the_file_of_the_bucket=len(done.rows),
    )
    took = metrics["durationSummary"]["completedAtUTC"] - metrics["durationSummary"]["startedAtUTC"]
    show.say(f"Flow run {done.run['id']}: {metrics['statusSummary']['status']} after {took:,} ms.")
    show.table(
        ["received", "written", "skipped", "failed", "files", "bytes"],
        [
            [
                f"{records['inputRecordCount']:,}",
                f"{records['outputRecordCount']:,}",
                f"{records['skippedRecordCount']:,}",
                f"{records['failedRecordCount']:,}",
                f"{metrics['fileSummary']['outputFileCount']:,}",
                f"{metrics['sizeSummary']['outputBytes']:,}",
            ]
        ],
        numbers=range(6),
    )
    for key, size_in_bucket in done.keys.items():
        show.say(f"s3://{bucket.name}/{key}  {size_in_bucket:,} bytes")
    show.table(list(done.rows[0]), [list(row.values()) for row in done.rows[:5]])
    show.say(f"A copy is in {done.file}")


def _next_steps(show: Show, client: Client, folder: Path, regulars: str, dataset: str) -> None:
    server = "http://127.0.0.1:8080"
    headers = f"-H 'Authorization: Bearer dev' -H 'x-api-key: dev' -H 'x-gw-ims-org-id: {ORG}'"
    show.say(
        f"\n   {client.call_count:,} calls made all this. To go on with the same data, start the server again:\n"
    )
    show.code(f"{sys.executable} -m muster serve --emulator --data-dir {folder / 'server'}")
    show.say("\n   and call it with the emulator's token:\n")
    show.code(f"alias api=\"curl -s {headers} -H 'Content-Type: application/json'\"")
    show.code(f"api {server}{UPS}/segment/definitions")
    show.code(f'api {server}{UPS}/segment/jobs -d \'[{{"segmentId": "{regulars}"}}]\'')
    show.code(
        f"api '{server}{UPS}/access/entities?schema.name={chapters.PROFILE}&entityId=900&entityIdNS=household'"
    )
    show.code(f"api {server}/data/foundation/export/datasets/{dataset}/preview")


if __name__ == "__main__":
    sys.exit(main())
