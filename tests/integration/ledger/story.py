"""One small month as the other services would write it: two issuers, two cost centers, suspense."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Literal

from services.ledger.domain.facts import AllocationTotal, CostTotal, DeliveryFact, Document, Month
from services.ledger.domain.facts import ProviderInvoice as ProviderInvoiceFact
from shared import topics
from shared.events import (
    Allocation,
    AllocationRun,
    AllocationTotals,
    CostEvent,
    Delivery,
    Invoice,
    InvoiceLine,
    InvoiceRun,
    InvoiceTotals,
    Origin,
    Period,
    ProviderInvoice,
    Totals,
    content_hash,
    decode,
    encode,
)
from shared.events.allocations import line_content
from tests.integration.ledger.world import PERIOD, World

D = Decimal
AWS, AZURE = "Amazon Web Services, Inc.", "Microsoft"
ROWS = ((AWS, "INV-1", "60.123456789012345678", "60.1"), (AWS, "INV-1", "30", "20"), (AZURE, None, "10.005", "10.005"))
"""(issuer, provider invoice, billed, effective) of each row; effective adds up to 90.105."""
Kind = Literal["direct", "shared", "suspense"]
LINES: tuple[tuple[str, Kind, str, str, str], ...] = (
    ("CC-100", "direct", AWS, "60.123456789012345678", "60.1"),
    ("CC-200", "shared", AWS, "29", "19"),
    ("SUSPENSE", "suspense", AWS, "1", "1"),
    ("CC-200", "direct", AZURE, "10.005", "10.005"),
)


def cost_event(delivery_id: str, partition: int, sequence: int, row: tuple[str, str | None, str, str]) -> bytes:
    """One row as intake publishes it."""
    issuer, invoice_id, billed, effective = row
    charge = {"BillingCurrency": "USD", "BilledCost": billed, "EffectiveCost": effective, "InvoiceIssuerName": issuer}
    return encode(
        CostEvent(
            delivery_id=delivery_id, partition=partition, sequence=sequence, kind="charge", billing_period=PERIOD,
            charge_day="2026-01-03", row_hash="ab", occurrence=0,
            charge=charge | ({"InvoiceId": invoice_id} if invoice_id else {}),
        )
    )  # fmt: skip


def delivery(delivery_id: str = "d1", ordinal: int = 1, rejected: int = 0) -> Delivery:
    """The end of a delivery of all rows, on partitions 0 (two rows) and 1 (one row)."""
    totals = [
        Totals(
            billing_period=PERIOD, currency="USD", events=3,
            billed_cost=sum((D(row[2]) for row in ROWS), D(0)), effective_cost=sum((D(row[3]) for row in ROWS), D(0)),
        )
    ]  # fmt: skip
    return Delivery(
        delivery_id=delivery_id, source="export", ordinal=ordinal, received_at="2026-02-01T00:00:00Z", files=[],
        partition_events=[2, 1], published=totals, snapshot=totals, charges=3, retractions=0,
        rejected_rows=rejected, rejected_periods=[PERIOD] if rejected else [],
    )  # fmt: skip


def provider_invoice(issuer: str, invoice_id: str, amount: str, revision: int = 1) -> tuple[str, ProviderInvoice]:
    """A provider invoice with its key."""
    found = ProviderInvoice(
        issuer=issuer, invoice_id=invoice_id, billing_period=PERIOD, currency="USD", amount=D(amount), revision=revision
    )
    return f"{issuer}/{invoice_id}", found


async def deliver(world: World, rejected: int = 0) -> None:
    """Costs, the end of their delivery, and matching provider invoices."""
    await world.publish_costs(0, [cost_event("d1", 0, number, ROWS[number]) for number in (0, 1)])
    await world.publish_costs(1, [cost_event("d1", 1, 0, ROWS[2])])
    await world.publish(topics.DELIVERIES.name, ("d1", delivery(rejected=rejected)))
    await world.publish(
        topics.PROVIDER_INVOICES.name, provider_invoice(AWS, "INV-1", "90.12"), provider_invoice(AZURE, "M-1", "10.01")
    )


def allocations(run_id: str = "run") -> list[Allocation]:
    """The allocator's lines."""
    return [
        Allocation(
            allocation_id=f"a{number}", revision=1, run_id=run_id, billing_period=PERIOD, currency="USD",
            cost_center=cost_center, kind=kind, billed_cost=D(billed), effective_cost=D(effective),
            origin=Origin(
                issuer=issuer, invoice_id="INV-1" if issuer == AWS else None, service_provider=issuer,
                service_name="compute", billing_account_id="1", sub_account_id=None, charge_category="Usage",
                charge_class=None,
            ),
            rule_id="r", rule_set="acme", rule_set_version="abc",
        )
        for number, (cost_center, kind, issuer, billed, effective) in enumerate(LINES)
    ]  # fmt: skip


