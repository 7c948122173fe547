"""The steps of a close. Each answers whether it was taken; if not, the period says what it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from time import monotonic

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.books.folder import publish_books
from services.ledger.closing import hand_overs, months
from services.ledger.closing.checks import check_reading, refused
from services.ledger.closing.hand_overs import HandOvers
from services.ledger.closing.offsets import behind, end_offsets
from services.ledger.closing.records import Announcer
from services.ledger.domain.chain import verify
from services.ledger.domain.facts import Basis
from services.ledger.domain.invariants import check_books
from services.ledger.domain.periods import Phase
from services.ledger.domain.posting import journal
from services.ledger.domain.reconciliation import Reconciliation, reconcile
from services.ledger.settings import LedgerSettings
from services.ledger.store import documents, periods
from services.ledger.store import journal as journal_store
from services.ledger.store.periods import PeriodRow
from shared import events, failpoints
from shared.observability import logger
from shared.publication import PublishedDifferently

Step = Callable[[AsyncConnection, PeriodRow], Awaitable[bool]]

log = logger(__name__)


class Steps:
    """Takes the step that a period's phase calls for, in the caller's transaction."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._settings = settings
        self._announce = Announcer(settings.topic_prefix)
        self._logged_at: dict[str, float] = {}
        self._looked_for: dict[str, tuple[str | None, list[str]]] = {}
        self._steps: dict[Phase | None, Step] = {
            Phase.CHECKING: self.check,
            Phase.INVOICING: self.post,
            Phase.EXPORTING: self.export,
        }

    async def take(self, conn: AsyncConnection, row: PeriodRow) -> bool:
        """Take the next step of a period that closes."""
        return await self._steps[row.period.phase](conn, row)

    async def check(self, conn: AsyncConnection, row: PeriodRow) -> bool:
        """Read up to the targets, compare, and announce the period as closing on exactly these deliveries.

        Events that a delivery lacks at its end are lost only when they are not on the topic now either: the delivery
        may have been announced after the targets were set.
        """
        billing_period = row.period.billing_period
        checked = await check_reading(conn, billing_period, await behind(conn, self._settings, row.targets))
        looked_for = (row.period.close_id, checked.unseen)
        if checked.unseen and self._looked_for.get(billing_period) != looked_for:
            self._looked_for[billing_period] = looked_for
            await periods.aim(conn, billing_period, await end_offsets(self._settings))
            return await self._wait(conn, row, checked.unseen)
        if checked.waiting and not checked.breaks:
            return await self._wait(conn, row, checked.waiting)
        found = reconcile(await months.gather(conn, billing_period, checked.deliveries, HandOvers()))
        breaks = checked.breaks if checked.waiting else [*checked.breaks, *found.breaks]  # half-read sums differ
        if breaks:
            return await self._block(conn, row, replace(found, breaks=breaks))
        after = row.period.checked(tuple(one.delivery_id for one in checked.deliveries))
        await self._announce.state(conn, row, after)
        return True

    async def post(self, conn: AsyncConnection, row: PeriodRow) -> bool:
        """Await the others' hand-overs, reconcile all stages, and post the journal of the month."""
        period = row.period
        breaks = await refused(conn, period.billing_period)
        handed = await hand_overs.of_close(conn, period.billing_period, str(period.close_id))
        if handed.waiting and not breaks:
            if not self._overdue(row, handed):
                return await self._wait(conn, row, handed.waiting)
            breaks = handed.mismatches()
        deliveries = await documents.deliveries(conn, period.billing_period)
        fixed = [one for one in deliveries if one.delivery_id in period.deliveries]
        month = await months.gather(conn, period.billing_period, fixed, handed)
        found, entries = reconcile(month), journal(month)
        breaks = [*breaks, *found.breaks] or check_books(month, entries)
        if breaks:
            return await self._block(conn, row, replace(found, breaks=breaks), month.basis)
        await journal_store.post(conn, period.billing_period, entries)
        await self._announce.reconciliation(conn, row, period.posted(), found, month.basis)
        return True

    async def export(self, conn: AsyncConnection, row: PeriodRow) -> bool:
        """Verify the chain, publish the books, and announce the period as closed."""
        period = row.period.billing_period
        entries, chain = await journal_store.read(conn, period)
        head = verify(period, entries, chain)
        assert row.reconciliation is not None, "posting keeps the reconciliation that allowed it"
        record = events.decode(events.Reconciliation, row.reconciliation)
        try:
            folder = await asyncio.to_thread(publish_books, self._settings.files_dir, entries, head, record)
        except (OSError, PublishedDifferently) as error:
            return await self._wait(conn, row, [f"the books to be published: {error}"])
        failpoints.reach("ledger.close.published")
        await self._announce.state(conn, row, row.period.closed(), chain_head=head, books=str(folder))
        return True

    async def _block(
        self, conn: AsyncConnection, row: PeriodRow, found: Reconciliation, basis: Basis | None = None
    ) -> bool:
        after = row.period.blocked()
        await self._announce.reconciliation(conn, row, after, found, basis)
        await self._announce.state(conn, row, after, found.breaks)
        for one in found.breaks:
            log.error("period blocked", billing_period=after.billing_period, code=one.code, reason=one.message)
        return True

    async def _wait(self, conn: AsyncConnection, row: PeriodRow, waiting: Sequence[str]) -> bool:
        period = row.period.billing_period
        await periods.keep_waiting(conn, period, waiting)
        patience = self._settings.ledger_patience_seconds
        if row.waited_seconds > patience and monotonic() - self._logged_at.get(period, -patience) >= patience:
            self._logged_at[period] = monotonic()
            log.warning(
                "close waits", billing_period=period, waiting_for=list(waiting), seconds=round(row.waited_seconds)
            )
        return False

    def _overdue(self, row: PeriodRow, handed: HandOvers) -> bool:
        """Whether a run's lines have differed from its totals, in the same way, for too long."""
        unchanged = list(row.waiting_for) == handed.waiting
        return bool(handed.mismatches()) and unchanged and row.waited_seconds > self._settings.ledger_mismatch_seconds
