"""What a flow exports: its audiences with their schedules, its columns, mandatory fields and keys.

All of it lies in `transformations[0].params` of the flow. Reading it is shared by the checks and by the export.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from muster.flows import specs
from muster.flows.errors import KindNotSupported, refused
from muster.flows.schedule import FULL, INCREMENTAL, normalised_schedule
from muster.kernel.clock import to_ms
from muster.storage.records import Document, RecordsTransaction

DEFAULT_TEMPLATE = "%DESTINATION_NAME%_%SEGMENT_ID%_%DATETIME(YYYYMMdd_HHmmss)%"
PLACE = "/transformations/0/params"


@dataclass(frozen=True, slots=True)
class Selector:
    """One audience of a flow."""

    audience_id: str
    name: str
    template: str
    export_mode: str
    schedule: Document


def selectors_of(flow: Mapping[str, Any]) -> tuple[Selector, ...]:
    """The audiences of a stored flow, in its order."""
    listed = (params_of(flow).get("segmentSelectors") or {}).get("selectors") or ()
    return tuple(_selector(each["value"]) for each in listed)


def find_selector(flow: Mapping[str, Any], audience_id: str) -> Selector | None:
    """One audience of a stored flow, or None."""
    return next((each for each in selectors_of(flow) if each.audience_id == audience_id), None)


def params_of(flow: Mapping[str, Any]) -> Mapping[str, Any]:
    """`transformations[0].params`, empty when there is none."""
    transformations = flow.get("transformations") or ()
    return transformations[0].get("params") or {} if transformations else {}


def profile_selectors_of(flow: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The attributes that a flow to a legacy card exports."""
    listed: Sequence[Mapping[str, Any]] = (params_of(flow).get("profileSelectors") or {}).get(
        "selectors"
    ) or ()
    return listed


