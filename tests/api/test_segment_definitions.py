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


RECENT = 'xEvent[eventType = "visit" and timestamp occurs <= 24 hours before now]'
LONG_AGO = 'person.gender = "male" and\n  xEvent[timestamp occurs <= 25 hours before now]'


def by(*methods: str) -> dict[str, Any]:
    return {method: {"enabled": True} for method in methods}


def method_of(definition: dict[str, Any]) -> list[str]:
    return [method for method, flag in definition["evaluationInfo"].items() if flag["enabled"]]


@pytest.mark.parametrize("method", ["continuous", "synchronous"])
def test_definition_that_qualifies_is_evaluated_as_it_asks(api: Api, method: str) -> None:
    assert method_of(make(api, RECENT, evaluationInfo=by(method))) == [method]
    assert method_of(make(api, evaluationInfo=by(method, "batch"))) == [method]


@pytest.mark.parametrize("method", ["continuous", "synchronous"])
def test_definition_that_does_not_qualify_is_refused_with_the_part_and_the_reason(
    api: Api, method: str
) -> None:
    answer = api.post(DEFINITIONS, document(LONG_AGO, evaluationInfo=by(method)))
    assert answer.status_code == 400
    (item,) = answer.json()["errors"]["400"]
    assert item["path"] == f"/evaluationInfo/{method}/enabled"
    assert (item["line"], item["column"]) == (2, 3)
    assert "line 2, column 3: events are read that are up to 25 hours old" in item["message"]


def test_obstacle_in_json_form_is_told_with_a_pointer(api: Api) -> None:
    converted = api.post(CONVERSION, document(LONG_AGO)).json()["expression"]
    answer = api.post(
        DEFINITIONS, {**document(), "expression": converted, "evaluationInfo": by("continuous")}
    )
    (item,) = answer.json()["errors"]["400"]
    assert item["pointer"] == "/params/1/params/0/fieldName"


def test_streaming_needs_fields_that_are_declared(api: Api) -> None:
    query = 'xEvent[_shop.sku = "A" and timestamp occurs today]'
    assert api.post(DEFINITIONS, document(query)).status_code == 200
    answer = api.post(DEFINITIONS, document(query, evaluationInfo=by("continuous")))
    assert [item["code"] for item in answer.json()["errors"]["400"]] == ["UNKNOWN_FIELD"]


def test_two_methods_at_once_are_refused(api: Api) -> None:
    answer = api.post(DEFINITIONS, document(evaluationInfo=by("continuous", "synchronous")))
    assert [item["path"] for item in answer.json()["errors"]["400"]] == ["/evaluationInfo"]


def test_events_stream_beside_audiences_of_the_profile_alone(api: Api) -> None:
    males = make(api)["id"]
    nested = make(api, f'inSegment("{males}")')["id"]
    visitors = make(api, RECENT)["id"]
    through = make(api, f'inSegment("{visitors}")')["id"]
    undeclared = make(api, "exists E from xEvent where E._shop.paid")["id"]
    for used in (males, nested):
        make(api, f'{RECENT} and inSegment("{used}")', evaluationInfo=by("continuous"))
    for used in (visitors, through, undeclared, "unknown"):
        query = f'{RECENT} and inSegment("{used}")'
        answer = api.post(DEFINITIONS, document(query, evaluationInfo=by("continuous")))
        (item,) = answer.json()["errors"]["400"]
        assert used in item["message"]


@pytest.mark.parametrize("form", ["document", "patch"])
def test_definition_edited_out_of_its_method_becomes_batch(api: Api, form: str) -> None:
    made = make(api, RECENT, evaluationInfo=by("continuous"))
    expression = pql_text(LONG_AGO)
    body: Any = {**made, "expression": expression}
    if form == "patch":
        body = [{"op": "replace", "path": "/expression", "value": expression}]
    answer = api.patch(f"{DEFINITIONS}/{made['id']}", body)
    assert answer.status_code == 200, answer.text
    assert method_of(answer.json()) == ["batch"]


def test_asking_anew_for_a_method_that_does_not_fit_is_refused(api: Api) -> None:
    made = make(api, LONG_AGO)
    answer = api.patch(f"{DEFINITIONS}/{made['id']}", {**made, "evaluationInfo": by("synchronous")})
    assert answer.status_code == 400


def test_definition_of_earlier_rules_keeps_its_method_until_its_expression_is_edited(api: Api) -> None:
    made = make(api, LONG_AGO)
    path = f"{DEFINITIONS}/{made['id']}"
    with api.workspace().records.write() as tx:
        body = dict(tx.get("segment_definition", made["id"]).body)
        body["evaluationInfo"] = {**body["evaluationInfo"], "batch": {"enabled": False}, **by("continuous")}
        tx.replace("segment_definition", made["id"], body)
    renamed = api.patch(path, [{"op": "replace", "path": "/name", "value": "kept"}]).json()
    assert (renamed["name"], method_of(renamed)) == ("kept", ["continuous"])
    edited = [{"op": "replace", "path": "/expression/value", "value": LONG_AGO + ' and person.gender = "x"'}]
    assert method_of(api.patch(path, edited).json()) == ["batch"]


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


def test_list_finds_exactly_the_definitions_of_a_method(api: Api) -> None:
    make(api)
    streamed = make(
        api,
        "exists E from xEvent where E.timestamp occurs < 12 hours before now",
        evaluationInfo={"batch": {"enabled": False}, **by("continuous"), "synchronous": {"enabled": False}},
    )
    found = api.get(DEFINITIONS, params={"evaluationInfo.continuous.enabled": "True"}).json()["segments"]
    assert [item["id"] for item in found] == [streamed["id"]]


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
