"""The contracts: what travels on the topics, as msgspec structs.

Within `.v1` only optional fields may be added. `python -m shared.events.generate` writes the JSON Schemas and the
AsyncAPI document from these types; CI regenerates and compares.

All amounts are decimal strings on the wire and `Decimal` here, with their currency beside them. A billing period is
its first month in UTC, `YYYY-MM`.
"""

from shared.events.allocations import (
    AdjustmentRun,
    Allocation,
    AllocationRun,
    AllocationTotals,
    CostCenter,
    Origin,
    RuleSetVersion,
    TraceStep,
)
from shared.events.base import Contract, Totals, content_hash, decode, encode
from shared.events.costs import (
    CostEvent,
    DeliveredFile,
    DeliveredScope,
    Delivery,
    Finding,
    ProviderInvoice,
    RejectedRows,
)
from shared.events.datasets import ContractCommitment, InvoiceDetail, ProviderBillingPeriod
from shared.events.drivers import DriverMeasurement
from shared.events.holds import DeliveryHold, HoldReason
from shared.events.invoices import Invoice, InvoiceLine, InvoiceRun, InvoiceTotals
from shared.events.periods import Break, Period, Reconciliation, Stages

__all__ = [
    "AdjustmentRun", "Allocation", "AllocationRun", "AllocationTotals", "Break", "Contract", "ContractCommitment",
    "CostCenter", "CostEvent", "DeliveredFile", "DeliveredScope", "Delivery", "DeliveryHold", "DriverMeasurement",
    "Finding", "HoldReason", "Invoice", "InvoiceDetail", "InvoiceLine", "InvoiceRun", "InvoiceTotals", "Origin",
    "Period", "ProviderBillingPeriod", "ProviderInvoice", "Reconciliation", "RejectedRows", "RuleSetVersion", "Stages",
    "Totals", "TraceStep", "content_hash", "decode", "encode",
]  # fmt: skip
