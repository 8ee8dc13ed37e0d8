"""Segment jobs: their rows, lists and states. What an evaluation finds is tested with the evaluation."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.client import Api
from tests.api.test_segment_definitions import make as make_definition

from muster.jobs.states import transition

JOBS = "/data/core/ups/segment/jobs"


def start(api: Api, *segment_ids: str) -> dict[str, Any]:
    answer = api.post(JOBS, [{"segmentId": id_} for id_ in segment_ids])
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def bring(api: Api, id: str, *states: str) -> None:
    with api.workspace().records.write() as tx:
        for state in states:
            transition(tx, "segment_job", id, state)


def test_created_job_is_new_and_shows_its_definitions(api: Api) -> None:
    definition = make_definition(api)
    job = start(api, definition["id"], definition["id"])
    assert job["status"] == "NEW"
    assert job["source"] == "api"
    assert job["errors"] == []
    (segment,) = job["segments"]
    assert segment["segmentId"] == definition["id"]
    assert segment["segment"]["mergePolicy"] == {"id": definition["mergePolicyId"], "version": 1}
    assert segment["segment"]["mergePolicyId"] == definition["mergePolicyId"]
    assert segment["segment"]["expression"] == definition["expression"]
    assert job["metrics"]["segmentedProfileCounter"] == {}
    assert job["_links"]["cancel"] == {"href": f"/segment/jobs/{job['id']}", "method": "DELETE"}
    assert "definitions" not in job
    assert api.get(f"{JOBS}/{job['id']}").json() == job


def test_job_of_all_definitions_shows_one_star(api: Api) -> None:
    body = {"schema": {"name": "_xdm.context.profile"}, "segments": [{"segmentId": "*"}]}
    assert api.post(JOBS, body).json()["segments"] == [{"segmentId": "*"}]


def test_job_and_its_task_are_written_together(api: Api) -> None:
    from muster.jobs.task_table import TaskTable

    job = start(api, make_definition(api)["id"])
    (task,) = TaskTable(api.app.database).due(api.app.clock.now())
    assert (task.id, task.workflow, task.argument) == (f"segment_job:{job['id']}", "segment_job", job["id"])


@pytest.mark.parametrize(
    "body",
    [None, [], {}, [{"id": "x"}], ["x"], [{"segmentId": "00000000-0000-0000-0000-000000000000"}]],
)
def test_unusable_body_is_refused(api: Api, body: Any) -> None:
    assert api.post(JOBS, body).status_code == 400
    assert api.get(JOBS).json()["_page"]["totalCount"] == 0


def test_list_pages_newest_first(api: Api) -> None:
    id_ = make_definition(api)["id"]
    ids = [start(api, id_)["id"] for _ in range(3)]
    first = api.get(JOBS, params={"limit": 2}).json()
    assert [job["id"] for job in first["children"]] == [ids[2], ids[1]]
    assert first["_page"] == {"totalCount": 3, "pageSize": 2, "next": 1}
    assert first["_links"] == {"next": {}}
    last = api.get(JOBS, params={"limit": 2, "start": first["_page"]["next"]}).json()
    assert [job["id"] for job in last["children"]] == [ids[0]]
    assert last["_page"] == {"totalCount": 3, "pageSize": 1}


def test_list_filters_by_property_and_status(api: Api) -> None:
    one, two = make_definition(api)["id"], make_definition(api)["id"]
    first, second = start(api, one), start(api, one, two)
    bring(api, first["id"], "PROCESSING", "SUCCEEDED")

    def listed(**params: Any) -> list[str]:
        return [job["id"] for job in api.get(JOBS, params=params).json()["children"]]

    assert listed(property=f"segments~segmentId=={two}") == [second["id"]]
    assert listed(property="source==scheduler") == []
    assert listed(status="SUCCEEDED", sort="updateTime:desc", limit=1) == [first["id"]]
    assert listed(status="NEW", property=["source==api", "profileInstanceId==ups"]) == [second["id"]]
    assert listed(**{"snapshot.name": "other"}) == []
    assert api.get(JOBS, params={"property": "nonsense"}).status_code == 400


def test_cancelled_job_is_cancelling(api: Api) -> None:
    job = start(api, make_definition(api)["id"])
    answer = api.delete(f"{JOBS}/{job['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(f"{JOBS}/{job['id']}").json()["status"] == "CANCELLING"
    assert api.delete(f"{JOBS}/{job['id']}").status_code == 204


def test_ended_job_keeps_its_state_when_cancelled(api: Api) -> None:
    job = start(api, make_definition(api)["id"])
    bring(api, job["id"], "PROCESSING", "SUCCEEDED")
    assert api.delete(f"{JOBS}/{job['id']}").status_code == 204
    assert api.get(f"{JOBS}/{job['id']}").json()["status"] == "SUCCEEDED"


def test_unknown_job_is_404(api: Api) -> None:
    assert api.get(f"{JOBS}/nope").status_code == 404
    assert api.delete(f"{JOBS}/nope").status_code == 404


def test_bulk_get_tells_what_is_missing(api: Api) -> None:
    job = start(api, make_definition(api)["id"])
    answer = api.post(f"{JOBS}/bulk-get", {"ids": [{"id": job["id"]}, {"id": "nope"}]})
    assert answer.status_code == 207
    assert answer.json()["results"][job["id"]] == job
    assert "404" in answer.json()["results"]["nope"]["errors"]
