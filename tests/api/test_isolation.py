"""Two sandboxes of one organisation with the same data: nothing of the one is reached from the other.

Every route is walked. Each path parameter is filled in with an id of the sandbox `prod`, and the call is made from the
sandbox `dev`; a route whose parameters nobody filled in fails. That the ids are the right ones is shown by the same
reading call from `prod`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Formatter
from typing import Any
from urllib.parse import quote

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.api.client import ORG, run_jobs
from tests.e2e.client import CATALOG, CONVERSION, EXPORT, FLOW, IMPORT, PROFILE, REGISTRY, UPS, Client

from muster.api.server import create_api
from muster.api.services import SERVICES
from muster.app import App
from muster.settings import Settings

NAMESPACES = "/data/core/idnamespace"
AD_HOC = "/data/core/activation/disflowprovider/adhocrun"
PROFILE_STORE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
S3 = {"id": "4fce964d-3f37-408f-9778-e597338a21ee", "version": "1.0"}
S3_FLOW = {"id": "1a0514a6-33d4-4c7f-aff8-594799c47549", "version": "1.0"}
XED = "application/vnd.adobe.xed+json; version=1"
PROFILE_CLASS = "https://ns.adobe.com/xdm/context/profile"
# Numbers are counted in each sandbox: the first has a few more, so that its last one is nobody else's.
EXTRA = {"prod": 3, "dev": 0}

SHARED = {
    "/ims/token/{version}": "tokens are the organisation's",
    f"{NAMESPACES}/orgs/{{org_id}}/identities": "lists the caller's own sandbox",
    "/data/foundation/schemaregistry/global/{resource_type}": "standard resources are everybody's",
    "/data/core/ups/config/entityTypes/{name}": "names a class, and answers for the caller's own sandbox",
    "/data/foundation/catalog/xdms/{name}": "standard classes are everybody's",
    "/data/foundation/sandbox-management/sandboxes/{name}": "sandboxes are the organisation's",
    "/data/foundation/flowservice/connectionSpecs/{id}": "the catalogue of connectors is everybody's",
    "/data/foundation/flowservice/flowSpecs/{id}": "the catalogue of flows is everybody's",
}
"""Routes whose parameters name nothing that belongs to a sandbox, with the reason."""

SHARED_LISTS = {
    "/health/live",
    "/health/ready",
    "/metrics",
    "/ims/userinfo/v2",
    "/ims/profile/v1",
    "/ims/profile",
    "/emulator/clock",
    "/data/foundation/sandbox-management",
    "/data/foundation/sandbox-management/sandboxes",
    "/data/foundation/sandbox-management/sandboxTypes",
    "/data/foundation/flowservice/connectionSpecs",
    "/data/foundation/flowservice/flowSpecs",
    "/data/foundation/catalog/xdms",
}
"""Reading routes without parameters that say nothing of a sandbox."""

_REGISTRY_OF = {
    "schemas": "schema_alt",
    "fieldgroups": "field_group_alt",
    "classes": "class_alt",
    "datatypes": "data_type_alt",
}
_FLOW_OF = {
    "connections": "connection",
    "sourceConnections": "source",
    "targetConnections": "target",
    "flows": "flow",
    "runs": "run",
}
_DATASET = {"dataset_id": "{dataset}"}
_FILE = {"batch_id": "{open_batch}", "dataset_id": "{dataset}", "name": "parts.json"}
_TYPES = [{"resource_type": type_, "name": f"{{{key}}}"} for type_, key in _REGISTRY_OF.items()]
_ENTITIES = [{"resource": resource, "id": f"{{{key}}}"} for resource, key in _FLOW_OF.items()]

FILLED: dict[str, list[dict[str, str]]] = {
    f"{NAMESPACES}/identities/{{number}}": [{"number": "{namespace}"}],
    f"{NAMESPACES}/orgs/{{org_id}}/identities/{{number}}": [{"org_id": ORG, "number": "{namespace}"}],
    f"{REGISTRY}/rpc/sampledata/{{name}}": [{"name": "{schema_alt}"}],
    f"{REGISTRY}/rpc/export/{{name}}": [{"name": "{schema_alt}"}],
    f"{REGISTRY}/{{container}}/descriptors": [{"container": "tenant"}],
    f"{REGISTRY}/{{container}}/descriptors/{{id}}": [{"container": "tenant", "id": "{descriptor}"}],
    f"{REGISTRY}/tenant/descriptors/{{id}}": [{"id": "{descriptor}"}],
    f"{REGISTRY}/tenant/{{resource_type}}": [{"resource_type": type_} for type_ in [*_REGISTRY_OF, "unions"]],
    f"{REGISTRY}/{{container}}/{{resource_type}}/{{name}}": [
        {"container": "tenant", **one} for one in _TYPES
    ],
    f"{REGISTRY}/tenant/{{resource_type}}/{{name}}": _TYPES,
    f"{CATALOG}/dataSets/{{dataset_id}}": [_DATASET],
    f"{CATALOG}/v2/dataSets/{{dataset_id}}": [_DATASET],
    f"{CATALOG}/dataSets/{{dataset_id}}/views": [_DATASET],
    f"{CATALOG}/dataSets/{{dataset_id}}/views/{{view_id}}": [{**_DATASET, "view_id": "{view}"}],
    f"{CATALOG}/dataSets/{{dataset_id}}/views/{{view_id}}/files": [{**_DATASET, "view_id": "{view}"}],
    f"{CATALOG}/batches/{{batch_id}}": [{"batch_id": "{batch}"}],
    f"{IMPORT}/batches/{{batch_id}}": [{"batch_id": "{open_batch}"}],
    f"{IMPORT}/batches/{{batch_id}}/datasets/{{dataset_id}}/preview": [
        {"batch_id": "{batch}", "dataset_id": "{dataset}"}
    ],
    f"{IMPORT}/batches/{{batch_id}}/datasets/{{dataset_id}}/files/{{name}}": [_FILE],
    f"{EXPORT}/batches/{{batch_id}}/files": [{"batch_id": "{batch}"}],
    f"{EXPORT}/batches/{{batch_id}}/failed": [{"batch_id": "{batch}"}],
    f"{EXPORT}/batches/{{batch_id}}/meta": [{"batch_id": "{batch}"}],
    f"{EXPORT}/files/{{file_id}}": [{"file_id": "{file}"}],
    f"{EXPORT}/datasets/{{dataset_id}}/preview": [_DATASET],
    f"{FLOW}/connections/{{id}}/test": [{"id": "{connection}"}],
    f"{FLOW}/{{resource}}": [{"resource": resource} for resource in _FLOW_OF],
    f"{FLOW}/{{resource}}/search": [{"resource": resource} for resource in _FLOW_OF],
    f"{FLOW}/{{resource}}/{{id}}": _ENTITIES,
    f"{FLOW}/{{resource}}/{{id}}/action": _ENTITIES,
    f"{CONVERSION}/schemas/{{id}}": [{"id": "{conversion_schema}"}],
    f"{CONVERSION}/mappingSets/{{id}}": [{"id": "{mapping_set}"}],
    f"{CONVERSION}/mappingSets/{{id}}/mappings": [{"id": "{mapping_set}"}],
    f"{UPS}/config/mergePolicies/{{id}}": [{"id": "{policy}"}],
    f"{UPS}/segment/definitions/{{id}}": [{"id": "{definition}"}],
    f"{UPS}/segment/jobs/{{id}}": [{"id": "{job}"}],
    f"{UPS}/export/jobs/{{id}}": [{"id": "{export_job}"}],
}
"""Path parameters by route: keys of `World.ids` in braces, anything else as it stands."""

LISTS = {
    f"{REGISTRY}/{{container}}/descriptors",
    f"{REGISTRY}/tenant/{{resource_type}}",
    f"{FLOW}/{{resource}}",
    f"{FLOW}/{{resource}}/search",
}
"""Routes whose parameters name a kind of resource: they answer 200, with what the caller's own sandbox has."""

