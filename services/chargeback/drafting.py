"""Drafting a period's invoices from a final allocation run that our own lines agree with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.chargeback.contracts import charge_of, draft_invoice
from services.chargeback.domain import lifecycle
from services.chargeback.domain.documents import draw_up
from services.chargeback.domain.numbering import previous_period
from services.chargeback.domain.rounding import round_documents
from services.chargeback.publishing import ControlTotals, invoice_records, run_record
from services.chargeback.readiness import readiness
from services.chargeback.store import allocations, invoices, references
from services.chargeback.store.tables import outbox
from shared import failpoints
from shared.database import try_lock_transaction
from shared.events import Allocation, AllocationRun, Invoice, InvoiceRun, Period, encode
from shared.outbox import enqueue
from shared.publisher import RECORD_BYTES_MAX

_CHUNK_DOCUMENTS = 200
DOCUMENT_BYTES_MAX = RECORD_BYTES_MAX
"""What one record can carry, less what its key, headers, number and approval will add."""
_DECODER = msgspec.json.Decoder(Allocation)


class DocumentTooLarge(ValueError):
    """An invoice has more lines than one record on the invoices topic can carry."""

    def __init__(self, cost_center: str, currency: str, lines: int, size_bytes: int) -> None:
        self.cost_center, self.currency, self.lines, self.size_bytes = cost_center, currency, lines, size_bytes
        super().__init__(
            f"the invoice of {cost_center} in {currency} has {lines} lines and {size_bytes} bytes; a record holds "
            f"{DOCUMENT_BYTES_MAX}: give some of its accounts to a cost center of their own, or raise the limit"
        )


class Drafting:
    """Drafts the invoices of one period at a time."""

    def __init__(self, engine: AsyncEngine, prefix: str) -> None:
        self._engine, self._prefix = engine, prefix

    async def draft(self, billing_period: str) -> InvoiceRun | None:
        """Draft a period if everything is there and it is not drafted for this close yet.

        One transaction on one snapshot of the database, under the period's lock:

        1. compare our lines with the run; if they differ, nothing happens (`readiness` says what is missing);
        2. round the run's totals to documents, then write document after document, one in memory at a time;
        3. write the run and put everything into the outbox;
        4. commit.
        A crash before 4 leaves nothing, and the next attempt drafts the same bytes; after 4, it finds the draft.

        Returns:
            The drafted run, or None if there was nothing to do.

        Raises:
            AlreadyIssued: the period is issued, and this run's lines are others.
            DocumentTooLarge: an invoice can't be published; nothing is drafted.
        """
        async with self._engine.connect() as conn:
            await conn.execution_options(isolation_level="REPEATABLE READ")
            async with conn.begin():
                drafted = await self._draft(conn, billing_period)
            if drafted is not None:
                failpoints.reach("chargeback.drafted")
            return drafted

    async def _draft(self, conn: AsyncConnection, billing_period: str) -> InvoiceRun | None:
        if not await try_lock_transaction(conn, "chargeback", "period", billing_period):
            return None
        known = await invoices.run(conn, billing_period)
        period = await references.period(conn, billing_period)
        if known is not None and period is not None and known.close_id == period.close_id:
            return None
        found = await readiness(conn, billing_period)
        if found.run is None or found.period is None or not found.ready:
            return None
        if known is not None and known.status == "issued":
            return await self._confirm(conn, known, found.run)
        return await self._write(conn, found.period, found.run, known)

    async def _confirm(self, conn: AsyncConnection, issued: InvoiceRun, run: AllocationRun) -> InvoiceRun | None:
        """A period closed again after issue with the very same lines needs no new invoices: say so to this close."""
        if await invoices.lines_hash(conn, issued.billing_period) != run.lines_hash:
            raise lifecycle.AlreadyIssued(issued.billing_period)
        if issued.files is None:
            return None
        confirmed = msgspec.structs.replace(
            issued, close_id=run.close_id, allocation_run_id=run.run_id, revision=issued.revision + 1
        )
        await invoices.keep_run(conn, confirmed)
        await enqueue(conn, outbox, [run_record(self._prefix, confirmed)])
        return confirmed

    async def _write(
        self, conn: AsyncConnection, period: Period, run: AllocationRun, known: InvoiceRun | None
    ) -> InvoiceRun:
        assert period.close_id is not None
        revision = 1 if known is None else known.revision + 1
        prepared_by = period.requested_by or ""
        control = ControlTotals()
        await invoices.remove_drafts(conn, run.billing_period)
        chunk: list[tuple[Invoice, bytes]] = []
        async for invoice in _drafts(conn, run, revision, prepared_by):
            document = _checked(invoice, encode(invoice))
            control.count(invoice, document)
            chunk.append((invoice, document))
            if len(chunk) == _CHUNK_DOCUMENTS:
                await self._keep(conn, chunk)
                chunk = []
        await self._keep(conn, chunk)
        failpoints.reach("chargeback.drafting")
        drafted = InvoiceRun(
            billing_period=run.billing_period,
            close_id=period.close_id,
            revision=revision,
            allocation_run_id=run.run_id,
            status="drafted",
            totals=control.totals(),
            documents_hash=control.documents_hash(),
            prepared_by=prepared_by,
        )
        _check_conservation(drafted, run)
        await invoices.keep_run(conn, drafted, run.lines_hash)
        await enqueue(conn, outbox, [run_record(self._prefix, drafted)])
        return drafted

    async def _keep(self, conn: AsyncConnection, chunk: list[tuple[Invoice, bytes]]) -> None:
        if chunk:
            await invoices.insert_drafts(conn, chunk)
            await enqueue(conn, outbox, invoice_records(self._prefix, chunk))


async def _drafts(conn: AsyncConnection, run: AllocationRun, revision: int, prepared_by: str) -> AsyncIterator[Invoice]:
    exact = await allocations.chargeable(conn, run.billing_period, run.basis)
    invoiced = {currency: round_documents(amounts, currency) for currency, amounts in exact.items()}
    centers = await references.known_cost_centers(conn, {center for amounts in exact.values() for center in amounts})
    previous = await invoices.issued_totals(conn, previous_period(run.billing_period))
    async for currency, cost_center, bodies in allocations.bodies_by_document(conn, run.billing_period):
        charges = [charge_of(_DECODER.decode(body)) for body in bodies]
        total = invoiced[currency][cost_center]
        yield draft_invoice(
            draw_up(run.billing_period, cost_center, currency, run.basis, charges, total),
            run,
            centers[cost_center],
            revision=revision,
            prepared_by=prepared_by,
            previous_total=previous.get((cost_center, currency)),
        )


def _checked(invoice: Invoice, document: bytes) -> bytes:
    """Refuse before anything is written what the outbox could never get rid of."""
    if len(document) > DOCUMENT_BYTES_MAX:
        raise DocumentTooLarge(invoice.cost_center, invoice.currency, len(invoice.lines), len(document))
    return document


def _check_conservation(drafted: InvoiceRun, run: AllocationRun) -> None:
    """What is invoiced, less rounding, is what was allocated: to the last digit, or nothing is drafted."""
    drafted_totals: dict[str, Decimal] = {total.currency: total.allocated for total in drafted.totals}
    for total in run.totals:
        allocated = total.allocated_billed if run.basis == "BilledCost" else total.allocated_effective
        have = drafted_totals.get(total.currency, Decimal(0))
        assert have == allocated, f"{total.currency}: invoices are over {have}, the run allocated {allocated}"
