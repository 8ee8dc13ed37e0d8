"""How Flow Service prints entities, runs and lists."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from muster.flows import sign_in
from muster.flows.entities import FLOWS, LIMIT_DEFAULT, LIMIT_MAX, RUNS, etag
from muster.flows.errors import refused
from muster.kernel.page import Page
from muster.kernel.scope import Scope
from muster.storage.records import Document, Record

_INTERNAL = frozenset({"revision", "hidden", "intents", "attempts", "due", "frozen"})


def entity(record: Record, scope: Scope) -> Document:
    """One entity as GET answers it. Its etag carries its quotes inside, as clients expect."""
    body = {name: value for name, value in record.body.items() if name not in _INTERNAL}
    if record.kind == RUNS.kind:
        body.pop("status", None)
    quoted = f'"{etag(record)}"'
    printed = {
        "id": record.id,
        **body,
        "sandboxId": scope.sandbox_id,
        "sandboxName": scope.sandbox_name,
        "imsOrgId": scope.org_id,
        "etag": quoted,
    }
    if record.kind == FLOWS.kind:
        printed["runs"] = f"/runs?property=flowId=={record.id}"
    if record.kind != RUNS.kind:
        printed["version"] = quoted
    if "auth" in printed:
        printed["auth"] = _masked(printed["auth"])
    return printed


def changed(record: Record) -> Document:
    """What a write is answered with."""
    return {"id": record.id, "etag": f'"{etag(record)}"'}


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of a list is asked for; travels whole in a continuation token."""

    conditions: tuple[str, ...]
    orderby: str | None
    offset: int
    limit: int

    def token(self, offset: int) -> str:
        """The next part as an opaque text without `=`: clients cut a link at its first one."""
        content = orjson.dumps([list(self.conditions), self.orderby, offset, self.limit])
        return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_cut(token: str) -> Cut:
    """The part of a list that a token stands for. Raises `FlowInvalid`."""
    try:
        conditions, orderby, offset, limit = orjson.loads(
            base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        )
        return Cut(
            tuple(map(str, conditions)), orderby, max(int(offset), 0), min(max(int(limit), 1), LIMIT_MAX)
        )
    except (binascii.Error, ValueError, TypeError) as error:
        raise refused(
            "1451-400", "continuationToken is none that this server made", "continuationToken"
        ) from error


def listing(page: Page[Record], cut: Cut, resource: str, scope: Scope) -> Document:
    """A page of a list. `_links` is always there."""
    following = {"next": {"href": f"/{resource}?continuationToken={cut.token(cut.offset + len(page.items))}"}}
    return {
        "items": [entity(record, scope) for record in page.items],
        "_links": following if page.has_next else {},
    }


def spec_listing(specs: Sequence[Document], cut: Cut, resource: str) -> Document:
    """A page of the catalogue."""
    end = cut.offset + cut.limit
    following = (
        {"next": {"href": f"/{resource}?continuationToken={cut.token(end)}"}} if end < len(specs) else {}
    )
    return {"items": list(specs[cut.offset : end]), "_links": following}


def limit_of(text: str | None) -> int:
    """The size of a page. Raises `FlowInvalid`."""
    if text is None:
        return LIMIT_DEFAULT
    if not text.isdigit() or int(text) < 1:
        raise refused("1451-400", f"limit {text!r} is no whole number from 1 to {LIMIT_MAX}", "limit")
    return min(int(text), LIMIT_MAX)


def _masked(auth: Any) -> Document:
    # Bodies hold no secrets; this keeps it so on the wire even if one ever did.
    params = {
        name: value if name in sign_in.PUBLIC else sign_in.MASK
        for name, value in (auth.get("params") or {}).items()
    }
    return {**auth, "params": params}
