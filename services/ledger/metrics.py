"""What the ledger measures about its books: gauges computed from the tables, never counted along."""

from __future__ import annotations

from typing import Final

from prometheus_client import Gauge
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.periods import State
from services.ledger.store import journal, periods
from services.ledger.store.tables import entries, postings
from shared.events import Reconciliation, decode

RESIDUE: Final = Gauge("apportion_ledger_trial_balance_residue", "Debits minus credits: 0, or wrong", ["currency"])
UNBALANCED: Final = Gauge("apportion_ledger_unbalanced_groups", "Currencies whose books do not balance; must be 0")
BREAKS: Final = Gauge("apportion_ledger_breaks", "Breaks of blocked periods", ["period", "code"])
PERIOD_STATE: Final = Gauge("apportion_ledger_period_state", "1 for the state a period is in", ["period", "state"])
WAITING: Final = Gauge("apportion_ledger_close_waiting_seconds", "How long a close has waited", ["period"])
CHAIN_LENGTH: Final = Gauge("apportion_ledger_chain_entries", "Posted entries", ["period"])


class Measuring:
    """Refreshes the gauges from the tables."""

    def __init__(self) -> None:
        self._measured: dict[str, int] = {}

    async def refresh(self, conn: AsyncConnection) -> None:
        """Set every gauge."""
        BREAKS.clear()
        WAITING.clear()
        for row in await periods.load_all(conn):
            name, state = row.period.billing_period, row.period.state
            for one in State:
                PERIOD_STATE.labels(name, one).set(one is state)
            if row.waiting_for:
                WAITING.labels(name).set(row.waited_seconds)
            if state is State.BLOCKED and row.reconciliation is not None:
                for found in decode(Reconciliation, row.reconciliation).breaks:
                    BREAKS.labels(name, found.code).inc()
        await self._books(conn)

    async def _books(self, conn: AsyncConnection) -> None:
        """Chain lengths, and the trial balance whenever something was posted."""
        lengths = await journal.lengths(conn)
        for billing_period, length in lengths.items():
            CHAIN_LENGTH.labels(billing_period).set(length)
        if lengths == self._measured:
            return
        same = (entries.c.billing_period == postings.c.billing_period) & (entries.c.ordinal == postings.c.ordinal)
        query = (
            select(entries.c.currency, func.sum(postings.c.amount)).join(postings, same).group_by(entries.c.currency)
        )
        residues = dict((await conn.execute(query)).tuples().all())
        for currency, residue in residues.items():
            RESIDUE.labels(currency).set(residue)
        UNBALANCED.set(sum(1 for residue in residues.values() if residue))
        self._measured = lengths
