"""Datasets: named heaps of rows under one schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonpatch
import jsonpointer

from muster.catalog import dataset_body
from muster.catalog.dataset_body import IDENTITY_TAG, PROFILE_TAG, SERVER_FIELDS
from muster.kernel.clock import to_ms
from muster.kernel.errors import Invalid, NotFound
from muster.kernel.page import Page
from muster.kernel.scope import Scope
from muster.storage.records import Document, Names, Query, Record, RecordsTransaction, Task
from muster.storage.workspace import Workspace
from muster.xdm.registry import EVENT_CLASS, PROFILE_CLASS, Registry

KIND = "dataset"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as of one version.

    Attributes:
        behaviour: `record`, `time-series` or `adhoc`: whether a row is a state or an event.
        profile_enabled: Its rows feed the profile store.
        identity_enabled: Its rows feed the identity graph.
        upsert: A row changes only the fields that it gives, instead of replacing the earlier one.
    """

    id: str
    body: Document
    version: int
    created_ms: int
    updated_ms: int

    @property
    def name(self) -> str:
        return str(self.body["name"])

    @property
    def schema_id(self) -> str:
        return str(self.body["schemaRef"]["id"])

    @property
    def behaviour(self) -> str:
        return str(self.body["classification"]["dataBehavior"])

    @property
    def profile_enabled(self) -> bool:
        return dataset_body.is_on(self.body, PROFILE_TAG)

    @property
    def identity_enabled(self) -> bool:
        return dataset_body.is_on(self.body, IDENTITY_TAG)

    @property
    def upsert(self) -> bool:
        return dataset_body.is_on(self.body, PROFILE_TAG, "isUpsert")

    def shown(self, scope: Scope) -> Document:
        """The API's document."""
        return {
            **self.body,
            "imsOrg": scope.org_id,
            "sandboxId": scope.sandbox_id,
            "version": f"1.0.{self.version - 1}",
            "created": self.created_ms,
            "updated": self.updated_ms,
            "files": f"@/dataSetFiles?dataSetId={self.id}",
        }


