"""Profile access: one person's merged profile, or events, by one identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from muster.api.context import Body, Here
from muster.api.door import Door
from muster.api.errors import register_status
from muster.api.permissions import Permission
from muster.api.ups import entity_shapes
from muster.api.ups.entity_shapes import Trees
from muster.api.wire import Params, reply
from muster.kernel.errors import Invalid, MusterError, NotFound, Problem
from muster.kernel.page import Page
from muster.profiles.identity import Identity
from muster.profiles.lookup import EventView, ProfileView, lookup_by_xid, lookup_events, lookup_profile
from muster.profiles.merge_policies import PROFILE_CLASS_NAME
from muster.storage.records import Document
from muster.storage.workspace import Workspace

door = Door("/data/core/ups", "Profile access")

EVENT_CLASS_NAME = "_xdm.context.experienceevent"

_EVENTS = 1000
_PERSON_EVENTS_MAX = 1_000_000
_IDENTITIES_MAX = 1000
_LOWEST_MS = -(2**53)


@dataclass(eq=False)
class TooManyIdentities(MusterError):
    """Too many related identities (UPS-MRG-1000001): {count} belong to this person, at most {most} are supported."""

    count: int
    most: int


@dataclass(eq=False)
class DeleteNotSupported(MusterError):
    """Deleting single profiles is not supported by this version. Delete the person's rows in their datasets instead."""


