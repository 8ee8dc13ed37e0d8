"""CSV bytes: what each option does, and that awkward values come back."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from muster.export.files.csv import LEGACY, CsvWriter, Dialect, read_dialect
from muster.kernel.errors import Invalid


def written(dialect: Dialect, headers: list[str], *columns: list[object]) -> str:
    file = io.BytesIO()
    writer = CsvWriter(file, headers, dialect)
    writer.write(
        pa.table([pa.array(column) for column in columns], names=[f"c{n}" for n in range(len(columns))])
    )
    writer.close()
    return file.getvalue().decode()


def test_defaults_quote_nothing_and_name_nulls() -> None:
    text = written(read_dialect(None), ["first", "last"], ["Ann", None, ""], ["Lee", "Ray", "Poe"])

    assert text == "first,last\nAnn,Lee\nnull,Ray\n,Poe\n"


def test_what_would_break_a_row_is_escaped_without_quotes() -> None:
    text = written(read_dialect({}), ["a", "b"], ["x,y", "two\nlines", "back\\slash"], ["1", "2", "3"])

    assert text == "a,b\nx\\,y,1\ntwo\\\nlines,2\nback\\\\slash,3\n"


def test_quotes_are_around_every_value_and_escaped_inside() -> None:
    text = written(read_dialect({"quote": '"'}), ["a", "b"], ['say "hi"', None], ["1", "2"])

    assert text == '"a","b"\n"say \\"hi\\"","1"\nnull,"2"\n'


@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";", ":"])
@pytest.mark.parametrize("escape", ["\\", "'"])
@pytest.mark.parametrize("quote", ['"', ""])
def test_awkward_values_are_read_back_equal(delimiter: str, escape: str, quote: str) -> None:
    values = [
        "comma,",
        'quote"',
        "semi;colon:",
        "pipe|tab\t",
        "line\nbreak",
        "emoji 🎉",
        "back\\slash",
        "it's",
        "null",
    ]
    dialect = read_dialect({"delimiter": delimiter, "escape": escape, "quote": quote})
    text = written(dialect, ["a", "b"], list(values), list(reversed(values)))

    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        escapechar=escape,
        quotechar=quote or None,
        doublequote=False,
        quoting=csv.QUOTE_ALL if quote else csv.QUOTE_NONE,
    )
    assert list(reader)[1:] == [list(pair) for pair in zip(values, reversed(values), strict=True)]


@pytest.mark.parametrize("shown", ["null", '""', ""])
def test_nulls_and_empty_texts_are_written_as_chosen(shown: str) -> None:
    nulls = written(read_dialect({"nullValue": shown}), ["a", "b", "c"], ["male"], [None], ["TestLastName"])
    empties = written(read_dialect({"emptyValue": shown}), ["a", "b", "c"], ["male"], [""], ["TestLastName"])

    assert nulls.splitlines()[1] == f"male,{shown},TestLastName"
    assert empties.splitlines()[1] == f"male,{shown},TestLastName"


def test_legacy_cards_quote_where_needed_only() -> None:
    text = written(LEGACY, ["person.name.firstName", "b"], ["plain", 'q"', "a,b"], [None, "", "x"])

    assert text == 'person.name.firstName,b\nplain,\n"q""",\n"a,b",x\n'
    assert list(csv.reader(io.StringIO(text)))[2] == ['q"', ""]


def test_single_null_column_is_still_a_row() -> None:
    assert written(LEGACY, ["a"], [None, "x"]) == 'a\n""\nx\n'


def test_values_of_other_types_are_plain_text() -> None:
    at = datetime(2030, 1, 4, 17, tzinfo=UTC)
    columns = [
        pa.array([True]),
        pa.array([7]),
        pa.array([1.5]),
        pa.array([date(2030, 1, 4)]),
        pa.array([at], pa.timestamp("ms", tz="UTC")),
        pa.array([at.replace(microsecond=5000)], pa.timestamp("ms", tz="UTC")),
    ]
    file = io.BytesIO()
    writer = CsvWriter(file, list("abcdef"), read_dialect({"delimiter": "|"}))
    writer.write(pa.table(columns, names=list("abcdef")))

    assert file.getvalue().decode().splitlines()[1] == (
        "true|7|1.5|2030-01-04|2030-01-04T17:00:00Z|2030-01-04T17:00:00.005Z"
    )


def test_lists_do_not_go_into_csv() -> None:
    with pytest.raises(Invalid, match="emails: is a list"):
        written(read_dialect(None), ["emails"], [["a", "b"]])
