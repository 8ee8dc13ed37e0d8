"""Identities as numbers: their hash, their public id, and the sorted index that finds whose they are."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

HASH_BYTES = 16

INDEX_ENTRY = np.dtype([("high", "<u8"), ("low", "<u8"), ("row", "<u4")])
"""One entry of an index file: the two halves of the hash, and the person's row in the bucket."""

NO_ROW = 0xFFFF_FFFF
"""In a run's index: the identity is no longer in this bucket."""


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """A value in a namespace. Codes of namespaces compare without regard to case, values exactly."""

    namespace: str
    value: str

    @property
    def hash(self) -> bytes:
        """16 bytes that stand for the identity everywhere. 128 bits: no two of 10^12 identities meet by chance."""
        text = f"{self.namespace.lower()}\0{self.value}".encode()
        return hashlib.blake2b(text, digest_size=HASH_BYTES, person=b"muster-identity"[:16]).digest()

    @property
    def xid(self) -> str:
        """The public id of the identity, and of the person it founded: URL-safe, the same in every installation."""
        return xid_of(self.hash)


def xid_of(hash_: bytes) -> str:
    """Write a hash as a public id."""
    return urlsafe_b64encode(hash_).rstrip(b"=").decode()


def hash_of_xid(xid: str) -> bytes | None:
    """Read a public id; None when it is none."""
    try:
        hash_ = urlsafe_b64decode(xid + "=" * (-len(xid) % 4))
    except ValueError:
        return None
    return hash_ if len(hash_) == HASH_BYTES else None


def halves(hashes: Iterable[bytes]) -> npt.NDArray[np.void]:
    """Hashes as an array of entries without rows."""
    joined = b"".join(hashes)
    pairs = np.frombuffer(joined, dtype=">u8").reshape(-1, 2)
    entries = np.zeros(len(pairs), dtype=INDEX_ENTRY)
    entries["high"], entries["low"], entries["row"] = pairs[:, 0], pairs[:, 1], NO_ROW
    return entries


def bucket_of(hash_: bytes, bucket_count: int) -> int:
    """The bucket of the person that an identity founded. Counts are powers of two, so a split moves half of a bucket."""
    return int.from_bytes(hash_[:8], "big") & (bucket_count - 1)


def write_index(path: Path, hashes: Sequence[bytes], rows: Sequence[int]) -> None:
    """Write an index file, sorted by hash."""
    entries = halves(hashes)
    entries["row"] = np.asarray(rows, dtype="<u4")
    order = np.lexsort((entries["low"], entries["high"]))
    np.save(path, entries[order])


class IdentityIndex:
    """Index files of one bucket, oldest first; a later one has the last word."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = [np.load(path, mmap_mode="r") for path in paths]

    def rows(self, hashes: Sequence[bytes]) -> npt.NDArray[np.uint32]:
        """The row of each identity's person, `NO_ROW` where the bucket does not know it; one binary search each."""
        wanted = halves(hashes)
        found = np.full(len(wanted), NO_ROW, dtype=np.uint32)
        for entries in self._files:
            _overlay(entries, wanted, found)
        return found


def _overlay(
    entries: npt.NDArray[np.void], wanted: npt.NDArray[np.void], found: npt.NDArray[np.uint32]
) -> None:
    if not len(entries):
        return
    highs, lows, rows = (np.asarray(entries[name]) for name in ("high", "low", "row"))
    places = np.searchsorted(highs, wanted["high"], side="left")
    inside = np.minimum(places, len(highs) - 1)
    candidates = (places < len(highs)) & (highs[inside] == wanted["high"])
    hits = candidates & (lows[inside] == wanted["low"])
    found[hits] = rows[inside[hits]]
    # Equal first halves are next to impossible; they are walked all the same.
    for position in np.flatnonzero(candidates & ~hits):
        place = places[position]
        while place < len(highs) and highs[place] == wanted["high"][position]:
            if lows[place] == wanted["low"][position]:
                found[position] = rows[place]
                break
            place += 1
