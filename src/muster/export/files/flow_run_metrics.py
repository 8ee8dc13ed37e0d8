"""The numbers of a flow run, as its record shows them. Input is created plus skipped plus failed, always."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muster.kernel.ids import derived_uuid
from muster.storage.records import Document

SKIPPED = "ACTIVATION_BATCH-0000-SKIP"
FAILED = "ACTIVATION_BATCH-0000-FAILED"


def of_start(now_ms: int) -> Document:
    """Of a run that has just begun."""
    return {
        "durationSummary": {"startedAtUTC": now_ms},
        "recordSummary": _records({}, 0, 0, 0),
        "fileSummary": {"inputFileCount": 0, "outputFileCount": 0},
        "statusSummary": {"status": "inProgress"},
    }


def of_success(run: Mapping[str, Any], now_ms: int, built: Mapping[str, Any]) -> Document:
    """Changes of a run's record when its files are published and verified."""
    files = [file for file in built["files"] if not file.get("manifest")]
    created = sum(file["rows"] for file in files)
    skipped = built["withoutMandatory"] + built["duplicates"]
    records = _records(run["frozen"], built["seen"], created, skipped)
    if skipped:
        reasons = (
            ("Records didn't match attribute filter.", built["withoutMandatory"]),
            ("Records lost against another with the same key.", built["duplicates"]),
        )
        records["skippedInfo"] = [
            {"code": SKIPPED, "message": message, "count": count} for message, count in reasons if count
        ]
    activities = _activities(run, now_ms, "success", built)
    listed = [{"path": file["name"], "pathPrefix": file["folder"]} for file in built["files"]]
    return {
        "metrics": {
            "durationSummary": _duration(run, now_ms),
            "sizeSummary": {"outputBytes": sum(file["size"] for file in files)},
            "recordSummary": records,
            "fileSummary": {
                "inputFileCount": 0,
                "outputFileCount": len(files),
                "manifest": {"fileInfo": listed},
            },
            "statusSummary": {"status": "success", "activityRefs": [each["id"] for each in activities]},
        },
        "activities": activities,
    }


def of_failure(run: Mapping[str, Any], now_ms: int, message: str) -> Document:
    """Changes of a run's record when nothing was published."""
    activities = _activities(run, now_ms, "failed", {})
    errors = [{"code": FAILED, "message": message}]
    return {
        "metrics": {
            "durationSummary": _duration(run, now_ms),
            "recordSummary": {
                **_records(run["frozen"], 0, 0, 0),
                "failedInfo": [{"code": FAILED, "message": message, "count": 0}],
            },
            "fileSummary": {"inputFileCount": 0, "outputFileCount": 0},
            "statusSummary": {
                "status": "failed",
                "errors": errors,
                "activityRefs": [each["id"] for each in activities],
            },
        },
        "activities": activities,
    }


def _records(frozen: Mapping[str, Any], seen: int, created: int, skipped: int) -> Document:
    summary: Document = {
        "inputRecordCount": seen,
        "createdRecordCount": created,
        "outputRecordCount": created,
        "skippedRecordCount": skipped,
        "failedRecordCount": seen - created - skipped,
    }
    if frozen:
        entity = f"segment:{frozen['audienceId']}"
        came = {"inputRecordCount": seen, "skippedRecordCount": skipped}
        went = {"createdRecordCount": created, "outputRecordCount": created}
        source, target = frozen["sourceConnectionId"], frozen["targetConnectionId"]
        summary["sourceSummaries"] = [{"id": source, **came, "entitySummaries": [{"id": entity, **came}]}]
        summary["targetSummaries"] = [{"id": target, **went, "entitySummaries": [{"id": entity, **went}]}]
    return summary


def _duration(run: Mapping[str, Any], now_ms: int) -> Document:
    started = run["metrics"]["durationSummary"]["startedAtUTC"]
    return {"startedAtUTC": started, "completedAtUTC": max(now_ms, started)}


def _activities(run: Mapping[str, Any], now_ms: int, status: str, built: Mapping[str, Any]) -> list[Document]:
    extensions = {"evaluation": built["evaluation"], "evaluatedAtUTC": built["evaluatedAt"]} if built else {}
    summary: Document = {"status": status, **({"extensions": extensions} if extensions else {})}
    names = ("Activation Batch XdmProcessor Activity", "Activation Batch Publisher Activity")
    return [
        {
            "id": derived_uuid("activity", run["providerRefId"], name),
            "name": name,
            "updatedAtUTC": now_ms,
            "durationSummary": _duration(run, now_ms),
            "latencySummary": {},
            "sizeSummary": {},
            "recordSummary": {},
            "fileSummary": {},
            "statusSummary": summary if position == 0 else {"status": status},
        }
        for position, name in enumerate(names)
    ]
