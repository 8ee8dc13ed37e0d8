"""Syntax tree → text. Reading the text again gives an equal tree."""

from __future__ import annotations

from collections.abc import Sequence

from muster.pql import syntax
from muster.pql.syntax import AGGREGATES, RESERVED, Expr

_LOOSE, _OR, _AND, _NOT, _RELATION, _SUM, _PRODUCT, _UNARY, _POSTFIX = range(9)
# Free as names, but special in some place; a bare name that looks like one of them is printed quoted.
_SOFT = frozenset(("some", "all", "none", "one", "on", "matches", "chain", "what", "when", *AGGREGATES))
_PLURALS = {"century": "centuries", "millennium": "millennia"}
_QUANTIFIERS = {"some": "exists", "all": "forall", "none": "none", "one": "one"}
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def print_text(query: syntax.Query) -> str:
    """The query in text form, on one line, with no parentheses that are not needed."""
    if isinstance(query, syntax.Lambda):
        return _lambda(query)
    return _expr(query, _LOOSE)


def _lambda(node: syntax.Lambda) -> str:
    names = ", ".join(_name(name, bare=True) for name in node.parameters)
    return f"({names}) => {_expr(node.body, _LOOSE)}"


def _name(name: str, *, bare: bool = False) -> str:
    plain = (
        name.replace("_", "a").isalnum()
        and (name[0].isalpha() or name[0] == "_")
        and name.lower() not in RESERVED
    )
    if plain and not (bare and name.lower() in _SOFT):
        return name
    return "`" + name.replace("`", "``") + "`"


def _string(value: str) -> str:
    return '"' + "".join(_ESCAPES.get(character, character) for character in value) + '"'


def _literal(node: syntax.Literal) -> str:
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, str):
        return _string(node.value)
    return repr(node.value)


def _expr(node: Expr, least: int) -> str:
    """Print `node` where an operand of at least this strength is needed."""
    strength, text = _parts(node)
    return f"({text})" if strength < least else text


def _list(nodes: Sequence[Expr]) -> str:
    return ", ".join(_expr(node, _LOOSE) for node in nodes)


def _parts(node: Expr) -> tuple[int, str]:
    match node:
        case syntax.Literal():
            # A method of a number needs the parentheses: 5.count() reads badly, 5.5.count() worse.
            return _POSTFIX if node.kind in ("string", "boolean") else _UNARY, _literal(node)
        case syntax.Moment(word):
            return _POSTFIX, word
        case syntax.ArrayLiteral(items):
            return _POSTFIX, f"[{_list(items)}]"
        case syntax.ObjectLiteral(entries):
            pairs = ", ".join(f"{_string(key)}: {_expr(value, _LOOSE)}" for key, value in entries)
            return _POSTFIX, "{" + pairs + "}"
        case syntax.Parameter(position):
            return _POSTFIX, f"${position}"
        case syntax.ScopeReference(up):
            return _POSTFIX, "^" * up if up else "this"
        case syntax.Name(name):
            return _POSTFIX, _name(name, bare=True)
        case syntax.Field(object_, name):
            return _POSTFIX, f"{_expr(object_, _POSTFIX)}.{_name(name)}"
        case syntax.Call():
            return _POSTFIX, _call(node)
        case syntax.Filter(array, condition):
            return _POSTFIX, f"{_expr(array, _POSTFIX)}[{_expr(condition, _LOOSE)}]"
        case syntax.If(test, then, otherwise):
            return _POSTFIX, f"if({_list((test, then, otherwise))})"
        case syntax.Chain():
            return _POSTFIX, _chain(node)
        case syntax.Not(operand):
            return _NOT, f"not {_expr(operand, _NOT)}"
        case syntax.Negative(operand):
            return _UNARY, f"-{_expr(operand, _UNARY)}"
        case syntax.Logic(operator, operands):
            own = _OR if operator == "or" else _AND
            return own, f" {operator} ".join(_expr(operand, own + 1) for operand in operands)
        case syntax.Binary(operator, left, right):
            own = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT}.get(operator, _RELATION)
            lower = own + 1 if own == _RELATION else own
            return own, f"{_expr(left, lower)} {operator} {_expr(right, own + 1)}"
        case syntax.Occurs(value, when):
            return _RELATION, f"{_expr(value, _SUM)} occurs {_when(when)}"
        case _:
            return _LOOSE, _construct(node)


def _construct(node: Expr) -> str:
    match node:
        case syntax.Let(name, value, body):
            return f"let {_name(name, bare=True)} = {_expr(value, _SUM)} in {_expr(body, _LOOSE)}"
        case syntax.Select(clauses):
            return f"select {_clauses(clauses)}"
        case syntax.Quantified(quantifier, clauses):
            return f"{_QUANTIFIERS[quantifier]} {_clauses(clauses)}"
        case syntax.Aggregate(function, value, clauses):
            over = "" if value is None else f"{_expr(value, _SUM)} over "
            return f"{function} {over}{_clauses(clauses)}"
    raise TypeError(f"no text form of {type(node).__name__}")


def _call(node: syntax.Call) -> str:
    arguments = ", ".join(
        _lambda(argument) if isinstance(argument, syntax.Lambda) else _expr(argument, _LOOSE)
        for argument in node.arguments
    )
    if node.receiver is None:
        return f"{_name(node.name, bare=True)}({arguments})"
    name = node.name if node.name == "exists" else _name(node.name)
    return f"{_expr(node.receiver, _POSTFIX)}.{name}({arguments})"


def _clauses(clauses: tuple[syntax.Clause, ...]) -> str:
    # A condition that is itself a list of clauses would swallow the next clause.
    inner = [_clause(clause, _OR) for clause in clauses[:-1]]
    return ", ".join((*inner, _clause(clauses[-1], _LOOSE)))


def _clause(clause: syntax.Clause, least: int) -> str:
    text = f"{_name(clause.name, bare=True)} from {_expr(clause.source, _POSTFIX)}"
    return text if clause.condition is None else f"{text} where {_expr(clause.condition, least)}"


def _anchor(anchor: syntax.Anchor) -> str:
    if isinstance(anchor, syntax.Period):
        return f"{anchor.which} {anchor.unit}"
    return _expr(anchor, _POSTFIX)


def _when(when: syntax.When) -> str:
    match when:
        case syntax.Distance(comparison, amount, unit, direction, anchor):
            word = unit if amount == 1 else _PLURALS.get(unit, f"{unit}s")
            return f"{comparison} {amount} {word} {direction} {_anchor(anchor)}"
        case syntax.Side(direction, anchor):
            return f"{direction} {_anchor(anchor)}"
        case syntax.Between(lower, upper):
            return f"between {_anchor(lower)} and {_anchor(upper)}"
        case syntax.During(anchor):
            return _anchor(anchor)
    raise TypeError(f"no text form of {type(when).__name__}")


def _chain(node: syntax.Chain) -> str:
    steps = ", ".join(_step(step) for step in node.steps)
    time = ".".join(_name(name, bare=index == 0) for index, name in enumerate(node.time))
    return f"chain({_expr(node.array, _POSTFIX)}, {time}, [{steps}])"


def _step(step: syntax.Step) -> str:
    parts = [f"{_name(step.name, bare=True)}: WHAT({_expr(step.what, _LOOSE)})"]
    parts += [f"WHERE({_expr(condition, _LOOSE)})" for condition in step.where]
    parts += [f"WHEN({_when(when)})" for when in step.when]
    if step.count is not None:
        parts.append(f"COUNT({step.count})")
    return " ".join(parts)
