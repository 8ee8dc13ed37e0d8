"""Types of fields, as XDM names them and as Arrow keeps them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from muster.kernel.errors import Invalid
from muster.xdm.arrow import arrow_schema, arrow_type
from muster.xdm.fields import LONG_MAX, Field, Kind, read_field, xdm_type_of


@pytest.mark.parametrize(
    ("node", "xdm_type", "kind"),
    [
        ({"type": "string"}, "string", Kind.STRING),
        ({"type": ["null", "string"]}, "string", Kind.STRING),
        ({"type": "string", "format": "date"}, "date", Kind.DATE),
        ({"type": "string", "format": "date-time"}, "date-time", Kind.DATETIME),
        ({"type": "string", "format": "email"}, "string", Kind.STRING),
        ({"enum": ["a", "b"]}, "string", Kind.STRING),
        ({"type": "integer"}, "long", Kind.INTEGER),
        ({"type": "integer", "minimum": 0}, "long", Kind.INTEGER),
        ({"type": "integer", "minimum": -128, "maximum": 127}, "byte", Kind.INTEGER),
        ({"type": "integer", "minimum": 1, "maximum": 32767}, "short", Kind.INTEGER),
        ({"type": "integer", "minimum": -2147483648, "maximum": 2147483647}, "int", Kind.INTEGER),
        ({"type": "integer", "meta:xdmType": "int"}, "int", Kind.INTEGER),
        ({"type": "number"}, "number", Kind.NUMBER),
        ({"type": "boolean"}, "boolean", Kind.BOOLEAN),
        ({"type": "array", "items": {"type": "string"}}, "array", Kind.ARRAY),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "map", Kind.MAP),
        ({"type": "object", "additionalProperties": False}, "object", Kind.OBJECT),
        ({"properties": {"a": {"type": "string"}}}, "object", Kind.OBJECT),
    ],
)
def test_xdm_type_follows_from_the_json_schema(node: dict[str, Any], xdm_type: str, kind: Kind) -> None:
    assert xdm_type_of(node) == xdm_type
    assert read_field(node).kind is kind


@pytest.mark.parametrize(
    "node",
    [
        {"type": "text"},
        {"type": "array"},
        {"type": "object", "meta:xdmType": "map"},
        {"meta:xdmType": "money"},
    ],
)
def test_unreadable_types_are_refused_with_their_path(node: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="/pet"):
        read_field({"type": "object", "properties": {"pet": node}})


def test_bounds_are_those_written_else_those_of_the_type() -> None:
    assert (read_field({"type": "integer"}).minimum, read_field({"type": "integer"}).maximum) == (
        -LONG_MAX,
        LONG_MAX,
    )
    day = read_field({"type": "integer", "minimum": 1, "maximum": 31})
    assert (day.minimum, day.maximum) == (1, 31)
    code = read_field(
        {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[A-Z]+$", "enum": ["DE", "FR"]}
    )
    assert (code.min_length, code.max_length, code.pattern, code.enum) == (2, 3, "^[A-Z]+$", ("DE", "FR"))


def test_required_names_only_what_is_there() -> None:
    field = read_field({"properties": {"a": {"type": "string"}}, "required": ["a", "b"]})
    assert field.required == {"a"}


def test_paths_go_through_objects_and_map_keys() -> None:
    item = {"type": "object", "properties": {"status": {"type": "string"}}}
    field = read_field({"properties": {"m": {"type": "object", "additionalProperties": item}}})
    assert field.at(("m", "any key", "status")) == Field(Kind.STRING, xdm_type="string")
    assert field.at(("m", "any key", "other", "more")) is None


def test_every_kind_has_its_arrow_type() -> None:
    node = {
        "properties": {
            "text": {"type": "string"},
            "count": {"type": "integer", "minimum": 0, "maximum": 9},
            "share": {"type": "number"},
            "yes": {"type": "boolean"},
            "day": {"type": "string", "format": "date"},
            "at": {"type": "string", "format": "date-time"},
            "inner": {"type": "object", "properties": {"a": {"type": "string"}}},
            "list": {"type": "array", "items": {"type": "number"}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        }
    }
    assert arrow_schema(read_field(node)) == pa.schema(
        {
            "text": pa.string(),
            "count": pa.int64(),
            "share": pa.float64(),
            "yes": pa.bool_(),
            "day": pa.date32(),
            "at": pa.timestamp("ms", tz="UTC"),
            "inner": pa.struct({"a": pa.string()}),
            "list": pa.list_(pa.float64()),
            "map": pa.map_(pa.string(), pa.string()),
        }
    )


def test_objects_without_fields_have_no_column() -> None:
    field = read_field(
        {"properties": {"a": {"type": "object"}, "b": {"type": "array", "items": {"type": "object"}}}}
    )
    assert arrow_schema(field).names == []
    with pytest.raises(Invalid):
        arrow_type(field)
