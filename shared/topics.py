"""The topics of the system: names, keys, partitions and how long records are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEAD_LETTER_SUFFIX: Final = ".dead-letters"

_DAY_MS: Final = 24 * 3600 * 1000
_MONTHS_13_MS: Final = 400 * _DAY_MS


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: what `apportion topics apply` creates and later checks."""

    name: str
    key: str
    writer: str
    partitions: int = 1
    compacted: bool = False
    retention_ms: int = _MONTHS_13_MS
    large_records: bool = False


COSTS: Final = TopicSpec("finops.costs.v1", "none: the partition is chosen by intake", "intake", partitions=6)
DELIVERIES: Final = TopicSpec("finops.deliveries.v1", "delivery id", "intake", compacted=True)
HOLDS: Final = TopicSpec("finops.holds.v1", "delivery id", "intake", compacted=True)
PROVIDER_INVOICES: Final = TopicSpec(
    "finops.provider-invoices.v1", "issuer/invoice/period/currency", "intake", compacted=True
)
INVOICE_DETAILS: Final = TopicSpec(
    "finops.invoice-details.v1", "issuer/invoice/detail, slashes in them as %2F", "intake", compacted=True
)
PROVIDER_PERIODS: Final = TopicSpec(
    "finops.provider-billing-periods.v1", "issuer/start of the period", "intake", compacted=True
)
CONTRACT_COMMITMENTS: Final = TopicSpec(
    "finops.contract-commitments.v1", "source/commitment, slashes in them as %2F", "intake", compacted=True
)
DRIVERS: Final = TopicSpec(
    "finops.drivers.v1",
    "metric/subject/start/end/source, slashes in them as %2F",
    "allocator, or anyone with the right to",
    compacted=True,
)
COST_CENTERS: Final = TopicSpec("finops.cost-centers.v1", "cost center id", "allocator", compacted=True)
RULES: Final = TopicSpec("finops.rules.v1", "name/version", "allocator", compacted=True)
ALLOCATIONS: Final = TopicSpec(
    "finops.allocations.v1", "cost center/allocation id", "allocator", partitions=6, compacted=True
)
ALLOCATION_RUNS: Final = TopicSpec("finops.allocation-runs.v1", "billing period", "allocator")
ADJUSTMENTS: Final = TopicSpec(
    "finops.adjustments.v1", "cost center/allocation id", "allocator", partitions=6, compacted=True
)
ADJUSTMENT_RUNS: Final = TopicSpec("finops.adjustment-runs.v1", "billing period/number", "allocator", compacted=True)
INVOICES: Final = TopicSpec("finops.invoices.v1", "invoice id", "chargeback", partitions=6, large_records=True)
INVOICE_RUNS: Final = TopicSpec("finops.invoice-runs.v1", "billing period", "chargeback")
PERIODS: Final = TopicSpec("finops.periods.v1", "billing period", "ledger", compacted=True)
RECONCILIATIONS: Final = TopicSpec("finops.reconciliations.v1", "billing period", "ledger", compacted=True)

TOPICS: Final = (
    COSTS, DELIVERIES, HOLDS, PROVIDER_INVOICES, INVOICE_DETAILS, PROVIDER_PERIODS, CONTRACT_COMMITMENTS, DRIVERS,
    COST_CENTERS, RULES, ALLOCATIONS, ALLOCATION_RUNS, ADJUSTMENTS, ADJUSTMENT_RUNS, INVOICES, INVOICE_RUNS,
    PERIODS, RECONCILIATIONS,
)  # fmt: skip


def dead_letters(topic: str) -> str:
    """The topic that takes what a consumer of `topic` could not accept."""
    return topic + DEAD_LETTER_SUFFIX