CREATES = {f"{REGISTRY}/tenant/{{resource_type}}"}
"""Routes whose POST names nothing that exists."""

KEPT = {("PATCH", f"{FLOW}/{{resource}}/{{id}}"), ("DELETE", f"{FLOW}/{{resource}}/{{id}}")}
"""Calls that are refused for flow runs, whoever makes them."""

QUERIES = {
    ("HEAD", f"{EXPORT}/files/{{file_id}}"): {"path": "{file_name}"},
    ("POST", f"{IMPORT}/batches/{{batch_id}}"): {"action": "COMPLETE"},
    ("POST", f"{IMPORT}/batches/{{batch_id}}/datasets/{{dataset_id}}/files/{{name}}"): {
        "action": "INITIALIZE"
    },
    ("POST", f"{FLOW}/{{resource}}/{{id}}/action"): {"op": "disable"},
}
"""What a call needs besides, so that its id is what it is refused for."""

_RENAME = [{"op": "replace", "path": "/name", "value": "taken"}]
_PQL = {"type": "PQL", "format": "pql/text", "value": 'person.gender = "male"'}
_SCHEMA = {"title": "taken", "type": "object", "allOf": [{"$ref": PROFILE_CLASS}]}
_POLICY = {
    "name": "taken",
    "schema": PROFILE,
    "identityGraph": {"type": "none"},
    "attributeMerge": {"type": "timestampOrdered"},
}
BODIES: dict[tuple[str, str], Any] = {
    ("PUT", f"{NAMESPACES}/identities/{{number}}"): {"name": "taken"},
    ("PUT", f"{REGISTRY}/tenant/descriptors/{{id}}"): {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": "{schema}",
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/personalEmail/address",
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        "xdm:isPrimary": True,
    },
    ("PUT", f"{REGISTRY}/tenant/{{resource_type}}/{{name}}"): _SCHEMA,
    ("PATCH", f"{REGISTRY}/tenant/{{resource_type}}/{{name}}"): [
        {"op": "replace", "path": "/title", "value": "taken"}
    ],
    ("PUT", f"{CATALOG}/dataSets/{{dataset_id}}"): {"name": "taken"},
    ("PATCH", f"{CATALOG}/dataSets/{{dataset_id}}"): {"name": "taken"},
    ("PATCH", f"{CATALOG}/v2/dataSets/{{dataset_id}}"): {"name": "taken"},
    ("PATCH", f"{FLOW}/{{resource}}/{{id}}"): _RENAME,
    ("PUT", f"{CONVERSION}/mappingSets/{{id}}"): {
        "mappings": [{"sourceType": "ATTRIBUTE", "source": "person.gender", "destination": "g"}]
    },
    ("PUT", f"{UPS}/config/mergePolicies/{{id}}"): _POLICY,
    ("PATCH", f"{UPS}/config/mergePolicies/{{id}}"): {"op": "replace", "path": "/name", "value": "taken"},
    ("PATCH", f"{UPS}/segment/definitions/{{id}}"): {"name": "taken", "schema": PROFILE, "expression": _PQL},
}
"""Bodies that their routes accept from the owner."""

