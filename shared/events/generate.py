"""Write the JSON Schemas and the AsyncAPI document from the contract types, or check that they are current.

The page of FOCUS columns comes along, because the schemas of FOCUS rows are made from the same model.

    python -m shared.events.generate            writes docs/events/ and docs/focus-columns.md
    python -m shared.events.generate --check    exits with 1 and names what differs

A committed schema is also the promise to subscribers: within `.v1` a field may be added if it is optional, and nothing
may be removed or changed. `broken_promises` compares a new schema with the committed one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from shared.events import (
    AdjustmentRun,
    Allocation,
    AllocationRun,
    Contract,
    ContractCommitment,
    CostCenter,
    CostEvent,
    Delivery,
    DeliveryHold,
    DriverMeasurement,
    Invoice,
    InvoiceDetail,
    InvoiceRun,
    Period,
    ProviderBillingPeriod,
    ProviderInvoice,
    Reconciliation,
    RuleSetVersion,
)
from shared.focus import Dataset
from shared.focus.documentation import columns_page, row_schema
from shared.topics import (
    ADJUSTMENT_RUNS,
    ADJUSTMENTS,
    ALLOCATION_RUNS,
    ALLOCATIONS,
    CONTRACT_COMMITMENTS,
    COST_CENTERS,
    COSTS,
    DELIVERIES,
    DRIVERS,
    HOLDS,
    INVOICE_DETAILS,
    INVOICE_RUNS,
    INVOICES,
    PERIODS,
    PROVIDER_INVOICES,
    PROVIDER_PERIODS,
    RECONCILIATIONS,
    RULES,
    TopicSpec,
)

CONTRACTS: Final[dict[TopicSpec, type[Contract]]] = {
    COSTS: CostEvent, DELIVERIES: Delivery, HOLDS: DeliveryHold, PROVIDER_INVOICES: ProviderInvoice,
    INVOICE_DETAILS: InvoiceDetail, PROVIDER_PERIODS: ProviderBillingPeriod, CONTRACT_COMMITMENTS: ContractCommitment,
    DRIVERS: DriverMeasurement, COST_CENTERS: CostCenter, RULES: RuleSetVersion, ALLOCATIONS: Allocation,
    ALLOCATION_RUNS: AllocationRun, ADJUSTMENTS: Allocation, ADJUSTMENT_RUNS: AdjustmentRun, INVOICES: Invoice,
    INVOICE_RUNS: InvoiceRun, PERIODS: Period, RECONCILIATIONS: Reconciliation,
}  # fmt: skip

_ROWS: Final[dict[type[Contract], tuple[str, Dataset]]] = {
    CostEvent: ("FocusCharge", Dataset.COST_AND_USAGE),
    InvoiceDetail: ("FocusInvoiceDetail", Dataset.INVOICE_DETAIL),
    ProviderBillingPeriod: ("FocusBillingPeriod", Dataset.BILLING_PERIOD),
    ContractCommitment: ("FocusContractCommitment", Dataset.CONTRACT_COMMITMENT),
}
"""The contracts that carry a row of FOCUS, and the definition that their schema refers to."""

_CLOUD_EVENT: Final = {
    "ce_specversion": "1.0", "ce_type": "what the record is", "ce_source": "/apportion/<service>",
    "ce_id": "unique within the source", "content-type": "application/json",
}  # fmt: skip

DIRECTORY: Final = Path(__file__).parents[2] / "docs" / "events"
COLUMNS_PAGE: Final = DIRECTORY.parent / "focus-columns.md"


def schema(topic: TopicSpec) -> dict[str, Any]:
    """JSON Schema 2020-12 of what a topic carries."""
    generated = msgspec.json.schema(CONTRACTS[topic])
    if row := _ROWS.get(CONTRACTS[topic]):
        name, dataset = row
        generated["$defs"][name] = row_schema(dataset)
    identity = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{topic.name}.schema.json"}
    return identity | generated


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0: every topic, its key, its retention, who writes it, and the CloudEvents headers."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Apportion",
            "version": "1",
            "description": "Cloud chargeback over Kafka. Amounts are decimal strings; a consumer applies records by id "
            "and revision, and cost events by delivery, partition and sequence.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in CONTRACTS},
        "operations": {f"send {topic.name}": _operation(topic) for topic in CONTRACTS},
        "components": {
            "messageTraits": {
                "cloudEvent": {"headers": _headers(_CLOUD_EVENT)},
                "costEvent": {"headers": _headers({"ce_id": "<delivery>/<partition>/<sequence>"})},
            }
        },
    }


def documents() -> dict[Path, str]:
    """Every generated file with its content."""
    files = {DIRECTORY / f"{topic.name}.schema.json": schema(topic) for topic in CONTRACTS}
    files[DIRECTORY / "asyncapi.json"] = asyncapi()
    texts = {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in files.items()}
    return texts | {COLUMNS_PAGE: columns_page()}


def broken_promises(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a subscriber of the old schema would trip over: fields that went, changed, or became required."""
    problems = []
    for name, before in old["$defs"].items():
        after = new["$defs"].get(name)
        if after is None:
            problems.append(f"{name} is gone")
            continue
        for field, kind in before.get("properties", {}).items():
            if after["properties"].get(field) != kind:
                problems.append(f"{name}.{field} changed or is gone")
        added = set(after.get("required", [])) - set(before.get("required", []))
        problems += [f"{name}.{field} became required" for field in sorted(added)]
    return problems


def main() -> int:
    """Write or check; returns the exit code."""
    if "--check" not in sys.argv[1:]:
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        for path, content in documents().items():
            path.write_text(content, encoding="utf-8")
        return 0
    stale = [
        path.name for path, content in documents().items() if not path.exists() or path.read_text("utf-8") != content
    ]
    for name in stale:
        print(f"{name} in docs is not what the contracts say; run `make docs`", file=sys.stderr)
    return 1 if stale else 0


def _channel(topic: TopicSpec) -> dict[str, Any]:
    cleanup = ["compact"] if topic.compacted else ["delete"]
    configuration = {"cleanup.policy": cleanup} | ({} if topic.compacted else {"retention.ms": topic.retention_ms})
    return {
        "address": topic.name,
        "messages": {
            CONTRACTS[topic].__name__: {
                "summary": (CONTRACTS[topic].__doc__ or "").splitlines()[0],
                "traits": [{"$ref": f"#/components/messageTraits/{'costEvent' if topic is COSTS else 'cloudEvent'}"}],
                "payload": {"$ref": f"./{topic.name}.schema.json"},
            }
        },
        "bindings": {"kafka": {"partitions": topic.partitions, "topicConfiguration": configuration}},
        "description": f"Key: {topic.key}. Written by {topic.writer}.",
    }


def _operation(topic: TopicSpec) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"{topic.writer} publishes {CONTRACTS[topic].__name__}",
    }


def _headers(names: dict[str, str]) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": meaning} for name, meaning in names.items()}
    return {"type": "object", "properties": properties}


if __name__ == "__main__":
    sys.exit(main())
