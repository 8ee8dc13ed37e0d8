"""Lists of this service: filters, order and paging, over stored records and over the standard library alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from muster.api.wire import Params
from muster.kernel.errors import Invalid
from muster.kernel.page import Page
from muster.storage.records import Document, Filter, Operator, Order, Query, Record, RecordsTransaction

LIMIT_MAX = 300
"""Documented: at most 300 resources a page; a larger `limit` counts as this."""

_CONDITION = re.compile(r"(?P<path>[^=!~<>]+)(?P<operator>==|!=|~|<=|>=|<|>)(?P<value>.*)", re.DOTALL)
_ARRAYS = frozenset({"meta:extends", "meta:intendedToExtend", "meta:immutableTags"})
_OFFSET = re.compile(r"~(?P<offset>\d+)(?:~(?P<after>.*))?", re.DOTALL)
"""A position: so many resources in, counted from the start or after a value of the first order's field."""
_PSEUDO = {"updated": "@updated", "created": "@created"}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list was asked for.

    Attributes:
        orders: Empty when the caller named none; then oldest first, so that pages do not shift while resources are made.
        start: `_page.next` of the page before, or a value of the first order's field; empty for the first page.
    """

    filters: tuple[Filter, ...]
    orders: tuple[Order, ...]
    orderby: str
    start: str
    limit: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of documents, and what asks for the one after it; None at the end. `record` is None for standard resources."""

    items: tuple[tuple[Document, Record | None], ...]
    next: str | None


def read_listing(params: Params, *, limit_max: int = LIMIT_MAX) -> Listing:
    """The list that a query asks for. Raises `Invalid`."""
    orderby = params.text("orderby", "orderBy") or ""
    return Listing(
        filters=tuple(condition for value in params.every("property") for condition in _conditions(value)),
        orders=tuple(_order(name) for name in orderby.split(",") if name.strip()),
        orderby=orderby or "created",
        start=params.text("start") or "",
        # Absent and 0 both mean a whole page.
        limit=params.integer("limit", limit_max, maximum=limit_max) or limit_max,
    )


def stored(
    tx: RecordsTransaction, kind: str, listing: Listing, links: Sequence[tuple[str, str]] = ()
) -> Listed:
    """A page of stored resources, filtered, ordered and cut in the database."""
    offset, after = _position(listing)
    filters = (*listing.filters, *after)
    orders = listing.orders or (Order(("@created",)),)
    page = tx.page(kind, Query(filters, links, orders, offset, listing.limit))
    return Listed(tuple((record.body, record) for record in page.items), _next(listing, page, offset))


def standing(documents: Iterable[Document], listing: Listing) -> Listed:
    """A page of standard resources."""
    offset, after = _position(listing)
    found = [
        document
        for document in documents
        if all(_matches(document, each) for each in (*listing.filters, *after))
    ]
    for order in reversed(listing.orders):
        found.sort(key=_sort_key(order), reverse=order.descending)
    items = tuple((document, None) for document in found[offset : offset + listing.limit])
    page = Page(tuple(document for document, _ in items), offset, listing.limit, len(found))
    return Listed(items, _next(listing, page, offset))


def _conditions(text: str) -> list[Filter]:
    """Conditions of one `property` value; a comma stands between two, unless it belongs to a value."""
    parts: list[str] = []
    for part in text.split(","):
        if parts and not _CONDITION.fullmatch(part) and not part.startswith(("meta:", "xdm:")):
            parts[-1] += "," + part
        else:
            parts.append(part)
    return [_condition(part.strip()) for part in parts if part.strip()]


def _condition(text: str) -> Filter:
    match = _CONDITION.fullmatch(text)
    if match is None:
        return Filter(_path(text), "exists")
    operator = cast(Operator, match["operator"])
    value = match["value"].strip()
    if operator == "~":
        try:
            re.compile(value)
        except re.error as error:
            raise Invalid.at("property", f"{value!r} is no regular expression: {error}") from error
    return Filter(_path(match["path"].strip()), operator, (value,))


def _path(name: str) -> tuple[str, ...]:
    return (f"{name}[]",) if name in _ARRAYS else (name,)


def _order(name: str) -> Order:
    bare = name.strip().lstrip("+-").strip()
    return Order((_PSEUDO.get(bare, bare),), name.strip().startswith("-"))


def _position(listing: Listing) -> tuple[int, tuple[Filter, ...]]:
    """Where a page starts: so many resources in, and after which value of the first order's field."""
    match = _OFFSET.fullmatch(listing.start)
    offset, after = (int(match["offset"]), match["after"] or "") if match else (0, listing.start)
    if not after:
        return offset, ()
    if not listing.orders:
        raise Invalid.at("start", "is _page.next of the page before, or a value of the orderby field")
    first = listing.orders[0]
    return offset, (Filter(first.path, "<" if first.descending else ">", (after,)),)


def _next(listing: Listing, page: Page[Any], offset: int) -> str | None:
    if not page.has_next:
        return None
    by_title = [order.path for order in listing.orders] == [("title",)]
    last = page.items[-1]
    title = str((last.body if isinstance(last, Record) else last)["title"]) if by_title else ""
    # Titles are unique, so the last one says where to go on even while others are made; one that reads as a
    # number would be compared as a number, and goes by position like all other orders.
    if title and not _is_number(title) and not title.startswith("~"):
        return title
    match = _OFFSET.fullmatch(listing.start)
    after = (match["after"] or "") if match else listing.start
    return f"~{offset + len(page.items)}" + (f"~{after}" if after else "")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _matches(document: Mapping[str, Any], condition: Filter) -> bool:
    if condition.operator == "!=":
        return not _matches(document, replace(condition, operator="=="))
    name = condition.path[0]
    value = document.get(name.removesuffix("[]"))
    values = value if isinstance(value, list) else [] if value is None else [value]
    if condition.operator == "exists":
        return bool(values)
    return any(_COMPARE[condition.operator](_text(each), condition.values[0]) for each in values)


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "==": lambda left, right: left == right,
    "~": lambda left, right: re.search(right, left) is not None,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sort_key(order: Order) -> Callable[[Mapping[str, Any]], str]:
    def key(document: Mapping[str, Any]) -> str:
        return _text(document.get(order.path[0], ""))

    return key
