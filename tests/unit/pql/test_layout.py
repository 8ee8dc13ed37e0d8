"""A query is laid out as a person would do it."""

from __future__ import annotations

import pytest

from muster.pql import format_text, parse, print_text
from muster.pql.document import SPACE, Group, Indented, join, render, render_flat
from muster.pql.syntax import DEPTH_MAX


def laid_out(text: str, *, width: int = 88) -> str:
    tree = parse(text)
    formatted = format_text(tree, width=width)
    assert parse(formatted) == tree
    assert format_text(parse(formatted), width=width) == formatted
    assert not any(line != line.rstrip() for line in formatted.split("\n"))
    return formatted


def test_what_fits_stays_on_one_line() -> None:
    text = 'person.gender = "female" and (loyalty.tier = "gold" or loyalty.points > 100)'
    assert laid_out(text) == text == print_text(parse(text))
    assert "\n" not in laid_out(text, width=len(text))
    assert "\n" in laid_out(text, width=len(text) - 1)


PAIRS = {
    "operators begin lines": (
        "aaaaaaaaaa = 1 and bbbbbbbbbb = 2 and cccccccccc = 3",
        "aaaaaaaaaa = 1\nand bbbbbbbbbb = 2\nand cccccccccc = 3",
    ),
    "an and inside an or stands further right": (
        "aaaaaaaaaa = 1 and bbbbbbbbbbbbb = 2 or cccccccccc = 3",
        "aaaaaaaaaa = 1\n  and bbbbbbbbbbbbb = 2\nor cccccccccc = 3",
    ),
    "parentheses have lines of their own": (
        "aaaaaaaaaa = 1 and (bbbbbbbbbbbbb = 2 or ccccccccccccc = 3)",
        "aaaaaaaaaa = 1\nand (\n  bbbbbbbbbbbbb = 2\n  or ccccccccccccc = 3\n)",
    ),
    "brackets break, and the comparison stays behind them": (
        'xEvent[type = "buy" and total > 100].count() >= 3',
        'xEvent[\n  type = "buy" and total > 100\n].count() >= 3',
    ),
    "literals fill their lines": (
        'c in ["AA", "BB", "CC", "DD", "EE", "FF", "GG"]',
        'c in [\n  "AA", "BB", "CC", "DD", "EE",\n  "FF", "GG"\n]',
    ),
    "other items have a line each": (
        "c in [aaaaaaaaaa.bbbb, ccccccccccc.dddd]",
        "c in [\n  aaaaaaaaaa.bbbb,\n  ccccccccccc.dddd\n]",
    ),
    "long rows of calls break before the dots": (
        "xs.filter(a > 1).map(b + 1).distinct().count() > 2",
        "xs\n  .filter(a > 1)\n  .map(b + 1)\n  .distinct()\n  .count() > 2",
    ),
    "sums break before the sign": (
        "aaaaaaaaaaaaa + bbbbbbbbbbbbbb - cccccccccc > 5",
        "aaaaaaaaaaaaa\n  + bbbbbbbbbbbbbb\n  - cccccccccc > 5",
    ),
    "long operands part at the comparison": (
        'a.long.path.to.a.field = "and a long text"',
        'a.long.path.to.a.field\n  = "and a long text"',
    ),
    "clauses have a line each": (
        "select A from xEvent where A.x = 1, B from ys where B.z = A.z and B.u",
        "select\n  A from xEvent where A.x = 1,\n  B from ys\n    where B.z = A.z and B.u",
    ),
    "steps have a line each": (
        "chain(xEvent, timestamp, [A: WHAT(a = 1), B: WHAT(b) WHEN(<= 2 hours after A.t) COUNT(2)])",
        "chain(xEvent, timestamp, [\n  A: WHAT(a = 1),\n  B: WHAT(b)\n    WHEN(<= 2 hours after A.t)\n    COUNT(2)\n])",
    ),
    "let, lambda and aggregate": (
        "P => let S = (sum E.total over E from P.xEvent where E.paid) in S > 1",
        "(P) =>\n  let S = (\n    sum E.total\n      over E from P.xEvent\n        where E.paid\n  ) in\n  S > 1",
    ),
    "arguments and objects": (
        'if(aaaaaaaaaaaaa, xs.map({"k": bbbbbbbbbb, "v": 1}), cccc)',
        'if(\n  aaaaaaaaaaaaa,\n  xs.map(\n    {"k": bbbbbbbbbb, "v": 1}\n  ),\n  cccc\n)',
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_lines_break_where_a_person_would_break_them(name: str) -> None:
    text, expected = PAIRS[name]
    assert laid_out(text, width=32) == expected


def test_a_text_without_a_place_to_break_sticks_out() -> None:
    text = f'a = "{"x" * 50}"'
    assert laid_out(text, width=20) == f'a\n  = "{"x" * 50}"'


@pytest.mark.parametrize("width", [1, 10, 40, 88, 10_000])
def test_nothing_is_lost_at_any_width(width: int) -> None:
    laid_out(
        "P => `next`.a[b.exists(this = 1)].`x y` in [1, -2.5e3, true] and not (x occurs between last week and now) "
        "or chain(xs[a], t.u, [A: WHAT(c) WHERE(d) WHEN(after now) COUNT(2), B: WHAT(e)]) "
        "or (count T.a over T from xs where T.b, U from T.c) % 2 = -(1 + 2) * 3 - (4 - 5)",
        width=width,
    )


@pytest.mark.parametrize(
    "text", ['(sum ({"a": 1}.b) over E from xEvent) > 1', "(count (true) over E from xEvent) > 1"]
)
def test_the_value_of_an_aggregate_does_not_hide_that_it_is_one(text: str) -> None:
    assert parse(print_text(parse(text))) == parse(text)


def test_deep_and_long_queries_are_laid_out() -> None:
    deep = "a"
    for _ in range(DEPTH_MAX // 2 - 5):
        deep = f"xs[{deep} and b or c = 1]"
    laid_out(deep)
    laid_out("x in [" + ", ".join(f'"v{index}"' for index in range(10_000)) + "]")
    laid_out(" and ".join(f"a{index} = {index}" for index in range(10_000)))


def test_a_group_breaks_as_a_whole_and_the_groups_inside_are_tried_anew() -> None:
    inner = Group(join("c", SPACE, "d"))
    outer = Group(join("aaaa", Indented(join(SPACE, "bbbb", SPACE, inner)), "!"))
    assert render_flat(outer) == "aaaa bbbb c d!" == render(outer, 14)
    assert render(outer, 13) == "aaaa\n  bbbb\n  c d!"
    # What follows up to the next place to break has to fit, too.
    assert render(outer, 5) == "aaaa\n  bbbb\n  c\nd!".replace("\nd", "\n  d")
