"""Expressions as claims about the subject of a scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from muster.pql import syntax
from muster.pql.english.amounts import present
from muster.pql.english.claims import Claim, Said, enclosed, joint, sentence
from muster.pql.english.compare import compare, is_in, like
from muster.pql.english.fallback import holds, is_well_formed
from muster.pql.english.free_functions import FREE_TESTS
from muster.pql.english.lets import let_scene
from muster.pql.english.loops import quantified
from muster.pql.english.method_tests import METHOD_TESTS
from muster.pql.english.sequences import sequence
from muster.pql.english.things import Scene
from muster.pql.english.times import occurs
from muster.pql.syntax import COMPARISONS, Expr


def condition(node: Expr, scene: Scene, *, negated: bool = False) -> Said:
    """That an expression is true, or that it is not. Every expression may be a condition."""
    return CONDITIONS.get(type(node), _present)(node, scene, negated)


def _present(node: Expr, scene: Scene, negated: bool) -> Said:
    written = isinstance(node, syntax.ArrayLiteral | syntax.ObjectLiteral)
    if written or (isinstance(node, syntax.Literal) and not isinstance(node.value, bool)):
        return holds(node, negated=negated)
    return present(scene.value(node), scene, negated=negated)


def _not(node: Expr, scene: Scene, negated: bool) -> Said:
    return scene.says(cast(syntax.Not, node).operand, negated=not negated)


def _logic(node: Expr, scene: Scene, negated: bool) -> Said:
    logic = cast(syntax.Logic, node)
    operands = merge_choices(logic) if logic.operator == "or" else logic.operands
    operator = logic.operator if not negated else "or" if logic.operator == "and" else "and"
    return joint(operator, [scene.says(operand, negated=negated) for operand in operands])


def merge_choices(logic: syntax.Logic) -> tuple[Expr, ...]:
    """Alternatives in which equalities of one field are one choice: `a = 1 or a = 2` is `a in [1, 2]`."""
    merged: list[Expr] = []
    places: dict[Expr, int] = {}
    for operand in logic.operands:
        match operand:
            case syntax.Binary(
                "=", syntax.Field() | syntax.Name() as left, syntax.Literal("string") as right
            ):
                pass
            case _:
                merged.append(operand)
                continue
        if left not in places:
            places[left] = len(merged)
            merged.append(operand)
            continue
        before = cast(syntax.Binary, merged[places[left]])
        items = before.right.items if isinstance(before.right, syntax.ArrayLiteral) else (before.right,)
        merged[places[left]] = syntax.Binary("in", left, syntax.ArrayLiteral((*items, right)))
    return tuple(merged)


def _binary(node: Expr, scene: Scene, negated: bool) -> Said:
    binary = cast(syntax.Binary, node)
    if binary.operator not in (*COMPARISONS, "in", "notIn", "like"):
        return _present(node, scene, negated)
    left, right = scene.value(binary.left), scene.value(binary.right)
    match binary.operator:
        case "in":
            return is_in(left, right, scene, strict=False, negated=negated)
        case "notIn":
            return is_in(left, right, scene, strict=True, negated=negated)
        case "like":
            return like(left, right, scene, negated=negated)
    return compare(left, binary.operator, right, scene, negated=negated)


def _occurs(node: Expr, scene: Scene, negated: bool) -> Said:
    found = cast(syntax.Occurs, node)
    return occurs(scene.value(found.value), found.when, scene, negated=negated)


def _call(node: Expr, scene: Scene, negated: bool) -> Said:
    call = cast(syntax.Call, node)
    if not is_well_formed(call):
        return holds(node, negated=negated)
    if call.receiver is None and call.name in FREE_TESTS:
        return FREE_TESTS[call.name](call, scene, negated=negated)
    if call.receiver is not None and call.name in METHOD_TESTS:
        return METHOD_TESTS[call.name](scene.value(call.receiver), call, scene, negated)
    return _present(node, scene, negated)


def _quantified(node: Expr, scene: Scene, negated: bool) -> Said:
    return quantified(cast(syntax.Quantified, node), scene, negated=negated)


def _chain(node: Expr, scene: Scene, negated: bool) -> Said:
    return sequence(cast(syntax.Chain, node), scene, negated=negated)


def _if(node: Expr, scene: Scene, negated: bool) -> Said:
    choice = cast(syntax.If, node)
    test = enclosed(scene.says(choice.test), scene.voice)
    then, otherwise = (
        enclosed(scene.says(part, negated=negated), scene.voice) for part in (choice.then, choice.otherwise)
    )
    return Claim("where", f"{then} if {test}, and {otherwise} if not", heavy=True)


def _let(node: Expr, scene: Scene, negated: bool) -> Said:
    let = cast(syntax.Let, node)
    within, opening = let_scene(let, scene)
    said = within.says(let.body, negated=negated)
    return Claim("where", f"{opening}, {sentence(said, within.voice)}", heavy=True) if opening else said


CONDITIONS: Mapping[type[Expr], Callable[[Expr, Scene, bool], Said]] = {
    syntax.Not: _not,
    syntax.Logic: _logic,
    syntax.Binary: _binary,
    syntax.Occurs: _occurs,
    syntax.Call: _call,
    syntax.Quantified: _quantified,
    syntax.Chain: _chain,
    syntax.If: _if,
    syntax.Let: _let,
}
"""How expressions that are conditions by themselves are spoken of; of any other, that its value is there."""
