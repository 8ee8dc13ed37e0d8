"""A row that fits a schema, for people who want to see one."""

from __future__ import annotations

from typing import Any

from muster.xdm.fields import Field, Kind

_DEPTH_MAX = 12


def sample(field: Field, name: str = "", depth: int = 0) -> Any:
    """A value that the field allows; the same field gives the same value. Patterns are not followed."""
    if field.kind is Kind.OBJECT:
        if depth > _DEPTH_MAX:
            return {}
        return {key: sample(member, key, depth + 1) for key, member in field.fields.items()}
    if field.kind in (Kind.ARRAY, Kind.MAP):
        assert field.item is not None
        item = sample(field.item, name, depth + 1)
        return [item] if field.kind is Kind.ARRAY else {"key": item}
    return _scalar(field, name)


def _scalar(field: Field, name: str) -> Any:
    if field.enum:
        return field.enum[0]
    if field.kind is Kind.BOOLEAN:
        return True
    if field.kind is Kind.DATE:
        return "2024-01-31"
    if field.kind is Kind.DATETIME:
        return "2024-01-31T12:00:00Z"
    if field.kind in (Kind.INTEGER, Kind.NUMBER):
        low, high = field.minimum, field.maximum
        value = (
            42
            if (low is None or low <= 42) and (high is None or high >= 42)
            else low
            if low is not None
            else high
        )
        return int(value or 0) if field.kind is Kind.INTEGER else float(value or 0)
    text = f"Sample {name}".strip()
    if field.min_length is not None:
        text = text.ljust(field.min_length, "x")
    return text[: field.max_length] if field.max_length is not None else text
