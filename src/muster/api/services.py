"""The list of all services; a new one is added here and nowhere else."""

from __future__ import annotations

from muster.api.conversion.routes import door as data_prep
from muster.api.door import Door
from muster.api.emulator.routes import door as emulator
from muster.api.flowservice.routes import door as flow_service
from muster.api.health.routes import door as health
from muster.api.ims.routes import door as ims
from muster.api.ups.conversion import door as conversion
from muster.api.ups.definitions import door as definitions
from muster.api.ups.merge_policies import door as merge_policies
from muster.api.ups.segment_jobs import door as segment_jobs

SERVICES: tuple[Door, ...] = (health, ims, emulator, flow_service, data_prep, merge_policies, definitions, conversion, segment_jobs)
