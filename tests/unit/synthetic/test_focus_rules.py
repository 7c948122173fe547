"""The export keeps the rules of FOCUS 1.2 that later stages rely on."""

import pytest

from synthetic.columns import COLUMNS, FOCUS_1_2
from tests.unit.synthetic.conftest import Generated

MANDATORY = (
    "BilledCost", "BillingAccountId", "BillingAccountType", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "PricingCurrency", "PricingCurrencyEffectiveCost",
    "ProviderName", "PublisherName", "ServiceCategory", "ServiceName", "ServiceSubcategory",
)  # fmt: skip

BROKEN_WHEN = {
    "a purchase is usage-based": "ChargeCategory = 'Purchase' AND ChargeFrequency = 'Usage-Based'",
    "a purchase has an effective cost": "ChargeCategory = 'Purchase' AND EffectiveCost::DECIMAL(38,18) <> 0",
    "a purchase is priced as committed": "ChargeCategory = 'Purchase' AND PricingCategory = 'Committed'",
    "unused commitment is not its own resource": """
        CommitmentDiscountStatus = 'Unused' AND ResourceId IS DISTINCT FROM CommitmentDiscountId""",
    "unused commitment is consumed": "CommitmentDiscountStatus = 'Unused' AND ConsumedQuantity IS NOT NULL",
    "covered usage is billed": "CommitmentDiscountStatus IS NOT NULL AND BilledCost::DECIMAL(38,18) <> 0",
    "a commitment's row has no quantity": "CommitmentDiscountId IS NOT NULL AND CommitmentDiscountQuantity IS NULL",
    "usage or a purchase has no quantity": """
        ChargeCategory IN ('Usage', 'Purchase') AND (PricingQuantity IS NULL OR PricingUnit IS NULL)""",
    "usage or a purchase has no SKU": """
        ChargeCategory IN ('Usage', 'Purchase') AND (SkuId IS NULL OR SkuPriceId IS NULL)""",
    "a unit price is negative": "ListUnitPrice[1] = '-' OR ContractedUnitPrice[1] = '-'",
    "price times quantity is not the cost": """
        ContractedUnitPrice::DECIMAL(19,10) * PricingQuantity::DECIMAL(19,5) <> ContractedCost::DECIMAL(38,15)
        AND ServiceSubcategory <> 'Support'""",
    "list price times quantity is not the cost": """
        ListUnitPrice::DECIMAL(19,10) * PricingQuantity::DECIMAL(19,5) <> ListCost::DECIMAL(38,15)
        AND ServiceSubcategory <> 'Support'""",
    "the billing period is another month": """
        BillingPeriodStart <> '2026-06-01T00:00:00Z' OR BillingPeriodEnd <> '2026-07-01T00:00:00Z'""",
    "a charge period is empty": "ChargePeriodStart >= ChargePeriodEnd",
    "a charge is of another month": """
        ChargeClass IS NULL AND (ChargePeriodStart < BillingPeriodStart OR ChargePeriodEnd > BillingPeriodEnd)""",
    "a correction is not of the month before": """
        ChargeClass = 'Correction' AND (ChargePeriodStart < '2026-05-01' OR ChargePeriodEnd > BillingPeriodStart)""",
    "an amount has an exponent": """
        concat(BilledCost, EffectiveCost, ListCost, ListUnitPrice, PricingQuantity) ILIKE '%e%'""",
}


def test_columns_are_those_of_focus_1_2_in_order(export: Generated) -> None:
    columns = [name for (name,) in export.query("SELECT column_name FROM duckdb_columns() WHERE table_name = 'focus'")]
    assert columns == list(COLUMNS)
    assert len(FOCUS_1_2) == len(set(FOCUS_1_2)) == 57
    assert sorted(FOCUS_1_2) == list(FOCUS_1_2)


@pytest.mark.parametrize("column", MANDATORY)
def test_mandatory_values_are_never_null(export: Generated, column: str) -> None:
    assert export.query(f"SELECT count(*) FROM focus WHERE {column} IS NULL") == [(0,)]


@pytest.mark.parametrize("rule", BROKEN_WHEN)
def test_no_row_breaks_the_rule_that(export: Generated, rule: str) -> None:
    assert export.query(f"SELECT * FROM focus WHERE {BROKEN_WHEN[rule]} LIMIT 3") == []


def test_what_commitments_cost_is_used_up_or_unused(export: Generated) -> None:
    """Recurring commitments even out within the month; one-time ones are prepaid for a year of 365 days."""
    rows = export.query("""
        SELECT any_value(ChargeFrequency) FILTER (ChargeCategory = 'Purchase'), sum(BilledCost::DECIMAL(38,18)),
            sum(EffectiveCost::DECIMAL(38,18)), count(DISTINCT ChargePeriodStart)
        FROM focus WHERE CommitmentDiscountId IS NOT NULL GROUP BY CommitmentDiscountId
    """)
    assert {frequency for frequency, *_ in rows} == {"One-Time", "Recurring"}
    for frequency, billed, effective, days in rows:
        assert billed * days == effective * (365 if frequency == "One-Time" else days)


def test_refunds_corrections_repeated_rows_and_tiny_prices_occur(export: Generated) -> None:
    [(refunds, corrections, tiny, digits)] = export.query("""
        SELECT count(*) FILTER (ChargeCategory = 'Usage' AND BilledCost[1] = '-' AND ChargeClass IS NULL),
            count(*) FILTER (ChargeClass = 'Correction'), count(*) FILTER (ListUnitPrice = '0.0000000001'),
            max(length(rtrim(split_part(BilledCost, '.', 2), '0')))
        FROM focus
    """)
    assert min(refunds, corrections, tiny) > 0
    assert digits >= 14
    [(repeated,)] = export.query("SELECT count(*) FROM (SELECT 1 FROM focus GROUP BY ALL HAVING count(*) > 1)")
    assert repeated > 0
