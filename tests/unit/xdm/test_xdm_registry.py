"""What other parts learn of schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muster.app import App
from muster.kernel.errors import NotFound
from muster.kernel.ids import SeededIds
from muster.settings import Settings
from muster.storage.workspace import Workspace
from muster.xdm.descriptors import Descriptors
from muster.xdm.registry import EVENT_CLASS, PROFILE_CLASS, IdentityField, Registry
from muster.xdm.resources import Resources
from muster.xdm.samples import sample

PERSON = "https://ns.adobe.com/xdm/context/profile-person-details"
CONTACT = "https://ns.adobe.com/xdm/context/profile-personal-details"
UNION = f"{PROFILE_CLASS}__union"
TAG = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    settings = Settings(data_dir=tmp_path, emulator=True)
    app = App(settings, engine_threads=1, engine_bytes_max=64 << 20, ids=SeededIds(1))
    app.database.migrate()
    sandbox = app.sandboxes.add("dev@AdobeOrg", "prod", "P", "production", is_default=True, by="dev")
    yield app.workspace(sandbox.scope)
    app.close()


def add_schema(workspace: Workspace, title: str, *parts: str) -> str:
    body = {"title": title, "allOf": [{"$ref": id} for id in parts]}
    return Resources(workspace).create("schemas", body, "dev").id


def add_group(workspace: Workspace, title: str, **fields: Any) -> str:
    own = {"properties": {"_dev": {"type": "object", "properties": fields}}}
    body = {"title": title, "definitions": {"own": own}, "allOf": [{"$ref": "#/definitions/own"}]}
    return Resources(workspace).create("fieldgroups", body, "dev").id


def add_identity(workspace: Workspace, schema: str, path: str, code: str, *, primary: bool) -> str:
    body = {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": schema,
        "xdm:sourceProperty": path,
        "xdm:namespace": code,
        "xdm:isPrimary": primary,
    }
    return Descriptors(workspace).create(body, code).id


def test_schema_has_the_fields_of_its_class_and_groups_only(workspace: Workspace) -> None:
    schema = add_schema(
        workspace, "People", PROFILE_CLASS, PERSON, add_group(workspace, "Pets", pet={"type": "string"})
    )
    registry = Registry(workspace)
    fields = registry.schema_fields(schema)
    assert {"_id", "person", "_dev"} <= fields.fields.keys() and "homeAddress" not in fields.fields
    assert registry.class_of(schema) == PROFILE_CLASS
    assert registry.behaviour_of(schema) == "record"


def test_class_named_as_schema_is_the_whole_class(workspace: Workspace) -> None:
    registry = Registry(workspace)
    fields = registry.schema_fields(PROFILE_CLASS)
    assert {"_id", "person", "homeAddress", "loyalty", "identityMap"} <= fields.fields.keys()
    assert registry.class_of(PROFILE_CLASS) == PROFILE_CLASS and registry.is_union_tagged(PROFILE_CLASS)
    assert registry.behaviour_of(EVENT_CLASS) == "time-series"
    assert registry.identities(PROFILE_CLASS) == ()


def test_union_grows_with_schemas_that_are_tagged(workspace: Workspace) -> None:
    registry = Registry(workspace)
    schema = add_schema(
        workspace, "People", PROFILE_CLASS, CONTACT, add_group(workspace, "Pets", pet={"type": "string"})
    )
    before = registry.union_fields(PROFILE_CLASS)
    assert {"identityMap", "segmentMembership", "person"} <= before.fields.keys()
    assert "_dev" not in before.fields and not registry.is_union_tagged(schema)
    add_identity(workspace, schema, "/personalEmail/address", "Email", primary=True)
    Resources(workspace).patch("schemas", schema, TAG, "dev")
    assert registry.is_union_tagged(schema)
    assert registry.union_fields(PROFILE_CLASS).at(("_dev", "pet")) is not None
    assert registry.schema_fields(UNION) == registry.union_fields(PROFILE_CLASS)
    assert "timeSeriesEvents" not in registry.schema_fields(UNION).fields
    assert registry.union_fields(EVENT_CLASS).at(("commerce", "order", "priceTotal")) is not None


def test_union_requires_nothing_that_a_schema_requires(workspace: Workspace) -> None:
    own = {"type": "object", "properties": {"card": {"type": "string"}}, "required": ["card"]}
    body = {"title": "Cards", "properties": {"_dev": own}}
    group = Resources(workspace).create("fieldgroups", body, "dev").id
    identities = "https://ns.adobe.com/xdm/context/identitymap"
    schema = add_schema(workspace, "People", PROFILE_CLASS, identities, group)
    Resources(workspace).patch("schemas", schema, TAG, "dev")
    registry = Registry(workspace)
    assert registry.schema_fields(schema).fields["_dev"].required == {"card"}
    assert registry.union_fields(PROFILE_CLASS).fields["_dev"].required == frozenset()


def test_a_change_of_a_field_group_is_seen_at_once(workspace: Workspace) -> None:
    group = add_group(workspace, "Pets", pet={"type": "string"})
    schema = add_schema(workspace, "People", PROFILE_CLASS, group)
    registry = Registry(workspace)
    assert registry.schema_fields(schema).at(("_dev", "age")) is None
    path = "/definitions/own/properties/_dev/properties/age"
    Resources(workspace).patch(
        "fieldgroups", group, [{"op": "add", "path": path, "value": {"type": "integer"}}], "dev"
    )
    assert registry.schema_fields(schema).at(("_dev", "age")) is not None


def test_identities_are_read_primary_first(workspace: Workspace) -> None:
    schema = add_schema(workspace, "People", PROFILE_CLASS, CONTACT)
    add_identity(workspace, schema, "/homePhone/number", "Phone", primary=False)
    add_identity(workspace, schema, "/personalEmail/address", "Email", primary=True)
    assert Registry(workspace).identities(schema) == (
        IdentityField(("personalEmail", "address"), "Email", True),
        IdentityField(("homePhone", "number"), "Phone", False),
    )


def test_descriptors_go_with_their_schema(workspace: Workspace) -> None:
    schema = add_schema(workspace, "People", PROFILE_CLASS, CONTACT)
    descriptor = add_identity(workspace, schema, "/personalEmail/address", "Email", primary=True)
    Resources(workspace).remove("schemas", schema)
    with pytest.raises(NotFound):
        Descriptors(workspace).get(descriptor)


@pytest.mark.parametrize(
    "id", ["https://ns.adobe.com/dev/schemas/00", "_dev.schemas.00", "nothing", PERSON, "x__union"]
)
def test_other_ids_are_no_schemas(workspace: Workspace, id: str) -> None:
    with pytest.raises(NotFound):
        Registry(workspace).schema_fields(id)


def test_sample_of_a_schema_keeps_its_bounds(workspace: Workspace) -> None:
    row = sample(Registry(workspace).schema_fields(PROFILE_CLASS))
    assert 1 <= row["person"]["birthMonth"] <= 12
    assert isinstance(row["identityMap"]["key"][0]["id"], str)
