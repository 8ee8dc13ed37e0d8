"""JSON Patch as Flow Service's clients send it: RFC 6902 with the deviations that documented requests need.

* operations in any letter case; `add`, `replace`, `remove` only
* several removes in one array, ascending and alone there, count positions as they were before the patch
* `replace` of what is missing adds it; missing parents are made
* `add` or `replace` on `/params` and `/auth/params` merges; `remove` there with a list of names drops these
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any

from muster.flows.errors import refused
from muster.storage.records import Document

_MERGED = (("params",), ("auth", "params"))
_OPERATIONS = ("add", "replace", "remove")
_LISTS = (
    "selectors",
    "transformations",
    "enforcementRefs",
    "mandatoryFields",
    "primaryFields",
    "sourceConnectionIds",
)


def apply_patch(document: Document, operations: Any, roots: frozenset[str]) -> Document:
    """A changed copy of the document; the original stays.

    Args:
        roots: Top-level members that may be changed.
    Raises:
        FlowInvalid: 1405 nothing to do, 1434 another operation, 1455 a place that is not there or may not be changed.
    """
    if not isinstance(operations, list) or not operations:
        raise refused("1405-400", "the body must be a list of JSON Patch operations")
    changed = deepcopy(document)
    for position, operation in enumerate(
        _at_original_positions([_checked(each, roots) for each in operations])
    ):
        name, path, value = operation
        try:
            _apply(changed, name, path, value)
        except (LookupError, TypeError, ValueError) as error:
            place = "/" + "/".join(path)
            raise refused(
                "1455-400", f"operation {position}: {name} at {place} is not possible: {error}", place
            ) from error
    return changed


def touched(operations: Any) -> list[str]:
    """The paths of a patch, for checks of permissions; nothing when it is no patch."""
    if not isinstance(operations, list):
        return []
    return [str(each.get("path", "")) for each in operations if isinstance(each, dict)]


_Operation = tuple[str, tuple[str, ...], Any]


def _checked(operation: Any, roots: frozenset[str]) -> _Operation:
    if not isinstance(operation, dict):
        raise refused("1434-400", "each operation is an object with op and path")
    name = str(operation.get("op", "")).lower()
    if name not in _OPERATIONS:
        raise refused(
            "1434-400", f"operation {operation.get('op')!r} is not supported; add, replace and remove are"
        )
    text = operation.get("path")
    if not isinstance(text, str) or not text.startswith("/"):
        raise refused("1455-400", f"path {text!r} does not start with /", "path")
    path = tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
    if path[0] not in roots:
        raise refused("1455-400", f"/{path[0]} cannot be changed here", text)
    if name != "remove" and "value" not in operation:
        raise refused("1455-400", f"{name} needs a value", text)
    return name, path, operation.get("value")


def _at_original_positions(operations: Sequence[_Operation]) -> list[_Operation]:
    by_array: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for position, (_, path, _value) in enumerate(operations):
        if path[-1].isdigit() or path[-1] == "-":
            by_array[path[:-1]].append(position)
    shifted = list(operations)
    for array, positions in by_array.items():
        if any(operations[position][0] != "remove" for position in positions):
            continue
        indexes = [int(operations[position][1][-1]) for position in positions]
        if sorted(set(indexes)) != indexes:
            continue
        for removed, position in enumerate(positions):
            shifted[position] = ("remove", (*array, str(indexes[removed] - removed)), operations[position][2])
    return shifted


def _apply(document: Document, name: str, path: tuple[str, ...], value: Any) -> None:
    parent: Any = document
    for part, following in pairwise(path):
        parent = _child(parent, part, following, make=name != "remove")
    last = path[-1]
    if isinstance(parent, list):
        _apply_to_list(parent, name, last, value)
    elif path in _MERGED:
        _merge(parent, name, last, value)
    elif name == "remove":
        del parent[last]
    else:
        parent[last] = value


def _child(parent: Any, part: str, following: str, *, make: bool) -> Any:
    if isinstance(parent, list):
        return parent[_index(part, len(parent) - 1)]
    if not isinstance(parent, dict):
        raise TypeError(f"{part!r} is below something that is neither object nor list")
    if part not in parent or parent[part] is None:
        if not make:
            raise LookupError(f"{part!r} is not there")
        parent[part] = [] if following == "-" or following.isdigit() or part in _LISTS else {}
    return parent[part]


def _apply_to_list(items: list[Any], name: str, part: str, value: Any) -> None:
    if name == "add" and part == "-":
        items.append(value)
    elif name == "add":
        items.insert(_index(part, len(items)), value)
    elif name == "replace":
        items[_index(part, len(items) - 1)] = value
    else:
        del items[_index(part, len(items) - 1)]


def _index(part: str, last: int) -> int:
    if not part.isdigit():
        raise LookupError(f"{part!r} is no index")
    if int(part) > last:
        raise LookupError(f"index {part} is beyond the end")
    return int(part)


def _merge(parent: Document, name: str, last: str, value: Any) -> None:
    if name != "remove":
        if not isinstance(value, dict):
            raise TypeError("the value is no object")
        parent[last] = {**(parent.get(last) or {}), **value}
    elif value is None:
        parent[last] = {}
    else:
        names = value if isinstance(value, list | dict) else [value]
        parent[last] = {key: each for key, each in (parent.get(last) or {}).items() if key not in names}
