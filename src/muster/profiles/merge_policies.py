"""Merge policies: which identities make one profile, and which fragment's value counts.

A sandbox always has a default policy of the profile class: the system one, until another is made the default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from muster.kernel.errors import AlreadyExists, Invalid, MusterError, Problem
from muster.kernel.ids import derived_uuid
from muster.kernel.page import Page
from muster.storage.records import Document, Names, Query, Record, RecordsTransaction, Task
from muster.storage.workspace import Workspace

KIND = "merge_policy"
PROFILE_CLASS_NAME = "_xdm.context.profile"
POLICIES_MAX = 5

_GRAPHS = ("none", "pdg")
_MERGES = ("timestampOrdered", "dataSetPrecedence")
_CLASS_NAMES = {
    "https://ns.adobe.com/xdm/context/profile": PROFILE_CLASS_NAME,
    "https://ns.adobe.com/xdm/context/profile__union": PROFILE_CLASS_NAME,
}
_DEFINITIONS = "segment_definition"
_PATCHABLE = ("name", "schema", "identityGraph", "attributeMerge", "isActiveOnEdge", "default")
_USERS_SHOWN = 5
_MOVED_AT_ONCE = 200


@dataclass(eq=False)
class TooManyPolicies(MusterError):
    """A sandbox has at most {most} merge policies. Delete one that is not in use, then create this one."""

    most: int


@dataclass(eq=False)
class PolicyInUse(MusterError):
    """Merge policy {id} is used by {users} and cannot be deleted. Give these another policy first."""

    id: str
    users: str


@dataclass(eq=False)
class DefaultPolicyKept(MusterError):
    """Merge policy {id} is the default of {class_name}. Make another policy the default first."""

    id: str
    class_name: str


@dataclass(frozen=True, slots=True)
class MergePolicy:
    """What unification reads of a policy.

    Attributes:
        version: Raised by each write, so that a store built under an older one is known to be stale.
        stitches: Whether all identities of one graph form a profile (`pdg`), or each identity its own (`none`).
        order: Datasets of `dataSetPrecedence`, first wins, unlisted ones take no part; empty means newest value wins.
    """

    id: str
    version: int
    class_name: str
    stitches: bool
    order: tuple[str, ...]
    is_default: bool

    @property
    def recipe(self) -> str:
        """How profiles are made under the policy; two versions with one recipe make the same profiles."""
        return f"{'pdg' if self.stitches else 'none'}:{','.join(self.order)}"

    @classmethod
    def of(cls, record: Record) -> MergePolicy:
        """Read a stored policy."""
        body = record.body
        precedence = body["attributeMerge"]["type"] == "dataSetPrecedence"
        return cls(
            id=record.id,
            version=int(record.version),
            class_name=body["schema"]["name"],
            stitches=body["identityGraph"]["type"] == "pdg",
            order=tuple(body["attributeMerge"]["order"]) if precedence else (),
            is_default=bool(body["default"]),
        )


def default_policy(workspace: Workspace, class_name: str = PROFILE_CLASS_NAME) -> Record:
    """The default merge policy of a class; the system's own is made when there is none yet."""
    with workspace.records.read() as tx:
        found = tx.find_key(KIND, _default_key(class_name))
    if found is not None:
        return found
    id_ = derived_uuid(workspace.scope.sandbox_id, KIND, class_name)
    try:
        with workspace.records.write() as tx:
            found = tx.find_key(KIND, _default_key(class_name))
            return found or tx.add(KIND, id_, _system_body(class_name), _names(class_name, is_default=True))
    except AlreadyExists:
        # Another process made it between the look and the write.
        with workspace.records.read() as tx:
            return tx.get(KIND, id_)