REFUSED = {403, 404}


@dataclass(frozen=True, slots=True)
class World:
    """One sandbox with one thing of each kind.

    Attributes:
        client: Calls from within.
        mark: A word that is in the name of everything made here.
        ids: What was made, by kind.
    """

    client: Client
    mark: str
    ids: Mapping[str, str]

    def shown_in(self, text: str) -> list[str]:
        """What of this sandbox a text gives away: its marks and ids."""
        told = [f"{kind} {id}" for kind, id in self.ids.items() if len(id) > 12 and id in text]
        return [*told, self.mark] if self.mark in text else told


@dataclass(frozen=True, slots=True)
class Case:
    """One call: a route with its parameters filled in."""

    method: str
    route: str
    parameters: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.method} {self.route} {' '.join(value for _, value in self.parameters)}".strip()

    def make(self, caller: Client, of: World) -> Any:
        """Make the call with ids of a world that need not be the caller's."""
        path = self.route.format_map(
            {name: quote(value.format_map(of.ids), safe="") for name, value in self.parameters}
        )
        query = {name: value.format_map(of.ids) for name, value in QUERIES.get(self._key, {}).items()}
        headers = {"If-Match": "*", "Content-Range": "bytes 0-2/3"}
        if self.route.startswith(REGISTRY) and "descriptors" not in self.route:
            # A read names the version it can take; a list has none.
            reads_one = "name" in dict(self.parameters)
            headers["Accept"] = XED if reads_one else "application/vnd.adobe.xed+json"
        body = BODIES.get(self._key)
        if body is None:
            return caller.call(self.method, path, params=query, headers=headers)
        filled = json.loads(json.dumps(body).replace("{schema}", of.ids["schema"]))
        return caller.call(self.method, path, filled, params=query, headers=headers)

    @property
    def _key(self) -> tuple[str, str]:
        return self.method, self.route


