"""How much the property tests of the language try, in one place."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_FACTOR = float(os.environ.get("MUSTER_PROPERTY_FACTOR", "1"))


def effort(examples: int) -> settings:
    """That many examples; `MUSTER_PROPERTY_FACTOR=20` tries twenty times as many."""
    return settings(
        max_examples=max(1, round(examples * _FACTOR)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


SOAK = effort(20_000)
