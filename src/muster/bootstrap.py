"""The first start of an installation: tables, first credentials, the production sandbox."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from muster.app import App

EMULATOR_CLIENT = "dev"
EMULATOR_ORG = "dev@AdobeOrg"


@dataclass(frozen=True, slots=True)
class FirstCredentials:
    """Credentials that were made just now; shown once and kept nowhere in plain."""

    client_id: str
    client_secret: str
    org_id: str


def prepare(app: App) -> FirstCredentials | None:
    """Bring the installation to where it can serve; credentials when they had to be made up. Repeatable."""
    app.database.migrate()
    settings = app.settings
    if settings.emulator:
        _admit(app, EMULATOR_CLIENT, EMULATOR_CLIENT, EMULATOR_ORG)
    if settings.client_id and settings.client_secret and settings.org_id:
        _admit(app, settings.client_id, settings.client_secret, settings.org_id)
    if app.clients.any():
        return None
    made = FirstCredentials(
        settings.client_id or secrets.token_hex(16),
        settings.client_secret or secrets.token_urlsafe(32),
        settings.org_id or f"{secrets.token_hex(12).upper()}@AdobeOrg",
    )
    _admit(app, made.client_id, made.client_secret, made.org_id)
    return made


def _admit(app: App, client_id: str, secret: str, org_id: str) -> None:
    if app.clients.authenticate(client_id, secret) is None:
        app.clients.put(client_id, secret, org_id)
    if not app.sandboxes.page(org_id, offset=0, limit=1).total_count:
        app.sandboxes.add(org_id, "prod", "Prod", "production", is_default=True, by=f"{client_id}@AdobeID")
