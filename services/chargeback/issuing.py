"""Approving and issuing a period's invoices, and publishing the files of what is issued.

The steps of an issue, and what a crash after each one means:

1. one transaction: numbers under a lock on the counter row, every document frozen with its number, and the invoices
   in the outbox. A crash before the commit gives the numbers back;
2. files are written from the frozen rows into a folder that is published atomically (`shared.publication`). A crash
   leaves nothing that looks finished; the next start of the service goes on here, with the same bytes;
3. one transaction: the run says where its files are, and InvoiceRun(issued) goes into the outbox.

So nobody reads that a period is issued before its files can be read: the run, the record that consumers act on, comes
last. A crash between 2 and 3 makes the next attempt verify the folder and then do 3.
"""

from __future__ import annotations

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.chargeback.domain import lifecycle
from services.chargeback.domain.lifecycle import BatchState
from services.chargeback.domain.numbering import assign, document_date
from services.chargeback.publishing import ControlTotals, invoice_records, run_record
from services.chargeback.store import invoices
from services.chargeback.store.tables import outbox
from shared import failpoints
from shared.database import lock_transaction
from shared.events import Invoice, InvoiceRun, decode, encode
from shared.outbox import enqueue


class NothingDrafted(LookupError):
    """There are no invoices of this period yet."""

    def __init__(self, billing_period: str) -> None:
        self.billing_period = billing_period
        super().__init__(
            f"no invoices of {billing_period} are drafted; "
            f"`apportion period status {billing_period}` says what is missing"
        )


class Issuing:
    """Approves and issues; `issuer` is the code that document numbers begin with."""

    def __init__(self, engine: AsyncEngine, prefix: str, issuer: str) -> None:
        self._engine, self._prefix, self._issuer = engine, prefix, issuer

    async def approve(self, billing_period: str, approved_by: str) -> InvoiceRun:
        """Approve a period's drafts by a second identity; once more by the same person changes nothing.

        Raises:
            NothingDrafted, ApproverIsPreparer, AlreadyApproved: nothing was changed.
        """
        async with self._engine.begin() as conn:
            run = await self._locked(conn, billing_period)
            after = lifecycle.approve(_state(run), approved_by)
            if after == _state(run):
                return run
            approved = msgspec.structs.replace(
                run, status=after.status, approved_by=after.approved_by, revision=run.revision + 1
            )
            await invoices.keep_run(conn, approved)
            await enqueue(conn, outbox, [run_record(self._prefix, approved)])
            failpoints.reach("chargeback.approving")
        failpoints.reach("chargeback.approved")
        return approved

    async def issue(self, billing_period: str) -> InvoiceRun:
        """Number and freeze a period's approved invoices (step 1); once more changes nothing.

        Raises:
            NothingDrafted, NotApproved, NumbersExhausted: nothing was changed, no number was used.
        """
        async with self._engine.begin() as conn:
            run = await self._locked(conn, billing_period)
            if lifecycle.issue(_state(run)) == _state(run):
                return run
            numbers = await self._numbers(conn, billing_period)
            control = await self._freeze(conn, run, numbers)
            assert control.totals() == run.totals, f"{billing_period}: issued totals differ from the approved ones"
            issued = msgspec.structs.replace(
                run, status="issued", revision=run.revision + 1, documents_hash=control.documents_hash()
            )
            await invoices.keep_run(conn, issued)
            failpoints.reach("chargeback.issuing")
        failpoints.reach("chargeback.issued")
        return issued

    async def _locked(self, conn: AsyncConnection, billing_period: str) -> InvoiceRun:
        await lock_transaction(conn, "chargeback", "period", billing_period)
        run = await invoices.run(conn, billing_period)
        if run is None:
            raise NothingDrafted(billing_period)
        return run

    async def _numbers(self, conn: AsyncConnection, billing_period: str) -> dict[str, str]:
        keys = await invoices.document_keys(conn, billing_period)
        year = int(document_date(billing_period)[:4])
        first = await invoices.take_numbers(conn, self._issuer, year, len(keys))
        return assign(self._issuer, year, first, keys)

    async def _freeze(self, conn: AsyncConnection, run: InvoiceRun, numbers: dict[str, str]) -> ControlTotals:
        control = ControlTotals()
        async for chunk in invoices.stream_documents(conn, run.billing_period):
            frozen: list[tuple[Invoice, bytes]] = []
            for draft in (decode(Invoice, document) for document in chunk):
                invoice = msgspec.structs.replace(
                    draft, status="issued", number=numbers[draft.invoice_id], approved_by=run.approved_by,
                    revision=run.revision + 1,
                )  # fmt: skip
                frozen.append((invoice, encode(invoice)))
                control.count(*frozen[-1])
            await invoices.freeze(conn, frozen)
            await enqueue(conn, outbox, invoice_records(self._prefix, frozen))
        return control


def _state(run: InvoiceRun) -> BatchState:
    return BatchState(run.billing_period, run.status, run.prepared_by, run.approved_by)
