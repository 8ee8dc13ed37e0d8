"""Atoms → DuckDB expressions over the columns of a file, as sqlglot trees.

The table has one column per top-level field: VARCHAR, BIGINT or smaller, DOUBLE, BOOLEAN, DATE, TIMESTAMP WITH TIME ZONE, STRUCT,
LIST, MAP. A field the file does not have is missing for all rows.

Inside, a test may be NULL where it is false: `and`, `or` and list filters do not mind. It is made two-valued where it matters:
under `not`, as the test of a choice, and at the root. So no predicate that leaves this module is ever NULL.

Where DuckDB has no form that gives exactly the interpreter's answer, the answer is None, and the caller evaluates the atom
person by person.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlglot import exp

from muster.pql import bound
from muster.pql.bound import PROFILE_ID, Bound, Constant, Operator, Variable, free_variables, walk
from muster.pql.emit import sql
from muster.pql.emit.sql import NoForm, Sql
from muster.pql.interpret import evaluate_constant
from muster.pql.normal import rejects_missing
from muster.pql.plan import EVENT_ID, EventAtom, ProfileAtom
from muster.pql.regex import compile_pattern
from muster.pql.temporal import FIXED_UNITS, MONTHS
from muster.pql.types import (
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    NUMERIC,
    STRING,
    TEMPORAL,
    ArrayType,
    MapType,
    ObjectType,
    ScalarType,
    TuplesType,
    Type,
    is_text,
)

_OPERATORS: Mapping[Operator, type[exp.Binary]] = {
    "=": exp.EQ,
    "!=": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}
_ARITHMETIC: Mapping[str, type[exp.Binary]] = {
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "/": exp.Div,
    "%": exp.Mod,
}
_TEXT_TESTS = {"startsWith": "STARTS_WITH", "endsWith": "ENDS_WITH", "contains": "CONTAINS"}
_NUMBER_PATTERN = r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_YEARS_MAX = 10_000
"""Longer steps in time leave what a TIMESTAMP holds, and would be an error at run time."""


def profile_predicate(atom: ProfileAtom, columns: ObjectType, *, now: datetime) -> Sql | None:
    """The atom as a boolean expression over profile columns, never NULL; None when it has no honest form.

    Args:
        atom: A test of one profile.
        columns: The fields that are physically present, with their types.
        now: The instant of the evaluation; becomes part of the expression.
    """
    return _predicate(atom.expression, PROFILE_ID, columns, now)


def event_predicate(atom: EventAtom, columns: ObjectType, *, now: datetime) -> Sql | None:
    """The atom's filter as a boolean expression over the columns of one event; as `profile_predicate`."""
    return _predicate(atom.filter, EVENT_ID, columns, now)


def event_value(atom: EventAtom, columns: ObjectType, *, now: datetime) -> Sql | None:
    """What the atom aggregates, for one event: BIGINT or DOUBLE, NULL where missing; None when it has no honest form.

    `count` aggregates nothing; its value is 1.
    """
    if atom.value is None:
        return sql.scalar(1)
    try:
        found = _Emitter(EVENT_ID, columns, now).value(atom.value)
    except NoForm:
        return None
    if found is None:
        return sql.null(atom.value.type)
    # A file may hold narrower whole numbers; their sums need the room.
    return sql.cast(found.sql, "BIGINT") if found.type == INTEGER else found.sql


def _predicate(test: Bound, root: int, columns: ObjectType, now: datetime) -> Sql | None:
    try:
        return _Emitter(root, columns, now).two_valued(test)
    except NoForm:
        return None


@dataclass(frozen=True, slots=True)
class _Value:
    """An expression of the engine with the type it has there.

    `naive` marks an instant as TIMESTAMP in UTC, without zone. `clean` marks a list without NULL elements, `ordered` one in the
    order the language asks for. `constant` is the value where it is known.
    """

    sql: Sql
    type: Type
    naive: bool = False
    clean: bool = False
    ordered: bool = True
    constant: str | int | float | bool | date | None = None


