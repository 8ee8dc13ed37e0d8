"""Text of a query → tokens.

The lexer never raises: what is no token becomes one of kind `bad` that carries its error. The parser reports it when
it gets there, so an earlier mistake is reported first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from muster.pql.errors import Code, Place, PqlError
from muster.pql.syntax import RESERVED

INTEGER_MAX = 2**63 - 1

_OPERATORS = ("=>", "!=", ">=", "<=", "=", ">", "<", "+", "-", "*", "/", "%", "!")
_PUNCTUATION = ("(", ")", "[", "]", "{", "}", ",", ":", ".", "^")
_FOREIGN = {"==": "=", "<>": "!=", "&&": "and", "||": "or"}
_QUOTES = frozenset("'‘’‚‛“”„«»")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?")
_HEX = re.compile(r"[0-9a-fA-F]{4}")

Kind = Literal["name", "quoted", "word", "string", "integer", "double", "parameter", "operator", "end", "bad"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `text` is the spelling (lower-cased for words), `value` what a literal or a name means."""

    kind: Kind
    text: str
    place: Place
    value: str | int | float = ""
    error: PqlError | None = None


def tokenize(text: str) -> list[Token]:
    """Split a query into tokens; the last one is of kind `end` or `bad`."""
    return list(_Lexer(text).tokens())


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._line_start = 0

    def tokens(self) -> Iterator[Token]:
        previous: Token | None = None
        while True:
            self._skip_space()
            previous = self._token(previous)
            yield previous
            if previous.kind in ("end", "bad"):
                return

    def _skip_space(self) -> None:
        text = self._text
        while self._at < len(text) and text[self._at].isspace():
            character = text[self._at]
            self._at += 1
            if character == "\n" or (character == "\r" and text[self._at : self._at + 1] != "\n"):
                self._line += 1
                self._line_start = self._at

    def _place(self, start: int, length: int) -> Place:
        return Place(self._line, start - self._line_start + 1, length)

    def _make(self, kind: Kind, end: int, value: str | int | float = "", *, fold: bool = False) -> Token:
        start = self._at
        self._at = end
        spelling = self._text[start:end]
        return Token(kind, spelling.lower() if fold else spelling, self._place(start, end - start), value)

    def _bad(self, at: int, message: str, *, suggestion: str | None = None, code: Code = "SYNTAX") -> Token:
        place = self._place(at, 1)
        error = PqlError.at(place, code, message, found=self._text[at : at + 1], suggestion=suggestion)
        return Token("bad", self._text[at : at + 1], place, error=error)

    def _token(self, previous: Token | None) -> Token:
        text, at = self._text, self._at
        if at >= len(text):
            return Token("end", "", self._place(at, 0))
        character = text[at]
        if character.isalpha() or character == "_":
            return self._word()
        if "0" <= character <= "9" or (character == "." and not _ends_operand(previous)):
            number = self._number()
            if number is not None:
                return number
        if character == '"':
            return self._string()
        if character == "`":
            return self._quoted()
        if character == "$":
            return self._parameter()
        if character in _QUOTES:
            return self._bad(at, "text stands between straight double quotes", suggestion='"')
        pair = text[at : at + 2]
        if pair in _FOREIGN:
            return self._bad(at, f"{pair} is no operator", suggestion=_FOREIGN[pair])
        for operator in (*_OPERATORS, *_PUNCTUATION):
            if text.startswith(operator, at):
                return self._make("operator", at + len(operator))
        return self._bad(at, f"the character {character!r} has no meaning here")

    def _word(self) -> Token:
        text, end = self._text, self._at
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        name = text[self._at : end]
        if name.lower() in RESERVED:
            return self._make("word", end, name, fold=True)
        return self._make("name", end, name)

    def _number(self) -> Token | None:
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            return None
        digits = match.group()
        if digits.isdigit():
            # Comparing lengths first: int() of a very long text is slow, and limited by the interpreter.
            if len(digits.lstrip("0")) > 19 or int(digits) > INTEGER_MAX:
                return self._bad(self._at, "the number is larger than 64 bits hold", code="BAD_VALUE")
            return self._make("integer", match.end(), int(digits))
        value = float(digits)
        if value == float("inf"):
            return self._bad(self._at, "the number is larger than a double holds", code="BAD_VALUE")
        return self._make("double", match.end(), value)

    def _parameter(self) -> Token:
        end = self._at + 1
        while end < len(self._text) and "0" <= self._text[end] <= "9":
            end += 1
        digits = self._text[self._at + 1 : end]
        if not digits or len(digits) > 9:
            return self._bad(self._at, "a parameter is $ and a number", suggestion="$1")
        return self._make("parameter", end, int(digits))

    def _quoted(self) -> Token:
        text, at = self._text, self._at + 1
        parts: list[str] = []
        while at < len(text) and text[at] not in "\r\n":
            if text[at] != "`":
                parts.append(text[at])
                at += 1
            elif text[at + 1 : at + 2] == "`":
                parts.append("`")
                at += 2
            elif not parts:
                return self._bad(self._at, "a quoted name needs at least one character")
            else:
                return self._make("quoted", at + 1, "".join(parts))
        return self._bad(self._at, "the quoted name is not closed")

    def _string(self) -> Token:
        text, at = self._text, self._at + 1
        parts: list[str] = []
        while at < len(text) and text[at] not in "\r\n":
            character = text[at]
            if character == '"':
                return self._make("string", at + 1, "".join(parts))
            if character == "\\":
                escaped = _read_escape(text, at)
                if escaped is None:
                    return self._bad(at, "this escape does not exist", suggestion="\\\\")
                parts.append(escaped[0])
                at = escaped[1]
            elif "\ud800" <= character <= "\udfff":
                return self._bad(at, "half a character pair")
            else:
                parts.append(character)
                at += 1
        return self._bad(self._at, "the text is not closed")


def _ends_operand(token: Token | None) -> bool:
    """Whether a dot after this token continues a path, so that `a.5` is not `a` and a number."""
    if token is None:
        return False
    return token.kind in ("name", "quoted", "parameter", "string") or token.text in (")", "]", "}", "this")


def _read_escape(text: str, at: int) -> tuple[str, int] | None:
    """The character that the escape at `at` means, and the index after it; None when there is no such escape."""
    character = text[at + 1 : at + 2]
    if character in _ESCAPES and character:
        return _ESCAPES[character], at + 2
    unit = _read_unit(text, at)
    if unit is None:
        return None
    if 0xD800 <= unit <= 0xDBFF:
        low = _read_unit(text, at + 6)
        if low is None or not 0xDC00 <= low <= 0xDFFF:
            return None
        return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), at + 12
    if 0xDC00 <= unit <= 0xDFFF:
        return None
    return chr(unit), at + 6


def _read_unit(text: str, at: int) -> int | None:
    if text[at : at + 2] != "\\u":
        return None
    match = _HEX.match(text, at + 2)
    return int(match.group(), 16) if match else None
