"""The standard library holds together, and holds what clients name."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from muster.xdm import standard
from muster.xdm.arrow import arrow_schema
from muster.xdm.fields import Field, Kind, read_field
from muster.xdm.library import whole_class
from muster.xdm.resolve import references, resolve

TYPES = ("behaviors", "classes", "fieldgroups", "datatypes")
DOCUMENTS = [document for type_ in TYPES for document in standard.all_of(type_)]
WORKSHOP = Path(__file__).parents[4] / "shared" / "data" / "workshop-profiles.parquet"

LEGACY_COLUMNS = {"identities", "orgUnit", "geoUnit"}
"""Columns of the workshop's people that were never part of the standard, or are not any more."""


def fields_of(class_id: str) -> Field:
    document = standard.find(class_id)
    assert document is not None
    return read_field(resolve(whole_class(document), standard.find))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document["$id"]))
def test_every_standard_resource_resolves(document: dict[str, object]) -> None:
    assert all(standard.find(id) is not None for id in references(document))
    read_field(resolve(document, standard.find))
    assert document["title"] and standard.find(str(document["meta:altId"])) == document


def test_titles_of_one_type_are_different() -> None:
    for type_ in TYPES:
        titles = [document["title"] for document in standard.all_of(type_)]
        assert len(titles) == len(set(titles))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("person.name.firstName", Kind.STRING),
        ("person.birthDate", Kind.DATE),
        ("person.birthMonth", Kind.INTEGER),
        ("homeAddress._schema.latitude", Kind.NUMBER),
        ("homeAddress.countryCode", Kind.STRING),
        ("workEmail.address", Kind.STRING),
        ("optInOut._channels.email", Kind.STRING),
        ("loyalty.points", Kind.NUMBER),
        ("consents.marketing.email.val", Kind.STRING),
        ("identityMap", Kind.MAP),
        ("segmentMembership.ups.id.lastQualificationTime", Kind.DATETIME),
    ],
)
def test_profile_class_has_the_fields_that_audiences_use(path: str, kind: Kind) -> None:
    found = fields_of(standard.PROFILE_CLASS).at(path.split("."))
    assert found is not None and found.kind is kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("_id", Kind.STRING),
        ("timestamp", Kind.DATETIME),
        ("commerce.order.priceTotal", Kind.NUMBER),
        ("commerce.purchases.value", Kind.NUMBER),
        ("productListItems", Kind.ARRAY),
        ("web.webPageDetails.name", Kind.STRING),
        ("device.model", Kind.STRING),
        ("placeContext.geo.city", Kind.STRING),
    ],
)
def test_event_class_has_the_fields_that_audiences_use(path: str, kind: Kind) -> None:
    found = fields_of(standard.EVENT_CLASS).at(path.split("."))
    assert found is not None and found.kind is kind


def test_events_must_have_id_and_time() -> None:
    assert fields_of(standard.EVENT_CLASS).required == {"_id", "timestamp"}


def test_identity_map_holds_identities_by_namespace() -> None:
    column = arrow_schema(fields_of(standard.PROFILE_CLASS)).field("identityMap").type
    assert pa.types.is_map(column) and pa.types.is_list(column.item_type)
    assert {member.name for member in column.item_type.value_type} == {"id", "authenticatedState", "primary"}


@pytest.mark.skipif(not WORKSHOP.exists(), reason="the workshop's people are not part of a checkout")
def test_columns_of_a_real_profile_are_standard() -> None:
    columns = set(pq.read_schema(WORKSHOP).names)
    assert columns - fields_of(standard.PROFILE_CLASS).fields.keys() == LEGACY_COLUMNS
