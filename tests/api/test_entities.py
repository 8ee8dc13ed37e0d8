"""Profile access: one person by any of their identities, and the person's events."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.client import Api
from tests.api.test_export_jobs import ON, evaluated, ingest, make_dataset, row

ENTITIES = "/data/core/ups/access/entities"
PROFILE, EVENT = "_xdm.context.profile", "_xdm.context.experienceevent"
BY_EMAIL = {"schema.name": PROFILE, "entityIdNS": "email"}


@pytest.fixture
def person(api: Api) -> str:
    """A person with one identity in one dataset; gives the dataset's id."""
    dataset_id = make_dataset(api, name="people", schema="@/xdms/context/profile", tags=ON)
    ingest(api, dataset_id, [row("a@x.io", "male", 9, personalEmail={"address": "a@x.io"})])
    return dataset_id


@pytest.fixture
def events(api: Api, person: str) -> str:
    """Five events of that person, a day apart; gives their dataset's id."""
    dataset_id = make_dataset(api, name="visits", schema="@/xdms/context/experienceevent", tags=ON)
    identity = {"Email": [{"id": "a@x.io", "primary": True}]}
    rows = [
        {
            "_id": f"e{day}",
            "timestamp": f"2026-01-0{day}T00:00:00Z",
            "eventType": "web.visit" if day % 2 else "commerce.order",
            "identityMap": identity,
        }
        for day in range(1, 6)
    ]
    ingest(api, dataset_id, rows)
    return dataset_id


def day(number: int) -> int:
    """Midnight of a day of January 2026, ms."""
    return 1_767_225_600_000 + (number - 1) * 86_400_000


def read(api: Api, **params: Any) -> Any:
    return api.get(ENTITIES, params={**BY_EMAIL, "entityId": "a@x.io", **params})


def read_events(api: Api, **params: Any) -> dict[str, Any]:
    asked = {"schema.name": EVENT, "relatedEntityId": "a@x.io", "relatedEntityIdNS": "Email", **params}
    answer = api.get(ENTITIES, params=asked)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [child["entityId"] for child in body["children"]]


def test_profile_is_found_by_its_identity(api: Api, person: str) -> None:
    ((xid, block),) = read(api).json().items()
    assert block["entityId"] == xid
    assert block["sources"] == [person]
    assert block["identityGraph"] == [xid]
    assert block["mergePolicy"]["id"]
    assert block["entity"]["person"] == {"gender": "male", "birthMonth": 9}
    assert [item["id"] for item in block["entity"]["identityMap"]["email"]] == ["a@x.io"]
    assert block["lastModifiedAt"].endswith("Z")


def test_profile_is_found_by_its_xid(api: Api, person: str) -> None:
    (xid,) = read(api).json()
    assert api.get(ENTITIES, params={"schema.name": PROFILE, "entityId": xid}).json() == read(api).json()


def test_membership_is_shown(api: Api, person: str) -> None:
    (males,) = evaluated(api, 'person.gender = "male"')
    (block,) = read(api).json().values()
    assert block["entity"]["segmentMembership"]["ups"][males]["status"] == "realized"


def test_chosen_fields_are_all_that_is_shown(api: Api, person: str) -> None:
    (block,) = read(api, fields="person.gender,identities,nothing").json().values()
    assert set(block["entity"]) == {"person", "identityMap"}
    assert block["entity"]["person"] == {"gender": "male"}


def test_stranger_is_404_with_the_status_as_text(api: Api, person: str) -> None:
    answer = api.get(ENTITIES, params={**BY_EMAIL, "entityId": "nobody@x.io"})
    assert answer.status_code == 404
    assert answer.json()["statusCode"] == "404"
    assert api.get(ENTITIES, params={"schema.name": PROFILE, "entityId": "no-xid"}).status_code == 404


@pytest.mark.parametrize(
    "params", [{"schema.name": PROFILE}, {"entityId": "a"}, {"schema.name": "x", "entityId": "a"}]
)
def test_incomplete_question_is_refused(api: Api, params: dict[str, str]) -> None:
    answer = api.get(ENTITIES, params=params)
    assert answer.status_code == 400
    assert answer.json()["statusCode"] == "400"


def test_unknown_policy_is_404(api: Api, person: str) -> None:
    assert read(api, mergePolicyId="nope").status_code == 404


def test_crowd_is_refused(api: Api) -> None:
    dataset_id = make_dataset(api, name="crowd", schema="@/xdms/context/profile", tags=ON)
    crowd = [{"id": f"{n}@x.io", "namespace": {"code": "Email"}, "primary": n == 0} for n in range(51)]
    ingest(api, dataset_id, [row("0@x.io", "male", 1, identities=crowd)])
    answer = api.get(ENTITIES, params={**BY_EMAIL, "entityId": "0@x.io"})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("Too many related identities")
    body = {
        "schema": {"name": PROFILE},
        "identities": [{"entityId": "0@x.io", "entityIdNS": {"code": "Email"}}],
    }
    assert api.post(ENTITIES, body).status_code == 207


