"""Reaching values: literals, variables, fields, entries, references, other definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muster.pql import bound
from muster.pql.bound import PROFILE_ID, Bound, Variable
from muster.pql.emit.closures.compiler import (
    ENTITIES,
    MEMBERSHIPS,
    NOW,
    PROFILE,
    Code,
    Compiler,
    Frame,
    Handler,
    plain,
)
from muster.pql.emit.closures.readers import (
    inside,
    pairs_as_map,
    read_instant,
    read_object,
    read_text,
    reader,
    stored_form,
)
from muster.pql.normal import is_events
from muster.pql.types import ArrayType, MapType
from muster.pql.values import MEMBER_STATUSES


def _constant(compiler: Compiler, node: bound.Constant) -> Code:
    value = inside(node.value)
    return lambda frame: value


def _missing(compiler: Compiler, node: bound.Missing) -> Code:
    return lambda frame: None


def _variable(compiler: Compiler, node: Variable) -> Code:
    slot = compiler.slot_of(node)
    if node.id != PROFILE_ID or not isinstance(compiler.query.schema.fields.get("xEvent"), ArrayType):
        return lambda frame: frame[slot]
    events = compiler.events(ordered=True)
    # As a value, the profile has its events for certain and in order, so that those who read it need no rule for them.
    return lambda frame: {**frame[PROFILE], "xEvent": events(frame)}


# --- fields


def stored(compiler: Compiler, node: bound.Member) -> Code:
    """What is stored in a field, before it is read as a value of its type."""
    names = [node.name]
    base = node.object
    while isinstance(base, bound.Member):
        names.insert(0, base.name)
        base = base.object
    if not isinstance(base, Variable):
        return _field_of(compiler.code(base), names)
    slot = compiler.slot_of(base)
    if len(names) > 2:
        return _field_of(lambda frame: frame[slot], names)
    if len(names) == 2:
        outer, inner = names

        def field_of_field(frame: Frame) -> Any:
            holder = frame[slot]
            if holder is None:
                return None
            holder = holder.get(outer)
            return holder.get(inner) if type(holder) is dict or isinstance(holder, Mapping) else None

        return field_of_field
    name = node.name

    def field(frame: Frame) -> Any:
        holder = frame[slot]
        return None if holder is None else holder.get(name)

    return field


def _field_of(base: Code, names: list[str]) -> Code:
    def field(frame: Frame) -> Any:
        value = base(frame)
        for name in names:
            if type(value) is not dict and not isinstance(value, Mapping):
                return None
            value = value.get(name)
        return value

    return field


def _member(compiler: Compiler, node: bound.Member, *, ordered: bool) -> Code:
    if is_events(node):
        return compiler.events(ordered=ordered)
    fetch, read = stored(compiler, node), reader(node.of)
    if read is not read_text:
        return lambda frame: read(fetch(frame))

    def text(frame: Frame) -> Any:
        value = fetch(frame)
        return value if isinstance(value, str) else None

    return text


def _entry(compiler: Compiler, node: bound.Entry) -> Code:
    key = compiler.code(node.key)
    if isinstance(node.map, bound.Member) and isinstance(node.map.of, MapType):
        return _stored_entry(stored(compiler, node.map), node.map.of, key)
    entries = compiler.code(node.map)

    def entry(frame: Frame) -> Any:
        known, name = entries(frame), key(frame)
        return None if known is None or name is None else known.get(name)

    return entry


def _stored_entry(fetch: Code, type_: MapType, key: Code) -> Code:
    """One entry of a stored map; the others are not read."""
    read, read_map = reader(type_.value), reader(type_)

    def entry(frame: Frame) -> Any:
        entries, name = fetch(frame), key(frame)
        if entries is None or name is None:
            return None
        if type(entries) is dict or isinstance(entries, Mapping):
            return read(entries.get(name))
        entries = read_map(entries)
        return None if entries is None else entries.get(name)

    return entry


def _follow(compiler: Compiler, node: bound.Follow) -> Code:
    reference, entity = compiler.code(node.reference), node.entity

    def item(frame: Frame) -> Any:
        key = reference(frame)
        return None if key is None else read_object(frame[ENTITIES].get(entity, {}).get(key))

    return item


def _record(compiler: Compiler, node: bound.Record) -> Code:
    # An object is always in the form in which it would be stored, so that its fields are read like any other.
    parts = [(key, compiler.code(part), stored_form(part.type) or _same) for key, part in node.entries]

    def record(frame: Frame) -> dict[str, Any]:
        found = ((key, code(frame), form) for key, code, form in parts)
        return {key: form(value) for key, value, form in found if value is not None}

    return record


def _same(value: Any) -> Any:
    return value


# --- names and branches


def _let(compiler: Compiler, node: bound.Let, *, ordered: bool) -> Code:
    value, slot = compiler.code(node.value), compiler.slot()
    with compiler.bound_at(slot, node.variable):
        body = compiler.code(node.body, ordered=ordered)

    def let(frame: Frame) -> Any:
        frame[slot] = value(frame)
        return body(frame)

    return let


def _choose(compiler: Compiler, node: bound.Choose, *, ordered: bool) -> Code:
    test = compiler.code(node.test)
    then = compiler.code(node.then, ordered=ordered)
    otherwise = compiler.code(node.otherwise, ordered=ordered)
    return lambda frame: then(frame) if test(frame) else otherwise(frame)


# --- other definitions


def _in_segment(compiler: Compiler, node: bound.InSegment) -> Code:
    id_ = node.segment_id

    def in_segment(frame: Frame) -> bool:
        memberships = frame[MEMBERSHIPS]
        if memberships is not None and id_ in memberships:
            return bool(memberships[id_])
        return _is_stored_member(frame[PROFILE], id_, frame[NOW])

    return in_segment


def _is_stored_member(profile: Mapping[str, Any], segment_id: str, now: int) -> bool:
    entry: Any = profile.get("segmentMembership")
    for key in ("ups", segment_id):
        entry = pairs_as_map(entry)
        entry = entry.get(key) if isinstance(entry, Mapping) else None
    if not isinstance(entry, Mapping) or read_text(entry.get("status")) not in MEMBER_STATUSES:
        return False
    until = read_instant(entry.get("validUntil"))
    return until is None or until > now


HANDLERS: Mapping[type[Bound], Handler] = {
    bound.Constant: plain(_constant),
    bound.Missing: plain(_missing),
    Variable: plain(_variable),
    bound.Member: _member,
    bound.Entry: plain(_entry),
    bound.Follow: plain(_follow),
    bound.Record: plain(_record),
    bound.Let: _let,
    bound.Choose: _choose,
    bound.InSegment: plain(_in_segment),
}
