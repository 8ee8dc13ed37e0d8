"""Syntax tree + schema → bound tree: names, scopes, types, and every error with its place.

The binder goes on after an error with a value of type *any*, which fits everywhere, so one mistake gives one error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

from muster.pql import bound, syntax
from muster.pql.bound import (
    FALSE,
    PROFILE_ID,
    Bound,
    BoundQuery,
    Constant,
    Missing,
    Variable,
    conjunction,
    disjunction,
    is_test,
    negation,
)
from muster.pql.clauses import aggregate, quantified, select
from muster.pql.compare import Incomparable, any_of, compare, contains, element, lift, not_contained
from muster.pql.errors import Code, Place, PqlError, PqlErrors
from muster.pql.functions import FREE, METHODS, apply_function, apply_method, text_test
from muster.pql.printer import print_text
from muster.pql.suggest import nearest
from muster.pql.timed import chain, occurs_test
from muster.pql.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    NUMERIC,
    STRING,
    AnyType,
    ArrayType,
    EntryType,
    MapType,
    ObjectType,
    ReferenceType,
    TuplesType,
    Type,
    describe,
    gather,
    is_text,
    unify,
)

EVENTS = "xEvent"
_NOTHING = Missing(ANY)
_ALIASES = {"size": "count", "length": "count", "avg": "average"}


def bind(
    tree: syntax.Query,
    schema: ObjectType,
    *,
    entities: Mapping[str, ObjectType] | None = None,
    open_schema: bool = False,
) -> BoundQuery:
    """Check a query against the union schema and work out what it means.

    Args:
        tree: What `parse` or `read_json` gave.
        schema: The fields of a profile; the events are its field `xEvent`.
        entities: Schemas of the entities that reference types name. References to others lead nowhere.
        open_schema: Accept fields that no schema declares; they are missing for everybody.
    Raises:
        PqlErrors: Everything that is wrong, first by position.
    """
    binder = Binder(schema, entities or {}, open_schema)
    condition = binder.query(tree)
    if binder.errors:
        raise PqlErrors(binder.errors)
    return BoundQuery(condition, schema, MappingProxyType(dict(entities or {})), binder.notes)


@dataclass(frozen=True, slots=True)
class Env:
    """What can be seen at one point: element scopes, outermost first, and variables."""

    scopes: tuple[Variable, ...]
    variables: Mapping[str, Variable]

    def bind(self, name: str, variable: Variable) -> Env:
        return Env(self.scopes, {**self.variables, name: variable})

    def enter(self, scope: Variable) -> Env:
        return Env((*self.scopes, scope), self.variables)


class Binder:
    """Binds one query. The functions of `functions` and this class call each other."""

    def __init__(self, schema: ObjectType, entities: Mapping[str, ObjectType], open_schema: bool) -> None:
        self.errors: list[PqlError] = []
        self.notes = bound.Notes()
        self._entities = entities
        self._open = open_schema
        self._last_id = PROFILE_ID
        self._profile = Variable(schema, PROFILE_ID)

    # --- services

    def new(self, type_: Type) -> Variable:
        """A variable with a number of its own."""
        self._last_id += 1
        return Variable(type_, self._last_id)

    def fail(
        self,
        place: Place,
        code: Code,
        message: str,
        *,
        expected: Iterable[str] = (),
        found: str | None = None,
        suggestion: str | None = None,
    ) -> Bound:
        """Note an error; gives the value that fits everywhere."""
        self.errors.append(
            PqlError.at(place, code, message, expected=expected, found=found, suggestion=suggestion)
        )
        return _NOTHING

    def mismatch(self, place: Place, expected: str, found: Type) -> Bound:
        """Note that a type does not fit."""
        name = describe(found)
        message = f"{expected} needed, {name} found"
        return self.fail(place, "TYPE_MISMATCH", message, expected=(expected,), found=name)

    # --- query

    def query(self, tree: syntax.Query) -> Bound:
        self.notes.tree = tree
        env = Env((self._profile,), {})
        if not isinstance(tree, syntax.Lambda):
            return self.condition(tree, env)
        if len(tree.parameters) != 1:
            self.fail(tree.start, "BAD_SCOPE", "a query has one parameter, the profile")
            return FALSE
        return self.condition(tree.body, env.bind(tree.parameters[0], self._profile))

    def condition(self, node: syntax.Expr, env: Env) -> Bound:
        """The test that an expression is where a condition is needed."""
        before = len(self.notes.conditions)
        test = self._truth(self.expr(node, env), node.place)
        return self.notes.note_condition(node, test, before=before)

    def _truth(self, value: Bound, place: Place) -> Bound:
        match value.type:
            case AnyType():
                return FALSE
            case ArrayType(inner) if inner == BOOLEAN:
                variable = self.new(BOOLEAN)
                return any_of(value, variable, bound.IsTrue(variable))
            case ArrayType() | TuplesType():
                return bound.NonEmpty(value)
            case ObjectType() | MapType():
                return bound.Present(value)
            case type_ if type_ == BOOLEAN:
                return value if is_test(value) else bound.IsTrue(value)
        if _is_stored(value):
            return bound.Present(value)
        self.mismatch(place, "condition", value.type)
        return FALSE

    # --- expressions

    def expr(self, node: syntax.Expr, env: Env) -> Bound:
        """The meaning of an expression."""
        return self.notes.note_value(node, self._meaning(node, env))

    def _meaning(self, node: syntax.Expr, env: Env) -> Bound:
        match node:
            case syntax.Literal(kind, value):
                type_ = {"string": STRING, "integer": INTEGER, "double": NUMBER, "boolean": BOOLEAN}[kind]
                return Constant(type_, value)
            case syntax.Moment(word):
                return bound.Moment(DATETIME if word == "now" else DATE, word)
            case syntax.ArrayLiteral(items):
                return self._array(items, env)
            case syntax.ObjectLiteral(entries):
                parts = tuple((key, self.expr(value, env)) for key, value in entries)
                return bound.Record(ObjectType({key: part.type for key, part in parts}), parts)
            case syntax.Parameter(position):
                if position != 1:
                    return self.fail(
                        node.place, "BAD_SCOPE", "a query has one parameter, $1", suggestion="$1"
                    )
                return self._profile
            case syntax.ScopeReference():
                return self._scope(node, env)
            case syntax.Name(name):
                return self._name(name, node.place, env)
            case syntax.Field(object_, name):
                return self.member(self.expr(object_, env), name, node.place)
            case syntax.Call():
                return self._call(node, env)
            case syntax.Filter(array, condition):
                return self._filter(node, array, condition, env)
            case syntax.Broken(parts):
                for part in parts:
                    self.expr(part, env)
                return _NOTHING
            case _:
                return self._operation(node, env)

    def _operation(self, node: syntax.Expr, env: Env) -> Bound:
        match node:
            case syntax.Logic(operator, operands):
                tests = [self.condition(operand, env) for operand in operands]
                return conjunction(*tests) if operator == "and" else disjunction(*tests)
            case syntax.Not(operand):
                return negation(self.condition(operand, env))
            case syntax.Negative(operand):
                return self._negative(operand, env)
            case syntax.Binary():
                return self._binary(node, env)
            case syntax.Occurs():
                return occurs_test(self, node, env)
            case syntax.If():
                return self._if(node, env)
            case syntax.Let(name, value, body):
                meaning = self.expr(value, env)
                variable = self.new(meaning.type)
                return bound.Let(variable, meaning, self.expr(body, env.bind(name, variable)))
            case syntax.Select(clauses):
                return select(self, clauses, env)
            case syntax.Quantified(quantifier, clauses):
                return quantified(self, quantifier, clauses, env)
            case syntax.Aggregate():
                return aggregate(self, node, env)
            case syntax.Chain():
                return chain(self, node, env)
        raise TypeError(f"no meaning of {type(node).__name__}")

    def _array(self, items: tuple[syntax.Expr, ...], env: Env) -> Bound:
        type_: Type = ANY
        parts: list[Bound] = []
        mixed = False
        for item in items:
            part = self.expr(item, env)
            both = gather(type_, part.type)
            if both is None and not mixed:
                self.mismatch(item.place, describe(type_), part.type)
            if both is None:
                mixed = True
                continue
            type_ = both
            parts.append(part)
        return _NOTHING if mixed else bound.ListOf(ArrayType(type_), tuple(parts))

    def _negative(self, operand: syntax.Expr, env: Env) -> Bound:
        value = self.number(operand, env)
        if isinstance(value, Constant) and isinstance(value.value, int | float):
            return Constant(value.of, -value.value)
        return bound.Negate(value.type, value)

    def number(self, node: syntax.Expr, env: Env) -> Bound:
        """An operand that must be a number."""
        value = self.expr(node, env)
        if value.type not in NUMERIC and value.type != ANY:
            return self.mismatch(node.place, "number", value.type)
        return value

    # --- names and paths

    def _scope(self, node: syntax.ScopeReference, env: Env) -> Bound:
        if node.up >= len(env.scopes):
            return self.fail(node.place, "BAD_SCOPE", "^ climbs above the profile")
        return env.scopes[-1 - node.up]

    def _name(self, name: str, place: Place, env: Env) -> Bound:
        if name in env.variables:
            return env.variables[name]
        scope = env.scopes[-1]
        if name == EVENTS:
            return self._events(place)
        if self._has(scope.type, name) or self._open:
            return self.member(scope, name, place)
        for up, outer in enumerate(reversed(env.scopes[:-1]), 1):
            if self._has(outer.type, name):
                hint = f"{'^' * up}.{name}"
                return self._unknown(name, place, f"{name} is a field of an outer scope", hint)
        candidates = {*self._names(scope.type), *env.variables}
        return self._unknown(name, place, f"there is no field {name} here", nearest(name, candidates))

    def _events(self, place: Place) -> Bound:
        type_ = cast(ObjectType, self._profile.of).fields.get(EVENTS, ArrayType(ObjectType({})))
        return bound.Member(type_, self._profile, EVENTS, place)

    def _unknown(self, name: str, place: Place, message: str, hint: str | None) -> Bound:
        return self.fail(place, "UNKNOWN_FIELD", message, found=name, suggestion=hint)

    def _fields_of(self, type_: Type) -> Mapping[str, Type] | None:
        """The fields a path may continue with; None when it may continue with anything."""
        match type_:
            case ObjectType(fields):
                return fields
            case ArrayType(inner):
                return self._fields_of(inner)
            case ReferenceType(entity):
                known = self._entities.get(entity)
                return None if known is None else known.fields
            case MapType() | AnyType():
                return None
        return {}

    def _has(self, type_: Type, name: str) -> bool:
        fields = self._fields_of(type_)
        return fields is None or name in fields

    def _names(self, type_: Type) -> Iterable[str]:
        return self._fields_of(type_) or ()

    def member(self, base: Bound, name: str, place: Place) -> Bound:
        """The field `name` of a value: lifted over arrays, looked up in maps, followed through references."""
        match base.type:
            case AnyType():
                return _NOTHING
            case MapType(inner):
                return bound.Entry(inner, base, Constant(STRING, name))
            case ArrayType(inner):
                variable = self.new(inner)
                return lift(base, variable, self.member(variable, name, place))
            case ReferenceType(entity):
                if entity not in self._entities:
                    return _NOTHING
                return self.member(bound.Follow(self._entities[entity], base, entity, place), name, place)
            case ObjectType(fields) if name in fields:
                return bound.Member(fields[name], base, name, place)
            case ObjectType() if self._open:
                return _NOTHING
            case ObjectType(fields):
                hint = nearest(name, fields) or _method_of(name)
                return self._unknown(name, place, f"there is no field {name} here", hint)
        return self._unknown(name, place, f"{describe(base.type)} has no fields", _method_of(name))

    # --- calls

    def _call(self, node: syntax.Call, env: Env) -> Bound:
        if node.receiver is None:
            if node.name in FREE:
                return apply_function(self, node, env)
            method = node.name in METHODS or node.name in _ALIASES
            hint = None if method else nearest(node.name, FREE)
            return self._no_function(node, hint or _as_method(node))
        receiver = self.expr(node.receiver, env)
        if node.name not in METHODS:
            return self._no_function(node, _likely_method(node.name))
        return apply_method(self, receiver, node, env)

    def _no_function(self, node: syntax.Call, hint: str | None) -> Bound:
        kind = "function" if node.receiver is None else "method"
        message = f"there is no {kind} {node.name}"
        return self.fail(node.place, "UNKNOWN_FUNCTION", message, found=node.name, suggestion=hint)

    def _filter(self, node: syntax.Filter, array: syntax.Expr, condition: syntax.Expr, env: Env) -> Bound:
        source = self.expr(array, env)
        if not isinstance(source.type, ArrayType | AnyType):
            self.mismatch(node.place, "array", source.type)
            return _NOTHING
        variable = self.new(element(source.type))
        if isinstance(condition, syntax.Literal) and condition.kind == "integer":
            message = "brackets filter and take a condition; the first element is head()"
            return self.fail(
                condition.place, "TYPE_MISMATCH", message, expected=("condition",), found="integer"
            )
        return bound.Where(source, variable, self.condition(condition, env.enter(variable)))

    # --- operators

    def _binary(self, node: syntax.Binary, env: Env) -> Bound:
        if node.operator in ("+", "-", "*", "/", "%"):
            return self._arithmetic(node, env)
        left = self.expr(node.left, env)
        right = self.expr(node.right, env)
        if node.operator == "like":
            if not is_text(right.type) and right.type != ANY:
                return self.mismatch(node.right.place, "text", right.type)
            return text_test(self, left, node.left.place, lambda s: bound.TextTest("like", s, right))
        try:
            if node.operator not in ("in", "notIn"):
                return compare(node.operator, left, right, self.new)
            if not isinstance(right.type, ArrayType | AnyType):
                return self.mismatch(node.right.place, "array", right.type)
            return self._contained(left, right, node.operator == "notIn")
        except Incomparable as error:
            return self._incomparable(node.place, error, left, right)

    def _incomparable(self, place: Place, error: Incomparable, left: Bound, right: Bound) -> Bound:
        expected, found = (describe(left.type),), describe(right.type)
        return self.fail(place, "TYPE_MISMATCH", str(error), expected=expected, found=found)

    def _contained(self, item: Bound, array: Bound, negated: bool) -> Bound:
        if isinstance(item.type, ArrayType):
            variable = self.new(item.type.element)
            return any_of(item, variable, self._contained(variable, array, negated))
        test = contains(array, item, self.new, item_first=True)
        return not_contained(item, array, test) if negated else test

    def _arithmetic(self, node: syntax.Binary, env: Env) -> Bound:
        left, right = self.number(node.left, env), self.number(node.right, env)
        whole = left.type == INTEGER and right.type == INTEGER and node.operator != "/"
        type_ = ANY if ANY in (left.type, right.type) else INTEGER if whole else NUMBER
        return bound.Arithmetic(type_, cast(Literal["+", "-", "*", "/", "%"], node.operator), left, right)

    def _if(self, node: syntax.If, env: Env) -> Bound:
        test = self.condition(node.test, env)
        then, otherwise = self.expr(node.then, env), self.expr(node.otherwise, env)
        type_ = unify(then.type, otherwise.type)
        if type_ is None:
            return self.mismatch(node.otherwise.place, describe(then.type), otherwise.type)
        if type_ == DATETIME:
            # A day that meets an instant becomes one, so that its text and its end do not depend on the branch.
            then, otherwise = (
                bound.Convert(DATETIME, branch) if branch.type == DATE else branch
                for branch in (then, otherwise)
            )
        return bound.Choose(type_, test, then, otherwise)

    # --- numbers of arrays

    def aggregate(self, function: str, array: Bound, place: Place) -> Bound:
        """A number from an array of numbers, inner arrays included."""
        inner = element(array.type)
        while isinstance(inner, ArrayType):
            inner = inner.element
        if inner not in NUMERIC and inner != ANY:
            return self.mismatch(place, "number", inner)
        type_ = NUMBER if function == "average" else INTEGER if inner == ANY else inner
        return bound.Aggregate(type_, cast(Literal["sum", "average", "min", "max"], function), array)


def _likely_method(name: str) -> str | None:
    """The method that was probably meant."""
    return name if name in METHODS else _ALIASES.get(name) or nearest(name, METHODS)


def _as_method(node: syntax.Call) -> str | None:
    """`x.f(…)` for `f(x, …)`, where there is such a method."""
    method = _likely_method(node.name)
    if method is None or not node.arguments or not all(map(syntax.is_whole, node.arguments)):
        return None
    receiver, *others = node.arguments
    if isinstance(receiver, syntax.Lambda):
        return None
    return print_text(syntax.Call(receiver, method, tuple(others)))


def _method_of(name: str) -> str | None:
    """The call that was meant where a method's name stands like a field."""
    known = _ALIASES.get(name, name)
    return f"{known}()" if known in METHODS and METHODS[known].least == 0 else None


def _is_stored(value: Bound) -> bool:
    """Whether presence is a fair reading of the value as a condition: it was stored, not computed."""
    match value:
        case bound.Choose(_, _, then, otherwise):
            return _is_stored(then) and _is_stored(otherwise)
        case bound.Let(_, _, body):
            return _is_stored(body)
        case bound.Member() | bound.Entry() | Variable() | bound.Head() | bound.Follow():
            return not isinstance(value.type, EntryType)
    return False


__all__ = ["Binder", "Env", "bind"]
