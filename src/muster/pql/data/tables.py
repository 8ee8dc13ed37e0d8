"""Files of columns → an Arrow table that evaluators read: Parquet, Arrow, CSV."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from muster.pql.arrow_types import arrow_of, physical_type, type_of_arrow
from muster.pql.data.files import Form, UnreadableData, check_readable
from muster.pql.temporal import parse_iso
from muster.pql.types import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, ObjectType, Type, is_text
from muster.pql.values import INTEGER_MAX, INTEGER_MIN, instant_of, real

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SHORT_ROW = re.compile(r"(?:Row #([0-9]+): )?Expected ([0-9]+) columns, got ([0-9]+)")


def read_table(
    path: Path, form: Form, schema: ObjectType | None
) -> tuple[Sequence[Mapping[str, Any]] | pa.Table, ObjectType]:
    """The rows of a file of columns, and their schema.

    The rows stay an Arrow table; only where a given schema says something else than the columns hold do they become
    JSON-like rows, so that each value is read by its type.

    Raises:
        UnreadableData: The file is damaged, or has a column that no field can be made of.
    """
    check_readable(path)
    try:
        table = _csv(path, schema) if form == "csv" else _parquet(path) if form == "parquet" else _arrow(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        raise _refusal(path, form, str(error)) from error
    found = physical_type(table.schema)
    # References are held as text.
    if schema is None or type_of_arrow(arrow_of(schema)) == found:
        return table, schema or found
    return table.to_pylist(maps_as_pydicts="strict"), schema


def _refusal(path: Path, form: Form, message: str) -> UnreadableData:
    short = _SHORT_ROW.search(message)
    if form == "csv" and short is not None:
        line, expected, found = short.groups()
        number = int(line) if line else None
        problem = f"a row has {found} columns and the header {expected}"
        return UnreadableData(path, problem, "All rows have the columns of the header", number)
    name = {"csv": "CSV in UTF-8", "parquet": "Parquet"}.get(form, "an Arrow file or stream")
    return UnreadableData(path, f"this is no {name} ({message.splitlines()[0]})", f"The file must be {name}")


# --- Parquet and Arrow


def _parquet(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return _readable_table(path, pq.ParquetFile(path).read())


def _arrow(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        magic = file.read(6)
    open_ = pa.ipc.open_file if magic == b"ARROW1" else pa.ipc.open_stream
    with pa.OSFile(str(path)) as file:
        return _readable_table(path, open_(file).read_all())


def _readable_table(path: Path, table: pa.Table) -> pa.Table:
    """The table with each column as a type of the language has it; most columns stay as they are."""
    names = table.schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnreadableData(path, f"there are two columns {twice[0]}", "Columns need names of their own")
    columns = []
    for name, column in zip(names, table.columns, strict=True):
        wanted = _readable(column.type)
        options = pc.CastOptions(wanted, allow_time_truncate=True)
        try:
            columns.append(column if wanted == column.type else column.cast(options=options))
        except pa.ArrowException as error:
            problem = f"the column {name} of type {column.type} cannot be read ({error})"
            raise UnreadableData(path, problem, f"Leave it out, or store it as {wanted}") from error
    return pa.table(columns, names=names)


def _readable(type_: pa.DataType) -> pa.DataType:
    """The type to read values of a type as: decimals as doubles, dictionaries as their values, oddities as text."""
    if pa.types.is_dictionary(type_):
        return _readable(type_.value_type)
    if pa.types.is_decimal(type_):
        return pa.float64()
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        inner = _readable(type_.value_type)
        return type_ if inner == type_.value_type else pa.list_(inner)
    if pa.types.is_struct(type_):
        return pa.struct([(member.name, _readable(member.type)) for member in type_])
    if pa.types.is_map(type_):
        key_type, item_type = pa.string(), _readable(type_.item_type)
        same = key_type == type_.key_type and item_type == type_.item_type
        return type_ if same else pa.map_(key_type, item_type)
    if pa.types.is_timestamp(type_):
        # Nanoseconds have no form in Python; queries look at milliseconds only.
        return pa.timestamp("us", type_.tz) if type_.unit == "ns" else type_
    plain = (
        pa.types.is_boolean,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_date,
        pa.types.is_string,
        pa.types.is_large_string,
    )
    return type_ if any(is_plain(type_) for is_plain in plain) else pa.string()


# --- CSV


def _csv(path: Path, schema: ObjectType | None) -> pa.Table:
    """A CSV file with a header. `a.b` in the header is the field `b` of the object `a`; an empty cell is missing.

    Without a schema the type of a column is the first of integer, number, boolean, date and date-time that every value
    is, else text. A number with leading zeros is text: it is a code.
    """
    delimiter, names = _header(path)
    try:
        table = _cells(path, delimiter, names, use_threads=True)
    except pa.ArrowInvalid:
        # Only a reader in one thread knows the line that is wrong.
        table = _cells(path, delimiter, names, use_threads=False)
    tree: dict[str, Any] = {}
    for name in names:
        *parents, last = name.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise _ambiguous(path, name, parent)
        if last in branch:
            raise _ambiguous(path, name, last)
        branch[last] = _typed(table.column(name).combine_chunks(), _field(schema, name.split(".")))
    columns = {name: _nested(branch) for name, branch in tree.items()}
    return pa.table(columns)


def _cells(path: Path, delimiter: str, names: Sequence[str], *, use_threads: bool) -> pa.Table:
    """The cells as text; those that are empty and not in quotes are null."""
    return pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(use_threads=use_threads),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _ambiguous(path: Path, name: str, part: str) -> UnreadableData:
    problem = f"the column {name} says that {part} is an object, another that it is a value"
    return UnreadableData(path, problem, "Columns a and a.b do not go together", 1)


def _header(path: Path) -> tuple[str, list[str]]:
    """Delimiter and names of the columns."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        line = file.readline().decode("utf-8-sig")
    delimiter = max(",;\t|", key=line.count)
    names = next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
    if not any(names):
        raise UnreadableData(path, "the file is empty", "The first line of CSV names the columns")
    for number, name in enumerate(names, 1):
        if not all(name.split(".")):
            raise UnreadableData(path, f"column {number} has no name", "The first line names all columns", 1)
        if name in names[: number - 1]:
            raise UnreadableData(path, f"there are two columns {name}", "Columns need names of their own", 1)
    return delimiter, names


