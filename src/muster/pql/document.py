"""Text that may be laid out on one line or on several.

A document is built once and rendered flat or to a width. A `Group` is tried on one line; where it does not fit, its
own lines break, and the groups inside are tried anew. Every document knows its width on one line, so that a trial is
a comparison, and rendering works through a stack of its own: neither long nor deeply nested texts are dear.

Source: Wadler, "A prettier printer" (2003); the layout rule of the rest of the line is that paper's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

INDENT = 2


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that stay together."""

    text: str

    @property
    def width(self) -> int:
        return len(self.text)

    @property
    def breakable(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Line:
    """A place where the text may break; otherwise it reads `flat`."""

    flat: str = " "

    @property
    def width(self) -> int:
        return len(self.flat)

    @property
    def breakable(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Joined:
    """Documents one after the other."""

    parts: tuple[Document, ...]
    width: int = field(init=False)
    breakable: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", sum(part.width for part in self.parts))
        object.__setattr__(self, "breakable", any(part.breakable for part in self.parts))


@dataclass(frozen=True, slots=True)
class Indented:
    """A document whose broken lines stand further right."""

    part: Document

    @property
    def width(self) -> int:
        return self.part.width

    @property
    def breakable(self) -> bool:
        return self.part.breakable


@dataclass(frozen=True, slots=True)
class Group:
    """A document whose lines break all together, or not at all."""

    part: Document
    width: int = field(init=False)
    breakable: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", self.part.width)
        object.__setattr__(self, "breakable", self.part.breakable)


Document = Text | Line | Joined | Indented | Group

SPACE = Line()
SEAM = Line("")
"""A place to break where no space stands."""


def join(*parts: Document | str) -> Document:
    """The parts one after the other."""
    return Joined(tuple(Text(part) if isinstance(part, str) else part for part in parts))


def separated(items: Iterable[Document], separator: Document | str) -> Document:
    """The items with the separator between them."""
    parts: list[Document | str] = []
    for item in items:
        parts += (separator, item) if parts else (item,)
    return join(*parts)


def enclosed(opening: str, inner: Document, closing: str) -> Document:
    """`inner` in brackets, on lines of its own where it does not fit."""
    return Group(join(opening, Indented(join(SEAM, inner)), SEAM, closing))


def render_flat(document: Document) -> str:
    """The document on one line."""
    pieces: list[str] = []
    stack = [document]
    while stack:
        match stack.pop():
            case Text(text) | Line(text):
                pieces.append(text)
            case Joined(parts):
                stack.extend(reversed(parts))
            case Indented(part) | Group(part):
                stack.append(part)
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class _Task:
    document: Document
    indent: int
    broken: bool


def render(document: Document, width: int) -> str:
    """The document in lines of at most `width` characters, where its texts allow it."""
    pieces: list[str] = []
    column = 0
    stack = [_Task(document, 0, True)]
    while stack:
        task = stack.pop()
        match task.document:
            case Line() if task.broken:
                pieces.append("\n" + " " * task.indent)
                column = task.indent
            case Text(text) | Line(text):
                pieces.append(text)
                column += len(text)
            case Joined(parts):
                stack.extend(_Task(part, task.indent, task.broken) for part in reversed(parts))
            case Indented(part):
                stack.append(_Task(part, task.indent + INDENT, task.broken))
            case Group(part) as group:
                broken = task.broken and not _fits(group, stack, width - column)
                stack.append(_Task(part, task.indent, broken))
    return "".join(pieces)


def _fits(group: Group, rest: list[_Task], room: int) -> bool:
    """Whether the group, and what follows it up to the next place to break, fits into the room."""
    room -= group.width
    for task in reversed(rest):
        if room < 0:
            return False
        if not task.broken:
            room -= task.document.width
            continue
        following = [task.document]
        while following and room >= 0:
            match following.pop():
                case Line():
                    return True
                case Text(text):
                    room -= len(text)
                case Joined(parts):
                    following.extend(reversed(parts))
                case Indented(part) | Group(part):
                    following.append(part)
    return room >= 0
