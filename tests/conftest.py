"""Fixtures that more than one suite needs."""

from __future__ import annotations

pytest_plugins = ["tests.servers.fixtures"]
