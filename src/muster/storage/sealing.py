"""Secrets at rest: sealed with AES-256-GCM under the installation's key, bound to the place they are stored at."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from muster.kernel.errors import MusterError

_NONCE_BYTES = 12


@dataclass(eq=False)
class SealBroken(MusterError):
    """The secret at {context} cannot be opened with this key. Start with the MUSTER_SECRET_KEY that it was stored under."""

    context: str


class Seal:
    """Closes and opens small JSON objects.

    Args:
        key: Any text with enough chance in it; the cipher's key is derived from it.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._cipher = AESGCM(self._derived(b"muster/seal/1"))

    def close(self, value: Mapping[str, Any], *, context: str) -> bytes:
        """Seal a JSON object. `context` must be given again to open it, so a sealed row cannot be moved elsewhere."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, orjson.dumps(dict(value)), context.encode())

    def open(self, sealed: bytes, *, context: str) -> dict[str, Any]:
        """Open a sealed object. Raises `SealBroken` when key or context are others."""
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except InvalidTag as error:
            raise SealBroken(context) from error
        opened: dict[str, Any] = orjson.loads(plain)
        return opened

    def signing_key(self) -> bytes:
        """A key of 32 bytes for tokens, the same in every process of the installation."""
        return self._derived(b"muster/tokens/1")

    def _derived(self, purpose: bytes) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(self._key)


def read_or_make_key(path: Path) -> str:
    """The key in a file that only its owner can read; made when there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    try:
        # Exclusive and private from the first byte: two processes that start together agree on one key.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_key(path)
    with os.fdopen(descriptor, "w") as file:
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    return made


def _read_key(path: Path) -> str:
    text = path.read_text().strip()
    if len(urlsafe_b64decode(text)) != 32:
        raise SealBroken(str(path))
    return text
