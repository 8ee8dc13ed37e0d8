"""English says what the query says, and has words for all of the language."""

from __future__ import annotations

import pytest

from muster.pql import ArrayType, ObjectType, in_english, parse, syntax
from muster.pql.english.conditions import CONDITIONS
from muster.pql.english.free_functions import FREE_TESTS, FREE_VALUES
from muster.pql.english.method_tests import METHOD_TESTS
from muster.pql.english.method_values import METHOD_VALUES
from muster.pql.english.places import COUNTRIES, LANGUAGES, language_name
from muster.pql.english.times import WHENS
from muster.pql.english.values import VALUES
from muster.pql.english.vocabulary import event_noun
from muster.pql.english.words import (
    name_words,
    noun,
    pluralise,
    quoted,
    singularise,
    value_word,
    with_article,
)
from muster.pql.functions import FREE, METHODS
from muster.pql.types import BOOLEAN, DATE, DATETIME, INTEGER, STRING

ORDER = ObjectType({"sku": STRING, "total": INTEGER, "paid": BOOLEAN})
SCHEMA = ObjectType(
    {
        "tier": STRING,
        "points": INTEGER,
        "vip": BOOLEAN,
        "born": DATE,
        "seen": DATETIME,
        "tags": ArrayType(STRING),
        "orders": ArrayType(ORDER),
    }
)


def said(text: str, schema: ObjectType | None = SCHEMA) -> str:
    return in_english(parse(text), schema)


def kinds_of(base: type[syntax.Node]) -> set[type[syntax.Node]]:
    """The classes of the syntax tree below one."""
    found = (kind for kind in vars(syntax).values() if isinstance(kind, type) and issubclass(kind, base))
    return {kind for kind in found if kind is not base}


def test_every_method_has_words() -> None:
    assert METHOD_VALUES.keys() | METHOD_TESTS.keys() == METHODS.keys()
    assert not METHOD_VALUES.keys() & METHOD_TESTS.keys()


def test_every_free_function_has_words() -> None:
    assert FREE_VALUES.keys() | FREE_TESTS.keys() == FREE.keys()


