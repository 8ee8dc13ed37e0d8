"""The catalog's query language as conditions on records."""

from __future__ import annotations

import pytest

from muster.catalog.query import read_query
from muster.kernel.errors import Invalid
from muster.storage.records import Filter, Order


def filters(*parameters: tuple[str, str]) -> list[Filter]:
    return list(read_query(parameters).query.filters)


def test_without_parameters_a_list_is_twenty_of_the_newest() -> None:
    query = read_query([]).query
    assert (query.limit, query.offset, query.orders, query.filters) == (20, 0, (), ())


def test_record_columns_stand_for_id_and_times() -> None:
    assert filters(("createdAfter", "5"), ("batch", "b")) == [
        Filter(("@created",), ">", ("5",)),
        Filter(("@id",), "==", ("b",)),
    ]
    assert read_query([("orderBy", "desc:created,name")]).query.orders == (
        Order(("@created",), True),
        Order(("name",)),
    )


@pytest.mark.parametrize(
    ("value", "pattern"),
    [("a*", "^(a.*)$"), ("*a.b", r"^(.*a\.b)$"), ("a**b*", r"^(a\*b.*)$"), ("x*,y", "^(x.*|y)$")],
)
def test_stars_in_names_stand_for_any_text(value: str, pattern: str) -> None:
    assert filters(("name", value)) == [Filter(("name",), "~", (pattern,))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b", Filter(("a", "b"), "exists")),
        ("!a", Filter(("a",), "absent")),
        ("a==x==y", Filter(("a",), "==", ("x==y",))),
        ("a!=x,y", Filter(("a",), "!=", ("x", "y"))),
        ("a<=3", Filter(("a",), "<=", ("3",))),
        ("a~^x=", Filter(("a",), "~", ("^x=",))),
        ("tags.adobe/pqs/table==t", Filter(("tags", "adobe/pqs/table[]"), "==", ("t",))),
        ("relatedObjects.id==d", Filter(("relatedObjects[]", "id"), "==", ("d",))),
    ],
)
def test_property_has_an_operator_or_asks_for_presence(text: str, expected: Filter) -> None:
    assert filters(("property", text)) == [expected]


def test_one_dataset_is_a_link_and_several_a_condition() -> None:
    assert read_query([("dataSet", "d")]).query.links == (("dataset", "d"),)
    assert filters(("dataSet", "d,e")) == [Filter(("relatedObjects[]", "id"), "==", ("d", "e"))]


def test_all_problems_are_told_together() -> None:
    with pytest.raises(Invalid) as refused:
        read_query([("limit", "0"), ("tags", "x"), ("property", "a~(")])
    assert [problem.path for problem in refused.value.problems] == ["limit", "tags", "property"]
