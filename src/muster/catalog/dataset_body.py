"""The dataset document: what a client may send, in the one form that is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from muster.kernel.errors import Invalid, Problem
from muster.storage.records import Document

CONTENT_TYPE = "application/vnd.adobe.xed+json;version=1"
PROFILE_TAG, IDENTITY_TAG = "unifiedProfile", "unifiedIdentity"

_LEGACY_PREFIX, _XDM_PREFIX = "@/xdms/", "https://ns.adobe.com/xdm/"
_FILE_DESCRIPTION = {"persisted": True, "containerFormat": "parquet", "format": "parquet"}

SERVER_FIELDS = frozenset(
    [
        "imsOrg",
        "sandboxId",
        "namespace",
        "state",
        "viewId",
        "files",
        "created",
        "updated",
        "version",
        "createdClient",
        "createdUser",
        "updatedUser",
        "lastBatchId",
        "lastBatchStatus",
        "lastSuccessfulBatch",
        "lastFailedBatch",
        "classification",
    ]
)
"""What the server says of a dataset; sent values are dropped, as a document that was read may be sent back."""


def checked(body: Any) -> Document:
    """A new or replaced dataset without the server's own fields.

    The legacy `schema` gives `schemaRef` where that is absent; tags are lists of text, the two that enable hold
    `enabled:true` without blanks.

    Raises:
        Invalid: All that is wrong, with paths.
    """
    if not isinstance(body, dict):
        raise Invalid.at("", "a dataset is a JSON object")
    document = {
        name: value for name, value in body.items() if name not in SERVER_FIELDS and value is not None
    }
    problems: list[Problem] = []
    name = document.get("name")
    if not isinstance(name, str) or not name.strip():
        problems.append(Problem("/name", "a dataset needs a name that is text"))
    document["schemaRef"] = _schema_ref(document, problems)
    document["tags"] = _tags(document.get("tags", {}), problems)
    _check_types(document, problems)
    if problems:
        raise Invalid(tuple(problems))
    return {
        "description": "",
        "enableErrorDiagnostics": False,
        "observableSchema": {},
        "extensions": {},
        "dule": {},
        "statsCache": {},
        **document,
        "fileDescription": {**_FILE_DESCRIPTION, **document.get("fileDescription", {})},
    }


def with_table_tags(document: Document) -> Document:
    """The document with the tags that name its table; clients list tables by them."""
    table = re.sub(r"[^0-9a-z]+", "_", str(document["name"]).lower()).strip("_") or "dataset"
    tags = dict(document["tags"])
    tags.setdefault("adobe/pqs/table", [table])
    tags.setdefault("adobe/siphon/table/format", [document["fileDescription"]["format"]])
    tags.setdefault("aep/siphon/partitions", [])
    return {**document, "tags": tags}


def with_enabled_at(document: Document, before: Mapping[str, Any] | None, now: datetime) -> Document:
    """The document with the time since when each of the two enabling tags is on, kept while it stays on."""
    tags = dict(document["tags"])
    for name in (PROFILE_TAG, IDENTITY_TAG):
        if name not in tags:
            continue
        values = [value for value in tags[name] if not value.startswith("enabledAt:")]
        if "enabled:true" in values:
            old = before["tags"].get(name, []) if before else []
            since = (
                [value for value in old if value.startswith("enabledAt:")] if "enabled:true" in old else []
            )
            values += since or [f"enabledAt:{now:%Y-%m-%d %H:%M:%S}"]
        tags[name] = values
    return {**document, "tags": tags}


def is_on(document: Mapping[str, Any], tag: str, setting: str = "enabled") -> bool:
    """Whether a tag holds `<setting>:true`."""
    return f"{setting}:true" in document.get("tags", {}).get(tag, ())


def _schema_ref(document: Document, problems: list[Problem]) -> Document:
    reference = document.get("schemaRef")
    legacy = document.get("schema")
    if reference is None and isinstance(legacy, str) and legacy.startswith(_LEGACY_PREFIX):
        return {"id": _XDM_PREFIX + legacy.removeprefix(_LEGACY_PREFIX), "contentType": CONTENT_TYPE}
    if reference is None and legacy is not None:
        problems.append(
            Problem("/schema", f"{legacy!r} is not of the form {_LEGACY_PREFIX}<class>; send schemaRef")
        )
    elif not isinstance(reference, dict) or not isinstance(reference.get("id"), str) or not reference["id"]:
        problems.append(Problem("/schemaRef", 'the schema is needed, as {"id": "<$id>", "contentType": …}'))
    else:
        return {"contentType": CONTENT_TYPE, **reference}
    return {}


def _tags(tags: Any, problems: list[Problem]) -> dict[str, list[str]]:
    if not isinstance(tags, dict):
        problems.append(Problem("/tags", "tags are an object of lists of text"))
        return {}
    normal: dict[str, list[str]] = {}
    for name, values in tags.items():
        listed = [values] if isinstance(values, str) else values
        if not isinstance(listed, list) or not all(isinstance(value, str) for value in listed):
            problems.append(Problem(f"/tags/{name}", "a tag is a list of text"))
        elif name in (PROFILE_TAG, IDENTITY_TAG):
            normal[name] = _switches(listed)
        else:
            normal[name] = listed
    return normal


def _switches(values: Iterable[str]) -> list[str]:
    """`enabled: true` and `enabled:true` are the same; written without the blank."""
    switches = []
    for value in values:
        name, colon, setting = value.partition(":")
        plain = f"{name.strip()}{colon}{setting.strip()}"
        switches.append(plain.replace(":True", ":true").replace(":False", ":false"))
    return switches


def _check_types(document: Mapping[str, Any], problems: list[Problem]) -> None:
    kinds: tuple[tuple[str, type, str], ...] = (
        ("description", str, "text"),
        ("fileDescription", dict, "an object"),
        ("enableErrorDiagnostics", bool, "true or false"),
        ("observableSchema", dict, "an object"),
        ("extensions", dict, "an object"),
    )
    for name, kind, shown in kinds:
        if name in document and not isinstance(document[name], kind):
            problems.append(Problem(f"/{name}", f"must be {shown}"))
