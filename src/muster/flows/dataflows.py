"""Flows: which source goes to which target, for which audiences, when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muster.flows import due, specs
from muster.flows.entities import FLOWS, Author, add, change, check_etag, checked_body, checked_name, get
from muster.flows.errors import KindNotSupported, refused
from muster.flows.patching import apply_patch, touched
from muster.flows.selectors import (
    checked_params,
    completed_transformations,
    is_audience_flow,
    needs_identity_graph,
    params_of,
    selectors_of,
)
from muster.flows.sign_in import without_secrets
from muster.flows.targets import storage_kind
from muster.kernel.clock import to_ms
from muster.storage.records import Document, Record, RecordsTransaction
from muster.storage.workspace import Workspace


def create_flow(workspace: Workspace, body: Any, author: Author) -> Record:
    """Make a flow from the profile store to a destination, with its due tasks.

    Raises:
        FlowInvalid: Something in the body cannot be; says what.
        KindNotSupported: A flow of another kind, or to a kind of storage that files are not delivered to.
    """
    body = checked_body(body)
    name = checked_name(body)
    if "state" in body:
        raise refused("1410-400", "state is not set at creation; a new flow is enabled", "state")
    reference = body.get("flowSpec")
    flow_spec = specs.find_flow_spec(str(reference.get("id"))) if isinstance(reference, dict) else None
    if flow_spec is None or not isinstance(reference, dict):
        raise refused("1413-400", "Please provide a valid flow spec id", "flowSpec.id")
    with workspace.records.write() as tx:
        stored: Document = {
            "name": name,
            "description": body.get("description") or "",
            "flowSpec": {"id": flow_spec["id"], "version": str(reference.get("version", "1.0"))},
            "sourceConnectionIds": body.get("sourceConnectionIds"),
            "targetConnectionIds": body.get("targetConnectionIds"),
            "transformations": body.get("transformations"),
            **{key: body[key] for key in ("scheduleParams", "policy", "options") if body.get(key)},
        }
        stored = _checked(tx, workspace, stored, {})
        stored["lastOperation"] = _operation(workspace, "create", [])
        record = add(tx, workspace, FLOWS, workspace.ids.uuid(), stored, author=author, links=_links(stored))
        due.start_activations(tx, record, workspace.clock.now())
        due.plan(tx, workspace, record)
        return record


def patch_flow(
    workspace: Workspace, id: str, operations: Any, if_match: str | None, author: Author
) -> Record:
    """Change a flow; all operations or none. Its due tasks are rewritten in the same transaction."""
    with workspace.records.write() as tx:
        record = get(tx, FLOWS, id)
        check_etag(record, if_match)
        if any(path.startswith("/state") for path in touched(operations)):
            raise refused("1455-400", "state is changed by POST /flows/{id}/action", "/state")
        body = apply_patch(record.body, operations, FLOWS.roots)
        checked_name(body)
        body = _checked(tx, workspace, body, record.body)
        body["lastOperation"] = _operation(workspace, "update", without_secrets(operations))
        changed = change(tx, workspace, record, body, author=author, links=_links(body))
        due.start_activations(tx, changed, workspace.clock.now())
        due.plan(tx, workspace, changed)
        return changed


def act_on_flow(
    workspace: Workspace, id: str, operation: str | None, if_match: str | None, author: Author
) -> Record:
    """Enable or disable a flow. Raises `FlowInvalid` 1420 to 1422 when it is so already, or for another action."""
    name = str(operation or "").lower()
    with workspace.records.write() as tx:
        record = get(tx, FLOWS, id)
        if if_match:
            check_etag(record, if_match)
        if name in ("finalize_update", "finalize", "publish"):
            return record
        if name not in ("enable", "disable"):
            raise refused("1420-400", f"action {operation!r} is neither enable nor disable", "op")
        wanted = f"{name}d"
        if record.body["state"] == wanted:
            raise refused("1421-400" if name == "enable" else "1422-400", f"the flow is {wanted} already")
        body = _checked(tx, workspace, record.body, record.body) if name == "enable" else record.body
        changed = change(tx, workspace, record, {**body, "state": wanted}, author=author, links=_links(body))
        if name == "enable":
            due.skip_missed(tx, changed, workspace.clock.now())
        due.plan(tx, workspace, changed)
        return changed


def delete_flow(workspace: Workspace, id: str) -> Record:
    """Remove a flow and what it still had to do. Its runs stay readable."""
    with workspace.records.write() as tx:
        record = get(tx, FLOWS, id)
        due.forget(tx, id)
        tx.remove(FLOWS.kind, id)
        return record


def exports_identities(workspace: Workspace, id: str, operations: Any) -> bool:
    """Whether a change makes a flow export identities. Checks nothing else of it."""
    with workspace.records.read() as tx:
        record = get(tx, FLOWS, id)
        body = apply_patch(record.body, operations, FLOWS.roots)
        return needs_identity_graph(tx, body)


def _checked(
    tx: RecordsTransaction, workspace: Workspace, body: Mapping[str, Any], before: Mapping[str, Any]
) -> Document:
    source = _only(tx, body, "sourceConnectionIds", "source_connection")
    target = _only(tx, body, "targetConnectionIds", "target_connection")
    flow_spec = specs.find_flow_spec(body["flowSpec"]["id"]) or {}
    source_spec, target_spec = source.body["connectionSpec"]["id"], target.body["connectionSpec"]["id"]
    _check_specs(flow_spec, source_spec, target_spec)
    storage_kind(target_spec, target.body["params"])
    if not target.body["params"].get("fileType") and not specs.is_legacy_card(target_spec):
        raise refused(
            "1419-400", "the target connection has no fileType, which audience files need", "params.fileType"
        )
    if tx.find("connection", str(target.body.get("baseConnectionId", ""))) is None:
        raise refused("1419-400", "the base connection of the target is gone", "targetConnectionIds")
    legacy = specs.is_legacy_card(target_spec)
    transformations = completed_transformations(body.get("transformations"), legacy=legacy)
    params = checked_params(
        tx, transformations[0]["params"], params_of(before), workspace.clock.now(), legacy=legacy
    )
    return {
        **body,
        "transformations": [{**transformations[0], "params": params}, *transformations[1:]],
        "inheritedAttributes": _inherited(source, target),
    }


def _only(tx: RecordsTransaction, body: Mapping[str, Any], name: str, kind: str) -> Record:
    ids = body.get(name)
    if not isinstance(ids, list) or len(ids) != 1:
        raise refused("1413-400", f"{name} is a list of one id", name)
    found = tx.find(kind, str(ids[0]))
    if found is None:
        raise refused("1413-400", f"there is no {kind.replace('_', ' ')} {ids[0]}", name)
    return found


def _check_specs(flow_spec: Mapping[str, Any], source_spec: str, target_spec: str) -> None:
    name = str(flow_spec["name"])
    if not (flow_spec.get("attributes") or {}).get("isDestinationFlow"):
        raise KindNotSupported(
            "flow kind", f"{name} brings data in; flows that deliver audiences can be made"
        )
    if source_spec == specs.DATA_LAKE_SOURCE:
        raise KindNotSupported("flow kind", "datasets are not exported by flows yet; audiences are")
    if not is_audience_flow(flow_spec, [source_spec]):
        raise refused("1413-400", f"{name} does not take this source connection spec", "sourceConnectionIds")
    # Published requests name the dataset flow spec of a card for audiences, so all specs of the card fit.
    card = specs.find_connection_spec(target_spec) or {}
    if flow_spec["id"] not in (card.get("flowSpecs") or {}).values():
        raise refused("1413-400", f"{name} does not take this target connection spec", "targetConnectionIds")


def _inherited(source: Record, target: Record) -> Document:
    return {
        "properties": {"isDestinationFlow": True},
        "sourceConnections": [_reference(source)],
        "targetConnections": [_reference(target)],
    }


def _reference(connection: Record) -> Document:
    reference = {"id": connection.id, "connectionSpec": connection.body["connectionSpec"]}
    if base := (connection.body.get("inheritedAttributes") or {}).get("baseConnection"):
        reference["baseConnection"] = base
    if info := connection.body.get("typeInfo"):
        reference["typeInfo"] = info
    return reference


def _operation(workspace: Workspace, operation: str, operations: Any) -> Document:
    now = to_ms(workspace.clock.now())
    return {
        "started": now,
        "updated": now,
        "percentCompleted": 100,
        "status": {"value": "completed", "properties": None, "errors": []},
        "ops": operations,
        "operation": operation,
    }


def _links(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    inherited = body["inheritedAttributes"]
    links = [("source_connection", id) for id in body["sourceConnectionIds"]]
    links += [("target_connection", id) for id in body["targetConnectionIds"]]
    for reference in (*inherited["sourceConnections"], *inherited["targetConnections"]):
        if base := reference.get("baseConnection"):
            links.append(("connection", base["id"]))
    links += [("audience", selector.audience_id) for selector in selectors_of(body)]
    if mapping_id := (params_of(body).get("profileMapping") or {}).get("mappingId"):
        links.append(("mapping_set", str(mapping_id)))
    return links
