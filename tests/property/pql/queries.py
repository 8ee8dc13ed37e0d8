"""Random queries over the made-up world: the whole language, each query well typed from the start."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from tests.property.pql.conditions import Writer
from tests.property.pql.sight import Sight

Draw = Callable[[st.SearchStrategy[Any]], Any]

DEPTH = 3
_SEEDS = st.integers(0, 2**40)


# A seed explores evenly, where a draw for every choice would dwell on the simplest ones. What fails shrinks by its depth.


@st.composite
def queries(draw: Draw) -> str:
    """The text of a query that is well typed over `SCHEMA` with its entities."""
    depth = draw(st.sampled_from((1, 2, DEPTH, DEPTH)))
    return Writer(random.Random(draw(_SEEDS))).query(depth)


@st.composite
def conditions(draw: Draw) -> str:
    """As `queries`, without a parameter, so that it may stand inside another query."""
    depth = draw(st.sampled_from((1, 2, DEPTH, DEPTH)))
    return Writer(random.Random(draw(_SEEDS))).test(Sight(), depth)


@st.composite
def comparables(draw: Draw) -> tuple[str, str]:
    """Two values that compare with each other."""
    writer = Writer(random.Random(draw(_SEEDS)))
    write = writer.one([writer.text, writer.number, writer.time])
    return write(Sight(), 2), write(Sight(), 1)


@st.composite
def arrays(draw: Draw) -> tuple[str, str]:
    """An array of objects, and a condition on one of its elements."""
    writer = Writer(random.Random(draw(_SEEDS)))
    source, element = writer.objects(Sight(), 1)
    return source, writer.test(Sight().enter(element), 2)


@st.composite
def anchors(draw: Draw) -> tuple[str, str]:
    """A time, and what it may be before, on or after."""
    writer = Writer(random.Random(draw(_SEEDS)))
    return writer.time(Sight(), 1), writer.anchor(Sight(), 1)
