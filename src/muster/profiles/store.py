"""The profile store opened for reading: one graph's snapshot under one merge policy, with its memberships."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from muster.kernel.errors import MusterError, Transient
from muster.profiles.bucket import BucketReader
from muster.profiles.manifest import Snapshot, read_snapshot
from muster.profiles.memberships import Memberships, read_memberships
from muster.profiles.merge_policies import MergePolicies, MergePolicy, default_policy
from muster.storage.workspace import Workspace


@dataclass(eq=False)
class NotEvaluated(MusterError):
    """Audience {definition_id} has not been evaluated yet. Run a segment job with it first."""

    definition_id: str


@dataclass(frozen=True)
class ProfileStore:
    """One consistent view: snapshot and memberships were read in one transaction, and files never change."""

    workspace: Workspace
    policy: MergePolicy
    snapshot: Snapshot
    memberships: Memberships

    @cached_property
    def buckets(self) -> tuple[BucketReader, ...]:
        """Readers of all buckets, in order."""
        return tuple(BucketReader(bucket, self.workspace.lake) for bucket in self.snapshot.buckets)

    def find(self, hash_: bytes) -> tuple[BucketReader, int] | None:
        """Bucket and row of whoever owns an identity; None for strangers. By index, never by scan.

        A person who was merged away is found under the survivor, who owns the founding identity now.
        """
        for reader in self.buckets:
            row = self._row_in(reader, hash_)
            if row is not None:
                return reader, row
        return None

    @staticmethod
    def _row_in(reader: BucketReader, hash_: bytes) -> int | None:
        if not reader.row_count:
            return None
        row = int(reader.index.rows([hash_])[0])
        return row if row < reader.row_count else None


def policy_of(workspace: Workspace, policy_id: str | None) -> MergePolicy:
    """A merge policy, or the sandbox's default one. Raises `NotFound`."""
    record = MergePolicies(workspace).get(policy_id) if policy_id else default_policy(workspace)
    return MergePolicy.of(record)


def graph_of(policy: MergePolicy) -> str:
    """The identity graph that a policy's profiles are made over."""
    return "pdg" if policy.stitches else "none"


def open_store(workspace: Workspace, policy_id: str | None = None) -> ProfileStore:
    """Open the store as of now. Raises `NotFound`, and `Transient` while the policy's profiles are being built."""
    policy = policy_of(workspace, policy_id)
    with workspace.records.read() as records:
        snapshot = read_snapshot(records, graph_of(policy))
        if snapshot.ordinal and policy.id not in snapshot.policies:
            raise Transient(f"The profiles under merge policy {policy.id}", "they are being built")
        return ProfileStore(workspace, policy, snapshot, read_memberships(records, policy.id))
