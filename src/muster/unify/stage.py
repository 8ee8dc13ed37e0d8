"""The stage as the pipeline sees it: lay a batch over the store, or build the store anew without one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from muster.catalog.batches import Batches
from muster.catalog.datasets import Dataset, Datasets
from muster.kernel.clock import from_ms
from muster.kernel.version import Version
from muster.profiles.manifest import KIND, Bucket, Snapshot, commit_snapshot, parse_snapshot, read_snapshot
from muster.profiles.memberships import Memberships, commit_memberships, read_memberships
from muster.profiles.merge_policies import MergePolicies, MergePolicy, default_policy
from muster.profiles.remap import remapped
from muster.profiles.store import graph_of
from muster.storage.records import Document, Filter, Order, Query, RecordsTransaction
from muster.storage.workspace import Workspace
from muster.unify.build import add_batch
from muster.unify.compact import compact
from muster.unify.namespaces import Namespaces
from muster.unify.run_files import Addition
from muster.xdm.arrow import arrow_schema
from muster.xdm.registry import EVENT_CLASS, PROFILE_CLASS, Registry

Built = dict[str, Any]
"""What a build hands on to its commit: documents of snapshots and memberships, with the versions they replace. JSON."""

DEFAULT_GRAPH = "pdg"
_GRAPHS = (DEFAULT_GRAPH, "none")
_EXPORTED = "musterExportJob"
"""Tag of a batch that an export wrote: its rows are results, not sources."""
_PAGE = 200
_OVERFULL = 1.5
"""A bucket may outgrow its bound by this factor before the store is built with more of them."""


def feeds_profiles(dataset: Dataset) -> bool:
    """Whether the dataset's rows go on into the profile store."""
    return dataset.profile_enabled


@dataclass(frozen=True, slots=True)
class Incoming:
    """A checked batch that does not count yet.

    Attributes:
        paths: Lake paths of its data files, in order.
        at_ms: Business time of its ingestion.
        replaces: Batches that stop counting when it starts to.
    """

    batch_id: str
    dataset: Dataset
    paths: tuple[str, ...]
    at_ms: int
    replaces: tuple[str, ...] = ()


def lay_over(workspace: Workspace, incoming: Incoming) -> Built:
    """Build every graph's store with one more batch. Nothing is visible until `commit`.

    A store whose buckets have become too large, or that loses the batches that this one replaces, is built anew.
    """
    built: Built = {"snapshots": [], "memberships": []}
    for graph in _graphs(workspace):
        with workspace.records.read() as records:
            snapshot = read_snapshot(records, graph)
        if incoming.replaces or _is_overfull(workspace, snapshot):
            anew = build_anew(workspace, graph, without=incoming.replaces, incoming=incoming)
            built["snapshots"] += anew["snapshots"]
            built["memberships"] += anew["memberships"]
            continue
        policies = _policies(workspace, graph)
        if snapshot.ordinal:
            # A run with a policy whose profiles the base lacks would show only those whom the run touches.
            policies = [policy for policy in policies if _holds(snapshot, policy)]
        laid = _with_batch(workspace, snapshot, incoming, policies)
        built["snapshots"].append(_carried(compact(workspace, laid)))
    return built


def build_anew(
    workspace: Workspace, graph: str, *, without: Collection[str] = (), incoming: Incoming | None = None
) -> Built:
    """Build a graph's store from all successful batches in their order, with memberships carried over.

    The store is a function of the batches that count: this is how a reverted batch's links, fragments and events vanish, how
    buckets split, and how a graph that nobody needed before comes to be.
    """
    with workspace.records.read() as records:
        old = read_snapshot(records, graph)
    generation = max((bucket.generation for bucket in old.buckets), default=0) + 1
    # Ordinals go on from the old store's, so that no path of a file is used twice.
    snapshot = Snapshot(graph, old.ordinal, old.version, (Bucket(0, generation),))
    policies = _policies(workspace, graph)
    fresh = True
    for batch in (*_history(workspace, without), *((incoming,) if incoming else ())):
        snapshot = _with_batch(
            workspace, snapshot, batch, policies, persons_expected=old.person_count if fresh else None
        )
        snapshot = compact(workspace, snapshot)
        fresh = False
    if fresh:
        snapshot = replace(snapshot, ordinal=snapshot.ordinal + 1)
    snapshot = replace(snapshot, policies={policy.id: policy.recipe for policy in policies})
    return {
        "snapshots": [_carried(snapshot)],
        "memberships": [
            {"policy_id": moved.policy_id, "version": int(moved.version), "body": moved.document()}
            for moved in _carried_over(workspace, policies, old, snapshot)
        ],
    }


