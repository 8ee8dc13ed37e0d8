"""The page about the language is true: each of its examples gives what the page says it gives, and it leaves nothing out."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import inspect
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.unit.pql.language_page import PATH, Counted, Qualified, Refused, Unclear, Warned, read_page
from typer.testing import CliRunner

from muster import pql
from muster.cli.main import app
from muster.demo.mapping import PACKAGE, RetailData, open_retail_data
from muster.demo.people import CAMPAIGN, CAMPAIGN_SCHEMA, SCHEMA, people_table, write_people
from muster.pql import BoundQuery, PqlErrors, check, facts, matches, parse, read_json, syntax, warnings_of
from muster.pql.arrow_types import arrow_of, physical_type, type_of_arrow
from muster.pql.emit.closures import compile_query
from muster.pql.errors import Code
from muster.pql.functions import FREE, METHODS
from muster.pql.notation import read_object
from muster.pql.printer import print_text
from muster.pql.tables import ProfileTable
from muster.pql.tables.masks import Mask

TODAY = date(2025, 6, 15)
NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
WRITING = f"python -m muster.demo.people people --today {TODAY}"
REGULARS = (
    'xEvent[eventType = "commerce.purchases" and timestamp occurs <= 28 days before today].count() >= 8'
)
FEW_EVENTS = 10
ASKED_ONE_BY_ONE = 200
JUDGED_EVERY = 20
"""The interpreter is slow: one in so many is asked of it, others for each example."""

PAGE = read_page(PATH.read_text(encoding="utf-8"))
PEOPLE_TYPE = read_object(SCHEMA)
ENTITY_TYPES = {CAMPAIGN: read_object(CAMPAIGN_SCHEMA)}

needs_data = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason="the retail data is not installed (extra `demo`)"
)


@cache
def bound(query: str) -> BoundQuery:
    return check(query, PEOPLE_TYPE, entities=ENTITY_TYPES)


def numbered(claims: Sequence[Any]) -> Callable[[Any], Any]:
    """A test for each claim, named by its line on the page."""
    return pytest.mark.parametrize("claim", claims, ids=[f"line {claim.line}" for claim in claims])


# --- the page itself


def test_page_has_so_many_examples_that_run() -> None:
    assert len(PAGE.counted) >= 220
    assert len(PAGE.refused) >= 15
    assert len(PAGE.warned) >= 11
    assert len(PAGE.qualified) >= 10
    assert len(PAGE.sessions) >= 5
    assert PAGE.forms


@pytest.mark.parametrize(
    "text",
    [
        "```pql\na = 1\n```\nfinds some.\n",
        "```pql-error\na = 1\n```\n→ 3 households\n",
        "```sql\nSELECT 1\n```\n",
        "```\na = 1\n```\n",
        "```pql\na = 1\n",
        "| example | finds |\n|---|---|\n| `a = 1` | 3 |\n",
        "| example | households |\n|---|---|\n| `a = 1` or `b = 1` | 3 |\n",
    ],
)
def test_no_example_is_passed_over(text: str) -> None:
    with pytest.raises(Unclear):
        read_page(text)


def test_valid_examples_are_accepted() -> None:
    refused: dict[int, str] = {}
    for line, query in PAGE.valid_queries:
        try:
            bound(query)
        except PqlErrors as errors:
            refused[line] = str(errors)
    assert refused == {}


@numbered(PAGE.refused)
def test_wrong_examples_are_refused_in_these_words(claim: Refused) -> None:
    with pytest.raises(PqlErrors) as refusal:
        bound(claim.query)
    assert str(refusal.value) == claim.problems


@numbered(PAGE.warned)
def test_traps_are_warned_of_in_these_words(claim: Warned) -> None:
    (warning,) = warnings_of(bound(claim.query), NOW)
    assert (warning.code, warning.message) == (claim.code, claim.message)
    assert (warning.suggestion or "") == claim.suggestion


def test_sizes_that_are_told_in_words_are_those_that_are_warned_of() -> None:
    many = " and ".join(f'_acme.householdId.startsWith("{number}")' for number in range(51))
    long = f"_acme.size in [{', '.join(map(str, range(251)))}]"
    assert [warning.code for warning in warnings_of(bound(many), NOW)] == ["MANY_CONDITIONS"]
    assert [warning.code for warning in warnings_of(bound(long), NOW)] == ["LONG_LIST"]
    assert "| `MANY_CONDITIONS` | more than 50 conditions |" in PAGE.text
    assert "| `LONG_LIST` | a list of more than 250 values |" in PAGE.text


@numbered(PAGE.qualified)
def test_methods_that_a_query_qualifies_for_are_these(claim: Qualified) -> None:
    known = facts(bound(claim.query)).methods
    assert (known["streaming"].allowed, known["edge"].allowed) == (claim.streaming, claim.edge)


def test_text_and_json_are_two_forms_of_one_query() -> None:
    for form in PAGE.forms:
        assert pql.write_json(parse(form.text)) == json.loads(form.json)
        assert print_text(read_json(form.json)) == form.text


# --- nothing is left out


def test_every_function_is_in_an_example() -> None:
    called: set[str] = set()
    for _, query in PAGE.valid_queries:
        called |= {node.name for node in _nodes(parse(query)) if isinstance(node, syntax.Call)}
    assert {*METHODS, *FREE} - called == set()


def test_every_form_of_the_language_is_in_an_example() -> None:
    kinds = {type(node) for _, query in PAGE.valid_queries for node in _nodes(parse(query))}
    all_kinds = {
        kind
        for _, kind in inspect.getmembers(syntax, inspect.isclass)
        if issubclass(kind, syntax.Node) and _fields(kind)
    }
    assert all_kinds - kinds - {syntax.Broken} == set()


def test_every_operator_quantifier_and_unit_is_in_an_example_or_in_a_list() -> None:
    nodes = [node for _, query in PAGE.valid_queries for node in _nodes(parse(query))]
    operators = {node.operator for node in nodes if isinstance(node, syntax.Binary | syntax.Logic)}
    assert operators == {*syntax.COMPARISONS, *"+-*/%", "in", "notIn", "like", "and", "or"}
    quantifiers = {node.quantifier for node in nodes if isinstance(node, syntax.Quantified)}
    assert quantifiers == set(syntax.QUANTIFIERS.values())
    aggregates = {node.function for node in nodes if isinstance(node, syntax.Aggregate)}
    assert aggregates | set(METHODS) >= set(syntax.AGGREGATES)
    words = set(re.findall(r"`(\w+)`", PAGE.text))
    assert {word.lower() for word in words} >= syntax.RESERVED | set(syntax.QUANTIFIERS)


def test_every_code_is_on_the_page() -> None:
    assert {each.problems.split()[1].rstrip(":") for each in PAGE.refused} == set(get_args(Code))
    rows = re.findall(r"^\| `([A-Z_]+)` \|", PAGE.text, re.MULTILINE)
    assert set(rows) == {*get_args(Code), *_warning_codes()}


def test_every_public_name_is_on_the_page() -> None:
    words = set(re.findall(r"\w+", PAGE.text))
    assert [name for name in pql.__all__ if name not in words] == []


def _nodes(node: Any) -> Iterator[syntax.Node]:
    """All parts of a tree, itself included."""
    if isinstance(node, syntax.Node):
        yield node
        for name in _fields(type(node)):
            yield from _nodes(getattr(node, name))
    elif isinstance(node, tuple):
        for item in node:
            yield from _nodes(item)


def _fields(kind: type[syntax.Node]) -> list[str]:
    """The fields of a kind of node that are parts of it or say what it is."""
    return [name for name, field in kind.__dataclass_fields__.items() if field.compare]


def _warning_codes() -> set[str]:
    """The codes in the sources of the warnings: constants that look like one."""
    folder = Path(inspect.getfile(pql)).parent
    found: set[str] = set()
    for file in sorted(folder.rglob("*.py")):
        if "PqlWarning(" not in (text := file.read_text(encoding="utf-8")):
            continue
        constants = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
        found |= {value for value in constants if isinstance(value, str) and _CODE.fullmatch(value)}
    return found - set(get_args(Code))


_CODE = re.compile(r"[A-Z][A-Z_]{5,}")


# --- the households


@dataclass(frozen=True)
class Households:
    """The demo's data in the forms in which it is asked.

    Attributes:
        table: All of them as columns.
        regulars: Who is in the audience "regulars".
        some: Row numbers and rows of some with few events, who are also asked one by one.
        campaigns: What references lead to.
    """

    table: ProfileTable
    regulars: Mask
    some: Mapping[int, Mapping[str, Any]]
    campaigns: Mapping[str, Mapping[str, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def data() -> Iterator[RetailData]:
    with open_retail_data(TODAY) as opened:
        yield opened


@pytest.fixture(scope="module")
def people(data: RetailData) -> pa.Table:
    return people_table(data)


@pytest.fixture(scope="module")
def households(data: RetailData, people: pa.Table) -> Iterator[Households]:
    campaigns = {CAMPAIGN: data.campaigns()}
    few = np.flatnonzero(pc.list_value_length(people["xEvent"]).to_numpy() <= FEW_EVENTS)
    numbers = few[:: max(1, len(few) // ASKED_ONE_BY_ONE)][:ASKED_ONE_BY_ONE]
    rows = people.take(pa.array(numbers)).to_pylist(maps_as_pydicts="strict")
    with ProfileTable.from_arrow(people, entities=campaigns, entity_schemas=ENTITY_TYPES) as table:
        regulars = table.members(bound(REGULARS), now=NOW)
        yield Households(table, regulars, dict(zip(numbers.tolist(), rows, strict=True)), campaigns)


@needs_data
def test_schema_of_the_page_is_that_of_the_data(people: pa.Table) -> None:
    assert physical_type(people.schema) == type_of_arrow(arrow_of(PEOPLE_TYPE))
    assert sum(1 for each in PAGE.counted if each.query == REGULARS) == 1


@needs_data
@numbered(PAGE.counted)
def test_so_many_households_are_found(households: Households, claim: Counted) -> None:
    fresh = {"regulars": households.regulars}
    members = households.table.members(bound(claim.query), now=NOW, memberships=fresh)
    assert members.sum() == claim.households
    asked = compile_query(bound(claim.query)).at(NOW, entities=households.campaigns)
    for place, (number, row) in enumerate(households.some.items()):
        known = {"regulars": bool(households.regulars[number])}
        assert asked(row, known) == members[number]
        if (place + claim.line) % JUDGED_EVERY == 0:
            judged = matches(
                bound(claim.query), row, now=NOW, memberships=known, entities=households.campaigns
            )
            assert judged == members[number]


# --- commands and Python


@pytest.fixture(scope="module")
def folder(data: RetailData, people: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page's first command was given."""
    made = tmp_path_factory.mktemp("page")
    write_people(people, data.campaigns(), made / "people")
    return made


@needs_data
def test_commands_print_what_the_page_shows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    first, *others = PAGE.sessions
    assert first.command == WRITING
    for session in others:
        program, *arguments = shlex.split(session.command)
        assert program == "muster"
        result = CliRunner().invoke(app, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert _timeless(result.output) == _timeless(session.output), session.command


def _timeless(output: str) -> str:
    """What a command printed, without how long it took and what fills lines up."""
    lines = (re.sub(r"took [\d.,]+ m?s", "took a while", line).rstrip() for line in output.split("\n"))
    return "\n".join(lines).strip()


@needs_data
def test_python_gives_what_the_page_shows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    session = doctest.DocTestParser().get_doctest(PAGE.python, {}, PATH.name, str(PATH), 0)
    assert len(session.examples) >= 20
    said: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(session, out=said.append)
    assert results.failed == 0, "".join(said)
