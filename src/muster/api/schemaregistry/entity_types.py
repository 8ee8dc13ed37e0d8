"""The union schema of a class as one JSON schema, as the audience builder reads it."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.schemaregistry.printing import described, shown
from muster.api.schemaregistry.routes import schema_descriptors, with_events
from muster.api.wire import Params, from_path, reply
from muster.xdm import standard
from muster.xdm.library import UNION_SUFFIX, Library
from muster.xdm.registry import union_id

door = Door("/data/core/ups/config", "Entity types")

RELATIONSHIPS = ("xdm:descriptorRelationship", "xdm:descriptorOneToOne", "xdm:descriptorReferenceIdentity")


@door.get("/entityTypes/{name}", permission=Permission.VIEW_SCHEMAS)
def read_entity_type(name: str, request: Request, here: Here) -> Response:
    """All fields of a class, by its `$id` or `meta:altId`, with or without `__union`; always with references followed."""
    wanted = ",".join(Params(request).every("property"))
    with here.records.read() as tx:
        library = Library(tx)
        union = library.get(union_id(from_path(name)))
        json = library.resolved(union).json
        if union["$id"] == standard.PROFILE_CLASS + UNION_SUFFIX:
            json = with_events(library, json)
        whole = shown(json, None, here.scope)
        if "includeRelationshipDescriptors==true" in wanted:
            all_ = [each for id in union["meta:extends"] for each in schema_descriptors(tx, here, id)]
            whole = described(whole, [each for each in all_ if each["@type"] in RELATIONSHIPS])
        return reply(whole)
