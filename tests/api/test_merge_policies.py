"""Merge policies: one default per class, at most five, each write a new version."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.client import Api

POLICIES = "/data/core/ups/config/mergePolicies"
BY_TIME = {
    "name": "by time",
    "schema": {"name": "_xdm.context.profile"},
    "identityGraph": {"type": "none"},
    "attributeMerge": {"type": "timestampOrdered"},
}


def make(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.post(POLICIES, {**BY_TIME, **fields})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_new_sandbox_has_one_default_policy(api: Api) -> None:
    body = api.get(POLICIES).json()
    (policy,) = body["children"]
    assert policy["default"] is True
    assert policy["identityGraph"] == {"type": "pdg"}
    assert policy["attributeMerge"] == {"type": "timestampOrdered"}
    assert policy["sandbox"]["sandboxName"] == "prod"
    assert body["_links"] == {"next": {}}
    assert body["_page"] == {"totalCount": 1, "pageSize": 1, "count": 1}


def test_default_policy_is_the_same_each_time_and_another_in_each_sandbox(api: Api) -> None:
    ids = [api.get(POLICIES, sandbox=name).json()["children"][0]["id"] for name in ("prod", "prod", "dev")]
    assert ids[0] == ids[1] != ids[2]


def test_created_policy_reads_back(api: Api) -> None:
    made = make(api)
    assert made["version"] == 1
    assert made["default"] is False
    assert api.get(f"{POLICIES}/{made['id']}").json() == made


def test_new_default_unsets_the_former_one(api: Api) -> None:
    former = api.get(POLICIES).json()["children"][0]
    made = make(api, default=True)
    assert api.get(f"{POLICIES}/{former['id']}").json()["default"] is False
    assert api.get(f"{POLICIES}/{former['id']}").json()["version"] == former["version"] + 1
    only = api.get(POLICIES, params={"default": "True"}).json()["children"]
    assert [policy["id"] for policy in only] == [made["id"]]


@pytest.mark.parametrize(
    ("patch", "field", "value"),
    [
        ({"op": "add", "path": "/identityGraph.type", "value": "pdg"}, "identityGraph", {"type": "pdg"}),
        ([{"op": "replace", "path": "/name", "value": "other"}], "name", "other"),
        ([{"op": "add", "path": "/idActiveOnEdge", "value": True}], "isActiveOnEdge", True),
        ({"op": "add", "path": "/default", "value": "true"}, "default", True),
    ],
)
def test_patch_takes_one_operation_or_a_list(api: Api, patch: Any, field: str, value: Any) -> None:
    made = make(api)
    changed = api.patch(f"{POLICIES}/{made['id']}", patch)
    assert changed.status_code == 200, changed.text
    assert changed.json()[field] == value
    assert changed.json()["version"] == 2


def test_put_replaces_the_policy(api: Api) -> None:
    made = make(api)
    body = {**made, "attributeMerge": {"type": "dataSetPrecedence", "order": ["d2", "d1"]}}
    replaced = api.put(f"{POLICIES}/{made['id']}", body).json()
    assert replaced["attributeMerge"] == {"type": "dataSetPrecedence", "order": ["d2", "d1"]}
    assert replaced["version"] == 2


def test_precedence_without_an_order_is_refused(api: Api) -> None:
    answer = api.post(POLICIES, {**BY_TIME, "attributeMerge": {"type": "dataSetPrecedence"}})
    assert answer.status_code == 400
    assert answer.json()["errors"]["400"][0]["path"] == "/attributeMerge/order"


def test_all_problems_are_told_together(api: Api) -> None:
    answer = api.post(POLICIES, {"identityGraph": {"type": "magic"}})
    paths = {item["path"] for item in answer.json()["errors"]["400"]}
    assert paths == {"/schema", "/identityGraph/type", "/attributeMerge/type"}


def test_sixth_policy_is_refused(api: Api) -> None:
    for number in range(4):
        make(api, name=str(number))
    assert api.post(POLICIES, BY_TIME).status_code == 400


def test_default_can_neither_be_deleted_nor_switched_off(api: Api) -> None:
    id_ = api.get(POLICIES).json()["children"][0]["id"]
    assert api.delete(f"{POLICIES}/{id_}").status_code == 400
    off = {"op": "replace", "path": "/default", "value": False}
    assert api.patch(f"{POLICIES}/{id_}", off).status_code == 400


def test_deleted_policy_is_gone(api: Api) -> None:
    made = make(api)
    answer = api.delete(f"{POLICIES}/{made['id']}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert api.get(f"{POLICIES}/{made['id']}").status_code == 404


def test_list_pages_and_its_links_end(api: Api) -> None:
    ids = {make(api, name=str(number))["id"] for number in range(3)}
    ids.add(api.get(POLICIES, params={"default": "true"}).json()["children"][0]["id"])
    seen: list[str] = []
    href = "/config/mergePolicies?limit=2&orderBy=-name"
    while href:
        body = api.get(f"/data/core/ups{href}").json()
        seen += [policy["id"] for policy in body["children"]]
        href = body["_links"]["next"].get("href", "")
    assert len(seen) == 4
    assert set(seen) == ids


def test_filters_select(api: Api) -> None:
    made = make(api)
    found = api.get(POLICIES, params={"identityGraph.type": "none", "version": "1"}).json()["children"]
    assert [policy["id"] for policy in found] == [made["id"]]


def test_bulk_get_tells_what_is_missing(api: Api) -> None:
    made = make(api)
    answer = api.post(f"{POLICIES}/bulk-get", {"ids": [{"id": made["id"]}, {"id": "nope"}]})
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert results[made["id"]] == made
    assert results["nope"]["errors"]["404"][0]["code"] == 404
