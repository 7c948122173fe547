"""Charges, invoices and runs with sensible values, for tests that care about one of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from services.chargeback.contracts import draft_invoice
from services.chargeback.domain.charges import Charge, Origin
from services.chargeback.domain.documents import draw_up
from services.chargeback.domain.rounding import round_documents
from shared.events import AllocationRun, CostCenter, Invoice
from shared.money import total

PERIOD = "2026-01"


def origin(service: str = "Compute", account: str = "111", **more: str | None) -> Origin:
    """Where a charge came from."""
    fields: dict[str, str | None] = {
        "issuer": "Cloud Inc.", "invoice_id": "P-1", "service_provider": "Cloud", "service_name": service,
        "billing_account_id": "0001", "sub_account_id": account, "charge_category": "Usage", "charge_class": None,
    }  # fmt: skip
    return Origin(**(fields | more))  # type: ignore[arg-type]


def direct(key: str, cost: str, where: Origin | None = None) -> Charge:
    """A direct charge that costs the same in both bases."""
    return Charge(key, "direct", Decimal(cost), Decimal(cost), where or origin(), "by-team")


def shared(key: str, cost: str, weight: str = "3", weight_total: str = "4") -> Charge:
    """A shared charge that came through two pools."""
    return Charge(
        key, "shared", Decimal(cost), Decimal(cost), origin("Support"), "support", "weighted", ("support", "platform"),
        Decimal(weight), Decimal(weight_total),
    )  # fmt: skip


def allocation_run() -> AllocationRun:
    """A final run."""
    return AllocationRun(
        run_id="run", billing_period=PERIOD, kind="final", close_id="2026-01-1", rule_set="acme",
        rule_set_version="ab12", basis="EffectiveCost", deliveries=[], totals=[], lines_hash="", changed_lines=0,
    )  # fmt: skip


def issued_invoice(
    charges: Sequence[Charge],
    *,
    number: str = "IC-2026-000001",
    cost_center: str = "CC-100",
    name: str = "Payments",
    currency: str = "USD",
) -> Invoice:
    """An issued invoice over some charges."""
    exact = {cost_center: total(charge.effective_cost for charge in charges)}
    invoiced = round_documents(exact, currency)[cost_center]
    document = draw_up(PERIOD, cost_center, currency, "EffectiveCost", charges, invoiced)
    draft = draft_invoice(
        document, allocation_run(), CostCenter(cost_center_id=cost_center, name=name, owner="lead@example.com"),
        revision=1, prepared_by="preparer", previous_total=Decimal(400),
    )  # fmt: skip
    return msgspec.structs.replace(draft, number=number, status="issued", approved_by="approver")
