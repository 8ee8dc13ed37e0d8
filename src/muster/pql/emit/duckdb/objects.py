"""Objects as wholes: literals, equality, and what makes two elements of a list the same."""

from __future__ import annotations

from sqlglot import exp

from muster.pql import bound
from muster.pql.bound import Bound
from muster.pql.emit.duckdb import sql
from muster.pql.emit.duckdb.sql import NoForm, Sql
from muster.pql.emit.duckdb.times import naive
from muster.pql.emit.duckdb.values import (
    Emission,
    Value,
    as_double,
    as_stored,
    clean,
    element_type,
    is_simple,
    item_of,
)
from muster.pql.types import (
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    TEMPORAL,
    ArrayType,
    MapType,
    ObjectType,
    ReferenceType,
    Type,
    is_text,
    unify,
)


def record(e: Emission, node: bound.Record) -> Value | None:
    """An object literal as a STRUCT; what is always missing is no field of it."""
    fields: dict[str, Value] = {}
    for key, part in node.entries:
        value = e.kept(part)
        if value is not None:
            # The last of equal keys wins.
            fields[key] = as_stored(e, value)
    if not fields or len({name.lower() for name in fields}) < len(fields):
        # The engine has no empty STRUCT, and takes names that differ in case for the same.
        raise NoForm
    struct = sql.struct({name: value.sql for name, value in fields.items()})
    return Value(struct, ObjectType({name: value.type for name, value in fields.items()}))


def equality(e: Emission, node: bound.Compare) -> Sql:
    """`=` or `!=` of two objects, or of two arrays inside of others."""
    left, right = e.value(node.left), e.value(node.right)
    if left is None or right is None:
        return sql.FALSE.copy()
    common = _common(node.left.type, node.right.type)
    sides = [_comparable(e, left, node.left.type, common), _comparable(e, right, node.right.type, common)]
    return sql.binary(exp.EQ if node.operator == "=" else exp.NEQ, *sides)


def same_elements(e: Emission, node: bound.SameElements) -> Sql:
    """Two arrays hold the same elements equally often."""
    left, right = e.elements(node.left), e.elements(node.right)
    if (left is None and may_be_missing(node.left)) or (right is None and may_be_missing(node.right)):
        return sql.FALSE.copy()
    if left is None and right is None:
        return sql.scalar(not node.negated)
    tests: list[Sql] = []
    if right is not None and node.converted != node.variable:
        right = _converted(e, node, right)
        if right is None:
            # No element can be converted, so only an empty array is left to compare.
            raise NoForm
        unknown = e.name()
        strays = sql.list_filter(
            right.sql.copy(), unknown, exp.Is(this=sql.column(unknown), expression=exp.Null())
        )
        tests.append(sql.binary(exp.EQ, exp.ArraySize(this=strays), sql.whole(0)))
    sides = [
        _sorted(e, side, part.type, node.left.type, empty=not may_be_missing(part))
        for part, side in ((node.left, left), (node.right, right))
        if side is not None
    ]
    if len(sides) == 2:
        tests.append(sql.binary(exp.NEQ if node.negated else exp.EQ, *sides))
    else:
        size = sql.cast(exp.ArraySize(this=sides[0]), "BIGINT")
        tests.append(sql.binary(exp.NEQ if node.negated else exp.EQ, size, sql.whole(0)))
    for part, side in ((node.left, left), (node.right, right)):
        if isinstance(part, bound.Lift) and side is not None:
            # A path through an array that reaches nothing is missing, not empty.
            tests.append(sql.binary(exp.GT, exp.ArraySize(this=side.sql.copy()), sql.whole(0)))
    return sql.all_of(tests)


def _converted(e: Emission, node: bound.SameElements, right: Value) -> Value | None:
    name = e.name()
    e.bind(node.variable, item_of(right, sql.column(name)))
    item = e.value(node.converted)
    if item is None:
        return None
    return Value(
        sql.list_transform(right.sql, name, item.sql), ArrayType(item.type), naive=item.naive, clean=True
    )


def _sorted(e: Emission, side: Value, declared: Type, common: Type, *, empty: bool) -> Sql:
    inner = declared.element if isinstance(declared, ArrayType) else declared
    target = common.element if isinstance(common, ArrayType) else common
    if is_simple(element_type(side)):
        # What was converted has the type of the left side already.
        inner = element_type(side)
        target = NUMBER if inner in (INTEGER, NUMBER) else DATETIME if inner in TEMPORAL else inner
    name = e.name()
    keys = sql.list_transform(side.sql, name, _comparable(e, item_of(side, sql.column(name)), inner, target))
    order = sql.call("LIST_SORT", keys)
    return _or_empty(order, target) if empty else order


def _or_empty(order: Sql, target: Type) -> Sql:
    if not is_simple(target):
        # An empty list without a type takes the one of the other side.
        return sql.coalesce(order, exp.Array(expressions=[]))
    name = "TIMESTAMP" if target in TEMPORAL else sql.type_name(target)
    return sql.coalesce(order, sql.cast(exp.Array(expressions=[]), f"{name}[]"))


