"""Identity namespaces: what a value identifies a person by, such as an email address or a cookie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from muster.kernel.clock import from_ms
from muster.kernel.errors import AlreadyExists, Invalid, NotFound
from muster.storage.records import Document, Names, Order, Query, Record, RecordsTransaction
from muster.storage.workspace import Workspace

ID_TYPES = frozenset(
    {
        "COOKIE", "CROSS_DEVICE", "DEVICE", "EMAIL", "MOBILE", "NON_PEOPLE", "PHONE", "PARTNER_ID",
        "B2B_ACCOUNT", "B2B_CAMPAIGN", "B2B_CAMPAIGN_MEMBER", "B2B_OPPORTUNITY", "B2B_OPPORTUNITY_PERSON",
        "B2B_MARKETING_LIST", "B2B_MARKETING_LIST_MEMBER", "B2B_ACCOUNT_PERSON",
    }
)  # fmt: skip
"""Documented; compared without regard to case, spaces and dashes."""

CUSTOM_ID_MIN = 10_018_776
"""Numbers of custom namespaces start near here in published answers."""

CODE_LENGTH_MAX = 255

_OUTSIDE_GRAPHS = frozenset({"NON_PEOPLE", "PARTNER_ID"})
_STANDARD_SINCE = from_ms(1_551_688_425_000)
_KIND = "namespace"
_PAGE = 500


@dataclass(eq=False)
class NamespaceTaken(AlreadyExists):
    """An identity namespace with {key} exists already. Codes are compared without regard to case."""

    code: str = "NAMESPACE_CODE_CONFLICT"


@dataclass(eq=False)
class NamespaceMissing(NotFound):
    """There is no identity namespace {id}."""

    code: str = "NAMESPACE_NOT_FOUND"


@dataclass(eq=False)
class NamespaceInvalid(Invalid):
    """{message}"""

    code: str = "INVALID_REQUEST_PARAMS"


@dataclass(frozen=True, slots=True)
class Namespace:
    """An identity namespace.

    Attributes:
        id: Its number.
        code: Its name in data; compared without regard to case.
        id_type: As it was sent; see `kind` for comparing.
        is_custom: Whether the sandbox made it.
    """

    id: int
    code: str
    name: str
    description: str
    id_type: str
    is_custom: bool
    created_at: datetime
    updated_at: datetime

    @property
    def kind(self) -> str:
        """The id type in the one spelling that `ID_TYPES` has."""
        return normal_id_type(self.id_type)

    @property
    def is_person(self) -> bool:
        """Whether its values identify people, so that they may enter identity graphs."""
        return self.kind not in _OUTSIDE_GRAPHS and not self.kind.startswith("B2B_")


class Namespaces:
    """The identity namespaces of one sandbox: the standard ones and its own."""

    def __init__(self, workspace: Workspace) -> None:
        self._records = workspace.records

    def all(self) -> tuple[Namespace, ...]:
        """All of them, standard ones first."""
        with self._records.read() as tx:
            own: list[Namespace] = []
            while True:
                query = Query(orders=(Order(("@created",)),), offset=len(own), limit=_PAGE)
                page = tx.page(_KIND, query)
                own += [_of(record) for record in page.items]
                if not page.has_next or not page.items:
                    return (*standard().values(), *own)

    def find(self, code: str) -> Namespace | None:
        """The namespace of a code in any letter case, or None."""
        found = standard().get(code.lower())
        if found is not None:
            return found
        with self._records.read() as tx:
            record = tx.find_key(_KIND, _code_key(code))
            return None if record is None else _of(record)

    def find_number(self, number: int) -> Namespace | None:
        """The namespace of a number, or None."""
        found = next((each for each in standard().values() if each.id == number), None)
        if found is not None:
            return found
        with self._records.read() as tx:
            record = tx.find(_KIND, str(number))
            return None if record is None else _of(record)

    def get(self, number: int) -> Namespace:
        """The namespace of a number. Raises `NamespaceMissing`."""
        found = self.find_number(number)
        if found is None:
            raise NamespaceMissing("identity namespace", str(number))
        return found

    def add(self, code: str, name: str, id_type: str, description: str = "") -> Namespace:
        """Make a namespace of the sandbox. Raises `NamespaceInvalid`, `NamespaceTaken`."""
        _check(code, name, id_type)
        if code.lower() in standard():
            raise NamespaceTaken("identity namespace", f"code {code}")
        with self._records.write() as tx:
            if tx.find_key(_KIND, _code_key(code)) is not None:
                raise NamespaceTaken("identity namespace", f"code {code}")
            number = CUSTOM_ID_MIN + tx.next_number("namespace") - 1
            body = {"code": code, "name": name, "idType": id_type, "description": description}
            return _of(tx.add(_KIND, str(number), body, Names(keys=(_code_key(code),))))

    def change(self, number: int, changes: Mapping[str, Any]) -> Namespace:
        """Give a namespace of the sandbox another name or description.

        Args:
            changes: `name`, `description`; `code` and `idType` only as they are.
        Raises:
            NamespaceMissing: There is no such number.
            NamespaceInvalid: A standard namespace, or another code or id type.
        """
        before = self.get(number)
        if not before.is_custom:
            raise NamespaceInvalid.at("/id", f"{before.code} is a standard namespace and stays as it is")
        if changes.get("code", before.code) != before.code:
            raise NamespaceInvalid.at("/code", "the code of a namespace stays as it is")
        if normal_id_type(str(changes.get("idType", before.id_type))) != before.kind:
            raise NamespaceInvalid.at("/idType", "the id type of a namespace stays as it is")
        with self._records.write() as tx:
            return _of(_changed(tx, number, changes))


def normal_id_type(id_type: str) -> str:
    """An id type in the spelling of `ID_TYPES`: `Cross-device` and `cross_device` are one."""
    return id_type.strip().upper().replace("-", "_").replace(" ", "_")


@cache
def standard() -> Mapping[str, Namespace]:
    """The namespaces that every sandbox has, by code in lower case.

    The numbers of ECID, Email, Phone, AAID and AdCloud are published; the others are ours, in `standard_namespaces.json`.
    """
    table = json.loads(files(__package__).joinpath("standard_namespaces.json").read_text("utf-8"))
    return {
        row["code"].lower(): Namespace(
            id=row["id"],
            code=row["code"],
            name=row["name"],
            description=row["description"],
            id_type=row["idType"],
            is_custom=False,
            created_at=_STANDARD_SINCE,
            updated_at=_STANDARD_SINCE,
        )
        for row in table
    }


def _check(code: str, name: str, id_type: str) -> None:
    if not code or len(code) > CODE_LENGTH_MAX or any(character.isspace() for character in code):
        raise NamespaceInvalid.at("/code", f"is 1 to {CODE_LENGTH_MAX} characters without blanks")
    if not name:
        raise NamespaceInvalid.at("/name", "a name is needed")
    if normal_id_type(id_type) not in ID_TYPES:
        raise NamespaceInvalid.at("/idType", f"{id_type!r} is none of {', '.join(sorted(ID_TYPES))}")


def _changed(tx: RecordsTransaction, number: int, changes: Mapping[str, Any]) -> Record:
    body: Document = tx.get(_KIND, str(number)).body
    for key in ("name", "description"):
        if isinstance(changes.get(key), str):
            body[key] = changes[key]
    if not body["name"]:
        raise NamespaceInvalid.at("/name", "a name is needed")
    return tx.replace(_KIND, str(number), body)


def _code_key(code: str) -> str:
    return f"code:{code.lower()}"


def _of(record: Record) -> Namespace:
    body = record.body
    return Namespace(
        id=int(record.id),
        code=body["code"],
        name=body["name"],
        description=body["description"],
        id_type=body["idType"],
        is_custom=True,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )
