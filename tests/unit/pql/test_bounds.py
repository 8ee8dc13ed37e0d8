"""Whatever a query is, time and stack suffice for it, or it is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from muster.pql import (
    BOOLEAN,
    DATE,
    INTEGER,
    STRING,
    ArrayType,
    ObjectType,
    PqlErrors,
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
from muster.pql.like import is_like
from muster.pql.regex import NESTING_MAX, PatternError, compile_pattern
from muster.pql.suggest import nearest

SCHEMA = ObjectType(
    {
        "a": INTEGER,
        "s": STRING,
        "v": BOOLEAN,
        "born": DATE,
        "tags": ArrayType(STRING),
        "orders": ArrayType(ObjectType({"qty": INTEGER, "v": BOOLEAN})),
    }
)
NOW = datetime(2025, 1, 1, tzinfo=UTC)
# Far above what is needed; a time that doubles with each level is above any bound.
SECONDS_MAX = 20.0


def nested(times: int, before: str, inner: str, after: str) -> str:
    return before * times + inner + after * times


def pass_through(text: str) -> None:
    """Use a query everywhere; a refusal may come from the readers only."""
    try:
        tree = parse(text)
        query = check(tree, SCHEMA)
    except PqlErrors:
        return
    assert parse(print_text(tree)) == tree
    assert read_json(json.dumps(write_json(tree))) == tree
    plan(query)
    matches(query, {"a": 1, "s": "x" * 100, "tags": ["x"], "orders": [{"qty": 1}]}, now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(nested(195, "(", "v", ")"), id="brackets"),
        pytest.param("not " * 195 + "v", id="nots"),
        pytest.param("- " * 190 + "a > 1", id="minus"),
        pytest.param("^" * 50_000 + "a = 1", id="carets"),
        pytest.param("tags" + ".distinct()" * 390 + ".count() > 1", id="methods"),
        pytest.param("orders" + "[qty > 1]" * 300, id="filters in a row"),
        pytest.param(
            nested(90, "tags.filter(", "true", ")" + ".distinct()" * 300), id="methods of arguments"
        ),
        pytest.param(nested(90, "(", "a", "+1" * 150 + ")") + " > 1", id="sums of sums"),
        pytest.param(nested(45, '(v or (s = "x" and ', "v", "))"), id="alternating"),
        pytest.param("".join(f"let x{i} = a in " for i in range(190)) + "v", id="lets"),
        pytest.param("".join(f"exists E{i} from orders where " for i in range(150)) + "v", id="quantifiers"),
        pytest.param("exists " + ", ".join(f"E{i} from orders" for i in range(5_000)), id="clauses"),
        pytest.param(
            "chain(orders, qty, [" + ",".join(f"E{i}: WHAT(v)" for i in range(5_000)) + "])", id="steps"
        ),
        pytest.param(nested(60, "if(", "s", '.doesNotContain("a"), "x", "y")') + '="x"', id="negative tests"),
        pytest.param(nested(60, "if(", "s", '.equals("a", "b"), "x", "y")') + '="x"', id="equals"),
        pytest.param(nested(60, "if(", "s", ' notIn ["x"], "x", "y")') + '="x"', id="notIn"),
        pytest.param(
            nested(60, "if(", "tags", '.subsetOf(["a"]), ["x"], ["y"])') + ".count() > 1", id="subsets"
        ),
        pytest.param(
            "born occurs < 1 day before "
            + nested(40, "date(if(born occurs < 1 day before ", "born", ", 1, 2), 1, 1)"),
            id="anchors",
        ),
        pytest.param(" or ".join(["sum(a)"] * 5_000), id="sums that may be aggregates"),
        pytest.param("a in [" + ", ".join(map(str, range(20_000))) + "]", id="a long list"),
        pytest.param('s = "' + "x" * 900_000 + '"', id="a long text"),
        pytest.param('s like "' + "%x" * 60 + 'b"', id="like"),
        pytest.param('s.matches("(x+)+$") or s.matches("(x*)*(x|xx)+(x|x?)+y")', id="a nested repetition"),
        pytest.param(" or ".join(f's.matches(".{{1000}}{i}")' for i in range(2_000)), id="large patterns"),
        pytest.param("a = " + "9" * 100_000, id="a long number"),
        pytest.param("a = " + "0" * 100_000 + "1", id="a long number of noughts"),
        pytest.param("let " + "b" * 400_000 + " = 1 in " + "b" * 400_000 + "c > 1", id="long names"),
        pytest.param("`" * 100_001, id="backticks"),
        pytest.param("(a = , " * 150, id="an error in each bracket"),
        pytest.param("v or " * 250_000 + "v", id="more than may be written"),
        pytest.param("(" * 200_000, id="nothing but brackets"),
        pytest.param("\0\ud800`\0`", id="no characters of a text"),
    ],
)
def test_time_is_bounded(text: str) -> None:
    begin = time.process_time()
    pass_through(text)
    assert time.process_time() - begin < SECONDS_MAX


@pytest.mark.parametrize(
    "text",
    [
        nested(195, "(", "v", ")"),
        "not " * 195 + "v",
        "tags" + ".distinct()" * 390 + ".count() > 1",
        'a in ["' + '", "'.join(map(str, range(20_000))) + '"]',
        " or ".join(f's = "{i}"' for i in range(2_000)),
        "s.notEqualTo(" + ", ".join(f'"{i}"' for i in range(900)) + ")",
        "exists " + ", ".join(f"E{i} from orders where E{i}.qty > 1" for i in range(50)),
    ],
)
def test_what_is_large_and_fair_is_not_refused(text: str) -> None:
    assert check(text, SCHEMA).condition is not None


def message(call: Callable[[], object]) -> str:
    with pytest.raises(PqlErrors) as caught:
        call()
    assert len(caught.value.errors) == 1
    return caught.value.first.message


def test_what_is_too_large_is_refused_once() -> None:
    assert "longer" in message(lambda: parse("v" + " " * syntax.TEXT_MAX))
    assert "too large" in message(lambda: parse(" or ".join(["a + 1" + " + 1" * 150 + " > 1"] * 300)))
    assert "deeper" in message(
        lambda: parse("(" * 300 + "v" + ")" * 300 + " and " + "(" * 300 + "v" + ")" * 300)
    )


def test_a_tree_made_by_a_program_is_measured_too() -> None:
    tree: syntax.Expr = syntax.Name("v")
    for _ in range(50_000):
        tree = syntax.Not(tree)
    assert "deeper" in message(lambda: check(tree, SCHEMA))


def deep(levels: int, wrap: Callable[[Any], Any]) -> Any:
    node: Any = {"nodeType": "literal", "value": True}
    for _ in range(levels):
        node = wrap(node)
    return node


def shared(node: Any) -> Any:
    return {"nodeType": "fnApply", "fnName": "=", "params": [node, node]}


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda node: {"nodeType": "fnApply", "fnName": "not", "params": [node]}, id="not"),
        pytest.param(
            lambda node: {"nodeType": "fieldLookup", "fieldName": "a", "object": node}, id="fieldLookup"
        ),
        pytest.param(lambda node: {"nodeType": "literal", "value": [node]}, id="list"),
        pytest.param(lambda node: {"nodeType": "list", "items": [node]}, id="items"),
        pytest.param(
            lambda node: {"nodeType": "fnApply", "fnName": "and", "params": [node, node]},
            id="and of the same",
        ),
        pytest.param(shared, id="the same node twice"),
    ],
)
def test_deep_documents_are_refused(wrap: Callable[[Any], Any]) -> None:
    assert message(lambda: read_json(deep(2_000, wrap))).startswith("the query is")


def test_text_of_a_deep_document_is_refused() -> None:
    document = '{"nodeType": "literal", "value": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert "deeper" in message(lambda: read_json(document))


def test_hundreds_of_conditions_inside_each_other_are_read() -> None:
    node = deep(
        390, lambda n: {"nodeType": "fnApply", "fnName": "or", "params": [n, n if n is None else leaf]}
    )
    tree = read_json(node)
    assert isinstance(tree, syntax.Logic) and len(tree.operands) == 391


leaf = {"nodeType": "literal", "value": True}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ('{"nodeType": "literal", "value": NaN}', "/value"),
        ('{"nodeType": "literal", "value": -Infinity}', "/value"),
        ('{"nodeType": "literal", "value": 1e999}', "/value"),
        ('{"nodeType": "literal", "value": ' + "9" * 5_000 + "}", "/value"),
        ('{"nodeType": "literal", "literalType": "Integer", "value": true}', "/value"),
        ('{"nodeType": "literal", "value": "\\ud800"}', "/value"),
        ('{"nodeType": "parameterReference", "position": true}', "/position"),
        ('{"nodeType": "parameterReference", "position": 9999999999}', "/position"),
        ('{"nodeType": "fieldLookup", "fieldName": "a\\nb"}', "/fieldName"),
        (
            '{"nodeType": "fieldLookup", "fieldName": "a", "object": '
            '{"nodeType": "scopeReference", "up": 9000000000000000000}}',
            "/object/up",
        ),
        ("[]", ""),
        ("null", ""),
        ("", ""),
        ("\ud800", ""),
    ],
)
def test_values_that_cannot_exist_are_refused(document: str, pointer: str) -> None:
    with pytest.raises(PqlErrors) as caught:
        read_json(document)
    assert [each.pointer for each in caught.value.errors] == [pointer]


@pytest.mark.parametrize(
    "pattern",
    [
        "(" * (NESTING_MAX + 1) + "a" + ")" * (NESTING_MAX + 1),
        "a" * 20_000,
        "(a{100}){100}",
        ".{1000}.{1000}.{1000}",
        r"[\d-z]",
        r"[a-\d]",
        r"[\t-\s]",
    ],
)
def test_patterns_that_are_too_large_or_unclear_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern)


def test_a_pattern_is_matched_in_linear_time() -> None:
    begin = time.process_time()
    for pattern in ("(a+)+$", "(a|a)*b", "a*a*a*a*a*b", "(?:.{1000})b"):
        compile_pattern(pattern).python.search("a" * 200_000 + "c")
    assert time.process_time() - begin < SECONDS_MAX


@pytest.mark.parametrize(
    ("pattern", "text", "groups"),
    [
        (r"[^\S]x[\S]", "a x1", (" x1",)),
        ("(é)(b)?", "aéc", ("é", "é", None)),
        ("b(.)", "ab\ud800", ("b\ud800", "\ud800")),
    ],
)
def test_groups_are_text_or_took_no_part(pattern: str, text: str, groups: tuple[str | None, ...]) -> None:
    match = compile_pattern(pattern).python.search(text)
    assert match is not None
    assert tuple(match.group(number) for number in range(len(groups))) == groups


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("", "", True),
        ("", "%", True),
        ("", "_", False),
        ("a", "", False),
        ("abc", "a%c", True),
        ("abc", "a_c", True),
        ("ac", "a_c", False),
        ("aa", "a%a", True),
        ("a", "a%a", False),
        ("xaxbx", "%a_b%", True),
        ("a\nb", "a_b", True),
        ("a.b", "a.b", True),
        ("axb", "a.b", False),
        ("abcbcd", "a%bcd", True),
        ("aXbXc", "%_X%_", True),
        ("a\\%", "a\\%", True),
        ("mississippi", "m%iss%ip%_i", True),
        ("mississippi", "m%iss%ipp_%_i", False),
    ],
)
def test_like_matches_the_whole_text(text: str, pattern: str, expected: bool) -> None:
    assert is_like(text, pattern) is expected


def test_long_names_get_a_suggestion_in_other_case_only() -> None:
    name = "n" * 500
    assert nearest(name.upper(), [name, "x"]) == name
    assert nearest(name + "x", [name]) is None


def test_bind_takes_what_parse_gives_in_any_size() -> None:
    assert bind(parse("a in [" + "1," * 5_000 + "1]"), SCHEMA).condition is not None
