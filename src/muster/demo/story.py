"""The story of the demo, chapter by chapter: what is asked of the platform, what it answers, and whether that is right."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from muster.demo import chapters
from muster.demo.audiences import audiences, size_in_files
from muster.demo.client import DATA_ACCESS, ORG, UPS, Client
from muster.demo.mapping import NAMESPACE, RetailData
from muster.demo.model import Model, make_export_dataset, make_model
from muster.demo.servers import Bucket
from muster.demo.show import Show, size_text

HOUSEHOLD = "13"
"""A household of which much is known and which ends up in several audiences."""


@dataclass(frozen=True, slots=True)
class Story:
    """What every chapter needs.

    Attributes:
        folder: Holds `uploads`, `results` and `server`, the data directory.
    """

    show: Show
    client: Client
    data: RetailData
    bucket: Bucket
    folder: Path


@dataclass(frozen=True, slots=True)
class Found:
    """What the evaluation found: ids of the definitions and members, both by the audience's key."""

    ids: Mapping[str, str]
    sizes: Mapping[str, int]
    day: date


def tell(story: Story) -> None:
    """The whole story. Raises `DemoFailed` as soon as something fails, or two numbers differ that should not."""
    show = story.show
    with show.chapter("Sign in and describe the data"):
        model = _describe(story)
    with show.chapter("Ingest three batches"):
        _ingest(story, model)
    with show.chapter("Look a household up"):
        _look_up(story, model)
    with show.chapter("Evaluate eight audiences"):
        found = _evaluate(story, model)
    with show.chapter("Export an audience to a dataset"):
        dataset = _export(story, model, found, "families")
    with show.chapter("Send an audience to a bucket as CSV"):
        _activate(story, model, found, "regular-families")
    _say_how_to_go_on(story, found, dataset)


def _describe(story: Story) -> Model:
    life_s = story.client.sign_in()
    model = make_model(story.client)
    story.show.say(
        f"A token for {round(life_s / 3600)} hours. The tenant's own fields lie in [bold]{model.tenant}[/]."
    )
    story.show.say("Made: a namespace, two schemas with own fields, an identity descriptor, three datasets.")
    return model


def _ingest(story: Story, model: Model) -> None:
    data = story.data
    story.show.say(
        f"All times are moved by {data.shift_days:,} days, so that the last purchase was yesterday."
    )
    rows = [
        _ingest_one(story, model.households, "households", lambda: data.households(model.tenant)),
        _ingest_one(story, model.purchases, "purchases", lambda: data.purchases(model.tenant)),
        _ingest_one(story, model.campaigns, "campaigns", lambda: data.campaign_events(model.tenant)),
    ]
    story.show.table(["batch", "rows", "Parquet", "map, s", "ingest, s", "rows/s"], rows, numbers=range(1, 6))
    story.show.say(f"[bold]{data.item_count:,} purchased items in {rows[1][1]} baskets.[/]")
    story.show.say("Ingested means: checked against the schema, laid over the profiles, and visible.")


def _ingest_one(story: Story, dataset_id: str, name: str, mapped: Callable[[], pa.Table]) -> list[str]:
    """Map and ingest one table; its line on the screen."""
    began = time.monotonic()
    table = mapped()
    sent_at = time.monotonic()
    file = story.folder / "uploads" / f"{name}.parquet"
    metrics = chapters.ingest(story.client, dataset_id, table, file)["metrics"]
    took = time.monotonic() - sent_at
    count = int(metrics["outputRecordCount"])
    story.show.agree(f"Rows of {name}", sent=table.num_rows, in_the_batch=count)
    size = size_text(file.stat().st_size)
    return [name, f"{count:,}", size, f"{sent_at - began:.1f}", f"{took:.1f}", f"{count / took:,.0f}"]


def _look_up(story: Story, model: Model) -> None:
    own = chapters.profile_of(story.client, HOUSEHOLD)[model.tenant]
    story.show.say(
        f"Household {HOUSEHOLD}: {own['composition']}, age {own['ageBand']}, income {own['incomeBand']}."
    )
    events = chapters.events_of(story.client, HOUSEHOLD)
    purchase = next(event for event in events if "commerce" in event)
    lines = ", ".join(
        f"{item['quantity']} {item.get('name', 'item')} {item['priceTotal']:.2f}"
        for item in purchase["productListItems"][:3]
    )
    story.show.say(
        f"Its first page of events holds {len(events):,}; the oldest purchase is of {purchase['timestamp']}:"
    )
    story.show.say(f"{purchase['commerce']['order']['priceTotal']:.2f} dollars for {lines}, …")


