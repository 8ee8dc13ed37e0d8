"""Maps: entries, groups, and maps made of maps."""

from __future__ import annotations

from sqlglot import exp

from muster.pql import bound
from muster.pql.bound import Bound
from muster.pql.emit.duckdb import objects, sql
from muster.pql.emit.duckdb.sql import NoForm, Sql
from muster.pql.emit.duckdb.texts import as_text
from muster.pql.emit.duckdb.values import Emission, Value, as_stored, element_type, fit, item_of
from muster.pql.types import STRING, ArrayType, MapType, ObjectType, Type


def entry(e: Emission, node: bound.Entry) -> Value | None:
    """The value of a key; NULL where the map has none."""
    value, name = e.value(node.map), e.value(node.key)
    if value is None or name is None:
        return None
    if not isinstance(value.type, MapType):
        raise NoForm
    found = sql.call("MAP_EXTRACT_VALUE", value.sql, name.sql)
    return fit(Value(found, value.type.value, ordered=value.ordered), node.of)


def entries(e: Emission, map_: Bound) -> Value | None:
    """The entries of a map that have a value: a list of STRUCT(key, value)."""
    value = e.value(map_)
    if value is None:
        return None
    if not isinstance(value.type, MapType):
        raise NoForm
    name = e.name()
    present = sql.is_present(sql.field(sql.column(name), "value"))
    kept = sql.list_filter(sql.call("MAP_ENTRIES", value.sql), name, present)
    pair = ObjectType({"key": STRING, "value": value.type.value})
    return Value(kept, ArrayType(pair), clean=True, ordered=value.ordered)


def _value_type(found: Value) -> Type:
    pair = element_type(found)
    assert isinstance(pair, ObjectType)
    return pair.fields["value"]


def entry_parts(e: Emission, map_: Bound, part: str) -> Value | None:
    """The keys or the values of a map."""
    found = entries(e, map_)
    if found is None:
        return None
    name = e.name()
    parts = sql.list_transform(found.sql, name, sql.field(sql.column(name), part))
    type_ = ArrayType(STRING if part == "key" else _value_type(found))
    return Value(parts, type_, clean=True, ordered=found.ordered)


def _bind_pair(e: Emission, node: bound.PairsOver | bound.MapEntries, found: Value, name: str) -> None:
    e.bind(node.key_variable, Value(sql.field(sql.column(name), "key"), STRING))
    e.bind(node.value_variable, Value(sql.field(sql.column(name), "value"), _value_type(found)))


def pairs(e: Emission, node: bound.PairsOver) -> Value | None:
    """The body's value for every entry, arrays joined."""
    found = entries(e, node.map)
    if found is None:
        return None
    name = e.name()
    _bind_pair(e, node, found, name)
    value = e.value(node.body)
    if value is None:
        return None
    each = sql.list_transform(found.sql, name, value.sql)
    if isinstance(value.type, ArrayType):
        flat = sql.call("FLATTEN", each)
        return Value(flat, value.type, naive=value.naive, ordered=found.ordered and value.ordered)
    return Value(each, ArrayType(value.type), naive=value.naive, ordered=found.ordered)


def map_value(e: Emission, node: Bound) -> Value | None:
    """A map that is computed; None when it is always empty."""
    match node:
        case bound.GroupBy():
            return _group_by(e, node)
        case bound.MapEntries():
            return _map_entries(e, node)
    raise NoForm


def _group_by(e: Emission, node: bound.GroupBy) -> Value | None:
    """Elements are packed with the text of their key; each distinct key gets those that have it."""
    elements = e.elements(node.array)
    if elements is None:
        return None
    elements = as_stored(e, elements)
    item, pack, key, other = e.name(), e.name(), e.name(), e.name()
    e.bind(node.variable, item_of(elements, sql.column(item)))
    found = e.value(node.key)
    if found is None:
        return None
    many = isinstance(found.type, ArrayType)
    texts = _texts(e, found) if many else as_text(found).sql
    packs = Value(
        sql.list_transform(elements.sql, item, sql.struct({"k": texts, "v": sql.column(item)})),
        ArrayType(ObjectType({"k": ArrayType(STRING) if many else STRING, "v": element_type(elements)})),
    )

    def grouped(held: Value) -> Sql:
        keys = sql.list_transform(held.sql.copy(), pack, sql.field(sql.column(pack), "k"))
        flat = sql.call("FLATTEN", keys) if many else keys
        present = sql.list_filter(flat, key, sql.is_present(sql.column(key)))
        names = objects.distinct_texts(e, Value(present, ArrayType(STRING), clean=True))
        own = sql.field(sql.column(pack), "k")
        belongs = (
            sql.call("LIST_CONTAINS", own, sql.column(other))
            if many
            else sql.binary(exp.EQ, own, sql.column(other))
        )
        members = sql.list_transform(
            sql.list_filter(held.sql.copy(), pack, belongs), pack, sql.field(sql.column(pack), "v")
        )
        groups = sql.list_transform(names, other, sql.struct({"k": sql.column(other), "v": members}))
        return sql.call("MAP_FROM_ENTRIES", groups)

    # Distinct keys come in any order where nobody asks for one.
    in_order = e.keeps_order and elements.ordered
    return Value(e.held(packs, grouped), MapType(elements.type), ordered=in_order)


def _texts(e: Emission, keys: Value) -> Sql:
    name = e.name()
    return sql.list_transform(keys.sql, name, as_text(item_of(keys, sql.column(name))).sql)


def _map_entries(e: Emission, node: bound.MapEntries) -> Value | None:
    """New keys with their values; a key stands where it came first, with the value that came last."""
    with e.in_order():
        found = entries(e, node.map)
    if found is None:
        return None
    if not found.ordered:
        raise NoForm
    item, pack, name = e.name(), e.name(), e.name()
    _bind_pair(e, node, found, item)
    key, value = e.value(node.key), e.kept(node.value)
    if key is None or value is None:
        return None
    value = as_stored(e, value)
    made = sql.list_transform(found.sql, item, sql.struct({"k": key.sql, "v": value.sql}))
    whole = sql.all_of(
        [
            sql.is_present(sql.field(sql.column(pack), "k")),
            sql.is_present(sql.field(sql.column(pack), "v")),
        ]
    )
    packs = Value(
        sql.list_filter(made, pack, whole), ArrayType(ObjectType({"k": STRING, "v": value.type})), clean=True
    )

    def last_of_each(held: Value) -> Sql:
        keys = sql.list_transform(held.sql.copy(), pack, sql.field(sql.column(pack), "k"))
        names = objects.distinct_texts(e, Value(keys, ArrayType(STRING), clean=True))
        same = sql.binary(exp.EQ, sql.field(sql.column(pack), "k"), sql.column(name))
        last = sql.call("LIST_EXTRACT", sql.list_filter(held.sql.copy(), pack, same), sql.whole(-1))
        pair = sql.struct({"k": sql.column(name), "v": sql.field(last, "v")})
        return sql.call("MAP_FROM_ENTRIES", sql.list_transform(names, name, pair))

    return Value(e.held(packs, last_of_each), MapType(value.type), ordered=e.keeps_order)
