"""Chargeback's own metrics. Amounts are gauges set from the tables, never counters of what passed by."""

from __future__ import annotations

from typing import Final

from prometheus_client import Gauge, Histogram

from shared.events import InvoiceRun
from shared.money import ZERO
from shared.observability import show_amount

DOCUMENTS: Final = Gauge(
    "apportion_chargeback_documents", "Invoices of a billing period", ["period", "currency", "status"]
)
INVOICED: Final = Gauge(
    "apportion_chargeback_invoiced_amount", "Invoiced amount; exact figures are in the files",
    ["period", "currency", "status"],
)  # fmt: skip
WAITING: Final = Gauge("apportion_chargeback_waiting_periods", "Periods that are closing but not drafted yet")
FILE_SECONDS: Final = Histogram(
    "apportion_chargeback_file_seconds", "Seconds to write and publish a batch of files",
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)  # fmt: skip
STATUSES: Final = ("drafted", "approved", "issued")


def show(run: InvoiceRun) -> None:
    """Set the gauges of a period to what its run says; its other statuses go to zero."""
    for total in run.totals:
        for status in STATUSES:
            now = status == run.status
            labels = (run.billing_period, total.currency, status)
            DOCUMENTS.labels(*labels).set(total.documents if now else 0)
            show_amount(INVOICED.labels(*labels), total.invoiced if now else ZERO)
