"""Flow runs: the members of one audience become files at a destination, and every step can be proven.

    begin ─► build ─► intend ─► publish ─► verify ─► commit

The files are built once, in a local spool, and hashed. What is going to be sent is written down before it is sent; a
retry sends the same bytes to the same name. A run is a success only after what arrived was compared with what was
sent, in one transaction with its publish records and the flow's next due time. A run that fails leaves nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muster.export.destinations import ledger
from muster.export.destinations.destination import Destination
from muster.export.destinations.ledger import Sent
from muster.export.destinations.opening import open_destination
from muster.export.files import flow_run_metrics as metrics
from muster.export.files.build import Plan, build_files, column_types, projection_of, text_types
from muster.export.files.csv import LEGACY, Dialect, read_dialect
from muster.export.files.formats import Format, hash_and_sync, manifest
from muster.export.files.names import Named, extension, file_name, folder_name
from muster.flows import due as due_times
from muster.flows import specs
from muster.flows.due import Due, after_evaluation, read_due
from muster.flows.mapping_sets import Column, columns_of
from muster.flows.selectors import (
    find_selector,
    mandatory_fields_of,
    params_of,
    primary_fields_of,
    profile_selectors_of,
)
from muster.flows.targets import file_type, storage_kind
from muster.jobs.states import transition
from muster.jobs.steps import Steps, Workflow
from muster.kernel.clock import from_ms, iso, to_ms
from muster.kernel.errors import MusterError, NotFound
from muster.profiles.members import members_of
from muster.storage.records import Document, Names, Record, RecordsTransaction
from muster.storage.workspace import Workspace

KIND = "flow_run"


@dataclass(eq=False)
class NothingMapped(MusterError):
    """Flow {flow_id} maps no attributes, so its files would have no columns. PATCH profileMapping, or profileSelectors on a legacy card."""

    flow_id: str


@dataclass(eq=False)
class SpoolLost(MusterError):
    """The built files of flow run {run_id} are gone, and the audience has changed since. The next run delivers it as it is now."""

    run_id: str


def start_run(tx: RecordsTransaction, workspace: Workspace, due: Due) -> Record | None:
    """The record of a flow run, made once; None when there is nothing to run any more, or a later time is due as well.

    What the run depends on is frozen in it: later changes of flow, target and mapping count for the next one.
    """
    found = tx.find(KIND, due.run_id)
    if found is not None:
        return found
    flow = tx.find("flow", due.flow_id)
    if flow is None or flow.body["state"] != "enabled" or find_selector(flow.body, due.audience_id) is None:
        return None
    if due_times.is_overtaken(workspace, flow, due) or not due_times.take(tx, due):
        return None
    return _add_run(tx, workspace, due, flow)


def _run(workspace: Workspace, argument: str, steps: Steps) -> None:
    due = read_due(argument)
    run = due.run_id
    if not steps.run("begin", lambda: _begin(workspace, due)):
        return
    built = steps.run("build", lambda: _build(workspace, run))
    steps.run("intend", lambda: _intend(workspace, run, built))
    steps.run("publish", lambda: _publish(workspace, run, built))
    checks = steps.run("verify", lambda: _verify(workspace, run, built))
    steps.run("commit", lambda: _commit(workspace, due, built, checks))


def _fail(workspace: Workspace, argument: str, error: MusterError) -> None:
    due = read_due(argument)
    message = str(error)
    try:
        with workspace.records.read() as tx:
            found = tx.find(KIND, due.run_id)
        if (
            found is not None
            and found.body["status"] == "inProgress"
            and ledger.intents_of(workspace, due.run_id)
        ):
            ledger.take_back(workspace, _destination(workspace, found.body["frozen"]), due.run_id)
    except MusterError as left:
        # The intents stay: they say that what may be left there is ours, and the next run may replace it.
        message = f"{message} What was sent could not be removed: {left}"
    with workspace.records.write() as tx:
        _write_failure(tx, workspace, due, message)
    _remove_spool(workspace, due.run_id)


def _write_failure(tx: RecordsTransaction, workspace: Workspace, due: Due, message: str) -> None:
    flow = tx.find("flow", due.flow_id)
    run = tx.find(KIND, due.run_id)
    if run is None and flow is not None:
        due_times.take(tx, due)
        run = tx.add(KIND, due.run_id, _run_body(workspace, due, flow, {}), _run_names(due))
    if run is None or run.body["status"] != "inProgress":
        return
    failed = metrics.of_failure(run.body, to_ms(workspace.clock.now()), message)
    _end(tx, workspace, due, "failed", failed)


def _begin(workspace: Workspace, due: Due) -> bool:
    with workspace.records.write() as tx:
        run = start_run(tx, workspace, due)
        if run is not None:
            return bool(run.body["status"] == "inProgress")
        # Nothing to run at this time; the times after it still count.
        if (flow := tx.find("flow", due.flow_id)) is not None:
            due_times.plan(tx, workspace, flow)
        return False


def _add_run(tx: RecordsTransaction, workspace: Workspace, due: Due, flow: Record) -> Record:
    target = tx.get("target_connection", flow.body["targetConnectionIds"][0])
    target_spec = target.body["connectionSpec"]["id"]
    definition = tx.get("segment_definition", due.audience_id)
    selector = find_selector(flow.body, due.audience_id)
    assert selector is not None
    legacy = specs.is_legacy_card(target_spec)
    frozen = {
        "flowName": flow.body["name"],
        "audienceId": due.audience_id,
        "audienceName": selector.name,
        "policyId": definition.body.get("mergePolicyId"),
        "template": selector.template,
        "atMs": due.at_ms if due.cause == due_times.SCHEDULED else to_ms(workspace.clock.now()),
        "destinationName": specs.destination_name(target_spec),
        "storage": storage_kind(target_spec, target.body["params"]),
        "fileType": file_type(target_spec, target.body["params"]),
        "params": target.body["params"],
        "legacy": legacy,
        "baseConnectionId": target.body["baseConnectionId"],
        "sourceConnectionId": flow.body["sourceConnectionIds"][0],
        "targetConnectionId": target.id,
        "columns": [[column.source, column.name] for column in _columns(tx, flow.body, legacy=legacy)],
        "mandatory": list(mandatory_fields_of(flow.body)),
        "keys": [dict(key) for key in primary_fields_of(flow.body)],
    }
    return tx.add(KIND, due.run_id, _run_body(workspace, due, flow, frozen), _run_names(due))


def _columns(tx: RecordsTransaction, flow: Mapping[str, Any], *, legacy: bool) -> tuple[Column, ...]:
    if legacy:
        values = [each["value"] for each in profile_selectors_of(flow)]
        return tuple(Column(value["path"], value["mapping"]["destination"]) for value in values)
    mapping = params_of(flow).get("profileMapping") or {}
    if not mapping.get("mappingId"):
        return ()
    columns = columns_of(tx, mapping["mappingId"], int(mapping.get("mappingVersion", 0)))
    return tuple(Column(column.source, column.name.replace(".", "_")) for column in columns)


def _run_body(workspace: Workspace, due: Due, flow: Record, frozen: Document) -> Document:
    now = to_ms(workspace.clock.now())
    return {
        "flowId": flow.id,
        "flowSpec": flow.body["flowSpec"],
        "providerRefId": due.run_id.replace("-", ""),
        "createdAt": now,
        "updatedAt": now,
        **{name: flow.body[name] for name in ("createdBy", "updatedBy", "createdClient", "updatedClient")},
        "status": "inProgress",
        "metrics": metrics.of_start(now),
        "activities": [],
        "due": {"audienceId": due.audience_id, "atMs": due.at_ms, "cause": due.cause},
        "frozen": frozen,
        "attempts": [],
    }


def _run_names(due: Due) -> Names:
    return Names(links=(("flow", due.flow_id), ("activation", f"{due.flow_id}/{due.audience_id}")))


def _build(workspace: Workspace, run_id: str) -> Document:
    run = _run_record(workspace, run_id)
    frozen = run.body["frozen"]
    if not frozen["columns"]:
        raise NothingMapped(run.body["flowId"])
    folder = _spool(workspace, run_id)
    view = members_of(workspace, frozen["policyId"], frozen["audienceId"], ("realized", "existing"))
    plan = _plan(frozen)
    projection = projection_of(plan)
    types = column_types(workspace, projection)
    format_ = _format(frozen, types[: len(plan.columns)])
    members = view.tables(projection.profile_columns, with_memberships=projection.needs_memberships)
    files, counts = build_files(workspace, folder, members, plan, format_=format_, types=types)
    named = _named(workspace, run)
    at = _folder(frozen, named)
    suffix = extension(frozen["fileType"], str(frozen["params"].get("compression") or "NONE"))
    listed = [
        {
            "folder": at,
            "name": file_name(frozen["template"], named, suffix, part),
            "file": file.path.name,
            "size": file.byte_count,
            "sha256": file.sha256,
            "rows": file.row_count,
        }
        for part, file in enumerate(files, start=1)
    ]
    if frozen["params"].get("includeFileManifest"):
        listed.append(_manifest(run, folder, at, listed))
    return {
        "evaluation": view.evaluation,
        "evaluatedAt": to_ms(view.evaluated_at),
        "seen": counts.seen,
        "withoutMandatory": counts.without_mandatory,
        "duplicates": counts.duplicates,
        "files": listed,
    }


def _manifest(run: Record, folder: Path, at: str, listed: Sequence[Document]) -> Document:
    path = folder / "manifest"
    path.write_bytes(manifest(run.id, iso(from_ms(run.body["due"]["atMs"])), listed))
    name = f"manifest-{run.body['flowId']}-{run.id}.json"
    sha256 = hash_and_sync(path)
    size = path.stat().st_size
    return {
        "folder": at,
        "name": name,
        "file": path.name,
        "size": size,
        "sha256": sha256,
        "rows": 0,
        "manifest": True,
    }


def _intend(workspace: Workspace, run_id: str, built: Document) -> None:
    run = _run_record(workspace, run_id)
    location = _destination(workspace, run.body["frozen"]).location
    files = [_sent(workspace, run_id, run.body["frozen"], file) for file in built["files"]]
    with workspace.records.write() as tx:
        ledger.intend(tx, location, {"runId": run_id, "flowId": run.body["flowId"]}, files)
        record = tx.get(KIND, run_id)
        shown = [
            {name: file[name] for name in ("folder", "name", "size", "sha256", "rows")}
            for file in built["files"]
        ]
        tx.replace(KIND, run_id, {**record.body, "intents": shown})


def _publish(workspace: Workspace, run_id: str, built: Document) -> None:
    run = _run_record(workspace, run_id)
    _restore_spool(workspace, run_id, built)
    destination = _destination(workspace, run.body["frozen"])
    for file in built["files"]:
        sent = _sent(workspace, run_id, run.body["frozen"], file)
        try:
            ledger.publish(workspace, destination, sent)
        except MusterError as error:
            _note(workspace, run_id, ledger.attempt(workspace, str(error), sent))
            raise
        _note(workspace, run_id, ledger.attempt(workspace, "sent", sent))


def _verify(workspace: Workspace, run_id: str, built: Document) -> list[str]:
    run = _run_record(workspace, run_id)
    destination = _destination(workspace, run.body["frozen"])
    files = [_sent(workspace, run_id, run.body["frozen"], file) for file in built["files"]]
    return [ledger.verify(destination, file) for file in files]


def _commit(workspace: Workspace, due: Due, built: Document, checks: Sequence[str]) -> None:
    run = _run_record(workspace, due.run_id)
    if run.body["status"] == "inProgress":
        frozen = run.body["frozen"]
        location = _destination(workspace, frozen).location
        files = [_sent(workspace, due.run_id, frozen, file) for file in built["files"]]
        now = to_ms(workspace.clock.now())
        with workspace.records.write() as tx:
            ledger.settle(tx, location, files, now, checks)
            body = tx.get(KIND, due.run_id).body
            _end(tx, workspace, due, "success", metrics.of_success(body, now, built))
    _remove_spool(workspace, due.run_id)


def _end(tx: RecordsTransaction, workspace: Workspace, due: Due, status: str, changes: Document) -> None:
    """End a run, tell its flow, and plan the next one; all in the caller's transaction."""
    run = transition(tx, KIND, due.run_id, status, {**changes, "updatedAt": to_ms(workspace.clock.now())})
    flow = tx.find("flow", due.flow_id)
    if flow is None:
        return
    details = {"id": run.id, "state": status, **run.body["metrics"]["durationSummary"]}
    # Not a change that a caller made: the flow's revision, and with it its etag, stays.
    told = tx.replace("flow", flow.id, {**flow.body, "lastRunDetails": details}, expected=flow.version)
    due_times.plan(tx, workspace, told)


