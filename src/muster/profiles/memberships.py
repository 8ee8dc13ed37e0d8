"""Which evaluation of which audience counts, and where its packs lie. One record a merge policy; replacing it is the commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from muster.kernel.clock import from_ms, to_ms
from muster.kernel.version import Version
from muster.profiles.packs import Pack
from muster.storage.lake import Lake
from muster.storage.records import RecordsTransaction

KIND = "membership"


@dataclass(frozen=True, slots=True)
class Memberships:
    """The memberships of one merge policy.

    Attributes:
        evaluation: Ordinal of the newest evaluation; 0 before the first.
        times: When each evaluation was, ms, by ordinal.
        definitions: Per audience the evaluation that spoke of it last.
        packs: Per evaluation and bucket number, as text, the lake path of the pack.
    """

    policy_id: str
    version: Version
    evaluation: int = 0
    times: Mapping[str, int] = field(default_factory=dict)
    definitions: Mapping[str, int] = field(default_factory=dict)
    packs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def time_of(self, evaluation: int) -> datetime:
        """When an evaluation was."""
        return from_ms(self.times[str(evaluation)])

    def pack(self, lake: Lake, definition_id: str, bucket: int) -> Pack | None:
        """The pack that speaks of an audience; None when none does."""
        evaluation = self.definitions.get(definition_id)
        if evaluation is None:
            return None
        path = self.packs[str(evaluation)].get(str(bucket))
        return None if path is None else Pack(lake.local(path))

    def packs_of_bucket(self, lake: Lake, bucket: int) -> dict[str, Pack]:
        """Per audience the pack of a bucket, each file opened once."""
        opened: dict[int, Pack] = {}
        found: dict[str, Pack] = {}
        for definition_id, evaluation in self.definitions.items():
            path = self.packs[str(evaluation)].get(str(bucket))
            if path is not None:
                if evaluation not in opened:
                    opened[evaluation] = Pack(lake.local(path))
                found[definition_id] = opened[evaluation]
        return found

    def after(self, at: datetime, definitions: list[str], packs: Mapping[str, str]) -> Memberships:
        """With one more evaluation, of these audiences; packs that nobody needs any more are left out."""
        ordinal = self.evaluation + 1
        newest = {**self.definitions, **dict.fromkeys(definitions, ordinal)}
        needed = {str(evaluation) for evaluation in newest.values()}
        kept = {evaluation: paths for evaluation, paths in self.packs.items() if evaluation in needed}
        return replace(
            self,
            evaluation=ordinal,
            times={**self.times, str(ordinal): to_ms(at)},
            definitions=newest,
            packs={**kept, str(ordinal): dict(packs)},
        )

    def document(self) -> dict[str, Any]:
        return {
            "evaluation": self.evaluation,
            "times": dict(self.times),
            "definitions": dict(self.definitions),
            "packs": {evaluation: dict(paths) for evaluation, paths in self.packs.items()},
        }


def read_memberships(records: RecordsTransaction, policy_id: str) -> Memberships:
    """The memberships of a policy; empty before the first evaluation."""
    record = records.find(KIND, policy_id)
    if record is None:
        return Memberships(policy_id, Version(0))
    return Memberships(policy_id, record.version, **record.body)


def commit_memberships(records: RecordsTransaction, memberships: Memberships) -> None:
    """Make memberships the present ones.

    Raises:
        VersionMismatch, AlreadyExists: Another commit came first.
    """
    if memberships.version == 0:
        records.add(KIND, memberships.policy_id, memberships.document())
    else:
        records.replace(KIND, memberships.policy_id, memberships.document(), expected=memberships.version)
