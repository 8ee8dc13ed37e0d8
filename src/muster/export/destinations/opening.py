"""From a stored connection to an open destination: the only place where sign-in secrets leave their seal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muster.export.destinations.destination import Destination
from muster.export.destinations.s3 import S3Destination
from muster.export.destinations.sftp import SftpDestination
from muster.flows.connections import secrets_of
from muster.flows.errors import KindNotSupported
from muster.flows.targets import StorageKind
from muster.settings import Settings
from muster.storage.records import Names
from muster.storage.workspace import Workspace


def open_destination(
    workspace: Workspace, connection_id: str, kind: StorageKind, params: Mapping[str, Any]
) -> Destination:
    """The storage of a target connection.

    Args:
        params: Of the target connection.
    Raises:
        EntityNotFound: The base connection is gone.
        KindNotSupported: It signs in by a way that cannot be used yet.
    """
    _, secrets = secrets_of(workspace, connection_id)
    if kind == "s3":
        return _s3(workspace.settings, secrets, str(params.get("bucketName", "")))
    return _sftp(workspace, connection_id, secrets)


def try_sign_in(workspace: Workspace, connection_id: str) -> None:
    """Sign in with the credentials of a base connection. Raises why it does not work."""
    record, secrets = secrets_of(workspace, connection_id)
    if not record.body.get("auth"):
        return
    if _is_s3(secrets):
        _s3(workspace.settings, secrets, "").check()
    elif "username" in secrets:
        _sftp(workspace, connection_id, secrets).check()
    else:
        name = record.body["auth"]["specName"]
        raise KindNotSupported("sign-in", f"{name!r} is stored, but only S3 keys and SFTP can be tried")


def _is_s3(secrets: Mapping[str, Any]) -> bool:
    return ("s3AccessKey" in secrets and "s3SecretKey" in secrets) or (
        "accessId" in secrets and "secretKey" in secrets
    )


def _s3(settings: Settings, secrets: Mapping[str, Any], bucket: str) -> S3Destination:
    if not _is_s3(secrets):
        raise KindNotSupported("sign-in", "S3 needs an access key; roles cannot be assumed yet")
    return S3Destination(
        bucket=bucket,
        access_key=str(secrets.get("s3AccessKey") or secrets["accessId"]),
        secret_key=str(secrets.get("s3SecretKey") or secrets["secretKey"]),
        endpoint=str(secrets.get("serviceUrl") or secrets.get("endpoint") or settings.s3_endpoint),
        region=str(secrets.get("region") or ""),
    )


def _sftp(workspace: Workspace, connection_id: str, secrets: Mapping[str, Any]) -> SftpDestination:
    host = str(secrets.get("domain") or secrets.get("host") or "")
    port = int(secrets.get("port") or 22)
    known_host_id = f"{connection_id}/{host}:{port}"

    def learn(key: str) -> None:
        with workspace.records.write() as tx:
            if tx.find("known_host", known_host_id) is None:
                names = Names(links=(("connection", connection_id),))
                tx.add("known_host", known_host_id, {"hostKey": key}, names)

    with workspace.records.read() as tx:
        known = tx.find("known_host", known_host_id)
    return SftpDestination(
        host=host,
        port=port,
        username=str(secrets.get("username", "")),
        password=str(secrets.get("password") or ""),
        private_key=str(secrets.get("sshKey") or ""),
        host_key=str(secrets.get("hostKey") or (known.body["hostKey"] if known else "")),
        learned=learn,
    )
