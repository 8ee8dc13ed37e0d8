"""Syntax tree → text. Reading the text again gives an equal tree.

`write` makes a document; `print_text` takes it on one line, `format_text` in lines of a width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from muster.pql import syntax
from muster.pql.document import (
    SEAM,
    SPACE,
    Document,
    Group,
    Indented,
    Text,
    enclosed,
    join,
    render,
    render_flat,
    separated,
)
from muster.pql.syntax import AGGREGATES, RESERVED, Expr

WIDTH = 88
_LOOSE, _OR, _AND, _NOT, _RELATION, _SUM, _PRODUCT, _UNARY, _POSTFIX = range(9)
_ARITHMETIC = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT}
# Free as names, but special in some place; a bare name that looks like one of them is printed quoted.
_SOFT = frozenset(("some", "all", "none", "one", "on", "matches", "chain", "what", "when", *AGGREGATES))
_PLURALS = {"century": "centuries", "millennium": "millennia"}
_QUANTIFIERS = {"some": "exists", "all": "forall", "none": "none", "one": "one"}
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
_CHAINED_CALLS_MIN = 3
"""Calls in a row from which a row breaks before its dots and not inside its brackets."""


def print_text(query: syntax.Query) -> str:
    """The query in text form, on one line, with no parentheses that are not needed."""
    return render_flat(write(query))


def format_text(query: syntax.Query, *, width: int = WIDTH) -> str:
    """The query in text form, in lines of at most `width` characters where that is possible.

    What fits stays on one line, as `print_text` writes it. Otherwise `and` and `or` begin lines, and what stands in
    brackets stands two columns further right. A text without a place to break, a long string for instance, may stick
    out. Depends on the tree alone: formatting again changes nothing.
    """
    return render(write(query), width)


def write(query: syntax.Query) -> Document:
    """The query in text form, with the places where it may be broken into lines."""
    return _lambda(query) if isinstance(query, syntax.Lambda) else _expr(query, _LOOSE)


# --- names and literals


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


# --- expressions


def _expr(node: Expr, least: int) -> Document:
    """Write `node` where an operand of at least this strength is needed."""
    strength, document = _parts(node)
    return enclosed("(", document, ")") if strength < least else document


def _parts(node: Expr) -> tuple[int, Document]:
    match node:
        case syntax.Literal():
            # A method of a number needs the parentheses: 5.count() reads badly, 5.5.count() worse.
            return _POSTFIX if node.kind in ("string", "boolean") else _UNARY, Text(_literal(node))
        case syntax.Moment(word):
            return _POSTFIX, Text(word)
        case syntax.ArrayLiteral(items):
            return _POSTFIX, _array(items)
        case syntax.ObjectLiteral(entries):
            pairs = (join(f"{_string(key)}: ", _expr(value, _LOOSE)) for key, value in entries)
            return _POSTFIX, enclosed("{", separated(pairs, join(",", SPACE)), "}") if entries else Text("{}")
        case syntax.Parameter(position):
            return _POSTFIX, Text(f"${position}")
        case syntax.ScopeReference(up):
            return _POSTFIX, Text("^" * up if up else "this")
        case syntax.Name(name):
            return _POSTFIX, Text(_name(name, bare=True))
        case syntax.Field() | syntax.Call() | syntax.Filter():
            return _POSTFIX, _postfix(node)
        case syntax.If(test, then, otherwise):
            return _POSTFIX, join("if", _arguments((test, then, otherwise)))
        case syntax.Chain():
            return _POSTFIX, _chain(node)
        case syntax.Not(operand):
            return _NOT, join("not ", _expr(operand, _NOT))
        case syntax.Negative(operand):
            return _UNARY, join("-", _expr(operand, _UNARY))
        case syntax.Logic(operator, operands):
            own = _OR if operator == "or" else _AND
            return own, _logic(operator, operands, own + 1)
        case syntax.Binary(operator, left, right) if operator in _ARITHMETIC:
            return _ARITHMETIC[operator], _arithmetic(node, _ARITHMETIC[operator])
        case syntax.Binary(operator, left, right):
            tail = join(f"{operator} ", _expr(right, _SUM))
            return _RELATION, _related(_expr(left, _SUM), tail)
        case syntax.Occurs(value, when):
            return _RELATION, _related(_expr(value, _SUM), join("occurs ", _when(when)))
        case _:
            return _LOOSE, _construct(node)


def _logic(operator: str, operands: Sequence[Expr], least: int) -> Document:
    """Operands with the operator before each but the first; lists inside a list stand further right."""
    first, *others = (_logic_operand(operand, least) for operand in operands)
    return Group(join(first, *(join(SPACE, f"{operator} ", other) for other in others)))


def _logic_operand(node: Expr, least: int) -> Document:
    strength, document = _parts(node)
    if strength < least:
        return enclosed("(", document, ")")
    return Indented(document) if isinstance(node, syntax.Logic) else document


def _related(left: Document, tail: Document) -> Document:
    """An operand, and an operator with another. They stay together where one of them has a place to break."""
    if left.breakable or tail.breakable:
        return join(left, " ", tail)
    return Group(join(left, Indented(join(SPACE, tail))))


def _arithmetic(node: syntax.Binary, own: int) -> Document:
    tails: list[Document] = []
    left: Expr = node
    while isinstance(left, syntax.Binary) and _ARITHMETIC.get(left.operator) == own:
        tails.append(join(SPACE, f"{left.operator} ", _expr(left.right, own + 1)))
        left = left.left
    return Group(join(_expr(left, own), Indented(join(*reversed(tails)))))


def _array(items: Sequence[Expr]) -> Document:
    if not items:
        return Text("[]")
    plain = all(isinstance(item, syntax.Literal) for item in items)
    # Literals fill their lines; anything longer has a line of its own.
    separator = join(",", Group(SPACE) if plain else SPACE)
    return enclosed("[", separated((_expr(item, _LOOSE) for item in items), separator), "]")


def _construct(node: Expr) -> Document:
    match node:
        case syntax.Let(name, value, body):
            head = join(f"let {_name(name, bare=True)} = ", _expr(value, _SUM), " in")
            return Group(join(head, SPACE, _expr(body, _LOOSE)))
        case syntax.Select(clauses):
            return _clauses("select", clauses)
        case syntax.Quantified(quantifier, clauses):
            return _clauses(_QUANTIFIERS[quantifier], clauses)
        case syntax.Aggregate(function, None, clauses):
            return _clauses(function, clauses)
        case syntax.Aggregate(function, syntax.Expr() as value, clauses):
            least = _POSTFIX + 1 if _hides_aggregate(value) else _SUM
            over = Indented(join(SPACE, _clauses("over", clauses)))
            return Group(join(f"{function} ", _expr(value, least), over))
    raise TypeError(f"no text form of {type(node).__name__}")


def _hides_aggregate(value: Expr) -> bool:
    """Whether the first token of a value is none that an aggregate can begin with."""
    while True:
        match value:
            case syntax.Field(left) | syntax.Call(syntax.Expr() as left) | syntax.Filter(left):
                value = left
            case syntax.Binary(_, left, _):
                value = left
            case syntax.ObjectLiteral():
                return True
            case syntax.Literal(kind, _):
                return kind == "boolean"
            case _:
                return False


# --- paths, methods, filters


def _postfix(node: Expr) -> Document:
    """A row of fields, calls and filters; built in a loop, since rows are longer than nests are deep."""
    base, links = _links(node)
    rows: list[list[Document]] = [[_base(base)]]
    calls = 0
    for link in links:
        match link:
            case syntax.Field(_, name):
                rows[-1].append(Text(f".{_name(name)}"))
            case syntax.Filter(_, condition):
                rows[-1].append(enclosed("[", _expr(condition, _LOOSE), "]"))
            case syntax.Call(_, name, arguments):
                calls += 1
                text = name if name == "exists" else _name(name)
                rows.append([Text(f".{text}"), _arguments(arguments)])
    if calls < _CHAINED_CALLS_MIN:
        return join(*(part for row in rows for part in row))
    first, *others = rows
    return Group(join(*first, Indented(join(*(join(SEAM, *row) for row in others)))))


def _links(node: Expr) -> tuple[Expr, list[Expr]]:
    """What a row stands on, and its links from left to right."""
    links: list[Expr] = []
    while True:
        match node:
            case syntax.Field(left) | syntax.Filter(left) | syntax.Call(syntax.Expr() as left):
                links.append(node)
                node = left
            case _:
                return node, links[::-1]


def _base(node: Expr) -> Document:
    if isinstance(node, syntax.Call):
        return join(_name(node.name, bare=True), _arguments(node.arguments))
    return _expr(node, _POSTFIX)


def _arguments(arguments: Sequence[Expr | syntax.Lambda]) -> Document:
    if not arguments:
        return Text("()")
    return enclosed("(", separated((write(argument) for argument in arguments), join(",", SPACE)), ")")


def _lambda(node: syntax.Lambda) -> Document:
    names = ", ".join(_name(name, bare=True) for name in node.parameters)
    return Group(join(f"({names}) =>", Indented(join(SPACE, _expr(node.body, _LOOSE)))))


# --- variables over arrays


def _clauses(word: str, clauses: Sequence[syntax.Clause]) -> Document:
    if len(clauses) == 1:
        return join(f"{word} ", _clause(clauses[0], _LOOSE))
    # A condition that is itself a list of clauses would swallow the next clause.
    inner = [_clause(clause, _OR) for clause in clauses[:-1]]
    listed = separated((*inner, _clause(clauses[-1], _LOOSE)), join(",", SPACE))
    return Group(join(word, Indented(join(SPACE, listed))))


def _clause(clause: syntax.Clause, least: int) -> Document:
    source = join(f"{_name(clause.name, bare=True)} from ", _expr(clause.source, _POSTFIX))
    if clause.condition is None:
        return source
    return Group(join(source, Indented(join(SPACE, "where ", _expr(clause.condition, least)))))


# --- time and sequences


def _anchor(anchor: syntax.Anchor) -> Document:
    if isinstance(anchor, syntax.Period):
        return Text(f"{anchor.which} {anchor.unit}")
    return _expr(anchor, _POSTFIX)


def _when(when: syntax.When) -> Document:
    match when:
        case syntax.Distance(comparison, amount, unit, direction, anchor):
            word = unit if amount == 1 else _PLURALS.get(unit, f"{unit}s")
            return join(f"{comparison} {amount} {word} {direction} ", _anchor(anchor))
        case syntax.Side(direction, anchor):
            return join(f"{direction} ", _anchor(anchor))
        case syntax.Between(lower, upper):
            return join("between ", _anchor(lower), " and ", _anchor(upper))
        case syntax.During(anchor):
            return _anchor(anchor)
    raise TypeError(f"no text form of {type(when).__name__}")


def _chain(node: syntax.Chain) -> Document:
    time = ".".join(_name(name, bare=index == 0) for index, name in enumerate(node.time))
    steps = enclosed("[", separated((_step(step) for step in node.steps), join(",", SPACE)), "]")
    return join("chain(", _expr(node.array, _POSTFIX), f", {time}, ", steps, ")")


def _step(step: syntax.Step) -> Document:
    first, *others = _step_parts(step)
    return Group(join(first, Indented(join(*(join(SPACE, other) for other in others)))))


def _step_parts(step: syntax.Step) -> Iterable[Document]:
    yield join(f"{_name(step.name, bare=True)}: WHAT", enclosed("(", _expr(step.what, _LOOSE), ")"))
    for condition in step.where:
        yield join("WHERE", enclosed("(", _expr(condition, _LOOSE), ")"))
    for when in step.when:
        yield join("WHEN(", _when(when), ")")
    if step.count is not None:
        yield Text(f"COUNT({step.count})")
