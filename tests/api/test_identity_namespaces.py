"""Identity namespaces over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.client import ORG, Api

PATH = "/data/core/idnamespace/identities"
LOYALTY = {
    "name": "Loyalty card",
    "code": "Loyalty",
    "idType": "Cross_Device",
    "description": "Number of the card",
}


def make(api: Api, **changes: Any) -> dict[str, Any]:
    response = api.post(PATH, {**LOYALTY, **changes})
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_standard_namespaces_have_their_published_numbers(api: Api) -> None:
    listed = api.get(PATH).json()
    numbers = {each["code"]: each["id"] for each in listed}
    assert {"ECID": 4, "Email": 6, "Phone": 7, "AAID": 10, "AdCloud": 411}.items() <= numbers.items()
    assert all(each["custom"] is False and each["status"] == "ACTIVE" for each in listed)


def test_made_namespace_is_echoed_listed_and_read(api: Api) -> None:
    made = make(api)
    assert made["custom"] is True and made["id"] >= 10_018_776 and made["idType"] == "Cross_Device"
    assert made["createTime"] == made["updateTime"] > 1_000_000_000_000
    assert api.get(PATH).json()[-1] == made
    assert api.get(f"{PATH}/{made['id']}").json() == made
    assert api.get(f"/data/core/idnamespace/orgs/{ORG}/identities").json()[-1] == made


@pytest.mark.parametrize("code", ["Loyalty", "LOYALTY", "email"])
def test_codes_are_unique_without_regard_to_case(api: Api, code: str) -> None:
    make(api)
    response = api.post(PATH, {**LOYALTY, "code": code})
    assert response.status_code == 409
    assert response.json()["report"]["code"] == "NAMESPACE_CODE_CONFLICT"
    assert response.json()["type"] == "http://ns.adobe.com/adobecloud/problem/namespacevalidation"


def test_sandboxes_have_their_own_namespaces(api: Api) -> None:
    make(api)
    assert all(not each["custom"] for each in api.get(PATH, sandbox="dev").json())


def test_name_and_description_change_and_nothing_else(api: Api) -> None:
    made = make(api)
    path = f"{PATH}/{made['id']}"
    changed = api.put(path, {**LOYALTY, "name": "Card", "idType": "CROSS_DEVICE"})
    assert changed.status_code == 200 and changed.json()["name"] == "Card"
    for refused in ({"code": "Other"}, {"idType": "COOKIE"}):
        response = api.put(path, {**LOYALTY, **refused})
        assert response.status_code == 400
        assert response.json()["report"]["code"] == "INVALID_REQUEST_PARAMS"
    assert api.get(path).json()["code"] == "Loyalty"


def test_standard_namespaces_stay(api: Api) -> None:
    assert api.put(f"{PATH}/6", {"name": "Mine"}).status_code == 400


@pytest.mark.parametrize("number", ["1", "none", "99999999999"])
def test_unknown_number_is_not_found(api: Api, number: str) -> None:
    for response in (api.get(f"{PATH}/{number}"), api.put(f"{PATH}/{number}", {"name": "x"})):
        assert response.status_code == 404
        assert response.json()["report"]["code"] == "NAMESPACE_NOT_FOUND"


@pytest.mark.parametrize("change", [{"idType": "Robot"}, {"code": ""}, {"code": "a b"}, {"name": ""}])
def test_incomplete_namespaces_are_refused(api: Api, change: dict[str, str]) -> None:
    assert api.post(PATH, {**LOYALTY, **change}).status_code == 400


def test_other_organisations_are_unknown_here(api: Api) -> None:
    assert api.get("/data/core/idnamespace/orgs/other@AdobeOrg/identities").status_code == 404