def _carried_over(
    workspace: Workspace, policies: Sequence[MergePolicy], old: Snapshot, new: Snapshot
) -> Iterator[Memberships]:
    for policy in policies:
        with workspace.records.read() as records:
            memberships = read_memberships(records, policy.id)
        if memberships.evaluation:
            yield remapped(workspace, memberships, old, new)


def commit(records: RecordsTransaction, built: Built) -> None:
    """Make what was built the present state.

    Raises:
        VersionMismatch, AlreadyExists: Another commit came first; build again on top of it.
    """
    for carried in built["snapshots"]:
        snapshot = parse_snapshot(carried["body"])
        commit_snapshot(records, replace(snapshot, version=Version(carried["version"])))
    for carried in built["memberships"]:
        current = read_memberships(records, carried["policy_id"])
        commit_memberships(
            records, type(current)(carried["policy_id"], Version(carried["version"]), **carried["body"])
        )


def is_current(workspace: Workspace, policy: MergePolicy) -> bool:
    """Whether the store holds the profiles of a policy as it is today."""
    with workspace.records.read() as records:
        snapshot = read_snapshot(records, graph_of(policy))
    return _holds(snapshot, policy)


def _holds(snapshot: Snapshot, policy: MergePolicy) -> bool:
    return snapshot.policies.get(policy.id) == policy.recipe


def existing_graphs(workspace: Workspace) -> list[str]:
    """Graphs that have a store."""
    with workspace.records.read() as records:
        return [graph for graph in _GRAPHS if records.find(KIND, graph) is not None]


def needed_graphs(workspace: Workspace) -> list[str]:
    """Graphs that some merge policy is over."""
    return [graph for graph in _GRAPHS if _policies(workspace, graph)]


def _graphs(workspace: Workspace) -> list[str]:
    return sorted({DEFAULT_GRAPH, *existing_graphs(workspace)}, reverse=True)


def _policies(workspace: Workspace, graph: str) -> list[MergePolicy]:
    """The policies whose profiles a graph's store keeps: all of that graph, which are five at most."""
    default_policy(workspace)
    policies = [MergePolicy.of(record) for record in MergePolicies(workspace).page(Query()).items]
    return [policy for policy in policies if graph_of(policy) == graph]


def _is_overfull(workspace: Workspace, snapshot: Snapshot) -> bool:
    bound = workspace.settings.bucket_persons_max * _OVERFULL
    return any(bucket.live_count > bound for bucket in snapshot.buckets)


def _with_batch(
    workspace: Workspace,
    snapshot: Snapshot,
    incoming: Incoming,
    policies: Sequence[MergePolicy],
    *,
    persons_expected: int | None = None,
) -> Snapshot:
    """The snapshot with a batch laid over it; `persons_expected` when it is the first of a store that is built anew."""
    if not incoming.paths:
        return replace(snapshot, ordinal=snapshot.ordinal + 1)
    registry = Registry(workspace)
    dataset = incoming.dataset
    is_events = dataset.behaviour == "time-series"
    addition = Addition(
        batch_id=incoming.batch_id,
        dataset_id=dataset.id,
        is_events=is_events,
        files=tuple(workspace.lake.local(path) for path in incoming.paths),
        columns=_columns(registry, is_events=is_events),
        namespace_codes={namespace.code.lower(): namespace.code for namespace in Namespaces(workspace).all()},
        at=from_ms(incoming.at_ms),
    )
    return add_batch(
        workspace,
        snapshot,
        addition,
        registry.identities(dataset.schema_id),
        policies,
        persons_expected=persons_expected,
    )


def _columns(registry: Registry, *, is_events: bool) -> pa.Schema:
    return arrow_schema(registry.union_fields(EVENT_CLASS if is_events else PROFILE_CLASS))


def _history(workspace: Workspace, without: Collection[str]) -> Iterator[Incoming]:
    """The successful batches of enabled datasets in the order in which they became so."""
    batches, datasets = Batches(workspace), Datasets(workspace)
    query = Query(
        filters=(Filter(("status",), "==", ("success",)),), orders=(Order(("completed",)),), limit=_PAGE
    )
    offset = 0
    while True:
        with workspace.records.read() as records:
            page = records.page("batch", replace(query, offset=offset))
        for record in page.items:
            dataset = datasets.find(batches.get(record.id).dataset_id)
            is_result = _EXPORTED in record.body.get("tags", {})
            if record.id not in without and not is_result and dataset is not None and feeds_profiles(dataset):
                paths = tuple(file.path for file in batches.files(record.id, "data"))
                yield Incoming(record.id, dataset, paths, int(record.body["completed"]))
        offset += len(page.items)
        if not page.has_next:
            return


def _carried(snapshot: Snapshot) -> Document:
    return {"version": int(snapshot.version), "body": snapshot.document()}
