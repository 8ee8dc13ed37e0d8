"""`python -m muster.demo.people FOLDER`: the demo's households as files that `muster pql` asks, without a server.

Written are `households.parquet`, one row a household with all its events in `xEvent`; `campaigns.json`, what the events'
campaign numbers lead to; and `schema.json`, which says that these numbers are references.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from muster.demo.failure import DemoFailed
from muster.demo.mapping import HOUSEHOLD_FIELDS, VISIT_FIELDS, RetailData, open_retail_data

TENANT = "_acme"
CAMPAIGN = "Campaign"

# Types in the notation that `muster pql` reads.
_ITEM = {
    "SKU": "string",
    "name": "string",
    "quantity": "integer",
    "priceTotal": "number",
    "productCategories": {"array": {"object": {"categoryName": "string", "categoryPath": "string"}}},
}
_ORDER = {"purchaseID": "string", "priceTotal": "number", "discountAmount": "number"}
_VISIT = {name: field["type"] for name, field in VISIT_FIELDS.items()} | {"campaignId": {"ref": CAMPAIGN}}
_EVENT = {
    "_id": "string",
    "eventType": "string",
    "timestamp": "date-time",
    "identityMap": {"map": {"array": {"object": {"id": "string", "primary": "boolean"}}}},
    "commerce": {"object": {"order": {"object": _ORDER}, "purchases": {"object": {"value": "number"}}}},
    "productListItems": {"array": {"object": _ITEM}},
    TENANT: {"object": _VISIT},
}
SCHEMA: Mapping[str, Any] = {
    "object": {
        "_id": "string",
        TENANT: {"object": {name: field["type"] for name, field in HOUSEHOLD_FIELDS.items()}},
        "xEvent": {"array": {"object": _EVENT}},
    }
}
"""The fields of a household and its events; the campaign number of an event is a reference."""

CAMPAIGN_SCHEMA: Mapping[str, Any] = {"object": {"type": "string", "startDate": "date", "endDate": "date"}}
"""The fields of a campaign."""


def people_table(data: RetailData) -> pa.Table:
    """One row a household, with its purchases and campaign events as the list `xEvent`, oldest first."""
    households = data.households(TENANT)
    tables = [data.purchases(TENANT), data.campaign_events(TENANT)]
    events = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    # An event names one household, in one namespace.
    names = events["identityMap"].combine_chunks().items.flatten().field("id")
    known = households[TENANT].combine_chunks().field("householdId")
    rows = pc.index_in(names, value_set=known).to_numpy()
    order = np.lexsort((events["timestamp"].cast(pa.int64()).to_numpy(), rows))
    ends = np.cumsum(np.bincount(rows, minlength=households.num_rows))
    structs = events.take(pa.array(order)).combine_chunks().to_struct_array().combine_chunks()
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    return households.append_column("xEvent", pa.ListArray.from_arrays(offsets, structs))


def write_people(people: pa.Table, campaigns: Mapping[str, Any], folder: Path) -> None:
    """Write the three files; the folder is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(people, folder / "households.parquet", compression="zstd")
    _write_json(folder / "campaigns.json", {CAMPAIGN: {"schema": CAMPAIGN_SCHEMA, "items": campaigns}})
    _write_json(folder / "schema.json", SCHEMA)


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Write the files; the exit code of the process: 0, or 1 when the retail data is not installed."""
    parser = argparse.ArgumentParser(
        prog="python -m muster.demo.people",
        description="Write the demo's households as files for `muster pql`.",
    )
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument(
        "--today",
        type=date.fromisoformat,
        default=datetime.now(UTC).date(),
        help="all times are moved by whole days, so that the last purchase was the day before [today]",
    )
    arguments = parser.parse_args()
    try:
        with open_retail_data(arguments.today) as data:
            write_people(people_table(data), data.campaigns(), arguments.folder)
    except DemoFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