def _evaluate(story: Story, model: Model) -> Found:
    wanted = audiences(model.tenant)
    ids = chapters.define(story.client, wanted)
    done = chapters.evaluate(story.client, list(ids.values()))
    sizes = {audience.key: done.sizes[ids[audience.key]] for audience in wanted}
    rows = []
    for audience in wanted:
        counted = size_in_files(audience, story.data, done.day)
        story.show.agree(
            f"The size of “{audience.name}”", in_the_segment_job=sizes[audience.key], in_the_raw_files=counted
        )
        rows.append([audience.name, f"{sizes[audience.key]:,}", f"{counted:,}"])
    story.show.table(["audience", "members", "by SQL on the files"], rows, numbers=[1, 2])
    story.show.say(
        f"{done.profile_count:,} profiles. Time measured by the job: [bold]{done.segmentation_ms:,} ms[/] for all"
        f" {len(wanted)} audiences together, {done.job_ms:,} ms with begin and commit."
    )
    story.show.say("Organic produce, for instance, is this PQL; all of it is in muster/demo/audiences.py:")
    story.show.code(next(audience.pql for audience in wanted if audience.key == "organic"))
    _say_memberships(story, {id_: audience.name for audience, id_ in zip(wanted, ids.values(), strict=True)})
    return Found(ids, sizes, done.day)


def _say_memberships(story: Story, names: Mapping[str, str]) -> None:
    memberships = chapters.profile_of(story.client, HOUSEHOLD).get("segmentMembership", {}).get("ups", {})
    held = [names[id_] for id_, membership in memberships.items() if membership["status"] == "realized"]
    story.show.say(
        f"The profile of household {HOUSEHOLD} now says that it is in: {'; '.join(sorted(held)) or 'none'}."
    )


def _export(story: Story, model: Model, found: Found, key: str) -> str:
    dataset = make_export_dataset(story.client)
    done = chapters.export_to_dataset(story.client, found.ids[key], dataset, story.folder / "results")
    story.show.agree(
        "The exported audience",
        in_the_segment_job=found.sizes[key],
        in_the_export_job=done.exported_count,
        in_the_downloaded_files=done.file_rows,
    )
    names = ("householdId", "ageBand", "incomeBand", "kids", "composition")
    shown = [[row.get(f"{model.tenant}_{name}", "") for name in names] for row in done.preview[:5]]
    story.show.table(names, shown)
    story.show.say(
        f"{done.exported_count:,} profiles; above are the first of the dataset's preview. Downloaded:"
    )
    for file in done.files:
        story.show.say(f"{file}  {size_text(file.stat().st_size)}")
    return dataset


def _activate(story: Story, model: Model, found: Found, key: str) -> None:
    done = chapters.activate(
        story.client, story.bucket, found.ids[key], model.tenant, found.day, story.folder / "results"
    )
    metrics = done.run["metrics"]
    records, times = metrics["recordSummary"], metrics["durationSummary"]
    story.show.agree(
        "The activated audience",
        in_the_segment_job=found.sizes[key],
        in_the_flow_run=records["outputRecordCount"],
        in_the_file_in_the_bucket=len(done.rows),
    )
    story.show.agree(
        "The file's size",
        in_the_flow_run=metrics["sizeSummary"]["outputBytes"],
        in_the_bucket=done.sizes[done.key],
    )
    story.show.say(
        f"Flow run: {metrics['statusSummary']['status']} after {times['completedAtUTC'] - times['startedAtUTC']:,} ms;"
        f" {records['inputRecordCount']:,} profiles received, {records['outputRecordCount']:,} written,"
        f" {records['skippedRecordCount']:,} skipped, {records['failedRecordCount']:,} failed."
    )
    for name, byte_count in done.sizes.items():
        story.show.say(f"s3://{story.bucket.name}/{name}  {byte_count:,} bytes")
    story.show.code("\n".join(done.text.splitlines()[:5]))
    story.show.say(f"A copy: {done.file}")


def _say_how_to_go_on(story: Story, found: Found, dataset: str) -> None:
    command = [
        sys.executable,
        "-m",
        "muster",
        "serve",
        "--emulator",
        "--data-dir",
        str(story.folder / "server"),
    ]
    headers = (
        "Authorization: Bearer dev",
        "x-api-key: dev",
        f"x-gw-ims-org-id: {ORG}",
        "Content-Type: application/json",
    )
    person = f"schema.name={chapters.PROFILE}&entityId={HOUSEHOLD}&entityIdNS={NAMESPACE}"
    job = f'[{{"segmentId": "{found.ids["regulars"]}"}}]'
    lines = (
        'api() { curl -s "http://127.0.0.1:8080$1" "${@:2}" '
        + " ".join(f"-H '{header}'" for header in headers)
        + "; }",
        f"api {UPS}/segment/definitions",
        f"api {UPS}/segment/jobs -d {shlex.quote(job)}",
        f"api {shlex.quote(f'{UPS}/access/entities?{person}')}",
        f"api {DATA_ACCESS}/datasets/{dataset}/preview",
    )
    story.show.heading(f"{story.client.call_count} calls made all this; every file is in {story.folder}")
    story.show.say("To go on with the same data, start the server again:")
    story.show.code(shlex.join(command))
    story.show.say("and call it with the emulator's token:")
    story.show.code("\n".join(lines))
