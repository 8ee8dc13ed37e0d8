"""The catalogue of connection specs and flow specs that every sandbox has.

Ids, parameter names and patterns are the hosted product's; the texts are ours. `specs.json` holds, beside what is
served, what only the server reads: the generation of a card, other spellings of parameters, what a mode requires.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from muster.storage.records import Document

PROFILE_STORE = "8a9c3494-9708-43d7-ae3f-cda01e5030e1"
DATA_LAKE_SOURCE = "23598e46-f560-407b-88d5-ea6207e49db0"
DATA_LAKE_TARGET = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
DATA_LANDING_ZONE = "10440537-2a7b-4583-ac39-ed38d4b848e8"

_LEGACY_FLOW_SPECS = frozenset(
    {
        "71471eba-b620-49e4-90fd-23f1fa0174d8",
        "51d675ce-e270-408d-91fc-22717bdf2148",
        "493b2bd6-26e4-4167-ab3b-5e910bba44f0",
    }
)

_OURS = (
    "kind",
    "aliases",
    "generation",
    "flowSpecs",
    "typeInfo",
)
_PARTNER_SCHEMA_REFERENCE = "$ref:#/partnerSchema/jsonSchema"


@cache
def _catalogue() -> Document:
    document: Document = orjson.loads(files("muster.flows").joinpath("specs.json").read_bytes())
    return document


@cache
def _connection_specs() -> Mapping[str, Document]:
    return {spec["id"]: spec for spec in _catalogue()["connectionSpecs"]}


@cache
def _flow_specs() -> Mapping[str, Document]:
    return {spec["id"]: spec for spec in _catalogue()["flowSpecs"]}


def find_connection_spec(id: str) -> Document | None:
    """A connection spec with the server's own members, or None."""
    return _connection_specs().get(id)


def find_flow_spec(id: str) -> Document | None:
    """A flow spec, or None."""
    return _flow_specs().get(id)


@cache
def served_connection_specs() -> tuple[Document, ...]:
    """All connection specs as the API answers them."""
    return tuple(_served(spec) for spec in _connection_specs().values())


@cache
def served_flow_specs() -> tuple[Document, ...]:
    """All flow specs as the API answers them."""
    return tuple(_flow_specs().values())


def is_legacy_card(connection_spec_id: str) -> bool:
    """Whether a destination is of the first generation: CSV only, attributes chosen on the flow itself."""
    spec = find_connection_spec(connection_spec_id)
    return spec is not None and spec.get("generation") == "legacy"


def is_legacy_flow_spec(flow_spec_id: str) -> bool:
    """Whether clients of this flow spec wait for 202 after a change."""
    return flow_spec_id in _LEGACY_FLOW_SPECS


def is_destination(connection_spec_id: str) -> bool:
    """Whether the spec is a place that files are exported to."""
    spec = find_connection_spec(connection_spec_id)
    return spec is not None and spec["kind"] == "destination"


def belongs_to_sources(connection_spec_id: str) -> bool:
    """Whether entities of the spec belong to ingestion; they are deleted with another status."""
    spec = find_connection_spec(connection_spec_id)
    return spec is not None and (spec["kind"] == "source" or connection_spec_id == DATA_LAKE_TARGET)


def destination_name(connection_spec_id: str) -> str:
    """The card's name in file names: without the mark that tells two generations apart."""
    spec = find_connection_spec(connection_spec_id)
    return str(spec["name"]).removesuffix(" (legacy)") if spec else ""


def auth_spec(spec: Mapping[str, Any], name: str) -> Document | None:
    """One way to sign in, by its name, or None."""
    found: Document | None = next((auth for auth in spec["authSpec"] if auth["name"] == name), None)
    return found


def _served(spec: Mapping[str, Any]) -> Document:
    # Clients chain `.get` through these members, so an absent one is an empty object or list, never null.
    served: Document = {
        "sourceSpec": {},
        "targetSpec": {},
        "attributes": {},
        "encryptionSpecs": [],
        "authSpec": [],
    }
    served |= {name: value for name, value in spec.items() if name not in _OURS}
    for name in ("authSpec", "encryptionSpecs"):
        served[name] = [{key: each[key] for key in ("name", "type", "spec")} for each in spec.get(name) or ()]
    if target := spec.get("targetSpec"):
        served["targetSpec"] = {name: value for name, value in target.items() if name != "requiredByMode"}
        attributes = target.get("attributes") or {}
        if (attributes.get("partnerSchema") or {}).get("jsonSchema") == _PARTNER_SCHEMA_REFERENCE:
            partner = {"partnerSchema": {"jsonSchema": _catalogue()["partnerSchema"]}}
            served["targetSpec"]["attributes"] = {**attributes, **partner}
    return served