class Datasets:
    """The datasets of a sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def create(self, body: Any, by: str) -> Dataset:
        """Make a dataset.

        Args:
            body: As a client sends it: `name`, `schemaRef` or the legacy `schema`, `tags` …
            by: Account that makes it.
        Raises:
            Invalid: What is wrong with the body; a schema that does not exist; Profile without a union-tagged schema.
        """
        workspace = self._workspace
        document = self._with_schema(dataset_body.checked(body))
        document = dataset_body.with_table_tags(document)
        document = dataset_body.with_enabled_at(document, None, workspace.clock.now())
        document |= {
            "namespace": "ACP",
            "state": "DRAFT",
            "viewId": workspace.ids.hex(24),
            "createdClient": by.split("@", 1)[0],
            "createdUser": by,
            "updatedUser": by,
        }
        id = workspace.ids.hex(24)
        with workspace.records.write() as tx:
            return _dataset(tx.add(KIND, id, document, _names(document)))

    def find(self, id: str) -> Dataset | None:
        """The dataset, or None."""
        with self._workspace.records.read() as tx:
            record = tx.find(KIND, id)
        return None if record is None else _dataset(record)

    def get(self, id: str) -> Dataset:
        """The dataset. Raises `NotFound`."""
        found = self.find(id)
        if found is None:
            raise NotFound(KIND, id)
        return found

    def page(self, query: Query) -> Page[Dataset]:
        """One page of those that match."""
        with self._workspace.records.read() as tx:
            return tx.page(KIND, query).map(_dataset)

    def replace(self, id: str, body: Any, by: str) -> Dataset:
        """Put another document in its place; what the server says of it stays. Raises `Invalid`, `NotFound`."""
        return self._write(self.get(id), body, by)

    def patch(self, id: str, change: Any, by: str, *, deep: bool = False) -> Dataset:
        """Change a dataset.

        Args:
            change: A list is a JSON Patch, an object replaces the top-level fields that it names.
            deep: Objects are merged at every level instead, and parents that are missing are made.
        Raises:
            Invalid: The change cannot be applied, or its result is no dataset.
        """
        current = self.get(id)
        if isinstance(change, list):
            return self._write(current, _patched(current.body, change), by)
        if not isinstance(change, dict):
            raise Invalid.at("", "a change is an object of fields or a list of JSON Patch operations")
        merged = _merged(current.body, change) if deep else {**current.body, **change}
        return self._write(current, merged, by)

    def delete(self, id: str) -> Dataset:
        """Remove a dataset; its batches are no longer read by anyone, and profiles lose what it said. Raises `NotFound`."""
        with self._workspace.records.write() as tx:
            removed = _dataset(tx.get(KIND, id))
            tx.remove(KIND, id)
            if removed.profile_enabled:
                tx.enqueue(Task(f"rebuild_profiles:{id}", "rebuild_profiles", id))
        return removed

    def _write(self, current: Dataset, body: Any, by: str) -> Dataset:
        document = self._with_schema(dataset_body.checked(body))
        kept = {name: current.body[name] for name in SERVER_FIELDS if name in current.body}
        document = dataset_body.with_table_tags({**kept, **document, "updatedUser": by})
        document = dataset_body.with_enabled_at(document, current.body, self._workspace.clock.now())
        with self._workspace.records.write() as tx:
            latest = tx.get(KIND, current.id)
            # A batch that ended since then has written the dataset's own fields anew; these are never the client's.
            document |= {
                name: latest.body[name]
                for name in SERVER_FIELDS - {"updatedUser", "classification"}
                if name in latest.body
            }
            return _dataset(tx.replace(KIND, current.id, document, names=_names(document)))

    def _with_schema(self, document: Document) -> Document:
        schema_id = document["schemaRef"]["id"]
        registry = Registry(self._workspace)
        try:
            behaviour = registry.behaviour_of(schema_id)
        except NotFound as error:
            raise Invalid.at("/schemaRef/id", f"there is no schema {schema_id} in this sandbox") from error
        # Kept by its `$id`: the registry looks for users of a schema under no other name.
        reference = {**document["schemaRef"], "id": registry.canonical_id(schema_id)}
        document = {**document, "schemaRef": reference}
        if dataset_body.is_on(document, PROFILE_TAG) and not _may_feed_profiles(registry, schema_id):
            raise Invalid.at(
                "/tags/unifiedProfile",
                f'schema {schema_id} takes no part in Profile; add "union" to its meta:immutableTags first',
            )
        return {**document, "classification": {"dataBehavior": behaviour, "managedBy": "CUSTOMER"}}


def dataset_in(tx: RecordsTransaction, id: str) -> Dataset:
    """The dataset as a running transaction sees it. Raises `NotFound`."""
    return _dataset(tx.get(KIND, id))


def note_batch(tx: RecordsTransaction, dataset_id: str, batch_id: str, status: str) -> None:
    """Write the newest batch and its state into its dataset; a dataset that was deleted meanwhile is left alone."""
    record = tx.find(KIND, dataset_id)
    if record is None:
        return
    changes = {"lastBatchId": batch_id, "lastBatchStatus": status}
    if status == "success":
        changes["lastSuccessfulBatch"] = batch_id
    elif status == "failure":
        changes["lastFailedBatch"] = batch_id
    tx.replace(KIND, dataset_id, {**record.body, **changes})


def _may_feed_profiles(registry: Registry, schema_id: str) -> bool:
    # The legacy form names a class itself, which has no tags.
    return schema_id in (PROFILE_CLASS, EVENT_CLASS) or registry.is_union_tagged(schema_id)


def _dataset(record: Record) -> Dataset:
    return Dataset(record.id, record.body, record.version, to_ms(record.created_at), to_ms(record.updated_at))


def _names(document: Mapping[str, Any]) -> Names:
    return Names(links=(("schema", str(document["schemaRef"]["id"])),))


def _patched(body: Mapping[str, Any], operations: list[Any]) -> Any:
    try:
        return jsonpatch.JsonPatch([_lenient(operation) for operation in operations]).apply(body)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError) as error:
        raise Invalid.at("", f"the JSON Patch cannot be applied: {error}") from error


def _lenient(operation: Any) -> Any:
    """Observed: aepp 0.6 enables upsert by `replace` of a tag that need not be there; setting a member is what it means."""
    if isinstance(operation, dict) and operation.get("op") == "replace":
        path = str(operation.get("path", ""))
        if path.startswith("/tags/") and path.count("/") == 2:
            return {**operation, "op": "add"}
    return operation


def _merged(body: Mapping[str, Any], change: Mapping[str, Any]) -> Document:
    merged = dict(body)
    for name, value in change.items():
        below = merged.get(name)
        if isinstance(value, dict):
            merged[name] = _merged(below if isinstance(below, dict) else {}, value)
        else:
            merged[name] = value
    return merged
