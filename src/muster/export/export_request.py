"""The body that starts an export job: what may be asked for, checked and with its defaults filled in."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from muster.kernel.clock import iso
from muster.kernel.errors import Invalid, NotFound, Problem
from muster.profiles.merge_policies import KIND as MERGE_POLICY
from muster.profiles.merge_policies import PROFILE_CLASS_NAME, default_policy
from muster.storage.records import Document, RecordsTransaction
from muster.storage.workspace import Workspace
from muster.xdm.fields import Field, Kind
from muster.xdm.registry import PROFILE_CLASS, Registry

STATUSES = ("realized", "existing", "exited")
DEFAULT_STATUSES = ("realized", "existing")

_LEGACY_IDENTITIES = "identities"


def checked(workspace: Workspace, body: Any) -> Document:
    """The stored form of a request: `destination`, `schema`, `fields`, `mergePolicy`, `filter` …

    Raises:
        Invalid: With every problem, parts that this version does not do among them.
    """
    if not isinstance(body, Mapping):
        raise Invalid.at("", "an export job is needed as a JSON object")
    problems: list[Problem] = []
    destination = _destination(workspace, body.get("destination"), problems)
    schema = body.get("schema")
    name = schema.get("name") if isinstance(schema, Mapping) else None
    if name != PROFILE_CLASS_NAME:
        problems.append(Problem("/schema/name", f"is required: {PROFILE_CLASS_NAME}"))
    filter_ = _filter(body.get("filter"), problems)
    if destination.get("segmentPerBatch") and not filter_.get("segments"):
        problems.append(Problem("/destination/segmentPerBatch", "needs filter.segments"))
    _refuse_unsupported(body, problems)
    fields = _fields(workspace, body.get("fields"), problems)
    with workspace.records.read() as tx:
        policy_id = _policy_id(tx, body.get("mergePolicy"), filter_, problems)
    if problems:
        raise Invalid(tuple(problems))
    policy_id = policy_id or default_policy(workspace).id
    with workspace.records.read() as tx:
        version = int(tx.get(MERGE_POLICY, policy_id).version)
    return {
        "destination": destination,
        "schema": {"name": PROFILE_CLASS_NAME},
        "fields": fields,
        "mergePolicy": {"id": policy_id, "version": version},
        "filter": filter_,
        "additionalFields": body.get("additionalFields") or {},
        "evaluationInfo": {"segmentation": False},
        "dataGovernancePolicy": {"excludeOptOut": _excludes_opt_out(body)},
    }


def instant(value: Any, path: str) -> datetime:
    """An RFC 3339 instant; a blank in place of `T` is taken as well. Raises `Invalid`."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Invalid.at(path, f"{value!r} is no RFC 3339 instant") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _destination(workspace: Workspace, value: Any, problems: list[Problem]) -> Document:
    given = value if isinstance(value, Mapping) else {}
    dataset_id = given.get("datasetId") or given.get("dataSetId")
    per_batch = given.get("segmentPerBatch", False)
    if not isinstance(per_batch, bool):
        problems.append(Problem("/destination/segmentPerBatch", "true or false is needed"))
    if not isinstance(dataset_id, str):
        problems.append(Problem("/destination/datasetId", "is required: the dataset that is written to"))
        return {}
    with workspace.records.read() as tx:
        dataset = tx.find("dataset", dataset_id)
    if dataset is None:
        problems.append(
            Problem("/destination/datasetId", f"there is no dataset {dataset_id} in this sandbox")
        )
    else:
        _check_class(workspace, str(dataset.body["schemaRef"]["id"]), problems)
    return {"datasetId": dataset_id, "segmentPerBatch": per_batch is True}


def _check_class(workspace: Workspace, schema_id: str, problems: list[Problem]) -> None:
    try:
        class_id = Registry(workspace).class_of(schema_id)
    except NotFound:
        class_id = ""
    if class_id != PROFILE_CLASS:
        message = f"its schema {schema_id} is not of the profile class; use {PROFILE_CLASS}__union"
        problems.append(Problem("/destination/datasetId", message))


def _filter(value: Any, problems: list[Problem]) -> Document:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        problems.append(Problem("/filter", "an object is needed"))
        return {}
    checked: Document = {}
    if value.get("segments"):
        checked["segments"] = _segments(value["segments"], problems)
    if value.get("fromIngestTimestamp"):
        problems.append(Problem("/filter/fromIngestTimestamp", "is not supported by this version"))
    if (window := value.get("segmentQualificationTime")) is not None:
        checked["segmentQualificationTime"] = _window(window, problems)
    if (empty := value.get("emptyProfiles")) is not None:
        checked["emptyProfiles"] = empty
        if not isinstance(empty, bool):
            problems.append(Problem("/filter/emptyProfiles", "true or false is needed"))
    return checked


