"""What becomes of a planned delivery: it goes on, or it is held. One transaction either way.

The report and the rejected rows are on disk before; a crash between leaves files that the next attempt writes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.intake import holding, holds, metrics, store
from services.intake.domain.delivery import State
from services.intake.domain.holding import claims
from services.intake.holding import Limits, Measured
from services.intake.preparing import Preparation, Prepared, Reading
from services.intake.quality.assessing import Assessment, assess
from services.intake.quality.files import QualityFiles
from services.intake.quality.sums import KnownInvoice
from services.intake.records import dead_letters_of, delivery_record
from services.intake.store import StoredDelivery
from services.intake.tables import SERVICE, STREAM_TABLES, provider_invoices
from shared import failpoints
from shared.archive import RowsInForce
from shared.observability import logger
from shared.outbox import enqueue
from shared.topics import COSTS

_LETTERS_AT_ONCE = 1_000

log = logger(__name__)


class Settling:
    """Settles deliveries of one intake."""

    def __init__(self, engine: AsyncEngine, files: QualityFiles, limits: Limits, prefix: str) -> None:
        self._engine, self._files, self._limits, self._prefix = engine, files, limits, prefix

    async def assess(
        self, delivery: StoredDelivery, preparation: Preparation, prepared: Prepared, in_force: Sequence[RowsInForce]
    ) -> Assessment:
        """Assess a planned delivery."""
        async with self._engine.connect() as conn:
            invoices = await _known_invoices(conn, {total.billing_period for total in prepared.snapshot})
        return await asyncio.to_thread(assess, delivery, preparation, prepared, in_force, invoices)

    async def settle(
        self, delivery: StoredDelivery, preparation: Preparation, prepared: Prepared, assessed: Assessment
    ) -> None:
        """Keep the report of a planned delivery, and move it on."""
        spool, reading = preparation.spool, preparation.reading
        await asyncio.to_thread(self._files.keep, assessed.report, spool.rejections())
        failpoints.reach("intake.assessed")
        measured = Measured(prepared.scopes, reading.rows, reading.rejected, assessed.before, assessed.after)
        async with self._engine.begin() as conn:
            verdict = await holding.judge(conn, self._limits, delivery, measured)
            values = {
                "record": delivery_record(delivery, reading, prepared, assessed.findings), "rows_read": reading.rows,
                "flagged_rows": assessed.report.rows.flagged,
            }  # fmt: skip
            if verdict.reasons:
                claimed = delivery.withdraws or claims(prepared.scopes, reading.refused)
                await holds.hold(conn, self._prefix, delivery, verdict.reasons, claimed, **values)
            else:
                await store.advance(conn, delivery, State.NORMALISED, **values, hold_reasons=[], held_scopes=[])
                await holds.supersede(conn, self._prefix, verdict.replaces, delivery)
                await self._keep_letters(conn, delivery, preparation)
        failpoints.reach("intake.held" if verdict.reasons else "intake.normalised")
        _count(delivery, reading, assessed, verdict)

    async def _keep_letters(self, conn: AsyncConnection, delivery: StoredDelivery, preparation: Preparation) -> None:
        topic = self._prefix + COSTS.name
        for letters in dead_letters_of(delivery, topic, preparation.spool.rejections(), _LETTERS_AT_ONCE):
            new = await store.keep_letters(conn, letters)
            await enqueue(conn, STREAM_TABLES.outbox, [letter.announcement(SERVICE) for letter in new])


async def _known_invoices(conn: AsyncConnection, periods: set[str]) -> list[KnownInvoice]:
    query = select(provider_invoices).where(provider_invoices.c.billing_period.in_(periods))
    return [
        KnownInvoice(row.issuer, row.invoice_id, row.billing_period, row.currency, row.amount, row.status)
        for row in await conn.execute(query)
    ]


def _count(delivery: StoredDelivery, reading: Reading, assessed: Assessment, verdict: holding.Verdict) -> None:
    """Metrics and log; rows of a held delivery are counted when it goes on."""
    if verdict.reasons:
        reasons = [reason.message for reason in verdict.reasons]
        log.warning("delivery held", delivery_id=delivery.delivery_id, reasons=reasons)
        return
    for rejected in assessed.report.rejected:
        metrics.REJECTED.labels(rejected.code).inc(rejected.rows)
    for flag in assessed.report.flags:
        metrics.FLAGS.labels(flag.code).inc(flag.rows)
    for (rules, step), changed in reading.observations.tag_steps.items():
        metrics.TAGGED.labels(rules, step).inc(changed)
    rows = assessed.report.rows
    log.info("delivery normalised", delivery_id=delivery.delivery_id, rows=rows.read, rejected=rows.rejected)
