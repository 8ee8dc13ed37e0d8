"""Base, source and target connections: where data comes from and where files go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muster.flows import specs
from muster.flows.entities import (
    CONNECTIONS,
    SOURCE_CONNECTIONS,
    TARGET_CONNECTIONS,
    Author,
    Resource,
    add,
    change,
    check_etag,
    checked_body,
    checked_name,
    get,
    users_of,
)
from muster.flows.errors import KindNotSupported, SpecVersionMissing, refused
from muster.flows.patching import apply_patch
from muster.flows.sign_in import checked_auth, open_secrets, sealed_auth, secret_id
from muster.flows.targets import checked_params
from muster.storage.records import Document, Record, RecordsTransaction
from muster.storage.workspace import Workspace


def create_connection(workspace: Workspace, body: Any, author: Author) -> Record:
    """Make a base connection; its secrets are sealed in the same transaction.

    Raises:
        FlowInvalid, SpecVersionMissing: Something in the body cannot be; says what.
        KindNotSupported: Files are to be encrypted.
    """
    body = checked_body(body)
    name = checked_name(body)
    if "connectionSpec" not in body and "auth" not in body:
        # The published request for a Data Landing Zone carries its name only.
        body = {**body, "connectionSpec": {"id": specs.DATA_LANDING_ZONE, "version": "1.0"}}
    spec, reference = _checked_spec(body)
    auth = checked_auth(spec, body.get("auth"), has_endpoint=bool(workspace.settings.s3_endpoint))
    _refuse_encryption(body)
    id = workspace.ids.uuid()
    with workspace.records.write() as tx:
        sealed = sealed_auth(tx, id, auth, workspace.clock.now().date())
        stored = {
            "name": name,
            "description": body.get("description") or "",
            "connectionSpec": reference,
            **({"auth": sealed} if sealed else {}),
        }
        return add(
            tx,
            workspace,
            CONNECTIONS,
            id,
            stored,
            author=author,
            links=[("connection_spec", reference["id"])],
        )


def create_source_connection(workspace: Workspace, body: Any, author: Author) -> Record:
    """Make a source connection; one to the profile store without a base connection gets a hidden one."""
    body = checked_body(body)
    name = checked_name(body)
    spec, reference = _checked_spec(body)
    if "params" in body and body["params"] is not None and not isinstance(body["params"], dict):
        raise refused("1419-400", "params is an object", "params")
    with workspace.records.write() as tx:
        base = _base_of(tx, workspace, body, reference, author)
        stored = {
            "name": name,
            "description": body.get("description") or "",
            "connectionSpec": reference,
            "params": body.get("params") or {},
            **({"data": body["data"]} if body.get("data") else {}),
            **({"typeInfo": spec["typeInfo"]} if spec.get("typeInfo") else {}),
            **_inherited(base),
        }
        return add(
            tx, workspace, SOURCE_CONNECTIONS, workspace.ids.uuid(), stored, author=author, links=_links(base)
        )


def create_target_connection(workspace: Workspace, body: Any, author: Author) -> Record:
    """Make a target connection: folder and format of what is written."""
    body = checked_body(body)
    name = checked_name(body)
    spec, reference = _checked_spec(body)
    with workspace.records.write() as tx:
        base = _base_of(tx, workspace, body, reference, author)
        has_endpoint = bool(workspace.settings.s3_endpoint) or (base is not None and _has_endpoint(base))
        params = checked_params(spec, body.get("params"), has_endpoint=has_endpoint)
        stored = {
            "name": name,
            "description": body.get("description") or "",
            "connectionSpec": reference,
            "params": params,
            **({"data": body["data"]} if body.get("data") else {}),
            **_inherited(base),
        }
        return add(
            tx, workspace, TARGET_CONNECTIONS, workspace.ids.uuid(), stored, author=author, links=_links(base)
        )


def patch_connection(
    workspace: Workspace, id: str, operations: Any, if_match: str | None, author: Author
) -> Record:
    """Change a base connection. A secret that comes back as its mask keeps its value."""
    with workspace.records.write() as tx:
        record = get(tx, CONNECTIONS, id)
        check_etag(record, if_match)
        _refuse_immutable(operations)
        body = apply_patch(record.body, operations, CONNECTIONS.roots)
        checked_name(body)
        if "auth" in body:
            spec = specs.find_connection_spec(body["connectionSpec"]["id"]) or {}
            auth = checked_auth(spec, body["auth"], has_endpoint=bool(workspace.settings.s3_endpoint))
            body["auth"] = sealed_auth(tx, id, auth, workspace.clock.now().date())
        return change(tx, workspace, record, body, author=author)


def patch_io_connection(
    workspace: Workspace,
    resource: Resource,
    id: str,
    operations: Any,
    if_match: str | None,
    *,
    author: Author,
) -> Record:
    """Change a source or a target connection."""
    with workspace.records.write() as tx:
        record = get(tx, resource, id)
        check_etag(record, if_match)
        _refuse_immutable(operations)
        if any(str(each.get("path", "")).startswith("/auth") for each in _objects(operations)):
            base = record.body.get("baseConnectionId", "")
            raise refused(
                "1455-400", f"credentials belong to the base connection: PATCH /connections/{base}", "/auth"
            )
        body = apply_patch(record.body, operations, resource.roots)
        checked_name(body)
        if resource is TARGET_CONNECTIONS:
            spec = specs.find_connection_spec(body["connectionSpec"]["id"]) or {}
            base_record = tx.find("connection", str(body.get("baseConnectionId", "")))
            has_endpoint = bool(workspace.settings.s3_endpoint) or (
                base_record is not None and _has_endpoint(base_record)
            )
            body["params"] = checked_params(spec, body["params"], has_endpoint=has_endpoint)
        return change(tx, workspace, record, body, author=author)


def finalize(workspace: Workspace, resource: Resource, id: str, operation: str | None) -> Record:
    """Answer the actions that connections know; none of them changes anything here."""
    if str(operation or "").upper() not in ("FINALIZE_UPDATE", "FINALIZE", "PUBLISH"):
        raise refused("1420-400", f"action {operation!r} is none of FINALIZE_UPDATE, FINALIZE, PUBLISH", "op")
    with workspace.records.read() as tx:
        return get(tx, resource, id)


def delete_connection(workspace: Workspace, id: str) -> Record:
    """Remove a base connection and its secrets. Raises `FlowInvalid` 1418 while flows are left on it."""
    with workspace.records.write() as tx:
        record = get(tx, CONNECTIONS, id)
        if flows := users_of(tx, "flow", "connection", id):
            names = ", ".join(flow.id for flow in flows)
            raise refused("1418-400", f"the connection is used by the flows {names}; delete these first")
        for host in users_of(tx, "known_host", "connection", id):
            tx.remove(host.kind, host.id)
        tx.remove(CONNECTIONS.kind, id)
        tx.remove_secret(secret_id(id))
        return record


def delete_io_connection(workspace: Workspace, resource: Resource, id: str) -> Record:
    """Remove a source or target connection. Raises `FlowInvalid` 1447 while an active flow uses it."""
    with workspace.records.write() as tx:
        record = get(tx, resource, id)
        active = [
            flow.id for flow in users_of(tx, "flow", resource.kind, id) if flow.body["state"] == "enabled"
        ]
        if active:
            raise refused(
                "1447-400", f"active flows use it: {', '.join(active)}; disable or delete these first"
            )
        tx.remove(resource.kind, id)
        return record


def secrets_of(workspace: Workspace, id: str) -> tuple[Record, Document]:
    """A base connection with its opened sign-in parameters, for whoever signs in."""
    with workspace.records.read() as tx:
        record = get(tx, CONNECTIONS, id)
        params = (record.body.get("auth") or {}).get("params") or {}
        return record, {**params, **open_secrets(tx, id)}


def _checked_spec(body: Mapping[str, Any]) -> tuple[Document, Document]:
    reference = body.get("connectionSpec")
    id = reference.get("id") if isinstance(reference, dict) else None
    spec = specs.find_connection_spec(str(id)) if id else None
    if spec is None or not isinstance(reference, dict):
        raise refused("1413-400", "Please provide a valid spec id")
    if not reference.get("version"):
        raise SpecVersionMissing()
    return spec, {"id": spec["id"], "version": str(reference["version"])}


def _base_of(
    tx: RecordsTransaction,
    workspace: Workspace,
    body: Mapping[str, Any],
    reference: Mapping[str, Any],
    author: Author,
) -> Record | None:
    id = body.get("baseConnectionId")
    if not id:
        if reference["id"] == specs.PROFILE_STORE:
            hidden = {"name": "Profile store", "description": "", "connectionSpec": reference, "hidden": True}
            return add(tx, workspace, CONNECTIONS, workspace.ids.uuid(), hidden, author=author)
        if specs.is_destination(str(reference["id"])):
            raise refused("1419-400", "baseConnectionId is required", "baseConnectionId")
        return None
    base = tx.find("connection", str(id))
    if base is None:
        raise refused("1419-400", f"there is no base connection {id}", "baseConnectionId")
    if base.body["connectionSpec"]["id"] != reference["id"]:
        raise refused(
            "1419-400", "connectionSpec is another one than that of the base connection", "connectionSpec.id"
        )
    return base


def _inherited(base: Record | None) -> Document:
    if base is None:
        return {}
    reference = {"id": base.id, "connectionSpec": base.body["connectionSpec"]}
    return {"baseConnectionId": base.id, "inheritedAttributes": {"baseConnection": reference}}


def _links(base: Record | None) -> list[tuple[str, str]]:
    return [] if base is None else [("connection", base.id)]


def _has_endpoint(base: Record) -> bool:
    params = (base.body.get("auth") or {}).get("params") or {}
    return bool(params.get("serviceUrl") or params.get("endpoint"))


def _refuse_encryption(body: Mapping[str, Any]) -> None:
    wanted = body.get("encryptionSpecs") or body.get("encryption") or {}
    wanted = wanted[0] if isinstance(wanted, list) and wanted else wanted
    algorithm = (wanted.get("params") or {}).get("encryptionAlgo") if isinstance(wanted, dict) else None
    params = (body.get("auth") or {}).get("params") if isinstance(body.get("auth"), dict) else None
    inner = (params or {}).get("encryptionSpecs") if isinstance(params, dict) else None
    if inner or (wanted and str(algorithm or "PGPGPG").upper() != "NONE"):
        # Delivering a file in the clear that was asked to be encrypted would be the worst of the possible answers.
        raise KindNotSupported("file encryption", "leave encryptionSpecs out, or set encryptionAlgo to NONE")


def _refuse_immutable(operations: Any) -> None:
    for each in _objects(operations):
        if str(each.get("path", "")).startswith("/connectionSpec"):
            raise refused(
                "1414-400", "the connectionSpec of a connection cannot be changed", "/connectionSpec"
            )


def _objects(operations: Any) -> list[Mapping[str, Any]]:
    return [each for each in operations if isinstance(each, dict)] if isinstance(operations, list) else []
