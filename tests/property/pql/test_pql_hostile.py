"""Whatever somebody sends: it is read, or refused with places that exist; and what is read can be used."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.pql import conformance

from muster.pql import (
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
    ObjectType,
    PqlErrors,
    ReferenceType,
    bind,
    check,
    matches,
    parse,
    plan,
    print_text,
    read_json,
    syntax,
    write_json,
)
from muster.pql.errors import ERRORS_MAX, PqlError
from muster.pql.like import is_like
from muster.pql.regex import PatternError, compile_pattern

NOW = datetime(2025, 1, 15, 12, tzinfo=UTC)
ITEM = ObjectType({"a": INTEGER, "b": STRING, "c": ArrayType(NUMBER), "t": DATETIME})
SCHEMA = ObjectType(
    {
        "a": INTEGER,
        "b": STRING,
        "d": DATE,
        "f": BOOLEAN,
        "m": MapType(STRING),
        "o": ObjectType({"a": INTEGER, "b": STRING}),
        "r": ReferenceType("E"),
        "x": ArrayType(ITEM),
        "tags": ArrayType(STRING),
        "xEvent": ArrayType(ObjectType({"eventType": STRING, "timestamp": DATETIME, "x": ArrayType(ITEM)})),
    }
)
PERSON = {
    "a": 5,
    "b": "text",
    "d": "2024-02-29",
    "f": True,
    "m": {"k": "v"},
    "o": {"a": 1},
    "r": "key",
    "x": [{"a": 1, "b": "b", "c": [1.5, 2.0], "t": "2024-12-31T00:00:00Z"}, {"a": 2}],
    "tags": ["a", "b"],
    "xEvent": [
        {"eventType": "a", "timestamp": "2025-01-15T00:00:00Z"},
        {"timestamp": "2025-01-01T00:00:00Z"},
    ],
}

# Every construct of the grammar, against the schema above.
QUERIES = (
    '(P) => P.a = 1 and $1.b != "x" or not (o.a >= 2.5 and a < .5e1)',
    'b in ["a", "b"] and b notIn ["c"] and not b not in ["d", o.b] or b like "%t_" or b matches "^t(e|x)+"',
    "a + 2 * -a / (3 - o.a) % 2 > 1 and not f and !f",
    "x[a > 1 and b = ^.b].c.sum() > 1 and x.filter((i) => i.a > 1).map(a * 2).max() >= ^.a or f",
    'tags.intersects(["a"]) and tags.subsetOf(tags) and tags.supersetOf([]) and tags.includes("a")',
    'x.topN(a, 2).head().b.startsWith("b", false) and x.groupBy(b).get("b").count() = 1',
    'm.map((k, v) => mapEntry(v, k)).keys().includes("v") and m.k.equals("v", "w", false) and m.count() > 0',
    'xEvent[timestamp occurs <= 3 days before now and eventType = "a"].count() > 0',
    "d occurs between date(2020, 1, 1) and last year or d occurs on today or d occurs after this month",
    "d occurs from yesterday and x.t occurs != 2 weeks from tomorrow and d occurs before currentYear().isNull()",
    "(exists I from x where I.a > 1, J from x where J.a > I.a) and (forall I from x : I.a > 0)",
    '(none I from x where I.b = "z") and (one I from x where I.a = 1) and (some I from x where true)',
    "(select I from x where I.a > 1).b.count() > 0 and (select I from x, J from I.c where J > 1).count() > 1",
    "(sum I.a over I from x where I.a > 1, J from x) > 1 and (count I from tags) > 0 and (max C from x.c) > 1",
    "let V = x[a > 1] in V.count() > 0 and (let W = V.a in W.distinct().count() < 5)",
    'if(f, a, 0) > 1 and {"k": a, "l": [1, 2.5]}.isNotNull() and inSegment("other") and x[this.a > 1]',
    'chain(xEvent, timestamp, [A: WHAT(eventType = "a") WHERE(x) COUNT(2), B: WHAT(f) WHEN(<= 1 day after A.t)])',
    "chain(xEvent, timestamp, [A: WHAT(x.a > 1), B: WHAT(true) WHEN(< 2 hours after A.timestamp) WHERE(A.x)])",
    "d.getMonth() = currentMonth() and d.getDayOfMonth() > 1 and d.getYear() < date(a, 1, 1).getYear()",
    'b.regexGroup("(t)(e)", 2) = "e" and r.b.isNull() and `a` > 1 and o.`select`.isNull()',
)
SPELLINGS = re.compile(r'"(?:[^"\\]|\\.)*"|\w+|=>|!=|>=|<=|\s+|.', re.DOTALL)
ODDITIES = (
    *("(", ")", "[", "]", "{", "}", ",", ":", ".", "^", "=", "!=", "<=", "=>", "+", "-", "*", "%", "!"),
    *(
        "==",
        "<>",
        "&&",
        "||",
        "===",
        "'",
        "'x'",
        '"',
        "“x”",
        "`",
        "`q`",
        "``",
        "#",
        ";",
        "\\",
        "²",
        "é",
        "\0",
    ),
    *(
        "$1",
        "$2",
        "$",
        "1",
        "5.",
        ".5",
        "1e999",
        "99999999999999999999",
        '"\\d"',
        '"\\ud800"',
        "\ud800",
        "\n",
        "\r\n",
    ),
    *(
        "and",
        "or",
        "not",
        "in",
        "notIn",
        "like",
        "matches",
        "occurs",
        "between",
        "before",
        "after",
        "from",
        "on",
    ),
    *(
        "let",
        "if",
        "select",
        "exists",
        "forall",
        "some",
        "none",
        "where",
        "over",
        "sum",
        "count",
        "chain",
        "WHAT",
    ),
    *(
        "this",
        "last",
        "month",
        "days",
        "now",
        "today",
        "null",
        "true",
        "a",
        "b",
        "x",
        "tags",
        "xEvent",
        "mapEntry",
    ),
)
hostile = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def known_queries() -> tuple[str, ...]:
    return (*QUERIES, *(case["pql"] for case in conformance.read_cases()))


def mended(parts: list[str], changes: list[tuple[str, float, str]]) -> list[str]:
    """The parts with each change made at a fraction of the length."""
    for kind, where, other in changes:
        at = int(where * len(parts))
        match kind:
            case "delete":
                del parts[at : at + 1]
            case "insert":
                parts.insert(at, other)
            case "repeat":
                parts[at:at] = parts[at : at + 3]
            case "cut":
                del parts[at:]
            case "move" if parts:
                parts.insert(at, parts.pop())
    return parts


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("delete", "insert", "repeat", "cut", "move")),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(ODDITIES).map(lambda text: f"{text} "),
    ),
    max_size=4,
)
MUTATED = st.builds(
    lambda index, changes: "".join(
        mended(SPELLINGS.findall(known_queries()[index % len(known_queries())]), changes)
    ),
    st.integers(0, 10_000),
    CHANGES,
)
RANDOM = st.lists(st.sampled_from(ODDITIES), max_size=25).map(" ".join)
TEXTS = st.one_of(MUTATED, MUTATED, RANDOM, st.text(max_size=40))


def refusal(call: Callable[[], object]) -> tuple[PqlError, ...]:
    """The errors of a call; none when it succeeds. Any other exception fails the test."""
    try:
        call()
    except PqlErrors as refused:
        assert refused.first == refused.errors[0]
        assert 0 < len(refused.errors) <= ERRORS_MAX
        assert len(set(refused.errors)) == len(refused.errors)
        return refused.errors
    return ()


def assert_places_exist(errors: tuple[PqlError, ...], text: str) -> None:
    lines = re.split(r"\r\n|\r|\n", text)
    places = [(error.line, error.column) for error in errors]
    assert places == sorted(places)
    for line, column in places:
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
    assert all(error.pointer is None for error in errors)


def parts(node: Any) -> Iterator[Any]:
    """The node and everything in it."""
    yield node
    inner = (
        node
        if isinstance(node, tuple)
        else [getattr(node, n) for n in getattr(node, "__dataclass_fields__", ())]
    )
    for each in inner:
        yield from parts(each)


def says_the_same_in_json(tree: syntax.Query) -> bool:
    """Whether the JSON form is to give the same tree.

    The root `$1.` is left out there; a method that is called like a function, which is refused later, becomes a method.
    """
    return not any(
        isinstance(part, syntax.Parameter)
        or (
            isinstance(part, syntax.Call) and part.receiver is None and part.name not in syntax.FREE_FUNCTIONS
        )
        for part in parts(tree)
    )


def use(tree: syntax.Query) -> None:
    """Bind, plan and evaluate; only binding may refuse."""
    if refusal(lambda: bind(tree, SCHEMA)):
        return
    query = bind(tree, SCHEMA)
    plan(query)
    assert matches(query, PERSON, now=NOW) in (True, False)
    assert matches(query, {}, now=NOW) in (True, False)


@hostile
@given(text=TEXTS)
def test_any_text_is_read_or_refused(text: str) -> None:
    errors = refusal(lambda: parse(text))
    assert_places_exist(errors, text)
    all_errors = refusal(lambda: check(text, SCHEMA))
    assert_places_exist(all_errors, text)
    assert len(all_errors) == ERRORS_MAX or set(errors) <= set(all_errors)
    if errors:
        return
    tree = parse(text)
    assert parse(print_text(tree)) == tree
    again = refusal(lambda: read_json(write_json(tree))) or read_json(json.dumps(write_json(tree)))
    assert again == tree or not says_the_same_in_json(tree)
    use(tree)


@hostile
@given(text=TEXTS, open_schema=st.booleans())
def test_check_agrees_with_parse_and_bind(text: str, open_schema: bool) -> None:
    both = refusal(lambda: bind(parse(text), SCHEMA, open_schema=open_schema))
    assert bool(refusal(lambda: check(text, SCHEMA, open_schema=open_schema))) is bool(both)


@pytest.mark.parametrize("text", QUERIES)
def test_the_examples_are_read(text: str) -> None:
    """Guards the tests above: mutations of what is refused anyway would show little."""
    assert isinstance(parse(text), syntax.Expr | syntax.Lambda)


def test_many_mutations_are_still_valid() -> None:
    read: list[bool] = []

    @settings(max_examples=300, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(text=MUTATED)
    def count(text: str) -> None:
        read.append(not refusal(lambda: parse(text)))

    count()
    assert 0.1 * len(read) < sum(read) < 0.9 * len(read)


# --- JSON

NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from((2**63, -(2**63), 2**63 - 1, 10**400, -0.0, 1e308, 1e-320))
)
SCALARS = st.one_of(
    st.none(), st.booleans(), NUMBERS, st.text(max_size=5), st.sampled_from(("\ud800", "\0", "a\nb"))
)
NODE_WORDS = st.sampled_from(
    (
        *(
            "nodeType",
            "fnName",
            "params",
            "fieldName",
            "object",
            "value",
            "literalType",
            "varName",
            "body",
            "from",
        ),
        *(
            "where",
            "variables",
            "quantifier",
            "items",
            "entries",
            "key",
            "when",
            "form",
            "anchor",
            "steps",
            "array",
        ),
        *(
            "literal",
            "fnApply",
            "fnCreate",
            "fieldLookup",
            "varRef",
            "select",
            "quantification",
            "aggregation",
        ),
        *(
            "occurs",
            "chain",
            "let",
            "list",
            "scopeReference",
            "period",
            "parameterReference",
            "up",
            "position",
        ),
        *(
            "and",
            "or",
            "not",
            "=",
            "in",
            "[]",
            "+",
            "negate",
            "if",
            "map",
            "sum",
            "date",
            "String",
            "List",
            "Date",
        ),
    )
)
DOCUMENTS = st.recursive(
    st.one_of(SCALARS, NODE_WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(NODE_WORDS, st.text(max_size=3)), inner, max_size=4),
    ),
    max_leaves=20,
)


@cache
def known_documents() -> tuple[str, ...]:
    documents = []
    for text in known_queries():
        if not refusal(lambda text=text: parse(text)):  # type: ignore[misc]
            documents.append(json.dumps(write_json(parse(text))))
    return tuple(documents)


def slots(node: Any) -> list[tuple[Any, Any]]:
    """Every place of a document that holds a value: the container and the key."""
    found: list[tuple[Any, Any]] = []
    pairs = (
        list(node.items())
        if isinstance(node, dict)
        else list(enumerate(node))
        if isinstance(node, list)
        else []
    )
    for key, value in pairs:
        found += [(node, key), *slots(value)]
    return found


def damaged(index: int, changes: list[tuple[str, float, float, Any]]) -> Any:
    document = json.loads(known_documents()[index % len(known_documents())])
    for kind, where, other, value in changes:
        places = slots(document)
        if not places:
            break
        container, key = places[int(where * len(places))]
        source, name = places[int(other * len(places))]
        match kind:
            case "replace":
                container[key] = value
            case "delete":
                del container[key]
            case "copy":
                # Through text: a document that holds itself has no text.
                container[key] = json.loads(json.dumps(source[name]))
    return document


FRACTION = st.floats(0, 1, exclude_max=True)
DAMAGED = st.builds(
    damaged,
    st.integers(0, 10_000),
    st.lists(
        st.tuples(
            st.sampled_from(("replace", "delete", "copy")),
            FRACTION,
            FRACTION,
            st.one_of(SCALARS, NODE_WORDS, DOCUMENTS),
        ),
        max_size=3,
    ),
)


def assert_pointers_exist(errors: tuple[PqlError, ...], document: Any) -> None:
    """Each leads to a value, or to a field that is missing in an object."""
    for error in errors:
        assert (error.line, error.column) == (0, 0)
        assert error.pointer is not None
        node = document
        steps = error.pointer.split("/")[1:]
        for number, step in enumerate(steps, 1):
            if isinstance(node, list):
                node = node[int(step)]
            elif step in node:
                node = node[step]
            else:
                assert number == len(steps)


@hostile
@given(document=st.one_of(DAMAGED, DAMAGED, DOCUMENTS))
def test_any_document_is_read_or_refused(document: Any) -> None:
    errors = refusal(lambda: read_json(json.dumps(document)))
    assert_pointers_exist(errors, document)
    if isinstance(document, dict):
        all_errors = refusal(lambda: check(document, SCHEMA))
        assert_pointers_exist(all_errors, document)
        assert set(errors) <= set(all_errors) or len(all_errors) == ERRORS_MAX
    if errors:
        return
    tree = read_json(json.dumps(document))
    assert parse(print_text(tree)) == tree
    again = read_json(write_json(tree))
    assert again == tree or not says_the_same_in_json(tree)
    use(tree)


@hostile
@given(text=st.one_of(st.text(max_size=30), MUTATED, DAMAGED.map(json.dumps).map(lambda text: text[:-2])))
def test_any_text_of_a_document_is_read_or_refused(text: str) -> None:
    assert all(error.pointer is not None for error in refusal(lambda: read_json(text)))


# --- patterns

PATTERN_PARTS = st.sampled_from(
    (
        *("a", "b", ".", "\\d", "\\S", "[ab]", "[^a]", "[\\s-]", "(", "(?:", ")", "|", "^", "$", "\\b", "é"),
        *("*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "{1000}", "(?i)", "(?=", "\\1", "[", "]", "\\", "a++"),
    )
)


@hostile
@given(pattern=st.lists(PATTERN_PARTS, max_size=12).map("".join), text=st.text("ab1 é\n", max_size=200))
def test_any_pattern_is_matched_or_refused(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except PatternError:
        return
    match = compiled.python.search(text)
    groups = [match.group(number) for number in range(compiled.groups + 1)] if match is not None else [None]
    assert all(group is None or group in text for group in groups)
    if match is not None:
        assert all(groups[number] is not None for number in compiled.certain)


@hostile
@given(pattern=st.text("ab%_", max_size=6), text=st.text("ab\n", max_size=8))
def test_like_agrees_with_its_definition(pattern: str, text: str) -> None:
    def holds(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "%":
            return any(holds(pattern[1:], text[at:]) for at in range(len(text) + 1))
        return bool(text) and pattern[0] in ("_", text[0]) and holds(pattern[1:], text[1:])

    assert is_like(text, pattern) is holds(pattern, text)
