"""Sandboxes: made, listed, renamed, emptied, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.client import Api
from tests.api.platform import CATALOG, load, make_dataset

BASE = "/data/foundation/sandbox-management"
DEV2 = {"name": "dev-2", "title": "Zweite", "type": "development"}


def test_sandboxes_are_listed_with_what_clients_read(api: Api) -> None:
    body = api.get(f"{BASE}/sandboxes").json()
    prod = body["sandboxes"][0]
    assert [sandbox["name"] for sandbox in body["sandboxes"]] == ["prod", "dev"]
    assert (prod["state"], prod["type"], prod["isDefault"], prod["region"]) == (
        "active",
        "production",
        True,
        "VA7",
    )
    assert {"id", "title", "eTag", "etag", "createdDate", "lastModifiedDate", "createdBy"} <= set(prod)
    assert body["_page"] == {"limit": 50, "count": 2}
    assert [sandbox["name"] for sandbox in api.get(f"{BASE}/").json()["sandboxes"]] == ["prod", "dev"]
    assert [entry["id"] for entry in api.get(f"{BASE}/sandboxTypes").json()["sandboxTypes"]] == [
        "production",
        "development",
    ]


def test_list_is_paged_filtered_and_sorted(api: Api) -> None:
    page = api.get(f"{BASE}/sandboxes?limit=1&offset=0").json()
    assert [sandbox["name"] for sandbox in page["sandboxes"]] == ["prod"]
    rest = api.get(page["_links"]["next"]["href"]).json()
    assert [sandbox["name"] for sandbox in rest["sandboxes"]] == ["dev"]
    assert "next" not in rest["_links"]
    assert api.get(f"{BASE}/sandboxes?limit=1").status_code == 400
    found = api.get(f"{BASE}/sandboxes?property=type==development").json()["sandboxes"]
    assert [sandbox["name"] for sandbox in found] == ["dev"]
    by_name = api.get(f"{BASE}/sandboxes?orderBy=name").json()["sandboxes"]
    assert [sandbox["name"] for sandbox in by_name] == ["dev", "prod"]


def test_new_sandbox_is_empty_and_usable_at_once(api: Api) -> None:
    answer = api.post(f"{BASE}/sandboxes", DEV2)
    assert (answer.status_code, answer.json()["state"]) == (202, "active")
    assert api.get(f"{BASE}/sandboxes/dev-2").json()["title"] == "Zweite"
    make_dataset(api, sandbox="dev-2")
    assert api.get(f"{CATALOG}/dataSets").json() == {}
    assert api.post(f"{BASE}/sandboxes", DEV2).status_code == 409


@pytest.mark.parametrize(
    "body", [{**DEV2, "name": "Bad Name"}, {**DEV2, "type": "play"}, {"name": "x"}, [], {**DEV2, "title": ""}]
)
def test_wrong_sandbox_is_refused(api: Api, body: Any) -> None:
    answer = api.post(f"{BASE}/sandboxes", body)
    assert answer.status_code == 400
    assert {"type", "title", "status", "detail", "report"} <= set(answer.json())


def test_only_the_title_changes(api: Api) -> None:
    before = api.get(f"{BASE}/sandboxes/dev").json()
    assert api.patch(f"{BASE}/sandboxes/dev", {"title": "Spielwiese"}).json()["title"] == "Spielwiese"
    assert api.get(f"{BASE}/sandboxes/dev").json()["eTag"] == before["eTag"] + 1
    assert api.patch(f"{BASE}/sandboxes/dev", {"type": "production"}).status_code == 400
    assert api.patch(f"{BASE}/sandboxes/none", {"title": "x"}).status_code == 404


def test_deleted_sandbox_cannot_be_selected_and_its_name_is_free(api: Api) -> None:
    make_dataset(api, sandbox="dev")
    assert api.delete(f"{BASE}/sandboxes/dev").json()["state"] == "deleted"
    assert api.get(f"{BASE}/sandboxes/dev").json()["state"] == "deleted"
    assert api.get(f"{CATALOG}/dataSets", sandbox="dev").status_code == 403
    assert [sandbox["name"] for sandbox in api.get(BASE).json()["sandboxes"]] == ["prod"]
    assert api.delete(f"{BASE}/sandboxes/dev").status_code == 404
    assert api.delete(f"{BASE}/sandboxes/prod").status_code == 400

    assert api.post(f"{BASE}/sandboxes", {**DEV2, "name": "dev"}).status_code == 202
    assert api.get(f"{CATALOG}/dataSets", sandbox="dev").json() == {}


def test_reset_empties_one_sandbox(api: Api) -> None:
    kept = make_dataset(api)
    dataset_id = make_dataset(api, sandbox="dev")
    load(api, dataset_id, '{"_id":"1"}', sandbox="dev")
    path = f"{BASE}/sandboxes/dev"

    assert api.put(path, {"action": "polish"}).status_code == 400
    assert api.put(f"{path}?validationOnly=True", {"action": "reset"}).status_code == 202
    assert list(api.get(f"{CATALOG}/dataSets", sandbox="dev").json()) == [dataset_id]
    # The batch's task is done with here only when a worker has taken it away.
    assert api.put(path, {"action": "reset"}).status_code == 202
    assert api.get(f"{CATALOG}/dataSets", sandbox="dev").json() == {}
    assert list(api.workspace("dev").lake.paths("")) == []
    assert list(api.get(f"{CATALOG}/dataSets").json()) == [kept]
