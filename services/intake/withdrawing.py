"""Taking back what a source has in force, such as what was delivered under a wrong name.

A withdrawal is a delivery without files: whole snapshots of nothing for the scopes that were in force when it was asked
for. It goes the way of every delivery, so that it retracts each row exactly once, whatever crashes. What rejected rows
the source left open it answers for too. No limit lets it through: a second person releases it.
Every function works in the caller's transaction.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import holds, store
from services.intake.domain.delivery import UNFINISHED, State
from services.intake.domain.findings import Noted
from services.intake.domain.holding import claims
from services.intake.domain.styles import Style
from services.intake.store import StoredDelivery
from services.intake.tables import SERVICE, STREAM_TABLES, deliveries
from shared.database import lock_transaction


class NothingToWithdraw(ValueError):
    """A source has nothing that could be taken back."""

    def __init__(self, source: str, period: str | None) -> None:
        of = f" of {period}" if period else ""
        super().__init__(
            f"source {source} has nothing{of} in force; `apportion intake deliveries` lists what came in, and names"
        )


class NotNow(ValueError):
    """A delivery of the source is to end first, so that what is taken back is what is known now."""

    def __init__(self, source: str, delivery: str, state: str) -> None:
        what = "release or cancel it first" if state == State.HELD else "wait until it has ended"
        super().__init__(f"source {source} has the delivery {delivery}, which is {state}; {what}")


async def ask(conn: AsyncConnection, source: str, period: str | None, by: str, reason: str) -> StoredDelivery:
    """Begin to take back all that a source has in force.

    Args:
        period: only this billing period's.

    Raises:
        NothingToWithdraw: if there is nothing. NotNow: if deliveries of the source are under way, or one is held that
            is a withdrawal.
    """
    await lock_transaction(conn, SERVICE, "create", source)
    await _check_nothing_is_under_way(conn, source)
    in_force = await store.scopes_in_force(conn, source)
    rejected = await _rejected(conn, source)
    every = claims(in_force, ((account, at) for _, account, at in rejected))
    wanted = [claim for claim in every if period in {None, claim.billing_period}]
    mends = {delivery_id for delivery_id, *_ in rejected} if period is None else set()
    if not wanted and not mends:
        raise NothingToWithdraw(source, period)
    withdrawal = await store.add(
        conn, source, [], style=Style.OVERWRITE, mends=sorted(mends), withdraws=[list(claim) for claim in wanted]
    )
    await holds.record_decision(conn, withdrawal.delivery_id, holds.ASKED, by, reason)
    return withdrawal


async def noted(conn: AsyncConnection, delivery: StoredDelivery) -> list[Noted]:
    """What a withdrawal's record says of it; nothing of other deliveries."""
    if delivery.withdraws is None:
        return []
    asked = await holds.asked(conn, delivery.delivery_id)
    return [Noted("withdrawn", f"all that was in force is taken back, as {asked.by} asked: {asked.reason}", 0)]


async def _check_nothing_is_under_way(conn: AsyncConnection, source: str) -> None:
    query = select(deliveries.c.delivery_id, deliveries.c.state).where(
        deliveries.c.source == source,
        deliveries.c.state.in_(UNFINISHED) | ((deliveries.c.state == State.HELD) & deliveries.c.withdraws.is_not(None)),
    )
    first = (await conn.execute(query.order_by(deliveries.c.ordinal).limit(1))).first()
    if first is not None:
        raise NotNow(source, *first)


async def _rejected(conn: AsyncConnection, source: str) -> list[tuple[str, str | None, str | None]]:
    """Delivery, payer and period of the source's rejected rows that nothing has answered for."""
    letters = STREAM_TABLES.letters
    delivery, account = letters.c.place["delivery"].astext, letters.c.place["billing_account_id"].astext
    query = select(delivery, account, letters.c.billing_period).distinct()
    rows = await conn.execute(query.where(letters.c.state == "open", letters.c.place["source"].astext == source))
    return [(row[0], row[1], row[2]) for row in rows]
