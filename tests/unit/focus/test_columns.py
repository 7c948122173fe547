from __future__ import annotations

from collections import Counter

import pytest

from shared.focus import (
    CANONICAL,
    COLUMNS,
    DATASETS,
    MARKERS,
    RENAMED,
    VERSIONS,
    Dataset,
    columns_of,
    sniff_dataset,
    sniff_version,
)


@pytest.mark.parametrize(
    ("version", "count"),
    [("1.0-preview", 39), ("1.0", 43), ("1.1", 50), ("1.2", 57), ("1.3", 65), ("1.4", 65)],
)
def test_each_version_has_as_many_columns_as_the_specification(version: str, count: int) -> None:
    assert len(columns_of(version)) == count


NEWS = {
    "1.0": (
        "ChargeClass CommitmentDiscountStatus ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice "
        "RegionId RegionName",
        "ChargeSubcategory Region UsageQuantity UsageUnit",
    ),
    "1.1": (
        "CapacityReservationId CapacityReservationStatus CommitmentDiscountQuantity CommitmentDiscountUnit "
        "ServiceSubcategory SkuMeter SkuPriceDetails",
        "",
    ),
    "1.2": (
        "BillingAccountType InvoiceId PricingCurrency PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost "
        "PricingCurrencyListUnitPrice SubAccountType",
        "",
    ),
    "1.3": (
        "AllocatedMethodDetails AllocatedMethodId AllocatedResourceId AllocatedResourceName AllocatedTags "
        "ContractApplied HostProviderName ServiceProviderName",
        "",
    ),
    "1.4": ("CommitmentProgramEligibilityDetails InvoiceDetailId", "ProviderName PublisherName"),
}


@pytest.mark.parametrize("version", NEWS)
def test_each_version_brings_and_drops_what_the_specification_says(version: str) -> None:
    before = {column.name for column in columns_of(VERSIONS[VERSIONS.index(version) - 1])}
    now = {column.name for column in columns_of(version)}
    assert (now - before, before - now) == tuple(set(names.split()) for names in NEWS[version])


@pytest.mark.parametrize(
    ("version", "mandatory", "conditional", "recommended", "nullable"),
    [("1.0", 21, 20, 2, 26), ("1.1", 21, 26, 3, 32), ("1.2", 21, 32, 4, 38)],
)
def test_levels_and_nulls_are_those_of_the_specification(
    version: str, mandatory: int, conditional: int, recommended: int, nullable: int
) -> None:
    """Counted in the column definitions of the specification's releases; 1.4 is compared with a judge's model."""
    columns = columns_of(version)
    levels = Counter(column.level_in(version) for column in columns)
    assert levels == {"mandatory": mandatory, "conditional": conditional, "recommended": recommended}
    assert sum(column.nullable_in(version) for column in columns) == nullable


def test_canonical_columns_are_those_of_the_newest_version() -> None:
    assert columns_of(VERSIONS[-1]) == CANONICAL


def test_renamed_columns_lead_to_columns_that_live() -> None:
    names = {column.name for column in CANONICAL}
    assert {name for successors in RENAMED.values() for name in successors} <= names
    assert not set(RENAMED) & names


@pytest.mark.parametrize("version", VERSIONS)
def test_the_columns_of_a_version_are_recognised(version: str) -> None:
    assert sniff_version([column.name for column in columns_of(version)]) == version


def test_mandatory_columns_alone_tell_old_from_new() -> None:
    old = [column.name for column in columns_of("1.0") if column.level == "mandatory"]
    new = [column.name for column in columns_of("1.4") if column.level == "mandatory"]
    assert sniff_version(old) == "1.0"
    assert sniff_version(new) == "1.4"


def test_costs_and_quantities_are_summable_and_prices_are_not() -> None:
    assert COLUMNS["BilledCost"].is_summable
    assert COLUMNS["ConsumedQuantity"].is_summable
    assert not COLUMNS["ListUnitPrice"].is_summable
    assert not COLUMNS["Tags"].is_summable


EVERY = [column for columns in DATASETS.values() for column in columns.values()]


def test_every_column_is_described() -> None:
    assert all(len(column.description) > 10 for column in EVERY)


def test_every_decimal_says_what_it_counts() -> None:
    names = {column.name for column in EVERY}
    for column in EVERY:
        assert bool(column.unit) == (column.type == "decimal"), column.name
        if column.unit and column.unit != "share from 0 to 1":
            assert set(column.unit.split(" per ")) <= names, column.name


@pytest.mark.parametrize(
    ("dataset", "version", "count"),
    [
        (Dataset.INVOICE_DETAIL, "1.4", 22), (Dataset.BILLING_PERIOD, "1.4", 6),
        (Dataset.CONTRACT_COMMITMENT, "1.3", 13), (Dataset.CONTRACT_COMMITMENT, "1.4", 30),
    ],
)  # fmt: skip
def test_the_other_datasets_are_recognised(dataset: Dataset, version: str, count: int) -> None:
    names = [column.name for column in columns_of(version, dataset)]
    assert len(names) == count
    assert (sniff_dataset(names), sniff_version(names, dataset)) == (dataset, version)
    assert DATASETS[dataset][MARKERS[dataset]].level == "mandatory"


@pytest.mark.parametrize("version", VERSIONS)
def test_no_version_of_cost_and_usage_is_taken_for_another_dataset(version: str) -> None:
    assert sniff_dataset([column.name for column in columns_of(version)]) is Dataset.COST_AND_USAGE


def test_rules_that_changed_between_versions() -> None:
    assert [COLUMNS["InvoiceId"].level_in(version) for version in ("1.2", "1.3", "1.4")] == [
        "recommended", "recommended", "conditional",
    ]  # fmt: skip
    assert [COLUMNS["PricingCurrency"].nullable_in(version) for version in ("1.3", "1.4")] == [True, False]
    assert COLUMNS["BilledCost"].level_in("1.0-preview") == "mandatory"
    assert not COLUMNS["BilledCost"].nullable_in("1.0-preview")


def test_enumerations_have_their_values() -> None:
    assert COLUMNS["ChargeCategory"].allowed == ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
    assert COLUMNS["ChargeClass"].allowed == ("Correction",)
    assert (len(COLUMNS["ServiceCategory"].allowed), len(COLUMNS["ServiceSubcategory"].allowed)) == (19, 82)
    assert COLUMNS["ServiceName"].allowed == ()
    assert DATASETS[Dataset.INVOICE_DETAIL]["InvoiceIssueStatus"].allowed == ("Open", "Issued", "Voided")
    assert DATASETS[Dataset.BILLING_PERIOD]["BillingPeriodStatus"].allowed == ("Open", "Closed")
    assert all(len(set(column.allowed)) == len(column.allowed) for column in EVERY)