def _segments(value: Any, problems: list[Problem]) -> list[Document]:
    if not isinstance(value, list):
        problems.append(Problem("/filter/segments", 'a list is needed: [{"segmentId": "…"}]'))
        return []
    found = []
    for position, item in enumerate(value):
        place = f"/filter/segments/{position}"
        given = item if isinstance(item, Mapping) else {}
        statuses = given.get("status") or list(DEFAULT_STATUSES)
        listed = [statuses] if isinstance(statuses, str) else statuses
        if not isinstance(given.get("segmentId"), str):
            problems.append(Problem(f"{place}/segmentId", "is required, as text"))
        if str(given.get("segmentNs", "ups")).lower() != "ups":
            problems.append(Problem(f"{place}/segmentNs", "only own audiences (ups) are exported"))
        if not isinstance(listed, list) or not all(status in STATUSES for status in listed):
            problems.append(Problem(f"{place}/status", f"a list of {', '.join(STATUSES)} is needed"))
            listed = []
        found.append({"segmentId": given.get("segmentId"), "segmentNs": "ups", "status": listed})
    return found


def _window(value: Any, problems: list[Problem]) -> Document:
    window: Document = {}
    for name in ("startTime", "endTime"):
        text = value.get(name) if isinstance(value, Mapping) else None
        if text is None:
            continue
        try:
            window[name] = iso(instant(text, f"/filter/segmentQualificationTime/{name}"))
        except Invalid as error:
            problems += error.problems
    if not window and not problems:
        problems.append(Problem("/filter/segmentQualificationTime", "startTime or endTime is needed"))
    return window


def _refuse_unsupported(body: Mapping[str, Any], problems: list[Problem]) -> None:
    additional, evaluation = body.get("additionalFields"), body.get("evaluationInfo")
    if isinstance(additional, Mapping) and additional.get("eventList"):
        problems.append(Problem("/additionalFields/eventList", "is not supported by this version"))
    if isinstance(evaluation, Mapping) and evaluation.get("segmentation"):
        message = "is not supported by this version; run a segment job first, then the export"
        problems.append(Problem("/evaluationInfo/segmentation", message))


def _excludes_opt_out(body: Mapping[str, Any]) -> bool:
    policy = body.get("dataGovernancePolicy")
    return not (isinstance(policy, Mapping) and policy.get("excludeOptOut") is False)


def _fields(workspace: Workspace, value: Any, problems: list[Problem]) -> str:
    if value in (None, "", []):
        return ""
    paths = value.split(",") if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        problems.append(Problem("/fields", "dotted paths with commas between are needed"))
        return ""
    union = Registry(workspace).union_fields(PROFILE_CLASS)
    names = [path.strip() for path in paths if path.strip()]
    for name in names:
        # Published samples name the array that identityMap has replaced.
        if name.split(".")[0] != _LEGACY_IDENTITIES and (missing := _unknown_name(union, name)):
            problems.append(Problem("/fields", missing))
    return ",".join(names)


def _unknown_name(union: Field, path: str) -> str:
    """What is wrong with a path, or nothing."""
    field = union
    for name in path.split("."):
        while field.kind is Kind.ARRAY and field.item is not None:
            field = field.item
        if field.kind is Kind.MAP and field.item is not None:
            field = field.item
        elif name in field.fields:
            field = field.fields[name]
        else:
            near = difflib.get_close_matches(name, field.fields, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            return f"the union schema has no field {path}: {name} is unknown{hint}"
    return ""


def _policy_id(tx: RecordsTransaction, value: Any, filter_: Document, problems: list[Problem]) -> str | None:
    """The policy that is asked for, else the one of the definitions; None for the default one."""
    ids = [item["segmentId"] for item in filter_.get("segments", ()) if isinstance(item["segmentId"], str)]
    found = tx.get_many("segment_definition", ids)
    problems += [
        Problem(f"/filter/segments/{position}/segmentId", f"there is no segment definition {id_}")
        for position, id_ in enumerate(ids)
        if id_ not in found
    ]
    wanted = value.get("id") if isinstance(value, Mapping) else None
    if wanted:
        if tx.find(MERGE_POLICY, str(wanted)) is None:
            problems.append(Problem("/mergePolicy/id", f"there is no merge policy {wanted}"))
        return str(wanted)
    policies = {record.body["mergePolicyId"] for record in found.values()}
    if len(policies) > 1:
        problems.append(Problem("/mergePolicy", "is required: the definitions have different merge policies"))
    return next(iter(policies), None)
