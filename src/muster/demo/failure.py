"""Why the demo stops early."""

from __future__ import annotations


class DemoFailed(Exception):
    """One plain sentence or two for the person at the screen: what did not work, and where to look."""
