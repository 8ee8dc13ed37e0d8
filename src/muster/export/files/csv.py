"""CSV files, in the forms that destinations ask for. Works on columns, so that millions of rows are quick."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from muster.export.files.columns import as_text
from muster.kernel.errors import Invalid


@dataclass(frozen=True, slots=True)
class Dialect:
    """How values are written.

    Attributes:
        quote: Around every value; empty: nothing is quoted, and what would break the row is escaped.
        escape: Before a quote, before itself, and, without quotes, before a delimiter or line break.
        minimal: RFC 4180 instead of all that: quotes where they are needed, doubled inside.
    """

    delimiter: str = ","
    quote: str = ""
    escape: str = "\\"
    null_value: str = "null"
    empty_value: str = ""
    minimal: bool = False


LEGACY = Dialect(quote='"', escape='"', null_value="", minimal=True)
"""Cards of the first generation, which have no options."""


def read_dialect(options: Mapping[str, Any] | None) -> Dialect:
    """The dialect of a target's `csvOptions`; what is not named has its documented default."""
    given = options or {}
    return Dialect(
        delimiter=str(given.get("delimiter", ",")) or ",",
        quote=str(given.get("quote", "")),
        escape=str(given.get("escape", "\\")) or "\\",
        null_value=str(given.get("nullValue", "null")),
        empty_value=str(given.get("emptyValue", "")),
    )


class CsvWriter:
    """Writes tables as rows, after a header.

    Args:
        file: Takes the bytes; UTF-8 without byte-order mark, lines end with a line feed.
    """

    def __init__(self, file: BinaryIO, headers: Sequence[str], dialect: Dialect) -> None:
        self._file = file
        self._dialect = dialect
        self._headers = tuple(headers)
        header = pa.table([pa.array([name], pa.string()) for name in headers], names=_numbered(headers))
        self.write(header)

    def write(self, table: pa.Table) -> None:
        """Append the rows. Raises `Invalid` for a column that is no scalar."""
        if table.num_rows == 0:
            return
        columns = [self._column(table.column(n), name) for n, name in enumerate(self._headers)]
        joined = (
            columns[0]
            if len(columns) == 1
            else pc.binary_join_element_wise(*columns, self._dialect.delimiter)
        )
        self._file.write(_content(pc.binary_join_element_wise(joined, "\n", "")))

    def close(self) -> None:
        """Nothing follows the last row."""

    def _column(self, column: pa.ChunkedArray, name: str) -> pa.Array:
        array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, pa.string())
        if pa.types.is_nested(array.type):
            raise Invalid.at(
                name,
                "is a list, map or object; CSV holds single values. Map a field inside it, or export JSON",
            )
        text = as_text(array)
        written = _minimal(text, self._dialect) if self._dialect.minimal else _escaped(text, self._dialect)
        empty = self._dialect.empty_value
        null = self._dialect.null_value
        if self._dialect.minimal and len(self._headers) == 1:
            # A line with nothing on it would be no row to a reader.
            empty = null = '""'
        written = pc.if_else(pc.equal(text, ""), empty, written)
        return pc.fill_null(written, null)


def _escaped(text: pa.Array, dialect: Dialect) -> pa.Array:
    escape, quote = dialect.escape, dialect.quote
    text = pc.replace_substring(text, escape, escape * 2)
    if quote:
        text = pc.replace_substring(text, quote, escape + quote)
        return pc.binary_join_element_wise(quote, text, quote, "")
    pattern = f"([{re.escape(dialect.delimiter)}\n\r])"
    return pc.replace_substring_regex(text, pattern, escape.replace("\\", "\\\\") + r"\1")


def _minimal(text: pa.Array, dialect: Dialect) -> pa.Array:
    needs = pc.match_substring_regex(text, f'[{re.escape(dialect.delimiter)}"\n\r]')
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(needs, quoted, text)


def _content(lines: pa.Array) -> memoryview:
    """The bytes of all lines, which lie one after the other in the array's own buffer."""
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)
    return memoryview(data)[int(ends[lines.offset]) : int(ends[lines.offset + len(lines)])]


def _numbered(headers: Sequence[str]) -> list[str]:
    return [f"c{position}" for position in range(len(headers))]
