"""A small client of the API in process: the headers of every call, and the jobs that calls leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from muster.api.server import create_api
from muster.app import App
from muster.jobs.steps import InlineSteps
from muster.jobs.task_table import TaskTable
from muster.kernel.errors import MusterError
from muster.storage.workspace import Workspace

ORG = "dev@AdobeOrg"


class Api:
    """Calls with the emulator's credentials; the default sandbox unless another is named.

    A header of None is left out, so that a test can show what its absence does.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.client = TestClient(create_api(app), base_url="http://cdp.test", follow_redirects=False)

    def get(self, path: str, **options: Any) -> Response:
        return self.call("GET", path, **options)

    def head(self, path: str, **options: Any) -> Response:
        return self.call("HEAD", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> Response:
        return self.call("POST", path, json=json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> Response:
        return self.call("PUT", path, json=json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> Response:
        return self.call("PATCH", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> Response:
        return self.call("DELETE", path, **options)

    def call(
        self,
        method: str,
        path: str,
        *,
        sandbox: str | None = None,
        headers: Mapping[str, str | None] | None = None,
        **options: Any,
    ) -> Response:
        """One request; `options` are the HTTP client's own (`json`, `content`, `params`)."""
        sent: dict[str, str | None] = {
            "Authorization": "Bearer dev",
            "x-api-key": "dev",
            "x-gw-ims-org-id": ORG,
            "x-sandbox-name": sandbox,
            **(headers or {}),
        }
        if options.get("json") is None:
            options.pop("json", None)
        kept = {name: value for name, value in sent.items() if value is not None}
        return self.client.request(method, path, headers=kept, **options)

    def workspace(self, sandbox: str = "prod") -> Workspace:
        """The stores behind one sandbox."""
        return self.app.workspace(self.app.sandboxes.get(ORG, sandbox).scope)

    def run_jobs(self) -> None:
        """Run all that is due, and what that makes due."""
        run_jobs(self.app)


def run_jobs(app: App) -> None:
    """Run due tasks at once, here, as a worker would; a job that fails writes so in its own row."""
    from muster.pipeline import WORKFLOWS

    table = TaskTable(app.database)
    while tasks := table.due(app.clock.now()):
        for task in tasks:
            workspace = app.workspace(app.sandboxes.by_number(task.scope_number).scope)
            workflow = WORKFLOWS[task.workflow]
            try:
                workflow.run(workspace, task.argument, InlineSteps())
            except MusterError as error:
                workflow.fail(workspace, task.argument, error)
            table.remove(task.id)