class _Emitter:
    """Emits over the columns of one table; `value` gives None for what is surely missing."""

    def __init__(self, root: int, columns: ObjectType, now: datetime) -> None:
        self._root = root
        self._columns = columns
        self._now = now
        self._variables: dict[int, _Value] = {}
        self._names = 0

    # --- tests

    def two_valued(self, node: Bound) -> Sql:
        """A test that is never NULL."""
        test = self.test(node)
        if isinstance(test, exp.Boolean) or _is_total(test):
            return test
        return sql.coalesce(test, sql.FALSE.copy())

    def test(self, node: Bound) -> Sql:
        """A test that may be NULL where it is false."""
        if not free_variables(node) and not any(isinstance(part, bound.InSegment) for part in walk(node)):
            return sql.scalar(evaluate_constant(node, now=self._now) is True)
        match node:
            case bound.And(operands):
                return self._junction([self.test(operand) for operand in operands], all_=True)
            case bound.Or(operands):
                return self._junction([self.test(operand) for operand in operands], all_=False)
            case bound.Not(operand):
                return self._not(operand)
            case bound.IsTrue(inner):
                value = self.value(inner)
                return sql.FALSE.copy() if value is None else value.sql
            case bound.Present(inner):
                value = self._presence(inner)
                return sql.FALSE.copy() if value is None else sql.is_present(value.sql)
            case bound.NonEmpty(inner):
                elements = self.elements(inner)
                return sql.FALSE.copy() if elements is None else _longer_than_none(elements)
            case bound.Choose():
                value = self.value(node)
                return sql.FALSE.copy() if value is None else value.sql
            case bound.AnyOf():
                return self._any_of(node)
            case bound.Compare():
                return self._compare(node)
            case bound.SameElements():
                return self._same_elements(node)
            case bound.TextTest():
                return self._text_test(node)
            case bound.RegexTest(subject, pattern):
                value = self.value(subject)
                return sql.FALSE.copy() if value is None else _regex("REGEXP_MATCHES", value, pattern)
        raise NoForm

    def _junction(self, operands: list[Sql], *, all_: bool) -> Sql:
        zero, unit = (False, True) if all_ else (True, False)
        kept = [o for o in operands if not (isinstance(o, exp.Boolean) and o.this is unit)]
        if any(isinstance(o, exp.Boolean) and o.this is zero for o in kept):
            return sql.scalar(zero)
        if not kept:
            return sql.scalar(unit)
        return sql.all_of(kept) if all_ else sql.any_of(kept)

    def _not(self, operand: Bound) -> Sql:
        inner = self.two_valued(operand)
        return sql.scalar(not inner.this) if isinstance(inner, exp.Boolean) else sql.not_(inner)

    def _presence(self, node: Bound) -> _Value | None:
        """Something that is NULL exactly when the expression is missing."""
        if isinstance(node, bound.Lift):
            raise NoForm
        return self.value(node)

    def _any_of(self, node: bound.AnyOf) -> Sql:
        member = self._membership(node) or self._list_membership(node)
        if member is not None:
            return member
        source = self.elements(node.source, tolerant=True)
        if source is None:
            return sql.FALSE.copy()
        filtered = self._filtered(source, node.variable, node.test)
        return _longer_than_none(filtered)

    def _membership(self, node: bound.AnyOf) -> Sql | None:
        """`x IN (…)`, where some element of a literal list is asked to equal a scalar."""
        match node:
            case bound.AnyOf(bound.ListOf(_, items), variable, bound.Compare("=", left, right, kind)):
                if variable not in (left, right) or kind not in ("text", "number", "boolean"):
                    return None
                other = right if left == variable else left
                if variable.id in free_variables(other) or not all(isinstance(i, Constant) for i in items):
                    return None
                value = self.value(other)
                if value is None:
                    return sql.FALSE.copy()
                literals = [sql.scalar(item.value) for item in items if isinstance(item, Constant)]
                return exp.In(this=value.sql, expressions=literals)
        return None

    def _list_membership(self, node: bound.AnyOf) -> Sql | None:
        """`LIST_CONTAINS` and `LIST_HAS_ANY`, which are faster than a filter, where the types are the same."""
        variable = node.variable
        match node.test:
            case bound.Compare("=", left, right, "text" | "boolean") if variable in (left, right):
                other = right if left == variable else left
                if variable.id in free_variables(other):
                    return None
                function, value = "LIST_CONTAINS", self.value(other)
            case bound.AnyOf(bound.ListOf() as items, item, bound.Compare("=", left, right, "text")):
                if {left, right} != {variable, item} or free_variables(items):
                    return None
                function, value = "LIST_HAS_ANY", self.value(items)
            case _:
                return None
        source = self.elements(node.source, tolerant=True)
        if source is None or value is None:
            return sql.FALSE.copy()
        return sql.call(function, source.sql, value.sql)

    def _compare(self, node: bound.Compare) -> Sql:
        left, right = self.value(node.left), self.value(node.right)
        if left is None or right is None:
            return sql.FALSE.copy()
        if node.kind == "object":
            raise NoForm
        if node.kind == "instant":
            left, right = _same_clock(left, right)
        return sql.binary(_OPERATORS[node.operator], left.sql, right.sql)

    def _same_elements(self, node: bound.SameElements) -> Sql:
        left, right = self.elements(node.left), self.elements(node.right)
        if (left is None and _may_be_missing(node.left)) or (right is None and _may_be_missing(node.right)):
            return sql.FALSE.copy()
        if left is None or right is None:
            # One side is empty for everybody, so nothing says what type the empty list should have.
            raise NoForm
        kinds = [_element(left), _element(right)]
        if node.converted != node.variable or not all(isinstance(k, ScalarType) or is_text(k) for k in kinds):
            raise NoForm
        if any(kind in TEMPORAL for kind in kinds):
            raise NoForm
        name = "DOUBLE[]" if kinds[0] in NUMERIC else f"{sql.type_name(kinds[0])}[]"
        sides = []
        for part, side in ((node.left, left), (node.right, right)):
            array = sql.cast(side.sql, name)
            if not _may_be_missing(part):
                array = sql.coalesce(array, sql.cast(exp.Array(expressions=[]), name))
            sides.append(sql.call("LIST_SORT", array))
        tests = [sql.binary(exp.NEQ if node.negated else exp.EQ, sides[0], sides[1])]
        for part, side in ((node.left, left), (node.right, right)):
            if isinstance(part, bound.Lift):
                # A path through an array that reaches nothing is missing, not empty.
                tests.append(_longer_than_none(side))
        return sql.all_of(tests)

    def _text_test(self, node: bound.TextTest) -> Sql:
        subject, argument = self.value(node.subject), self.value(node.argument)
        if subject is None or argument is None:
            return sql.FALSE.copy()
        if node.function == "like":
            return exp.Like(this=subject.sql, expression=argument.sql)
        return sql.call(_TEXT_TESTS[node.function], subject.sql, argument.sql)

    # --- scalars and structs

    def value(self, node: Bound) -> _Value | None:
        """The expression as a value of the engine, NULL where missing; None when it is always missing."""
        if not free_variables(node) and not any(isinstance(part, bound.InSegment) for part in walk(node)):
            return self._constant(node)
        match node:
            case Variable():
                return self._variable(node)
            case bound.Member():
                return self._member(node)
            case bound.Entry(of, map_, key):
                return self._entry(of, map_, key)
            case bound.Convert():
                return self._convert(node)
            case bound.Fold(inner):
                value = self.value(inner)
                return None if value is None else _Value(exp.Lower(this=value.sql), STRING)
            case bound.RegexGroup():
                return self._regex_group(node)
            case bound.Arithmetic() | bound.Negate():
                value = self._number(node)
                return None if value is None else _finite(value)
            case bound.Shift():
                return self._shift(node)
            case bound.DatePart(part, inner):
                value = self.value(inner)
                if value is None:
                    return None
                extract = exp.Extract(this=exp.Var(this=part.upper()), expression=_naive(value).sql)
                return _Value(extract, INTEGER)
            case bound.MakeDate():
                return self._make_date(node)
            case bound.Choose():
                return self._choose(node)
            case bound.Count(inner):
                return self._count(inner)
            case bound.Aggregate():
                return self._aggregate(node)
            case bound.Head(of, array):
                elements = self.elements(array)
                if elements is None:
                    return None
                if not elements.ordered:
                    raise NoForm
                return _fit(
                    _Value(sql.call("LIST_EXTRACT", elements.sql, sql.whole(1)), _element(elements)), of
                )
        if node.type == BOOLEAN and bound.is_test(node):
            return _Value(self.two_valued(node), BOOLEAN)
        if isinstance(node.type, ArrayType | TuplesType):
            return self._array(node)
        raise NoForm

    def _constant(self, node: Bound) -> _Value | None:
        value = evaluate_constant(node, now=self._now)
        if value is None:
            return None
        if isinstance(value, list):
            return self._constant_list(value, node.type)
        if not isinstance(value, str | int | float | bool | date):
            raise NoForm
        if node.type == NUMBER and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        return _Value(sql.scalar(value), node.type, constant=value)

    def _constant_list(self, items: list[object], type_: Type) -> _Value | None:
        inner = type_.element if isinstance(type_, ArrayType) else type_
        if not items:
            return None
        literals: list[Sql] = []
        for item in items:
            if not isinstance(item, str | int | float | bool | date) or (inner in TEMPORAL):
                raise NoForm
            literals.append(
                sql.scalar(float(item) if inner == NUMBER and not isinstance(item, str | date) else item)
            )
        return _Value(exp.Array(expressions=literals), type_, clean=True)

    def _variable(self, node: Variable) -> _Value | None:
        if node.id not in self._variables:
            raise NoForm
        return _fit(self._variables[node.id], node.of)

    def _member(self, node: bound.Member) -> _Value | None:
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
        return _fit(_Value(found, fields[node.name]), node.of)

    def _entry(self, of: Type, map_: Bound, key: Bound) -> _Value | None:
        value, name = self.value(map_), self.value(key)
        if value is None or name is None:
            return None
        if not isinstance(value.type, MapType):
            raise NoForm
        return _fit(_Value(sql.call("MAP_EXTRACT_VALUE", value.sql, name.sql), value.type.value), of)

    def _convert(self, node: bound.Convert) -> _Value | None:
        value = self.value(node.value)
        if value is None:
            return None
        if node.of == STRING and value.type in (INTEGER, BOOLEAN, DATE):
            return _Value(sql.cast(value.sql, "VARCHAR"), STRING)
        if node.of == DATETIME and value.type == DATE:
            return _naive(value)
        if not is_text(value.type):
            raise NoForm
        if node.of == NUMBER:
            pattern = sql.text(_NUMBER_PATTERN)
            spelled = sql.call("REGEXP_FULL_MATCH", value.sql, pattern)
            number = sql.when(spelled, sql.try_cast(value.sql.copy(), "DOUBLE"))
            return _finite(_Value(number, NUMBER))
        if node.of == BOOLEAN:
            cases = [
                exp.If(
                    this=sql.binary(exp.EQ, value.sql.copy(), sql.text(word)), true=sql.scalar(word == "true")
                )
                for word in ("true", "false")
            ]
            return _Value(exp.Case(ifs=cases), BOOLEAN)
        raise NoForm

    def _regex_group(self, node: bound.RegexGroup) -> _Value | None:
        value = self.value(node.subject)
        if value is None:
            return None
        pattern = compile_pattern(node.pattern)
        if node.group and node.group not in pattern.certain:
            # DuckDB gives an empty text for a group that took no part; the language says missing.
            raise NoForm
        found = _regex("REGEXP_MATCHES", value, node.pattern)
        group = _regex("REGEXP_EXTRACT", value, node.pattern, sql.whole(node.group))
        return _Value(sql.when(found, group), STRING)

    # --- numbers

    def _number(self, node: Bound) -> _Value | None:
        """Arithmetic whose doubles may still be infinite; whole numbers are checked at every step.

        What is not finite stays so through sums, products and numerators, so it is enough to look at the end and at
        divisors.
        """
        match node:
            case bound.Negate(_, inner):
                value = self._number(inner)
                if value is None:
                    return None
                if value.type == INTEGER:
                    wide = sql.cast(value.sql, "HUGEINT")
                    return _Value(sql.try_cast(exp.Neg(this=wide), "BIGINT"), INTEGER)
                return _Value(exp.Neg(this=exp.Paren(this=value.sql)), NUMBER)
            case bound.Arithmetic(_, operator, left, right):
                first = self._number(left)
                second = self.value(right) if operator in "/%" else self._number(right)
                return None if first is None or second is None else _calculate(operator, first, second)
        return self.value(node)

    def _count(self, node: Bound) -> _Value | None:
        if isinstance(node.type, MapType):
            entries = self._entries(node)
            return _Value(sql.scalar(0) if entries is None else _length(entries), INTEGER)
        if isinstance(node, bound.Distinct):
            elements = self.elements(node.array)
            if elements is not None and not _is_simple(_element(elements)):
                raise NoForm
        else:
            elements = self.elements(node)
        if elements is None:
            return _Value(sql.scalar(0), INTEGER)
        if isinstance(node, bound.Distinct):
            unique = sql.cast(sql.call("LIST_UNIQUE", elements.sql), "BIGINT")
            return _Value(sql.coalesce(unique, sql.scalar(0)), INTEGER)
        return _Value(_length(elements), INTEGER)

    def _aggregate(self, node: bound.Aggregate) -> _Value | None:
        elements = self.elements(node.array)
        while elements is not None and isinstance(_element(elements), ArrayType):
            inner = _element(elements)
            elements = _clean(_Value(sql.call("FLATTEN", elements.sql), inner), self._name())
        if elements is None:
            return (
                _Value(sql.scalar(0 if node.of == INTEGER else 0.0), node.of)
                if node.function == "sum"
                else None
            )
        if _element(elements) not in NUMERIC:
            raise NoForm
        if node.of == NUMBER and _element(elements) == INTEGER and node.function != "average":
            elements = dataclasses.replace(elements, sql=sql.cast(elements.sql, "DOUBLE[]"))
        if node.function in ("min", "max"):
            return _Value(sql.call(f"LIST_{node.function.upper()}", elements.sql), node.of)
        if node.function == "average":
            return _finite(_Value(sql.call("LIST_AVG", elements.sql), NUMBER))
        total = sql.call("LIST_SUM", elements.sql)
        if node.of == INTEGER:
            some = sql.coalesce(total, sql.cast(sql.whole(0), "HUGEINT"))
            return _Value(sql.try_cast(some, "BIGINT"), INTEGER)
        return _finite(_Value(sql.coalesce(total, sql.scalar(0.0)), NUMBER))

    def _choose(self, node: bound.Choose) -> _Value | None:
        test = self.two_valued(node.test)
        then, otherwise = self.value(node.then), self.value(node.otherwise)
        if isinstance(test, exp.Boolean):
            return then if test.this else otherwise
        if then is None and otherwise is None:
            return None
        branches = [_branch(each, node.of) for each in (then, otherwise)]
        return _Value(sql.when(test, branches[0], branches[1]), node.of, naive=node.of == DATETIME)

    # --- time

    def _shift(self, node: bound.Shift) -> _Value | None:
        value = self.value(node.value)
        if value is None:
            return None
        if node.unit in MONTHS:
            amount, unit, a_year = abs(node.amount) * MONTHS[node.unit], "MONTH", 12
        elif FIXED_UNITS[node.unit] % FIXED_UNITS["day"] == 0:
            amount, unit, a_year = abs(node.amount) * FIXED_UNITS[node.unit] // FIXED_UNITS["day"], "DAY", 366
        else:
            amount, unit = abs(node.amount) * FIXED_UNITS[node.unit], "MILLISECOND"
            a_year = 366 * FIXED_UNITS["day"]
        if amount > _YEARS_MAX * a_year:
            raise NoForm
        kind = exp.Sub if node.amount < 0 else exp.Add
        moved = kind(this=exp.Paren(this=_naive(value).sql), expression=sql.interval(amount, unit))
        return _Value(exp.Paren(this=moved), DATETIME, naive=True)

    def _make_date(self, node: bound.MakeDate) -> _Value | None:
        parts = [self.value(part) for part in (node.year, node.month, node.day)]
        present = [part.sql for part in parts if part is not None]
        if len(present) < 3:
            return None
        year = present[0].copy()
        in_range = exp.Between(this=exp.Paren(this=year), low=sql.whole(1), high=sql.whole(9999))
        made = sql.call("TRY", sql.call("MAKE_DATE", *present))
        return _Value(sql.when(in_range, made), DATE)

    # --- arrays

    def elements(self, node: Bound, *, tolerant: bool = False) -> _Value | None:
        """An array as a list, NULL or empty when there is nothing; without NULL elements unless `tolerant`."""
        value = self.value(node) if not free_variables(node) else self._array(node)
        if value is None or tolerant:
            return value
        return _clean(value, self._name())

    def _array(self, node: Bound) -> _Value | None:
        match node:
            case Variable() | bound.Member() | bound.Entry() | bound.Head():
                value = self.value(node)
                if value is not None and not isinstance(value.type, ArrayType):
                    raise NoForm
                return value
            case bound.ListOf(of, items):
                return self._list(of, items)
            case bound.Lift(_, source, variable, body) | bound.MapOver(_, source, variable, body):
                return self._mapped(self.elements(source), variable, body)
            case bound.PairsOver():
                return self._pairs(node)
            case bound.Where(source, variable, test):
                elements = self.elements(source, tolerant=True)
                return None if elements is None else self._filtered(elements, variable, test)
            case bound.Distinct(_, array):
                elements = self.elements(array)
                if elements is None:
                    return None
                if not _is_simple(_element(elements)):
                    raise NoForm
                distinct = sql.call("LIST_DISTINCT", elements.sql)
                return _Value(distinct, elements.type, clean=True, ordered=False)
            case bound.Top():
                return self._top(node)
            case bound.Keys(_, map_):
                return self._entry_parts(map_, "key")
            case bound.Values(_, map_):
                return self._entry_parts(map_, "value")
        raise NoForm

    def _list(self, of: Type, items: tuple[Bound, ...]) -> _Value | None:
        inner = of.element if isinstance(of, ArrayType) else of
        values = [value for value in map(self.value, items) if value is not None]
        if not values:
            return None
        # Every item is cast: the engine would give the list the widest type it can think of.
        literals = [sql.cast(value.sql, sql.type_name(inner)) for value in values]
        if inner in TEMPORAL:
            raise NoForm
        return _Value(exp.Array(expressions=literals), of)

    def _bind(self, variable: Variable, value: _Value) -> None:
        self._variables[variable.id] = value

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def _filtered(self, source: _Value, variable: Variable, test: Bound) -> _Value:
        name = self._name()
        item = sql.column(name)
        self._bind(variable, _Value(item, _element(source)))
        condition = self.test(test)
        if not source.clean and not rejects_missing(test, variable):
            condition = self._junction([sql.is_present(item.copy()), condition], all_=True)
        kept = sql.list_filter(source.sql, name, condition)
        return _Value(kept, source.type, clean=True, ordered=source.ordered)

    def _mapped(self, source: _Value | None, variable: Variable, body: Bound) -> _Value | None:
        if source is None:
            return None
        name = self._name()
        self._bind(variable, _Value(sql.column(name), _element(source)))
        value = self.value(body)
        if value is None:
            return None
        mapped = sql.list_transform(source.sql, name, value.sql)
        if not isinstance(value.type, ArrayType):
            return _Value(mapped, ArrayType(value.type), naive=value.naive, ordered=source.ordered)
        flat = sql.call("FLATTEN", mapped)
        return _Value(flat, value.type, naive=value.naive, ordered=source.ordered and value.ordered)

    def _top(self, node: bound.Top) -> _Value | None:
        """Sorted by key, then by position: elements are packed with both, sorted, cut and unpacked."""
        elements = self.elements(node.array)
        if elements is None:
            return None
        if not elements.ordered:
            raise NoForm
        name, index, packed = self._name(), self._name(), self._name()
        self._bind(node.variable, _Value(sql.column(name), _element(elements)))
        key = self.value(node.key)
        if key is None:
            return None
        # Both sort down or both up: for the highest keys the positions are negated, so that ties keep their order.
        position = exp.Neg(this=sql.column(index)) if node.highest else sql.column(index)
        pack = sql.struct({"k": key.sql, "i": position, "v": sql.column(name)})
        packs = exp.Transform(this=elements.sql, expression=sql.lambda_((name, index), pack))
        present = sql.is_present(sql.field(sql.column(packed), "k"))
        kept = sql.list_filter(packs, packed, present)
        order = sql.call("LIST_REVERSE_SORT" if node.highest else "LIST_SORT", kept)
        cut = sql.call("LIST_SLICE", order, sql.whole(1), sql.whole(node.amount))
        unpacked = sql.list_transform(cut, packed, sql.field(sql.column(packed), "v"))
        return _Value(unpacked, elements.type, clean=True)

    def _entries(self, map_: Bound) -> _Value | None:
        """The entries of a map that have a value: a list of STRUCT(key, value)."""
        value = self.value(map_)
        if value is None:
            return None
        if not isinstance(value.type, MapType):
            raise NoForm
        name = self._name()
        present = sql.is_present(sql.field(sql.column(name), "value"))
        kept = sql.list_filter(sql.call("MAP_ENTRIES", value.sql), name, present)
        entry = ObjectType({"key": STRING, "value": value.type.value})
        return _Value(kept, ArrayType(entry), clean=True)

    def _entry_parts(self, map_: Bound, part: str) -> _Value | None:
        entries = self._entries(map_)
        if entries is None:
            return None
        entry = _element(entries)
        assert isinstance(entry, ObjectType)
        name = self._name()
        parts = sql.list_transform(entries.sql, name, sql.field(sql.column(name), part))
        return _Value(parts, ArrayType(entry.fields[part]), clean=True)

    def _pairs(self, node: bound.PairsOver) -> _Value | None:
        entries = self._entries(node.map)
        if entries is None:
            return None
        entry = _element(entries)
        assert isinstance(entry, ObjectType)
        name = self._name()
        self._bind(node.key_variable, _Value(sql.field(sql.column(name), "key"), STRING))
        self._bind(node.value_variable, _Value(sql.field(sql.column(name), "value"), entry.fields["value"]))
        value = self.value(node.body)
        if value is None:
            return None
        mapped = sql.list_transform(entries.sql, name, value.sql)
        if isinstance(value.type, ArrayType):
            return _Value(sql.call("FLATTEN", mapped), value.type)
        return _Value(mapped, ArrayType(value.type), naive=value.naive)


