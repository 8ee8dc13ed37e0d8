"""Text of a query → tokens.

The lexer never raises. What is wrong with a token is noted at it, and where the intention is plain the token is what was
meant: `==` becomes `=`, text in single quotes becomes text. Else it is of kind `bad`. What has no end ends the reading.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from muster.pql.errors import Code, Place, PqlError
from muster.pql.syntax import RESERVED

INTEGER_MAX = 2**63 - 1

_FOREIGN = {"==": "=", "<>": "!=", "&&": "and", "||": "or"}
_QUOTES = "'‘’‚‛“”„«»"
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<name>[^\W\d]\w*)
    | (?P<foreign>==+|<>|&&|\|\|)
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<fraction>\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    | (?P<operator>=>|!=|>=|<=|[=><+\-*/%!()\[\]{},:.^])
    | "(?P<string>[^"\\\r\n\ud800-\udfff]*)"
    | `(?P<quoted>(?:[^`\r\n]|``)+)`(?!`)
    | \$(?P<parameter>[0-9]{1,9})(?![0-9])
    """,
    re.VERBOSE,
)
_LINE_END = re.compile(r"\r\n?|\n")
_STRING_PART = re.compile(r'[^"\\\r\n\ud800-\udfff]+')
_FOREIGN_STRING = re.compile(rf"[{_QUOTES}]([^{_QUOTES}\r\n]*)[{_QUOTES}]")
_HEX = re.compile(r"[0-9a-fA-F]{4}")

Kind = Literal["name", "quoted", "word", "string", "integer", "double", "parameter", "operator", "end", "bad"]


class Token(NamedTuple):
    """One token. `text` is the spelling (lower-cased for words), `value` what a literal or a name means."""

    kind: Kind
    text: str
    place: Place
    value: str | int | float = ""
    error: PqlError | None = None


