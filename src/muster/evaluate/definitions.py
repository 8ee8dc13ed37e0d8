"""Segment definitions: the audiences' rules, checked before they are stored.

A stored definition has `mergePolicyId` and `evaluationInfo` filled in, and `dependencies`: the definitions that its
expression asks about. It is evaluated by exactly one method, and its expression qualifies for that one, unless it was
stored when other rules held and has not been edited since.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jsonpatch
import jsonpointer

from muster import pql
from muster.evaluate.expression import compile_expression, unfit
from muster.kernel.errors import AlreadyExists, InUse, Invalid, Problem
from muster.kernel.page import Page
from muster.profiles.merge_policies import KIND as MERGE_POLICY
from muster.profiles.merge_policies import PROFILE_CLASS_NAME, default_policy
from muster.storage.records import Document, Names, Query, Record, RecordsTransaction
from muster.storage.workspace import Workspace

KIND = "segment_definition"
METHODS = ("batch", "continuous", "synchronous")
_METHODS_OF_PQL: Mapping[str, pql.Method] = {"continuous": "streaming", "synchronous": "edge"}

_CLASSES = {
    PROFILE_CLASS_NAME,
    "https://ns.adobe.com/xdm/context/profile",
    "https://ns.adobe.com/xdm/context/profile__union",
}
_KEPT = (
    "payloadSchema",
    "labels",
    "tags",
    "lifecycleState",
    "overridePerformanceWarnings",
    "ansibleUiEnabled",
    "saveSegmentMembership",
)
"""Fields that are stored as they come and have no effect here."""
_USERS_SHOWN = 5


@dataclass(eq=False)
class DefinitionExists(AlreadyExists):
    """A {kind} with {key} exists already. Overwrite it with PATCH, or leave the id out."""


@dataclass(eq=False)
class DefinitionInUse(InUse):
    """The audience cannot be deleted. {kind} {id} is used by {users}; remove these first."""

    code: ClassVar[str] = "UPAPI-113631-403"


class Definitions:
    """The segment definitions of one sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def create(self, body: Any, *, by: str) -> Record:
        """Store a new definition.

        Args:
            body: The API's document; `id` may be given by the caller.
            by: User that is named as creator when the document names none.
        Raises:
            Invalid: With every problem of the document and of its expression.
            DefinitionExists: The given id is taken.
        """
        checked = self._checked(body)
        id_ = str(body.get("id") or self._workspace.ids.uuid())
        checked["createdBy"] = body.get("createdBy") or by
        with self._workspace.records.write() as tx:
            if tx.find(KIND, id_) is not None:
                raise DefinitionExists(KIND, f"id {id_}")
            return tx.add(KIND, id_, checked, _names(checked))

    def get(self, id: str) -> Record:
        """The definition. Raises `NotFound`."""
        with self._workspace.records.read() as tx:
            return tx.get(KIND, id)

    def get_many(self, ids: Sequence[str]) -> dict[str, Record]:
        """Those of the definitions that exist, by id."""
        with self._workspace.records.read() as tx:
            return tx.get_many(KIND, ids)

    def page(self, query: Query) -> Page[Record]:
        """One page of the definitions."""
        with self._workspace.records.read() as tx:
            return tx.page(KIND, query)

    def dependents(self, id: str) -> list[str]:
        """Ids of the definitions whose expressions ask about this one."""
        with self._workspace.records.read() as tx:
            return [record.id for record in tx.page(KIND, Query(links=[("uses", id)], limit=1000)).items]

    def overwrite(self, id: str, body: Any, *, by: str) -> Record:
        """Replace a definition by a whole document, or change it by a JSON Patch; it keeps its id and its creator.

        A definition that keeps its method, and whose new expression does not qualify for that, becomes batch. Documented:
        segmentation methods.

        Raises:
            NotFound, Invalid
        """
        current = self.get(id)
        document = _patched(current, body) if isinstance(body, list) else body
        checked = self._checked(document, current)
        checked["createdBy"] = current.body["createdBy"]
        checked["lastModifiedBy"] = by
        with self._workspace.records.write() as tx:
            return tx.replace(KIND, id, checked, names=_names(checked))

    def delete(self, id: str) -> None:
        """Remove a definition. Raises `NotFound`, `DefinitionInUse` (other definitions, flows)."""
        with self._workspace.records.write() as tx:
            tx.get(KIND, id)
            users = [*_users(tx, KIND, ("uses", id), but=id), *_users(tx, "flow", ("audience", id))]
            if users:
                raise DefinitionInUse(KIND, id, ", ".join(users))
            tx.remove(KIND, id)

    def _checked(self, body: Any, current: Record | None = None) -> Document:
        """The stored form of a document that is new, or takes the place of another. Raises `Invalid` with every problem."""
        if not isinstance(body, Mapping):
            raise Invalid.at("", "a segment definition is needed as a JSON object")
        problems: list[Problem] = []
        checked: Document = {
            "name": _name(body, problems),
            "description": body.get("description") or "",
            "schema": _schema(body.get("schema"), problems),
            "dataGovernancePolicy": _governance(body.get("dataGovernancePolicy"), problems),
            "profileInstanceId": "ups",
            **{name: body[name] for name in _KEPT if name in body},
        }
        if current is None:
            # Clients send back what they read, so an id in an overwriting body is not an intention.
            _check_id(body.get("id"), problems)
        if (days := _ttl(body.get("ttlInDays"), problems)) is not None:
            checked["ttlInDays"] = days
        checked["mergePolicyId"] = self._merge_policy_id(body, problems)
        method = _method(body.get("evaluationInfo"), problems)
        try:
            query = compile_expression(self._workspace, body.get("expression"))
            checked["dependencies"] = list(query.segment_ids)
            checked["expression"] = {
                name: value for name, value in body["expression"].items() if value is not None
            }
            method = self._qualified(method, checked["expression"], current)
        except Invalid as error:
            problems += error.problems
        if problems:
            raise Invalid(tuple(problems))
        checked["evaluationInfo"] = {each: {"enabled": each == method} for each in METHODS}
        return checked

    def _qualified(self, method: str, expression: Document, current: Record | None) -> str:
        """The method by which an expression will be evaluated. Raises `Invalid` when it was asked for, and cannot be."""
        if method == "batch":
            return method
        kept = current is not None and evaluation_method(current.body["evaluationInfo"]) == method
        if kept and current is not None and current.body["expression"] == expression:
            return method
        try:
            self._check_method(method, expression)
        except Invalid:
            if not kept:
                raise
            return "batch"
        return method

    def _check_method(self, method: str, expression: Document) -> None:
        query = compile_expression(self._workspace, expression, closed=True)
        known = pql.facts(query, referenced=self._facts_of(query.segment_ids))
        obstacles = known.methods[_METHODS_OF_PQL[method]].obstacles
        if obstacles:
            raise Invalid(
                tuple(unfit(f"/evaluationInfo/{method}/enabled", obstacle) for obstacle in obstacles)
            )

    def _facts_of(self, ids: Iterable[str]) -> Mapping[str, pql.Facts]:
        """What is known of stored definitions and of those they ask about, as far as they can be read."""
        known: dict[str, pql.Facts] = {}
        seen: set[str] = set()
        wanted = set(ids)
        while wanted:
            seen |= wanted
            found: set[str] = set()
            for id_, record in self.get_many(sorted(wanted)).items():
                try:
                    query = compile_expression(self._workspace, record.body["expression"], closed=True)
                except Invalid:
                    # It reads fields that are not declared, or no longer; whoever asks about it is told that it is not known.
                    continue
                known[id_] = pql.facts(query)
                found |= set(query.segment_ids)
            wanted = found - seen
        return known

    def _merge_policy_id(self, body: Mapping[str, Any], problems: list[Problem]) -> str:
        older = body.get("mergePolicy")
        wanted = body.get("mergePolicyId") or (older.get("id") if isinstance(older, Mapping) else None)
        default = default_policy(self._workspace)
        if not wanted:
            return default.id
        with self._workspace.records.read() as tx:
            if tx.find(MERGE_POLICY, str(wanted)) is None:
                problems.append(Problem("/mergePolicyId", f"there is no merge policy {wanted}"))
        return str(wanted)


