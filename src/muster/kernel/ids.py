"""Where new ids come from: injected, so that a run can be replayed from a seed."""

from __future__ import annotations

import hashlib
import random
import secrets
import time
import uuid
from typing import Protocol

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ids(Protocol):
    """A source of ids in the forms that the API's services use."""

    def uuid(self) -> str:
        """Make a lower-case UUID: definitions, jobs, Flow Service entities."""
        ...

    def hex(self, digits: int) -> str:
        """Make `digits` lower-case hexadecimal digits: datasets 24, schemas 48, descriptors 40, requests 32."""
        ...

    def ulid(self) -> str:
        """Make a 26-character ULID: batches. Later ones sort after earlier ones of another millisecond."""
        ...


class RandomIds:
    """Ids from the operating system's randomness."""

    def uuid(self) -> str:
        return str(uuid.uuid4())

    def hex(self, digits: int) -> str:
        return secrets.token_hex((digits + 1) // 2)[:digits]

    def ulid(self) -> str:
        return _ulid(int(time.time() * 1000), secrets.randbits(80))


class SeededIds:
    """Ids from a seed: the same calls give the same ids. For tests and replays only."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - replayable by intention, never used for secrets
        self._ticks = 0

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def ulid(self) -> str:
        self._ticks += 1
        return _ulid(self._ticks, self._random.getrandbits(80))


def derived_uuid(*parts: str) -> str:
    """Derive a UUID from names, so that a retried step makes the same id again."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def _ulid(milliseconds: int, entropy: int) -> str:
    value = (milliseconds << 80) | entropy
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))