def tokenize(text: str) -> list[Token]:
    """Split a query into tokens; the last one is of kind `end`."""
    return _Lexer(text).tokens()


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._line_start = 0
        self._found: list[Token] = []

    def tokens(self) -> list[Token]:
        text, found, length = self._text, self._found, len(self._text)
        while self._at < length:
            at = self._at
            match = _TOKEN.match(text, at)
            if match is None:
                self._odd()
                continue
            self._at = match.end()
            if match.lastgroup == "space":
                self._count_lines(match.group(), at)
                continue
            place = Place(self._line, at - self._line_start + 1, self._at - at)
            found.append(self._token(match, str(match.lastgroup), place))
        found.append(Token("end", "", self._place(self._at, 0)))
        return found

    def _count_lines(self, space: str, at: int) -> None:
        for end in _LINE_END.finditer(space):
            self._line += 1
            self._line_start = at + end.end()

    def _place(self, at: int, length: int) -> Place:
        return Place(self._line, at - self._line_start + 1, length)

    def _error(
        self, at: int, message: str, *, hint: str | None = None, code: Code = "SYNTAX", length: int = 1
    ) -> PqlError:
        found = self._text[at : at + length]
        return PqlError.at(self._place(at, 1), code, message, found=found, suggestion=hint)

    def _token(self, match: re.Match[str], kind: str, place: Place) -> Token:
        """The token that a match of the table is."""
        text = match.group()
        match kind:
            case "name":
                return self._word(text, place)
            case "operator":
                return Token("operator", text, place)
            case "string":
                return Token("string", text, place, match.group("string"))
            case "number":
                return self._number(text, place)
            case "fraction":
                if self._found and _ends_operand(self._found[-1]):
                    # After an operand the dot continues a path: `a.5` is not `a` and a number.
                    self._at = match.start() + 1
                    return Token("operator", ".", self._place(match.start(), 1))
                return self._number(text, place)
            case "quoted":
                return Token("quoted", text, place, match.group("quoted").replace("``", "`"))
            case "parameter":
                return Token("parameter", text, place, int(match.group("parameter")))
        meant = _FOREIGN[text[:2]]
        error = self._error(match.start(), f"{text[:2]} is no operator", hint=meant, length=2)
        return Token("word" if meant.isalpha() else "operator", meant, place, meant, error)

    def _word(self, text: str, place: Place) -> Token:
        if not (text.isascii() or text[0].isalpha() or text[0] == "_"):
            # The table also lets numerals such as ² begin a name.
            self._at = self._at - len(text) + 1
            return self._bad(self._at - 1)
        folded = text.lower()
        if folded in RESERVED:
            return Token("word", folded, place, text)
        return Token("name", text, place, text)

    def _number(self, digits: str, place: Place) -> Token:
        at = self._at - len(digits)
        if digits.isdigit():
            # Comparing lengths first: int() of a very long text is slow, and limited by the interpreter.
            if len(digits.lstrip("0")) > 19 or int(digits.lstrip("0") or "0") > INTEGER_MAX:
                error = self._error(
                    at, "the number is larger than 64 bits hold", code="BAD_VALUE", length=len(digits)
                )
                return Token("integer", digits, place, INTEGER_MAX, error)
            return Token("integer", digits, place, int(digits.lstrip("0") or "0"))
        value = float(digits)
        if value == float("inf"):
            error = self._error(
                at, "the number is larger than a double holds", code="BAD_VALUE", length=len(digits)
            )
            return Token("double", digits, place, 1.0, error)
        return Token("double", digits, place, value)

    # --- what is in no table

    def _odd(self) -> None:
        text, at = self._text, self._at
        character = text[at]
        if character == '"':
            self._found.append(self._string())
        elif character in _QUOTES:
            self._found.append(self._foreign_string())
        elif character == "`":
            self._found.append(self._unclosed_name())
        elif character == "$":
            self._at += 1
            while self._at < len(text) and "0" <= text[self._at] <= "9":
                self._at += 1
            error = self._error(at, "a parameter is $ and a number", hint="$1")
            self._found.append(Token("parameter", "$", self._place(at, 1), 1, error))
        else:
            self._at += 1
            self._found.append(self._bad(at))

    def _bad(self, at: int) -> Token:
        character = self._text[at]
        error = self._error(at, f"the character {character!r} has no meaning here")
        return Token("bad", character, self._place(at, 1), error=error)

    def _endless(self, at: int, message: str) -> Token:
        """Something without an end: nobody knows what the text behind it is, so that is not read."""
        self._at = len(self._text)
        return Token("bad", self._text[at], self._place(at, 1), error=self._error(at, message))

    def _foreign_string(self) -> Token:
        at = self._at
        message = "text stands between straight double quotes"
        match = _FOREIGN_STRING.match(self._text, at)
        if match is None:
            return self._endless(at, message)._replace(error=self._error(at, message, hint='"'))
        self._at = match.end()
        place = self._place(at, match.end() - at)
        return Token("string", match.group(), place, match.group(1), self._error(at, message, hint='"'))

    def _unclosed_name(self) -> Token:
        at = self._at
        if self._text.startswith("``", at) and not self._text.startswith("```", at):
            self._at += 2
            return self._bad(at)._replace(error=self._error(at, "a quoted name needs at least one character"))
        return self._endless(at, "the quoted name is not closed")

    def _string(self) -> Token:
        """A string with escapes. One that does not exist stays as it is written; only the first is an error."""
        text, start, at = self._text, self._at, self._at + 1
        parts: list[str] = []
        error: PqlError | None = None
        while at < len(text) and text[at] not in "\r\n":
            character = text[at]
            part = _STRING_PART.match(text, at)
            if part is not None:
                parts.append(part.group())
                at = part.end()
            elif character == '"':
                self._at = at + 1
                place = self._place(start, self._at - start)
                return Token("string", text[start : self._at], place, "".join(parts), error)
            elif character == "\\":
                escaped = _read_escape(text, at)
                if escaped is None:
                    error = error or self._error(at, "this escape does not exist", hint="\\\\")
                parts.append("\\" if escaped is None else escaped[0])
                at = at + 1 if escaped is None else escaped[1]
            else:
                error = error or self._error(at, "half a character pair")
                at += 1
        bad = self._endless(start, "the text is not closed")
        return bad if error is None else bad._replace(error=error)


def _ends_operand(token: Token) -> bool:
    if token.kind in ("name", "quoted", "parameter", "string"):
        return True
    return token.kind in ("operator", "word") and token.text in (")", "]", "}", "this")


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