def mandatory_fields_of(flow: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields without which a profile is left out; both documented places count."""
    params = params_of(flow)
    inner = (params.get("profileSelectors") or {}).get("mandatoryFields") or ()
    return tuple(dict.fromkeys(str(name) for name in (*(params.get("mandatoryFields") or ()), *inner)))


def primary_fields_of(flow: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Deduplication keys; both documented places count."""
    params = params_of(flow)
    inner = (params.get("profileSelectors") or {}).get("primaryFields") or ()
    return (*(params.get("primaryFields") or ()), *inner)


def completed_transformations(transformations: Any, *, legacy: bool) -> list[Document]:
    """The transformations of an audience flow: the first is always a GeneralTransform with its members."""
    if transformations is None:
        transformations = []
    if not isinstance(transformations, list) or not all(isinstance(each, dict) for each in transformations):
        raise refused("1419-400", "transformations is a list of objects", "/transformations")
    first = dict(transformations[0]) if transformations else {}
    first.setdefault("name", "GeneralTransform")
    params = dict(first.get("params") or {})
    params["segmentSelectors"] = {"selectors": [], **(params.get("segmentSelectors") or {})}
    if legacy:
        params["profileSelectors"] = {"selectors": [], **(params.get("profileSelectors") or {})}
    else:
        for name, empty in (("profileMapping", {}), ("mandatoryFields", []), ("primaryFields", [])):
            params.setdefault(name, empty)
    return [{**first, "params": params}, *transformations[1:]]


def checked_params(
    tx: RecordsTransaction,
    params: Mapping[str, Any],
    before: Mapping[str, Any],
    now: datetime,
    *,
    legacy: bool,
) -> Document:
    """The parameters of the GeneralTransform, checked and completed against what was stored before.

    Raises:
        FlowInvalid: An audience, schedule, mapping or key that cannot be.
        KindNotSupported: Incremental exports.
    """
    checked = dict(params)
    old = {
        each["value"]["id"]: each["value"]
        for each in (before.get("segmentSelectors") or {}).get("selectors") or ()
    }
    sent = (params.get("segmentSelectors") or {}).get("selectors") or []
    checked["segmentSelectors"] = {**params["segmentSelectors"], "selectors": _audiences(tx, sent, old, now)}
    if legacy:
        inner = params.get("profileSelectors") or {}
        filled = [_attribute(each) for each in inner.get("selectors") or ()]
        checked["profileSelectors"] = {**inner, "selectors": filled}
        _check_keys(inner.get("primaryFields"))
        _check_names(inner.get("mandatoryFields"))
    _check_mapping(tx, params.get("profileMapping"))
    _check_keys(params.get("primaryFields"))
    _check_names(params.get("mandatoryFields"))
    return checked


def _audiences(
    tx: RecordsTransaction, sent: Any, old: Mapping[str, Document], now: datetime
) -> list[Document]:
    if not isinstance(sent, list):
        raise refused("1419-400", "selectors is a list", f"{PLACE}/segmentSelectors/selectors")
    found: dict[str, Document] = {}
    for position, each in enumerate(sent):
        path = f"{PLACE}/segmentSelectors/selectors/{position}"
        value = _audience(tx, each, path, now)
        # Adding an audience that is there already replaces it, in its place.
        found[value["id"]] = {**each, "type": each.get("type") or "PLATFORM_SEGMENT", "value": value}
    seconds = str(to_ms(now) // 1000)
    for id, selector in found.items():
        stored, value = old.get(id), selector["value"]
        unchanged = stored is not None and _without_times(stored) == _without_times(value)
        value["createTime"] = stored["createTime"] if stored else seconds
        value["updateTime"] = stored["updateTime"] if stored and unchanged else seconds
    return list(found.values())


def _audience(tx: RecordsTransaction, selector: Any, path: str, now: datetime) -> Document:
    value = selector.get("value") if isinstance(selector, dict) else None
    if not isinstance(value, dict) or not value.get("id"):
        raise refused("1419-400", "a selector has a value with an id", path)
    if str(selector.get("type") or "PLATFORM_SEGMENT") != "PLATFORM_SEGMENT":
        raise refused("1419-400", f"type {selector.get('type')!r} is not PLATFORM_SEGMENT", path)
    definition = tx.find("segment_definition", str(value["id"]))
    if definition is None:
        raise refused("1419-400", f"there is no audience {value['id']}", path)
    completed = dict(value)
    completed["name"] = value.get("name") or definition.body.get("name", "")
    completed.setdefault("description", "")
    template = completed.pop("fileNameTemplate", None) or value.get("filenameTemplate") or DEFAULT_TEMPLATE
    if not isinstance(template, str):
        raise refused("1419-400", "filenameTemplate is no text", path)
    if re.search(r"DATETIME", template) and "%TIMESTAMP%" in template:
        raise refused(
            "1419-400", "%DATETIME% and %TIMESTAMP% exclude each other", f"{path}/value/filenameTemplate"
        )
    completed["filenameTemplate"] = template
    completed["exportMode"] = _export_mode(value.get("exportMode"), path)
    completed["schedule"] = normalised_schedule(
        value.get("schedule"), completed["exportMode"], now.date(), f"{path}/value/schedule"
    )
    if value.get("enrichmentInfo"):
        raise KindNotSupported("enrichmentInfo", "payload columns of uploaded audiences are not exported yet")
    return completed


def _export_mode(mode: Any, path: str) -> str:
    if mode == INCREMENTAL:
        raise KindNotSupported(
            f"exportMode {INCREMENTAL}", f"use {FULL}, which writes every member each time"
        )
    if mode not in (None, FULL):
        raise refused("1419-400", f"exportMode {mode!r} is not {FULL}", f"{path}/value/exportMode")
    return FULL


def _without_times(value: Mapping[str, Any]) -> Document:
    return {name: each for name, each in value.items() if name not in ("createTime", "updateTime")}


def _attribute(selector: Any) -> Document:
    value = selector.get("value") if isinstance(selector, dict) else None
    path = value.get("path") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(path, str) or not path:
        raise refused(
            "1419-400", "a profile selector has a value with a path", f"{PLACE}/profileSelectors/selectors"
        )
    if not re.fullmatch(r"[\w.$/\[\]:@-]+", path):
        raise refused(
            "1419-400", f"{path!r} is no path; expressions are not supported yet", f"{PLACE}/profileSelectors"
        )
    sent = value.get("mapping") or {}
    destination = sent.get("destination") or sent.get("destinationXdmPath") or path
    mapping = {
        "sourceType": "text/x.schema-path",
        "identity": False,
        "primaryIdentity": False,
        "functionVersion": 0,
        "copyModeMapping": False,
        **sent,
        # The path decides, whatever a client's mapping says.
        "source": path,
        "sourceAttribute": path,
        "destination": destination,
        "destinationXdmPath": destination,
    }
    completed = {**value, "operator": value.get("operator") or "EXISTS", "mapping": mapping}
    return {**selector, "type": selector.get("type") or "JSON_PATH", "value": completed}


def _check_mapping(tx: RecordsTransaction, mapping: Any) -> None:
    if not mapping:
        return
    place = f"{PLACE}/profileMapping"
    if not isinstance(mapping, dict) or not mapping.get("mappingId"):
        raise refused("1412-400", "profileMapping has a mappingId and a mappingVersion", place)
    version = str(mapping.get("mappingVersion", 0))
    if (
        not version.isdigit()
        or tx.find("mapping_set_version", f"{mapping['mappingId']}/{int(version)}") is None
    ):
        raise refused(
            "1412-400", f"there is no mapping set {mapping['mappingId']} of version {version}", place
        )


def _check_names(names: Any) -> None:
    if names is not None and not (
        isinstance(names, list) and all(isinstance(name, str) and name for name in names)
    ):
        raise refused("1419-400", "a list of field names is needed", f"{PLACE}/mandatoryFields")


def _check_keys(keys: Any) -> None:
    if not keys:
        return
    place = f"{PLACE}/primaryFields"
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise refused("1419-400", "primaryFields is a list of keys", place)
    kinds = [str(key.get("fieldType", "")).upper() for key in keys]
    if kinds == ["IDENTITY"] and keys[0].get("identityNamespace"):
        return
    if kinds in (["ATTRIBUTE"], ["ATTRIBUTE", "ATTRIBUTE"]) and all(key.get("attributePath") for key in keys):
        return
    raise refused("1419-400", "a key is one identity, or one or two attributes", place)


def _selector(value: Mapping[str, Any]) -> Selector:
    return Selector(
        value["id"], value.get("name", ""), value["filenameTemplate"], value["exportMode"], value["schedule"]
    )


def needs_identity_graph(tx: RecordsTransaction, flow: Mapping[str, Any]) -> bool:
    """Whether the flow exports identities, for which a caller needs a permission of its own."""
    if any(str(each["value"]["path"]).startswith("identityMap") for each in profile_selectors_of(flow)):
        return True
    mapping = params_of(flow).get("profileMapping") or {}
    if not mapping.get("mappingId"):
        return False
    stored = tx.find("mapping_set_version", f"{mapping['mappingId']}/{int(mapping.get('mappingVersion', 0))}")
    return stored is not None and any(
        str(each.get("source", "")).startswith("identityMap") for each in stored.body["mappings"]
    )


def is_audience_flow(flow_spec: Mapping[str, Any], source_spec_ids: Sequence[str]) -> bool:
    """Whether a flow exports audiences: decided by its source, since published requests mix the flow specs up."""
    is_destination_flow = bool((flow_spec.get("attributes") or {}).get("isDestinationFlow"))
    return is_destination_flow and list(source_spec_ids) == [specs.PROFILE_STORE]
