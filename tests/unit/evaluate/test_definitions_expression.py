"""From union schemas to the types that queries are bound against, and what a query depends on."""

from __future__ import annotations

from muster import pql
from muster.evaluate.expression import pql_schema
from muster.xdm.fields import Field, Kind

TEXT = Field(Kind.STRING)


def test_every_kind_of_field_has_its_type() -> None:
    profile = Field(
        Kind.OBJECT,
        fields={
            "name": TEXT,
            "age": Field(Kind.INTEGER),
            "height": Field(Kind.NUMBER),
            "active": Field(Kind.BOOLEAN),
            "born": Field(Kind.DATE),
            "seen": Field(Kind.DATETIME),
            "home": Field(Kind.OBJECT, fields={"city": TEXT}),
            "tags": Field(Kind.ARRAY, item=TEXT),
            "scores": Field(Kind.MAP, item=Field(Kind.NUMBER)),
        },
    )
    schema = pql_schema(profile, Field(Kind.OBJECT, fields={"timestamp": Field(Kind.DATETIME)}))
    assert dict(schema.fields) == {
        "name": pql.STRING,
        "age": pql.INTEGER,
        "height": pql.NUMBER,
        "active": pql.BOOLEAN,
        "born": pql.DATE,
        "seen": pql.DATETIME,
        "home": pql.ObjectType({"city": pql.STRING}),
        "tags": pql.ArrayType(pql.STRING),
        "scores": pql.MapType(pql.NUMBER),
        "xEvent": pql.ArrayType(pql.ObjectType({"timestamp": pql.DATETIME})),
    }


def test_events_are_asked_about_as_an_array() -> None:
    schema = pql_schema(Field(Kind.OBJECT), Field(Kind.OBJECT, fields={"eventType": TEXT}))
    pql.bind(pql.parse('xEvent.exists(eventType = "web.visit")'), schema)


def test_every_audience_of_a_query_is_found_once() -> None:
    schema = pql_schema(Field(Kind.OBJECT, fields={"gender": TEXT}), Field(Kind.OBJECT))
    text = 'inSegment("a") and (not inSegment("b") or select e from xEvent where inSegment("a"))'
    assert pql.facts(pql.bind(pql.parse(text), schema)).segment_ids == ("a", "b")
    assert pql.facts(pql.bind(pql.parse('gender = "inSegment"'), schema)).segment_ids == ()


def test_an_audience_beside_fields_that_nobody_declared_is_found() -> None:
    tree = pql.parse('_shop.tier = "gold" and inSegment("a")')
    assert pql.facts(pql.bind(tree, pql.ObjectType({}), open_schema=True)).segment_ids == ("a",)
