"""A small HTTP client for the tests: the four headers of every call, and waiting for what runs by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import httpx2

UPS = "/data/core/ups"
CATALOG = "/data/foundation/catalog"
IMPORT = "/data/foundation/import"
EXPORT = "/data/foundation/export"
REGISTRY = "/data/foundation/schemaregistry"
FLOW = "/data/foundation/flowservice"
CONVERSION = "/data/foundation/conversion"
SANDBOXES = "/data/foundation/sandbox-management"
PROFILE = {"name": "_xdm.context.profile"}
ORG = "dev@AdobeOrg"
WAIT_S = 60.0
FINAL = {"success", "succeeded", "failure", "failed", "cancelled", "aborted"}


class Http(Protocol):
    """What carries requests: over the network, or into an application in this process."""

    @property
    def request(self) -> Callable[..., Any]: ...

    def close(self) -> None: ...


class Client:
    """Calls as the emulator's client. `sandbox=None` leaves the sandbox header out: the default sandbox answers."""

    def __init__(self, base_url: str, sandbox: str | None = None, http: Http | None = None) -> None:
        self.base_url = base_url
        self.sandbox = sandbox
        self._http = http or httpx2.Client(timeout=60.0, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        sandbox: str | None = None,
        **options: Any,
    ) -> httpx2.Response:
        """One request. A header of None is left out; `options` are the HTTP client's own."""
        sent: dict[str, str | None] = {
            "Authorization": "Bearer dev",
            "x-api-key": "dev",
            "x-gw-ims-org-id": ORG,
            "x-sandbox-name": sandbox or self.sandbox,
            **(headers or {}),
        }
        if json is not None:
            options["json"] = json
        kept = {name: value for name, value in sent.items() if value is not None}
        # Put together by hand: joining would take the host out of a path that begins with two slashes.
        answer: httpx2.Response = self._http.request(method, self.base_url + path, headers=kept, **options)
        return answer

    def get(self, path: str, **options: Any) -> Any:
        """What a GET that answers 200 says."""
        return self.expect(200, "GET", path, **options)

    def post(self, path: str, json: Any = None, *, status: int = 200, **options: Any) -> Any:
        """What a POST that answers `status` says."""
        return self.expect(status, "POST", path, json=json, **options)

    def status(self, method: str, path: str, json: Any = None, **options: Any) -> int:
        """The status code alone."""
        return self.call(method, path, json=json, **options).status_code

    def expect(self, status: int, method: str, path: str, **options: Any) -> Any:
        """The parsed body of an answer that has this status; None when it is empty."""
        answer = self.call(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def wait(self, path: str, read: Callable[[Any], Any], wanted: str, timeout_s: float = WAIT_S) -> Any:
        """Read a resource until `read` of it is `wanted`; fails at once in another final state."""
        deadline = time.monotonic() + timeout_s
        while True:
            body = self.get(path)
            state = read(body)
            if state == wanted:
                return body
            assert str(state).lower() not in FINAL, f"{path} ended as {state}: {json.dumps(body)}"
            assert time.monotonic() < deadline, f"{path} is still {state}: {json.dumps(body)}"
            time.sleep(0.1)

    # The sentences that tests begin with.

    def make_schema(self, title: str, *field_groups: str, identity: tuple[str, str] | None = None) -> str:
        """A union-tagged Profile schema of standard field groups; `identity` is path and namespace. Gives its `$id`."""
        parts = ["https://ns.adobe.com/xdm/context/profile", *field_groups]
        body = {"title": title, "type": "object", "allOf": [{"$ref": part} for part in parts]}
        made = self.post(f"{REGISTRY}/tenant/schemas", body, status=201)
        if identity is not None:
            self.post(
                f"{REGISTRY}/tenant/descriptors",
                {
                    "@type": "xdm:descriptorIdentity",
                    "xdm:sourceSchema": made["$id"],
                    "xdm:sourceVersion": 1,
                    "xdm:sourceProperty": identity[0],
                    "xdm:namespace": identity[1],
                    "xdm:property": "xdm:code",
                    "xdm:isPrimary": True,
                },
                status=201,
            )
        tag = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
        self.expect(200, "PATCH", f"{REGISTRY}/tenant/schemas/{made['meta:altId']}", json=tag)
        return str(made["$id"])

    def make_people_schema(self, title: str = "People") -> str:
        """Person and contact details, with the personal e-mail address as primary identity."""
        groups = [
            f"https://ns.adobe.com/xdm/context/profile-{name}-details" for name in ("person", "personal")
        ]
        return self.make_schema(title, *groups, identity=("/personalEmail/address", "Email"))

    def make_dataset(self, schema_id: str, name: str = "People", *, profile: bool = True) -> str:
        """A dataset on a schema, for Profile and Identity too unless told otherwise. Gives its id."""
        body: dict[str, Any] = {
            "name": name,
            "schemaRef": {"id": schema_id, "contentType": "application/vnd.adobe.xed+json;version=1"},
        }
        if profile:
            body["tags"] = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
        made = self.post(f"{CATALOG}/dataSets?requestDataSource=true", body, status=201)
        return str(made[0]).removeprefix("@/dataSets/")

    def make_legacy_dataset(self, name: str) -> str:
        """A dataset in the form of older tutorials: Parquet on the whole Profile class. Gives its id."""
        body = {
            "name": name,
            "schema": "@/xdms/context/profile",
            "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
            "tags": {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled: true"]},
        }
        made = self.post(f"{CATALOG}/dataSets?requestDataSource=true", body, status=201)
        return str(made[0]).removeprefix("@/dataSets/")

    def open_batch(self, dataset_id: str, format: str | None = "json") -> str:
        """An open batch; without a format it takes Parquet. Gives its id."""
        body: dict[str, Any] = {"datasetId": dataset_id}
        if format is not None:
            body["inputFormat"] = {"format": format}
        return str(self.post(f"{IMPORT}/batches", body, status=201)["id"])

    def upload(self, batch_id: str, dataset_id: str, name: str, content: bytes) -> None:
        """Put one file into an open batch."""
        path = f"{IMPORT}/batches/{batch_id}/datasets/{dataset_id}/files/{name}"
        self.expect(200, "PUT", path, content=content, headers={"Content-Type": "application/octet-stream"})

    def complete(self, batch_id: str, outcome: str = "success") -> dict[str, Any]:
        """Complete a batch and wait for its outcome; gives the batch."""
        self.post(f"{IMPORT}/batches/{batch_id}?action=COMPLETE")
        body = self.wait(f"{CATALOG}/batches/{batch_id}", lambda body: body[batch_id]["status"], outcome)
        return dict(body[batch_id])

    def ingest(self, dataset_id: str, rows: Iterable[Mapping[str, Any]]) -> str:
        """One batch of JSON lines, through to success; gives its id."""
        batch_id = self.open_batch(dataset_id)
        self.upload(batch_id, dataset_id, "rows.json", "\n".join(json.dumps(row) for row in rows).encode())
        self.complete(batch_id)
        return batch_id

    def define(self, name: str, pql: str, **fields: Any) -> str:
        """A segment definition in PQL text; gives its id."""
        expression = {"type": "PQL", "format": "pql/text", "value": pql}
        body = {"name": name, "schema": PROFILE, "expression": expression, **fields}
        return str(self.post(f"{UPS}/segment/definitions", body)["id"])

    def evaluate(self, *definition_ids: str) -> dict[str, Any]:
        """A segment job over definitions, through to success; gives the job."""
        body = [{"segmentId": definition_id} for definition_id in definition_ids]
        job_id = self.post(f"{UPS}/segment/jobs", body)["id"]
        return dict(self.wait(f"{UPS}/segment/jobs/{job_id}", lambda job: job["status"], "SUCCEEDED"))

    def sizes(self, *definition_ids: str) -> list[int]:
        """Sizes of definitions, evaluated now by one job."""
        counter = self.evaluate(*definition_ids)["metrics"]["segmentedProfileCounter"]
        return [counter[definition_id] for definition_id in definition_ids]

    def make_union_dataset(self, name: str = "Export") -> str:
        """A dataset that exports can go to. Gives its id."""
        return self.make_dataset("https://ns.adobe.com/xdm/context/profile__union", name, profile=False)

    def export(self, dataset_id: str, *definition_ids: str, **fields: Any) -> dict[str, Any]:
        """An export job of definitions to a dataset, through to success; gives the job."""
        policy = self.get(f"{UPS}/segment/definitions/{definition_ids[0]}")["mergePolicyId"]
        body = {
            "filter": {"segments": [{"segmentId": definition_id} for definition_id in definition_ids]},
            "destination": {"datasetId": dataset_id},
            "schema": PROFILE,
            "mergePolicy": {"id": policy, "version": 1},
            **fields,
        }
        job_id = self.post(f"{UPS}/export/jobs", body)["id"]
        return dict(self.wait(f"{UPS}/export/jobs/{job_id}", lambda job: job["status"], "SUCCEEDED"))

    def person(self, email: str) -> dict[str, Any]:
        """The profile with an e-mail address."""
        path = f"{UPS}/access/entities?schema.name={PROFILE['name']}&entityId={email}&entityIdNS=email"
        (profile,) = self.get(path).values()
        return dict(profile["entity"])
