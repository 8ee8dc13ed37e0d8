"""What a target connection says about place and format, checked against the card's spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from muster.flows import specs
from muster.flows.errors import KindNotSupported, refused
from muster.storage.records import Document

StorageKind = Literal["s3", "sftp"]

_BY_MODE: Mapping[str, StorageKind] = {"S3": "s3", "FTP": "sftp"}
_BY_CARD: Mapping[str, StorageKind] = {
    "4fce964d-3f37-408f-9778-e597338a21ee": "s3",
    "36965a81-b1c6-401b-99f8-22508f1e6a26": "sftp",
}
_BLOB = "6d6b59bf-fb58-4107-9064-4d246c0e5bb2"
_IDENTIFYING = (("bucketName", "S3"), ("container", "AZURE_BLOB"), ("remotePath", "FTP"))


def checked_params(spec: Mapping[str, Any], params: Any, *, has_endpoint: bool) -> Document:
    """The parameters of a target connection, with defaults and the documented spellings.

    Raises:
        FlowInvalid: 1419, all that is wrong with the first parameter that is.
    """
    if not isinstance(params, Mapping):
        raise refused("1419-400", "params is an object")
    named = dict(params)
    properties = (spec.get("targetSpec") or {}).get("spec", {}).get("properties", {})
    if spec.get("generation") == "legacy":
        _complete_legacy(spec, named)
    elif spec["kind"] == "destination":
        _complete_new(spec, named, properties)
    required = (
        () if spec.get("generation") else (spec.get("targetSpec") or {}).get("spec", {}).get("required", ())
    )
    _require(named, required)
    _check_values(properties, named, has_endpoint=has_endpoint)
    _check_folder(named)
    return named


def storage_kind(connection_spec_id: str, params: Mapping[str, Any]) -> StorageKind:
    """Which kind of storage the files go to.

    Raises:
        KindNotSupported: Files cannot be delivered there yet.
    """
    spec = specs.find_connection_spec(connection_spec_id)
    name = str(spec["name"]) if spec else connection_spec_id
    kind = _BY_MODE.get(str(params.get("mode", ""))) if specs.is_legacy_card(connection_spec_id) else None
    kind = kind or _BY_CARD.get(connection_spec_id)
    if kind is None:
        mode = (
            f" in mode {params['mode']}"
            if specs.is_legacy_card(connection_spec_id) and params.get("mode")
            else ""
        )
        raise KindNotSupported(
            "destination kind", f"{name}{mode} can be described, but files go to S3 and SFTP only"
        )
    return kind


def file_type(connection_spec_id: str, params: Mapping[str, Any]) -> str:
    """`CSV`, `TAB_DELIMITED`, `JSON` or `PARQUET`."""
    if specs.is_legacy_card(connection_spec_id):
        return str(params.get("format") or "CSV")
    return str(params.get("fileType") or "CSV")


def _complete_legacy(spec: Mapping[str, Any], params: Document) -> None:
    if not params.get("mode"):
        found = [mode for name, mode in _IDENTIFYING if params.get(name)]
        if not found:
            raise refused(
                "1419-400", "params.mode is required, or a bucketName, container or remotePath", "params"
            )
        params["mode"] = found[0]
    required = spec["targetSpec"].get("requiredByMode", {}).get(params["mode"])
    if required is None:
        known = spec["targetSpec"].get("requiredByMode", {})
        raise refused("1419-400", f"params.mode is one of {', '.join(known)}", "params.mode")
    _require(params, required)
    params["format"] = str(params.get("format") or "CSV").upper()


def _complete_new(spec: Mapping[str, Any], params: Document, properties: Mapping[str, Any]) -> None:
    # Published requests for Blob name the container bucketName, and those for SFTP the folder path.
    if spec["id"] == _BLOB and not params.get("container") and params.get("bucketName"):
        params["container"] = params["bucketName"]
    if "remotePath" in properties and not params.get("remotePath") and params.get("path"):
        params["remotePath"] = params["path"]
    place = [name for name in ("bucketName", "container", "path", "remotePath") if name in properties]
    _require(params, place)
    params.setdefault("compression", "NONE")
    types = [name for name in ("fileType", "datasetFileType") if params.get(name)]
    if not types:
        raise refused(
            "1419-400", "params.fileType is required, or datasetFileType for datasets", "params.fileType"
        )
    if params.get("csvOptions") and params.get("fileType") != "CSV":
        raise refused("1419-400", "params.csvOptions goes with fileType CSV only", "params.csvOptions")


def _require(params: Mapping[str, Any], names: Any) -> None:
    for name in names:
        if params.get(name) in (None, ""):
            raise refused("1419-400", f"params.{name} is required", f"params.{name}")


def _check_values(properties: Mapping[str, Any], params: Mapping[str, Any], *, has_endpoint: bool) -> None:
    for name, value in params.items():
        rule = properties.get(name)
        if rule is None or value is None:
            continue
        place = f"params.{name}"
        if "enum" in rule and value not in rule["enum"]:
            raise refused("1419-400", f"{value!r} is none of {', '.join(map(str, rule['enum']))}", place)
        if rule.get("type") == "string" and not isinstance(value, str):
            raise refused("1419-400", f"{value!r} is no text", place)
        if rule.get("type") == "boolean" and not isinstance(value, bool):
            raise refused("1419-400", f"{value!r} is neither true nor false", place)
        if "pattern" in rule and not has_endpoint and not re.search(rule["pattern"], str(value)):
            raise refused("1419-400", f"{value!r} does not have the form {rule['pattern']}", place)
    options = params.get("csvOptions") or {}
    for name, value in options.items():
        choices = [
            choice["const"]
            for choice in properties["csvOptions"]["properties"].get(name, {}).get("oneOf", ())
        ]
        if choices and value not in choices:
            raise refused("1419-400", f"{value!r} is none of {choices}", f"params.csvOptions.{name}")


def _check_folder(params: Mapping[str, Any]) -> None:
    for name in ("path", "remotePath"):
        if ".." in str(params.get(name) or "").split("/"):
            raise refused("1419-400", "a folder never leaves its root by ..", f"params.{name}")
