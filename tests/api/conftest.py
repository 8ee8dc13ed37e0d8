"""Fixtures of the request tests: one installation in an empty folder, with its sandboxes and a client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.client import ORG, Api

from muster.app import App
from muster.kernel.ids import SeededIds
from muster.settings import Settings
from muster.storage.workspace import Workspace


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """An emulator with the sandboxes `prod` (the default) and `dev`."""
    settings = Settings(data_dir=tmp_path / "data", emulator=True)
    app = App(settings, engine_threads=1, engine_bytes_max=256 << 20, ids=SeededIds(1))
    app.database.migrate()
    app.clients.put("dev", "dev", ORG)
    app.sandboxes.add(ORG, "prod", "Production", "production", is_default=True, by="dev@AdobeID")
    app.sandboxes.add(ORG, "dev", "Development", "development", is_default=False, by="dev@AdobeID")
    yield app
    app.close()


@pytest.fixture
def api(app: App) -> Api:
    """A client with the emulator's credentials."""
    return Api(app)


@pytest.fixture
def workspace(api: Api) -> Workspace:
    """The stores of the default sandbox."""
    return api.workspace()
