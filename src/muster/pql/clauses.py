"""Variables over arrays: `select`, quantifiers, aggregates; each clause sees the variables of those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muster.pql import bound, syntax
from muster.pql.bound import Bound, Missing, Variable, conjunction, negation
from muster.pql.compare import any_of, element
from muster.pql.types import INTEGER, AnyType, ArrayType, TuplesType, Type

if TYPE_CHECKING:
    from muster.pql.bind import Binder, Env


def _clause(binder: Binder, clause: syntax.Clause, env: Env) -> tuple[Bound, Variable, Bound, Env]:
    """Source, variable, test of a clause, and what is seen after it."""
    source = binder.expr(clause.source, env)
    if not isinstance(source.type, ArrayType | AnyType):
        source = binder.mismatch(clause.source.place, "array", source.type)
    variable = binder.new(element(source.type))
    inner = env.bind(clause.name, variable)
    test = bound.TRUE if clause.condition is None else binder.condition(clause.condition, inner)
    return source, variable, test, inner


def select(binder: Binder, clauses: tuple[syntax.Clause, ...], env: Env) -> Bound:
    """The elements, or the tuples, for which all conditions hold."""
    if len(clauses) == 1:
        source, variable, test, _ = _clause(binder, clauses[0], env)
        return bound.Where(source, variable, test)
    return _tuples(binder, clauses, env, None)


def _tuples(
    binder: Binder,
    clauses: tuple[syntax.Clause, ...],
    env: Env,
    value: syntax.Expr | None,
    *,
    mark: bool = False,
) -> Bound:
    """An array with one item a tuple: the value where it is given, else, or with `mark`, a mark."""
    source, variable, test, inner = _clause(binder, clauses[0], env)
    if len(clauses) > 1:
        body = _tuples(binder, clauses[1:], inner, value, mark=mark)
    elif value is None:
        body = bound.literal(1)
    else:
        body = binder.expr(value, inner)
        if mark:
            # One mark for a tuple that has the value: an array counts once, unlike in the other aggregates.
            body = bound.Choose(INTEGER, bound.Present(body), bound.literal(1), Missing(INTEGER))
    type_: Type = TuplesType()
    if value is not None:
        type_ = body.type if len(clauses) > 1 else ArrayType(body.type)
    return bound.MapOver(type_, bound.Where(source, variable, test), variable, body)


def quantified(binder: Binder, quantifier: str, clauses: tuple[syntax.Clause, ...], env: Env) -> Bound:
    """Some, all, none or exactly one of the tuples."""
    if quantifier == "one":
        selected = select(binder, clauses, env)
        return bound.Compare("=", bound.Count(selected), bound.literal(1), "number")
    if quantifier == "all":
        return _every(binder, clauses, env)
    found = _some(binder, clauses, env)
    return negation(found) if quantifier == "none" else found


def _some(binder: Binder, clauses: tuple[syntax.Clause, ...], env: Env) -> Bound:
    source, variable, test, inner = _clause(binder, clauses[0], env)
    rest = _some(binder, clauses[1:], inner) if len(clauses) > 1 else bound.TRUE
    return any_of(source, variable, conjunction(test, rest))


def _every(binder: Binder, clauses: tuple[syntax.Clause, ...], env: Env) -> Bound:
    source, variable, test, inner = _clause(binder, clauses[0], env)
    rest = _every(binder, clauses[1:], inner) if len(clauses) > 1 else bound.TRUE
    return negation(any_of(source, variable, negation(conjunction(test, rest))))


def aggregate(binder: Binder, node: syntax.Aggregate, env: Env) -> Bound:
    """A number from all tuples."""
    if node.value is None:
        array = select(binder, node.clauses, env)
        place = node.clauses[0].source.place
    else:
        array = _tuples(binder, node.clauses, env, node.value, mark=node.function == "count")
        place = node.value.place
    if node.function == "count":
        return bound.Count(array)
    return binder.aggregate(node.function, array, place)
