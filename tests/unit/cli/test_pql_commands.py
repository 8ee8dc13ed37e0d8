"""The commands `muster pql …` give people what they asked for: data on standard output, the rest beside it, codes that say what happened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from muster.cli import pql_check
from muster.cli.main import app
from muster.pql.bound import BoundQuery
from muster.pql.evaluate import evaluate

SCHEMA = {
    "object": {
        "city": "string",
        "points": "integer",
        "shop": {"ref": "shops"},
        "xEvent": {"array": {"object": {"eventType": "string", "timestamp": "date-time"}}},
    }
}
PROFILES: list[dict[str, Any]] = [
    {"id": "p3", "city": "Oslo", "points": 5, "shop": "s1"},
    {
        "id": "p1",
        "city": "Bergen",
        "points": 7,
        "xEvent": [{"eventType": "buy", "timestamp": "2024-03-09T12:00Z"}],
    },
    {"id": "p2", "city": "oslo"},
]
FIXTURES: dict[str, Any] = {
    "now": "2024-03-10T00:00:00Z",
    "schema": SCHEMA,
    "entities": {"shops": {"schema": {"object": {"city": "string"}}, "items": {"s1": {"city": "Bergen"}}}},
    "profiles": PROFILES,
}
CASES: list[dict[str, Any]] = [
    {"id": "c1", "pql": 'city = "Oslo"', "expect": ["p3"]},
    {"id": "c2", "pql": "points > 1", "expect": ["p1", "p3"]},
    {"id": "c3", "pql": "xEvent[timestamp occurs yesterday]", "expect": ["p1"]},
    {"id": "c4", "pql": 'shop.city = "Bergen"', "expect": ["p3"]},
    {
        "id": "c5",
        "pql": "pionts > 1",
        "error": True,
        "error_code": "UNKNOWN_FIELD",
        "error_at": {"line": 1, "column": 1},
        "suggestion": "points",
    },
    {"id": "c6", "pql": "points > 6"},
]


def muster(*arguments: str | Path, stdin: str = "") -> Result:
    done = CliRunner().invoke(app, ["pql", *map(str, arguments)], input=stdin)
    # Whatever is wrong with the input, a person sees a sentence.
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def fixtures(tmp_path: Path) -> Path:
    return saved(tmp_path, "fixtures.json", json.dumps(FIXTURES))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return saved(tmp_path, "people.jsonl", "".join(f"{json.dumps(row)}\n" for row in PROFILES))


def saved(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- fmt


def test_fmt_prints_the_query_of_standard_input_formatted() -> None:
    done = muster("fmt", stdin='city="Oslo"   and\n points>3')
    assert (done.exit_code, done.stdout, done.stderr) == (0, 'city = "Oslo" and points > 3\n', "")


def test_fmt_turns_text_into_json_and_back() -> None:
    document = muster("fmt", "--to", "json", stdin="points>3").stdout
    assert json.loads(document)["fnName"] == ">"
    assert muster("fmt", "--to", "text", stdin=document).stdout == "points > 3\n"
    assert muster("fmt", stdin=document).stdout == document


def test_fmt_breaks_lines_at_the_width(tmp_path: Path) -> None:
    query = 'city = "Oslo" and points > 3 and city = "Bergen"'
    narrow = muster("fmt", "--width", "20", stdin=query).stdout
    assert max(map(len, narrow.splitlines())) <= 20
    assert muster("fmt", stdin=narrow).stdout == f"{query}\n"


def test_fmt_check_names_what_would_change_and_changes_nothing(tmp_path: Path) -> None:
    good, bad = saved(tmp_path, "good.pql", "points > 3\n"), saved(tmp_path, "bad.pql", "points>3")
    done = muster("fmt", "--check", good, bad)
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"muster: would change {bad}\n")
    assert bad.read_text() == "points>3"


def test_fmt_write_rewrites_what_is_not_formatted(tmp_path: Path) -> None:
    bad = saved(tmp_path, "bad.pql", "points>3")
    assert muster("fmt", "--write", bad).exit_code == 0
    assert bad.read_text() == "points > 3\n"
    assert muster("fmt", "--check", bad).exit_code == 0


def test_fmt_reports_a_file_that_holds_no_query_and_formats_the_others(tmp_path: Path) -> None:
    wrong, right = saved(tmp_path, "wrong.pql", "points >"), saved(tmp_path, "right.pql", "points>3")
    done = muster("fmt", wrong, right)
    assert (done.exit_code, done.stdout) == (2, "points > 3\n")
    assert f"--> {wrong}:1:9" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["fmt", "--check", "--write", "a.pql"],
            "--check changes nothing and --write does; give one of them",
        ),
        (["fmt", "--write"], "--write needs files; standard input cannot be written back"),
        (["fmt", "no/such.pql"], "no/such.pql: the file cannot be read (No such file or directory)"),
    ],
)
def test_fmt_refuses_what_it_cannot_do(arguments: list[str], message: str) -> None:
    done = muster(*arguments)
    assert (done.exit_code, done.stderr) == (2, f"muster: {message}\n")


# --- lint


def test_lint_shows_every_error_with_a_caret_below_the_word(fixtures: Path) -> None:
    done = muster("lint", 'city = "Oslo" and\n  pionts > 3 and city.contans("x")', "--data", fixtures)
    assert done.exit_code == 1
    assert done.stdout == (
        "error[UNKNOWN_FIELD]: there is no field pionts here\n"
        "  --> 2:3\n"
        "   |\n"
        ' 2 |   pionts > 3 and city.contans("x")\n'
        "   |   ^^^^^^ did you mean `points`?\n"
        "\n"
        "error[UNKNOWN_FUNCTION]: there is no method contans\n"
        "  --> 2:23\n"
        "   |\n"
        ' 2 |   pionts > 3 and city.contans("x")\n'
        "   |                       ^^^^^^^ did you mean `contains`?\n"
        "\n"
        "1 query: 2 errors, no warnings\n"
    )


def test_caret_stands_below_the_word_also_behind_wide_letters_and_in_long_lines(fixtures: Path) -> None:
    wide = muster("lint", 'city = "座席" and pionts > 3', "--data", fixtures).stdout.splitlines()
    # Each of the two letters takes two cells of a terminal.
    assert wide[4].index("^") == wide[3].index("pionts") + 2
    long = muster(
        "lint",
        f'city = "{"x" * 300}" and pionts > 3 and {"points > 3 and " * 20} points > 1',
        "--data",
        fixtures,
    )
    line, caret = long.stdout.splitlines()[3:5]
    assert len(line) < 120
    assert line[caret.index("^") :].startswith("pionts")


def test_error_of_the_json_form_is_shown_with_its_pointer(tmp_path: Path, fixtures: Path) -> None:
    query = saved(tmp_path, "query.json", '{"nodeType": "fnApply", "fnName": "fly", "params": []}')
    done = muster("lint", f"@{query}", "--data", fixtures)
    assert done.exit_code == 1
    assert f"--> {query} at /" in done.stdout


def test_lint_warns_and_still_succeeds(fixtures: Path) -> None:
    done = muster("lint", 'city != "Oslo"', "points > 3", "--data", fixtures)
    assert done.exit_code == 0
    assert "warning[" in done.stdout
    assert done.stdout.endswith("2 queries: no errors, 1 warning\n")


def test_lint_without_a_schema_accepts_any_field_and_says_so() -> None:
    done = muster("lint", "no.such.field = 3")
    assert done.exit_code == 0
    assert "every field is accepted" in done.stderr
    assert muster("lint", "no.such.field = ").exit_code == 1


def test_lint_takes_the_schema_of_a_file(tmp_path: Path) -> None:
    schema = saved(tmp_path, "schema.json", json.dumps(SCHEMA))
    assert muster("lint", "points > 3", "--schema", schema).exit_code == 0
    assert muster("lint", "poin.ts > 3", "--schema", schema).exit_code == 1


def test_lint_gives_json_for_programs(fixtures: Path) -> None:
    done = muster("lint", "pionts > 3", "points > 3", "--data", fixtures, "--json")
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["errors"] == [
        {
            "code": "UNKNOWN_FIELD",
            "message": "there is no field pionts here",
            "line": 1,
            "column": 1,
            "suggestion": "points",
        }
    ]
    assert second["errors"] == second["warnings"] == []


# --- explain


def test_explain_says_meaning_fields_window_methods_and_plan(fixtures: Path) -> None:
    done = muster(
        "explain",
        'points > 3 and not xEvent[eventType = "buy" and timestamp occurs <= 3 days before now]',
        "--data",
        fixtures,
    )
    assert done.exit_code == 0
    facts = dict(
        line.split(maxsplit=1)
        for line in done.stdout.splitlines()
        if line.startswith(("reads", "batch", "stream", "plan"))
    )
    assert facts == {
        "reads": "points, xEvent.eventType, xEvent.timestamp",
        "batch": "yes",
        "streaming": "no",
        "plan": "1 and not 2",
    }
    assert "1:20  events are read that are up to" in done.stdout


def test_explain_says_which_evaluator_answers_each_part(fixtures: Path) -> None:
    query = (
        'points > 3 and xEvent[eventType = "buy"].count() > 2 and inSegment("s-1") and '
        "exists A from xEvent, B from xEvent where B.timestamp occurs after A.timestamp"
    )
    done = muster("explain", query, "--data", fixtures, "--json")
    plan = json.loads(done.stdout)["plan"]
    assert plan["condition"] == "1 and 2 and 3 and 4"
    evaluators = [atom["evaluator"] for atom in plan["atoms"]]
    assert "DuckDB, over the profiles" in evaluators
    assert "DuckDB, over the events" in evaluators
    assert "the result of that definition" in evaluators
    assert all((atom["sql"] is None) is not atom["evaluator"].startswith("DuckDB") for atom in plan["atoms"])


def test_explain_without_a_schema_gives_the_meaning_alone() -> None:
    done = muster("explain", "points > 3")
    assert done.exit_code == 0
    assert "points" in done.stdout
    assert "plan" not in done.stdout


def test_explain_refuses_a_query_with_errors(fixtures: Path) -> None:
    done = muster("explain", "pionts > 3", "--data", fixtures)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "did you mean `points`?" in done.stderr


# --- run


@pytest.mark.parametrize("engine", ["interpret", "closures", "duckdb"])
def test_run_prints_the_ids_of_those_who_satisfy_the_query(fixtures: Path, engine: str) -> None:
    query = "points > 3 or xEvent"
    done = muster("run", query, "--data", fixtures, "--engine", engine, "--ids")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "p3\np1\n", "")


@pytest.mark.parametrize("engine", ["interpret", "closures", "duckdb"])
def test_run_follows_references_into_entities(tmp_path: Path, people: Path, engine: str) -> None:
    schema = saved(tmp_path, "schema.json", json.dumps(SCHEMA))
    entities = saved(tmp_path, "entities.json", json.dumps(FIXTURES["entities"]))
    options = ("--data", people, "--schema", schema, "--entities", entities, "--engine", engine)
    assert muster("run", 'shop.city = "Bergen"', *options, "--count").stdout == "1\n"


def test_run_counts(people: Path) -> None:
    assert muster("run", "points > 3", "--data", people, "--count").stdout == "2\n"


def test_run_prints_rows_as_json_lines_as_they_are(people: Path) -> None:
    done = muster("run", "points > 6", "--data", people, "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [PROFILES[1]]


def test_run_shows_a_table_with_the_fields_of_the_query(fixtures: Path) -> None:
    done = muster("run", "points > 3 or xEvent", "--data", fixtures, "--limit", "1")
    head, _, row, total = done.stdout.splitlines()
    assert head.split() == ["id", "points", "city", "shop", "events"]
    assert row.split() == ["p3", "5", "Oslo", "s1", "0"]
    assert total.startswith("2 of 3 people, the first 1 shown; closures took ")


def test_run_joins_events_of_a_file_of_their_own(tmp_path: Path) -> None:
    people = saved(tmp_path, "people.csv", "customer,address.city\n1,Oslo\n2,Bergen\n")
    events = saved(
        tmp_path, "events.csv", "customer,eventType,timestamp\n2,buy,2024-03-01\n2,buy,2024-03-02\n"
    )
    done = muster(
        "run",
        'xEvent[eventType = "buy"].count() = 2',
        "--data",
        people,
        "--events",
        events,
        "--key",
        "customer",
        "--ids",
    )
    assert (done.exit_code, done.stdout) == (0, "2\n")


def test_run_takes_now_from_the_option_before_the_data(fixtures: Path) -> None:
    query = "xEvent[timestamp occurs yesterday]"
    assert muster("run", query, "--data", fixtures, "--count").stdout == "1\n"
    assert muster("run", query, "--data", fixtures, "--count", "--now", "2024-03-20").stdout == "0\n"


def test_run_reads_the_query_from_a_file_or_standard_input(tmp_path: Path, fixtures: Path) -> None:
    query = saved(tmp_path, "query.pql", "points > 6\n")
    assert muster("run", f"@{query}", "--data", fixtures, "--ids").stdout == "p1\n"
    assert muster("run", "-", "--data", fixtures, "--ids", stdin="points > 6").stdout == "p1\n"


def test_run_says_how_it_read_values_that_disagree(tmp_path: Path) -> None:
    people = saved(tmp_path, "people.jsonl", '{"n": 1}\n{"n": 2}\n{"n": "three"}\n')
    done = muster("run", "n > 0", "--data", people, "--count")
    assert done.stdout == "2\n"
    assert (
        done.stderr
        == "muster: n is text in 1 and number in 2; it is read as number, and what is not counts as missing\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "duckbd"], "there is no engine duckbd. Did you mean duckdb?"),
        (["--engine", "spark"], "there is no engine spark. There are interpret, closures, duckdb."),
        (["--now", "soon"], "--now soon is no instant; write it as 2024-03-10T05:45:30Z or 2024-03-10"),
        (["--json", "--ids"], "--json, --ids and --count are three ways to print; give one of them"),
        (
            ["--events", "e.csv"],
            "--events and --key belong together: the key is the field that says whose an event is",
        ),
        (["--id", "nmae"], "there is no field nmae in {data} that could name a person"),
    ],
)
def test_run_refuses_wrong_usage_in_a_sentence(fixtures: Path, options: list[str], message: str) -> None:
    done = muster("run", "points > 3", "--data", fixtures, *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"muster: {message.format(data=fixtures)}\n"


def test_run_names_the_file_and_the_line_that_cannot_be_read(tmp_path: Path) -> None:
    people = saved(tmp_path, "people.jsonl", '{"a": 1}\n{"a": \n')
    done = muster("run", "a > 0", "--data", people)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"muster: {people}, line 2: this is no JSON")


def test_run_shows_errors_of_the_query_on_standard_error(fixtures: Path) -> None:
    done = muster("run", "pionts > 3", "--data", fixtures)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "1 | pionts > 3" in done.stderr


def test_run_prints_half_a_character_pair_without_failing(tmp_path: Path) -> None:
    people = saved(tmp_path, "people.jsonl", '{"name": "\\ud800"}\n')
    done = muster("run", "name", "--data", people, "--json", "--engine", "interpret")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"name": "\ud800"})


# --- check


def cases_file(folder: Path, *cases: dict[str, Any] | str) -> Path:
    lines = [case if isinstance(case, str) else json.dumps(case) for case in cases]
    return saved(folder, "cases.jsonl", "\n".join(lines))


@pytest.mark.parametrize("engine", ["interpret", "closures", "duckdb"])
def test_check_prints_a_line_a_case_and_nothing_else(tmp_path: Path, fixtures: Path, engine: str) -> None:
    done = muster("check", cases_file(tmp_path, *CASES), fixtures, "--engine", engine)
    assert done.exit_code == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"id": "c1", "members": ["p3"]},
        {"id": "c2", "members": ["p1", "p3"]},
        {"id": "c3", "members": ["p1"]},
        {"id": "c4", "members": ["p3"]},
        {
            "id": "c5",
            "error": {
                "code": "UNKNOWN_FIELD",
                "message": "there is no field pionts here",
                "line": 1,
                "column": 1,
                "suggestion": "points",
            },
        },
        {"id": "c6", "members": ["p1"]},
    ]
    assert done.stderr.startswith(f"6 cases answered by {engine} in ")
    assert done.stderr.endswith("; 5 of 5 as expected\n")


@pytest.mark.parametrize(
    "expected",
    [
        {"pql": "points > 1", "expect": ["p1"]},
        {"pql": "points > 1", "error": True},
        {"pql": "pionts > 1", "expect": []},
        {"pql": "pionts > 1", "error": True, "error_code": "SYNTAX"},
        {"pql": "pionts > 1", "error": True, "error_at": {"line": 1, "column": 2}},
        {"pql": "pionts > 1", "error": True, "suggestion": "joints"},
    ],
)
def test_check_names_cases_that_do_not_agree(
    tmp_path: Path, fixtures: Path, expected: dict[str, Any]
) -> None:
    done = muster("check", cases_file(tmp_path, CASES[0], {"id": "odd", **expected}), fixtures)
    assert done.exit_code == 1
    assert done.stderr.endswith("; 1 of 2 as expected\nnot as expected: odd\n")


@pytest.mark.parametrize(
    "line", ["{", "[]", "null", '{"id": "x"}', '{"pql": "points"}', '{"id": 1, "pql": "points"}']
)
def test_check_reports_a_broken_line_and_answers_the_others(
    tmp_path: Path, fixtures: Path, line: str
) -> None:
    cases = cases_file(tmp_path, CASES[0], "", line, CASES[1])
    done = muster("check", cases, fixtures)
    assert done.exit_code == 2
    assert [json.loads(answer)["id"] for answer in done.stdout.splitlines()] == ["c1", "c2"]
    assert done.stderr.startswith(f"muster: {cases}, line 3: ")


def test_check_answers_odd_queries_with_an_error_not_a_crash(tmp_path: Path, fixtures: Path) -> None:
    odd = [
        "",
        "(" * 5000,
        "\ud800",
        '{"nodeType": "nonsense"}',
        '{"nodeType": ',
        "9" * 5000,
        "not " * 3000 + "city",
    ]
    cases = [{"id": f"odd-{number}", "pql": pql} for number, pql in enumerate(odd)]
    done = muster("check", cases_file(tmp_path, *cases), fixtures)
    assert done.exit_code == 0
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers if "error" in answer] == [case["id"] for case in cases]


def test_check_goes_on_when_an_evaluator_fails(
    tmp_path: Path, fixtures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[BoundQuery] = []

    def failing_once(query: BoundQuery, *arguments: Any, **options: Any) -> list[bool]:
        asked.append(query)
        if len(asked) == 1:
            raise ZeroDivisionError("of all things")
        return evaluate(query, *arguments, **options)

    monkeypatch.setattr(pql_check, "evaluate", failing_once)
    done = muster("check", cases_file(tmp_path, CASES[1], CASES[0]), fixtures)
    assert (done.exit_code, done.stdout) == (2, '{"id": "c1", "members": ["p3"]}\n')
    assert done.stderr.startswith("muster: c2: the evaluator failed with ZeroDivisionError: of all things\n")


def test_check_needs_profiles_with_ids(tmp_path: Path) -> None:
    nameless = saved(tmp_path, "fixtures.json", '{"profiles": [{"a": 1}]}')
    done = muster("check", cases_file(tmp_path, CASES[0]), nameless)
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        done.stderr
        == f"muster: {nameless}: fixtures are a JSON document whose `profiles` each have a text `id`\n"
    )


# --- the start


def test_formatting_imports_no_column_engine() -> None:
    code = (
        "import sys; from muster.cli.main import app\n"
        "app(['pql', 'fmt'], standalone_mode=False)\n"
        "print([name for name in ('duckdb', 'numpy', 'pyarrow', 'sqlglot', 'fastapi') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input="points>3", capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "points > 3\n[]\n"
