"""What a row of a dataset is on its topic: the contract, the topic, and the bytes, with JSON columns as they came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from services.intake.domain.datasets import row_key
from services.intake.reading.datasets import DatasetRow
from services.intake.tables import SERVICE
from shared.events import Contract, ContractCommitment, InvoiceDetail, ProviderBillingPeriod, encode
from shared.focus import DATASETS, Dataset
from shared.publisher import Outgoing, cloud_event_headers
from shared.topics import CONTRACT_COMMITMENTS, INVOICE_DETAILS, PROVIDER_PERIODS, TopicSpec

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Kind:
    topic: TopicSpec
    event_type: str
    contract: type[Contract]
    identity: Callable[[Values, str], dict[str, str]]


def _invoice_line(row: Values, _source: str) -> dict[str, str]:
    return {
        "issuer": row["InvoiceIssuerName"], "invoice_id": row["InvoiceId"],
        "invoice_detail_id": row["InvoiceDetailId"], "billing_period": row["BillingPeriodStart"][:7],
    }  # fmt: skip


def _period(row: Values, _source: str) -> dict[str, str]:
    start = row["BillingPeriodStart"]
    return {"issuer": row["InvoiceIssuerName"], "billing_period_start": start, "billing_period": start[:7]}


def _commitment(row: Values, source: str) -> dict[str, str]:
    return {"source": source, "contract_commitment_id": row["ContractCommitmentId"]}


_KINDS: Final = {
    Dataset.INVOICE_DETAIL: _Kind(INVOICE_DETAILS, "finops.invoice-detail.v1", InvoiceDetail, _invoice_line),
    Dataset.BILLING_PERIOD: _Kind(
        PROVIDER_PERIODS, "finops.provider-billing-period.v1", ProviderBillingPeriod, _period
    ),
    Dataset.CONTRACT_COMMITMENT: _Kind(
        CONTRACT_COMMITMENTS, "finops.contract-commitment.v1", ContractCommitment, _commitment
    ),
}


def stored(dataset: Dataset, row: DatasetRow, source: str) -> dict[str, Any]:
    """What is kept of a row: its key and scope, and its record at revision 1, by whose bytes a change is noticed."""
    kind, columns = _KINDS[dataset], DATASETS[dataset]
    record = msgspec.convert(
        kind.identity(row.values, source) | {"revision": 1, "row": {}, "custom": row.custom}, kind.contract
    )
    fields = _fields(encode(record))
    fields["row"] = msgspec.Raw(
        msgspec.json.encode(
            {
                name: msgspec.Raw(value.encode()) if columns[name].type == "json" else value
                for name, value in row.values.items()
            }
        )
    )
    return {**row_key(dataset, row.values, source)._asdict(), "content": msgspec.json.encode(fields), "line": row.line}


def outgoing(
    dataset: Dataset, prefix: str, key: str, content: bytes, revision: int, file: str, *, withdrawn: bool
) -> Outgoing:
    """A revision of a row as it goes to the outbox."""
    kind = _KINDS[dataset]
    fields = _fields(content)
    fields["revision"] = msgspec.Raw(str(revision).encode())
    fields["source_file"] = msgspec.Raw(msgspec.json.encode(file))
    if withdrawn:
        fields["withdrawn"] = msgspec.Raw(b"true")
    headers = cloud_event_headers(kind.event_type, f"{key}/{revision}", SERVICE)
    return Outgoing(prefix + kind.topic.name, key.encode(), msgspec.json.encode(fields), headers)


def _fields(record: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(record, type=dict[str, msgspec.Raw])