async def allocate(world: World, close_id: str, *, tampered: bool = False) -> None:
    """The final run; `tampered` sends a second record of one line and revision, with another amount."""
    lines = allocations()
    changed = [Allocation(**{f: getattr(lines[0], f) for f in lines[0].__struct_fields__} | {"billed_cost": D(1)})]
    for line in lines + (changed if tampered else []):
        await world.publish(topics.ALLOCATIONS.name, (f"{line.cost_center}/{line.allocation_id}", line))
    total = sum(int(hashlib.sha256(line_content(line)).hexdigest(), 16) for line in lines) % 2**256
    await world.publish(topics.ALLOCATION_RUNS.name, (PERIOD, allocation_run(close_id, f"{total:064x}")))


def allocation_run(close_id: str, lines_hash: str) -> AllocationRun:
    """The end of the final run."""
    totals = AllocationTotals(
        currency="USD", events=3, cost_billed=D("100.128456789012345678"), cost_effective=D("90.105"), lines=4,
        allocated_billed=D("99.128456789012345678"), allocated_effective=D("89.105"),
        suspense_billed=D(1), suspense_effective=D(1),
    )  # fmt: skip
    return AllocationRun(
        run_id=f"run-{close_id}", billing_period=PERIOD, kind="final", close_id=close_id, rule_set="acme",
        rule_set_version="abc", basis="EffectiveCost", deliveries=["d1"], totals=[totals], lines_hash=lines_hash,
        changed_lines=4,
    )  # fmt: skip


def invoices() -> list[Invoice]:
    """Issued invoices: 60.10 and 29.01 (exact 29.005)."""
    return [_invoice("CC-100", 1, D("60.10"), (0,)), _invoice("CC-200", 2, D("29.01"), (1, 3))]


def _invoice(cost_center: str, number: int, total: Decimal, places: tuple[int, ...]) -> Invoice:
    lines = [allocations()[place] for place in places]
    amounts = [total - D(sum(D("10.00") for _ in lines[1:])), *(D("10.00") for _ in lines[1:])]
    exact = sum((line.effective_cost for line in lines), D(0))
    return Invoice(
        invoice_id=f"i{number}", revision=2, status="issued", number=f"IC-2026-{number:06d}", billing_period=PERIOD,
        currency="USD", cost_center=cost_center, cost_center_name=cost_center, owner="", document_date="2026-01-31",
        basis="EffectiveCost", rule_set="acme", rule_set_version="abc", direct=total, shared=D(0), total=total,
        exact_total=exact, rounding=total - exact, previous_total=None, prepared_by="ann", approved_by="bob",
        lines=[
            InvoiceLine(
                line=place, kind="direct", description="x", amount=amount, exact_amount=line.effective_cost,
                billed_cost=line.billed_cost, effective_cost=line.effective_cost, allocation_id=line.allocation_id,
                rule_id="r", origin=line.origin,
            )
            for place, (line, amount) in enumerate(zip(lines, amounts, strict=True), start=1)
        ],
    )  # fmt: skip


async def invoice(world: World, close_id: str) -> None:
    """Chargeback's issued invoices and their run."""
    documents = invoices()
    await world.publish(topics.INVOICES.name, *((one.invoice_id, one) for one in documents))
    digest = hashlib.sha256("".join(content_hash(encode(one)) for one in documents).encode()).hexdigest()
    totals = InvoiceTotals(
        currency="USD", documents=2, lines=3, invoiced=D("89.11"), allocated=D("89.105"), rounding=D("0.005")
    )
    run = InvoiceRun(
        billing_period=PERIOD, close_id=close_id, revision=3, allocation_run_id=f"run-{close_id}", status="issued",
        totals=[totals], documents_hash=digest, prepared_by="ann", approved_by="bob",
    )  # fmt: skip
    await world.publish(topics.INVOICE_RUNS.name, (PERIOD, run))


async def hand_over(world: World, close_id: str) -> None:
    """What the allocator and chargeback do for a close."""
    await allocate(world, close_id)
    await invoice(world, close_id)


def month() -> Month:
    """The same month as the ledger's domain should see it."""
    return Month(
        billing_period=PERIOD,
        deliveries=(DeliveryFact("d1", "export", 1),),
        costs=(
            CostTotal("d1", "USD", AWS, "INV-1", 2, D("90.123456789012345678"), D("80.1")),
            CostTotal("d1", "USD", AZURE, None, 1, D("10.005"), D("10.005")),
        ),
        provider_invoices=(
            ProviderInvoiceFact(AWS, "INV-1", "USD", D("90.12"), "Issued"),
            ProviderInvoiceFact(AZURE, "M-1", "USD", D("10.01"), "Issued"),
        ),
        rule_version="abc",
        allocations=tuple(
            AllocationTotal("USD", cost_center, kind, issuer, "INV-1" if issuer == AWS else None, 1, D(billed), D(eff))
            for cost_center, kind, issuer, billed, eff in LINES
        ),
        documents=(
            Document("IC-2026-000001", "USD", "CC-100", D("60.10"), D("60.1"), D("0.00")),
            Document("IC-2026-000002", "USD", "CC-200", D("29.01"), D("29.005"), D("0.005")),
        ),
    )


def read_period(value: bytes) -> Period:
    """A record of the periods topic."""
    return decode(Period, value)
