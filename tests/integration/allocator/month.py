"""A small month, its rule sets, and what the pure function makes of them with no process that could crash."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import Bucket, Buckets
from services.allocator.domain.lines import Line
from services.allocator.lens import Lens
from services.allocator.loading import Bundle, load
from shared.events import Allocation
from tests.integration.allocator.world import PERIOD

PEOPLE = {"applied_by": "ann", "approved_by": "ben"}
CENTERS = "cost_center_id,name,owner\nCC-1,One,ann\nCC-2,Two,bob\nCC-3,Three,cid\n"
RULES = """
name: small
effective_from: 2026-01
basis: EffectiveCost
cost_centers: cost-centers.csv
rules:
  - {id: tax, when: {column: ChargeCategory, equals: Tax}, assign: {pool: shared}}
  - {id: one, when: {column: SubAccountId, equals: a1}, assign: {cost_center: CC-1}}
  - {id: two, when: {column: SubAccountId, equals: a2}, assign: {cost_center: CC-2}}
fallback: {suspense: true}
pools:
  - {id: shared, method: proportional, targets: all, when_zero: even}
"""
BY_TAG = RULES.replace("rules:\n", "rules:\n  - {id: by-tag, assign: {tag: team}}\n")
REFUNDED = """
name: refunded
effective_from: 2025-12
basis: BilledCost
cost_centers: cost-centers.csv
rules:
  - {id: refunds, when: {column: ChargeClass, equals: Correction}, assign: {pool: refunds}}
  - {id: by-team, assign: {tag: team}}
fallback: {suspense: true}
pools:
  - {id: refunds, method: as_charged, partition_by: [SubAccountId]}
"""


def bundle(document: str = RULES) -> Bundle:
    return Bundle(document, {"cost-centers.csv": CENTERS})


async def apply(http: httpx.AsyncClient, document: str = RULES) -> str:
    """Apply a rule set; its version."""
    response = await http.post("/v1/rule-sets", json=bundle(document).as_json() | PEOPLE)
    assert response.status_code == 201, response.text
    return str(response.json()["version"])


def costs(count: int = 60) -> list[dict[str, Any]]:
    """Charges in three accounts, tagged now and then, with odd fractions, credits and tax."""
    return [_cost(i) for i in range(count)]


def _cost(i: int) -> dict[str, Any]:
    amount = Decimal(i * 7919 % 10007) / Decimal(10**9) - (Decimal(1) if i % 13 == 0 else 0)
    return {
        "BilledCost": format(amount, "f"), "EffectiveCost": format(amount * 2, "f"), "BillingCurrency": "USD",
        "InvoiceIssuerName": "Provider", "InvoiceId": f"inv-{i % 2}", "ServiceProviderName": "Provider",
        "ServiceName": f"service {i % 4}", "BillingAccountId": "b1", "SubAccountId": f"a{i % 3}",
        "ChargeCategory": "Tax" if i % 10 == 9 else "Usage", "RegionId": f"r{i % 5}",
        "Tags": {"team": f"CC-{i % 3 + 1}"} if i % 2 else {},
    }  # fmt: skip


def allocated(charges: Sequence[dict[str, Any]], document: str = RULES) -> list[Line]:
    """What the pure function makes of the charges one by one."""
    loaded = load(bundle(document))
    lens = Lens().with_dimensions(["tag:team"])
    rows = [
        Bucket(tuple(_value(charge, name) for name in lens.dimensions), Decimal(charge["BilledCost"]),
               Decimal(charge["EffectiveCost"]), 1)
        for charge in charges
    ]  # fmt: skip
    return allocate(Buckets(PERIOD, lens.dimensions, rows), loaded.rule_set, loaded.cost_centers)


def expected(charges: Sequence[dict[str, Any]], document: str = RULES) -> set[tuple[str, Decimal, Decimal]]:
    """Allocation id and amounts of every line, by the pure function."""
    return {(line.allocation_id, line.billed_cost, line.effective_cost) for line in allocated(charges, document)}


def _value(charge: dict[str, Any], dimension: str) -> str | None:
    return charge["Tags"].get("team") if dimension == "tag:team" else charge.get(dimension)


def facts(lines: dict[str, Allocation]) -> set[tuple[str, Decimal, Decimal]]:
    """What `expected` says, of lines as published."""
    return {(line.allocation_id, line.billed_cost, line.effective_cost) for line in lines.values()}