# --- on values


def _may_be_missing(array: Bound) -> bool:
    """Whether an array can be missing; filters, keys and the like are empty instead."""
    stored = (Variable, bound.Member, bound.Entry, bound.Head, bound.Lift, bound.Choose, bound.Missing)
    return isinstance(array, stored)


def _is_total(test: Sql) -> bool:
    """Whether a test is never NULL as it stands."""
    if isinstance(test, exp.Not):
        inner = test.this
        return (isinstance(inner, exp.Paren) and isinstance(inner.this, exp.Is)) or isinstance(
            inner, exp.Coalesce
        )
    return isinstance(test, exp.Coalesce)


def _element(value: _Value) -> Type:
    if not isinstance(value.type, ArrayType):
        raise NoForm
    return value.type.element


def _is_simple(type_: Type) -> bool:
    """Whether the engine compares values of the type as the language does."""
    return isinstance(type_, ScalarType) or is_text(type_)


def _fit(value: _Value, declared: Type) -> _Value:
    """A stored value, where a value of the declared type is expected."""
    actual = value.type
    if isinstance(declared, ScalarType) or is_text(declared):
        if declared == actual or (is_text(declared) and is_text(actual)):
            return value
        if declared == NUMBER and actual == INTEGER:
            return dataclasses.replace(value, sql=sql.cast(value.sql, "DOUBLE"), type=NUMBER)
        raise NoForm
    if type(declared) is not type(actual):
        raise NoForm
    if (
        isinstance(declared, ArrayType)
        and isinstance(actual, ArrayType)
        and declared.element != actual.element
    ):
        if declared.element == NUMBER and actual.element == INTEGER:
            return dataclasses.replace(value, sql=sql.cast(value.sql, "DOUBLE[]"), type=declared)
        _fit(_Value(value.sql, actual.element), declared.element)
    return value