def _plan(frozen: Mapping[str, Any]) -> Plan:
    columns = tuple(Column(source, name) for source, name in frozen["columns"])
    return Plan(columns, frozen["audienceId"], tuple(frozen["mandatory"]), tuple(frozen["keys"]))


def _format(frozen: Mapping[str, Any], types: Sequence[Any]) -> Format:
    params = frozen["params"]
    dialect = (
        _legacy_dialect(frozen["fileType"]) if frozen["legacy"] else read_dialect(params.get("csvOptions"))
    )
    headers = tuple(name for _, name in frozen["columns"])
    packed = str(params.get("compression") or "NONE") == "GZIP"
    return Format(frozen["fileType"], headers, text_types(types), packed, dialect)


def _legacy_dialect(kind: str) -> Dialect:
    if kind != "TAB_DELIMITED":
        return LEGACY
    return Dialect(delimiter="\t", quote='"', escape='"', null_value="", minimal=True)


def _named(workspace: Workspace, run: Record) -> Named:
    frozen = run.body["frozen"]
    return Named(
        destination=frozen["destinationName"],
        audience_id=frozen["audienceId"],
        audience_name=frozen["audienceName"],
        flow_id=run.body["flowId"],
        flow_name=frozen["flowName"],
        scope=workspace.scope,
        at=from_ms(frozen["atMs"]),
    )


