"""What is refused is refused in the service's own words, tells what is wrong and where, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.e2e.client import CATALOG, CONVERSION, FLOW, IMPORT, PROFILE, REGISTRY, UPS
from tests.servers.s3 import S3Server
from tests.simulation.invariants import check_at_rest
from tests.simulation.server import Installation, installation
from tests.simulation.story import PERSON_ROWS, Story, json_lines, person_row

NOBODY = "000000000000000000000000"
LISTS = (
    f"{CATALOG}/dataSets",
    f"{CATALOG}/batches",
    f"{UPS}/segment/definitions",
    f"{UPS}/segment/jobs",
    f"{UPS}/export/jobs",
    f"{UPS}/config/mergePolicies",
    f"{FLOW}/connections",
    f"{FLOW}/flows",
    f"{FLOW}/runs",
)
# The members of an error body, by the beginning of the path; what more there is may help, and is not promised.
MEMBERS = {
    UPS: {"requestId", "errors", "type", "title", "status"},
    CATALOG: {"type", "status", "title", "detail"},
    IMPORT: {"type", "status", "title", "detail"},
    REGISTRY: {"type", "title", "status", "report", "detail"},
    FLOW: {"code", "message"},
    CONVERSION: {"code", "message"},
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[Installation]:
    settings = {"MUSTER_S3_ENDPOINT": s3_server.endpoint}
    with installation(tmp_path_factory.mktemp("bad-input"), settings) as running:
        running.serve()
        yield running
        check_at_rest(running)
        running.stop()


@pytest.fixture(scope="module")
def story(running: Installation, s3_server: S3Server) -> Story:
    """People and audiences, evaluated; what the refused calls must leave as it is."""
    story = Story(running, bucket=s3_server)
    story.stage("ingest_batch")
    story.stage("segment_job")
    return story


def everything(story: Story) -> dict[str, Any]:
    """All lists and all profiles; without what is different in every answer."""
    lists = {path: story.client.get(path) for path in LISTS}
    for body in lists.values():
        body.pop("requestId", None)
    return {**lists, "persons": story.persons()}


def check_refusal(answer: httpx2.Response, status: int, path: str) -> dict[str, Any]:
    """An error body of the service that was asked, which tells nothing of the inside; gives it."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    members = next(members for prefix, members in MEMBERS.items() if path.startswith(prefix))
    assert members <= set(body), answer.text
    for inner in ("Traceback", 'File "', "/muster/", "sqlalchemy", "duckdb", "Exception"):
        assert inner not in answer.text
    return body


@pytest.mark.parametrize(
    "path",
    [
        f"{UPS}/segment/definitions",
        f"{UPS}/segment/jobs",
        f"{UPS}/export/jobs",
        f"{UPS}/config/mergePolicies",
        f"{CATALOG}/dataSets",
        f"{IMPORT}/batches",
        f"{REGISTRY}/tenant/schemas",
        f"{FLOW}/connections",
        f"{FLOW}/flows",
        f"{CONVERSION}/mappingSets",
    ],
)
def test_body_that_is_not_what_is_needed_is_refused(story: Story, path: str) -> None:
    before = everything(story)
    for content in (b'{"name": ', b"[1, 2]", b'"text"', b"null", b"\xff\xfe"):
        answer = story.client.call("POST", path, content=content)
        check_refusal(answer, 400, path)
    assert everything(story) == before


def test_broken_json_is_refused_with_its_place(story: Story) -> None:
    answer = story.client.call("POST", f"{CATALOG}/dataSets", content=b'{\n  "name": }')
    assert "line 2, column 11" in check_refusal(answer, 400, CATALOG)["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{IMPORT}/batches", {"datasetId": NOBODY}),
        (f"{UPS}/export/jobs", {"destination": {"datasetId": NOBODY}, "schema": PROFILE}),
        (f"{UPS}/segment/jobs", [{"segmentId": NOBODY}]),
        (
            f"{CATALOG}/dataSets",
            {"name": "x", "schemaRef": {"id": "https://ns.adobe.com/none", "contentType": "x"}},
        ),
        (
            f"{FLOW}/targetConnections",
            {"name": "x", "baseConnectionId": NOBODY, "connectionSpec": {"id": NOBODY}},
        ),
    ],
)
def test_reference_to_nothing_is_refused(story: Story, path: str, body: Any) -> None:
    before = everything(story)
    answer = story.client.call("POST", path, json=body)
    assert answer.status_code in (400, 404, 422)
    check_refusal(answer, answer.status_code, path)
    assert everything(story) == before