def _clean(value: _Value, name: str) -> _Value:
    """The list without NULL elements."""
    if value.clean:
        return value
    kept = sql.list_filter(value.sql, name, sql.is_present(sql.column(name)))
    return dataclasses.replace(value, sql=kept, clean=True)


def _length(elements: _Value) -> Sql:
    return sql.cast(sql.coalesce(exp.ArraySize(this=elements.sql), sql.whole(0)), "BIGINT")


def _longer_than_none(elements: _Value) -> Sql:
    return sql.binary(exp.GT, exp.ArraySize(this=elements.sql), sql.whole(0))


def _regex(function: str, value: _Value, pattern: str, *more: Sql) -> Sql:
    checked = compile_pattern(pattern)
    if checked.re2 is None:
        raise NoForm
    return sql.call(function, value.sql.copy(), sql.text(checked.re2), *more)


def _finite(value: _Value) -> _Value:
    """A double that is neither infinite nor not a number; whole numbers are."""
    if value.type != NUMBER or value.constant is not None:
        return value
    finite = sql.call("ISFINITE", value.sql)
    return dataclasses.replace(value, sql=sql.when(finite, value.sql.copy()))


def _calculate(operator: str, left: _Value, right: _Value) -> _Value:
    kind = _ARITHMETIC[operator]
    if left.type == INTEGER and right.type == INTEGER and operator != "/":
        # BIGINT arithmetic raises on overflow; HUGEINT holds every result, and what leaves BIGINT is missing.
        first, second = sql.cast(left.sql, "HUGEINT"), sql.cast(right.sql, "HUGEINT")
        if operator == "%":
            second = sql.call("NULLIF", second, sql.whole(0))
        return _Value(sql.try_cast(sql.binary(kind, first, second), "BIGINT"), INTEGER)
    first, second = (
        sql.cast(side.sql, "DOUBLE") if side.type == INTEGER else side.sql for side in (left, right)
    )
    if operator in "/%":
        second = sql.call("NULLIF", second, sql.scalar(0.0))
    return _Value(exp.Paren(this=sql.binary(kind, first, second)), NUMBER)


