"""The JSON form of a query → syntax tree. Problems are reported with a JSON pointer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Literal, cast

from muster.pql import syntax
from muster.pql.errors import Place, PqlError, PqlErrors, Unreadable
from muster.pql.json_node import LINE_END, Enough, JsonNode, Notes, failure_at
from muster.pql.lexer import INTEGER_MAX
from muster.pql.parser import flat_logic
from muster.pql.syntax import (
    COMPARISONS,
    DEPTH_MAX,
    ELEMENT_METHODS,
    FREE_FUNCTIONS,
    MOMENTS,
    QUANTIFIERS,
    TEXT_MAX,
    TREE_DEPTH_MAX,
    UNIT_WORDS,
    Expr,
)

_WORDS = {"and": "and", "or": "or", "not": "not", "in": "in", "notin": "notIn", "like": "like"}
_WORDS |= {"!": "not", "==": "=", "isnull": "isNull", "isnotnull": "isNotNull"}
_INFIX = frozenset((*COMPARISONS, "in", "notIn", "like", "+", "-", "*", "/", "%"))
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DIRECTIONS = ("before", "after", "from")
_HALF_PAIR = re.compile(r"[\ud800-\udfff]")
_DIGITS_MAX = 400
_POSITION_MAX = 999_999_999
# A node needs about that many characters for each of the text.
_JSON_TEXT_MAX = 32 * TEXT_MAX


def read_json(document: str | Mapping[str, Any]) -> syntax.Query:
    """Read a query in JSON form: the text of an `expression.value`, or the node it holds.

    The old root, a literal of type `XDMObject`, is read as the profile.

    Raises:
        PqlErrors: What cannot be read, each with a JSON pointer, in the order of the document.
    """
    node: Any = document
    if isinstance(document, str):
        try:
            node = _load(document)
        except Unreadable as failure:
            raise PqlErrors([failure.error]) from failure
    query, errors = read(node)
    if errors:
        raise PqlErrors(document_order(node)(errors))
    return query


def read(node: Any) -> tuple[syntax.Query, tuple[PqlError, ...]]:
    """Read as much of a node as can be read; gives the tree, and what is wrong, in no particular order.

    With errors the tree is only good for finding more of them.
    """
    notes = Notes()
    try:
        query = _Reader(notes, "", frozenset(), 0, 0).query(node)
        excess = syntax.oversize(query) if not notes.errors else None
        if excess is not None:
            notes.refuse(excess[0].place.pointer or "", excess[1])
    except Enough:
        query = syntax.Broken()
    return query, tuple(notes.errors)


def document_order(document: Any) -> Callable[[Iterable[PqlError]], list[PqlError]]:
    """Sorts errors by where their pointers lead in a document; what is missing comes after all that is there."""

    def position(error: PqlError) -> list[int]:
        node, steps = document, list[int]()
        for step in (error.pointer or "").split("/")[1:]:
            if isinstance(node, Mapping):
                steps.append(list(node).index(step) if step in node else len(node))
                node = node.get(step)
            elif isinstance(node, list):
                steps.append(int(step))
                node = node[int(step)]
        return steps

    return lambda errors: sorted(errors, key=position)


def _load(text: str) -> Any:
    if len(text) > _JSON_TEXT_MAX:
        raise failure_at("", "SYNTAX", f"the document is longer than {_JSON_TEXT_MAX} characters")
    try:
        return json.loads(text, parse_int=_whole_number)
    except ValueError as error:
        raise failure_at("", "SYNTAX", f"this is no JSON: {error}") from error
    except RecursionError as error:
        raise failure_at("", "SYNTAX", f"the query is nested deeper than {DEPTH_MAX} levels") from error


def _whole_number(digits: str) -> int | float:
    # The interpreter refuses to convert very long texts; no number of so many digits is valid anywhere.
    return int(digits) if len(digits) < _DIGITS_MAX else math.inf


class _Reader(JsonNode):
    # --- nodes

    def query(self, node: Any) -> syntax.Query:
        """The whole document."""
        if isinstance(node, Mapping) and node.get("nodeType") == "fnCreate":
            try:
                return self.function(node)
            except Unreadable as failure:
                self._notes.add(failure)
        else:
            return self.expr(node)
        return syntax.Broken()

    def expr(self, node: Any) -> Expr:
        """The expression that a node is; where it cannot be read, the error is noted."""
        try:
            return self._read(node)
        except Unreadable as failure:
            self._notes.add(failure)
        return syntax.Broken(place=self._place(), start=self._place())

    def function(self, node: Any, scopes: int = 0) -> syntax.Lambda:
        mapping = self._mapping(node)
        names: list[str] = []
        places: list[Place] = []
        for index, parameter in enumerate(self._list(mapping, "params")):
            reader = self._down("params", index)
            names.append(reader._text(reader._mapping(parameter), "varName"))
            places.append(reader._place("varName"))
        body = self._down("body", levels=0)._with(*names, scopes=scopes).expr(self._get(mapping, "body"))
        return syntax.Lambda(tuple(names), body, tuple(places), place=self._place(), start=self._place())

    def _read(self, node: Any) -> Expr:
        mapping = self._mapping(node)
        kind = self._text(mapping, "nodeType")
        place = self._place()
        match kind:
            case "literal":
                return self._literal(mapping)
            case "parameterReference":
                return syntax.Parameter(
                    self._whole(mapping, "position", _POSITION_MAX), place=place, start=place
                )
            case "fieldLookup":
                return self._field(mapping)
            case "fnApply":
                return self._apply(mapping)
            case "varRef":
                return self._variable(mapping)
            case "scopeReference":
                if self._whole(mapping, "up") > 0:
                    raise self._error("up", "an outer scope is only read through one of its fields")
                return syntax.ScopeReference(0, place=place, start=place)
            case "list":
                items = self._list(mapping, "items")
                read = tuple(self._down("items", index).expr(item) for index, item in enumerate(items))
                return syntax.ArrayLiteral(read, place=place, start=place)
            case "object":
                return self._object(mapping)
            case "let":
                return self._let(mapping)
            case "select":
                return syntax.Select(self._clauses(mapping)[0], place=place, start=place)
            case "quantification":
                word = self._choice(mapping, "quantifier", tuple(QUANTIFIERS))
                quantifier = cast(Literal["some", "all", "none", "one"], QUANTIFIERS[word])
                return syntax.Quantified(quantifier, self._clauses(mapping)[0], place=place, start=place)
            case "aggregation":
                return self._aggregate(mapping)
            case "occurs":
                value = self._down("value").expr(self._get(mapping, "value"))
                when = self._down("when", levels=0)._when(self._get(mapping, "when"))
                return syntax.Occurs(value, when, place=place, start=place)
            case "chain":
                return self._chain(mapping)
        raise self._error("nodeType", f"{kind} is no node of a query", found=kind)

    def _variable(self, node: Mapping[str, Any]) -> Expr:
        name = self._text(node, "varName")
        place = self._place("varName")
        if name not in self._variables:
            raise self._error("varName", f"there is no variable {name} here", "UNKNOWN_FIELD", found=name)
        return syntax.Name(name, place=place, start=place)

    def _field(self, node: Mapping[str, Any]) -> Expr:
        name = self._text(node, "fieldName").removeprefix("xdm:")
        place = self._place("fieldName")
        if not name:
            raise self._error("fieldName", "fieldName is empty")
        target = node.get("object")
        if target is None:
            if name not in self._variables:
                return syntax.Name(name, place=place, start=place)
            scope = syntax.ScopeReference(0, place=place, start=place)
            return syntax.Field(scope, name, place=place, start=place)
        reader = self._down("object", levels=1)
        mapping = reader._mapping(target)
        if mapping.get("nodeType") == "scopeReference":
            up = reader._whole(mapping, "up", TREE_DEPTH_MAX)
            return syntax.Field(syntax.ScopeReference(up, place=reader._place()), name, place=place)
        base = reader.expr(mapping)
        if base == syntax.Parameter(1) and not self._scopes and name not in self._variables:
            return syntax.Name(name, place=place, start=place)
        return syntax.Field(base, name, place=place, start=base.start)

    def _object(self, node: Mapping[str, Any]) -> Expr:
        entries: list[tuple[str, Expr]] = []
        for index, item in enumerate(self._list(node, "entries")):
            reader = self._down("entries", index, levels=0)
            entry = reader._mapping(item)
            key = reader._get(entry, "key")
            if not isinstance(key, str) or _HALF_PAIR.search(key):
                raise reader._error("key", "key is text")
            entries.append((key, reader._down("value").expr(reader._get(entry, "value"))))
        return syntax.ObjectLiteral(tuple(entries), place=self._place(), start=self._place())

    def _let(self, node: Mapping[str, Any]) -> Expr:
        name = self._text(node, "varName")
        value = self._down("value").expr(self._get(node, "value"))
        body = self._down("body", levels=0)._with(name).expr(self._get(node, "body"))
        return syntax.Let(name, value, body, place=self._place(), start=self._place())

    def _clauses(self, node: Mapping[str, Any]) -> tuple[tuple[syntax.Clause, ...], _Reader]:
        items = self._list(node, "variables")
        if not items:
            raise self._error("variables", "at least one variable is needed")
        outer, clauses = self, list[syntax.Clause]()
        for index, item in enumerate(items):
            reader = outer._down("variables", index, levels=2 * index)
            declaration = reader._mapping(item)
            name = reader._text(declaration, "varName")
            source = reader._down("from").expr(reader._get(declaration, "from"))
            outer = outer._with(name)
            condition: Expr | None = None
            if declaration.get("where") is not None:
                condition = reader._down("where")._with(name).expr(declaration["where"])
            place = reader._place()
            clauses.append(syntax.Clause(name, source, condition, place=place, start=place))
        return tuple(clauses), outer

    def _aggregate(self, node: Mapping[str, Any]) -> Expr:
        function = self._choice(node, "fnName", syntax.AGGREGATES)
        clauses, inner = self._clauses(node)
        value: Expr | None = None
        if node.get("value") is not None:
            value = inner._down("value").expr(node["value"])
        elif len(clauses) > 1:
            raise self._error("value", "an aggregate over several variables needs a value")
        return syntax.Aggregate(function, value, clauses, place=self._place(), start=self._place())

    # --- functions and operators

    def _apply(self, node: Mapping[str, Any]) -> Expr:
        given = self._text(node, "fnName")
        name = _WORDS.get(given.lower(), given)
        parameters = self._list(node, "params")
        place = self._place("fnName")
        if name in ("and", "or"):
            self._arity(name, parameters, 2, None)
            operands = [self._logic_operand(name, i, item) for i, item in enumerate(parameters)]
            return flat_logic(cast(Literal["and", "or"], name), operands, place, place)
        if name in _INFIX:
            self._arity(name, parameters, 2, 2)
            left, right = (self._down("params", i).expr(item) for i, item in enumerate(parameters))
            return syntax.Binary(name, left, right, place=place, start=place)
        if name in ("not", "negate"):
            self._arity(name, parameters, 1, 1)
            operand = self._down("params", 0).expr(parameters[0])
            maker = syntax.Not if name == "not" else syntax.Negative
            return maker(operand, place=place, start=place)
        if name == "if":
            self._arity(name, parameters, 3, 3)
            test, then, otherwise = (self._down("params", i).expr(item) for i, item in enumerate(parameters))
            return syntax.If(test, then, otherwise, place=place, start=place)
        if name == "[]":
            self._arity(name, parameters, 2, 2)
            array = self._down("params", 0, levels=1).expr(parameters[0])
            condition = self._down("params", 1)._argument(parameters[1], element=True)
            if isinstance(condition, syntax.Lambda):
                raise self._error("params/1/params", "a filter in brackets has no variable", "BAD_ARGUMENTS")
            return syntax.Filter(array, condition, place=array.place, start=array.start)
        return self._call(name, parameters)

    def _logic_operand(self, operator: str, index: int, node: Any) -> Expr:
        """An operand of `and` or `or`. One of the same operator is flattened: hundreds may stand inside each other."""
        name = node.get("fnName") if isinstance(node, Mapping) else None
        same = isinstance(name, str) and _WORDS.get(name.lower()) == operator
        return self._down("params", index, levels=1 if same else 2).expr(node)

    def _arity(self, name: str, parameters: list[Any], least: int, most: int | None) -> None:
        if len(parameters) < least or (most is not None and len(parameters) > most):
            raise self._error("params", f"{name} has another number of parameters", "BAD_ARGUMENTS")

    def _call(self, name: str, parameters: list[Any]) -> Expr:
        place = self._place("fnName")
        first = 0 if name in FREE_FUNCTIONS else 1
        self._arity(name, parameters, first, None)
        receiver = self._down("params", 0, levels=1).expr(parameters[0]) if first else None
        arguments: list[Expr | syntax.Lambda] = []
        for index, item in enumerate(parameters[first:], first):
            element = index == 1 and first == 1 and name in ELEMENT_METHODS
            arguments.append(self._down("params", index)._argument(item, element=element))
        return syntax.Call(receiver, name, tuple(arguments), place=place, start=place)

    def _argument(self, node: Any, *, element: bool) -> Expr | syntax.Lambda:
        if isinstance(node, Mapping) and node.get("nodeType") == "fnCreate":
            function = self.function(node, scopes=1)
            return function if function.parameters else function.body
        return self._with(scopes=1 if element else 0).expr(node)

    # --- literals

    def _literal(self, node: Mapping[str, Any]) -> Expr:
        kind = node.get("literalType")
        if kind is not None and not isinstance(kind, str):
            raise self._error("literalType", "literalType is text")
        value = self._get(node, "value")
        place = self._place("value")
        match kind.lower() if kind is not None else None:
            case None:
                return self._plain(value)
            case "string":
                if isinstance(value, str):
                    return self._plain(value)
            case "number" | "integer" | "double":
                return self._number(value, whole=str(kind).lower() == "integer")
            case "boolean":
                if isinstance(value, bool) or value in ("true", "false"):
                    return syntax.Literal("boolean", value in (True, "true"), place=place, start=place)
            case "list":
                if isinstance(value, list):
                    items = tuple(self._down("value", i)._item(item) for i, item in enumerate(value))
                    return syntax.ArrayLiteral(items, place=place, start=place)
            case "date":
                return self._date(value)
            case "datetime":
                if isinstance(value, str):
                    return self._plain(value)
            case "relativetime":
                if value in MOMENTS:
                    return syntax.Moment(value, place=place, start=place)
            case "xdmobject":
                if value == "profile":
                    return syntax.Parameter(1, place=place, start=place)
            case _:
                raise self._error("literalType", f"{kind} is no type of a literal", found=str(kind))
        raise self._error("value", f"this value is no {kind}", "BAD_VALUE")

    def _item(self, item: Any) -> Expr:
        if isinstance(item, Mapping):
            return self.expr(item)
        self._notes.weigh(self._pointer, self._depth)
        try:
            if item is None:
                raise self._error("", "a list holds no null", "BAD_VALUE")
            return self._plain(item, field="")
        except Unreadable as failure:
            self._notes.add(failure)
        return syntax.Broken(place=self._place(), start=self._place())

    def _plain(self, value: Any, field: str = "value") -> Expr:
        place = self._place(field)
        if isinstance(value, bool):
            return syntax.Literal("boolean", value, place=place, start=place)
        if isinstance(value, str):
            if _HALF_PAIR.search(value):
                raise self._error(field, "half a character pair", "BAD_VALUE")
            return syntax.Literal("string", value, place=place, start=place)
        if isinstance(value, int | float):
            return self._number(value, whole=False, field=field)
        if isinstance(value, list):
            self._notes.weigh(self._pointer, self._depth)
            steps = (field,) if field else ()
            items = tuple(self._down(*steps, i)._item(item) for i, item in enumerate(value))
            return syntax.ArrayLiteral(items, place=place, start=place)
        raise self._error(field, "this value is no literal", "BAD_VALUE")

    def _number(self, value: Any, *, whole: bool, field: str = "value") -> Expr:
        place = self._place(field)
        if isinstance(value, str) and _NUMBER.fullmatch(value) and len(value) < 400:
            value = int(value) if re.fullmatch("-?[0-9]+", value) else float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(field, "a number is needed", "BAD_VALUE")
        if isinstance(value, float) and whole and value.is_integer():
            value = int(value)
        if isinstance(value, float):
            if whole or not math.isfinite(value):
                raise self._error(field, "this number cannot be represented", "BAD_VALUE")
        elif abs(value) > INTEGER_MAX:
            raise self._error(field, "the number is larger than 64 bits hold", "BAD_VALUE")
        kind: Literal["double", "integer"] = "double" if isinstance(value, float) else "integer"
        number = syntax.Literal(kind, abs(value), place=place, start=place)
        return syntax.Negative(number, place=place, start=place) if value < 0 else number

    def _date(self, value: Any) -> Expr:
        place = self._place("value")
        try:
            day = date.fromisoformat(value if isinstance(value, str) else "")
        except ValueError as error:
            raise self._error("value", "a date is YYYY-MM-DD", "BAD_VALUE") from error
        numbers = (day.year, day.month, day.day)
        arguments = tuple(syntax.Literal("integer", number, place=place) for number in numbers)
        return syntax.Call(None, "date", arguments, place=place, start=place)

    # --- time and sequences

    def _anchor(self, node: Any) -> syntax.Anchor:
        mapping = self._mapping(node)
        if mapping.get("nodeType") != "period":
            return self.expr(mapping)
        which = self._choice(mapping, "which", ("this", "last", "next"))
        unit = self._choice(mapping, "unit", tuple(UNIT_WORDS))
        return syntax.Period(which, UNIT_WORDS[unit], place=self._place(), start=self._place())

    def _read_anchor(self, node: Mapping[str, Any], field: str) -> syntax.Anchor:
        return self._down(field)._anchor(self._get(node, field))

    def _when(self, node: Any) -> syntax.When:
        mapping = self._mapping(node)
        place = self._place()
        match self._choice(mapping, "form", ("distance", "side", "between", "during")):
            case "distance":
                return syntax.Distance(
                    self._choice(mapping, "comparison", COMPARISONS),
                    self._whole(mapping, "amount"),
                    UNIT_WORDS[self._choice(mapping, "unit", tuple(UNIT_WORDS))],
                    self._choice(mapping, "direction", _DIRECTIONS),
                    self._read_anchor(mapping, "anchor"),
                    place=place,
                )
            case "side":
                direction = self._choice(mapping, "direction", _DIRECTIONS)
                return syntax.Side(direction, self._read_anchor(mapping, "anchor"), place=place)
            case "between":
                lower = self._read_anchor(mapping, "lower")
                return syntax.Between(lower, self._read_anchor(mapping, "upper"), place=place)
        return syntax.During(self._read_anchor(mapping, "anchor"), place=place)

    def _chain(self, node: Mapping[str, Any]) -> Expr:
        array = self._down("array", levels=1).expr(self._get(node, "array"))
        time = self._list(node, "time")
        if not time or not all(isinstance(name, str) and name and not LINE_END.search(name) for name in time):
            raise self._error("time", "time is a list of names")
        items = self._list(node, "steps")
        if not items:
            raise self._error("steps", "a sequence needs at least one step")
        inner, steps = self._with(scopes=1), list[syntax.Step]()
        for index, item in enumerate(items):
            step, inner = inner._down("steps", index, levels=2 * index)._step(item, inner)
            steps.append(step)
        places = tuple(self._down("time", index)._place() for index in range(len(time)))
        place = self._place()
        return syntax.Chain(array, tuple(time), tuple(steps), places, place=place, start=place)

    def _step(self, item: Any, outer: _Reader) -> tuple[syntax.Step, _Reader]:
        node = self._mapping(item)
        name = self._text(node, "name")
        reader = self._with(name)
        what = reader._down("what").expr(self._get(node, "what"))
        where = self._list(node, "where") if node.get("where") is not None else []
        when = self._list(node, "when") if node.get("when") is not None else []
        conditions = tuple(reader._down("where", index).expr(each) for index, each in enumerate(where))
        times = tuple(reader._down("when", index, levels=0)._when(each) for index, each in enumerate(when))
        count = self._whole(node, "count") if node.get("count") is not None else None
        if count == 0:
            raise self._error("count", "COUNT is at least 1", "BAD_VALUE")
        place = self._place("name")
        return syntax.Step(name, what, conditions, times, count, place=place, start=place), outer._with(name)
