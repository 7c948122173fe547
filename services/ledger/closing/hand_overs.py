"""Waiting for the others: the allocator's final run, chargeback's issued invoices, and every line they announce."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain import breaks as b
from services.ledger.domain.breaks import Break
from services.ledger.domain.facts import AllocationTotal
from services.ledger.domain.hand_overs import differences
from services.ledger.store import allocations, documents, invoices
from services.ledger.store.invoices import Issued
from shared.events import AllocationRun, InvoiceRun


@dataclass(frozen=True, slots=True)
class AllocationHandOver:
    """An allocation run, and the ledger's own lines of the period. `wrong` empty: they are the run's lines."""

    run: AllocationRun
    totals: list[AllocationTotal]
    wrong: list[str]

    def break_(self) -> Break:
        """The break to name when waiting has not helped."""
        return b.hand_over_disagrees("allocations", f"allocation run {self.run.run_id}", self.wrong, "allocator")


@dataclass(frozen=True, slots=True)
class InvoiceHandOver:
    """An issued invoice run, and the ledger's own invoices of the period."""

    run: InvoiceRun
    issued: list[Issued]
    wrong: list[str]

    def break_(self) -> Break:
        """The break to name when waiting has not helped."""
        return b.hand_over_disagrees("invoices", f"invoices of close {self.run.close_id}", self.wrong, "chargeback")


@dataclass(slots=True)
class HandOvers:
    """What a close has got from the others so far. `waiting` empty: everything, and it agrees."""

    allocation: AllocationHandOver | None = None
    invoice: InvoiceHandOver | None = None
    waiting: list[str] = field(default_factory=list)

    def mismatches(self) -> list[Break]:
        """Runs that are here and whose lines are not."""
        return [one.break_() for one in (self.allocation, self.invoice) if one is not None and one.wrong]


async def of_close(conn: AsyncConnection, billing_period: str, close_id: str) -> HandOvers:
    """Look for the hand-overs of one close."""
    found = HandOvers()
    runs = await documents.allocation_runs(conn, billing_period)
    run = next((one for one in reversed(runs) if one.kind == "final" and one.close_id == close_id), None)
    if run is None:
        found.waiting.append(f"the allocator's final run of close {close_id}")
        return found
    found.allocation = await compare_allocations(conn, run)
    invoice_run = await documents.invoice_run_of(conn, close_id)
    if invoice_run is None:
        found.waiting.append(f"chargeback's invoice drafts of close {close_id}")
    elif invoice_run.status != "issued":
        wanted = "approval" if invoice_run.status == "drafted" else "issue"
        found.waiting.append(f"the {wanted} of the invoices of {billing_period}")
    else:
        found.invoice = await compare_invoices(conn, invoice_run)
    found.waiting += [line for one in (found.allocation, found.invoice) if one is not None for line in one.wrong]
    return found


async def compare_allocations(conn: AsyncConnection, run: AllocationRun) -> AllocationHandOver:
    """Compare the period's lines here with a run's control totals; the hash only once the totals agree."""
    totals = await allocations.of_period(conn, run.billing_period)
    wrong = [f"allocations in {one}" for one in differences(allocations.said(run), allocations.figures(totals))]
    if not wrong and await allocations.lines_hash(conn, run.billing_period) != run.lines_hash:
        wrong = [f"allocations: the lines of {run.billing_period} have other content than run {run.run_id} says"]
    return AllocationHandOver(run, totals, wrong)


async def compare_invoices(conn: AsyncConnection, run: InvoiceRun) -> InvoiceHandOver:
    """Compare the period's issued invoices here with a run's control totals."""
    issued = await invoices.issued(conn, run.billing_period)
    wrong = [f"invoices in {one}" for one in differences(invoices.said(run), invoices.figures(issued))]
    if not wrong and invoices.documents_hash(issued) != run.documents_hash:
        wrong = [f"invoices: the documents of {run.billing_period} have other content than their run says"]
    return InvoiceHandOver(run, issued, wrong)
