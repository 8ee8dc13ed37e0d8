"""Regular expressions that every engine understands alike, matched in linear time.

Only the common part of the dialects is let through, so a pattern means the same to Python, to RE2 and to Java. The
check is a small parser of its own; what it does not know it refuses, with a reason.

Patterns come from whoever writes a query, and Python's own matcher needs exponential time for some, `(a+)+$` among them.
So RE2 does the matching, here as in DuckDB: its time grows with the length of the text, times the size of the pattern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

REPEAT_MAX = 1000
"""The most repetitions linear-time engines accept, those of groups inside of groups multiplied."""

PATTERN_MAX = 10_000
"""Characters of a pattern."""

SIZE_MAX = 20_000
"""Instructions of RE2 that a pattern may become; `.{1000}` becomes 8 000. A text of a megabyte then takes seconds at worst."""

NESTING_MAX = 100
"""Groups inside of groups."""

_FLAGS = re.compile(r"(?:\(\?[ims]+\))+")
_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]+)(,([0-9]*))?\}")
_CLASSES = "dDwWsS"
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_SPACE = r"\t\n\x0B\f\r "
# A class cannot say "all but" of a part of it, and RE2 does not count the vertical tab as space.
_NO_SPACE = r"\x00-\x08\x0E-\x1F!-\x{10FFFF}"


class PatternError(ValueError):
    """The pattern is invalid, or outside of what all engines do alike."""


class Match:
    """Where a pattern was found."""

    def __init__(self, match: Any) -> None:
        self._match = match

    def group(self, number: int = 0) -> str | None:
        """The text of a group; None when it took no part."""
        found: bytes | None = self._match.group(number)
        return None if found is None else found.decode("utf-8", "surrogatepass")


class Matcher:
    """A pattern as RE2 compiled it."""

    def __init__(self, pattern: str) -> None:
        options = re2.Options()
        options.log_errors = False
        try:
            self._compiled = re2.compile(pattern.encode("utf-8", "surrogatepass"), options)
        except re2.error as error:
            raise PatternError(_reason(error)) from error
        if self._compiled.programsize > SIZE_MAX:
            raise PatternError("it repeats too much")

    def search(self, text: str) -> Match | None:
        """The first place where the pattern is found."""
        # Bytes spare the translation of offsets, and stored text may hold half of a character pair.
        found = self._compiled.search(text.encode("utf-8", "surrogatepass"))
        return None if found is None else Match(found)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked pattern.

    `python` finds it in a text; `re2` is its spelling for SQL. `certain` holds the groups that take part in every match.
    """

    python: Matcher
    re2: str
    groups: int
    certain: frozenset[int]


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Pattern:
    """Check a pattern and translate it.

    Raises:
        PatternError: It is invalid or too large, or uses look-around, back-references, atomic groups, possessive quantifiers
            or anything else that engines do differently.
    """
    if len(pattern) > PATTERN_MAX:
        raise PatternError(f"it is longer than {PATTERN_MAX} characters")
    reader = _Reader(pattern)
    reader.read()
    spelling = "".join(reader.parts)
    return Pattern(Matcher(spelling), spelling, reader.groups, frozenset(reader.certain))


def _reason(error: re2.error) -> str:
    reason = error.args[0] if error.args else "it is not valid"
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._nesting = 0
        self.parts: list[str] = []
        self.groups = 0
        self.certain: set[int] = set()

    def read(self) -> None:
        flags = _FLAGS.match(self._pattern)
        if flags:
            self._at = flags.end()
            self._emit(flags.group())
        self.certain = self._alternatives()
        if self._at < len(self._pattern):
            raise PatternError("a closing parenthesis has no opening one")

    def _emit(self, part: str) -> None:
        self.parts.append(part)

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
        elif character in "*+?{":
            raise PatternError(f"{character} has nothing to repeat; write \\\\{character} for the character")
        else:
            self._at += 1
            # A closing bracket that closes nothing stands for itself.
            self._emit(f"\\{character}" if character in "]}" else character)
            return set(), character not in "^$"
        return set(), True

    def _group(self) -> set[int]:
        own: set[int] = set()
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            raise PatternError(f"groups are nested deeper than {NESTING_MAX} levels")
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
        self._nesting -= 1
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
        begin = self._at
        if pattern.startswith("]", self._at):
            raise PatternError("a class needs at least one character")
        while not pattern.startswith("]", self._at):
            if self._at >= len(pattern):
                raise PatternError("a class is not closed")
            if pattern[self._at] == "[" or pattern.startswith(("&&", "--", "~~", "||"), self._at):
                raise PatternError(f"{pattern[self._at]} in a class needs a backslash")
            parts.append(self._class_part(begin))
        self._at += 1
        parts.append("]")
        self._emit("".join(parts))

    def _class_part(self, begin: int) -> str:
        """A character of the class that begins at an index, or an escape that stands for several."""
        character = self._pattern[self._at]
        if character != "\\":
            self._at += 1
            return "\\^" if character == "^" else character
        code = self._pattern[self._at + 1 : self._at + 2]
        if not code or code not in _CLASSES:
            return self._escaped_character()
        if self._at - 1 > begin and self._pattern[self._at - 2 : self._at] != "\\-":
            self._refuse_range(self._pattern[self._at - 1] == "-")
        self._at += 2
        self._refuse_range(
            self._pattern.startswith("-", self._at) and self._pattern[self._at + 1 :][:1] != "]"
        )
        if code in "sS":
            return _SPACE if code == "s" else _NO_SPACE
        return f"\\{code}"

    @staticmethod
    def _refuse_range(is_range: bool) -> None:
        if is_range:
            raise PatternError("a range in a class goes from one character to another")
