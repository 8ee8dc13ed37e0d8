"""Laws of the texts that are written of a query: laid out, and in English."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.pql.people import SCHEMA, queries

from muster.pql import format_text, in_english, parse, print_text


@settings(max_examples=200, deadline=None)
@given(queries(), st.integers(1, 120))
def test_reading_a_layout_gives_the_same_tree(text: str, width: int) -> None:
    tree = parse(text)
    formatted = format_text(tree, width=width)
    assert parse(formatted) == tree
    assert format_text(parse(formatted), width=width) == formatted
    assert not any(line != line.rstrip() for line in formatted.split("\n"))


@settings(max_examples=200, deadline=None)
@given(queries(), st.integers(1, 120))
def test_one_line_is_kept_exactly_when_it_fits(text: str, width: int) -> None:
    line = print_text(parse(text))
    formatted = format_text(parse(text), width=width)
    assert (formatted == line) or len(line) > width
    # Only the spaces at the breaks differ.
    assert re.sub(r"\s", "", formatted) == re.sub(r"\s", "", line)


@settings(max_examples=300, deadline=None)
@given(queries())
def test_every_query_has_words_with_and_without_a_schema(text: str) -> None:
    tree = parse(text)
    for words in (in_english(tree, SCHEMA), in_english(tree)):
        assert words.strip() == words != ""
        assert "  -" in words or "  " not in re.sub(r"[“`][^”`]*[”`]", "_", words)
        assert not re.search(r"[\ue000-\uf8ff]", words)