def test_every_kind_of_expression_and_of_time_has_words() -> None:
    # A broken part stands only in trees that come with errors; it has no text either.
    assert set(VALUES) == kinds_of(syntax.Expr) - {syntax.Broken}
    assert len(VALUES) > 15 and set(CONDITIONS) <= set(VALUES)
    assert set(WHENS) == kinds_of(syntax.When) != set()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        # A comparison is false of those of whom nothing is known, its negation true.
        ('tier = "gold"', "people whose tier is gold"),
        ('tier != "gold"', "people whose tier is known and not gold"),
        ('not (tier = "gold")', "people whose tier is unknown or not gold"),
        ('not (tier != "gold")', "people whose tier is unknown or gold"),
        ("not (points > 5)", "people whose points are unknown or at most 5"),
        ("not (points in [1, 2])", "people whose points are unknown or neither 1 nor 2"),
        ("points notIn [1, 2]", "people whose points are known and neither 1 nor 2"),
        ('tier.doesNotContain("x")', "people whose tier is known and does not contain “x”"),
        ('not tier.doesNotContain("x")', "people whose tier is unknown or contains “x”"),
        ("not (seen occurs today)", "people whose seen is unknown or not today"),
        ("vip", "people marked as vip"),
        ("not vip", "people not marked as vip"),
        ("vip = false", "people marked as not vip"),
        ("not (vip = false)", "people whose vip is unknown or true"),
        # Of an array, some element; so != is another tag and not the lack of one.
        ('tags = "a1"', "people with the tag a1"),
        ('tags != "a1"', "people with a tag other than a1"),
        ('not (tags = "a1")', "people without the tag a1"),
        ("orders.total > 5", "people with an order whose total is more than 5"),
        ("not (orders.total > 5)", "people with no orders whose total is more than 5"),
        # A count is never missing.
        ("not (orders.count() >= 3)", "people with fewer than 3 orders"),
        ("orders.count() = 0", "people with no orders"),
        ("orders[paid].count() != 0", "people with an order marked as paid"),
        ("forall O from orders where O.paid", "people whose orders, if any, are all marked as paid"),
        (
            "not (forall O from orders where O.total > 1)",
            "people with an order whose total is unknown or at most 1",
        ),
        ("true", "everyone"),
        ("not true", "no one"),
    ],
)
def test_negation_says_what_becomes_of_the_unknown(query: str, words: str) -> None:
    assert said(query) == words


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("<= 30 days before now", "in the last 30 days"),
        ("<= 1 day before now", "in the last 24 hours"),
        ("<= 1 month before now", "in the month up to now"),
        ("> 30 days before now", "more than 30 days ago"),
        (">= 2 weeks before now", "at least 2 weeks ago"),
        ("!= 1 day before now", "in the past, but not exactly 1 day ago"),
        ("<= 30 days before today", "in the 30 days before today"),
        ("<= 3 days after today", "in the 3 days after the start of today"),
        ("<= 2 centuries after now", "in the next 2 centuries"),
        ("< 2 days after this week", "less than 2 days after the end of this week"),
        ("<= 1 day from last month", "from 1 day before the start of last month to 1 day after its end"),
        ("after today", "after the start of today"),
        ("after last month", "after last month"),
        ("before date(2024, 2, 29)", "before 29 February 2024"),
        ("from tomorrow", "from tomorrow on"),
        ("last month", "last month"),
        ("last day", "yesterday"),
        ("this hour", "in the current clock hour"),
        ("on date(2024, 2, 29)", "on 29 February 2024"),
        ("now", "exactly now"),
        ("between yesterday and tomorrow", "from yesterday to tomorrow, both included"),
    ],
)
def test_times_are_what_they_are_counted_from(when: str, words: str) -> None:
    assert said(f"seen occurs {when}") == f"people whose seen is {words}"


def test_a_day_is_after_a_day_only_when_that_is_over() -> None:
    assert said("born occurs after today") == "people whose born is after today"
    assert said("seen occurs after today") == "people whose seen is after the start of today"
    assert said("born > today") == "people whose born is after today"
    assert said("seen > today") == "people whose seen is after the start of today"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            'points > 1 and (tier = "gold" or vip)',
            "people whose points are more than 1 and for whom either their tier is gold or they are marked as vip",
        ),
        (
            'vip and points > 1 or tier = "gold"',
            "people who match any of:\n"
            "- people who are marked as vip and whose points are more than 1\n"
            "- people whose tier is gold",
        ),
        (
            '(vip or points > 1) and (tier = "gold" or tags = "a1")',
            "people who match all of:\n"
            "- any of:\n  - people marked as vip\n  - people whose points are more than 1\n"
            "- any of:\n  - people whose tier is gold\n  - people with the tag a1",
        ),
        (
            'orders[paid and (total > 5 or sku = "x1" and total > 1)]',
            "people with an order that is marked as paid and where either its total is more than 5 "
            "or (its sku is x1 and its total is more than 1)",
        ),
        (
            "orders[total > 5] and orders[paid and total = 1]",
            "people who match all of:\n"
            "- with an order whose total is more than 5\n"
            "- with an order that is marked as paid and whose total is 1",
        ),
    ],
)
def test_and_beside_or_reads_in_one_way_only(query: str, words: str) -> None:
    assert said(query) == words


def test_a_variable_goes_by_its_letter_only_where_something_refers_to_it() -> None:
    alone = "exists O from orders where O.total > 5"
    assert said(alone) == "people with an order whose total is more than 5"
    two = "exists O from orders where O.paid, P from orders where P.total > O.total"
    assert (
        said(two)
        == "people with an order (O) marked as paid, and an order whose total is more than O's total"
    )


def test_other_scopes_are_named() -> None:
    assert said("orders[total > ^.points]") == (
        "people with an order whose total is more than the person's points"
    )


