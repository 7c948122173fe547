"""Gathering what the ledger knows about a month, as the pure domain wants it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.closing.hand_overs import (
    AllocationHandOver,
    HandOvers,
    InvoiceHandOver,
    compare_allocations,
    compare_invoices,
)
from services.ledger.contracts import delivery_facts, of_deliveries, provider_invoice_facts
from services.ledger.domain import breaks as b
from services.ledger.domain.breaks import Break
from services.ledger.domain.facts import Month
from services.ledger.store import cost_totals, documents
from shared.events import Delivery
from shared.money import total

H = TypeVar("H", AllocationHandOver, InvoiceHandOver)


async def gather(
    conn: AsyncConnection, billing_period: str, deliveries: Sequence[Delivery], hand_overs: HandOvers
) -> Month:
    """A month of these deliveries; what a run announced counts only when the own lines agree with it."""
    facts = delivery_facts(list(deliveries))
    allocation = _agreed(hand_overs.allocation)
    invoice = _agreed(hand_overs.invoice)
    return Month(
        billing_period=billing_period,
        deliveries=facts,
        costs=of_deliveries(await cost_totals.of_period(conn, billing_period), facts),
        provider_invoices=provider_invoice_facts(await documents.provider_invoices(conn, billing_period)),
        basis=allocation.run.basis if allocation else "EffectiveCost",
        rule_version=allocation.run.rule_set_version if allocation else "",
        allocations=tuple(allocation.totals) if allocation else None,
        documents=tuple(one.document for one in invoice.issued) if invoice else None,
    )


def _agreed(one: H | None) -> H | None:
    return one if one is not None and not one.wrong else None


async def newest(conn: AsyncConnection, billing_period: str, deliveries: Collection[str]) -> HandOvers:
    """The newest run over these deliveries that the own lines agree with, and its invoices if they are issued.

    When they agree with none, it is the newest one, with what differs.
    """
    found = HandOvers()
    runs = await documents.allocation_runs(conn, billing_period)
    covering = [run for run in reversed(runs) if set(run.deliveries) >= set(deliveries)]
    compared = [await compare_allocations(conn, run) for run in covering]
    if not compared:
        return found
    found.allocation = next((one for one in compared if not one.wrong), compared[0])
    close_id = found.allocation.run.close_id
    invoice_run = await documents.invoice_run_of(conn, close_id) if close_id else None
    if invoice_run is not None and invoice_run.status == "issued":
        found.invoice = await compare_invoices(conn, invoice_run)
    return found


async def late(conn: AsyncConnection, billing_period: str, fixed: Collection[str]) -> list[Break]:
    """Cost of the period that came with deliveries after its close had fixed which ones count."""
    known = {one.delivery_id for one in await documents.deliveries(conn, billing_period)}
    costs = [one for one in await cost_totals.of_period(conn, billing_period) if one.delivery_id in known - set(fixed)]
    return [
        b.late_cost(
            delivery_id,
            currency,
            total(one.billed for one in costs if (one.delivery_id, one.currency) == (delivery_id, currency)),
            total(one.effective for one in costs if (one.delivery_id, one.currency) == (delivery_id, currency)),
        )
        for delivery_id, currency in sorted({(one.delivery_id, one.currency) for one in costs})
    ]