def _branch(value: _Value | None, of: Type) -> Sql:
    if value is None:
        return sql.cast(exp.Null(), "TIMESTAMP" if of == DATETIME else sql.type_name(of))
    if of == DATETIME:
        return _naive(value).sql
    if of == NUMBER and value.type == INTEGER:
        return sql.cast(value.sql, "DOUBLE")
    if not _is_simple(value.type):
        raise NoForm
    return value.sql


def _naive(value: _Value) -> _Value:
    """A date or an instant as TIMESTAMP in UTC: casts of the engine would use the session's zone."""
    if value.naive:
        return value
    if isinstance(value.constant, date):
        return _Value(sql.naive_scalar(value.constant), DATETIME, naive=True)
    if value.type == DATE:
        return _Value(sql.cast(value.sql, "TIMESTAMP"), DATETIME, naive=True)
    if value.type == DATETIME:
        return _Value(sql.call("TIMEZONE", sql.text("UTC"), value.sql), DATETIME, naive=True)
    raise NoForm


def _same_clock(left: _Value, right: _Value) -> tuple[_Value, _Value]:
    """Two times in forms the engine compares as instants; a stored instant is left as it is where it can be."""
    sides = (left, right)
    stored = [side for side in sides if side.constant is None]
    if all(side.type == DATETIME and not side.naive for side in stored):
        first, second = (_zoned(side) for side in sides)
        return first, second
    return _naive(left), _naive(right)


def _zoned(value: _Value) -> _Value:
    constant = value.constant
    if isinstance(constant, date) and not isinstance(constant, datetime):
        midnight = sql.cast(exp.Literal.string(f"{constant.isoformat()} 00:00:00+00"), "TIMESTAMPTZ")
        return dataclasses.replace(value, sql=midnight, type=DATETIME)
    return value
