"""A small archive of costs, as intake writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.intake.archive import ROWS
from shared.archive import ArchivedDelivery, keep

PERIOD = "2026-01"


def charge(
    billed: str, *, tags: Mapping[str, str] | None = None, custom: Mapping[str, str] | None = None,
    day: str = "2026-01-05", quantity: str | None = None, **columns: str | None,
) -> dict[str, Any]:  # fmt: skip
    """One archived row."""
    return {
        "BillingCurrency": "USD", "InvoiceIssuerName": "P", "InvoiceId": "i-1", "ServiceProviderName": "P",
        "ServiceName": "s", "BillingAccountId": "payer", "SubAccountId": None, "ChargeCategory": "Usage",
        "BilledCost": Decimal(billed), "EffectiveCost": Decimal(billed), "Tags": json.dumps(tags) if tags else None,
        "custom": json.dumps(dict(custom or {})), "charge_day": day, "billing_period": day[:7],
        "ConsumedQuantity": Decimal(quantity) if quantity else None,
    } | columns  # fmt: skip


def write_archive(archive: Path, rows: Sequence[Mapping[str, Any]], period: str = PERIOD, ordinal: int = 1) -> Path:
    """Archive rows of a month as a delivery of one payer that replaces those with smaller ordinals."""
    name = f"d-{period}" if ordinal == 1 else f"d-{period}-{ordinal}"
    path = archive / "rows" / name / f"{period}.parquet"
    path.parent.mkdir(parents=True)
    types = [(field.name, _plain(field.type)) for field in ROWS]
    pq.write_table(pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in types}), path)
    keep(
        archive,
        ArchivedDelivery(delivery_id=name, source="s", ordinal=ordinal, style="overwrite", scopes=[("payer", period)]),
    )
    return archive


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind
