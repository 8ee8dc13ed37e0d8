"""Row checks by columns: required fields, enumerations, patterns, bounds. Only rows that fail are looked at one by one."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from muster.ingest.problems import CONSTRAINT, REQUIRED, Problems, show
from muster.ingest.shred import below
from muster.xdm.fields import Field, Kind


@dataclass(frozen=True, slots=True)
class _Column:
    """Values of one field, with the row of the chunk that each belongs to."""

    array: pa.Array
    positions: np.ndarray
    field: Field
    path: str


def check_rows(rows: pa.StructArray, field: Field, problems: Problems) -> None:
    """Report every row of a chunk that breaks a rule of its schema.

    Args:
        rows: The chunk's columns in the schema's types, as one struct without nulls of its own.
    """
    everything = _Column(rows, np.arange(len(rows)), field, "")
    _check_object(everything, np.ones(len(rows), bool), problems)


def _check(column: _Column, problems: Problems) -> None:
    array, field = column.array, column.field
    if not len(array) or array.null_count == len(array) or not _has_rules(field):
        return
    if field.kind is Kind.OBJECT and pa.types.is_struct(array.type):
        _check_object(column, _holds_anything(array), problems)
    elif field.kind is Kind.ARRAY and pa.types.is_list(array.type):
        _check_array(column, problems)
    elif field.kind is Kind.MAP and pa.types.is_map(array.type):
        assert field.item is not None
        offsets = array.offsets.to_numpy()
        items = array.items.slice(offsets[0], offsets[-1] - offsets[0])
        owners = np.repeat(column.positions, np.diff(offsets))
        _check(_Column(items, owners, field.item, f"{column.path}.*"), problems)
    elif field.kind is Kind.STRING:
        _check_text(column, problems)
    elif field.kind in (Kind.INTEGER, Kind.NUMBER):
        _check_bounds(column, array, field.minimum, field.maximum, problems)


def _check_object(column: _Column, present: np.ndarray, problems: Problems) -> None:
    array, field = column.array, column.field
    members = dict(zip((member.name for member in array.type), array.flatten(), strict=True))
    for name in sorted(field.required):
        missing = present & ~_mask(members[name].is_valid()) if name in members else present
        where = below(column.path, name)
        for position in column.positions[missing]:
            problems.add(position, REQUIRED, where, f"{where} is required and missing")
    for name, member in field.fields.items():
        if name in members:
            _check(_Column(members[name], column.positions, member, below(column.path, name)), problems)


def _check_array(column: _Column, problems: Problems) -> None:
    array, field = column.array, column.field
    assert field.item is not None
    if field.min_length is not None or field.max_length is not None:
        lengths = pc.list_value_length(array)
        counted = _Column(lengths, column.positions, field, f"the number of entries of {column.path}")
        _check_bounds(counted, lengths, field.min_length, field.max_length, problems)
    owners = column.positions[pc.list_parent_indices(array).to_numpy(zero_copy_only=False)]
    _check(_Column(array.flatten(), owners, field.item, f"{column.path}[]"), problems)


def _check_text(column: _Column, problems: Problems) -> None:
    array, field = column.array, column.field
    if field.enum:
        allowed = pa.array(field.enum, pa.string())
        bad = _mask(pc.and_(array.is_valid(), pc.invert(pc.is_in(array, allowed))))
        _report(column, bad, f"not one of {', '.join(field.enum)}", problems)
    if field.pattern is not None:
        bad = _mask(array.is_valid()) & ~_matches(array, field.pattern)
        _report(column, bad, f"which does not match the pattern {field.pattern}", problems)
    if field.min_length is not None or field.max_length is not None:
        lengths = pc.utf8_length(array)
        _check_bounds(column, lengths, field.min_length, field.max_length, problems, unit=" characters")


def _check_bounds(
    column: _Column,
    measured: pa.Array,
    minimum: float | None,
    maximum: float | None,
    problems: Problems,
    *,
    unit: str = "",
) -> None:
    if minimum is not None:
        bad = _mask(pc.fill_null(pc.less(measured, _comparable(minimum, measured)), False))
        _report(column, bad, f"below the minimum of {minimum:.16g}{unit}", problems)
    if maximum is not None:
        bad = _mask(pc.fill_null(pc.greater(measured, _comparable(maximum, measured)), False))
        _report(column, bad, f"above the maximum of {maximum:.16g}{unit}", problems)


def _comparable(bound: float, measured: pa.Array) -> pa.Scalar:
    # A bound beyond 2**53 loses digits as a float; whole numbers are compared as such.
    whole = pa.types.is_integer(measured.type) and float(bound).is_integer()
    return pa.scalar(int(bound), pa.int64()) if whole else pa.scalar(float(bound), pa.float64())


def _report(column: _Column, bad: np.ndarray, what: str, problems: Problems) -> None:
    for index in np.flatnonzero(bad):
        value = column.array[int(index)].as_py()
        problems.add(
            column.positions[index], CONSTRAINT, column.path, f"{column.path} is {show(value)}, {what}"
        )


def _matches(array: pa.Array, pattern: str) -> np.ndarray:
    try:
        return _mask(pc.fill_null(pc.match_substring_regex(array, pattern), False))
    except pa.ArrowInvalid:
        # The column engine's expressions know no look-around; Python's do.
        compiled = re.compile(pattern)
        return np.array(
            [value is not None and compiled.search(value) is not None for value in array.to_pylist()], bool
        )


def _holds_anything(array: pa.StructArray) -> np.ndarray:
    """Which objects have some value. Writers of columns fill absent objects with nulls, so an empty one is absent."""
    found = np.zeros(len(array), bool)
    for child in array.flatten():
        below_it = _holds_anything(child) if pa.types.is_struct(child.type) else _mask(child.is_valid())
        found |= below_it
    return found


def _has_rules(field: Field) -> bool:
    own = field.required or field.enum or field.pattern is not None or field.min_length is not None
    own = own or field.max_length is not None or field.minimum is not None or field.maximum is not None
    below_it = [*field.fields.values(), *([field.item] if field.item else [])]
    return bool(own) or any(_has_rules(member) for member in below_it)


def _mask(array: pa.Array) -> np.ndarray:
    found: np.ndarray = array.to_numpy(zero_copy_only=False).astype(bool)
    return found
