"""Resources: the small protocol that every service's documents are kept by.

A resource is a JSON document of one kind in one scope. It may have unique *keys* (other names it is found by) and
*links* (indexed arrows to other resources, such as a batch's dataset). Every list pages in the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from muster.kernel.page import Page
from muster.kernel.version import Version

Document = dict[str, Any]
Operator = Literal["==", "!=", "<", "<=", ">", ">=", "exists", "absent", "~", "contains"]


@dataclass(frozen=True, slots=True)
class Record:
    """A stored resource as of one version. `body` is the reader's own copy."""

    kind: str
    id: str
    version: Version
    body: Document
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a field of the document.

    Attributes:
        path: Field names from the top; `[]` after an array's name means *some element*. The pseudo-paths `@id`,
            `@created` and `@updated` (milliseconds) are the record's own columns.
        operator: `~` is a regular expression, `contains` a substring without regard to case.
        values: For `==` any of them may match, for `!=` none may; one value for the others; none for `exists`, `absent`.
            Text compares with numbers and booleans by their JSON text, and as a number where both sides are numbers.
        ignore_case: Whether `==` and `!=` compare without regard to case.
    """

    path: tuple[str, ...]
    operator: Operator
    values: tuple[str, ...] = ()
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by one field; same paths as `Filter`."""

    path: tuple[str, ...]
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Which records of a kind, in which order, from where. All conditions must hold.

    `orders` empty means newest first. `limit` 0 asks for the count only.
    """

    filters: Sequence[Filter] = ()
    links: Sequence[tuple[str, str]] = ()
    orders: Sequence[Order] = ()
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Task:
    """A job that is to start: written in the transaction of the row it serves, handed to the queue afterwards.

    Attributes:
        id: Unique; the same id twice is one task. It is the workflow's id as well.
        workflow: Name of a registered workflow.
        argument: What the workflow is about, an id; never a secret.
        due_at: Business time at which it starts; None: at once.
        owner: What a group of due tasks belongs to, so that they can be withdrawn together.
    """

    id: str
    workflow: str
    argument: str
    due_at: datetime | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """The other names and arrows of a record, replaced as a whole when given."""

    keys: Iterable[str] = ()
    links: Iterable[tuple[str, str]] = ()


class RecordsTransaction(Protocol):
    """Reads and writes that become true together, or not at all. Reads see its own writes."""

    def add(self, kind: str, id: str, body: Mapping[str, Any], names: Names = Names()) -> Record:
        """Store a new resource. Raises `AlreadyExists` when the id or one of the keys is taken."""
        ...

    def find(self, kind: str, id: str) -> Record | None:
        """The resource, or None."""
        ...

    def get(self, kind: str, id: str) -> Record:
        """The resource. Raises `NotFound`."""
        ...

    def get_many(self, kind: str, ids: Sequence[str]) -> dict[str, Record]:
        """Those of the resources that exist, by id."""
        ...

    def find_key(self, kind: str, key: str) -> Record | None:
        """The resource with that unique key, or None."""
        ...

    def page(self, kind: str, query: Query = Query()) -> Page[Record]:
        """One page of the resources that match, with the count of all that do."""
        ...

    def replace(
        self,
        kind: str,
        id: str,
        body: Mapping[str, Any],
        *,
        expected: Version | None = None,
        names: Names | None = None,
    ) -> Record:
        """Store a new version. Raises `NotFound`, `VersionMismatch`, `AlreadyExists` (a key)."""
        ...

    def remove(self, kind: str, id: str, *, expected: Version | None = None) -> None:
        """Remove a resource with its names. Raises `NotFound`, `VersionMismatch`."""
        ...

    def next_number(self, sequence: str) -> int:
        """The next integer of a named sequence of this scope, from 1. Gaps occur where a transaction fails."""
        ...

    def enqueue(self, task: Task) -> None:
        """Let a job start once this transaction is committed and its time has come."""
        ...

    def withdraw(self, owner: str) -> None:
        """Forget the tasks of an owner that have not started."""
        ...

    def put_secret(self, id: str, value: Mapping[str, Any]) -> None:
        """Seal a small JSON object under an id, replacing what was there."""
        ...

    def get_secret(self, id: str) -> Document:
        """Open a sealed object. Raises `NotFound`."""
        ...

    def remove_secret(self, id: str) -> None:
        """Remove a sealed object; nothing happens when there is none."""
        ...


class Records(Protocol):
    """The resources of one scope."""

    def read(self) -> AbstractContextManager[RecordsTransaction]:
        """A transaction for reading. Writes in it are an error."""
        ...

    def write(self) -> AbstractContextManager[RecordsTransaction]:
        """A transaction that is committed at the end of the block, or undone when the block raises.

        The block must be short: no file is read and no network waited for inside.
        """
        ...
