"""The demo's mappings, on the public files themselves: nothing is lost, nothing is doubled, times are where they should be."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from muster.demo.audiences import audiences
from muster.demo.mapping import PACKAGE, RetailData, open_retail_data
from muster.pql import parse

TODAY = date(2026, 3, 1)
TENANT = "_acme"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason="the retail data is not installed (extra `demo`)"
)


@pytest.fixture(scope="module")
def data() -> Iterator[RetailData]:
    with open_retail_data(TODAY) as opened:
        yield opened


@pytest.fixture(scope="module")
def purchases(data: RetailData) -> pa.Table:
    return data.purchases(TENANT)


def test_every_household_that_bought_is_a_profile_and_known_facts_are_numbers(data: RetailData) -> None:
    households = data.households(TENANT)
    own = households[TENANT].combine_chunks()

    assert households.num_rows == 2469
    assert own.field("ageBand").null_count == 2469 - 801
    assert pc.min_max(own.field("kids")).as_py() == {"min": 0, "max": 3}
    assert pc.min_max(own.field("incomeFrom")).as_py() == {"min": 0, "max": 250_000}


def test_every_item_lies_in_its_own_basket(data: RetailData, purchases: pa.Table) -> None:
    items = purchases["productListItems"].combine_chunks()
    baskets = purchases["commerce"].combine_chunks().field("order").field("priceTotal")
    prices = items.flatten().field("priceTotal").to_pylist()
    ends = items.offsets.to_pylist()

    assert purchases.num_rows == 155_848
    assert len(prices) == data.item_count == 1_469_307
    for basket in range(0, purchases.num_rows, 97):
        total = sum(prices[ends[basket] : ends[basket + 1]])
        assert total == pytest.approx(baskets[basket].as_py(), abs=0.006)


def test_last_purchase_is_yesterday_and_none_is_later(purchases: pa.Table) -> None:
    last = pc.max(purchases["timestamp"]).as_py()

    assert last.date() == TODAY - timedelta(days=1)


def test_events_have_ids_of_their_own(data: RetailData, purchases: pa.Table) -> None:
    campaigns = data.campaign_events(TENANT)
    ids = [*purchases["_id"].to_pylist(), *campaigns["_id"].to_pylist()]

    assert len(set(ids)) == len(ids) == 155_848 + 2102 + 6589


def test_sizes_in_the_files_are_the_same_on_any_day(data: RetailData) -> None:
    with open_retail_data(TODAY + timedelta(days=1000)) as later:
        for audience in audiences(TENANT):
            now = data.count_as_of(TODAY, audience.sql)
            assert now > 0
            assert now == later.count_as_of(TODAY + timedelta(days=1000), audience.sql)


def test_every_rule_is_pql_and_uses_only_earlier_audiences() -> None:
    known: list[str] = []
    for audience in audiences(TENANT):
        text = audience.pql
        for key in known:
            text = text.replace(f"{{{key}}}", key)
        assert "{" not in text
        parse(text)
        known.append(audience.key)


def test_shift_is_whole_days(data: RetailData) -> None:
    moved = datetime(2018, 1, 1, tzinfo=UTC) + timedelta(days=data.shift_days)

    assert moved.date() == TODAY - timedelta(days=1)
