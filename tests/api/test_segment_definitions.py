"""Segment definitions: stored when their expression can be evaluated, refused with the place when not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api.client import Api

DEFINITIONS = "/data/core/ups/segment/definitions"
CONVERSION = "/data/core/ups/segment/conversion"
POLICIES = "/data/core/ups/config/mergePolicies"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
OLD_ROOT = {
    "nodeType": "fnApply",
    "fnName": "in",
    "params": [
        {
            "nodeType": "fieldLookup",
            "fieldName": "gender",
            "object": {
                "nodeType": "fieldLookup",
                "fieldName": "person",
                "object": {"nodeType": "literal", "literalType": "XDMObject", "value": "profile"},
            },
        },
        {"nodeType": "literal", "literalType": "List", "value": ["female"]},
    ],
}


def pql_text(value: str) -> dict[str, str]:
    return {"type": "PQL", "format": "pql/text", "value": value}


def document(value: str = 'person.gender = "male"', **fields: Any) -> dict[str, Any]:
    schema = {"name": "_xdm.context.profile"}
    return {"name": "males", "schema": schema, "expression": pql_text(value), **fields}


def make(api: Api, value: str = 'person.gender = "male"', **fields: Any) -> dict[str, Any]:
    answer = api.post(DEFINITIONS, document(value, **fields))
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
def modelled(api: Api) -> Api:
    """A sandbox whose data model is known: it has a dataset of the whole profile class."""
    with api.workspace().records.write() as tx:
        tx.add("dataset", "0" * 24, {"name": "people", "schemaRef": {"id": PROFILE}})
    return api


def test_created_definition_reads_back(api: Api) -> None:
    made = make(api, description="all", ttlInDays=90)
    assert api.get(f"{DEFINITIONS}/{made['id']}").json() == made
    assert made["ttlInDays"] == 90
    assert made["version"] == 1
    assert made["mergePolicy"]["id"] == made["mergePolicyId"]
    assert made["evaluationInfo"]["batch"] == {"enabled": True}
    assert made["dataGovernancePolicy"] == {"excludeOptOut": True}
    assert made["definedOn"][0]["$ref"] == f"{PROFILE}__union"
    assert made["creationTime"] // 1000 == made["createEpoch"]
    assert made["createdBy"] == "dev@AdobeID"


def test_default_policy_is_filled_in(api: Api) -> None:
    default = api.get(POLICIES).json()["children"][0]["id"]
    assert make(api)["mergePolicyId"] == default


def test_older_merge_policy_form_is_read(api: Api) -> None:
    default = api.get(POLICIES).json()["children"][0]["id"]
    assert make(api, mergePolicy={"id": default, "version": 1})["mergePolicyId"] == default


def test_unknown_merge_policy_is_refused(api: Api) -> None:
    assert api.post(DEFINITIONS, document(mergePolicyId="nope")).status_code == 400


def test_definitions_on_the_default_follow_it(api: Api) -> None:
    made = make(api, 'inSegment("x")')
    body = {
        "name": "new",
        "schema": {"name": "_xdm.context.profile"},
        "identityGraph": {"type": "none"},
        "attributeMerge": {"type": "timestampOrdered"},
        "default": True,
    }
    policy = api.post(POLICIES, body).json()
    moved = api.get(f"{DEFINITIONS}/{made['id']}").json()
    assert moved["mergePolicyId"] == policy["id"]
    assert moved["dependencies"] == ["x"]


def test_every_missing_field_is_named(api: Api) -> None:
    answer = api.post(DEFINITIONS, {"description": "x"})
    assert answer.status_code == 400
    assert {item["path"] for item in answer.json()["errors"]["400"]} == {"/name", "/schema", "/expression"}


def test_unreadable_expression_is_refused_with_its_place(api: Api) -> None:
    answer = api.post(DEFINITIONS, document('person.gender = \n "male" and ('))
    assert answer.status_code == 400
    body = answer.json()
    (item,) = body["errors"]["400"]
    assert (item["code"], item["line"], item["path"]) == ("SYNTAX", 2, "/expression/value")
    assert item["column"] > 1
    assert body["status"] == 400
    assert "line 2" in body["title"]


def test_unknown_field_is_refused_with_the_nearest_name(modelled: Api) -> None:
    answer = modelled.post(DEFINITIONS, document('person.gendr = "male"', name=""))
    items = {item["code"]: item for item in answer.json()["errors"]["400"]}
    assert items[400]["path"] == "/name"
    wrong = items["UNKNOWN_FIELD"]
    assert (wrong["line"], wrong["column"], wrong["suggestion"]) == (1, 8, "gender")


def test_unknown_field_is_accepted_before_there_is_a_data_model(api: Api) -> None:
    assert api.post(DEFINITIONS, document('_shop.tier = "gold"')).status_code == 200


def test_json_form_with_the_old_root_is_accepted(modelled: Api) -> None:
    expression = {"type": "pql", "format": "pql/json", "value": json.dumps(OLD_ROOT)}
    answer = modelled.post(DEFINITIONS, {**document(), "expression": expression})
    assert answer.status_code == 200, answer.text
    assert answer.json()["expression"] == expression


def test_json_problem_is_told_with_a_pointer(modelled: Api) -> None:
    value = json.dumps(OLD_ROOT).replace('"gender"', '"gendr"')
    expression = {"type": "PQL", "format": "pql/json", "value": value}
    (item,) = modelled.post(DEFINITIONS, {**document(), "expression": expression}).json()["errors"]["400"]
    assert item["pointer"].startswith("/params/0")
    assert item["suggestion"] == "gender"


def test_text_that_is_labelled_json_is_read_as_text(api: Api) -> None:
    expression = {"type": "PQL", "format": "pql/json", "value": 'person.gender = "male"'}
    assert api.post(DEFINITIONS, {**document(), "expression": expression}).status_code == 200


@pytest.mark.parametrize("method", ["continuous", "synchronous"])
def test_other_methods_than_batch_are_refused(api: Api, method: str) -> None:
    answer = api.post(DEFINITIONS, document(evaluationInfo={method: {"enabled": True}}))
    assert answer.status_code == 400
    assert "only batch evaluation is supported" in answer.json()["title"]


def test_arl_is_refused(api: Api) -> None:
    expression = {**pql_text("x"), "type": "ARL"}
    assert api.post(DEFINITIONS, {**document(), "expression": expression}).status_code == 400


def test_given_id_is_kept_and_refused_when_it_is_taken(api: Api) -> None:
    id_ = "0f2b5f6e-7a1c-4b1e-9d5e-111111111111"
    assert make(api, id=id_)["id"] == id_
    assert api.post(DEFINITIONS, document(id=id_)).status_code == 422
    assert api.post(DEFINITIONS, document(id="not a uuid")).status_code == 400


def test_equal_names_are_two_definitions(api: Api) -> None:
    assert make(api)["id"] != make(api)["id"]


def test_what_was_read_can_be_changed_and_sent_back(api: Api) -> None:
    made = make(api)
    answer = api.patch(f"{DEFINITIONS}/{made['id']}", {**made, "description": "all males"})
    assert answer.status_code == 200
    changed = answer.json()
    assert changed["description"] == "all males"
    assert changed["version"] == 2
    assert (changed["id"], changed["creationTime"]) == (made["id"], made["creationTime"])


def test_json_patch_is_accepted(api: Api) -> None:
    made = make(api)
    operations = [{"op": "replace", "path": "/name", "value": "men"}]
    assert api.patch(f"{DEFINITIONS}/{made['id']}", operations).json()["name"] == "men"
    wrong = [{"op": "replace", "path": "/nope/deep", "value": 1}]
    assert api.patch(f"{DEFINITIONS}/{made['id']}", wrong).status_code == 400


def test_deleted_definition_is_gone(api: Api) -> None:
    made = make(api)
    answer = api.delete(f"{DEFINITIONS}/{made['id']}")
    assert answer.status_code == 200
    assert answer.json()["status"] is True
    assert api.get(f"{DEFINITIONS}/{made['id']}").status_code == 404
    assert api.delete(f"{DEFINITIONS}/{made['id']}").status_code == 404


def test_used_definition_cannot_be_deleted(api: Api) -> None:
    inner = make(api)
    outer = make(api, f'inSegment("{inner["id"]}")')
    answer = api.delete(f"{DEFINITIONS}/{inner['id']}")
    assert answer.status_code == 400
    assert outer["id"] in answer.json()["title"]
    api.delete(f"{DEFINITIONS}/{outer['id']}")
    assert api.delete(f"{DEFINITIONS}/{inner['id']}").status_code == 200


def test_activated_definition_cannot_be_deleted(api: Api) -> None:
    from muster.storage.records import Names

    made = make(api)
    with api.workspace().records.write() as tx:
        tx.add("flow", "f1", {"name": "to sftp"}, Names(links=[("audience", made["id"])]))
    assert api.delete(f"{DEFINITIONS}/{made['id']}").status_code == 400


def test_list_pages_from_zero_and_ends_empty(api: Api) -> None:
    ids = [make(api, name=f"n{number}")["id"] for number in range(3)]
    first = api.get(DEFINITIONS, params={"limit": 2}).json()
    assert [item["id"] for item in first["segments"]] == [ids[2], ids[1]]
    assert first["page"] == {
        "totalCount": 3,
        "totalPages": 2,
        "sortField": "creationTime",
        "sort": "desc",
        "pageSize": 2,
        "limit": 2,
    }
    assert first["link"] == {}
    second = api.get(DEFINITIONS, params={"limit": 2, "page": 1}).json()["segments"]
    assert [item["id"] for item in second] == [ids[0]]
    assert api.get(DEFINITIONS, params={"limit": 2, "start": 1}).json()["segments"] == second
    assert api.get(DEFINITIONS, params={"limit": 2, "page": 2}).json()["segments"] == []


def test_list_sorts_by_name(api: Api) -> None:
    for name in ("b", "c", "a"):
        make(api, name=name)
    listed = api.get(DEFINITIONS, params={"sort": "name:asc,internalId:desc"}).json()["segments"]
    assert [item["name"] for item in listed] == ["a", "b", "c"]
    assert api.get(DEFINITIONS, params={"sort": "name:sideways"}).status_code == 400


def test_list_filters_by_method(api: Api) -> None:
    make(api)
    counts = {
        (method, flag): api.get(DEFINITIONS, params={f"evaluationInfo.{method}.enabled": flag}).json()[
            "page"
        ]["totalCount"]
        for method in ("batch", "continuous")
        for flag in ("True", "false")
    }
    assert counts == {
        ("batch", "True"): 1,
        ("batch", "false"): 0,
        ("continuous", "True"): 0,
        ("continuous", "false"): 1,
    }


def test_other_sandbox_does_not_see_it(api: Api) -> None:
    made = make(api)
    assert api.get(f"{DEFINITIONS}/{made['id']}", sandbox="dev").status_code == 404
    assert api.get(DEFINITIONS, sandbox="dev").json()["page"]["totalCount"] == 0


@pytest.mark.parametrize("form", ["objects", "bare", "bare objects"])
def test_bulk_get_reads_each_form(api: Api, form: str) -> None:
    made = make(api)
    ids = [made["id"], "nope"]
    body: Any = [{"id": id_} for id_ in ids]
    if form != "bare objects":
        body = {"ids": body} if form == "objects" else ids
    answer = api.post(f"{DEFINITIONS}/bulk-get", body)
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert results[made["id"]] == made
    assert results["nope"]["errors"] == {"404": [{"code": 404, "message": "Not found."}]}


@pytest.mark.parametrize("count", [0, 101])
def test_bulk_get_bounds_its_ids(api: Api, count: int) -> None:
    assert (
        api.post(f"{DEFINITIONS}/bulk-get", {"ids": [{"id": str(n)} for n in range(count)]}).status_code
        == 400
    )


def test_conversion_goes_both_ways_and_stores_nothing(api: Api) -> None:
    body = document('workAddress.country = "US"', ttlInDays=60)
    there = api.post(CONVERSION, body).json()
    assert there["expression"]["format"] == "pql/json"
    assert json.loads(there["expression"]["value"])["fnName"] == "="
    assert there["ttlInDays"] == 60
    assert there["imsOrgId"] == "dev@AdobeOrg"
    back = api.post(CONVERSION, there).json()
    assert back["expression"] == body["expression"]
    assert api.get(DEFINITIONS).json()["page"]["totalCount"] == 0


def test_conversion_refuses_what_it_cannot_read(api: Api) -> None:
    answer = api.post(CONVERSION, document("((("))
    assert answer.status_code == 400
    assert answer.json()["errors"]["400"][0]["code"] == "SYNTAX"
