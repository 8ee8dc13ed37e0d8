"""The Schema Registry over HTTP: resources, forms, lists, rules and unions."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from httpx2 import Response
from tests.api.client import ORG, Api

from muster.storage.records import Document, Names

REG = "/data/foundation/schemaregistry"
XED = {"Accept": "application/vnd.adobe.xed+json; version=1"}
FULL = {"Accept": "application/vnd.adobe.xed-full+json;version=1.0"}
IDS = {"Accept": "application/vnd.adobe.xed-id+json"}
PROFILE = "https://ns.adobe.com/xdm/context/profile"
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
PERSON = "https://ns.adobe.com/xdm/context/profile-person-details"
CONTACT = "https://ns.adobe.com/xdm/context/profile-personal-details"
UNION_TAG = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]


def make_schema(api: Api, title: str = "People", *groups: str, sandbox: str | None = None) -> Document:
    parts = [{"$ref": id} for id in (PROFILE, PERSON, CONTACT, *groups)]
    body = {"title": title, "type": "object", "allOf": parts}
    return ok(api.post(f"{REG}/tenant/schemas", body, sandbox=sandbox), 201)


def make_group(api: Api, name: str = "Pets", /, **fields: Any) -> Document:
    fields = fields or {"pet": {"type": "string", "title": "Pet"}}
    body = {
        "title": name,
        "type": "object",
        "meta:intendedToExtend": [PROFILE],
        "definitions": {"customFields": {"properties": {"_dev": {"type": "object", "properties": fields}}}},
        "allOf": [{"$ref": "#/definitions/customFields", "type": "object"}],
    }
    return ok(api.post(f"{REG}/tenant/fieldgroups", body), 201)


def identity(schema: Document, path: str = "/personalEmail/address", **extra: Any) -> Document:
    return {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": schema["$id"],
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": path,
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        "xdm:isPrimary": True,
        **extra,
    }


def enable(api: Api, schema: Document) -> Document:
    ok(api.post(f"{REG}/tenant/descriptors", identity(schema)), 201)
    return ok(api.patch(f"{REG}/tenant/schemas/{schema['meta:altId']}/", UNION_TAG))


def ok(response: Response, status: int = 200) -> Document:
    body = answer(response, status)
    assert isinstance(body, dict)
    return body


def answer(response: Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def refused(response: Response, status: int = 400) -> str:
    assert response.status_code == status, response.text
    return str(response.json()["detail"])


def encoded(id: str) -> str:
    return quote(id, safe="")


def test_standard_class_reads_the_same_by_both_of_its_names(api: Api) -> None:
    by_alt_id = ok(api.get(f"{REG}/global/classes/_xdm.context.profile", headers=XED))
    by_id = ok(api.get(f"{REG}/global/classes/{encoded(PROFILE)}", headers=XED))
    assert by_alt_id == by_id
    assert (by_id["$id"], by_id["meta:altId"]) == (PROFILE, "_xdm.context.profile")
    assert "allOf" in by_id


def test_full_form_follows_every_reference(api: Api) -> None:
    schema = make_schema(api)
    full = ok(api.get(f"{REG}/tenant/schemas/{encoded(schema['$id'])}", headers=FULL))
    assert "$ref" not in str(full) and "allOf" not in full
    assert full["properties"]["person"]["properties"]["name"]["properties"]["firstName"]["type"] == "string"
    assert full["properties"]["homeAddress"]["properties"]["city"]["meta:xdmType"] == "string"


@pytest.mark.parametrize(
    ("accept", "status", "words"),
    [
        (None, 406, "Accept header parameter is required"),
        ("*/*", 406, "Accept header parameter is required"),
        ("text/html", 406, "Unknown Accept media supplied: text/html"),
        ("application/vnd.adobe.xed-fancy+json; version=1", 406, "Unknown Accept media supplied"),
        ("application/vnd.adobe.xed+json", 400, "version must be supplied in the accept header"),
    ],
)
def test_reads_need_an_accept_header_with_a_version(
    api: Api, accept: str | None, status: int, words: str
) -> None:
    # The test client adds a header of its own where none is given; an empty one stands for none.
    headers = {"Accept": accept or ""}
    assert words in refused(api.get(f"{REG}/global/classes/_xdm.context.profile", headers=headers), status)


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/vnd.adobe.xed-id+json", "application/vnd.adobe.xdm-id+json"]
)
def test_lists_are_lenient_about_the_accept_header(api: Api, accept: str) -> None:
    listed = ok(api.get(f"{REG}/global/behaviors", headers={"Accept": accept}))
    assert {entry["$id"].rsplit("/", 1)[-1] for entry in listed["results"]} == {
        "record",
        "time-series",
        "adhoc",
    }
    assert set(listed["results"][0]) == {"title", "$id", "meta:altId", "version"}


def test_text_is_left_out_on_request_but_fields_called_title_stay(api: Api) -> None:
    group = make_group(api, title={"type": "string", "title": "Title of the book"})
    notext = {"Accept": "application/vnd.adobe.xed-full-notext+json; version=1"}
    shown = ok(api.get(f"{REG}/tenant/fieldgroups/{group['meta:altId']}", headers=notext))
    assert "title" not in shown["properties"]["_dev"]["properties"]["title"]
    assert shown["properties"]["_dev"]["properties"]["title"]["type"] == "string"


def test_full_desc_carries_descriptors_and_descriptions(api: Api) -> None:
    schema = make_schema(api)
    made = ok(api.post(f"{REG}/tenant/descriptors", identity(schema)), 201)
    wanted = {"Accept": "application/vnd.adobe.xed-full-desc+json; version=1"}
    shown = ok(api.get(f"{REG}/tenant/schemas/{schema['meta:altId']}", headers=wanted))
    assert [each["@id"] for each in shown["meta:descriptors"]] == [made["@id"]]
    at_field = shown["properties"]["personalEmail"]["properties"]["address"]["meta:descriptors"]
    assert at_field == shown["meta:descriptors"]
    assert "description" in shown


def test_created_resource_is_whole_and_derived(api: Api) -> None:
    schema = make_schema(api)
    assert schema["$id"].startswith("https://ns.adobe.com/dev/schemas/")
    assert schema["meta:altId"] == "_dev.schemas." + schema["$id"].rsplit("/", 1)[-1]
    assert schema["meta:class"] == PROFILE
    assert schema["meta:extends"] == [
        PROFILE,
        PERSON,
        CONTACT,
        "https://ns.adobe.com/xdm/data/record",
        "https://ns.adobe.com/xdm/common/auditable",
    ]
    assert (schema["version"], schema["meta:resourceType"], schema["meta:containerId"]) == (
        "1.0",
        "schemas",
        "tenant",
    )
    assert {"repo:createdDate", "repo:lastModifiedDate", "eTag"} <= set(schema["meta:registryMetadata"])
    assert not any(key in schema for key in ("meta:createdBy", "meta:modifiedBy"))


def test_field_groups_and_mixins_are_one_store(api: Api) -> None:
    group = make_group(api)
    assert (
        "/mixins/" in group["$id"]
        and group["meta:resourceType"] == "mixins"
        and group["meta:extensible"] is True
    )
    for path in ("fieldgroups", "mixins"):
        assert ok(api.get(f"{REG}/tenant/{path}/{encoded(group['$id'])}", headers=XED))["title"] == "Pets"
        assert [entry["$id"] for entry in ok(api.get(f"{REG}/tenant/{path}", headers=IDS))["results"]] == [
            group["$id"]
        ]
    assert (
        group["definitions"]["customFields"]["properties"]["_dev"]["properties"]["pet"]["meta:xdmType"]
        == "string"
    )


def test_a_sandbox_does_not_see_the_resources_of_another(api: Api) -> None:
    schema = make_schema(api)
    assert (
        api.get(f"{REG}/tenant/schemas/{schema['meta:altId']}", headers=XED, sandbox="dev").status_code == 404
    )
    assert ok(api.get(f"{REG}/tenant/schemas", headers=IDS, sandbox="dev"))["results"] == []
    make_schema(api, sandbox="dev")  # The title is free there.


def test_titles_are_unique_over_all_types(api: Api) -> None:
    group = make_group(api, "Same")
    body = {"title": "Same", "allOf": [{"$ref": PROFILE}]}
    detail = refused(api.post(f"{REG}/tenant/schemas", body))
    assert detail.startswith("Title must be unique. An object") and group["$id"] in detail


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([PERSON], "exactly one class"),
        ([PROFILE, EVENT], "exactly one class"),
        ([PROFILE, "https://ns.adobe.com/xdm/context/experienceevent-commerce"], "is not intended to extend"),
        ([PROFILE, "https://ns.adobe.com/xdm/nothing"], "there is no resource"),
        ([PROFILE, "https://ns.adobe.com/xdm/common/address"], "is no field group"),
    ],
)
def test_composition_of_a_schema_is_checked(api: Api, parts: list[str], words: str) -> None:
    body = {"title": "Bad", "allOf": [{"$ref": id} for id in parts]}
    assert words in refused(api.post(f"{REG}/tenant/schemas", body))


def test_own_fields_belong_under_the_tenants_object(api: Api) -> None:
    body = {"title": "Loose", "meta:intendedToExtend": [PROFILE], "properties": {"pet": {"type": "string"}}}
    assert "_dev" in refused(api.post(f"{REG}/tenant/fieldgroups", body))


def test_all_problems_are_reported_together(api: Api) -> None:
    body = {"properties": {"pet": 3}, "allOf": "x"}
    response = api.post(f"{REG}/tenant/fieldgroups", body)
    refused(response)
    paths = {problem["path"] for problem in response.json()["report"]["problems"]}
    assert paths == {"/title", "/allOf", "/properties"}


def test_each_change_raises_the_minor_version(api: Api) -> None:
    schema = make_schema(api)
    path = f"{REG}/tenant/schemas/{encoded(schema['$id'])}"
    patched = ok(api.patch(path, [{"op": "replace", "path": "/description", "value": "all people"}]))
    assert (patched["version"], patched["description"]) == ("1.1", "all people")
    put = ok(api.put(path, {**patched, "title": "Persons"}))
    assert (put["version"], put["title"], put["$id"]) == ("1.2", "Persons", schema["$id"])
    make_schema(api, "People")  # The old title is free again.


def test_bad_patches_are_refused(api: Api) -> None:
    path = f"{REG}/tenant/schemas/{make_schema(api)['meta:altId']}"
    refused(api.patch(path, {"op": "add"}))
    refused(api.patch(path, [{"op": "remove", "path": "/nothing"}]))
    refused(api.patch(path, [{"op": "add", "path": "/allOf/-", "value": {"$ref": EVENT}}]))


def test_union_needs_a_primary_identity_and_never_ends(api: Api) -> None:
    schema = make_schema(api)
    path = f"{REG}/tenant/schemas/{schema['meta:altId']}"
    assert "To enable profile datasets the schema should be valid" in refused(api.patch(path, UNION_TAG))
    assert enable(api, schema)["meta:immutableTags"] == ["union"]
    refused(api.patch(path, [{"op": "remove", "path": "/meta:immutableTags"}]))
    refused(api.delete(path))
    made = ok(api.get(f"{REG}/tenant/descriptors", headers={"Accept": "application/vnd.adobe.xdm-id+json"}))
    refused(api.delete(f"{REG}/tenant/descriptors/{made['xdm:descriptorIdentity'][0]}"))


def test_identity_map_stands_in_for_a_primary_identity(api: Api) -> None:
    body = {
        "title": "Mapped",
        "allOf": [{"$ref": PROFILE}, {"$ref": "https://ns.adobe.com/xdm/context/identitymap"}],
        "meta:immutableTags": ["union"],
    }
    assert ok(api.post(f"{REG}/tenant/schemas", body), 201)["meta:immutableTags"] == ["union"]


def test_profile_union_holds_what_it_adds_and_what_schemas_bring(api: Api) -> None:
    group = make_group(api)
    enable(api, make_schema(api, "People", group["$id"]))
    for path in ("unions", "schemas"):
        union = ok(api.get(f"{REG}/tenant/{path}/_xdm.context.profile__union", headers=FULL))
        assert {"identityMap", "segmentMembership", "timeSeriesEvents", "person"} <= set(union["properties"])
        assert union["properties"]["_dev"]["properties"]["pet"]["type"] == "string"
        assert union["$id"] == f"{PROFILE}__union" and union["meta:resourceType"] == "unions"
    ids = {entry["$id"] for entry in ok(api.get(f"{REG}/tenant/unions", headers=IDS))["results"]}
    assert f"{PROFILE}__union" in ids
    tagged = ok(
        api.get(f"{REG}/tenant/schemas?property=meta:immutableTags==union&property=meta:class=={PROFILE}")
    )
    assert [entry["title"] for entry in tagged["results"]] == ["People"]


def test_entity_type_is_the_whole_union(api: Api) -> None:
    path = "/data/core/ups/config/entityTypes/_xdm.context.profile"
    query = "property=fullSchema==true&property=includeRelationshipDescriptors==true"
    whole = ok(api.get(f"{path}?{query}"))
    assert whole["properties"]["person"]["properties"]["gender"]["type"] == "string"
    assert whole["meta:descriptors"] == []


def test_breaking_changes_are_refused_once_in_the_union(api: Api) -> None:
    group = make_group(api, pet={"type": "string"}, age={"type": "integer"})
    schema = make_schema(api, "People", group["$id"])
    path = f"{REG}/tenant/fieldgroups/{group['meta:altId']}"
    base = "/definitions/customFields/properties/_dev/properties"
    ok(api.patch(path, [{"op": "remove", "path": f"{base}/age"}]))
    enable(api, schema)
    ok(api.patch(path, [{"op": "add", "path": f"{base}/colour", "value": {"type": "string"}}]))
    assert "removed" in refused(api.patch(path, [{"op": "remove", "path": f"{base}/pet"}]))
    assert "type" in refused(
        api.patch(path, [{"op": "replace", "path": f"{base}/pet", "value": {"type": "number"}}])
    )
    removal = [{"op": "remove", "path": "/allOf/3"}]
    assert "/_dev" in refused(api.patch(f"{REG}/tenant/schemas/{schema['meta:altId']}", removal))


def test_used_resources_are_not_deleted(api: Api) -> None:
    group = make_group(api)
    schema = make_schema(api, "People", group["$id"])
    assert schema["$id"] in refused(api.delete(f"{REG}/tenant/fieldgroups/{group['meta:altId']}"))
    assert api.delete(f"{REG}/tenant/schemas/{encoded(schema['$id'])}").status_code == 204
    assert api.delete(f"{REG}/tenant/fieldgroups/{group['meta:altId']}").status_code == 204
    assert api.get(f"{REG}/tenant/schemas/{schema['meta:altId']}", headers=XED).status_code == 404


def test_schema_of_a_dataset_is_held(api: Api) -> None:
    group = make_group(api)
    schema = make_schema(api, "People", group["$id"])
    with api.workspace().records.write() as tx:
        tx.add("dataset", "d1", {"name": "d"}, Names(links=(("schema", schema["$id"]),)))
    refused(api.delete(f"{REG}/tenant/schemas/{schema['meta:altId']}"))
    removal = [{"op": "remove", "path": "/definitions/customFields/properties/_dev/properties/pet"}]
    refused(api.patch(f"{REG}/tenant/fieldgroups/{group['meta:altId']}", removal))


@pytest.mark.parametrize("orderby", ["", "title", "-title", "updated"])
def test_pages_show_each_schema_once(api: Api, orderby: str) -> None:
    titles = ["b", "10", "a", "2", "ä c"]
    for title in titles:
        ok(api.post(f"{REG}/tenant/schemas", {"title": title, "allOf": [{"$ref": PROFILE}]}), 201)
    seen: list[str] = []
    start: str | None = ""
    while start is not None:
        params = {"limit": "2", "orderby": orderby, "start": start}
        listed = ok(api.get(f"{REG}/tenant/schemas", params=params, headers=IDS))
        seen += [entry["title"] for entry in listed["results"]]
        start = listed["_page"]["next"]
        assert (listed["_links"]["next"] is None) == (start is None)
    assert sorted(seen) == sorted(titles)
    if orderby == "title":
        assert seen == sorted(titles)


def test_next_link_leads_to_the_next_page(api: Api) -> None:
    for title in ("one", "two"):
        make_schema(api, title)
    first = ok(api.get(f"{REG}/tenant/schemas?limit=1&orderby=title", headers=IDS))
    assert first["_page"] == {"orderby": "title", "next": "one", "count": 1}
    href = first["_links"]["next"]["href"].removeprefix("http://cdp.test")
    second = ok(api.get(href, headers=IDS))
    assert [entry["title"] for entry in second["results"]] == ["two"]
    assert "next" in second["_page"] and second["_page"]["next"] is None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("title==People", {"People"}),
        ("title!=People", {"Events"}),
        ("title~^Ev", {"Events"}),
        ("meta:class", {"People", "Events"}),
        ("meta:immutableTags", set()),
        (f"meta:extends=={EVENT}", {"Events"}),
        ("meta:extends!=https://ns.adobe.com/xdm/data/adhoc", {"People", "Events"}),
        (f"meta:class=={PROFILE},title~e", {"People"}),
    ],
)
def test_property_filters(api: Api, condition: str, expected: set[str]) -> None:
    make_schema(api)
    ok(api.post(f"{REG}/tenant/schemas", {"title": "Events", "allOf": [{"$ref": EVENT}]}), 201)
    listed = ok(api.get(f"{REG}/tenant/schemas", params={"property": condition}, headers=IDS))
    assert {entry["title"] for entry in listed["results"]} == expected


def test_standard_field_groups_can_be_filtered_and_paged(api: Api) -> None:
    params = {"property": f"meta:intendedToExtend=={PROFILE}", "orderby": "title", "limit": "5"}
    listed = ok(api.get(f"{REG}/global/fieldgroups", params=params, headers=IDS))
    titles = [entry["title"] for entry in listed["results"]]
    assert titles == sorted(titles) and len(titles) == 5
    after = ok(
        api.get(f"{REG}/global/fieldgroups", params={**params, "start": listed["_page"]["next"]}, headers=IDS)
    )
    assert after["results"][0]["title"] > titles[-1]


@pytest.mark.parametrize("container", ["global", "tenant"])
@pytest.mark.parametrize(
    "type_", ["classes", "fieldgroups", "datatypes", "schemas", "behaviors", "unions", "descriptors"]
)
def test_every_list_has_what_clients_index(api: Api, container: str, type_: str) -> None:
    listed = ok(
        api.get(f"{REG}/{container}/{type_}/", headers={"Accept": "application/vnd.adobe.xdm-v2+json"})
    )
    assert listed["_page"]["next"] is None and isinstance(listed["results"], list)
    assert all({"title", "$id", "meta:altId"} <= set(entry) for entry in listed["results"])


def test_descriptors_come_grouped_or_paged(api: Api) -> None:
    made = ok(api.post(f"{REG}/tenant/descriptors", identity(make_schema(api))), 201)
    path = f"{REG}/tenant/descriptors"
    grouped = ok(api.get(path, headers={"Accept": "application/vnd.adobe.xdm+json"}))
    assert grouped == {"xdm:descriptorIdentity": [made]}
    assert ok(api.get(path, headers={"Accept": "application/vnd.adobe.xdm-v2-id+json"}))["results"] == [
        made["@id"]
    ]
    none = ok(
        api.get(
            f"{path}?property=@type==xdm:descriptorLabel",
            headers={"Accept": "application/vnd.adobe.xdm+json"},
        )
    )
    assert none == {}
    assert ok(api.get(f"{path}/{made['@id']}")) == made
    assert len(made["@id"]) == 40 and "meta:namespaceCode" not in made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"xdm:sourceProperty": "/personalEmail/nothing"}, "has no field"),
        ({"xdm:sourceProperty": "/properties/personalEmail/properties/address"}, "leave out the segments"),
        ({"xdm:sourceProperty": "/personalEmail/address/"}, "does not end with /"),
        ({"xdm:sourceProperty": "personalEmail/address"}, "starts with /"),
        ({"xdm:sourceProperty": "/person/birthYear"}, "an identity is a string"),
        ({"xdm:namespace": "Nowhere"}, "no identity namespace"),
        ({"xdm:sourceSchema": "https://ns.adobe.com/dev/schemas/00"}, "no schema"),
        ({"@type": "xdm:other"}, "is one of"),
    ],
)
def test_identity_descriptors_are_checked(api: Api, change: dict[str, str], words: str) -> None:
    body = {**identity(make_schema(api)), **change}
    assert words in refused(api.post(f"{REG}/tenant/descriptors", body))


def test_a_schema_has_one_primary_identity(api: Api) -> None:
    schema = make_schema(api)
    first = ok(api.post(f"{REG}/tenant/descriptors", identity(schema)), 201)
    other = identity(schema, "/mobilePhone/number", **{"xdm:namespace": 7, "xdm:property": "xdm:id"})
    assert first["@id"] in refused(api.post(f"{REG}/tenant/descriptors", other))
    second = ok(api.post(f"{REG}/tenant/descriptors", {**other, "xdm:isPrimary": False}), 201)
    replaced = ok(api.put(f"{REG}/tenant/descriptors/{second['@id']}", {**other, "xdm:isPrimary": False}))
    assert replaced == second
    assert api.delete(f"{REG}/tenant/descriptors/{first['@id']}").status_code == 204
    ok(api.put(f"{REG}/tenant/descriptors/{second['@id']}", other))


def test_stats_tell_the_tenant(api: Api) -> None:
    schema = make_schema(api)
    stats = ok(api.get(f"{REG}/stats/"))
    assert stats["tenantId"] == "dev"
    assert stats["counts"] == {"schemas": 1, "mixins": 0, "datatypes": 0, "classes": 0, "unions": 0}
    assert stats["recentlyCreatedResources"][0]["$id"] == schema["$id"]
    assert [entry["$id"] for entry in stats["classUsage"][PROFILE]] == [schema["$id"]]


def test_sample_has_the_fields_of_the_schema(api: Api) -> None:
    schema = make_schema(api)
    sample = ok(api.get(f"{REG}/rpc/sampledata/{encoded(schema['$id'])}", headers=XED))
    assert isinstance(sample["person"]["name"]["firstName"], str) and sample["person"]["birthMonth"] <= 12


def test_export_brings_what_a_schema_is_made_of(api: Api) -> None:
    group = make_group(api)
    schema = make_schema(api, "People", group["$id"])
    exported = answer(api.get(f"{REG}/rpc/export/{schema['meta:altId']}", headers=XED))
    assert [each["$id"] for each in exported] == [group["$id"], schema["$id"]]


def test_tenant_class_makes_its_own_union(api: Api) -> None:
    body = {
        "title": "Shops",
        "allOf": [{"$ref": "https://ns.adobe.com/xdm/data/record"}, {"$ref": "#/definitions/own"}],
        "definitions": {
            "own": {"properties": {"_dev": {"type": "object", "properties": {"shopId": {"type": "string"}}}}}
        },
    }
    shop = ok(api.post(f"{REG}/tenant/classes", body), 201)
    schema = ok(api.post(f"{REG}/tenant/schemas", {"title": "Shop", "allOf": [{"$ref": shop["$id"]}]}), 201)
    assert schema["meta:class"] == shop["$id"]
    assert api.get(f"{REG}/tenant/unions/{shop['meta:altId']}__union", headers=FULL).status_code == 404
    descriptor = identity(schema, "/_dev/shopId", **{"xdm:namespace": "ECID"})
    ok(api.post(f"{REG}/tenant/descriptors", descriptor), 201)
    ok(api.patch(f"{REG}/tenant/schemas/{schema['meta:altId']}", UNION_TAG))
    union = ok(api.get(f"{REG}/tenant/unions/{encoded(shop['$id'] + '__union')}", headers=FULL))
    assert union["properties"]["_dev"]["properties"]["shopId"]["type"] == "string"


def test_data_types_are_resolved_inside_field_groups(api: Api) -> None:
    body = {
        "title": "Chip",
        "properties": {"number": {"type": "string"}, "since": {"type": "string", "format": "date"}},
    }
    chip = ok(api.post(f"{REG}/tenant/datatypes", body), 201)
    group = make_group(api, chips={"type": "array", "items": {"$ref": chip["$id"]}})
    full = ok(api.get(f"{REG}/tenant/fieldgroups/{group['meta:altId']}", headers=FULL))
    items = full["properties"]["_dev"]["properties"]["chips"]["items"]
    assert (
        items["properties"]["since"]["meta:xdmType"] == "date" and items["meta:referencedFrom"] == chip["$id"]
    )
    assert group["$id"] in refused(api.delete(f"{REG}/tenant/datatypes/{chip['meta:altId']}"))


def test_writing_needs_the_permission(api: Api) -> None:
    api.app.clients.put("reader", "secret", ORG, ["view-schemas"])
    token = api.client.post(
        "/ims/token/v3",
        data={"grant_type": "client_credentials", "client_id": "reader", "client_secret": "secret"},
    ).json()["access_token"]
    reader = {"Authorization": f"Bearer {token}", "x-api-key": "reader"}
    assert api.get(f"{REG}/tenant/schemas", headers=reader).status_code == 200
    assert api.post(f"{REG}/tenant/schemas", {}, headers=reader).status_code == 403


def test_schemas_of_one_union_agree_on_types(api: Api) -> None:
    text = make_group(api, "As text", pet={"type": "string"})
    number = make_group(api, "As number", pet={"type": "number"})
    enable(api, make_schema(api, "One", text["$id"]))
    other = make_schema(api, "Two", number["$id"])
    ok(api.post(f"{REG}/tenant/descriptors", identity(other)), 201)
    path = f"{REG}/tenant/schemas/{other['meta:altId']}"
    assert "/_dev/pet: is string in the union and number here" in refused(api.patch(path, UNION_TAG))
