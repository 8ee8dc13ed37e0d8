"""The list of all services; a new one is added here and nowhere else."""

from __future__ import annotations

from muster.api.catalog.routes import door as catalog
from muster.api.conversion.routes import door as data_prep
from muster.api.door import Door
from muster.api.emulator.routes import door as emulator
from muster.api.flowservice.routes import door as flow_service
from muster.api.health.routes import door as health
from muster.api.ims.routes import door as ims
from muster.api.ingestion.routes import door as ingestion
from muster.api.ups.conversion import door as conversion
from muster.api.ups.definitions import door as definitions
from muster.api.ups.entities import door as entities
from muster.api.ups.export_jobs import door as export_jobs
from muster.api.ups.merge_policies import door as merge_policies
from muster.api.ups.segment_jobs import door as segment_jobs

SERVICES: tuple[Door, ...] = (
    health,
    ims,
    emulator,
    catalog,
    ingestion,
    flow_service,
    data_prep,
    merge_policies,
    definitions,
    conversion,
    segment_jobs,
    export_jobs,
    entities,
)
