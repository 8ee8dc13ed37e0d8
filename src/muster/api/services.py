"""The list of all services; a new one is added here and nowhere else."""

from __future__ import annotations

from muster.api.door import Door
from muster.api.emulator.routes import door as emulator
from muster.api.health.routes import door as health
from muster.api.ims.routes import door as ims

SERVICES: tuple[Door, ...] = (health, ims, emulator)
