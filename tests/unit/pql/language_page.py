"""The page about the language, read as examples: what each block and each table row claims of a query.

A fence says by its tag what it holds. A table whose header has a column `example` claims something in each of its rows, and other
columns of the header say what. Whatever is neither is refused, so no example is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PATH = Path(__file__).resolve().parents[3] / "docs" / "pql.md"

_FENCE = re.compile(r"```([\w-]+)")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_CELL_END = re.compile(r"(?<!\\)\|")
_FOUND = re.compile(r"→ ([\d,]+) households?\b")


@dataclass(frozen=True, slots=True)
class Counted:
    """So many households satisfy the query."""

    line: int
    query: str
    households: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The query is refused with these problems, one a line."""

    line: int
    query: str
    problems: str


@dataclass(frozen=True, slots=True)
class Warned:
    """The query is valid and earns this warning; `suggestion` is empty when there is none."""

    line: int
    query: str
    code: str
    message: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Qualified:
    """Whether the query may be evaluated by the methods besides batch."""

    line: int
    query: str
    streaming: bool
    edge: bool


@dataclass(frozen=True, slots=True)
class Forms:
    """The same query as text and as JSON."""

    line: int
    text: str
    json: str


@dataclass(frozen=True, slots=True)
class Session:
    """A command on a console, and what it prints."""

    line: int
    command: str
    output: str


@dataclass(slots=True)
class Page:
    """Everything that a page claims, in its order; `sessions` of Python are the page's own text."""

    text: str
    counted: list[Counted] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    warned: list[Warned] = field(default_factory=list)
    qualified: list[Qualified] = field(default_factory=list)
    forms: list[Forms] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    python: str = ""

    @property
    def valid_queries(self) -> list[tuple[int, str]]:
        """Line and text of every query that must be accepted."""
        queries: list[Counted | Warned | Qualified] = [*self.counted, *self.warned, *self.qualified]
        forms = [(each.line, each.text) for each in self.forms]
        return [*((each.line, each.query) for each in queries), *forms]


class Unclear(Exception):
    """A part of the page claims something that cannot be read."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"docs/pql.md:{line}: {problem}")


@dataclass(frozen=True, slots=True)
class _Block:
    """A fence. `line` is that of its first line of content; `after` is the index of the line behind it."""

    tag: str
    line: int
    content: str
    after: int


def read_page(text: str) -> Page:
    """The claims of a page. Raises `Unclear`."""
    page = Page(text)
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        if lines[at].startswith("```"):
            block = _block(lines, at)
            at = _take_block(page, lines, block)
        elif lines[at].startswith("|"):
            end = next((i for i in range(at, len(lines)) if not lines[i].startswith("|")), len(lines))
            _take_table(page, lines[at:end], at + 1)
            at = end
        else:
            at += 1
    return page


# --- blocks


def _block(lines: Sequence[str], at: int) -> _Block:
    opening = _FENCE.fullmatch(lines[at])
    if opening is None:
        raise Unclear(at + 1, "a block needs a tag that says what it holds")
    end = next((i for i in range(at + 1, len(lines)) if lines[i] == "```"), None)
    if end is None:
        raise Unclear(at + 1, "the block has no end")
    return _Block(opening.group(1), at + 2, "\n".join(lines[at + 1 : end]), end + 1)


def _take_block(page: Page, lines: Sequence[str], block: _Block) -> int:
    """Note what a block claims; gives the index of the line to go on with."""
    match block.tag:
        case "pql":
            return _take_queries(page, lines, block)
        case "pql-error":
            answer = _next_block(lines, block, "text")
            page.refused.append(Refused(answer.line, block.content, answer.content))
            return answer.after
        case "console":
            page.sessions += _sessions(block)
        case "python":
            # Blank lines keep the line numbers of the page.
            page.python += "\n" * (block.line - 1 - page.python.count("\n")) + block.content + "\n"
        case "text":
            pass
        case _:
            raise Unclear(block.line - 1, f"nothing is known of blocks with the tag {block.tag}")
    return block.after


def _take_queries(page: Page, lines: Sequence[str], block: _Block) -> int:
    """A block of queries is followed by how many each of them finds, or, if it is one query, by its JSON form."""
    after = _first_text(lines, block.after)
    found = _FOUND.match(lines[after])
    if found is not None:
        for query in re.split(r"\n{2,}", block.content):
            page.counted.append(Counted(after + 1, query, _number(found.group(1))))
        return after + 1
    if lines[after] != "```json":
        raise Unclear(block.line, "neither a number of households nor a JSON form follows")
    answer = _next_block(lines, block, "json")
    page.forms.append(Forms(block.line, block.content, answer.content))
    return answer.after


def _next_block(lines: Sequence[str], block: _Block, tag: str) -> _Block:
    after = _first_text(lines, block.after)
    if lines[after] != f"```{tag}":
        raise Unclear(block.line, f"a block with the tag {tag} must follow")
    return _block(lines, after)


def _first_text(lines: Sequence[str], at: int) -> int:
    return next((i for i in range(at, len(lines)) if lines[i].strip()), len(lines) - 1)


def _sessions(block: _Block) -> Iterator[Session]:
    before, *parts = re.split(r"^\$ ", block.content, flags=re.MULTILINE)
    if before:
        raise Unclear(block.line, "a session begins with a command")
    for part in parts:
        command, _, output = part.replace("\\\n", " ").partition("\n")
        yield Session(block.line, command, output.strip("\n"))


# --- tables


def _take_table(page: Page, rows: Sequence[str], first_line: int) -> None:
    header = [cell.lower() for cell in _cells(rows[0])]
    if "example" not in header:
        return
    for line, row in enumerate(rows[2:], first_line + 2):
        cells = _cells(row)
        if len(cells) != len(header):
            raise Unclear(line, "the row has another number of cells than the header")
        _take_row(page, dict(zip(header, cells, strict=True)), line)


def _take_row(page: Page, row: Mapping[str, str], line: int) -> None:
    if "`" not in row["example"]:
        # An example that is described, since it is too long for a table.
        return
    query = _span(row["example"], line)
    match row:
        case {"households": households}:
            page.counted.append(Counted(line, query, _number(households)))
        case {"error": message}:
            page.refused.append(Refused(line, query, _span(message, line)))
        case {"warning": code, "says": message, "better": better}:
            suggestion = _span(better, line) if better else ""
            page.warned.append(Warned(line, query, _span(code, line), _span(message, line), suggestion))
        case {"streaming": streaming, "edge": edge}:
            page.qualified.append(Qualified(line, query, _truth(streaming, line), _truth(edge, line)))
        case _:
            raise Unclear(line, "no column says what the example gives")


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in _CELL_END.split(row.strip().removeprefix("|").removesuffix("|"))]


def _span(cell: str, line: int) -> str:
    spans = _SPAN.findall(cell)
    if len(spans) != 1:
        raise Unclear(line, f"one piece of code is needed in: {cell}")
    code: str = spans[0][1].replace("\\|", "|")
    # A code span that begins or ends with a backtick has a space beside it.
    return code[1:-1] if code.startswith(" `") or code.endswith("` ") else code


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _truth(cell: str, line: int) -> bool:
    if cell not in ("yes", "no"):
        raise Unclear(line, f"yes or no is needed, not {cell}")
    return cell == "yes"