class _InProcess(Client):
    """A client of an application in this process, with its jobs run whenever somebody waits for one."""

    def __init__(self, app: App, sandbox: str) -> None:
        http = TestClient(create_api(app), follow_redirects=False)
        super().__init__("http://cdp.test", sandbox, http)
        self._app = app

    def wait(self, *arguments: Any, **options: Any) -> Any:
        run_jobs(self._app)
        return super().wait(*arguments, **options)


def _routes() -> Iterator[tuple[str, str]]:
    """Method and path of every route; the path as it is formatted, without converters."""
    for door in SERVICES:
        for route in door.router.routes:
            assert isinstance(route, Route)
            for method in route.methods or ():
                yield method, route.path_format


def _parameters(path: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(path) if name]


ROUTES = sorted(set(_routes()))
CASES = [
    Case(method, path, tuple(sorted(parameters.items())))
    for method, path in ROUTES
    for parameters in FILLED.get(path, [])
    if (method, path) not in KEPT or parameters["resource"] != "runs"
]
POINTED = [case for case in CASES if case.route not in LISTS and case.method != "POST"]
OPEN_LISTS = [case for case in CASES if case.method == "GET" and case.route in LISTS] + [
    Case("GET", path, ())
    for method, path in ROUTES
    if method == "GET" and not _parameters(path) and path not in SHARED_LISTS
]
ACTIONS = [case for case in CASES if case.method == "POST" and case.route not in CREATES]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    """The sandboxes `prod` and `dev`, filled alike."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("isolation"), emulator=True)
    app = App(settings, engine_threads=1, engine_bytes_max=256 << 20)
    app.database.migrate()
    app.clients.put("dev", "dev", ORG)
    app.sandboxes.add(ORG, "prod", "Production", "production", is_default=True, by="dev@AdobeID")
    app.sandboxes.add(ORG, "dev", "Development", "development", is_default=False, by="dev@AdobeID")
    yield _world(app, "prod"), _world(app, "dev")
    app.close()


def test_every_path_parameter_is_filled_in() -> None:
    known = FILLED.keys() | SHARED.keys()
    unknown = sorted({path for _, path in ROUTES if _parameters(path)} - known)
    assert not unknown, (
        f"Nobody has looked whether these routes keep to the caller's sandbox: {', '.join(unknown)}. "
        "Fill their path parameters in FILLED, or say in SHARED why they name nothing of a sandbox."
    )
    for path, fillings in FILLED.items():
        for parameters in fillings:
            assert sorted(parameters) == sorted(_parameters(path)), path


def test_no_filled_in_route_is_gone() -> None:
    paths = {path for _, path in ROUTES}
    assert (FILLED.keys() | SHARED.keys() | SHARED_LISTS | LISTS) <= paths
    assert (BODIES.keys() | QUERIES.keys()) <= set(ROUTES)


@pytest.mark.parametrize("case", POINTED, ids=str)
def test_id_of_another_sandbox_is_not_found(worlds: tuple[World, World], case: Case) -> None:
    prod, dev = worlds
    answer = case.make(dev.client, of=prod)
    assert answer.status_code in REFUSED, answer.text
    assert prod.mark not in answer.text


@pytest.mark.parametrize("case", ACTIONS, ids=str)
def test_action_on_an_id_of_another_sandbox_is_refused(worlds: tuple[World, World], case: Case) -> None:
    prod, dev = worlds
    answer = case.make(dev.client, of=prod)
    if case.route in LISTS:
        assert answer.status_code == 200, answer.text
        assert not prod.shown_in(answer.text)
    else:
        # An action that its kind of resource does not know is refused for that before its id is looked up.
        assert answer.status_code in REFUSED | {400}, answer.text
        assert prod.mark not in answer.text


@pytest.mark.parametrize(
    "case",
    [case for case in POINTED if case.method in ("GET", "HEAD")],
    ids=str,
)
def test_the_same_id_is_found_from_its_own_sandbox(worlds: tuple[World, World], case: Case) -> None:
    prod, _ = worlds
    answer = case.make(prod.client, of=prod)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "case",
    OPEN_LISTS,
    ids=str,
)
def test_list_holds_what_is_of_the_callers_own_sandbox(worlds: tuple[World, World], case: Case) -> None:
    prod, dev = worlds
    own, other = (_list(case, world) for world in (prod, dev))
    assert not prod.shown_in(other)
    assert not dev.shown_in(own)
    if case.route != f"{REGISTRY}/stats" and ("resource_type", "unions") not in case.parameters:
        assert prod.shown_in(own), "the list shows nothing of its own sandbox, so it proves nothing"


def _list(case: Case, world: World) -> str:
    if case.route == f"{UPS}/access/entities":
        query = {"schema.name": PROFILE["name"], "entityId": "ann@x.io", "entityIdNS": "email"}
        answer = world.client.call("GET", case.route, params=query)
    else:
        answer = case.make(world.client, of=world)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def _references(ids: Mapping[str, str]) -> dict[str, tuple[str, str, Any]]:
    """Bodies that would bring something of `prod` into another sandbox, by what they name."""
    profile = {"unifiedProfile": ["enabled:true"]}
    definition = {"name": "taken", "schema": PROFILE, "expression": _PQL}
    target = {"name": "taken", "connectionSpec": S3, "params": _place()}
    flow = {"name": "taken", "flowSpec": S3_FLOW, "transformations": []}
    return {
        "schema in a dataset": (
            "POST",
            f"{CATALOG}/dataSets",
            {
                "name": "taken",
                "schemaRef": {"id": ids["schema"], "contentType": "application/vnd.adobe.xed+json;version=1"},
                "tags": profile,
            },
        ),
        "field group in a schema": (
            "POST",
            f"{REGISTRY}/tenant/schemas",
            {**_SCHEMA, "allOf": [{"$ref": PROFILE_CLASS}, {"$ref": ids["field_group"]}]},
        ),
        "schema in a descriptor": (
            "POST",
            f"{REGISTRY}/tenant/descriptors",
            json.loads(
                json.dumps(BODIES["PUT", f"{REGISTRY}/tenant/descriptors/{{id}}"]).replace(
                    "{schema}", ids["schema"]
                )
            ),
        ),
        "dataset in a batch": ("POST", f"{IMPORT}/batches", {"datasetId": ids["dataset"]}),
        "batch in a replay": (
            "POST",
            f"{IMPORT}/batches",
            {"datasetId": ids["dataset"], "replay": {"predecessors": [ids["batch"]], "reason": "replace"}},
        ),
        "merge policy in a definition": (
            "POST",
            f"{UPS}/segment/definitions",
            {**definition, "mergePolicyId": ids["policy"]},
        ),
        "definition in a segment job": ("POST", f"{UPS}/segment/jobs", [{"segmentId": ids["definition"]}]),
        "dataset in an export job": (
            "POST",
            f"{UPS}/export/jobs",
            {"destination": {"datasetId": ids["target_dataset"]}, "schema": PROFILE},
        ),
        "connection in a target": (
            "POST",
            f"{FLOW}/targetConnections",
            {**target, "baseConnectionId": ids["connection"]},
        ),
        "connections in a flow": (
            "POST",
            f"{FLOW}/flows",
            {**flow, "sourceConnectionIds": [ids["source"]], "targetConnectionIds": [ids["target"]]},
        ),
        "flow in an ad hoc run": ("POST", AD_HOC, {"activationInfo": {ids["flow"]: [ids["definition"]]}}),
        "merge policy of a lookup": (
            "GET",
            f"{UPS}/access/entities?schema.name={PROFILE['name']}&entityId=ann@x.io&entityIdNS=email"
            f"&mergePolicyId={ids['policy']}",
            None,
        ),
    }


def _place() -> dict[str, str]:
    return {
        "mode": "Server-to-server",
        "bucketName": "bucket",
        "path": "files",
        "compression": "NONE",
        "fileType": "CSV",
    }


@pytest.mark.parametrize("name", _references(defaultdict(str)))
def test_reference_into_another_sandbox_is_refused(worlds: tuple[World, World], name: str) -> None:
    prod, dev = worlds
    method, path, body = _references(prod.ids)[name]
    answer = dev.client.call(method, path, body)
    assert 400 <= answer.status_code < 500, answer.text
    assert prod.mark not in answer.text


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"{UPS}/segment/definitions/bulk-get", "definition"),
        (f"{UPS}/segment/jobs/bulk-get", "job"),
        (f"{UPS}/config/mergePolicies/bulk-get", "policy"),
    ],
)
def test_reading_many_finds_none_of_another_sandbox(
    worlds: tuple[World, World], path: str, kind: str
) -> None:
    prod, dev = worlds
    id = prod.ids[kind]
    own, other = (
        world.client.post(path, {"ids": [{"id": id}]}, status=207)["results"][id] for world in (prod, dev)
    )
    assert own["id"] == id
    assert other["errors"].keys() == {"404"}


def test_audience_of_another_sandbox_has_no_members_here(worlds: tuple[World, World]) -> None:
    prod, dev = worlds
    everyone = dev.client.define("everyone", "person.name.firstName.isNotNull()")
    assert dev.client.sizes(everyone) == [1]
    theirs = dev.client.define("theirs", f'inSegment("{prod.ids["definition"]}")')
    job = dev.client.post(f"{UPS}/segment/jobs", [{"segmentId": theirs}])
    ended = dev.client.wait(f"{UPS}/segment/jobs/{job['id']}", lambda job: job["status"], "SUCCEEDED")
    assert ended["metrics"]["segmentedProfileCounter"] == {theirs: 0}


def _world(app: App, sandbox: str) -> World:
    client = _InProcess(app, sandbox)
    mark = f"only-in-{sandbox}"
    ids: dict[str, str] = {}
    for made in (_registry, _data, _segments, _flows):
        made(client, mark, EXTRA[sandbox], ids)
    return World(client, mark, ids)


def _registry(client: Client, mark: str, extra: int, ids: dict[str, str]) -> None:
    tenant = f"_{client.get(f'{REGISTRY}/stats')['tenantId']}"
    fields = {"type": "object", "properties": {tenant: {"type": "object", "properties": _properties()}}}
    custom = {"definitions": {"customFields": fields}, "allOf": [{"$ref": "#/definitions/customFields"}]}
    extends = {"meta:intendedToExtend": [PROFILE_CLASS]}
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "fieldgroups": ("field_group", {**custom, **extends}),
        "classes": ("class", {"allOf": [{"$ref": "https://ns.adobe.com/xdm/data/record"}]}),
        "datatypes": ("data_type", {"properties": _properties()}),
    }
    for type_, (key, body) in bodies.items():
        named = {"title": f"{key} {mark}", "type": "object", **body}
        made = client.post(f"{REGISTRY}/tenant/{type_}", named, status=201)
        ids |= {key: made["$id"], f"{key}_alt": made["meta:altId"]}
    groups = [f"{PROFILE_CLASS}-{part}-details" for part in ("person", "personal")]
    identity = ("/personalEmail/address", "Email")
    ids["schema"] = client.make_schema(f"People {mark}", *groups, ids["field_group"], identity=identity)
    ids["schema_alt"] = "_" + ids["schema"].removeprefix("https://ns.adobe.com/").replace("/", ".")
    accept = {"Accept": "application/vnd.adobe.xdm-v2+json"}
    (descriptor,) = client.get(f"{REGISTRY}/tenant/descriptors", headers=accept)["results"]
    ids["descriptor"] = descriptor["@id"]
    for number in range(extra + 1):
        body = {"code": f"Code{number}", "name": f"{number} {mark}", "idType": "CROSS_DEVICE"}
        ids["namespace"] = str(client.post(f"{NAMESPACES}/identities", body)["id"])


def _properties() -> dict[str, Any]:
    return {"tier": {"type": "string", "title": "Tier"}}


def _data(client: Client, mark: str, extra: int, ids: dict[str, str]) -> None:
    ids["dataset"] = client.make_dataset(ids["schema"], f"People {mark}")
    row = {"personalEmail": {"address": "ann@x.io"}, "person": {"name": {"firstName": mark}}}
    ids["batch"] = client.ingest(ids["dataset"], [row])
    ids["open_batch"] = client.open_batch(ids["dataset"])
    path = f"{IMPORT}/batches/{ids['open_batch']}/datasets/{ids['dataset']}/files/parts.json"
    client.post(f"{path}?action=INITIALIZE", status=201)
    (ids["view"],) = client.get(f"{CATALOG}/dataSets/{ids['dataset']}/views")
    (file,) = client.get(f"{EXPORT}/batches/{ids['batch']}/files")["data"]
    ids["file"] = file["dataSetFileId"]
    (part,) = client.get(f"{EXPORT}/files/{ids['file']}")["data"]
    ids["file_name"] = part["name"]


def _segments(client: Client, mark: str, extra: int, ids: dict[str, str]) -> None:
    ids["policy"] = client.post(f"{UPS}/config/mergePolicies", {**_POLICY, "name": f"Policy {mark}"})["id"]
    ids["definition"] = client.define(f"Audience {mark}", "person.name.firstName.isNotNull()")
    ids["job"] = client.evaluate(ids["definition"])["id"]
    ids["target_dataset"] = client.make_union_dataset(f"Export {mark}")
    for _ in range(extra + 1):
        ids["export_job"] = str(client.export(ids["target_dataset"], ids["definition"])["id"])


def _flows(client: Client, mark: str, extra: int, ids: dict[str, str]) -> None:
    def make(resource: str, body: dict[str, Any]) -> str:
        return str(
            client.post(f"{FLOW}/{resource}", {"name": f"{resource} {mark}", **body}, status=201)["id"]
        )

    keys = {"s3AccessKey": "A" * 20, "s3SecretKey": "s" * 40, "serviceUrl": "http://127.0.0.1:9"}
    auth = {"specName": "Access Key", "params": keys}
    ids["connection"] = make("connections", {"connectionSpec": S3, "auth": auth})
    ids["source"] = make("sourceConnections", {"connectionSpec": PROFILE_STORE})
    target = {"baseConnectionId": ids["connection"], "connectionSpec": S3, "params": _place()}
    ids["target"] = make("targetConnections", target)
    ends = {"sourceConnectionIds": [ids["source"]], "targetConnectionIds": [ids["target"]]}
    ids["flow"] = make("flows", {"flowSpec": S3_FLOW, **ends, "transformations": []})
    mapping = {"sourceType": "ATTRIBUTE", "source": "person.name.firstName", "destination": "first"}
    ids["mapping_set"] = client.post(
        f"{CONVERSION}/mappingSets", {"name": f"Mapping {mark}", "mappings": [mapping]}
    )["id"]
    ids["conversion_schema"] = client.post(
        f"{CONVERSION}/schemas", {"name": f"Columns {mark}", "jsonSchema": {"type": "object"}}
    )["id"]
    today = datetime.now(UTC).date().isoformat()
    schedule = {"frequency": "DAILY", "triggerType": "SCHEDULED", "startDate": today, "startTime": "00:00"}
    audience = {"id": ids["definition"], "exportMode": "DAILY_FULL_EXPORT", "schedule": schedule}
    place = "/transformations/0/params"
    patch = [
        {
            "op": "add",
            "path": f"{place}/profileMapping",
            "value": {"mappingId": ids["mapping_set"], "mappingVersion": 0},
        },
        {
            "op": "add",
            "path": f"{place}/segmentSelectors/selectors/-",
            "value": {"type": "PLATFORM_SEGMENT", "value": audience},
        },
    ]
    client.expect(200, "PATCH", f"{FLOW}/flows/{ids['flow']}", json=patch, headers={"If-Match": "*"})
    # The run's record is there from now on; nobody executes it, since nobody waits for a job again.
    (order,) = client.post(AD_HOC, {"activationInfo": {ids["flow"]: [ids["definition"]]}})["order"]
    ids["run"] = order["statusURL"].rpartition("/")[2]
