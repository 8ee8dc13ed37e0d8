"""What connections, source connections, target connections and flows have in common: storing, versions, lists.

A stored entity's body is the document that the API answers, with `revision` in place of an etag. The revision counts
what callers changed; a finished flow run touches its flow without changing the etag that a caller has in hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from muster.flows.errors import EntityNotFound, StaleEtag, refused
from muster.flows.filters import read_filters, read_orders
from muster.kernel.clock import to_ms
from muster.kernel.ids import derived_uuid
from muster.kernel.page import Page
from muster.storage.records import Document, Names, Order, Query, Record, RecordsTransaction
from muster.storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Resource:
    """One list of the API.

    Attributes:
        name: As it is spelled in paths and messages.
        kind: Of its records.
        roots: Members that a patch may touch.
        not_found: Code of a missing one.
    """

    name: str
    kind: str
    roots: frozenset[str]
    not_found: str


CONNECTIONS = Resource("connections", "connection", frozenset({"name", "description", "auth"}), "1428-404")
SOURCE_CONNECTIONS = Resource(
    "sourceConnections", "source_connection", frozenset({"name", "description", "params", "data"}), "1429-404"
)
TARGET_CONNECTIONS = Resource(
    "targetConnections", "target_connection", frozenset({"name", "description", "params", "data"}), "1430-404"
)
FLOWS = Resource(
    "flows",
    "flow",
    frozenset(
        {
            "name",
            "description",
            "sourceConnectionIds",
            "transformations",
            "scheduleParams",
            "policy",
            "options",
        }
    ),
    "1439-404",
)
RUNS = Resource("runs", "flow_run", frozenset(), "1439-404")

LIMIT_DEFAULT = 50
LIMIT_MAX = 100


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, as answers name them."""

    user_id: str
    client_id: str


def add(
    tx: RecordsTransaction,
    workspace: Workspace,
    resource: Resource,
    id: str,
    body: Mapping[str, Any],
    *,
    author: Author,
    links: Iterable[tuple[str, str]] = (),
) -> Record:
    """Store a new entity under its first revision."""
    now = to_ms(workspace.clock.now())
    common = {
        "createdAt": now,
        "updatedAt": now,
        "createdBy": author.user_id,
        "updatedBy": author.user_id,
        "createdClient": author.client_id,
        "updatedClient": author.client_id,
        "state": "enabled",
        "revision": 1,
    }
    return tx.add(resource.kind, id, {**common, **body}, Names(links=tuple(links)))


def change(
    tx: RecordsTransaction,
    workspace: Workspace,
    record: Record,
    body: Mapping[str, Any],
    *,
    author: Author,
    links: Iterable[tuple[str, str]] | None = None,
) -> Record:
    """Store the next revision of an entity."""
    mark = {
        "updatedAt": to_ms(workspace.clock.now()),
        "updatedBy": author.user_id,
        "updatedClient": author.client_id,
        "revision": record.body["revision"] + 1,
    }
    names = None if links is None else Names(links=tuple(links))
    return tx.replace(record.kind, record.id, {**body, **mark}, expected=record.version, names=names)


def get(tx: RecordsTransaction, resource: Resource, id: str) -> Record:
    """One entity. Raises `EntityNotFound`."""
    record = tx.find(resource.kind, id)
    if record is None:
        raise EntityNotFound(resource.kind, id, resource.name, resource.not_found)
    return record


def etag(record: Record) -> str:
    """The entity's etag without its quotes: another one for each revision, and never its id."""
    return derived_uuid("etag", record.kind, record.id, str(record.body.get("revision", record.version)))


def check_etag(record: Record, supplied: str | None) -> None:
    """Compare what a caller read with what is stored.

    Args:
        supplied: Value of `If-Match` without quotes; `*` fits everything.
    Raises:
        FlowInvalid: 1403, there is none.
        StaleEtag: Somebody was faster.
    """
    if not supplied:
        raise refused("1403-400", "If-Match is missing: send the etag of the version that you change")
    if supplied not in ("*", etag(record)):
        raise StaleEtag(supplied, etag(record))


def page(
    tx: RecordsTransaction,
    resource: Resource,
    conditions: Sequence[str],
    orderby: str | None,
    *,
    offset: int,
    limit: int,
) -> Page[Record]:
    """One page of a list; newest first unless an order is given. `limit` 0 counts only."""
    filters = read_filters(conditions)
    links: list[tuple[str, str]] = []
    if resource is RUNS:
        # The flow of a run is indexed; without this, a flow's runs would be looked for among all runs.
        links = [
            ("flow", each.values[0])
            for each in filters
            if _names_one_flow(each.path, each.operator, each.values)
        ]
    orders = read_orders(orderby) or (() if resource is RUNS else (Order(("updatedAt",), descending=True),))
    return tx.page(resource.kind, Query(filters, links, orders, offset, limit))


def users_of(tx: RecordsTransaction, kind: str, relation: str, id: str) -> list[Record]:
    """Entities of a kind that point to another one; as many as a message needs."""
    return list(tx.page(kind, Query(links=((relation, id),), limit=LIMIT_MAX)).items)


def checked_name(body: Mapping[str, Any]) -> str:
    """The name of a new entity. Raises `FlowInvalid`."""
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise refused("1405-400", "name is required", "name")
    return name


def checked_body(body: Any) -> Document:
    """The request's object. Raises `FlowInvalid` 1405."""
    if not isinstance(body, dict) or not body:
        raise refused("1405-400", "the body must be a JSON object and not empty")
    return body


def _names_one_flow(path: tuple[str, ...], operator: str, values: tuple[str, ...]) -> bool:
    return path == ("flowId",) and operator == "==" and len(values) == 1
