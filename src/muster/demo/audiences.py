"""Eight audiences that a retailer wants: each in PQL, and once more as SQL over the raw files.

The PQL is what the platform evaluates, on profiles that it built itself. The SQL never meets the platform: it counts the same
households in the files as they came, so that the demo can tell whether the platform counted right.

Windows end at the start of today, so the sizes are the same at any hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from muster.demo.mapping import MAILING, PURCHASE, REDEMPTION, RetailData


@dataclass(frozen=True, slots=True)
class Audience:
    """What is asked for.

    Attributes:
        key: Short name; another audience's PQL may hold it in braces, where that audience's id will be.
        pql: The rule that the platform evaluates.
        sql: Gives one row a household; `getvariable('today')` is today in the time of the files.
    """

    key: str
    name: str
    pql: str
    sql: str


def audiences(tenant: str) -> tuple[Audience, ...]:
    """The eight audiences, those that others use first. `tenant` names the tenant's object in XDM."""
    purchases = f'xEvent[eventType = "{PURCHASE}"'
    return (
        Audience(
            "families",
            "Families, income 75K and more",
            f"{tenant}.kids >= 1 and {tenant}.incomeFrom >= 75000",
            """
            FROM demographics
            WHERE kids_count <> '0' AND income NOT IN ('Under 15K', '15-24K', '25-34K', '35-49K', '50-74K')
            """,
        ),
        Audience(
            "regulars",
            "Regulars: 8 baskets in 28 days",
            f"{purchases} and timestamp occurs <= 28 days before today].count() >= 8",
            """
            SELECT household_id FROM transactions
            WHERE transaction_timestamp >= getvariable('today') - INTERVAL 28 DAY
            GROUP BY ALL HAVING count(DISTINCT basket_id) >= 8
            """,
        ),
        Audience(
            "big-spenders",
            "Big spenders: over $1,000 in 90 days",
            f"{purchases} and timestamp occurs <= 90 days before today].sum(commerce.order.priceTotal) > 1000",
            """
            SELECT household_id FROM transactions
            WHERE transaction_timestamp >= getvariable('today') - INTERVAL 90 DAY
            GROUP BY ALL HAVING round(sum(sales_value), 2) > 1000
            """,
        ),
        Audience(
            "lapsed",
            "Lapsed: bought, but not in 60 days",
            f"{purchases}].count() > 0 and {purchases} and timestamp occurs <= 60 days before today].count() = 0",
            """
            SELECT household_id FROM transactions
            GROUP BY ALL HAVING max(transaction_timestamp) < getvariable('today') - INTERVAL 60 DAY
            """,
        ),
        Audience(
            "coupon-users",
            "Coupon users: 3 or more redeemed",
            f'xEvent[eventType = "{REDEMPTION}"].count() >= 3',
            "SELECT household_id FROM coupon_redemptions GROUP BY ALL HAVING count(*) >= 3",
        ),
        Audience(
            "organic",
            "Organic produce in the last 90 days",
            f'exists B from xEvent where B.eventType = "{PURCHASE}" and B.timestamp occurs <= 90 days before today'
            ' and B.productListItems.productCategories.categoryName = "ORGANICS FRUIT & VEGETABLES"',
            """
            SELECT DISTINCT household_id FROM transactions JOIN products USING (product_id)
            WHERE product_category = 'ORGANICS FRUIT & VEGETABLES'
              AND transaction_timestamp >= getvariable('today') - INTERVAL 90 DAY
            """,
        ),
        Audience(
            "unmoved",
            "Mailed this year, no coupon redeemed",
            f'xEvent[eventType = "{MAILING}" and timestamp occurs <= 1 year before today].count() > 0'
            f' and not (exists C from xEvent where C.eventType = "{REDEMPTION}")',
            """
            SELECT household_id FROM campaigns JOIN campaign_descriptions USING (campaign_id)
            WHERE start_date >= getvariable('today') - INTERVAL 1 YEAR
            EXCEPT SELECT household_id FROM coupon_redemptions
            """,
        ),
        Audience(
            "regular-families",
            "Regulars with kids",
            f'inSegment("{{regulars}}") and {tenant}.kids >= 1',
            """
            SELECT household_id FROM transactions JOIN demographics USING (household_id)
            WHERE transaction_timestamp >= getvariable('today') - INTERVAL 28 DAY AND kids_count <> '0'
            GROUP BY ALL HAVING count(DISTINCT basket_id) >= 8
            """,
        ),
    )


def size_in_files(audience: Audience, data: RetailData, today: date) -> int:
    """How many households the raw files hold for an audience, as of the start of a day."""
    return data.count_as_of(today, audience.sql)
