"""Tokens → syntax tree: recursive descent with one precedence climber for the binary operators.

An error does not end the reading. It is noted, the operand of `and` or `or` around it becomes `syntax.Broken`, and reading
goes on where that operand surely ends. Where that is not plain, the rest is left out: an error that only follows from
another one helps nobody.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, cast

from muster.pql import syntax
from muster.pql.cursor import Cursor
from muster.pql.errors import Place, PqlError, PqlErrors, Unreadable
from muster.pql.lexer import Token, tokenize
from muster.pql.syntax import COMPARISONS, MOMENTS, QUANTIFIERS, TEXT_MAX, UNIT_WORDS, Expr

# Two hundred levels of a query are about two thousand frames in the deepest stage. Frames of Python functions live on
# the heap, so a higher bound costs nothing until it is used.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 12_000))

_SMALL = 100
_OR, _AND, _NOT, _RELATION, _SUM, _PRODUCT = range(1, 7)
_BINARY = {
    **dict.fromkeys(COMPARISONS, _RELATION),
    **dict.fromkeys(("in", "notin", "like", "matches", "occurs", "not"), _RELATION),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/%", _PRODUCT),
    "or": _OR,
    "and": _AND,
}
_AFTER_OCCURS = ("comparison", "before", "after", "from", "between", "on", "date")
_FOREIGN_SIDES = ("around", "within", "near")
_OPERAND_KINDS = ("name", "quoted", "string", "integer", "double", "parameter")


def parse(text: str) -> syntax.Query:
    """Read a query in text form.

    Raises:
        PqlErrors: What is not in the grammar (`SYNTAX`) and literals that cannot exist (`BAD_VALUE`).
    """
    query, errors = read(text)
    if errors:
        raise PqlErrors(errors)
    return query


def read(text: str) -> tuple[syntax.Query, tuple[PqlError, ...]]:
    """Read as much of a query as can be read; gives the tree, and what is wrong, in no particular order.

    With errors the tree is only good for finding more of them.
    """
    if len(text) > TEXT_MAX:
        error = PqlError.at(Place(1, 1), "SYNTAX", f"the query is longer than {TEXT_MAX} characters")
        return syntax.Broken(), (error,)
    tokens = tokenize(text)
    parser = _Parser(tokens)
    query = parser.query()
    # Few tokens are no large tree, so most need not be measured.
    excess = syntax.oversize(query) if len(tokens) > _SMALL else None
    if excess is not None:
        node, message = excess
        return syntax.Broken(), (*parser.errors, PqlError.at(node.start, "SYNTAX", message))
    return query, parser.errors


def flat_logic(operator: Literal["and", "or"], operands: Iterable[Expr], place: Place, start: Place) -> Expr:
    """`and` or `or` of operands; those of the same operator are taken apart, since it is associative."""
    flat: list[Expr] = []
    for operand in operands:
        if isinstance(operand, syntax.Logic) and operand.operator == operator:
            flat.extend(operand.operands)
        else:
            flat.append(operand)
    return syntax.Logic(operator, tuple(flat), place=place, start=start)


def _without_last(node: Expr) -> Expr:
    """The expression without its last operand, which something follows that does not fit."""
    parts = _parts(node)
    if parts:
        parts = (*parts[:-1], _without_last(parts[-1]))
    return syntax.Broken(parts, place=node.place, start=node.start)


def _parts(node: Expr) -> tuple[Expr, ...]:
    match node:
        case syntax.Logic(_, operands):
            return operands
        case syntax.Broken(parts):
            return parts
    return ()


def _tainted(node: Expr, *parts: Expr) -> Expr:
    """The node; `Broken` when one of these parts of it is, for then nobody knows what it would be."""
    if any(isinstance(part, syntax.Broken) for part in parts):
        return syntax.Broken(parts, place=node.place, start=node.start)
    return node


class _Parser(Cursor):
    # --- query and lambda

    def query(self) -> syntax.Query:
        """The whole text. To be called once; after it `errors` holds what is wrong."""
        result = self._guarded(self._lambda) if self._at_lambda() else self._expr()
        while self._peek().kind != "end":
            self._note(self._error(self._peek(), ("end of the query",)), self._last)
            self._recover(0)
            if isinstance(result, syntax.Lambda):
                return replace(result, body=_without_last(result.body))
            result = _without_last(result)
            if self._accept("and") or self._accept("or"):
                result = syntax.Broken((result, self._expr()), place=result.place, start=result.start)
        return result

    def _at_lambda(self) -> bool:
        if self._is_parameter():
            return self._is("=>", 1)
        if not self._is("("):
            return False
        ahead = 1
        while self._is_parameter(ahead) and self._is(",", ahead + 1):
            ahead += 2
        if self._is_parameter(ahead):
            ahead += 1
        return self._is(")", ahead) and self._is("=>", ahead + 1)

    def _is_parameter(self, ahead: int = 0) -> bool:
        """Whether a name stands here, or a reserved word that was meant as one."""
        return self._peek(ahead).kind in ("name", "quoted", "word")

    def _lambda(self) -> syntax.Lambda:
        start = self._peek().place
        names: list[Token] = []
        if self._accept("("):
            while not self._is(")"):
                names.append(self._name())
                if not self._accept(","):
                    break
            self._expect(")")
        else:
            names.append(self._name())
        self._expect("=>")
        return syntax.Lambda(
            tuple(str(name.value) for name in names),
            self._expr(),
            tuple(name.place for name in names),
            place=start,
            start=start,
        )

    # --- operators

    def _expr(self) -> Expr:
        return self._nested(lambda: self._binary(_OR))

    def _binary(self, lowest: int) -> Expr:
        left = self._prefix(lowest) if lowest > _AND else self._operand(_NOT)
        related, length = False, 0
        level, first = 0, left.place
        while True:
            token = self._peek()
            if token.kind == "name" and token.text.lower() == "matches":
                word = "matches"
            elif token.kind in ("operator", "word"):
                word = token.text
            else:
                return left
            strength = _BINARY.get(word)
            if strength is None or strength < lowest:
                return left
            if strength == _RELATION and related:
                raise self._error(token, ("and", "or"), "comparisons do not chain; join them with and")
            related = strength == _RELATION
            length += 1
            self._check_depth(self._depth + (length if strength > _RELATION else 0))
            if strength != level:
                level, first = strength, token.place
            left = self._continue(left, word, strength, first)

    def _operand(self, lowest: int) -> Expr:
        """An operand of `and` or `or`, or `Broken`."""
        return self._guarded(lambda: self._binary(_NOT)) if lowest == _NOT else self._binary(lowest)

    def _prefix(self, lowest: int) -> Expr:
        token = self._peek()
        if token.kind in ("word", "operator") and token.text in ("not", "!") and lowest <= _NOT:
            self._next()
            operand = self._nested(lambda: self._binary(_NOT))
            return syntax.Not(operand, place=token.place, start=token.place)
        return self._unary()

    def _continue(self, left: Expr, word: str, strength: int, place: Place) -> Expr:
        """The operation that goes on behind its left side; `place` is the first operator of a chain such as `a + b + c`."""
        self._next()
        start = left.start
        if strength in (_OR, _AND):
            operator = cast(Literal["and", "or"], word)
            operands = [left, self._nested(lambda: self._operand(strength + 1))]
            while self._accept(word):
                operands.append(self._nested(lambda: self._operand(strength + 1)))
            return _tainted(flat_logic(operator, operands, place, start), *operands)
        if word == "occurs":
            return syntax.Occurs(left, self._when(), place=place, start=start)
        if word == "not" and not self._accept("in"):
            message = "behind a value only in follows not; to negate a condition, not stands before it"
            raise self._error(self._peek(), ("in",), message)
        if word in ("not", "notin"):
            word = "notIn"
        right = self._nested(lambda: self._binary(strength + 1))
        if word == "matches":
            return syntax.Call(left, "matches", (right,), infix=True, place=place, start=start)
        return _tainted(syntax.Binary(word, left, right, place=place, start=start), left, right)

    def _unary(self) -> Expr:
        token = self._peek()
        if self._accept("-"):
            operand = self._nested(self._unary)
            return syntax.Negative(operand, place=token.place, start=token.place)
        return self._postfix()

    # --- paths, methods, filters

    def _postfix(self) -> Expr:
        result = self._primary()
        length = 0
        while True:
            length += 1
            self._check_depth(self._depth + length // 2)
            if self._accept("."):
                result = self._member(result)
            elif self._accept("["):
                condition = self._expr()
                self._expect("]")
                result = syntax.Filter(result, condition, place=result.place, start=result.start)
            else:
                return result

    def _member(self, base: Expr) -> Expr:
        if self._is("exists") and self._is("(", 1):
            name = self._next()
            return self._call(base, "exists", name.place)
        name = self._name()
        if self._is("("):
            return self._call(base, str(name.value), name.place)
        return syntax.Field(base, str(name.value), place=name.place, start=base.start)

    def _call(self, receiver: Expr | None, name: str, place: Place) -> Expr:
        self._expect("(")
        arguments: list[Expr | syntax.Lambda] = []
        if not self._is(")"):
            arguments.append(self._argument())
            while self._accept(","):
                arguments.append(self._argument())
        self._expect(")")
        start = place if receiver is None else receiver.start
        if self._failed and not all(map(syntax.is_whole, arguments)):
            # How many arguments there should be, and of what type, cannot be said.
            return syntax.Broken(() if receiver is None else (receiver,), place=place, start=start)
        return syntax.Call(receiver, name, tuple(arguments), place=place, start=start)

    def _argument(self) -> Expr | syntax.Lambda:
        return self._nested(self._lambda) if self._at_lambda() else self._expr()

    # --- primaries

    def _primary(self) -> Expr:
        token = self._peek()
        match token.kind:
            case "string" | "integer" | "double":
                self._next()
                if token.error is not None:
                    # What it was meant to be is not known well enough to say what it does not go together with.
                    return syntax.Broken(place=token.place, start=token.place)
                return syntax.Literal(token.kind, token.value, place=token.place, start=token.place)
            case "parameter":
                self._next()
                return syntax.Parameter(int(token.value), place=token.place, start=token.place)
            case "name" | "quoted":
                return self._named(token)
            case "word":
                return self._worded(token)
            case "operator":
                return self._bracketed(token)
        raise self._error(token, ("expression",))

    def _bracketed(self, token: Token) -> Expr:
        if self._accept("("):
            inner = self._expr()
            self._expect(")")
            return inner
        if self._accept("["):
            items: list[Expr] = []
            if not self._is("]"):
                items.append(self._expr())
                while self._accept(","):
                    items.append(self._expr())
            self._expect("]")
            return _tainted(syntax.ArrayLiteral(tuple(items), place=token.place, start=token.place), *items)
        if self._accept("{"):
            return self._object(token.place)
        if self._is("^"):
            up = 0
            while self._accept("^"):
                up += 1
            self._accept(".")
            name = self._name()
            scope = syntax.ScopeReference(up, place=token.place, start=token.place)
            return syntax.Field(scope, str(name.value), place=name.place, start=token.place)
        raise self._error(token, ("expression",))

    def _object(self, place: Place) -> Expr:
        entries: list[tuple[str, Expr]] = []
        while not self._is("}") or entries:
            key = self._peek()
            if key.kind != "string":
                raise self._error(key, ("text",))
            self._next()
            self._expect(":")
            entries.append((str(key.value), self._expr()))
            if not self._accept(","):
                break
        self._expect("}")
        return syntax.ObjectLiteral(tuple(entries), place=place, start=place)

    def _worded(self, token: Token) -> Expr:
        place, word = token.place, token.text
        if word in ("true", "false"):
            self._next()
            return syntax.Literal("boolean", word == "true", place=place, start=place)
        if word in MOMENTS:
            self._next()
            return syntax.Moment(word, place=place, start=place)
        if word == "this":
            self._next()
            return syntax.ScopeReference(0, place=place, start=place)
        if word == "if":
            return self._if()
        if word == "let":
            return self._let()
        if word == "select":
            self._next()
            return syntax.Select(self._clauses(), place=place, start=place)
        if word in ("exists", "forall"):
            return self._quantified()
        raise self._error(token, ("expression",), hint="isNull()" if word == "null" else f"`{token.value}`")

    def _if(self) -> Expr:
        place = self._next().place
        self._expect("(")
        test = self._expr()
        self._expect(",")
        then = self._expr()
        self._expect(",")
        otherwise = self._expr()
        self._expect(")")
        return syntax.If(test, then, otherwise, place=place, start=place)

    def _let(self) -> Expr:
        place = self._next().place
        name = self._name()
        self._expect("=")
        value = self._nested(lambda: self._binary(_SUM))
        self._expect("in")
        return syntax.Let(str(name.value), value, self._expr(), place=place, start=place)

    def _named(self, token: Token) -> Expr:
        if token.kind == "name":
            lower = token.text.lower()
            if lower in ("some", "all", "none", "one") and self._is_name(1) and self._is("from", 2):
                return self._quantified()
            if token.text in syntax.AGGREGATES and self._at_aggregate():
                return self._aggregate()
            if lower == "chain" and self._is("(", 1):
                return self._chain()
        self._next()
        if self._is("("):
            return self._call(None, str(token.value), token.place)
        return syntax.Name(str(token.value), place=token.place, start=token.place)

    # --- variables over arrays

    def _quantified(self) -> Expr:
        token = self._next()
        quantifier = cast(Literal["some", "all", "none", "one"], QUANTIFIERS[token.text.lower()])
        return syntax.Quantified(quantifier, self._clauses(), place=token.place, start=token.place)

    def _clauses(self) -> tuple[syntax.Clause, ...]:
        clauses = [self._clause()]
        while self._is(",") and self._is_name(1) and self._is("from", 2):
            self._next()
            clauses.append(self._clause())
        return tuple(clauses)

    def _clause(self) -> syntax.Clause:
        name = self._name()
        self._expect("from")
        source = self._nested(self._postfix)
        condition: Expr | None = None
        if self._accept("where") or self._accept(":"):
            condition = self._expr()
        return syntax.Clause(str(name.value), source, condition, place=name.place, start=name.place)

    def _at_aggregate(self) -> bool:
        """Whether `sum`, `count` … here begins an aggregate and is not a field of that name."""
        following = self._peek(1)
        if following.kind in _OPERAND_KINDS:
            if following.text.lower() != "matches" or following.kind != "name":
                return True
            return self._is(".", 2) or self._is("over", 2) or self._is("from", 2)
        if following.kind == "word":
            return following.text in ("this", "if", *MOMENTS)
        return following.text in ("^", "(", "-", "[") and self._brackets.sees_over(self._at + 1)

    def _aggregate(self) -> Expr:
        token = self._next()
        if self._is_name() and self._is("from", 1):
            clause = self._clause()
            return syntax.Aggregate(token.text, None, (clause,), place=token.place, start=token.place)
        value = self._nested(lambda: self._binary(_SUM))
        self._expect("over")
        return syntax.Aggregate(token.text, value, self._clauses(), place=token.place, start=token.place)

    # --- time

    def _when(self) -> syntax.When:
        token = self._peek()
        place = token.place
        if token.kind == "operator" and token.text in COMPARISONS:
            self._next()
            return self._distance(token.text, place)
        for direction in ("before", "after", "from"):
            if self._accept(direction):
                return syntax.Side(direction, self._anchor(), place=place, start=place)
        if self._accept("between"):
            lower = self._anchor()
            self._expect("and")
            return syntax.Between(lower, self._anchor(), place=place, start=place)
        if self._is_soft("on") and not (self._is(".", 1) or self._is("[", 1)):
            self._next()
        if self._is("in"):
            raise self._error(
                token, _AFTER_OCCURS, "in does not follow occurs; a window is a distance", self._window(1)
            )
        if (
            token.kind == "name"
            and token.text.lower() in _FOREIGN_SIDES
            and self._starts_anchor(self._peek(1))
        ):
            self._next()
            message = f"{token.text} does not follow occurs; to either side of a time is a distance with from"
            raise self._error(self._peek(), _AFTER_OCCURS, message, "<= 1 day from")
        return syntax.During(self._anchor(), place=place, start=place)

    def _window(self, ahead: int) -> str:
        """How `last 3 days`, read from some tokens ahead, is written in the language; an example where it cannot be read."""
        side = "after" if self._is("next", ahead) else "before"
        if self._is("last", ahead) or self._is("next", ahead):
            ahead += 1
        amount, unit = self._peek(ahead), self._peek(ahead + 1)
        if amount.kind != "integer" or unit.text not in UNIT_WORDS:
            return f"<= 3 days {side} now"
        return f"<= {amount.text} {unit.text} {side} now"

    def _distance(self, comparison: str, place: Place) -> syntax.When:
        amount = self._peek()
        if amount.kind != "integer":
            message = "a distance is a whole number that is written out"
            if amount.text == "-":
                message += " and not negative; before and after say on which side"
            raise self._error(amount, ("whole number",), message)
        self._next()
        unit = self._unit()
        direction = self._peek()
        if direction.kind != "word" or direction.text not in ("before", "after", "from"):
            message = "a distance needs a direction: before, after or from"
            raise self._error(direction, ("before", "after", "from"), message)
        self._next()
        anchor = self._anchor()
        value = int(amount.value)
        return syntax.Distance(comparison, value, unit, direction.text, anchor, place=place, start=place)

    def _unit(self) -> str:
        token = self._peek()
        if token.kind != "word" or token.text not in UNIT_WORDS:
            raise self._error(token, ("unit of time",))
        self._next()
        return UNIT_WORDS[token.text]

    @staticmethod
    def _starts_anchor(token: Token) -> bool:
        if token.kind in _OPERAND_KINDS:
            return True
        if token.kind == "word":
            return token.text in ("this", "last", "next", "if", *MOMENTS)
        return token.text in ("^", "(")

    def _anchor(self) -> syntax.Anchor:
        token, following = self._peek(), self._peek(1)
        if token.kind == "word" and token.text in ("this", "last", "next"):
            if following.kind == "word" and following.text in UNIT_WORDS:
                self._next()
                return syntax.Period(token.text, self._unit(), place=token.place, start=token.place)
            if token.text != "this":
                window = self._window(0)
                self._next()
                if self._peek().kind == "integer":
                    message = f"{token.text} takes one calendar unit; a window is a distance"
                    raise self._error(self._peek(), ("unit of time",), message, window)
                raise self._error(self._peek(), ("unit of time",))
        return self._nested(self._postfix)

    # --- sequences

    def _chain(self) -> Expr:
        place = self._next().place
        self._expect("(")
        array = self._nested(self._postfix)
        self._expect(",")
        time = [self._name()]
        while self._accept("."):
            time.append(self._name())
        self._expect(",")
        self._expect("[")
        steps = [self._step()]
        while self._accept(","):
            steps.append(self._step())
        self._expect("]")
        self._expect(")")
        return syntax.Chain(
            array,
            tuple(str(name.value) for name in time),
            tuple(steps),
            tuple(name.place for name in time),
            place=place,
            start=place,
        )

    def _step(self) -> syntax.Step:
        name = self._name()
        self._expect(":")
        what = self._step_part("what")
        where: list[Expr] = []
        when: list[syntax.When] = []
        count: int | None = None
        while True:
            if self._is_soft("where"):
                where.append(self._step_part("where"))
            elif self._is_soft("when"):
                self._next()
                self._expect("(")
                when.append(self._when())
                self._expect(")")
            elif self._is_soft("count") and count is None:
                count = self._count()
            else:
                break
        return syntax.Step(
            str(name.value), what, tuple(where), tuple(when), count, place=name.place, start=name.place
        )

    def _step_part(self, word: str) -> Expr:
        if not self._is_soft(word):
            raise self._error(self._peek(), (word.upper(),))
        self._next()
        self._expect("(")
        condition = self._expr()
        self._expect(")")
        return condition

    def _count(self) -> int:
        self._next()
        self._expect("(")
        token = self._peek()
        if token.kind != "integer":
            raise self._error(token, ("whole number",))
        if int(token.value) < 1:
            raise Unreadable(PqlError.at(token.place, "BAD_VALUE", "COUNT is at least 1", found=token.text))
        self._next()
        self._expect(")")
        return int(token.value)
