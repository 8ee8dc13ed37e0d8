"""What an integrator tries first, service by service, on one running server.

Tests of one section read the same resources; those that change data make a sandbox of their own.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest
from tests.e2e.client import (
    CATALOG,
    EXPORT,
    FLOW,
    IMPORT,
    PROFILE,
    REGISTRY,
    SANDBOXES,
    UPS,
    Client,
)
from tests.e2e.server import RunningServer

XED = {"Accept": "application/vnd.adobe.xed+json; version=1"}
AL = "a@x.io"
PEOPLE = [
    {"personalEmail": {"address": AL}, "person": {"gender": "male"}},
    {"personalEmail": {"address": "b@x.io"}, "person": {"gender": "male"}},
    {"personalEmail": {"address": "c@x.io"}, "person": {"gender": "female"}},
]
MALES = 2
IS_MALE = 'person.gender = "male"'
NewSandbox = Callable[[], Client]


@pytest.fixture(scope="module")
def new_sandbox(server: RunningServer) -> Iterator[NewSandbox]:
    """Makes a sandbox; gives a client that names it."""
    numbers = itertools.count(1)
    opened: list[Client] = []

    def make() -> Client:
        client = Client(server.base_url, sandbox=f"acceptance{next(numbers)}")
        opened.append(client)
        with Client(server.base_url) as root:
            _make_sandbox(root, str(client.sandbox))
        return client

    yield make
    for client in opened:
        client.close()


def _make_sandbox(root: Client, name: str) -> None:
    body = {"name": name, "title": name, "type": "development"}
    root.post(f"{SANDBOXES}/sandboxes", body, status=202)
    root.wait(f"{SANDBOXES}/sandboxes/{name}", lambda sandbox: sandbox["state"], "active")


@pytest.fixture(scope="module")
def here(new_sandbox: NewSandbox) -> Client:
    """A client in the sandbox that most tests only read."""
    return new_sandbox()


@pytest.fixture(scope="module")
def schema(here: Client) -> str:
    """`$id` of a Profile schema with the e-mail address as primary identity."""
    return here.make_people_schema()


@pytest.fixture(scope="module")
def dataset(here: Client, schema: str) -> str:
    """A dataset with three people in it."""
    dataset = here.make_dataset(schema)
    here.ingest(dataset, PEOPLE)
    return dataset


@pytest.fixture(scope="module")
def males(here: Client, dataset: str) -> str:
    """A segment definition."""
    return here.define("males", IS_MALE)


@pytest.fixture(scope="module")
def job(here: Client, males: str) -> dict[str, Any]:
    """A segment job of the definition, succeeded."""
    return here.evaluate(males)


@pytest.fixture(scope="module")
def target(here: Client, schema: str) -> str:
    """A dataset on the union schema."""
    return here.make_union_dataset()


@pytest.fixture(scope="module")
def export(here: Client, job: dict[str, Any], target: str, males: str) -> dict[str, Any]:
    """An export job of the audience to that dataset, succeeded."""
    return here.export(target, males)


class TestAccess:
    """Tokens, headers and how a call is read."""

    def test_token_is_issued_for_client_credentials(self, client: Client) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": "dev",
            "client_secret": "dev",
            "scope": "openid",
        }
        token = client.expect(200, "POST", "/ims/token/v3", data=form)
        assert len(token["access_token"]) > 20
        assert 3600 < token["expires_in"] <= 86400
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        assert client.status("GET", f"{UPS}/segment/definitions", headers=headers) == 200

    def test_token_comes_for_parameters_in_the_query_too(self, client: Client) -> None:
        query = "grant_type=client_credentials&client_id=dev&client_secret=dev&scope=openid"
        assert client.status("POST", f"/ims/token/v2?{query}") == 200

    def test_retired_exchange_answers_in_milliseconds(self, client: Client) -> None:
        parts = {name: (None, value) for name, value in _exchange().items()}
        token = client.expect(200, "POST", "/ims/exchange/jwt/", files=parts)
        assert token["expires_in"] > 1_000_000

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            pytest.param({"Authorization": None}, "403010", id="no-token"),
            pytest.param({"Authorization": "Bearer bad"}, "401013", id="bad-token"),
            pytest.param({"x-api-key": None}, "403000", id="no-key"),
            pytest.param({"x-api-key": "nope"}, "403003", id="wrong-key"),
            pytest.param({"x-gw-ims-org-id": None}, "400003", id="no-organisation"),
            pytest.param(
                {"x-gw-ims-org-id": "000000000000000000000000@AdobeOrg"}, "403025", id="other-organisation"
            ),
        ],
    )
    def test_missing_or_wrong_header_is_refused_with_its_code(
        self, client: Client, headers: dict[str, str | None], code: str
    ) -> None:
        answer = client.call("GET", f"{UPS}/segment/definitions", headers=headers)
        assert answer.status_code == int(code[:3])
        assert answer.json()["error_code"] == code

    def test_sandbox_header_selects_the_sandbox(
        self, here: Client, males: str, new_sandbox: NewSandbox
    ) -> None:
        assert new_sandbox().get(f"{UPS}/segment/definitions")["page"]["totalCount"] == 0
        assert here.get(f"{UPS}/segment/definitions")["page"]["totalCount"] > 0

    def test_default_sandbox_answers_without_a_sandbox_header(self, client: Client) -> None:
        assert client.status("GET", f"{UPS}/segment/definitions") == 200

    def test_unknown_sandbox_is_refused(self, client: Client) -> None:
        assert client.status("GET", f"{UPS}/segment/definitions", sandbox="no-such") == 403

    def test_whole_schema_can_be_put(self, here: Client) -> None:
        title = "Put"
        made = here.post(f"{REGISTRY}/tenant/schemas", _schema(title), status=201)
        body = {**_schema(title), "description": "put"}
        answer = here.expect(200, "PUT", f"{REGISTRY}/tenant/schemas/{made['meta:altId']}", json=body)
        assert answer["$id"] == made["$id"]

    def test_foreign_content_type_is_refused(self, client: Client) -> None:
        headers = {"Content-Type": "text/xml"}
        answer = client.call("POST", f"{UPS}/segment/definitions", content="<a/>", headers=headers)
        assert (answer.status_code, answer.json()["title"]) == (400, "BadRequestError")

    def test_lower_case_bearer_and_double_slash_work(self, client: Client) -> None:
        headers = {"Authorization": "bearer dev"}
        assert client.status("GET", f"/{UPS}/segment/definitions", headers=headers) == 200

    def test_trailing_slash_works(self, client: Client) -> None:
        assert client.status("GET", f"{UPS}/export/jobs/") == 200


class TestSandboxesSchemasIdentities:
    def test_sandboxes_are_listed(self, client: Client) -> None:
        assert client.get(f"{SANDBOXES}/sandboxes")["sandboxes"][0]["name"] == "prod"

    def test_development_sandbox_becomes_active(self, client: Client) -> None:
        _make_sandbox(client, "acceptance-dev")

    def test_standard_profile_class_is_there(self, client: Client) -> None:
        found = client.get(f"{REGISTRY}/global/classes/_xdm.context.profile", headers=XED)
        assert found["$id"] == "https://ns.adobe.com/xdm/context/profile"

    def test_encoded_id_in_the_path_reads_the_same(self, client: Client) -> None:
        encoded = "https%3A%2F%2Fns.adobe.com%2Fxdm%2Fcontext%2Fprofile"
        found = client.get(f"{REGISTRY}/global/classes/{encoded}", headers=XED)
        assert found["meta:altId"] == "_xdm.context.profile"

    def test_tenant_schema_has_an_id_of_the_tenant(self, schema: str) -> None:
        assert schema.startswith("https://ns.adobe.com/")
        assert "/schemas/" in schema

    def test_tenant_id_can_be_read(self, client: Client) -> None:
        assert client.get(f"{REGISTRY}/stats")["tenantId"]

    def test_identity_descriptor_is_listed_for_its_schema(self, here: Client, schema: str) -> None:
        headers = {"Accept": "application/vnd.adobe.xdm-v2+json"}
        query = {"property": f"xdm:sourceSchema=={schema}"}
        found = here.get(f"{REGISTRY}/tenant/descriptors", headers=headers, params=query)
        (descriptor,) = found["results"]
        assert descriptor["xdm:sourceProperty"] == "/personalEmail/address"
        assert descriptor["xdm:isPrimary"] is True

    def test_schema_takes_part_in_profile(self, here: Client, schema: str) -> None:
        assert here.get(f"{REGISTRY}/tenant/schemas/{_alt(schema)}", headers=XED)["meta:immutableTags"] == [
            "union"
        ]

    def test_profile_union_holds_memberships_and_identities(self, here: Client, schema: str) -> None:
        headers = {"Accept": "application/vnd.adobe.xed-full+json; version=1"}
        union = here.get(f"{REGISTRY}/tenant/unions/_xdm.context.profile__union", headers=headers)
        assert {"segmentMembership", "identityMap"} <= union["properties"].keys()

    def test_identity_namespaces_are_listed(self, client: Client) -> None:
        assert "Email" in {one["code"] for one in client.get("/data/core/idnamespace/identities")}


class TestIngestion:
    def test_dataset_has_an_id_of_24_characters(self, dataset: str) -> None:
        assert len(dataset) == 24

    def test_legacy_body_makes_a_dataset(self, here: Client) -> None:
        assert len(here.make_legacy_dataset("legacy")) == 24

    def test_open_batch_is_loading(self, here: Client, dataset: str) -> None:
        batch = here.open_batch(dataset)
        assert here.get(f"{CATALOG}/batches/{batch}")[batch]["status"] == "loading"

    def test_upload_and_complete_answer_200_and_the_batch_succeeds(
        self, here: Client, dataset: str, new_sandbox: NewSandbox
    ) -> None:
        other = new_sandbox()
        target = other.make_dataset(other.make_people_schema())
        batch = other.open_batch(target)
        path = f"{IMPORT}/batches/{batch}/datasets/{target}/files/p.json"
        headers = {"Content-Type": "application/octet-stream"}
        uploaded = other.call(
            "PUT", path, headers=headers, content=b'{"personalEmail":{"address":"a@x.io"}}\n'
        )
        assert (uploaded.status_code, uploaded.content) == (200, b"")
        assert other.status("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE") == 200
        done = other.wait(f"{CATALOG}/batches/{batch}", lambda body: body[batch]["status"], "success")
        assert done[batch]["metrics"]["outputRecordCount"] == 1

    def test_ingested_person_can_be_looked_up(self, here: Client, dataset: str) -> None:
        assert here.person(AL)["person"]["gender"] == "male"


class TestSources:
    def test_sources_are_listed(self, client: Client) -> None:
        ids = {spec["id"] for spec in _all_items(client, f"{FLOW}/connectionSpecs")}
        assert "ecadc60c-7455-4d87-84dc-2a0e293d997b" in ids

    def test_amazon_s3_source_can_be_connected(self, here: Client) -> None:
        auth = {"specName": "Access Key", "params": {"s3AccessKey": "A" * 20, "s3SecretKey": "s" * 40}}
        spec = {"id": "ecadc60c-7455-4d87-84dc-2a0e293d997b", "version": "1.0"}
        body = {"name": "S3", "auth": auth, "connectionSpec": spec}
        assert here.status("POST", f"{FLOW}/connections", body) == 201

    def test_destinations_are_listed(self, client: Client) -> None:
        specs = _all_items(client, f"{FLOW}/connectionSpecs")
        assert any(spec["attributes"].get("isDestination") is True for spec in specs)


class TestSegmentDefinitions:
    def test_create_answers_200_with_an_id(self, here: Client) -> None:
        made = here.post(f"{UPS}/segment/definitions", _definition("m2"))
        assert made["id"]

    def test_definition_is_read_by_its_id(self, here: Client, males: str) -> None:
        assert here.get(f"{UPS}/segment/definitions/{males}")["name"] == "males"

    def test_list_is_paged(self, here: Client, males: str) -> None:
        here.define("one more", IS_MALE)
        page = here.get(f"{UPS}/segment/definitions?limit=1")
        assert len(page["segments"]) == 1
        assert page["page"]["totalCount"] >= 2

    def test_page_past_the_end_is_empty(self, here: Client, males: str) -> None:
        assert here.get(f"{UPS}/segment/definitions?limit=100&page=99")["segments"] == []

    def test_whole_definition_can_be_overwritten(self, here: Client) -> None:
        path = f"{UPS}/segment/definitions/{here.define('males', IS_MALE)}"
        body = {**here.get(path), "description": "all males"}
        assert here.expect(200, "PATCH", path, json=body)["description"] == "all males"

    def test_deleted_definition_is_gone(self, here: Client) -> None:
        path = f"{UPS}/segment/definitions/{here.define('tmp', IS_MALE)}"
        assert here.status("DELETE", path) == 200
        assert here.status("GET", path) == 404

    def test_json_form_and_lifetime_are_kept(self, here: Client, males: str) -> None:
        converted = here.post(f"{UPS}/segment/conversion", _definition("as JSON"))
        body = {**_definition("as JSON"), "ttlInDays": 90, "expression": converted["expression"]}
        made = here.post(f"{UPS}/segment/definitions", body)
        found = here.get(f"{UPS}/segment/definitions/{made['id']}")
        assert (found["expression"]["format"], found["ttlInDays"]) == ("pql/json", 90)

    def test_unreadable_expression_is_refused(self, here: Client) -> None:
        assert here.status("POST", f"{UPS}/segment/definitions", _definition("bad", "(((")) == 400

    def test_required_fields_are_required(self, here: Client) -> None:
        assert here.status("POST", f"{UPS}/segment/definitions", {"name": "x"}) == 400

    def test_default_merge_policy_is_used_and_shown(self, here: Client, males: str) -> None:
        shown = here.get(f"{UPS}/segment/definitions/{males}")["mergePolicyId"]
        (default,) = [one for one in here.get(f"{UPS}/config/mergePolicies")["children"] if one["default"]]
        assert shown == default["id"]

    def test_batch_is_the_default_evaluation(self, here: Client, males: str) -> None:
        info = here.get(f"{UPS}/segment/definitions/{males}")["evaluationInfo"]
        assert {method: info[method]["enabled"] for method in info} == {
            "batch": True,
            "continuous": False,
            "synchronous": False,
        }

    def test_list_is_filtered_by_evaluation_method(self, new_sandbox: NewSandbox) -> None:
        client = new_sandbox()
        client.define("batch", IS_MALE)
        methods = {"batch": False, "continuous": True, "synchronous": False}
        info = {method: {"enabled": enabled} for method, enabled in methods.items()}
        streamed = client.define(
            "streamed",
            "exists E from xEvent where E.timestamp occurs < 12 hours before now",
            evaluationInfo=info,
        )
        found = client.get(f"{UPS}/segment/definitions?evaluationInfo.continuous.enabled=True")
        assert [one["id"] for one in found["segments"]] == [streamed]

    def test_many_are_read_at_once(self, here: Client, males: str) -> None:
        body = {"ids": [{"id": males}]}
        found = here.post(f"{UPS}/segment/definitions/bulk-get", body, status=207)
        assert found["results"][males]["name"] == "males"

    def test_text_is_converted_to_json_form(self, here: Client) -> None:
        body = _definition("c", 'workAddress.country = "US"')
        converted = here.post(f"{UPS}/segment/conversion", body)["expression"]
        assert converted["format"] == "pql/json"
        assert '"fnName":"="' in converted["value"].replace(" ", "")


class TestSegmentJobs:
    def test_create_returns_before_the_end(self, here: Client, males: str) -> None:
        made = here.post(f"{UPS}/segment/jobs", [{"segmentId": males}])
        assert made["status"] in ("NEW", "QUEUED", "PROCESSING")
        here.wait(f"{UPS}/segment/jobs/{made['id']}", lambda job: job["status"], "SUCCEEDED")

    def test_job_refers_to_definition_and_merge_policy(self, job: dict[str, Any], males: str) -> None:
        (segment,) = job["segments"]
        assert segment["segmentId"] == males
        assert segment["segment"]["mergePolicy"]["id"]

    def test_job_tells_the_audience_size_and_no_errors(self, job: dict[str, Any], males: str) -> None:
        assert job["metrics"]["segmentedProfileCounter"] == {males: MALES}
        assert job["errors"] == []

    def test_job_counts_by_namespace_and_by_status(self, job: dict[str, Any], males: str) -> None:
        assert job["metrics"]["segmentedProfileByNamespaceCounter"][males] == {"email": MALES}
        statuses = job["metrics"]["segmentedProfileByStatusCounter"][males]
        assert statuses["realized"] + statuses["existing"] == MALES
        assert statuses["exited"] == 0

    def test_members_carry_the_membership(self, here: Client, job: dict[str, Any], males: str) -> None:
        assert here.person(AL)["segmentMembership"]["ups"][males]["status"] in ("realized", "existing")
        assert males not in here.person("c@x.io").get("segmentMembership", {}).get("ups", {})

    def test_jobs_are_listed_by_status(self, here: Client, job: dict[str, Any]) -> None:
        found = here.get(f"{UPS}/segment/jobs?limit=5&status=SUCCEEDED&sort=updateTime:desc")["children"]
        assert found
        assert {one["status"] for one in found} == {"SUCCEEDED"}

    def test_job_is_read_by_its_id(self, here: Client, job: dict[str, Any]) -> None:
        assert here.get(f"{UPS}/segment/jobs/{job['id']}")["id"] == job["id"]

    def test_cancelled_job_ends_cancelled_and_changes_no_membership(
        self, here: Client, job: dict[str, Any], males: str
    ) -> None:
        before = here.person(AL)["segmentMembership"]
        made = here.post(f"{UPS}/segment/jobs", [{"segmentId": males}])
        path = f"{UPS}/segment/jobs/{made['id']}"
        cancelled = here.call("DELETE", path)
        if cancelled.status_code == 204:
            here.wait(path, lambda body: body["status"], "CANCELLED")
        else:
            # It may have been faster than the second request; then it must say so, and be whole.
            assert here.get(path)["status"] == "SUCCEEDED"
        after = here.person(AL)["segmentMembership"]
        assert after["ups"].keys() == before["ups"].keys()

    def test_unknown_definition_is_refused(self, here: Client) -> None:
        body = [{"segmentId": "00000000-0000-0000-0000-000000000000"}]
        assert here.status("POST", f"{UPS}/segment/jobs", body) == 400

    def test_job_that_cannot_run_fails_and_says_why(self, new_sandbox: NewSandbox) -> None:
        client, _, males = _people(new_sandbox)
        other = client.post(f"{UPS}/config/mergePolicies", _policy("no graph"))["id"]
        using = client.define("users", f'inSegment("{males}")', mergePolicyId=other)
        made = client.post(f"{UPS}/segment/jobs", [{"segmentId": using}])
        job = client.wait(f"{UPS}/segment/jobs/{made['id']}", lambda job: job["status"], "FAILED")
        (error,) = job["errors"]
        assert {"code", "msg"} <= error.keys()
        assert males in error["msg"]

    def test_definitions_with_different_merge_policies_share_a_job(self, new_sandbox: NewSandbox) -> None:
        client, _, males = _people(new_sandbox)
        other = client.post(f"{UPS}/config/mergePolicies", _policy("no graph"))["id"]
        twins = client.define("males of another policy", IS_MALE, mergePolicyId=other)
        job = client.evaluate(males, twins)
        assert len({one["segment"]["mergePolicy"]["id"] for one in job["segments"]}) == 2
        assert job["metrics"]["segmentedProfileCounter"] == {males: MALES, twins: MALES}

    def test_star_evaluates_every_definition(self, new_sandbox: NewSandbox) -> None:
        client, _, males = _people(new_sandbox)
        females = client.define("females", 'person.gender = "female"')
        made = client.post(f"{UPS}/segment/jobs", {"schema": PROFILE, "segments": [{"segmentId": "*"}]})
        job = client.wait(f"{UPS}/segment/jobs/{made['id']}", lambda job: job["status"], "SUCCEEDED")
        assert job["segments"][0]["segmentId"] == "*"
        assert job["metrics"]["segmentedProfileCounter"] == {males: MALES, females: 1}

    def test_events_of_a_window_decide(self, new_sandbox: NewSandbox) -> None:
        client, _, _ = _people(new_sandbox)
        events = client.make_dataset(_event_schema(client), "Events")
        for email, days in ((AL, 10), ("b@x.io", 100)):
            seen = (datetime.now(UTC) - timedelta(days=days)).isoformat()
            identity = {"Email": [{"id": email, "primary": True}]}
            client.ingest(events, [{"_id": email, "timestamp": seen, "identityMap": identity}])
        recent = client.define(
            "recent",
            f"{IS_MALE} and (select e from xEvent where e.timestamp occurs < 90 days before now)",
        )
        assert client.sizes(recent) == [1]
        assert client.person(AL)["segmentMembership"]["ups"][recent]["status"] == "realized"

    def test_second_job_moves_members_on(self, new_sandbox: NewSandbox) -> None:
        client, dataset, males = _people(new_sandbox)
        assert client.sizes(males) == [MALES]
        assert client.person(AL)["segmentMembership"]["ups"][males]["status"] == "realized"
        client.ingest(dataset, [{"personalEmail": {"address": AL}, "person": {"gender": "female"}}])
        assert client.sizes(males) == [MALES - 1]
        assert client.person(AL)["segmentMembership"]["ups"][males]["status"] == "exited"


class TestExportJobs:
    def test_job_has_a_number_and_returns_before_the_end(self, here: Client, males: str, job: object) -> None:
        target = here.make_union_dataset("asynchronous")
        made = here.post(f"{UPS}/export/jobs", _export(here, target, males))
        assert isinstance(made["id"], int)
        assert made["status"] in ("NEW", "QUEUED", "PROCESSING")
        here.wait(f"{UPS}/export/jobs/{made['id']}", lambda body: body["status"], "SUCCEEDED")

    def test_preview_of_the_dataset_shows_only_members(
        self, here: Client, export: dict[str, Any], target: str
    ) -> None:
        rows = here.get(f"{EXPORT}/datasets/{target}/preview")["data"]
        assert [row["person_gender"] for row in rows] == ["male"] * MALES

    def test_exported_count_is_the_audience_size(self, export: dict[str, Any]) -> None:
        assert export["metrics"]["totalExportedProfileCounter"] == MALES

    def test_dataset_got_a_successful_batch_with_files(self, here: Client, export: dict[str, Any]) -> None:
        batch = export["destination"]["batchId"]
        assert here.get(f"{CATALOG}/batches/{batch}")[batch]["status"] == "success"
        assert here.get(f"{EXPORT}/batches/{batch}/files")["data"]

    def test_files_can_be_downloaded_and_hold_profiles_with_memberships(
        self, here: Client, export: dict[str, Any], males: str
    ) -> None:
        rows = _rows_of_batch(here, export["destination"]["batchId"])
        assert sorted(row["personalEmail"]["address"] for row in rows) == [AL, "b@x.io"]
        memberships = [dict(dict(row["segmentMembership"])["ups"]) for row in rows]
        assert all(males in membership for membership in memberships)

    def test_jobs_are_listed_and_the_last_page_has_an_empty_next_link(
        self, here: Client, export: dict[str, Any]
    ) -> None:
        page = here.get(f"{UPS}/export/jobs?limit=1000")
        assert export["id"] in [one["id"] for one in page["records"]]
        assert page["link"]["next"] == ""

    def test_job_is_read_by_its_id(self, here: Client, export: dict[str, Any]) -> None:
        assert here.get(f"{UPS}/export/jobs/{export['id']}")["id"] == export["id"]

    def test_job_can_be_cancelled(self, here: Client, target: str, males: str, job: object) -> None:
        made = here.post(f"{UPS}/export/jobs", {"destination": {"datasetId": target}, "schema": PROFILE})
        assert here.expect(200, "DELETE", f"{UPS}/export/jobs/{made['id']}")["status"] is True

    def test_repeated_export_replaces_the_content(self, new_sandbox: NewSandbox) -> None:
        client, dataset, males = _people(new_sandbox)
        target = client.make_union_dataset()
        client.evaluate(males)
        client.export(target, males)
        assert _emails(client, target) == [AL, "b@x.io"]
        client.ingest(dataset, [{"personalEmail": {"address": AL}, "person": {"gender": "female"}}])
        client.evaluate(males)
        client.export(target, males)
        assert _emails(client, target) == ["b@x.io"]

    def test_dataset_and_schema_are_required(self, here: Client) -> None:
        assert here.status("POST", f"{UPS}/export/jobs", {}) == 400

    def test_several_definitions_have_a_batch_each_when_asked(
        self, here: Client, males: str, dataset: str
    ) -> None:
        females = here.define("females", 'person.gender = "female"')
        here.evaluate(males, females)
        target = here.make_union_dataset("per batch")
        destination = {"datasetId": target, "segmentPerBatch": True}
        done = here.export(target, males, females, destination=destination)
        assert sorted(one["segmentId"] for one in done["destination"]["batches"]) == sorted([males, females])


class TestProfilesAndIsolation:
    def test_profile_is_merged_from_several_datasets(self, new_sandbox: NewSandbox) -> None:
        client, _, _ = _people(new_sandbox)
        second = client.make_dataset(client.make_people_schema("Names"), "Names")
        client.ingest(second, [{"personalEmail": {"address": AL}, "person": {"name": {"firstName": "Al"}}}])
        person = client.person(AL)["person"]
        assert (person["gender"], person["name"]["firstName"]) == ("male", "Al")

    def test_one_merge_policy_is_the_default(self, client: Client) -> None:
        policies = client.get(f"{UPS}/config/mergePolicies")["children"]
        assert sum(policy["default"] for policy in policies) == 1

    def test_definition_dataset_schema_and_job_of_a_sandbox_are_absent_in_another(
        self,
        here: Client,
        new_sandbox: NewSandbox,
        schema: str,
        dataset: str,
        males: str,
        job: dict[str, Any],
    ) -> None:
        other = new_sandbox()
        for path in (
            f"{UPS}/segment/definitions/{males}",
            f"{UPS}/segment/jobs/{job['id']}",
            f"{CATALOG}/dataSets/{dataset}",
            f"{REGISTRY}/tenant/schemas/{_alt(schema)}",
        ):
            assert here.status("GET", path, headers=XED) == 200, path
            assert other.status("GET", path, headers=XED) == 404, path


def _exchange() -> dict[str, str]:
    return {"client_id": "dev", "client_secret": "dev", "jwt_token": "signed.by.service-account"}


def _alt(schema_id: str) -> str:
    """`meta:altId` of a tenant resource: its `$id` in dots."""
    return "_" + schema_id.removeprefix("https://ns.adobe.com/").replace("/", ".")


def _schema(title: str) -> dict[str, Any]:
    return {"title": title, "type": "object", "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}]}


def _policy(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "schema": PROFILE,
        "identityGraph": {"type": "none"},
        "attributeMerge": {"type": "timestampOrdered"},
    }


def _event_schema(client: Client) -> str:
    """`$id` of a union-tagged schema of events, whose rows name persons in `identityMap`."""
    parts = ["experienceevent", "identitymap"]
    body = {
        "title": "Events",
        "type": "object",
        "allOf": [{"$ref": f"https://ns.adobe.com/xdm/context/{part}"} for part in parts],
    }
    made = client.post(f"{REGISTRY}/tenant/schemas", body, status=201)
    tag = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    client.expect(200, "PATCH", f"{REGISTRY}/tenant/schemas/{made['meta:altId']}", json=tag)
    return str(made["$id"])


def _definition(name: str, pql: str = IS_MALE) -> dict[str, Any]:
    return {
        "name": name,
        "schema": PROFILE,
        "expression": {"type": "PQL", "format": "pql/text", "value": pql},
    }


def _export(client: Client, target: str, definition: str) -> dict[str, Any]:
    policy = client.get(f"{UPS}/segment/definitions/{definition}")["mergePolicyId"]
    return {
        "filter": {"segments": [{"segmentId": definition}]},
        "destination": {"datasetId": target},
        "schema": PROFILE,
        "mergePolicy": {"id": policy, "version": 1},
    }


def _people(new_sandbox: NewSandbox) -> tuple[Client, str, str]:
    """A sandbox of its own with the people in it: client, dataset, definition of the males."""
    client = new_sandbox()
    dataset = client.make_dataset(client.make_people_schema())
    client.ingest(dataset, PEOPLE)
    return client, dataset, client.define("males", IS_MALE)


def _rows_of_batch(client: Client, batch: str) -> list[dict[str, Any]]:
    """Rows of all Parquet files of a batch, downloaded as any client would."""
    rows: list[dict[str, Any]] = []
    for listed in client.get(f"{EXPORT}/batches/{batch}/files")["data"]:
        path = f"{EXPORT}/files/{listed['dataSetFileId']}"
        for part in client.get(path)["data"]:
            content: httpx2.Response = client.call("GET", path, params={"path": part["name"]})
            assert content.status_code == 200, content.text
            rows += pq.read_table(io.BytesIO(content.content)).to_pylist()
    return rows


def _emails(client: Client, dataset: str) -> list[str]:
    rows = client.get(f"{EXPORT}/datasets/{dataset}/preview")["data"]
    return sorted(row["personalEmail_address"] for row in rows)


def _all_items(client: Client, path: str) -> list[dict[str, Any]]:
    """Items of all pages of a Flow Service list."""
    items: list[dict[str, Any]] = []
    query: dict[str, str] = {}
    while True:
        page = client.get(path, params=query)
        items += page["items"]
        href = page.get("_links", {}).get("next", {}).get("href", "")
        if not href:
            return items
        query = dict(httpx2.URL(href).params)
