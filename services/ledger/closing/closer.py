"""Driving closes: requests are recorded, then one step at a time is taken under the period's lock.

    1. requested   the ends of the topics at that moment are noted as targets
    2. checking    `Steps.check`: the ledger's own reading is complete and agrees; the period is announced as closing
    3. invoicing   `Steps.post`: the others' hand-overs agree, the five stages match; the journal is posted and chained
    4. exporting   `Steps.export`: the books are published, the period is announced as closed

Steps 2 and 3 may end in `blocked` instead, with nothing posted. A crash before a step's commit leaves the step to be
done again, by any process; after it, the next one follows. So no step happens twice.
"""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ledger.closing.offsets import end_offsets
from services.ledger.closing.steps import Steps
from services.ledger.domain.periods import Period, State
from services.ledger.settings import LedgerSettings
from services.ledger.store import periods
from services.ledger.store.tables import SERVICE
from shared import failpoints
from shared.database import lock_transaction, try_lock_transaction
from shared.errors import RetryLater
from shared.observability import logger

log = logger(__name__)


class Closer:
    """Takes requests to close periods, and drives those under way."""

    def __init__(self, engine: AsyncEngine, settings: LedgerSettings) -> None:
        self._engine, self._settings = engine, settings
        self._steps = Steps(settings)

    async def request(self, billing_period: str, requested_by: str) -> Period:
        """Start a close, or return the one that is under way.

        Raises:
            PeriodClosed: when the period is closed already.
            EndsUnknown: when Kafka is away; nothing is recorded.
        """
        targets = await end_offsets(self._settings)
        async with self._engine.begin() as conn:
            await lock_transaction(conn, SERVICE, "close", billing_period)
            row = await periods.load(conn, billing_period)
            before = row.period if row else Period(billing_period)
            after = before.request(requested_by)
            if after is not before:
                await periods.save(conn, after, targets=[list(target) for target in targets])
        failpoints.reach("ledger.close.requested")
        return after

    async def run(self) -> None:
        """Drive all closes until cancelled; an outage is waited for, anything else ends the process."""
        while True:
            try:
                async with self._engine.connect() as conn:
                    under_way = await periods.closing(conn)
                for billing_period in under_way:
                    await self.advance(billing_period)
            except (RetryLater, DBAPIError, OSError) as error:
                log.warning("close waits", error=str(error)[:500])
            await asyncio.sleep(self._settings.ledger_poll_seconds)

    async def advance(self, billing_period: str) -> bool:
        """Take the next step of a period's close if it can be taken; says whether it was."""
        async with self._engine.begin() as conn:
            if not await try_lock_transaction(conn, SERVICE, "close", billing_period):
                return False
            row = await periods.load(conn, billing_period)
            if row is None or row.period.state is not State.CLOSING:
                return False
            taken = await self._steps.take(conn, row)
            if taken:
                failpoints.reach(f"ledger.close.{row.period.phase}.written")
        if taken:
            failpoints.reach(f"ledger.close.{row.period.phase}.committed")
            log.info(
                "close advanced", billing_period=billing_period, close_id=row.period.close_id, done=row.period.phase
            )
        return taken