def evaluation_method(info: Mapping[str, Any]) -> str:
    """Which of `METHODS` a stored `evaluationInfo` selects."""
    return next(method for method in METHODS if info[method]["enabled"])


def _names(body: Document) -> Names:
    links = [("merge_policy", body["mergePolicyId"]), *(("uses", id_) for id_ in body["dependencies"])]
    return Names(links=links)


def _users(tx: RecordsTransaction, kind: str, link: tuple[str, str], but: str = "") -> list[str]:
    page = tx.page(kind, Query(links=[link], limit=_USERS_SHOWN + 1))
    shown = [f"{kind} {record.id}" for record in page.items if record.id != but]
    return shown if len(shown) <= _USERS_SHOWN else [*shown[:_USERS_SHOWN], f"more of kind {kind}"]


def _patched(current: Record, operations: list[Any]) -> Any:
    try:
        return jsonpatch.apply_patch({**current.body, "id": current.id}, operations)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
        raise Invalid.at("", f"the JSON Patch cannot be applied: {error}") from error


def _name(body: Mapping[str, Any], problems: list[Problem]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        problems.append(Problem("/name", "is required, as text"))
        return ""
    if not isinstance(body.get("description") or "", str):
        problems.append(Problem("/description", "text is needed"))
    return name


def _check_id(id_: Any, problems: list[Problem]) -> None:
    if id_ in (None, ""):
        return
    try:
        canonical = str(uuid.UUID(id_)) == id_
    except (ValueError, AttributeError, TypeError):
        canonical = False
    if not canonical:
        problems.append(Problem("/id", "a lower-case UUID is needed, or no id at all"))


def _schema(value: Any, problems: list[Problem]) -> Document:
    if not isinstance(value, Mapping):
        problems.append(Problem("/schema", f'is required: {{"name": "{PROFILE_CLASS_NAME}"}}'))
        return {}
    schema = {
        name: value[name] for name in ("name", "id") if isinstance(value.get(name), str) and value[name]
    }
    if not schema:
        problems.append(Problem("/schema", "name or id of the profile class is needed"))
    problems += [
        Problem(f"/schema/{name}", f"audiences of {given} are not supported, only of {PROFILE_CLASS_NAME}")
        for name, given in schema.items()
        if given not in _CLASSES
    ]
    return {"name": PROFILE_CLASS_NAME, **schema}


def _ttl(value: Any, problems: list[Problem]) -> int | None:
    if value is None:
        return None
    days = int(value) if isinstance(value, str) and value.isdecimal() else value
    if not isinstance(days, int) or isinstance(days, bool) or days < 1:
        problems.append(Problem("/ttlInDays", "a whole number of days above 0 is needed"))
        return None
    return days


def _governance(value: Any, problems: list[Problem]) -> Document:
    if value is None:
        return {"excludeOptOut": True}
    if not isinstance(value, Mapping) or not isinstance(value.get("excludeOptOut", True), bool):
        problems.append(Problem("/dataGovernancePolicy/excludeOptOut", "true or false is needed"))
        return {}
    return {"excludeOptOut": True, **value}


def _method(info: Any, problems: list[Problem]) -> str:
    """The one of `METHODS` that a document's `evaluationInfo` asks for; batch beside another one is no second wish."""
    if info is not None and not isinstance(info, Mapping):
        problems.append(
            Problem("/evaluationInfo", 'an object such as {"batch": {"enabled": true}} is needed')
        )
        return "batch"
    wanted: list[str] = []
    for method in METHODS:
        flag = (info or {}).get(method)
        state = flag.get("enabled", False) if isinstance(flag, Mapping) else flag
        if state not in (None, True, False):
            problems.append(Problem(f"/evaluationInfo/{method}/enabled", "true or false is needed"))
        if state is True and method != "batch":
            wanted.append(method)
    if len(wanted) > 1:
        problems.append(Problem("/evaluationInfo", "one method is needed, either continuous or synchronous"))
    return wanted[0] if wanted else "batch"
