"""Expressions as things that can be spoken of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from muster.pql import syntax
from muster.pql.english.amounts import is_many
from muster.pql.english.claims import enclosed
from muster.pql.english.fallback import formula, is_well_formed
from muster.pql.english.free_functions import FREE_VALUES
from muster.pql.english.lets import let_scene
from muster.pql.english.loops import aggregate, selection
from muster.pql.english.method_values import METHOD_VALUES
from muster.pql.english.paths import field, name, taken_from, walk
from muster.pql.english.phrases import full, words_of
from muster.pql.english.things import Constant, Listing, Plain, Scene, Thing
from muster.pql.english.vocabulary import BIRTH_YEAR
from muster.pql.english.words import number_words
from muster.pql.syntax import Expr
from muster.pql.types import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, STRING

_KINDS = {"string": STRING, "integer": INTEGER, "double": NUMBER, "boolean": BOOLEAN}
_SIGNS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by", "%": "modulo"}


def value(node: Expr, scene: Scene) -> Thing:
    """What an expression is, in the words of the scene."""
    return VALUES[type(node)](node, scene)


def _literal(node: Expr, scene: Scene) -> Thing:
    literal = cast(syntax.Literal, node)
    return Constant(_KINDS[literal.kind], True, value=literal.value)


def _moment(node: Expr, scene: Scene) -> Thing:
    word = cast(syntax.Moment, node).word
    instant = word == "now"
    return Plain(DATETIME if instant else DATE, True, text=word, moment="instant" if instant else "day")


def _array(node: Expr, scene: Scene) -> Thing:
    return Listing(
        None, True, items=tuple(scene.value(item) for item in cast(syntax.ArrayLiteral, node).items)
    )


def _object(node: Expr, scene: Scene) -> Thing:
    entries = cast(syntax.ObjectLiteral, node).entries
    parts = [f"{key}: {full(scene.value(entry), scene)}" for key, entry in entries]
    return Plain(None, True, text=f"the object {{{', '.join(parts)}}}")


def _parameter(node: Expr, scene: Scene) -> Thing:
    return walk(scene.profile, (), scene) if cast(syntax.Parameter, node).position == 1 else formula(node)


def _scope(node: Expr, scene: Scene) -> Thing:
    up = cast(syntax.ScopeReference, node).up
    return walk(scene.scopes[-1 - up], (), scene) if up < len(scene.scopes) else formula(node)


def _name(node: Expr, scene: Scene) -> Thing:
    return name(cast(syntax.Name, node), scene)


def _field(node: Expr, scene: Scene) -> Thing:
    return field(cast(syntax.Field, node), scene)


def _call(node: Expr, scene: Scene) -> Thing:
    call = cast(syntax.Call, node)
    if not is_well_formed(call):
        return formula(node)
    if call.receiver is None:
        return FREE_VALUES[call.name](call, scene) if call.name in FREE_VALUES else _whether(node, scene)
    if call.name in METHOD_VALUES:
        return METHOD_VALUES[call.name](scene.value(call.receiver), call, scene)
    return _whether(node, scene)


def _filter(node: Expr, scene: Scene) -> Thing:
    filter_ = cast(syntax.Filter, node)
    call = syntax.Call(filter_.array, "filter", (filter_.condition,))
    return METHOD_VALUES["filter"](scene.value(filter_.array), call, scene)


def _whether(node: Expr, scene: Scene) -> Thing:
    """A condition where a value is needed."""
    said = enclosed(scene.says(node), scene.voice)
    return Plain(BOOLEAN, True, text=f"the answer to whether {said}")


def _negative(node: Expr, scene: Scene) -> Thing:
    inner = scene.value(cast(syntax.Negative, node).operand)
    if isinstance(inner, Constant) and isinstance(inner.value, int | float):
        return Constant(inner.type, True, value=-inner.value)
    if isinstance(inner, Plain) and inner.owner is scene.subject:
        return Plain(inner.type, inner.certain, text=f"minus {_operand(inner, scene)}", owner=inner.owner)
    return Plain(inner.type, inner.certain, text=f"minus {full(inner, scene)}")


def _binary(node: Expr, scene: Scene) -> Thing:
    binary = cast(syntax.Binary, node)
    if binary.operator not in _SIGNS:
        return _whether(node, scene)
    left, right = scene.value(binary.left), scene.value(binary.right)
    year = _year(binary, left, right)
    if year is not None:
        return year
    certain = left.certain and right.certain and binary.operator in "+-*"
    sign = _SIGNS[binary.operator]
    owned = any(isinstance(side, Plain) and side.owner is scene.subject for side in (left, right))
    if owned and all(_speaks_of_subject(side, scene) for side in (left, right)):
        text = f"{_operand(left, scene)} {sign} {_operand(right, scene)}"
        return Plain(NUMBER, certain, text=text, owner=scene.subject)
    shown = [f"({full(side, scene)})" if _is_computed(side) else full(side, scene) for side in (left, right)]
    return Plain(NUMBER, certain, text=f"{shown[0]} {sign} {shown[1]}")


def _speaks_of_subject(thing: Thing, scene: Scene) -> bool:
    if isinstance(thing, Plain):
        return thing.owner is scene.subject or (thing.owner is None and not _is_computed(thing))
    return isinstance(thing, Constant)


def _is_computed(thing: Thing) -> bool:
    return isinstance(thing, Plain) and thing.path is None and " " in thing.text and thing.type == NUMBER


def _operand(thing: Thing, scene: Scene) -> str:
    words = words_of(thing, scene)
    return f"({words})" if _is_computed(thing) else words


def _year(binary: syntax.Binary, left: Thing, right: Thing) -> Thing | None:
    """A year counted from this one; minus the year of birth it is the age that people reach this year."""
    if not (isinstance(binary.left, syntax.Call) and binary.left.name == "currentYear"):
        return None
    if binary.operator == "-" and isinstance(right, Plain) and right.path == BIRTH_YEAR:
        return Plain(INTEGER, text="age at the end of this year", owner=right.owner)
    if (
        binary.operator in "+-"
        and isinstance(right, Constant)
        and isinstance(right.value, int)
        and right.value > 0
    ):
        if right.value == 1:
            return Plain(INTEGER, left.certain, text="last year" if binary.operator == "-" else "next year")
        when = "ago" if binary.operator == "-" else "from now"
        return Plain(INTEGER, left.certain, text=f"the year {number_words(right.value)} years {when}")
    return None


def _if(node: Expr, scene: Scene) -> Thing:
    choice = cast(syntax.If, node)
    test = enclosed(scene.says(choice.test), scene.voice)
    then, otherwise = scene.value(choice.then), scene.value(choice.otherwise)
    text = f"({full(then, scene)} if {test}, otherwise {full(otherwise, scene)})"
    if is_many(then) or is_many(otherwise):
        return taken_from(text)
    return Plain(then.type or otherwise.type, then.certain and otherwise.certain, text=text)


def _let(node: Expr, scene: Scene) -> Thing:
    let = cast(syntax.Let, node)
    within, opening = let_scene(let, scene)
    thing = within.value(let.body)
    if opening and is_many(thing):
        return taken_from(f"({opening}: {full(thing, within)})")
    return (
        thing if not opening else Plain(thing.type, thing.certain, text=f"({opening}: {full(thing, within)})")
    )


def _select(node: Expr, scene: Scene) -> Thing:
    return selection(cast(syntax.Select, node).clauses, scene)


def _aggregate(node: Expr, scene: Scene) -> Thing:
    return aggregate(cast(syntax.Aggregate, node), scene)


VALUES: Mapping[type[Expr], Callable[[Expr, Scene], Thing]] = {
    syntax.Literal: _literal,
    syntax.Moment: _moment,
    syntax.ArrayLiteral: _array,
    syntax.ObjectLiteral: _object,
    syntax.Parameter: _parameter,
    syntax.ScopeReference: _scope,
    syntax.Name: _name,
    syntax.Field: _field,
    syntax.Call: _call,
    syntax.Filter: _filter,
    syntax.Not: _whether,
    syntax.Negative: _negative,
    syntax.Logic: _whether,
    syntax.Binary: _binary,
    syntax.If: _if,
    syntax.Let: _let,
    syntax.Select: _select,
    syntax.Quantified: _whether,
    syntax.Aggregate: _aggregate,
    syntax.Occurs: _whether,
    syntax.Chain: _whether,
}
"""How every kind of expression is spoken of as a value."""
