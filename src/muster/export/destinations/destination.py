"""What the export needs of any kind of storage, and what can go wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from muster.kernel.errors import MusterError, Transient


class Destination(Protocol):
    """A place for files, opened for one account.

    Names are whole: folder and file with `/`, never starting with one on S3, from the account's root on SFTP.
    All methods raise the errors of this file and no others.
    """

    @property
    def location(self) -> str:
        """Which storage this is, without secrets: two accounts of one bucket say the same."""
        ...

    def check(self) -> None:
        """Sign in and do nothing. Raises `SignInRefused`, `DestinationAway`, `HostKeyRefused`."""
        ...

    def head(self, name: str) -> int | None:
        """Bytes of a file, or None when there is none under that name."""
        ...

    def publish(self, name: str, local_path: Path, *, create_only: bool) -> None:
        """Bring a file to its name; until this returns, or fails, nobody sees a part of it under that name.

        Args:
            create_only: Raise `FileIsThere` instead of replacing.
        """
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of a file in blocks. Raises `PlaceMissing` when there is none, `PlaceRefused` when reading is not allowed."""
        ...

    def delete(self, name: str) -> None:
        """Remove a file; nothing happens when there is none."""
        ...


@dataclass(eq=False)
class DestinationAway(Transient):
    """{what} cannot be reached just now: {reason}."""


@dataclass(eq=False)
class SignInRefused(MusterError):
    """{location} refused the sign-in: {reason}. Change the credentials by PATCH /auth/params of the base connection."""

    location: str
    reason: str
    code: str = "ACTIVATION_BATCH-0000-FAILED"


@dataclass(eq=False)
class PlaceMissing(MusterError):
    """{place} does not exist at {location}."""

    location: str
    place: str


@dataclass(eq=False)
class PlaceRefused(MusterError):
    """{location} does not allow this account to {action} {place}."""

    location: str
    action: str
    place: str


@dataclass(eq=False)
class FileIsThere(MusterError):
    """{location} holds a file {name} already."""

    location: str
    name: str


@dataclass(eq=False)
class HostKeyRefused(MusterError):
    """{location} showed another host key than the one known for this connection. If the server was given a new key, set auth.params.hostKey to it."""

    location: str