register_status(TooManyIdentities, 422)
register_status(DeleteNotSupported, 400)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked of each identity of a request.

    Attributes:
        start_ms, end_ms: Bounds of event times, inclusive and exclusive.
        trees: The chosen fields; None for all.
    """

    policy_id: str | None
    trees: Trees | None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = _EVENTS
    offset: int = 0
    descending: bool = False
    conditions: tuple[entity_shapes.Condition, ...] = ()


@door.get("/access/entities", permission=Permission.VIEW_PROFILES)
def read_entity(request: Request, here: Here) -> Response:
    """A profile by one identity, under the identity's XID; or the person's events."""
    params = Params(request)
    class_name = _class_name(params.text("schema.name"))
    wanted = _wanted(params)
    if class_name == EVENT_CLASS_NAME:
        value = params.text("relatedEntityId", "entityId")
        namespace = params.text("relatedEntityIdNS", "entityIdNS")
        page = _events(here, _required(value, "relatedEntityId"), namespace, wanted)
        if page is None:
            raise NotFound("entity", str(value))
        return reply(_printed_events(page, wanted, params))
    value = _required(params.text("entityId"), "entityId")
    namespace = params.text("entityIdNS")
    view = _profile(here, value, namespace, wanted.policy_id)
    if view is None:
        raise NotFound("entity", value)
    _check_crowd(here, view)
    xid = _xid(value, namespace)
    block = entity_shapes.record(xid, view, wanted.trees)
    if params.text("relatedEntities") == "experienceEvents":
        events = _events(here, value, namespace, wanted)
        shown = [] if events is None else [entity_shapes.event(item, None) for item in events.items]
        block["relatedEntities"] = {"experienceEvents": {"children": shown}}
    return reply({xid: block})


@door.post("/access/entities", permission=Permission.VIEW_PROFILES)
def read_entities(here: Here, body: Body) -> Response:
    """Several persons at once; 207 when some of them cannot be shown."""
    if not isinstance(body, dict):
        raise Invalid.at("", "an object with schema and identities is needed")
    schema = body.get("schema")
    class_name = _class_name(schema.get("name") if isinstance(schema, dict) else None)
    wanted = _wanted_of(body)
    answers: dict[str, Any] = {}
    partial = False
    for value, namespace in _identities(body.get("identities")):
        xid = _xid(value, namespace)
        requested = {"entityId": value, **({"entityIdNS": {"code": namespace}} if namespace else {})}
        try:
            shown = _shown(here, class_name, value, namespace, wanted)
        except TooManyIdentities as error:
            partial = True
            shown = {"message": str(error), "statusCode": "422"}
        answers[xid] = {**(shown or entity_shapes.nobody(xid)), "requestedIdentity": requested}
    return reply(answers, 207 if partial else 200)


@door.delete("/access/entities", permission=Permission.MANAGE_PROFILES)
def delete_entity(here: Here) -> Response:
    """Refused: the rows a profile is made of are deleted through their datasets."""
    raise DeleteNotSupported


def _shown(
    here: Workspace, class_name: str, value: str, namespace: str | None, wanted: _Wanted
) -> Document | None:
    if class_name == EVENT_CLASS_NAME:
        page = _events(here, value, namespace, wanted)
        return None if page is None else _printed_events(page, wanted, None)
    view = _profile(here, value, namespace, wanted.policy_id)
    if view is None:
        return None
    _check_crowd(here, view)
    return entity_shapes.record(_xid(value, namespace), view, wanted.trees)


def _profile(here: Workspace, value: str, namespace: str | None, policy_id: str | None) -> ProfileView | None:
    if namespace is None:
        return lookup_by_xid(here, value, policy_id)
    return lookup_profile(here, namespace, value, policy_id)


def _events(here: Workspace, value: str, namespace: str | None, wanted: _Wanted) -> Page[EventView] | None:
    if namespace is None:
        view = lookup_by_xid(here, value, wanted.policy_id)
        if view is None or not view.identities:
            return None
        namespace, value, _ = view.identities[0]
    # Conditions are looked at here, one person's events at a time; so is the page then.
    chooses = bool(wanted.conditions)
    page = lookup_events(
        here,
        namespace,
        value,
        wanted.policy_id,
        start_ms=wanted.start_ms,
        end_ms=wanted.end_ms,
        limit=_PERSON_EVENTS_MAX if chooses else wanted.limit,
        offset=0 if chooses else wanted.offset,
        descending=wanted.descending,
    )
    if page is None or not chooses:
        return page
    kept = [
        item for item in page.items if all(condition.holds(item.entity) for condition in wanted.conditions)
    ]
    shown = tuple(kept[wanted.offset : wanted.offset + wanted.limit])
    return Page(shown, wanted.offset, wanted.limit, len(kept))


def _printed_events(page: Page[EventView], wanted: _Wanted, params: Params | None) -> Document:
    following = str(page.offset + len(page.items)) if page.has_next else ""
    href = ""
    if following and params is not None:
        # One client sends back `start`, another takes `offsets` alone; both mean the same place.
        kept = [(name, value) for name, value in params.items() if name not in ("start", "offsets")]
        href = f"/entities?{urlencode([('start', following), ('offsets', following), *kept])}"
    return {
        "_page": {
            "orderby": "-timestamp" if wanted.descending else "timestamp",
            "start": str(page.offset) if page.offset else "",
            "count": len(page.items),
            "next": following,
        },
        "children": [entity_shapes.event(item, wanted.trees) for item in page.items],
        "_links": {"next": {"href": href}},
    }


def _check_crowd(here: Workspace, view: ProfileView) -> None:
    most = here.settings.identities_per_person_max
    if len(view.identities) > most:
        raise TooManyIdentities(len(view.identities), most)


def _xid(value: str, namespace: str | None) -> str:
    return value if namespace is None else Identity(namespace, value).xid


def _class_name(name: Any) -> str:
    if name not in (PROFILE_CLASS_NAME, EVENT_CLASS_NAME):
        message = f"{PROFILE_CLASS_NAME} or {EVENT_CLASS_NAME} is needed, not {name!r}"
        raise Invalid.at("schema.name", message)
    return str(name)


def _required(value: str | None, name: str) -> str:
    if value is None:
        raise Invalid.at(name, "is required")
    return value


def _wanted(params: Params) -> _Wanted:
    offset = params.text("offsets", "start")
    if offset is not None and not offset.isdecimal():
        raise Invalid.at("start", f"{offset!r} is no place of an earlier answer")
    return _Wanted(
        policy_id=params.text("mergePolicyId"),
        trees=entity_shapes.trees_of((params.text("fields") or "").split(",")),
        start_ms=params.integer("startTime", 0, minimum=_LOWEST_MS) if params.text("startTime") else None,
        end_ms=params.integer("endTime", 0, minimum=_LOWEST_MS) if params.text("endTime") else None,
        limit=params.integer("limit", _EVENTS, minimum=1, maximum=_EVENTS),
        offset=int(offset or 0),
        descending=(params.text("orderby", "orderBy") or "").strip().startswith("-"),
        conditions=entity_shapes.conditions_of(params.every("property")),
    )


def _wanted_of(body: dict[str, Any]) -> _Wanted:
    problems: list[Problem] = []
    fields = body.get("fields") or []
    listed = fields.split(",") if isinstance(fields, str) else fields
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        problems.append(Problem("/fields", "a list of dotted paths is needed"))
        listed = []
    times = body.get("timeFilter") if isinstance(body.get("timeFilter"), dict) else {}
    numbers = {"/limit": body.get("limit", _EVENTS)}
    numbers |= {f"/timeFilter/{name}": (times or {}).get(name) for name in ("startTime", "endTime")}
    for path, number in numbers.items():
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            problems.append(Problem(path, "a whole number is needed"))
    if problems:
        raise Invalid(tuple(problems))
    order = body.get("orderBy") or body.get("orderby") or ""
    return _Wanted(
        policy_id=body.get("mergePolicyId") or None,
        trees=entity_shapes.trees_of(listed),
        start_ms=numbers["/timeFilter/startTime"],
        end_ms=numbers["/timeFilter/endTime"],
        limit=min(max(numbers["/limit"] or _EVENTS, 1), _EVENTS),
        descending=str(order).strip().startswith("-"),
    )


def _identities(value: Any) -> list[tuple[str, str | None]]:
    if not isinstance(value, list) or not value:
        raise Invalid.at("/identities", 'a list is needed: [{"entityId": "…", "entityIdNS": {"code": "…"}}]')
    if len(value) > _IDENTITIES_MAX:
        raise Invalid.at("/identities", f"at most {_IDENTITIES_MAX} identities are looked up at once")
    found: list[tuple[str, str | None]] = []
    problems = []
    for position, item in enumerate(value):
        given = item if isinstance(item, dict) else {}
        namespace = given.get("entityIdNS")
        code = namespace.get("code") if isinstance(namespace, dict) else namespace
        if isinstance(given.get("entityId"), str) and (code is None or isinstance(code, str)):
            found.append((given["entityId"], code or None))
        else:
            problems.append(
                Problem(f"/identities/{position}", "entityId and the code of entityIdNS are text")
            )
    if problems:
        raise Invalid(tuple(problems))
    return found
