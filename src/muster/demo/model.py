"""What the platform has to know before data comes: namespace, schemas, identities, datasets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from muster.demo.client import CATALOG, NAMESPACES, REGISTRY, Client
from muster.demo.mapping import HOUSEHOLD_FIELDS, NAMESPACE, VISIT_FIELDS

_XDM = "https://ns.adobe.com/xdm/context"
_UNION = f"{_XDM}/profile__union"
_CONTENT_TYPE = "application/vnd.adobe.xed+json;version=1"


@dataclass(frozen=True, slots=True)
class Model:
    """Names that the rest of the story needs.

    Attributes:
        tenant: The tenant's object in XDM: an underscore and the tenant's id.
        households, purchases, campaigns: Ids of datasets that feed profiles.
    """

    tenant: str
    households: str
    purchases: str
    campaigns: str


def make_model(client: Client) -> Model:
    """Make all of it; an empty installation has none."""
    tenant = "_" + client.get(f"{REGISTRY}/stats")["tenantId"]
    client.post(
        f"{NAMESPACES}/identities", {"code": NAMESPACE, "name": "Household number", "idType": "CROSS_DEVICE"}
    )
    people = _make_schema(client, "Households", f"{_XDM}/profile", {tenant: HOUSEHOLD_FIELDS})
    events = _make_schema(
        client,
        "Household events",
        f"{_XDM}/experienceevent",
        {tenant: VISIT_FIELDS},
        f"{_XDM}/experienceevent-commerce",
        f"{_XDM}/identitymap",
    )
    # A household row names itself in a field of its own; events name their household in `identityMap`, which needs no descriptor.
    client.post(
        f"{REGISTRY}/tenant/descriptors",
        {
            "@type": "xdm:descriptorIdentity",
            "xdm:sourceSchema": people["$id"],
            "xdm:sourceVersion": 1,
            "xdm:sourceProperty": f"/{tenant}/householdId",
            "xdm:namespace": NAMESPACE,
            "xdm:property": "xdm:code",
            "xdm:isPrimary": True,
        },
    )
    for schema in (people, events):
        # From here on rows of the schema take part in Profile.
        tag = {"op": "add", "path": "/meta:immutableTags", "value": ["union"]}
        client.patch(f"{REGISTRY}/tenant/schemas/{schema['meta:altId']}", [tag])
    return Model(
        tenant,
        households=_make_dataset(client, "Households", people["$id"]),
        purchases=_make_dataset(client, "Purchases", events["$id"]),
        campaigns=_make_dataset(client, "Campaign events", events["$id"]),
    )


def make_export_dataset(client: Client) -> str:
    """A dataset for exported profiles: on the union schema, and feeding nothing."""
    return _created_dataset(client, {"name": "Exported households", "schemaRef": _schema_ref(_UNION)})


def _make_schema(
    client: Client, title: str, class_id: str, fields: Mapping[str, Any], *field_groups: str
) -> Mapping[str, Any]:
    """A schema of a class with the tenant's own fields and standard field groups, as the registry answers it."""
    own = {name: {"type": "object", "properties": properties} for name, properties in fields.items()}
    group = client.post(
        f"{REGISTRY}/tenant/fieldgroups",
        {
            "title": f"{title}: own fields",
            "type": "object",
            "meta:intendedToExtend": [class_id],
            "definitions": {"customFields": {"type": "object", "properties": own}},
            "allOf": [{"$ref": "#/definitions/customFields"}],
        },
    )
    parts = [class_id, group["$id"], *field_groups]
    body = {"title": title, "type": "object", "allOf": [{"$ref": id_} for id_ in parts]}
    schema: Mapping[str, Any] = client.post(f"{REGISTRY}/tenant/schemas", body)
    return schema


def _make_dataset(client: Client, name: str, schema_id: str) -> str:
    tags = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
    return _created_dataset(client, {"name": name, "schemaRef": _schema_ref(schema_id), "tags": tags})


def _created_dataset(client: Client, body: Mapping[str, Any]) -> str:
    # Catalog answers with a list of one link.
    link = str(client.post(f"{CATALOG}/dataSets", body)[0])
    return link.removeprefix("@/dataSets/")


def _schema_ref(schema_id: str) -> Mapping[str, str]:
    return {"id": schema_id, "contentType": _CONTENT_TYPE}