def distinct(e: Emission, node: bound.Distinct) -> Value | None:
    """The elements without repetitions; in order, first occurrences first, where order is asked for."""
    elements = e.elements(node.array)
    if elements is None:
        return None
    if is_simple(element_type(elements)) and not e.keeps_order:
        unique = sql.call("LIST_DISTINCT", elements.sql)
        return Value(unique, elements.type, naive=elements.naive, clean=True, ordered=False)
    first = e.held(elements, lambda held: _first_occurrences(e, held, node.array.type))
    return Value(first, elements.type, naive=elements.naive, clean=True, ordered=elements.ordered)


def _first_occurrences(e: Emission, elements: Value, declared: Type) -> Sql:
    item, index = e.name(), e.name()
    inner = declared.element if isinstance(declared, ArrayType) else declared
    if is_simple(element_type(elements)):
        at = sql.call("LIST_POSITION", elements.sql.copy(), sql.column(item))
        return _where_index(elements.sql.copy(), item, index, sql.binary(exp.EQ, at, sql.column(index)))
    keys = Value(
        sql.list_transform(
            elements.sql.copy(), item, _comparable(e, item_of(elements, sql.column(item)), inner, inner)
        ),
        ArrayType(inner),
    )

    def kept(held: Value) -> Sql:
        own = sql.call("LIST_EXTRACT", held.sql.copy(), sql.column(index))
        at = sql.call("LIST_POSITION", held.sql.copy(), own)
        return _where_index(elements.sql.copy(), e.name(), index, sql.binary(exp.EQ, at, sql.column(index)))

    return e.held(keys, kept)


def _where_index(array: Sql, item: str, index: str, test: Sql) -> Sql:
    return exp.ArrayFilter(this=array, expression=sql.lambda_((item, index), test))


def distinct_texts(e: Emission, texts: Value) -> Sql:
    """Texts without repetitions, in order where order is asked for."""
    if not e.keeps_order:
        return sql.call("LIST_DISTINCT", texts.sql)
    return e.held(texts, lambda held: _first_occurrences(e, held, ArrayType(STRING)))


def may_be_missing(array: Bound) -> bool:
    """Whether an array can be missing; filters, keys and the like are empty instead."""
    stored = (
        *(bound.Variable, bound.Member, bound.Entry, bound.Head, bound.Lift),
        *(bound.Choose, bound.Missing, bound.Let),
    )
    return isinstance(array, stored)


# --- a form that the engine compares as the language does


def _common(left: Type, right: Type) -> Type:
    """The type in which two values are compared. Raises `NoForm` where fields of one name have nothing in common."""
    if isinstance(left, ObjectType) and isinstance(right, ObjectType):
        fields = dict(left.fields)
        for name, field in right.fields.items():
            fields[name] = _common(fields[name], field) if name in fields else field
        return ObjectType(fields)
    if isinstance(left, ArrayType) and isinstance(right, ArrayType):
        return ArrayType(_common(left.element, right.element))
    if isinstance(left, MapType) and isinstance(right, MapType):
        return MapType(_common(left.value, right.value))
    both = unify(left, right)
    if both is None:
        raise NoForm
    return both


def _comparable(e: Emission, value: Value, declared: Type, target: Type) -> Sql:
    """The value with fields in one order, nulls of arrays dropped, instants without zone: `=` then compares what is meant."""
    match target:
        case ObjectType():
            return e.held(value, lambda held: _comparable_object(e, held, declared, target))
        case ArrayType(inner):
            elements = clean(value, e.name())
            own = declared.element if isinstance(declared, ArrayType) else declared
            name = e.name()
            return sql.list_transform(
                elements.sql, name, _comparable(e, item_of(elements, sql.column(name)), own, inner)
            )
        case MapType(inner) if isinstance(value.type, MapType) and isinstance(declared, MapType):
            name, entry = e.name(), e.name()
            present = sql.is_present(sql.field(sql.column(name), "value"))
            entries = sql.list_filter(sql.call("MAP_ENTRIES", value.sql), name, present)
            item = Value(sql.field(sql.column(entry), "value"), value.type.value)
            pair = {
                "k": sql.field(sql.column(entry), "key"),
                "v": _comparable(e, item, declared.value, inner),
            }
            pairs = sql.list_transform(entries, entry, sql.struct(pair))
            return sql.call("LIST_SORT", pairs)
    if target == NUMBER:
        return as_double(value)
    if target == DATETIME or (target == DATE and value.type != DATE):
        return naive(value).sql
    if target == value.type or (is_text(target) and is_text(value.type)):
        return value.sql
    raise NoForm


def _comparable_object(e: Emission, value: Value, declared: Type, target: ObjectType) -> Sql:
    if not isinstance(value.type, ObjectType) or not isinstance(declared, ObjectType):
        raise NoForm
    fields: dict[str, Sql] = {}
    for name in sorted(target.fields):
        # A field that the value's own schema does not have, or its file, is missing.
        if name in declared.fields and name in value.type.fields:
            part = Value(sql.field(value.sql.copy(), name), value.type.fields[name])
            fields[name] = _comparable(e, part, declared.fields[name], target.fields[name])
        else:
            fields[name] = _null(target.fields[name])
    if not fields or len({name.lower() for name in fields}) < len(fields):
        raise NoForm
    return sql.when(sql.is_present(value.sql.copy()), sql.struct(fields))


def _null(type_: Type) -> Sql:
    if type_ in TEMPORAL:
        return sql.cast(exp.Null(), "TIMESTAMP" if type_ == DATETIME else "DATE")
    if is_simple(type_) or isinstance(type_, ReferenceType):
        return sql.null(type_)
    return exp.Null()