def _folder(frozen: Mapping[str, Any], named: Named) -> str:
    params = frozen["params"]
    if frozen["storage"] == "sftp":
        return folder_name(str(params.get("remotePath") or ""), named).rstrip("/")
    return folder_name(str(params.get("path") or ""), named).strip("/")


def _sent(workspace: Workspace, run_id: str, frozen: Mapping[str, Any], file: Mapping[str, Any]) -> Sent:
    root = frozen["storage"] == "sftp" and str(frozen["params"].get("remotePath", "")).startswith("/")
    name = f"{file['folder']}/{file['name']}" if file["folder"] or root else file["name"]
    return Sent(name, _spool(workspace, run_id) / file["file"], file["size"], file["sha256"], file["rows"])


def _restore_spool(workspace: Workspace, run_id: str, built: Document) -> None:
    """Build the files anew when the spool is gone; only the very same bytes may go on under the intent."""
    folder = _spool(workspace, run_id)
    if all((folder / file["file"]).is_file() for file in built["files"]):
        return
    again = _build(workspace, run_id)
    if [file["sha256"] for file in again["files"]] != [file["sha256"] for file in built["files"]]:
        raise SpoolLost(run_id)


def _spool(workspace: Workspace, run_id: str) -> Path:
    return workspace.settings.data_dir / "spool" / run_id


def _remove_spool(workspace: Workspace, run_id: str) -> None:
    shutil.rmtree(_spool(workspace, run_id), ignore_errors=True)


def _destination(workspace: Workspace, frozen: Mapping[str, Any]) -> Destination:
    return open_destination(workspace, frozen["baseConnectionId"], frozen["storage"], frozen["params"])


def _run_record(workspace: Workspace, run_id: str) -> Record:
    with workspace.records.read() as tx:
        found = tx.find(KIND, run_id)
    if found is None:
        raise NotFound(KIND, run_id)
    return found


def _note(workspace: Workspace, run_id: str, attempt: Document) -> None:
    with workspace.records.write() as tx:
        record = tx.get(KIND, run_id)
        tx.replace(KIND, run_id, {**record.body, "attempts": [*record.body["attempts"], attempt]})


WORKFLOW = Workflow(
    due_times.WORKFLOW, _run, _fail, ("begin", "build", "intend", "publish", "verify", "commit")
)

__all__ = ["WORKFLOW", "after_evaluation", "start_run"]
