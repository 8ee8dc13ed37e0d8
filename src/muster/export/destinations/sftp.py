"""Files on an SFTP server: uploaded under a staged name, then renamed.

A file's name is reached by one rename, so nobody reads half of it. "Create only" uses SFTP's own rename, which
refuses an existing target; replacing uses OpenSSH's atomic one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import posixpath
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import asyncssh

from muster.export.destinations.destination import (
    DestinationAway,
    FileIsThere,
    HostKeyRefused,
    PlaceMissing,
    PlaceRefused,
    SignInRefused,
)
from muster.kernel.errors import Invalid, MusterError

T = TypeVar("T")

_BLOCK_BYTES = 1 << 20
_CONNECT_S = 20
# AES-GCM first: twice as fast as the default order.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr", "chacha20-poly1305@openssh.com")


class SftpDestination:
    """One account on one server.

    Args:
        private_key: Text of an RSA key without passphrase: OpenSSH's form or PEM, itself or in base64.
        host_key: `type base64` of the server's key; empty: the first key that the server shows is trusted.
        learned: Told the key that was trusted so, to be given as `host_key` from then on.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int = 22,
        username: str,
        password: str = "",
        private_key: str = "",
        host_key: str = "",
        learned: Callable[[str], None] | None = None,
    ) -> None:
        self._host, self._port, self._username = host, port, username
        self._password = password
        self._client_keys = [_read_private_key(private_key)] if private_key else None
        self._host_key = host_key
        self._learned = learned

    @property
    def location(self) -> str:
        return f"sftp://{self._username}@{self._host}:{self._port}"

    def check(self) -> None:
        async def look(sftp: asyncssh.SFTPClient) -> None:
            await sftp.getcwd()

        self._run(look, "look at", "its home folder")

    def head(self, name: str) -> int | None:
        async def look(sftp: asyncssh.SFTPClient) -> int | None:
            return await _size(sftp, name)

        return self._run(look, "look at", name)

    def publish(self, name: str, local_path: Path, *, create_only: bool) -> None:
        folder = posixpath.dirname(name)
        # Of fixed length, so that a long final name stays within what file systems allow; the same for a retry.
        staged = posixpath.join(folder, f".muster-{hashlib.sha256(name.encode()).hexdigest()[:24]}.part")

        async def upload(sftp: asyncssh.SFTPClient) -> None:
            if folder:
                await sftp.makedirs(folder, exist_ok=True)
            if create_only and await _size(sftp, name) is not None:
                raise FileIsThere(self.location, name)
            try:
                async with sftp.open(staged, "wb") as remote:
                    with local_path.open("rb") as local:
                        while block := local.read(_BLOCK_BYTES):
                            await remote.write(block)
                await self._bring(sftp, staged, name, create_only=create_only)
            except BaseException:
                await _remove_quietly(sftp, staged)
                raise

        self._run(upload, "write", name)

    def read(self, name: str) -> Iterator[bytes]:
        blocks: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=4)
        stopped = threading.Event()

        async def fetch(sftp: asyncssh.SFTPClient) -> None:
            async with sftp.open(name, "rb") as remote:
                while (block := await remote.read(_BLOCK_BYTES)) and not stopped.is_set():
                    await asyncio.to_thread(blocks.put, cast(bytes, block))

        def work() -> None:
            end: BaseException | None = None
            try:
                self._run(fetch, "read", name)
            except MusterError as error:
                end = error
            # Whoever stopped reading waits for nothing more.
            if not stopped.is_set():
                blocks.put(end)

        thread = threading.Thread(target=work, name="sftp-read", daemon=True)
        thread.start()
        try:
            while (block := blocks.get()) is not None:
                if isinstance(block, BaseException):
                    raise block
                yield block
        finally:
            stopped.set()
            while thread.is_alive():
                try:
                    blocks.get(timeout=0.05)
                except queue.Empty:
                    continue

    def delete(self, name: str) -> None:
        async def remove(sftp: asyncssh.SFTPClient) -> None:
            try:
                await sftp.remove(name)
            except asyncssh.SFTPNoSuchFile:
                return

        self._run(remove, "delete", name)

    async def _bring(self, sftp: asyncssh.SFTPClient, staged: str, name: str, *, create_only: bool) -> None:
        if not create_only:
            await sftp.posix_rename(staged, name)
            return
        try:
            await sftp.rename(staged, name)
        except asyncssh.SFTPError as error:
            if await _size(sftp, name) is not None:
                raise FileIsThere(self.location, name) from error
            raise

    def _run(self, call: Callable[[asyncssh.SFTPClient], Awaitable[T]], action: str, place: str) -> T:
        async def connected() -> T:
            async with self._session() as sftp:
                return await call(sftp)

        try:
            return asyncio.run(connected())
        except MusterError:
            raise
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise self._translated(error, action, place) from error

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncssh.SFTPClient]:
        await self._learn_host_key()
        trusted = asyncssh.import_public_key(self._host_key)
        options: dict[str, Any] = {"password": self._password} if self._password else {"password": None}
        async with (
            asyncssh.connect(
                self._host,
                self._port,
                username=self._username,
                client_keys=self._client_keys,
                # Neither the account that runs the server nor its agent may lend its own keys and settings.
                agent_path=None,
                config=None,
                known_hosts=([trusted], [], []),
                server_host_key_algs=_algorithms(trusted),
                encryption_algs=list(_CIPHERS),
                keepalive_interval=15,
                keepalive_count_max=3,
                connect_timeout=_CONNECT_S,
                login_timeout=_CONNECT_S,
                preferred_auth="publickey" if self._client_keys else "password,keyboard-interactive",
                **options,
            ) as connection,
            connection.start_sftp_client() as sftp,
        ):
            yield sftp

    async def _learn_host_key(self) -> None:
        if self._host_key:
            return
        async with asyncio.timeout(_CONNECT_S):
            shown = await asyncssh.get_server_host_key(self._host, self._port, config=None)
        if shown is None:
            raise DestinationAway(self.location, "the server shows no host key")
        self._host_key = " ".join(shown.export_public_key().decode().split()[:2])
        if self._learned is not None:
            self._learned(self._host_key)

    def _translated(self, error: BaseException, action: str, place: str) -> MusterError:
        if isinstance(error, asyncssh.PermissionDenied):
            return SignInRefused(self.location, "the user name, password or key is wrong")
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            return HostKeyRefused(self.location)
        if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath):
            return PlaceMissing(self.location, place)
        if isinstance(error, asyncssh.SFTPPermissionDenied):
            return PlaceRefused(self.location, action, place)
        if isinstance(error, asyncssh.SFTPFailure):
            return PlaceRefused(self.location, f"{action} (it says: {error.reason})", place)
        return DestinationAway(self.location, str(error).strip() or type(error).__name__)


async def _size(sftp: asyncssh.SFTPClient, name: str) -> int | None:
    try:
        return (await sftp.stat(name)).size or 0
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return None


async def _remove_quietly(sftp: asyncssh.SFTPClient, name: str) -> None:
    try:
        await sftp.remove(name)
    except (asyncssh.Error, OSError):
        # The failure that led here is the one to tell; the staged file is replaced by the next try.
        return


def _algorithms(key: asyncssh.SSHKey) -> list[str]:
    if key.get_algorithm() == "ssh-rsa":
        return ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]
    return [key.get_algorithm()]


def _read_private_key(text: str) -> asyncssh.SSHKey:
    candidates = [text.encode()]
    try:
        candidates.append(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        pass  # It is a key as it stands, or the loop below refuses it.
    for candidate in candidates:
        try:
            return asyncssh.import_private_key(candidate)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            continue
    raise Invalid.at("auth.params.sshKey", "is no private key without passphrase, as text or in base64")
