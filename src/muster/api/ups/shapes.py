"""How the resources of profile and segmentation are printed: what is stored, with what only the answer says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muster.kernel.clock import to_ms
from muster.kernel.page import Page
from muster.kernel.scope import Scope
from muster.storage.records import Document, Record

UNION_ID = "https://ns.adobe.com/xdm/context/profile__union"


def owner(scope: Scope) -> Document:
    """Whose a resource is: organisation and sandbox."""
    return {
        "imsOrgId": scope.org_id,
        "sandbox": {
            "sandboxId": scope.sandbox_id,
            "sandboxName": scope.sandbox_name,
            "type": scope.sandbox_type,
            "default": scope.is_default,
        },
    }


def times(record: Record) -> Document:
    """Both spellings of both instants: milliseconds and whole seconds."""
    created, updated = to_ms(record.created_at), to_ms(record.updated_at)
    return {
        "creationTime": created,
        "updateTime": updated,
        "createEpoch": created // 1000,
        "updateEpoch": updated // 1000,
    }


def definition(scope: Scope, record: Record, policies: Mapping[str, Record]) -> Document:
    """A segment definition. `policies` holds its merge policy, by id."""
    policy_id = record.body["mergePolicyId"]
    policy = policies.get(policy_id)
    return {
        "id": record.id,
        **record.body,
        "mergePolicy": {"id": policy_id, "version": int(policy.version) if policy else 1},
        "definedOn": [
            {"meta:resourceType": "unions", "meta:containerId": "tenant", "$ref": UNION_ID},
        ],
        "namespace": "UPSS",
        "version": int(record.version),
        **owner(scope),
        **times(record),
    }


def segment_job(scope: Scope, record: Record) -> Document:
    """A segment job."""
    href = f"/segment/jobs/{record.id}"
    body = {name: value for name, value in record.body.items() if name not in _JOB_INTERNALS}
    return {
        "id": record.id,
        **body,
        "_links": {
            "cancel": {"href": href, "method": "DELETE"},
            "checkStatus": {"href": href, "method": "GET"},
        },
        **owner(scope),
        **times(record),
    }


def export_job(scope: Scope, record: Record) -> Document:
    """An export job; its id is a number."""
    body = {name: value for name, value in record.body.items() if name not in _JOB_INTERNALS}
    return {"id": int(record.id), **body, **owner(scope), **times(record)}


def merge_policy(scope: Scope, record: Record) -> Document:
    """A merge policy."""
    epoch = to_ms(record.updated_at) // 1000
    return {"id": record.id, **owner(scope), **record.body, "updateEpoch": epoch}


def job_page(page: Page[Record], children: list[Document]) -> Document:
    """A list of segment jobs or schedules: `next` is the index of the next page and is left out of the last one."""
    paging: Document = {"totalCount": page.total_count, "pageSize": len(page.items)}
    if page.has_next:
        paging["next"] = page.offset // page.limit + 1
    return {"_page": paging, "children": children, "_links": {"next": {}}}


def many(ids: list[str], printed: Mapping[str, Any], request_id: str) -> Document:
    """The answer of a bulk read: each id has its resource, or an error of its own."""
    missing = {"requestId": request_id, "errors": {"404": [{"code": 404, "message": "Not found."}]}}
    return {"results": {id_: printed.get(id_, missing) for id_ in ids}}


_JOB_INTERNALS = ("definitions", "number", "plan")
