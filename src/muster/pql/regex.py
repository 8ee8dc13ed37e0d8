"""Regular expressions that every engine understands alike.

Only the common part of the dialects is let through, so a pattern means the same to Python, to RE2 and to Java. The
check is a small parser of its own; what it does not know it refuses, with a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

REPEAT_MAX = 1000
"""The most repetitions linear-time engines accept."""

_FLAGS = re.compile(r"\(\?([ims]+)\)")
_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]+)(,([0-9]*))?\}")
_CLASSES = "dDwWsS"
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_SPACE = r"\t\n\x0B\f\r "


class PatternError(ValueError):
    """The pattern is invalid, or outside of what all engines do alike."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked pattern.

    `python` and `re2` are its spellings for the two engines; `re2` is None when RE2 has none. `certain` holds the groups
    that take part in every match.
    """

    python: re.Pattern[str]
    re2: str | None
    groups: int
    certain: frozenset[int]


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Pattern:
    """Check a pattern and translate it.

    Raises:
        PatternError: It is invalid, or uses look-around, back-references, atomic groups, possessive quantifiers or
            anything else that engines do differently.
    """
    reader = _Reader(pattern)
    reader.read()
    try:
        compiled = re.compile("".join(reader.python), re.ASCII)
    except re.error as error:
        raise PatternError(str(error)) from error
    re2 = None if reader.only_python else "".join(reader.re2)
    return Pattern(compiled, re2, reader.groups, frozenset(reader.certain))


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._multiline = False
        self.python: list[str] = []
        self.re2: list[str] = []
        self.groups = 0
        self.certain: set[int] = set()
        self.only_python = False

    def read(self) -> None:
        flags = _FLAGS.match(self._pattern)
        if flags:
            self._at = flags.end()
            self._multiline = "m" in flags.group(1)
            self._emit(flags.group())
        self.certain = self._alternatives()
        if self._at < len(self._pattern):
            raise PatternError("a closing parenthesis has no opening one")

    def _emit(self, python: str, re2: str | None = None) -> None:
        self.python.append(python)
        self.re2.append(python if re2 is None else re2)

    def _alternatives(self) -> set[int]:
        """Read up to the end or a closing parenthesis; gives the groups that take part whatever matches."""
        certain = self._sequence()
        branches = 1
        while self._pattern.startswith("|", self._at):
            self._at += 1
            self._emit("|")
            self._sequence()
            branches += 1
        return certain if branches == 1 else set()

    def _sequence(self) -> set[int]:
        certain: set[int] = set()
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            inside, repeatable = self._atom()
            if self._quantifier(repeatable):
                certain |= inside
        return certain

    def _atom(self) -> tuple[set[int], bool]:
        character = self._pattern[self._at]
        if character == "(":
            return self._group(), True
        if character == "[":
            self._class()
        elif character == "\\":
            return set(), self._escape()
        elif character in "*+?{}":
            raise PatternError(f"{character} has nothing to repeat; write \\\\{character} for the character")
        elif character == "]":
            raise PatternError("a closing bracket has no opening one")
        else:
            self._at += 1
            # Without the m flag Python's $ also stands before a last line end; \Z never does.
            self._emit(r"\Z" if character == "$" and not self._multiline else character, character)
            return set(), character not in "^$"
        return set(), True

    def _group(self) -> set[int]:
        own: set[int] = set()
        if self._pattern.startswith("(?:", self._at):
            self._at += 3
            self._emit("(?:")
        elif self._pattern.startswith("(?", self._at):
            raise PatternError("only (?:…), and (?i) (?s) (?m) at the start, may follow (?")
        else:
            self._at += 1
            self.groups += 1
            own = {self.groups}
            self._emit("(")
        own |= self._alternatives()
        if not self._pattern.startswith(")", self._at):
            raise PatternError("a parenthesis is not closed")
        self._at += 1
        self._emit(")")
        return own

    def _quantifier(self, repeatable: bool) -> bool:
        """Read a quantifier, if there is one; whether what it repeats takes part in every match."""
        match = _QUANTIFIER.match(self._pattern, self._at)
        if match is None:
            return True
        if not repeatable:
            raise PatternError(f"{match.group()} repeats a position")
        sign = match.group()
        least = 1 if sign == "+" else 0
        if match.group(1) is not None:
            least = int(match.group(1))
            most = int(match.group(3)) if match.group(3) else least
            if max(least, most) > REPEAT_MAX or most < least:
                raise PatternError(f"{sign} repeats too often or backwards")
        self._at = match.end()
        if self._pattern.startswith("?", self._at):
            self._at += 1
            sign += "?"
        if _QUANTIFIER.match(self._pattern, self._at):
            raise PatternError("possessive and doubled quantifiers are not supported")
        self._emit(sign)
        return least > 0

    def _escape(self) -> bool:
        """Read an escape outside of a class; whether it may be repeated."""
        code = self._pattern[self._at + 1 : self._at + 2]
        if code in ("b", "B"):
            self._at += 2
            self._emit(f"\\{code}")
            return False
        if code and code in "sS":
            self._at += 2
            self._emit(f"[{'^' if code == 'S' else ''}{_SPACE}]")
        elif code and code in _CLASSES:
            self._at += 2
            self._emit(f"\\{code}")
        else:
            self._emit(self._escaped_character())
        return True

    def _escaped_character(self) -> str:
        code = self._pattern[self._at + 1 : self._at + 2]
        if not code or (code not in _CONTROLS and (code.isalnum() or not code.isascii() or code == "_")):
            raise PatternError(f"the escape \\{code} is not supported")
        self._at += 2
        return f"\\{code}"

    def _class(self) -> None:
        pattern = self._pattern
        self._at += 1
        parts = ["["]
        if pattern.startswith("^", self._at):
            parts.append("^")
            self._at += 1
        if pattern.startswith("]", self._at):
            raise PatternError("a class needs at least one character")
        while not pattern.startswith("]", self._at):
            if self._at >= len(pattern):
                raise PatternError("a class is not closed")
            if pattern[self._at] == "[" or pattern.startswith(("&&", "--", "~~", "||"), self._at):
                raise PatternError(f"{pattern[self._at]} in a class needs a backslash")
            parts.append(self._class_part())
        self._at += 1
        parts.append("]")
        self._emit("".join(parts))

    def _class_part(self) -> str:
        character = self._pattern[self._at]
        if character != "\\":
            self._at += 1
            return "\\^" if character == "^" else character
        code = self._pattern[self._at + 1 : self._at + 2]
        if not code or code not in _CLASSES:
            return self._escaped_character()
        self._at += 2
        if code == "S":
            # RE2 does not count the vertical tab as space, and a class cannot say "all but".
            self.only_python = True
        return _SPACE if code == "s" else f"\\{code}"