class MergePolicies:
    """The merge policies of one sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def page(self, query: Query) -> Page[Record]:
        """One page of the policies; the default of the profile class is among them from the start."""
        default_policy(self._workspace)
        with self._workspace.records.read() as tx:
            return tx.page(KIND, query)

    def get(self, id: str) -> Record:
        """The policy. Raises `NotFound`."""
        default_policy(self._workspace)
        with self._workspace.records.read() as tx:
            return tx.get(KIND, id)

    def get_many(self, ids: Sequence[str]) -> dict[str, Record]:
        """Those of the policies that exist, by id."""
        default_policy(self._workspace)
        with self._workspace.records.read() as tx:
            return tx.get_many(KIND, ids)

    def create(self, body: Any) -> Record:
        """Store a new policy; as a default it takes the place of the former one.

        Raises:
            Invalid: With every problem of the body.
            TooManyPolicies: The sandbox has the most it may have.
        """
        checked = _checked(body)
        default_policy(self._workspace)
        id_ = self._workspace.ids.uuid()
        with self._workspace.records.write() as tx:
            if tx.page(KIND, Query(limit=0)).total_count >= POLICIES_MAX:
                raise TooManyPolicies(POLICIES_MAX)
            former_id = _step_down(tx, checked, id_)
            record = tx.add(KIND, id_, {**checked, "version": 1}, _names_of(checked))
            _build_profiles(tx, record)
            _move_definitions(tx, former_id, id_)
            return record

    def overwrite(self, id: str, body: Any) -> Record:
        """Replace a policy as a whole. Raises `NotFound`, `Invalid`, `DefaultPolicyKept`."""
        checked = _checked(body)
        default_policy(self._workspace)
        with self._workspace.records.write() as tx:
            return self._write(tx, tx.get(KIND, id), checked)

    def patch(self, id: str, operations: Any) -> Record:
        """Change single fields: one operation or a list, paths as `/default` or `/identityGraph.type`.

        Raises:
            NotFound, Invalid, DefaultPolicyKept
        """
        listed = [operations] if isinstance(operations, Mapping) else operations
        if not isinstance(listed, list) or not listed:
            raise Invalid.at("", "one operation or a list of operations is needed")
        # The default of the policy's class may not have been asked for yet.
        self.get(id)
        with self._workspace.records.write() as tx:
            current = tx.get(KIND, id)
            return self._write(tx, current, _checked(_patched(current.body, listed)))

    def delete(self, id: str) -> None:
        """Remove a policy. Raises `NotFound`, `DefaultPolicyKept`, `PolicyInUse`."""
        self.get(id)
        with self._workspace.records.write() as tx:
            current = tx.get(KIND, id)
            if current.body["default"]:
                raise DefaultPolicyKept(id, current.body["schema"]["name"])
            users = _users(tx, id)
            if users:
                raise PolicyInUse(id, users)
            tx.remove(KIND, id)

    def _write(self, tx: RecordsTransaction, current: Record, checked: Document) -> Record:
        class_name = current.body["schema"]["name"]
        leaves = not checked["default"] or checked["schema"]["name"] != class_name
        if current.body["default"] and leaves:
            raise DefaultPolicyKept(current.id, class_name)
        former_id = _step_down(tx, checked, current.id)
        body = {**checked, "version": current.version + 1}
        record = tx.replace(KIND, current.id, body, expected=current.version, names=_names_of(checked))
        if MergePolicy.of(record).recipe != MergePolicy.of(current).recipe:
            _build_profiles(tx, record)
        _move_definitions(tx, former_id, current.id)
        return record


def _build_profiles(tx: RecordsTransaction, policy: Record) -> None:
    """Let the store make the profiles of a policy that it does not hold yet."""
    tx.enqueue(Task(f"rebuild_profiles:{policy.id}:{policy.version}", "rebuild_profiles", policy.id))


def _step_down(tx: RecordsTransaction, checked: Document, id: str) -> str | None:
    """Let the former default of the class make room for a new one; gives its id."""
    if not checked["default"]:
        return None
    former = tx.find_key(KIND, _default_key(checked["schema"]["name"]))
    if former is None or former.id == id:
        return None
    tx.replace(
        KIND, former.id, {**former.body, "default": False, "version": former.version + 1}, names=Names()
    )
    return former.id


def _move_definitions(tx: RecordsTransaction, former_id: str | None, id: str) -> None:
    """Give the definitions of the former default the new one. Documented: audiences on the default follow it."""
    if former_id is None:
        return
    on_former = Query(links=[("merge_policy", former_id)], limit=_MOVED_AT_ONCE)
    while items := tx.page(_DEFINITIONS, on_former).items:
        for definition in items:
            links = [("merge_policy", id), *(("uses", used) for used in definition.body["dependencies"])]
            body = {**definition.body, "mergePolicyId": id}
            tx.replace(_DEFINITIONS, definition.id, body, names=Names(links=links))


def _users(tx: RecordsTransaction, id: str) -> str:
    page = tx.page(_DEFINITIONS, Query(links=[("merge_policy", id)], limit=_USERS_SHOWN))
    if not page.total_count:
        return ""
    shown = ", ".join(f"segment definition {record.id}" for record in page.items)
    return (
        shown if page.total_count <= _USERS_SHOWN else f"{shown} and {page.total_count - _USERS_SHOWN} more"
    )


def _default_key(class_name: str) -> str:
    return f"default:{class_name}"


def _names(class_name: str, *, is_default: bool) -> Names:
    return Names(keys=[_default_key(class_name)] if is_default else ())


def _names_of(body: Document) -> Names:
    return _names(body["schema"]["name"], is_default=body["default"])


def _system_body(class_name: str) -> Document:
    return {
        "name": "Default Timebased",
        "schema": {"name": class_name},
        "identityGraph": {"type": "pdg"},
        "attributeMerge": {"type": "timestampOrdered"},
        "isActiveOnEdge": False,
        "default": True,
        "version": 1,
    }


def _patched(body: Document, operations: Sequence[Any]) -> Document:
    """A policy's document with operations applied; nothing is checked but the operations themselves."""
    changed = {name: dict(value) if isinstance(value, dict) else value for name, value in body.items()}
    problems: list[Problem] = []
    for position, operation in enumerate(operations):
        place = f"/{position}"
        if not isinstance(operation, Mapping) or not isinstance(operation.get("path"), str):
            problems.append(Problem(place, "an operation has op, path and value"))
            continue
        op = str(operation.get("op", "")).lower()
        names = operation["path"].strip("/").replace("/", ".").split(".")
        # A published misprint, sent by whoever followed it.
        names = ["isActiveOnEdge" if name == "idActiveOnEdge" else name for name in names]
        if op not in ("add", "replace"):
            problems.append(Problem(f"{place}/op", f"{operation.get('op')!r} is neither add nor replace"))
        elif names == ["version"]:
            continue  # Published as a path that may be sent; each write raises it by itself.
        elif names[0] not in _PATCHABLE or len(names) > 2:
            problems.append(Problem(f"{place}/path", f"{operation['path']!r} is no field of a merge policy"))
        elif len(names) == 1:
            changed[names[0]] = operation.get("value")
        else:
            inner = changed.get(names[0])
            changed[names[0]] = {
                **(inner if isinstance(inner, dict) else {}),
                names[1]: operation.get("value"),
            }
    if problems:
        raise Invalid(tuple(problems))
    return changed


