"""The states of the API's jobs and every change between them that is allowed, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muster.kernel.errors import TransitionRefused
from muster.storage.records import Record, RecordsTransaction

_RUNNING_JOB = {
    "NEW": {"QUEUED", "PROCESSING", "CANCELLING", "FAILED"},
    "QUEUED": {"PROCESSING", "CANCELLING", "FAILED"},
    "PROCESSING": {"SUCCEEDED", "FAILED", "CANCELLING"},
    "CANCELLING": {"CANCELLED"},
}

ALLOWED: Mapping[str, Mapping[str, set[str]]] = {
    "segment_job": _RUNNING_JOB,
    "export_job": _RUNNING_JOB,
    "batch": {
        "loading": {"staging", "aborted", "failure"},
        "staging": {"success", "failure", "aborted"},
        "success": {"reverting"},
        "reverting": {"inactive", "success"},
    },
    "flow_run": {
        "inProgress": {"success", "failed"},
    },
}
"""Per kind: from which state to which. A state without an entry is final."""


def transition(
    records: RecordsTransaction, kind: str, id: str, wanted: str, changes: Mapping[str, Any] | None = None
) -> Record:
    """Bring a job to a state, with further changes of its top-level fields.

    Repeating a transition that was made is no error and changes nothing, so that steps may be retried.

    Raises:
        TransitionRefused: The table does not allow it.
    """
    record = records.get(kind, id)
    state = str(record.body["status"])
    if state == wanted:
        return record
    if wanted not in ALLOWED[kind].get(state, set()):
        raise TransitionRefused(kind, id, state, wanted)
    return records.replace(
        kind, id, {**record.body, **(changes or {}), "status": wanted}, expected=record.version
    )


def is_final(kind: str, state: str) -> bool:
    """Whether nothing changes this state any more."""
    return not ALLOWED[kind].get(state)
