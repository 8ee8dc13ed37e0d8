"""JSON files: one object a line, or arrays and pretty-printed objects, without ever holding a whole file."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import IO, Any

import orjson

from muster.ingest.files import BYTES_MAX, EMPTY_FILE, Chunk, CorruptRow, FileUnreadable
from muster.ingest.problems import CORRUPT, show
from muster.ingest.shred import shred_rows

_BLOCK = 1 << 20
_SPACE = " \t\r\n"

Item = tuple[int, Any, int] | CorruptRow
"""Row number, value and size in bytes; or what is no row."""


def read_json(path: Path, name: str, form: dict[str, Any], rows_max: int) -> Iterator[Chunk]:
    """The chunks of a JSON file.

    A file that begins with `[` is read as an array, whatever the batch says: clients send lists without saying so, and
    Spark, which the hosted product reads with, takes an array in a line for its elements too.
    """
    empty = True
    for chunk in _chunked(_items(path, name, form), rows_max):
        empty = False
        yield chunk
    if empty:
        raise FileUnreadable(EMPTY_FILE, name, "the file is empty")


def _items(path: Path, name: str, form: dict[str, Any]) -> Iterator[Item]:
    with path.open("rb") as stream:
        if stream.read(3) != codecs.BOM_UTF8:
            stream.seek(0)
        start = stream.tell()
        first = _first_character(stream)
        stream.seek(start)
        if form.get("isMultiLineJson") or first == b"[":
            yield from _values(stream, name)
        else:
            yield from _lines(stream)


def _first_character(stream: IO[bytes]) -> bytes:
    while block := stream.read(4096):
        if stripped := block.lstrip():
            return stripped[:1]
    return b""


def _lines(stream: IO[bytes]) -> Iterator[Item]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            yield CorruptRow(number, text, f"the line is no JSON: {error.msg} (column {error.colno})")
            continue
        if isinstance(value, dict):
            yield number, value, len(line)
        else:
            yield CorruptRow(number, show(value), f"a row is an object, not {show(value)}")


def _values(stream: IO[bytes], name: str) -> Iterator[Item]:
    """Objects, and elements of arrays, one after another; a value longer than a block makes the buffer grow."""
    numbers = count(1)
    text = _Text(stream, name)
    inside = False
    while (character := text.peek()) is not None:
        if character == "[" and not inside:
            inside = True
            text.skip()
        elif inside and character == "]":
            inside = False
            text.skip()
        elif inside and character == ",":
            text.skip()
        else:
            number = next(numbers)
            value, size = text.value(number)
            if isinstance(value, dict):
                yield number, value, size
            else:
                yield CorruptRow(number, show(value), f"a row is an object, not {show(value)}")
    if inside:
        raise FileUnreadable(CORRUPT, name, "the list does not end; the file was cut off")


class _Text:
    """A file as text, decoded block by block, of which values are taken from the front."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._parse = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
        self._text = ""
        self._at = 0
        self._block = _BLOCK
        self._ended = False

    def peek(self) -> str | None:
        """The next character that is no blank, or None at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return None

    def skip(self) -> None:
        self._at += 1

    def value(self, number: int) -> tuple[Any, int]:
        """The value that begins here, and its length."""
        while True:
            try:
                value, end = self._parse(self._text, self._at)
            except ValueError as error:
                if self._more():
                    continue
                reason = f"value {number} is no JSON: {getattr(error, 'msg', error)}"
                raise FileUnreadable(CORRUPT, self._name, reason) from error
            size = end - self._at
            self._at = end
            self._block = _BLOCK
            return value, size

    def _more(self) -> bool:
        if self._ended:
            return False
        block = self._stream.read(self._block)
        self._ended = not block
        try:
            self._text = self._text[self._at :] + self._decode.decode(block, final=self._ended)
        except UnicodeDecodeError as error:
            raise FileUnreadable(CORRUPT, self._name, "the file is not in UTF-8") from error
        self._at = 0
        # Doubled, so that one very long value is not parsed anew for each of its blocks.
        self._block = min(self._block * 2, 64 << 20)
        return True


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _chunked(items: Iterator[Item], rows_max: int) -> Iterator[Chunk]:
    numbers: list[int] = []
    rows: list[dict[str, Any]] = []
    corrupt: list[CorruptRow] = []
    size = 0
    for item in items:
        if isinstance(item, CorruptRow):
            corrupt.append(item)
            size += len(item.text)
        else:
            numbers.append(item[0])
            rows.append(item[1])
            size += item[2]
        if len(rows) + len(corrupt) >= rows_max or size >= BYTES_MAX:
            yield _chunk(numbers, rows, corrupt)
            numbers, rows, corrupt, size = [], [], [], 0
    if rows or corrupt:
        yield _chunk(numbers, rows, corrupt)


def _chunk(numbers: list[int], rows: list[dict[str, Any]], corrupt: list[CorruptRow]) -> Chunk:
    return Chunk(
        numbers, corrupt, lambda field, problems: shred_rows(rows, field, problems), rows.__getitem__
    )
