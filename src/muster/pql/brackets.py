"""The brackets of a list of tokens, seen as a whole: what lies ahead, and where an operand ends that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from muster.pql.lexer import Token
from muster.pql.syntax import COMPARISONS

_PAIRS = {")": "(", "]": "[", "}": "{"}
_OPENING = frozenset(_PAIRS.values())
_OVER_STOPS = frozenset((",", ")", "]", "}", ":", "and", "or", "not", "where", "in", *COMPARISONS))
# What follows these on the same level may use a name that they bind, or takes an `and` or a comma for itself.
_BINDING = frozenset(("exists", "forall", "select", "from", "let", "where", "over", "between", "=>", ":"))
_SOFT_QUANTIFIERS = frozenset(("some", "all", "none", "one"))


class Brackets:
    """Looks at all tokens at once; each question after that is cheap."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens

    def sees_over(self, at: int) -> bool:
        """Whether an `over` belongs to the operand that begins at a token."""
        return self._over[at]

    def end_of_operand(self, begin: int, failed: int) -> int:
        """Where reading goes on when the operand that begins at `begin` failed at `failed`.

        That is the next `and` or `or` beside it, in a list the next comma, or the bracket that closes around it; the end of the
        text when brackets do not match. Where the operand binds a name, only the bracket will do.
        """
        end = len(self._tokens) - 1
        openers, mismatch = self._enclosing
        group = openers[begin]
        stops = (",",) if group >= 0 and self._is_list(group) else ("and", "or")
        binding = False
        for index in range(begin, min(end, mismatch)):
            if openers[index] != group:
                continue
            text = self._sign(index)
            binding = binding or text in _BINDING or self._is_soft_quantifier(index)
            if index < failed:
                continue
            if text in _PAIRS or (not binding and text in stops):
                return index
        return end

    def _sign(self, index: int) -> str:
        token = self._tokens[index]
        return token.text if token.kind in ("operator", "word") else ""

    def _is_soft_quantifier(self, index: int) -> bool:
        token, following = self._tokens[index], self._tokens[index + 1]
        return (
            token.kind == "name"
            and token.text.lower() in _SOFT_QUANTIFIERS
            and following.kind in ("name", "quoted")
        )

    def _is_list(self, opener: int) -> bool:
        """Whether commas separate the operands between a bracket and its counterpart."""
        before = self._tokens[opener - 1] if opener else None
        match self._tokens[opener].text:
            case "(":
                called = before is not None and before.kind in ("name", "quoted")
                return called or (opener > 0 and self._sign(opener - 1) in ("if", "exists"))
            case "[":
                operand = before is not None and before.kind in ("name", "quoted", "parameter", "string")
                return not operand and not (opener and self._sign(opener - 1) in (*_PAIRS, "this"))
        return True

    @cached_property
    def _enclosing(self) -> tuple[list[int], int]:
        """For each token the bracket that opens around it, -1 outside of all; and the first that closes none."""
        openers: list[int] = []
        stack = [-1]
        mismatch = len(self._tokens)
        for index in range(len(self._tokens)):
            sign = self._sign(index)
            openers.append(stack[-1])
            if sign in _OPENING:
                stack.append(index)
            elif sign in _PAIRS:
                if stack[-1] < 0 or self._tokens[stack[-1]].text != _PAIRS[sign]:
                    mismatch = index
                    break
                stack.pop()
        openers.extend([-1] * (len(self._tokens) - len(openers)))
        return openers, mismatch

    @cached_property
    def _over(self) -> list[bool]:
        """For each token whether an `over` follows before something that ends the operand. One pass from the end."""
        seen = [False] * (len(self._tokens) + 1)
        closers: list[int] = []
        for index in range(len(self._tokens) - 1, -1, -1):
            sign = self._sign(index)
            if sign == "over":
                seen[index] = True
            elif sign in _PAIRS:
                closers.append(index)
            elif sign in _OPENING:
                # What is inside the brackets does not count.
                seen[index] = bool(closers) and seen[closers.pop() + 1]
            elif sign not in _OVER_STOPS and self._tokens[index].kind != "end":
                seen[index] = seen[index + 1]
        return seen
