"""The desk: what chargeback does by itself, again and again: draft what is ready, publish what is issued."""

from __future__ import annotations

import asyncio
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.chargeback import metrics
from services.chargeback.domain.lifecycle import AlreadyIssued
from services.chargeback.drafting import DocumentTooLarge, Drafting
from services.chargeback.filing import Filing
from services.chargeback.store import invoices, references
from shared.events import InvoiceRun
from shared.observability import logger
from shared.publication import PublishedDifferently

_IDLE_SECONDS: Final = 0.3
_BACKOFF_SECONDS: Final = 5.0

log = logger(__name__)


class Desk:
    """Works through the periods; every step is resumable, so an outage or a crash costs a repetition only."""

    def __init__(self, engine: AsyncEngine, drafting: Drafting, filing: Filing) -> None:
        self._engine, self._drafting, self._filing = engine, drafting, filing
        self.problems: dict[str, str] = {}
        """Billing period -> what only a person can solve; shown by the API until it is solved."""

    async def run(self) -> None:
        """Work until cancelled."""
        await self._show_all()
        while True:
            try:
                await self.work_once()
                await asyncio.sleep(_BACKOFF_SECONDS if self.problems else _IDLE_SECONDS)
            except (DBAPIError, OSError) as error:
                log.warning("desk waits", error=str(error)[:500], seconds=_BACKOFF_SECONDS)
                await asyncio.sleep(_BACKOFF_SECONDS)

    async def work_once(self) -> None:
        """Draft every closing period that is ready, and publish the files of every issued one that lacks them."""
        async with self._engine.connect() as conn:
            closing = [period for period in await references.all_periods(conn) if period.state == "closing"]
            drafted_for = {
                period.billing_period: run.close_id
                for period in closing
                if (run := await invoices.run(conn, period.billing_period)) is not None
            }
            unfiled = [run for run in await invoices.runs_with_status(conn, "issued") if run.files is None]
        waiting = [period for period in closing if drafted_for.get(period.billing_period) != period.close_id]
        for run in unfiled:
            await self._publish(run.billing_period)
        for period in waiting:
            await self._draft(period.billing_period)
        metrics.WAITING.set(len(waiting))

    async def _draft(self, billing_period: str) -> None:
        try:
            run = await self._drafting.draft(billing_period)
        except (AlreadyIssued, DocumentTooLarge) as error:
            self._trouble(billing_period, str(error))
            return
        self._done(run)

    async def _publish(self, billing_period: str) -> None:
        try:
            run = await self._filing.publish(billing_period)
        except PublishedDifferently as error:
            self._trouble(billing_period, str(error))
            return
        self._done(run)

    def _done(self, run: InvoiceRun | None) -> None:
        if run is None:
            return
        self.problems.pop(run.billing_period, None)
        metrics.show(run)
        log.info(
            "invoices moved on",
            billing_period=run.billing_period,
            status=run.status,
            documents=sum(total.documents for total in run.totals),
            files=run.files,
        )

    def _trouble(self, billing_period: str, message: str) -> None:
        if self.problems.get(billing_period) != message:
            log.error("somebody has to decide", billing_period=billing_period, reason=message)
        self.problems[billing_period] = message

    async def _show_all(self) -> None:
        async with self._engine.connect() as conn:
            for status in metrics.STATUSES:
                for run in await invoices.runs_with_status(conn, status):
                    metrics.show(run)
