"""Which dataset and version of FOCUS a file follows. Files rarely say it, so the columns have to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from shared.focus.columns import COLUMNS, DATASETS, PREVIEW, VERSIONS, Dataset

MARKERS: Final = {
    Dataset.INVOICE_DETAIL: "InvoiceIssueStatus",
    Dataset.BILLING_PERIOD: "BillingPeriodStatus",
    Dataset.CONTRACT_COMMITMENT: "ContractCommitmentId",
}
"""The column that only this dataset has, and that it can't do without."""

_GONE_AFTER_PREVIEW: Final = frozenset(column.name for column in COLUMNS.values() if column.until == PREVIEW)
_CAME_AFTER_PREVIEW: Final = frozenset({"ChargeClass", "ContractedCost", "ConsumedQuantity", "RegionId"})
_DROPPED_IN_1_4: Final = frozenset({"ProviderName", "PublisherName"})


def sniff_dataset(names: Collection[str]) -> Dataset:
    """Tell the dataset from the column names; Cost and Usage unless the mark of another one is there."""
    return next((dataset for dataset, mark in MARKERS.items() if mark in names), Dataset.COST_AND_USAGE)


def sniff_version(names: Collection[str], dataset: Dataset = Dataset.COST_AND_USAGE) -> str:
    """Tell the version from the column names: the newest one that introduced any of them.

    Of Cost and Usage, two versions show by what is not there. A file with columns that only the preview had and none
    that replaced them is 1.0-preview, whatever else it holds: Azure's has names of later versions. A file with the
    columns of 1.3 is 1.4 once it has dropped the names that 1.4 removed.
    """
    known = DATASETS[dataset]
    introduced = [VERSIONS.index(known[name].since) for name in names if name in known]
    if dataset is not Dataset.COST_AND_USAGE:
        return VERSIONS[max(introduced, default=-1)]
    if _GONE_AFTER_PREVIEW.intersection(names) and not _CAME_AFTER_PREVIEW.intersection(names):
        return PREVIEW
    version = VERSIONS[max(introduced, default=1)]
    if version == "1.3" and not _DROPPED_IN_1_4.intersection(names):
        return "1.4"
    return "1.0" if version == PREVIEW else version
