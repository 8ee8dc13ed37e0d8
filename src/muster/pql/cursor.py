"""Where a reading of tokens is, what is wrong so far, and how it goes on after an error."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from muster.pql import syntax
from muster.pql.brackets import Brackets
from muster.pql.errors import ERRORS_MAX, PqlError, Unreadable
from muster.pql.lexer import Token
from muster.pql.syntax import DEPTH_MAX

T = TypeVar("T")


class Cursor:
    """Reads token by token, and goes on behind what cannot be read; a grammar is a subclass."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._brackets = Brackets(tokens)
        self._errors: list[PqlError] = []
        self._last = 0
        self._resumed = -1
        self._failed = False
        self._ended = False

    @property
    def errors(self) -> tuple[PqlError, ...]:
        """What is wrong, the tokens included."""
        flawed = (token.error for token in self._tokens if token.error is not None and token.kind != "bad")
        return (*islice(flawed, ERRORS_MAX), *self._errors)

    # --- tokens

    def _peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._peek()
        if token.kind in ("end", "bad"):
            raise self._error(token, ())
        self._at += 1
        return token

    def _is(self, text: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token.kind in ("operator", "word") and token.text == text

    def _is_soft(self, word: str, ahead: int = 0) -> bool:
        """Whether a word that is special only in its place stands here."""
        token = self._peek(ahead)
        return token.kind in ("name", "word") and token.text.lower() == word

    def _is_name(self, ahead: int = 0) -> bool:
        return self._peek(ahead).kind in ("name", "quoted")

    def _accept(self, text: str) -> Token | None:
        return self._next() if self._is(text) else None

    def _expect(self, text: str) -> Token:
        if not self._is(text):
            raise self._error(self._peek(), (text,))
        return self._next()

    def _error(
        self, token: Token, expected: tuple[str, ...], message: str = "", hint: str = ""
    ) -> Unreadable:
        if token.error is not None:
            return Unreadable(token.error)
        found = "end of the query" if token.kind == "end" else token.text
        suggestion = hint or None
        if token.kind == "word" and token.text == "null" and not hint:
            suggestion = "isNull()"
        elif token.kind == "word" and expected == ("name",) and not hint:
            suggestion = f"`{token.value}`"
        wanted = " or ".join(expected)
        text = message or (f"{wanted} expected, {found} found" if wanted else f"{found} does not fit here")
        return Unreadable(
            PqlError.at(token.place, "SYNTAX", text, expected=expected, found=found, suggestion=suggestion)
        )

    def _name(self) -> Token:
        if not self._is_name():
            raise self._error(self._peek(), ("name",))
        return self._next()

    def _nested(self, read: Callable[[], T], levels: int = 1) -> T:
        self._depth += levels
        self._check_depth(self._depth)
        result = read()
        self._depth -= levels
        return result

    def _check_depth(self, depth: int) -> None:
        if depth > DEPTH_MAX:
            error = self._error(self._peek(), (), f"the query is nested deeper than {DEPTH_MAX} levels")
            # Whatever follows there is as deep: one error is enough.
            self._note(error, len(self._errors))
            self._end()
            raise error

    # --- errors

    def _guarded(self, read: Callable[[], T]) -> T | syntax.Broken:
        """What `read` gives; where it fails, the error is noted and the rest of the operand is left out."""
        begin, depth = self._at, self._depth
        self._last = len(self._errors)
        known = self._last
        try:
            return read()
        except Unreadable as failure:
            self._note(failure, known)
            self._recover(begin)
            self._depth = depth
            self._failed = True
        finally:
            self._last = known
        place = self._tokens[begin].place
        return syntax.Broken(place=place, start=place)

    def _note(self, failure: Unreadable, known: int) -> None:
        """Note an error of an operand, before which so many were known; one of each operand is enough."""
        if self._ended:
            return
        if self._at == self._resumed:
            # Nothing was read since the last error, so this one only follows from it.
            self._end()
        elif not (len(self._errors) > known or self._is_flawed(self._at) or self._is_flawed(self._at - 1)):
            self._errors.append(failure.error)
            if len(self._errors) == ERRORS_MAX:
                self._end()

    def _is_flawed(self, index: int) -> bool:
        """Whether the token was read in spite of an error; what does not fit beside it only follows from that."""
        token = self._tokens[index]
        return token.error is not None and token.kind != "bad"

    def _recover(self, begin: int) -> None:
        """Go to the end of the operand that begins at a token."""
        if not self._ended:
            self._at = self._resumed = self._brackets.end_of_operand(begin, self._at)

    def _end(self) -> None:
        """Leave the rest out; nothing is noted any more."""
        self._ended = True
        self._at = len(self._tokens) - 1