def _field(schema: ObjectType | None, names: list[str]) -> Type | None:
    """The type that a schema gives to a path; None when it says nothing."""
    type_: Type | None = schema
    for name in names:
        type_ = type_.fields.get(name) if isinstance(type_, ObjectType) else None
    return type_


def _typed(column: pa.Array, type_: Type | None) -> pa.Array:
    """A column of text as values of a type; without one, of the first type that fits all."""
    encoded = column.dictionary_encode()
    texts: list[str] = encoded.dictionary.to_pylist()
    if type_ is None:
        for candidate, reader in _READERS.items():
            if texts and all(reader(text) is not None for text in texts):
                type_ = candidate
                break
    if type_ is None or is_text(type_) or type_ not in _READERS:
        return column
    values = pa.array([_READERS[type_](text) for text in texts], type=arrow_of(type_))
    return values.take(encoded.indices)


def _nested(branch: Any) -> pa.Array:
    """A column, or columns with a common first name as one of objects; an object without any value is missing."""
    if not isinstance(branch, dict):
        return branch
    members = {name: _nested(inner) for name, inner in branch.items()}
    arrays = list(members.values())
    missing = arrays[0].is_null()
    for array in arrays[1:]:
        missing = pc.and_(missing, array.is_null())
    return pa.StructArray.from_arrays(arrays, names=list(members), mask=missing)


def _integer(text: str) -> int | None:
    if _INTEGER.fullmatch(text) is None or len(text) > 20:
        return None
    return number if INTEGER_MIN <= (number := int(text)) <= INTEGER_MAX else None


def _number(text: str) -> float | None:
    return real(float(text)) if _NUMBER.fullmatch(text) else None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _date(text: str) -> Any:
    moment = parse_iso(text)
    return None if moment is None or hasattr(moment, "hour") else moment


def _instant(text: str) -> Any:
    moment = parse_iso(text)
    return None if moment is None else instant_of(moment)


_READERS: Mapping[Type, Callable[[str], Any]] = {
    INTEGER: _integer,
    NUMBER: _number,
    BOOLEAN: _boolean,
    DATE: _date,
    DATETIME: _instant,
}
