"""What other parts ask of the schema registry: fields, class, behaviour, identities and union of a schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from muster.kernel.errors import NotFound
from muster.storage.records import Document, Query, RecordsTransaction
from muster.storage.workspace import Workspace
from muster.xdm.fields import Field, Kind
from muster.xdm.library import UNION_SUFFIX, Library, Resolved, whole_class
from muster.xdm.standard import EVENT_CLASS, PROFILE_CLASS

__all__ = ["EVENT_CLASS", "PROFILE_CLASS", "Behaviour", "IdentityField", "Registry", "union_id"]

Behaviour = Literal["record", "time-series", "adhoc"]

IDENTITY = "xdm:descriptorIdentity"


@dataclass(frozen=True, slots=True)
class IdentityField:
    """A field whose values identify the person.

    Attributes:
        path: Names from the top of the row.
        namespace: Code of the identity namespace.
        is_primary: Whether it is the schema's primary identity, which every row must have.
    """

    path: tuple[str, ...]
    namespace: str
    is_primary: bool


class Registry:
    """The schemas of one sandbox, as their readers need them.

    A schema id is the `$id` or `meta:altId` of a tenant schema, of a union, or of a class: a standard class named as a schema is
    the class with all standard field groups that are made for it.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._records = workspace.records

    def schema_fields(self, schema_id: str) -> Field:
        """The OBJECT that rows of the schema are. Raises `NotFound`."""
        return self.resolved(schema_id).fields

    def resolved(self, schema_id: str) -> Resolved:
        """The schema with its references followed, as JSON schema and as fields. Raises `NotFound`."""
        with self._records.read() as tx:
            library = Library(tx)
            return library.resolved(schema_document(library, schema_id))

    def canonical_id(self, schema_id: str) -> str:
        """The `$id` of a schema that may be named by its `meta:altId`. Raises `NotFound`."""
        with self._records.read() as tx:
            return str(schema_document(Library(tx), schema_id)["$id"])

    def class_of(self, schema_id: str) -> str:
        """`$id` of the class of a schema. Raises `NotFound`."""
        with self._records.read() as tx:
            library = Library(tx)
            return library.class_of(schema_document(library, schema_id))

    def behaviour_of(self, schema_id: str) -> Behaviour:
        """What the rows of a schema are: things (`record`), events (`time-series`) or neither (`adhoc`)."""
        with self._records.read() as tx:
            library = Library(tx)
            found = library.behavior_of(library.class_of(schema_document(library, schema_id)))
            return _BEHAVIOURS[found]

    def union_fields(self, class_id: str) -> Field:
        """The OBJECT of all fields of a class: the class, its standard field groups, the union-tagged schemas, `identityMap`, and
        for records `segmentMembership`. Events of a person are not below it: they have the union of their own class.

        Raises:
            NotFound: The class is unknown, or has no union because no schema of it takes part in Profile.
        """
        return self.schema_fields(union_id(class_id))

    def identities(self, schema_id: str) -> tuple[IdentityField, ...]:
        """The identity fields that descriptors of a tenant schema name, the primary one first."""
        with self._records.read() as tx:
            document = schema_document(Library(tx), schema_id)
            return identities_of(tx, document["$id"])

    def is_union_tagged(self, schema_id: str) -> bool:
        """Whether rows of the schema may enter Profile: tagged tenant schemas, unions, and standard classes named as schemas."""
        with self._records.read() as tx:
            document = schema_document(Library(tx), schema_id)
            legacy = document["meta:resourceType"] == "classes" and document["meta:containerId"] == "global"
            return legacy or "union" in document.get("meta:immutableTags", ())


_BEHAVIOURS: Mapping[str, Behaviour] = {"record": "record", "time-series": "time-series", "adhoc": "adhoc"}


def union_id(class_id: str) -> str:
    """The name of a class's union: of its `$id` or of its `meta:altId`."""
    return class_id if class_id.endswith(UNION_SUFFIX) else class_id + UNION_SUFFIX


def schema_document(library: Library, schema_id: str) -> Document:
    """The unresolved document that a schema id stands for. Raises `NotFound`."""
    document = library.find(schema_id)
    if document is None or document["meta:resourceType"] not in ("schemas", "unions", "classes"):
        raise NotFound("schema", schema_id)
    return whole_class(document) if document["meta:resourceType"] == "classes" else document


def identities_of(tx: RecordsTransaction, schema_id: str) -> tuple[IdentityField, ...]:
    """The identity fields that descriptors of a schema name, the primary one first."""
    page = tx.page("descriptor", Query(links=(("schema", schema_id), ("type", IDENTITY)), limit=1000))
    found = (identity_field(record.body) for record in page.items)
    return tuple(sorted(found, key=lambda identity: (not identity.is_primary, identity.path)))


def identity_field(descriptor: Mapping[str, object]) -> IdentityField:
    """The identity field that a descriptor describes."""
    path = tuple(name for name in str(descriptor["xdm:sourceProperty"]).split("/") if name)
    return IdentityField(path, str(descriptor["meta:namespaceCode"]), descriptor.get("xdm:isPrimary") is True)


def has_identity_map(fields: Field) -> bool:
    """Whether rows may carry their identities in `identityMap`."""
    found = fields.at(("identityMap",))
    return found is not None and found.kind is Kind.MAP
