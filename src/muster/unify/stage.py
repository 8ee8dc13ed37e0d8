"""The stage as the pipeline sees it: lay a batch over the store, or build the store anew without one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from muster.catalog.batches import Batches
from muster.catalog.datasets import Dataset, Datasets
from muster.catalog.files import BatchFile
from muster.kernel.clock import from_ms
from muster.kernel.version import Version
from muster.profiles.manifest import KIND, Bucket, Snapshot, commit_snapshot, parse_snapshot, read_snapshot
from muster.profiles.memberships import commit_memberships, read_memberships
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
_PAGE = 200


def feeds_profiles(dataset: Dataset) -> bool:
    """Whether the dataset's rows go on into the profile store."""
    return dataset.profile_enabled


def lay_over(
    workspace: Workspace, dataset: Dataset, batch_id: str, paths: Sequence[str], at_ms: int
) -> Built:
    """Build every graph's store with one more batch. Nothing is visible until `commit`."""
    built: Built = {"snapshots": [], "memberships": []}
    for graph in _graphs(workspace):
        with workspace.records.read() as records:
            snapshot = read_snapshot(records, graph)
        laid = _with_batch(workspace, snapshot, dataset, batch_id, paths, at_ms, _policies(workspace, graph))
        built["snapshots"].append(_carried(compact(workspace, laid)))
    return built


def build_anew(workspace: Workspace, graph: str, *, without: str = "") -> Built:
    """Build a graph's store from all successful batches in their order, with memberships carried over.

    The store is a function of the batches that count: this is how a reverted batch's links, fragments and events vanish, and
    how a graph that nobody needed before comes to be.
    """
    with workspace.records.read() as records:
        old = read_snapshot(records, graph)
    generation = max((bucket.generation for bucket in old.buckets), default=0) + 1
    snapshot = Snapshot(graph, old.ordinal, old.version, (Bucket(0, generation),))
    # Ordinals go on from the old store's, so that no path of a file is used twice.
    fresh = True
    policies = _policies(workspace, graph)
    for batch_id, dataset, files, at_ms in _history(workspace, without):
        snapshot = _with_batch(
            workspace,
            snapshot,
            dataset,
            batch_id,
            [file.path for file in files],
            at_ms,
            policies,
            fresh=fresh,
        )
        snapshot = compact(workspace, snapshot)
        fresh = False
    if fresh:
        snapshot = replace(snapshot, ordinal=snapshot.ordinal + 1)
    buckets = tuple(replace(bucket, generation=generation) for bucket in snapshot.buckets)
    snapshot = replace(snapshot, buckets=buckets, policies={policy.id: policy.version for policy in policies})
    built: Built = {"snapshots": [_carried(snapshot)], "memberships": []}
    for policy in policies:
        with workspace.records.read() as records:
            memberships = read_memberships(records, policy.id)
        if memberships.evaluation:
            moved = remapped(workspace, memberships, old, snapshot)
            built["memberships"].append(
                {"policy_id": policy.id, "version": moved.version, "body": moved.document()}
            )
    return built


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
    return snapshot.policies.get(policy.id) == policy.version


def existing_graphs(workspace: Workspace) -> list[str]:
    """Graphs that have a store."""
    with workspace.records.read() as records:
        return [graph for graph in ("pdg", "none") if records.find(KIND, graph) is not None]


def _graphs(workspace: Workspace) -> list[str]:
    return sorted({DEFAULT_GRAPH, *existing_graphs(workspace)}, reverse=True)


def _policies(workspace: Workspace, graph: str) -> list[MergePolicy]:
    """The policies whose profiles a graph's store keeps: all of that graph, which are five at most."""
    default_policy(workspace)
    policies = [MergePolicy.of(record) for record in MergePolicies(workspace).page(Query()).items]
    return [policy for policy in policies if graph_of(policy) == graph]


def _with_batch(
    workspace: Workspace,
    snapshot: Snapshot,
    dataset: Dataset,
    batch_id: str,
    paths: Sequence[str],
    at_ms: int,
    policies: Sequence[MergePolicy],
    *,
    fresh: bool = False,
) -> Snapshot:
    registry = Registry(workspace)
    is_events = dataset.behaviour == "time-series"
    addition = Addition(
        batch_id=batch_id,
        dataset_id=dataset.id,
        is_events=is_events,
        files=tuple(workspace.lake.local(path) for path in paths),
        columns=_columns(registry, is_events=is_events),
        namespace_codes={namespace.code.lower(): namespace.code for namespace in Namespaces(workspace).all()},
        at=from_ms(at_ms),
    )
    if not addition.files:
        return replace(snapshot, ordinal=snapshot.ordinal + 1)
    return add_batch(
        workspace, snapshot, addition, registry.identities(dataset.schema_id), policies, fresh=fresh
    )


def _columns(registry: Registry, *, is_events: bool) -> pa.Schema:
    return arrow_schema(registry.union_fields(EVENT_CLASS if is_events else PROFILE_CLASS))


def _history(workspace: Workspace, without: str) -> Iterator[tuple[str, Dataset, list[BatchFile], int]]:
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
            if record.id != without and dataset is not None and feeds_profiles(dataset):
                yield record.id, dataset, batches.files(record.id, "data"), int(record.body["completed"])
        offset += len(page.items)
        if not page.has_next:
            return


def _carried(snapshot: Snapshot) -> Document:
    return {"version": int(snapshot.version), "body": snapshot.document()}
