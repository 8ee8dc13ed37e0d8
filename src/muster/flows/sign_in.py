"""How a base connection signs in: checking what was sent, and keeping its secrets apart from its document.

Of the sign-in parameters only those named in `PUBLIC` are ever shown; every other value is sealed and shows as a mask.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from muster.flows import specs
from muster.flows.errors import refused
from muster.kernel.errors import NotFound
from muster.storage.records import Document, RecordsTransaction

MASK = "********"
PUBLIC = frozenset(
    {
        "authorizedDate",
        "bucket",
        "bucketName",
        "container",
        "domain",
        "endpoint",
        "host",
        "hostKey",
        "port",
        "region",
        "serviceUrl",
        "tenant",
        "url",
        "userName",
        "username",
    }
)
"""Parameters that say where and who, and prove nothing."""

_ENDPOINTS = ("serviceUrl", "endpoint")


def secret_id(connection_id: str) -> str:
    """Under which name the secrets of a base connection are sealed."""
    return f"connection:{connection_id}"


def checked_auth(spec: Mapping[str, Any], auth: Any, *, has_endpoint: bool) -> Document | None:
    """Sign-in as sent, with the documented spellings of its parameters; None when the spec needs none.

    Args:
        has_endpoint: The installation names an S3 endpoint of its own; key patterns of AWS do not hold there.
    Raises:
        FlowInvalid: 1415 another way to sign in than the spec's, 1419 a parameter that is missing or cannot be.
    """
    if not spec["authSpec"]:
        return None
    if not isinstance(auth, Mapping):
        names = ", ".join(each["name"] for each in spec["authSpec"])
        raise refused("1415-400", f"auth is required: specName is one of {names}")
    way = specs.auth_spec(spec, str(auth.get("specName", "")))
    if way is None:
        names = ", ".join(each["name"] for each in spec["authSpec"])
        raise refused("1415-400", f"auth spec {auth.get('specName')!r} is not known here; use one of {names}")
    params = auth.get("params")
    if not isinstance(params, Mapping):
        raise refused("1419-400", "auth.params is an object")
    named = _documented_names(way, params)
    _check_params(way, named, has_endpoint=has_endpoint or any(named.get(name) for name in _ENDPOINTS))
    return {"specName": way["name"], "params": named}


def sealed_auth(
    tx: RecordsTransaction, connection_id: str, auth: Mapping[str, Any] | None, today: date
) -> Document | None:
    """Seal the secrets of a sign-in; gives the document without them.

    A value that is the mask keeps what was sealed before.
    """
    if auth is None:
        return None
    stored = open_secrets(tx, connection_id)
    params = auth["params"]
    secrets = {name: value for name, value in params.items() if name not in PUBLIC}
    kept = {name: stored.get(name) if value == MASK else value for name, value in secrets.items()}
    if missing := sorted(name for name, value in kept.items() if value is None):
        raise refused("1419-400", f"auth.params.{missing[0]} is the mask, and no value is stored for it")
    tx.put_secret(secret_id(connection_id), kept)
    shown = {name: MASK if name in secrets else value for name, value in params.items()}
    return {**auth, "params": {**shown, "authorizedDate": today.isoformat()}}


def opened_auth(tx: RecordsTransaction, connection_id: str, body: Mapping[str, Any]) -> Document:
    """Sign-in of a stored base connection with its secrets; for the call that signs in, and nothing else."""
    auth = body.get("auth") or {"specName": "", "params": {}}
    return {**auth, "params": {**auth["params"], **open_secrets(tx, connection_id)}}


def open_secrets(tx: RecordsTransaction, connection_id: str) -> Document:
    """The sealed values of a base connection; empty when there are none."""
    try:
        return tx.get_secret(secret_id(connection_id))
    except NotFound:
        return {}


def without_secrets(operations: Any) -> Any:
    """A JSON Patch as it may be kept in a history."""
    return [
        {**each, "value": _masked(each["value"])} if _is_about_auth(each) and "value" in each else each
        for each in operations
    ]


def _is_about_auth(operation: Any) -> bool:
    return str(operation.get("path", "")).split("/")[1:2] in (["auth"], ["encryption"])


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _masked(each) if isinstance(each, Mapping) or name not in PUBLIC | {"specName"} else each
            for name, each in value.items()
        }
    return MASK


def _documented_names(way: Mapping[str, Any], params: Mapping[str, Any]) -> Document:
    aliases: Mapping[str, str] = way.get("aliases") or {}
    named = {name: value for name, value in params.items() if name not in aliases and value not in (None, "")}
    for name, value in params.items():
        if name in aliases and value not in (None, ""):
            # Some requests send a host under both of its names; the documented one wins.
            named.setdefault(aliases[name], value)
    named.pop("authorizedDate", None)
    return named


def _check_params(way: Mapping[str, Any], params: Mapping[str, Any], *, has_endpoint: bool) -> None:
    spec = way["spec"]
    missing = [name for name in spec.get("required", ()) if name not in params]
    if missing:
        raise refused("1419-400", f"auth.params.{missing[0]} is required by {way['name']!r}")
    choices = way.get("anyOfRequired")
    if choices and not any(all(name in params for name in choice) for choice in choices):
        listed = " or ".join(" and ".join(choice) for choice in choices)
        raise refused("1419-400", f"auth.params needs {listed}")
    for name, value in params.items():
        if not isinstance(value, str | int | bool):
            raise refused("1419-400", f"auth.params.{name} is no text or number")
        pattern = spec["properties"].get(name, {}).get("pattern")
        if pattern and not has_endpoint and value != MASK and not re.search(pattern, str(value)):
            # Never the value itself: it is a secret.
            raise refused("1419-400", f"auth.params.{name} does not have the form {pattern}")
    if "port" in params and not str(params["port"]).isdigit():
        raise refused("1419-400", "auth.params.port is no number")
    for name in (*_ENDPOINTS, "url"):
        if name in params and urlsplit(str(params[name])).username is not None:
            raise refused(
                "1419-400", f"auth.params.{name} carries a user; keep secrets in the parameters made for them"
            )