@pytest.mark.parametrize(
    ("pql", "line", "column", "more"),
    [
        ('person.gendr = "female"', 1, 8, {"found": "gendr", "suggestion": "gender"}),
        ("person.gender =", 1, 16, {"expected": ["expression"]}),
        ('person.gender = "male"\n  annd true', 2, 3, {"found": "annd"}),
    ],
)
def test_unreadable_query_is_refused_with_its_place(
    story: Story, pql: str, line: int, column: int, more: dict[str, Any]
) -> None:
    before = everything(story)
    expression = {"type": "PQL", "format": "pql/text", "value": pql}
    body = {"name": "bad", "schema": PROFILE, "expression": expression}
    answer = story.client.call("POST", f"{UPS}/segment/definitions", json=body)
    (problem,) = check_refusal(answer, 400, UPS)["errors"]["400"]
    assert (problem["path"], problem["line"], problem["column"]) == ("/expression/value", line, column)
    assert {name: problem[name] for name in more} == more
    assert everything(story) == before


@pytest.mark.parametrize(
    "bad",
    [
        {"person": {"gender": "female"}},
        {"identityMap": {}, "person": {"gender": "female"}},
        {"identityMap": {"Email": [{"id": "", "primary": True}]}},
        {"identityMap": {"Email": [{"id": "x@x.io", "primary": True}]}, "person": {"birthYear": "soon"}},
    ],
)
def test_batch_with_one_bad_row_leaves_nothing_behind(story: Story, bad: dict[str, Any]) -> None:
    persons = story.persons()
    batch_id = story.client.open_batch(story.people)
    good = person_row("ann", "male")
    story.client.upload(batch_id, story.people, "rows.json", json_lines([good, bad]))
    errors = story.client.complete(batch_id, "failure")["errors"]

    assert "rows.json, row 2" in errors[0]["description"]
    assert "Traceback" not in json.dumps(errors)
    assert len(story.rows(story.people)) == len(PERSON_ROWS)
    assert story.persons() == persons


def test_change_of_an_old_version_is_refused(story: Story, s3_server: S3Server) -> None:
    flow_id = story.make_flow(s3_server)
    story.flow_run(flow_id, "success")
    path = f"{FLOW}/flows/{flow_id}"
    etag = story.client.get(path)["items"][0]["etag"]

    def rename(name: str) -> httpx2.Response:
        change = [{"op": "replace", "path": "/name", "value": name}]
        return story.client.call("PATCH", path, json=change, headers={"If-Match": etag})

    assert rename("first").is_success
    check_refusal(rename("second"), 412, FLOW)
    assert story.client.get(path)["items"][0]["name"] == "first"


def test_wrong_secret_fails_the_run_with_a_plain_sentence(story: Story, s3_server: S3Server) -> None:
    secret = "wrong/wrong/wrong/wrong/wrong/wrong/wron"
    flow_id = story.make_flow(s3_server, secret, "refused")
    run = story.flow_run(flow_id, "failed")
    target_id = story.client.get(f"{FLOW}/flows/{flow_id}")["items"][0]["targetConnectionIds"][0]
    base_id = story.client.get(f"{FLOW}/targetConnections/{target_id}")["items"][0]["baseConnectionId"]
    tested = story.client.get(f"{FLOW}/connections/{base_id}/test")

    (error,) = run["metrics"]["statusSummary"]["errors"]
    assert "secret is wrong" in error["message"]
    for inner in ("Traceback", secret, "obstore"):
        assert inner not in json.dumps(run)
    assert tested["result"] is False
    assert "secret is wrong" in tested["reason"]
    assert s3_server.objects("refused/") == []