def _checked(body: Any) -> Document:
    """The stored form of a policy. Raises `Invalid` with every problem."""
    if not isinstance(body, Mapping):
        raise Invalid.at("", "a merge policy is needed as a JSON object")
    problems: list[Problem] = []
    checked = {
        "name": _text(body.get("name", ""), "/name", problems),
        "schema": {"name": _class_name(body.get("schema"), problems)},
        "identityGraph": {"type": _choice(body.get("identityGraph"), "identityGraph", _GRAPHS, problems)},
        "attributeMerge": _attribute_merge(body.get("attributeMerge"), problems),
        "isActiveOnEdge": _flag(body, "isActiveOnEdge", problems),
        "default": _flag(body, "default", problems),
    }
    if problems:
        raise Invalid(tuple(problems))
    return checked


def _text(value: Any, path: str, problems: list[Problem]) -> str:
    if not isinstance(value, str):
        problems.append(Problem(path, "text is needed"))
        return ""
    return value


def _class_name(value: Any, problems: list[Problem]) -> str:
    if not isinstance(value, Mapping):
        problems.append(Problem("/schema", 'is required: {"name": "_xdm.context.profile"}'))
        return ""
    name = value.get("name") or _CLASS_NAMES.get(str(value.get("id", "")))
    if not isinstance(name, str):
        problems.append(
            Problem("/schema/name", "the name of a class is needed, such as _xdm.context.profile")
        )
        return ""
    return _CLASS_NAMES.get(name, name)


def _choice(value: Any, field: str, choices: Sequence[str], problems: list[Problem]) -> str:
    found = value.get("type") if isinstance(value, Mapping) else None
    if found is None:
        problems.append(Problem(f"/{field}/type", f"is required: {' or '.join(choices)}"))
    elif found not in choices:
        problems.append(Problem(f"/{field}/type", f"{found!r} is neither {' nor '.join(choices)}"))
    return str(found)


def _attribute_merge(value: Any, problems: list[Problem]) -> Document:
    kind = _choice(value, "attributeMerge", _MERGES, problems)
    if kind != "dataSetPrecedence":
        return {"type": kind}
    data = value.get("data")
    order = value.get("order") or (data.get("order") if isinstance(data, Mapping) else None)
    if not isinstance(order, list) or not order or not all(isinstance(id_, str) for id_ in order):
        problems.append(
            Problem("/attributeMerge/order", "dataSetPrecedence needs a list of dataset ids, first wins")
        )
        return {"type": kind}
    return {"type": kind, "order": list(dict.fromkeys(order))}


def _flag(body: Mapping[str, Any], name: str, problems: list[Problem]) -> bool:
    value = body.get(name, False)
    # The published form of a patch has its values as text.
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        problems.append(Problem(f"/{name}", "true or false is needed"))
        return False
    return value
