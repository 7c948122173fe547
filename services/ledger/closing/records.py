"""Publishing what the ledger decides about a period: its state, and the reconciliation that led to it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.contracts import period_record, reconciliation_record
from services.ledger.domain.breaks import Break
from services.ledger.domain.facts import Basis
from services.ledger.domain.periods import Period
from services.ledger.domain.reconciliation import Reconciliation
from services.ledger.store import periods
from services.ledger.store.periods import PeriodRow
from services.ledger.store.tables import SERVICE, stream_tables
from shared import topics
from shared.events import encode
from shared.outbox import enqueue
from shared.publisher import Outgoing, cloud_event_headers


class Announcer:
    """Writes states and reconciliations to the tables and, in the same transaction, to the outbox."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    async def state(
        self,
        conn: AsyncConnection,
        row: PeriodRow,
        after: Period,
        breaks: Sequence[Break] = (),
        *,
        chain_head: str | None = None,
        books: str | None = None,
    ) -> None:
        """Announce a state that others act on."""
        revision = row.revision + 1
        record = period_record(after, revision, list(breaks), chain_head)
        await periods.save(conn, after, revision=revision, chain_head=chain_head, books=books)
        await self._enqueue(conn, topics.PERIODS.name, "finops.period.v1", after, revision, encode(record))

    async def reconciliation(
        self, conn: AsyncConnection, row: PeriodRow, after: Period, found: Reconciliation, basis: Basis | None
    ) -> None:
        """Keep and publish the comparison that decided about a close."""
        number = row.reconciliations + 1
        body = encode(reconciliation_record(after.billing_period, number, basis, found))
        await periods.save(conn, after, reconciliations=number, reconciliation=body)
        await self._enqueue(conn, topics.RECONCILIATIONS.name, "finops.reconciliation.v1", after, number, body)

    async def _enqueue(
        self, conn: AsyncConnection, topic: str, kind: str, period: Period, revision: int, value: bytes
    ) -> None:
        name = period.billing_period
        headers = cloud_event_headers(kind, f"{name}/{revision}", SERVICE, name)
        await enqueue(conn, stream_tables.outbox, [Outgoing(self._prefix + topic, name.encode(), value, headers)])
