"""The emitter: bound expressions → expressions over the columns of one table.

The table has one column per top-level field: VARCHAR, BIGINT or smaller, DOUBLE, BOOLEAN, DATE, TIMESTAMP WITH TIME ZONE, STRUCT,
LIST, MAP. A field the table does not have is missing for all rows.

Inside, a test may be NULL where it is false: `and`, `or` and list filters do not mind. It is made two-valued where it matters:
under `not`, as the test of a choice, and at the root. So no predicate that leaves this folder is ever NULL.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime

from sqlglot import exp

from muster.pql import bound
from muster.pql.bound import Bound, Operator, Variable
from muster.pql.emit.duckdb import arrays, maps, numbers, objects, sequences, sql, texts, times
from muster.pql.emit.duckdb.sql import NoForm, Sql
from muster.pql.emit.duckdb.values import (
    Emission,
    EntityColumn,
    Value,
    as_stored,
    clean,
    fit,
    is_simple,
    longer_than_none,
)
from muster.pql.interpret import evaluate_constant
from muster.pql.traversal import free_variables, walk
from muster.pql.types import (
    BOOLEAN,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
    ObjectType,
    TuplesType,
    Type,
)

_OPERATORS: Mapping[Operator, type[exp.Binary]] = {
    "=": exp.EQ,
    "!=": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}


class Emitter(Emission):
    """Emits over the columns of one table.

    Args:
        root: Number of the variable whose fields are the columns.
        columns: The fields that are physically present, with their types.
        now: The instant of the evaluation; becomes part of the expressions.
        entities: Where the items of entities are found.
        segments: Columns that hold, for each row, membership in other definitions, by id.
    """

    def __init__(
        self,
        root: int,
        columns: ObjectType,
        now: datetime,
        *,
        entities: Mapping[str, EntityColumn] | None = None,
        segments: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._root = root
        self._columns = columns
        self._now = now
        self._entities = entities or {}
        self._segments = segments or {}

    # --- tests

    def two_valued(self, node: Bound) -> Sql:
        """A test that is never NULL."""
        test = self.test(node)
        if isinstance(test, exp.Boolean) or _is_total(test):
            return test
        return sql.coalesce(test, sql.FALSE.copy())

    def test(self, node: Bound) -> Sql:
        """A test that may be NULL where it is false."""
        if _is_constant(node):
            return sql.scalar(evaluate_constant(node, now=self._now) is True)
        match node:
            case bound.And(operands):
                return sql.junction([self.test(operand) for operand in operands], all_=True)
            case bound.Or(operands):
                return sql.junction([self.test(operand) for operand in operands], all_=False)
            case bound.Not(operand):
                inner = self.two_valued(operand)
                return sql.scalar(not inner.this) if isinstance(inner, exp.Boolean) else sql.not_(inner)
            case bound.IsTrue() | bound.Choose():
                value = self.value(node.value if isinstance(node, bound.IsTrue) else node)
                return sql.FALSE.copy() if value is None else value.sql
            case bound.Let(variable, held, body):
                return self._let_test(variable, held, body)
            case bound.Present(operand):
                return self._present(operand)
            case bound.NonEmpty(operand):
                elements = self.elements(operand)
                return sql.FALSE.copy() if elements is None else longer_than_none(elements)
            case bound.AnyOf():
                return arrays.any_of(self, node)
            case bound.Compare(kind="object"):
                return objects.equality(self, node)
            case bound.Compare():
                return self._compare(node)
            case bound.SameElements():
                return objects.same_elements(self, node)
            case bound.TextTest():
                return texts.text_test(self, node)
            case bound.RegexTest():
                return texts.regex_test(self, node)
            case bound.Sequence():
                return sequences.sequence(self, node)
            case bound.InSegment(segment_id) if segment_id in self._segments:
                return sql.column(self._segments[segment_id])
        raise NoForm

    def _present(self, node: Bound) -> Sql:
        if isinstance(node, bound.Lift):
            # A path through an array that reaches nothing is missing.
            elements = self.elements(node)
            return sql.FALSE.copy() if elements is None else longer_than_none(elements)
        value = self.value(node)
        return sql.FALSE.copy() if value is None else sql.is_present(value.sql)

    def _compare(self, node: bound.Compare) -> Sql:
        left, right = self.value(node.left), self.value(node.right)
        if left is None or right is None:
            return sql.FALSE.copy()
        if node.kind == "instant":
            left, right = times.same_clock(left, right)
        return sql.binary(_OPERATORS[node.operator], left.sql, right.sql)

    def _let_test(self, variable: Variable, held: Bound, body: Bound) -> Sql:
        value = self.kept(held)

        def use(inner: Value) -> Sql:
            self.bind(variable, inner)
            return self.test(body)

        if value is None:
            self.bind(variable, None)
            return self.test(body)
        return self.held(value, use)

    # --- values

    def value(self, node: Bound) -> Value | None:
        """The expression as a value of the engine, NULL where missing; None when it is always missing."""
        if _is_constant(node):
            known = evaluate_constant(node, now=self._now)
            if known is None:
                return None
            if isinstance(known, str | int | float | bool | date):
                return _constant(known, node.type)
            if isinstance(known, list) and all(isinstance(item, str | int | float | date) for item in known):
                return arrays.constant_list(known, node.type)
        match node:
            case Variable():
                value = self.bound(node)
                return None if value is None else fit(value, node.of)
            case bound.Member():
                return self._member(node)
            case bound.Entry():
                return maps.entry(self, node)
            case bound.Follow():
                return self._follow(node)
            case bound.Let(variable, held, body):
                return self._let(variable, held, body)
            case bound.Choose():
                return self._choose(node)
            case bound.Record():
                return objects.record(self, node)
            case bound.Convert():
                return texts.convert(self, node)
            case bound.Fold(inner):
                value = self.value(inner)
                return None if value is None else Value(exp.Lower(this=value.sql), STRING)
            case bound.RegexGroup():
                return texts.regex_group(self, node)
            case bound.Arithmetic() | bound.Negate():
                value = numbers.number(self, node)
                return None if value is None else numbers.finite(value)
            case bound.Aggregate():
                return numbers.aggregate(self, node)
            case bound.Count(inner):
                return arrays.count(self, inner)
            case bound.Head():
                return arrays.head(self, node)
            case bound.Shift():
                return times.shift(self, node)
            case bound.DatePart():
                return times.date_part(self, node)
            case bound.MakeDate():
                return times.make_date(self, node)
            case bound.GroupBy() | bound.MapEntries():
                return maps.map_value(self, node)
        if node.type == BOOLEAN and bound.is_test(node):
            return Value(self.two_valued(node), BOOLEAN)
        if isinstance(node.type, ArrayType | TuplesType):
            return arrays.array(self, node)
        raise NoForm

    def kept(self, node: Bound) -> Value | None:
        """As `value`, for places that tell missing from empty: a branch, a field, an item, a variable."""
        if isinstance(node, bound.Lift):
            return self._reached(node)
        value = self.value(node)
        if not isinstance(node.type, ArrayType | MapType) or objects.may_be_missing(node):
            return value
        if value is None:
            # Always empty, and nobody knows the type of its elements.
            raise NoForm
        empty = sql.call("MAP") if isinstance(node.type, MapType) else exp.Array(expressions=[])
        return dataclasses.replace(value, sql=sql.coalesce(value.sql, empty), constant=None)

    def _reached(self, node: bound.Lift) -> Value | None:
        """What a path through an array reaches; NULL, not empty, when that is nothing."""
        elements = self.elements(node)
        if elements is None:
            return None
        some = self.held(elements, lambda held: sql.when(longer_than_none(held), held.sql.copy()))
        return dataclasses.replace(elements, sql=some)

    def elements(self, node: Bound, *, tolerant: bool = False) -> Value | None:
        """An array as a list, NULL or empty when there is nothing; without NULL elements unless `tolerant`."""
        value = self.value(node) if _is_constant(node) else arrays.array(self, node)
        if value is None or tolerant:
            return value
        return clean(value, self.name())

    def _member(self, node: bound.Member) -> Value | None:
        if isinstance(node.object, Variable) and node.object.id == self._root:
            fields, base = self._columns.fields, None
        else:
            value = self.value(node.object)
            if value is None:
                return None
            if not isinstance(value.type, ObjectType):
                raise NoForm
            fields, base = value.type.fields, value.sql
        if node.name not in fields:
            return None
        found = sql.column(node.name) if base is None else sql.field(base, node.name)
        return fit(Value(found, fields[node.name]), node.of)

    def _follow(self, node: bound.Follow) -> Value | None:
        entity = self._entities.get(node.entity)
        if entity is None:
            raise NoForm
        key = self.value(node.reference)
        if key is None:
            return None
        return Value(sql.call("MAP_EXTRACT_VALUE", sql.column(entity.column), key.sql), entity.type)

    def _let(self, variable: Variable, held: Bound, body: Bound) -> Value | None:
        value = self.kept(held)
        if value is None or isinstance(value.sql, exp.Column):
            self.bind(variable, value)
            return self.value(body)
        name = self.name()
        self.bind(variable, dataclasses.replace(value, sql=sql.column(name), constant=None))
        result = self.value(body)
        if result is None:
            return None
        once = sql.list_transform(exp.Array(expressions=[value.sql]), name, result.sql)
        return dataclasses.replace(result, sql=sql.call("LIST_EXTRACT", once, sql.whole(1)), constant=None)

    def _choose(self, node: bound.Choose) -> Value | None:
        test = self.two_valued(node.test)
        then, otherwise = self.kept(node.then), self.kept(node.otherwise)
        if isinstance(test, exp.Boolean):
            return then if test.this else otherwise
        if then is None and otherwise is None:
            return None
        if is_simple(node.of):
            branches = [_branch(each, node.of) for each in (then, otherwise)]
            return Value(sql.when(test, branches[0], branches[1]), node.of, naive=node.of == DATETIME)
        return self._choose_whole(test, then, otherwise)

    def _choose_whole(self, test: Sql, then: Value | None, otherwise: Value | None) -> Value:
        """A choice between arrays, maps or objects."""
        sides = [None if side is None else as_stored(self, side) for side in (then, otherwise)]
        types = [side.type for side in sides if side is not None]
        if any(type_ != types[0] for type_ in types):
            raise NoForm
        branches = [exp.Null() if side is None else side.sql for side in sides]
        ordered = all(side.ordered for side in sides if side is not None)
        return Value(sql.when(test, branches[0], branches[1]), types[0], ordered=ordered)


def _is_constant(node: Bound) -> bool:
    return not free_variables(node) and not any(isinstance(part, bound.InSegment) for part in walk(node))


def _constant(known: str | int | float | bool | date, type_: Type) -> Value:
    if type_ == NUMBER and isinstance(known, int) and not isinstance(known, bool):
        known = float(known)
    return Value(sql.scalar(known), type_, constant=known)


def _branch(value: Value | None, of: Type) -> Sql:
    if value is None:
        return sql.cast(exp.Null(), "TIMESTAMP" if of == DATETIME else sql.type_name(of))
    if of == DATETIME:
        return times.naive(value).sql
    if of == NUMBER and value.type == INTEGER:
        return sql.cast(value.sql, "DOUBLE")
    if not is_simple(value.type):
        raise NoForm
    return value.sql


def _is_total(test: Sql) -> bool:
    """Whether a test is never NULL as it stands."""
    if isinstance(test, exp.Not):
        inner = test.this
        return (isinstance(inner, exp.Paren) and isinstance(inner.this, exp.Is)) or isinstance(
            inner, exp.Coalesce
        )
    return isinstance(test, exp.Coalesce)
