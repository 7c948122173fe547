"""What identifies a row of the datasets beside Cost and Usage, and which rows a delivery replaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

INVOICE_DETAIL, BILLING_PERIOD, CONTRACT_COMMITMENT = "invoice-detail", "billing-period", "contract-commitment"


class RowKey(NamedTuple):
    """`key` identifies a row; `scope` names what is delivered as a whole, so that rows missing in it are withdrawn.

    Both are parts joined by slashes, with slashes inside a part as %2F. An empty scope is never a whole.
    """

    key: str
    scope: str


def row_key(dataset: str, row: Mapping[str, str], source: str) -> RowKey:
    """Identify a row by its canonical values.

    An invoice is complete whenever it is delivered, so its lines are its scope. Billing periods and commitments come
    one by one. A commitment's id is unique within its provider, whom FOCUS 1.3 does not name: the source stands in.
    """
    if dataset == INVOICE_DETAIL:
        scope = _joined(row["InvoiceIssuerName"], row["InvoiceId"])
        return RowKey(f"{scope}/{_joined(row['InvoiceDetailId'])}", scope)
    if dataset == BILLING_PERIOD:
        return RowKey(_joined(row["InvoiceIssuerName"], row["BillingPeriodStart"]), "")
    return RowKey(_joined(source, row["ContractCommitmentId"]), "")


def _joined(*parts: str) -> str:
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)
