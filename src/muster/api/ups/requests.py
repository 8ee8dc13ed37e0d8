"""What the routes of profile and segmentation read from a request in the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec

from fastapi import Request
from fastapi.responses import Response

from muster.api.errors import segmentation
from muster.api.wire import Params, reply
from muster.evaluate.expression import ExpressionProblem
from muster.kernel.errors import Invalid
from muster.storage.records import Filter, Operator, Order

IDS_MAX = 100

_COLUMNS = {
    "id": "@id",
    "creationTime": "@created",
    "createdTime": "@created",
    "updateTime": "@updated",
    "createEpoch": "@created",
    "updateEpoch": "@updated",
    "internalId": "@id",
}
_CONDITION = re.compile(r"([^=!<>]+?)\s*(==|!=|<=|>=|<|>)\s*(.*)", re.DOTALL)

P = ParamSpec("P")


def explained(handler: Callable[P, Response]) -> Callable[P, Response]:
    """Let a refused expression be answered with line, column and suggestion of every problem.

    The handler must have an argument `request`.
    """

    @wraps(handler)
    def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return handler(*args, **kwargs)
        except Invalid as error:
            if not any(isinstance(problem, ExpressionProblem) for problem in error.problems):
                raise
            request: Any = kwargs["request"]
            return reply(refusal(error, request_id(request)), 400)

    return answered


def refusal(error: Invalid, request_id: str) -> dict[str, Any]:
    """The body of a 400 whose items tell where in a query each problem is."""
    items = []
    for problem in error.problems:
        item: dict[str, Any] = {"code": problem.code or 400, "message": problem.message, "path": problem.path}
        items.append({**item, **(problem.details if isinstance(problem, ExpressionProblem) else {})})
    return {**segmentation(400, str(error), error, request_id), "errors": {"400": items}}


def request_id(request: Request) -> str:
    """The id of the request: the caller's own, or the one it was given at the door."""
    return str(request.state.request_id)


def orders(text: str | None, default: str) -> tuple[list[Order], str, str]:
    """A sort parameter such as `name:asc,updateTime:desc`: the orders, and attribute and direction of the first.

    No orders mean newest first, which is what `default` says when it is a creation time.
    """
    fields = []
    for part in (text or default).split(","):
        name, _, direction = part.strip().partition(":")
        direction = direction.strip().lower() or "asc"
        if not name or direction not in ("asc", "desc"):
            raise Invalid.at("sort", f"{part!r} is not of the form attribute:asc or attribute:desc")
        fields.append((name, direction))
    name, direction = fields[0]
    if len(fields) == 1 and _path(name) == ("@created",) and direction == "desc":
        return [], name, direction
    return [Order(_path(field), turn == "desc") for field, turn in fields], name, direction


def conditions(params: Params) -> list[Filter]:
    """The `property` parameters: `path==value`, and `array~key==value` for some element of an array."""
    found = []
    for text in params.every("property"):
        match = _CONDITION.fullmatch(text.strip())
        if match is None:
            raise Invalid.at("property", f"{text!r} is not of the form path==value")
        path, sign, value = match.groups()
        operator: Operator = sign  # type: ignore[assignment]
        found.append(Filter(_path(path), operator, (value,)))
    return found


def ids_of(body: Any) -> list[str]:
    """The ids of a bulk read: `{"ids": [{"id": …}]}`, or a bare list of ids or of such objects."""
    listed = body.get("ids") if isinstance(body, dict) else body
    if not isinstance(listed, list):
        raise Invalid.at("/ids", 'a list of ids is needed: {"ids": [{"id": "…"}]}')
    ids: list[str] = []
    for item in listed:
        id_ = item.get("id") if isinstance(item, dict) else item
        if not isinstance(id_, str) or not id_:
            raise Invalid.at("/ids", "each id is text")
        ids.append(id_)
    if not 0 < len(ids) <= IDS_MAX:
        raise Invalid.at("/ids", f"The number of requested IDs is invalid. Cannot be 0 or exceed {IDS_MAX}.")
    return list(dict.fromkeys(ids))


def flags(params: Params, names: Sequence[str]) -> list[Filter]:
    """Filters of boolean fields, named by their dotted paths."""
    found = []
    for name in names:
        value = params.boolean(name)
        if value is not None:
            found.append(Filter(tuple(name.split(".")), "==", ("true" if value else "false",)))
    return found


def _path(text: str) -> tuple[str, ...]:
    if text in _COLUMNS:
        return (_COLUMNS[text],)
    array, tilde, key = text.partition("~")
    if tilde:
        *outer, last = array.split(".")
        return (*outer, f"{last}[]", *key.split("."))
    return tuple(text.split("."))
