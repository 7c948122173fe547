"""Deliveries as the quality report looks at them: rows in, the assessment out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.intake.archive import Archive
from services.intake.domain.delivery import State
from services.intake.domain.styles import Style
from services.intake.preparing import Preparation
from services.intake.quality.assessing import Assessment, assess
from services.intake.quality.sums import KnownInvoice
from services.intake.store import StoredDelivery
from tests.unit.intake.desk import Desk
from tests.unit.intake.exports import charge, write_csv

DELIVERY = StoredDelivery(
    "d1", "aws", 1, State.RECEIVED, datetime(2026, 2, 1, tzinfo=UTC), (), 0, 0, 0, None, None, Style.OVERWRITE, None,
    (), None, [], [], None, 0, None,
)  # fmt: skip


def assessed(
    tmp_path: Path, rows: Sequence[dict[str, str]], invoices: Sequence[KnownInvoice] = ()
) -> tuple[Assessment, Preparation]:
    """Take rows in as one delivery and assess it, without what was in force."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = write_csv(tmp_path / "a.csv", rows, names=names)
    desk = Desk(tmp_path / "data")
    archived = desk.put(file)
    with Preparation(Archive(tmp_path / "data"), "d1", 6, threads=1) as preparation:
        preparation.read([archived])
        prepared = preparation.plan([])
        return assess(DELIVERY, preparation, prepared, [], invoices), preparation


def invoice(amount: str, **values: str) -> KnownInvoice:
    """A provider invoice that intake knows: issued by the issuer of `charge`, for January, in dollars."""
    fields: dict[str, Any] = {"billing_period": "2026-01", "currency": "USD", "status": "Issued"}
    return KnownInvoice(issuer="Cloud Inc.", invoice_id="P-1", amount=Decimal(amount), **(fields | values))


def committed(number: int, status: str, effective: str, **values: str) -> dict[str, str]:
    """Usage of the commitment c-1."""
    named = {"CommitmentDiscountId": "c-1", "CommitmentDiscountStatus": status, "BilledCost": "0"}
    return charge(number, **(named | {"EffectiveCost": effective} | values))


def part(number: int, *ratios: str, **values: str) -> dict[str, str]:
    """A part of what `host` was charged, with the ratios of its elements."""
    elements = ", ".join(f'{{"AllocatedRatio": {ratio}}}' for ratio in ratios)
    details = {"AllocatedMethodDetails": f'{{"Elements": [{elements}]}}', "AllocatedMethodId": "m"}
    return charge(
        number,
        **(details | {"ResourceId": "host", "SubAccountId": "1", "AllocatedResourceId": f"pod-{number}"} | values),
    )
