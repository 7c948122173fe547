"""What a period looks like right now: the state, and a reconciliation that changes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.closing import months
from services.ledger.closing.checks import check_reading
from services.ledger.closing.hand_overs import HandOvers
from services.ledger.closing.offsets import behind
from services.ledger.contracts import reconciliation_record
from services.ledger.domain.entries import Entry
from services.ledger.domain.facts import Month
from services.ledger.domain.periods import Period, State
from services.ledger.domain.posting import journal
from services.ledger.domain.reconciliation import Reconciliation, reconcile
from services.ledger.settings import LedgerSettings
from services.ledger.store import cost_totals, documents, periods
from services.ledger.store import journal as journal_store
from services.ledger.store.periods import PeriodRow, Target
from shared import events

_FIXED = (State.CLOSING, State.CLOSED)
"""In these states the deliveries that count are fixed once the checks have passed."""


async def states(conn: AsyncConnection) -> list[dict[str, Any]]:
    """Every period that has costs or that somebody asked to close, with its state."""
    known = {row.period.billing_period: row for row in await periods.load_all(conn)}
    names = sorted({*known, *await cost_totals.known_periods(conn)})
    return [_state(name, known.get(name)) for name in names]


async def period(conn: AsyncConnection, billing_period: str) -> dict[str, Any] | None:
    """A period's state with the figures and breaks that decided it; None if nothing is known of it.

    While it is open or closing, the figures are those of its costs and provider invoices so far.
    """
    row = await periods.load(conn, billing_period)
    if row is None and billing_period not in await cost_totals.known_periods(conn):
        return None
    decided = row is not None and row.reconciliation is not None and row.period.state is not State.CLOSING
    if row is not None and row.reconciliation is not None and decided:
        figures = events.decode(events.Reconciliation, row.reconciliation)
    else:
        deliveries = await documents.deliveries(conn, billing_period)
        found = reconcile(await months.gather(conn, billing_period, deliveries, HandOvers()))
        figures = reconciliation_record(billing_period, 1, None, Reconciliation(found.stages, [], found.notes))
    return _json(figures) | _state(billing_period, row)


async def reconciled(
    conn: AsyncConnection, settings: LedgerSettings, billing_period: str, targets: list[Target]
) -> dict[str, Any]:
    """Compare everything that is known of a period up to the targets."""
    row = await periods.load(conn, billing_period)
    fixed = row.period.deliveries if row is not None and row.period.state in _FIXED else ()
    reached = await behind(conn, settings, targets)
    checked = await check_reading(conn, billing_period, reached, is_fixed=bool(fixed))
    counted = [one for one in checked.deliveries if not fixed or one.delivery_id in fixed]
    handed = await months.newest(conn, billing_period, [one.delivery_id for one in counted])
    month = await months.gather(conn, billing_period, counted, handed)
    found = reconcile(month)
    late = await months.late(conn, billing_period, fixed) if fixed else []
    arriving = [] if fixed else [line for one in handed.mismatches() for line in one.actual.split("; ")]
    all_of_it = Reconciliation(
        found.stages,
        [*checked.breaks, *found.breaks, *(handed.mismatches() if fixed else ()), *late],
        [*found.notes, *(f"still to be read: {what}" for what in [*checked.waiting, *arriving])],
    )
    basis = month.basis if month.allocations is not None else None
    return _json(reconciliation_record(billing_period, 1, basis, all_of_it)) | _state(billing_period, row)


async def books(conn: AsyncConnection, billing_period: str) -> tuple[bool, list[Entry]]:
    """Whether the period is posted, and its entries; those of an unposted one are what posting now would write."""
    entries, _ = await journal_store.read(conn, billing_period)
    if entries:
        return True, entries
    return False, journal(await _so_far(conn, billing_period))


async def _so_far(conn: AsyncConnection, billing_period: str) -> Month:
    deliveries = await documents.deliveries(conn, billing_period)
    handed = await months.newest(conn, billing_period, [one.delivery_id for one in deliveries])
    return await months.gather(conn, billing_period, deliveries, handed)


def _state(billing_period: str, row: PeriodRow | None) -> dict[str, Any]:
    found = row.period if row is not None else Period(billing_period)
    return {
        "billing_period": billing_period,
        "state": found.state,
        "phase": found.phase,
        "close_id": found.close_id,
        "requested_by": found.requested_by,
        "deliveries": list(found.deliveries),
        "waiting_for": list(row.waiting_for) if row is not None else [],
        "waiting_since": row.waiting_since.isoformat() if row is not None and row.waiting_for else None,
        "chain_head": row.chain_head if row is not None else None,
        "books": row.books if row is not None else None,
    }


def _json(record: events.Reconciliation) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(events.encode(record))
    document.pop("revision")
    return {"notes": []} | document
