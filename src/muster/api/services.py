"""The list of all services; a new one is added here and nowhere else."""

from __future__ import annotations

from muster.api.catalog.routes import door as catalog
from muster.api.conversion.routes import door as data_prep
from muster.api.dataaccess.routes import door as data_access
from muster.api.door import Door
from muster.api.emulator.routes import door as emulator
from muster.api.flowservice.adhoc import door as adhoc
from muster.api.flowservice.routes import door as flow_service
from muster.api.health.routes import door as health
from muster.api.idnamespace.routes import door as namespaces
from muster.api.ims.routes import door as ims
from muster.api.ingestion.routes import door as ingestion
from muster.api.sandboxes.routes import door as sandboxes
from muster.api.schemaregistry.descriptors import door as schema_descriptors
from muster.api.schemaregistry.entity_types import door as entity_types
from muster.api.schemaregistry.routes import door as schema_registry
from muster.api.schemaregistry.rpc import door as schema_tools
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
    namespaces,
    # The registry's own paths take any resource type, so the fixed ones stand before them.
    schema_tools,
    schema_descriptors,
    schema_registry,
    entity_types,
    catalog,
    ingestion,
    data_access,
    sandboxes,
    flow_service,
    adhoc,
    data_prep,
    merge_policies,
    definitions,
    conversion,
    segment_jobs,
    export_jobs,
    entities,
)