def test_names_of_other_definitions_are_used() -> None:
    query = parse('inSegment("s-1") and not inSegment("s-2")')
    assert in_english(query, names={"s-1": "Big spenders"}) == (
        "people who are in the audience “Big spenders” and who are not in the audience with the ID s-2"
    )


@pytest.mark.parametrize(
    "text", ["points.nope(1)", "nope(2)", "tier.startsWith()", "tags.count(x => 1)", "$2.x"]
)
def test_what_has_no_words_is_quoted(text: str) -> None:
    quoted_part = "$2" if text.startswith("$2") else text.replace("x =>", "(x) =>")
    assert f"`{quoted_part}`" in said(text)


def test_without_a_schema_a_condition_does_not_say_more_than_is_known() -> None:
    assert said("flag", None) == "people with flag set"
    assert said("xEvent.total > 5", None) == "people with an event whose total is more than 5"
    assert said("things.count() > 1", None) == "people with more than 1 thing"


def test_text_order_is_not_taken_for_the_order_of_numbers() -> None:
    assert said('points > "5"') == "people whose points are more than 5"
    assert said("5 < points") == "people whose points are more than 5"
    assert said('"5" < points') == "people for whom 5 sorts before their points"
    assert said('tier > "m"') == "people whose tier sorts after “m”"


def test_values_cannot_be_taken_for_parts_of_the_sentence() -> None:
    assert [value_word(text) for text in ("gold", "A-1", "and", "New York", "", "a\nb", "or")] == [
        *("gold", "A-1", "“and”", "“New York”", "“”", "“a\\u000ab”", "“or”")
    ]
    assert quoted("x y") == "“x y”"


def test_names_become_words() -> None:
    assert [name_words(name) for name in ("homeAirport", "_acme", "SKU", "pageURL", "座席", "a-b")] == [
        *("home airport", "acme", "SKU", "page URL", "座席", "“a-b”")
    ]


def test_plurals_and_articles() -> None:
    assert [pluralise(word) for word in ("order", "city", "address", "person", "wish", "points")] == [
        *("orders", "cities", "addresses", "people", "wishes", "points")
    ]
    assert [
        singularise(word) for word in ("orders", "cities", "addresses", "wishes", "purchases", "visited")
    ] == [*("order", "city", "address", "wish", "purchase", "visited entry")]
    words = ("order", "e-mail", "user", "hour", "SKU", "URL", "SMS", "purchase", "event", "ID")
    assert " ".join(with_article(word) for word in words) == (
        "an order an e-mail a user an hour an SKU a URL an SMS a purchase an event an ID"
    )


def test_codes_have_names() -> None:
    assert len(COUNTRIES) == 249 and all(len(code) == 2 for code in COUNTRIES)
    assert len(set(COUNTRIES.values())) == 249
    assert len(set(LANGUAGES.values())) == len(LANGUAGES)
    assert [language_name(code) for code in ("de", "en-GB", "tlh")] == [
        "German",
        "English (United Kingdom)",
        None,
    ]


def test_events_are_called_by_their_type() -> None:
    assert event_noun("commerce.purchases") == noun("purchase")
    assert event_noun("search.flightOffer") == noun("search flight offer event")
    assert event_noun("odd type!") == noun("“odd type!” event")


def test_the_text_does_not_double_with_every_level() -> None:
    lets = "A40 > 1"
    for index in reversed(range(40)):
        lets = f"let A{index + 1} = A{index} + A{index} in {lets}"
    counts = occurs = filters = "x"
    for index in range(90):
        counts = f"xs{index}[y = {counts}].count()"
        occurs = f"xs{index}[t occurs after {occurs}].head().t"
        filters = f"xs{index}[{filters} = 1]"
    for text in (f"let A0 = q in {lets}", f"{counts} > 2", f"t occurs after {occurs}", filters):
        assert len(said(text, None)) < 100 * 90
