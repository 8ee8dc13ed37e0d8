"""People from files: profiles as JSON, Parquet, Arrow or CSV, with the schema they need to be asked a question.

    file ─ read_people ─► People ─ with_events ─► People     profiles, schema, entities, now

A schema that nobody wrote down is inferred (`inference`); what does not fit it is missing, as everywhere in the language.
"""

from muster.pql.data.events import with_events
from muster.pql.data.files import UnreadableData
from muster.pql.data.inference import Inferred, infer_object
from muster.pql.data.people import People, read_entities, read_people, read_schema

__all__ = [
    "Inferred",
    "People",
    "UnreadableData",
    "infer_object",
    "read_entities",
    "read_people",
    "read_schema",
    "with_events",
]