def test_many_are_read_at_once(api: Api, person: str) -> None:
    asked = [{"entityId": id_, "entityIdNS": {"code": "email"}} for id_ in ("a@x.io", "nobody@x.io")]
    answer = api.post(
        ENTITIES, {"schema": {"name": PROFILE}, "identities": asked, "fields": ["person.gender"]}
    )
    assert answer.status_code == 200
    found, nobody = answer.json().values()
    assert found["entity"] == {"person": {"gender": "male"}}
    assert found["requestedIdentity"] == asked[0]
    assert nobody["sources"] == [""]
    assert nobody["entity"] == {}
    assert nobody["lastModifiedAt"].startswith("1970-01-01")
    assert nobody["requestedIdentity"] == asked[1]


@pytest.mark.parametrize(
    "body", [None, {}, {"schema": {"name": PROFILE}}, {"schema": {"name": PROFILE}, "identities": [1]}]
)
def test_unusable_multi_lookup_is_refused(api: Api, body: Any) -> None:
    assert api.post(ENTITIES, body).status_code == 400


def test_events_come_in_the_order_of_their_times(api: Api, events: str) -> None:
    body = read_events(api)
    assert ids(body) == ["e1", "e2", "e3", "e4", "e5"]
    first = body["children"][0]
    assert first["timestamp"] == day(1)
    assert first["sources"] == [events]
    assert first["relatedEntityId"] in read(api).json()
    assert first["entity"]["eventType"] == "web.visit"
    assert body["_page"] == {"orderby": "timestamp", "start": "", "count": 5, "next": ""}
    assert body["_links"] == {"next": {"href": ""}}
    assert ids(read_events(api, orderby="-timestamp")) == ["e5", "e4", "e3", "e2", "e1"]
    assert ids(read_events(api, orderBy="+timestamp")) == ["e1", "e2", "e3", "e4", "e5"]


def test_event_times_are_bounded(api: Api, events: str) -> None:
    assert ids(read_events(api, startTime=day(2), endTime=day(4))) == ["e2", "e3"]


def test_events_are_found_by_entity_id_as_well(api: Api, events: str) -> None:
    asked = {"schema.name": EVENT, "relatedSchema.name": PROFILE, "entityId": "a@x.io", "entityIdNS": "email"}
    assert len(api.get(ENTITIES, params=asked).json()["children"]) == 5


def test_event_links_lead_through_all_pages(api: Api, events: str) -> None:
    body = read_events(api, limit=2)
    seen = ids(body)
    while href := body["_links"]["next"]["href"]:
        assert "start=" in href
        assert "offsets=" in href
        body = api.get(f"{ENTITIES}?{href.split('?', 1)[1]}").json()
        seen += ids(body)
    assert seen == ["e1", "e2", "e3", "e4", "e5"]


@pytest.mark.parametrize("name", ["start", "offsets"])
def test_either_name_of_the_place_is_honoured(api: Api, events: str, name: str) -> None:
    place = read_events(api, limit=2)["_page"]["next"]
    assert ids(read_events(api, limit=2, **{name: place})) == ["e3", "e4"]


def test_conditions_choose_events_before_they_are_paged(api: Api, events: str) -> None:
    body = read_events(api, property="eventType==web.visit", limit=2)
    assert ids(body) == ["e1", "e3"]
    assert body["_page"]["next"] == "2"
    assert ids(read_events(api, property="eventType==web.visit", limit=2, start=2)) == ["e5"]


def test_related_events_are_shown_inside_the_block(api: Api, events: str) -> None:
    (block,) = read(api, relatedEntities="experienceEvents").json().values()
    assert len(block["relatedEntities"]["experienceEvents"]["children"]) == 5


def test_events_of_many_are_read_at_once(api: Api, events: str) -> None:
    body = {
        "schema": {"name": EVENT},
        "relatedSchema": {"name": PROFILE},
        "identities": [{"entityId": "a@x.io", "entityIdNS": {"code": "email"}}],
        "timeFilter": {"startTime": day(4)},
        "orderby": "-timestamp",
    }
    (block,) = api.post(ENTITIES, body).json().values()
    assert ids(block) == ["e5", "e4"]


def test_deleting_one_person_is_refused_clearly(api: Api, person: str) -> None:
    answer = api.delete(ENTITIES, params={**BY_EMAIL, "entityId": "a@x.io"})
    assert answer.status_code == 400
    assert "not supported" in answer.json()["message"]
