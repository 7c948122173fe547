"""Held deliveries in PostgreSQL. Every function works in the caller's transaction.

Whoever decides about a source's held deliveries (a person, or a newer delivery) has the lock of `lock_holds`, so that
nothing is released between a newer delivery's look at what is held and its own step.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import hold_records, store
from services.intake.domain.delivery import UNFINISHED, State
from services.intake.domain.holding import Claim, HoldReason
from services.intake.store import StoredDelivery
from services.intake.tables import SERVICE, deliveries, hold_decisions
from shared.database import lock_transaction

BEHIND: Final = "behind-held"
ASKED: Final = "asked"


class Held(NamedTuple):
    """A held delivery, as far as a newer one of its source has to know it."""

    delivery_id: str
    claims: tuple[Claim, ...]
    withdraws: bool


class Asked(NamedTuple):
    """Who asked for a withdrawal, and why."""

    by: str
    reason: str


class SamePerson(ValueError):
    """Somebody releases the withdrawal that they asked for."""

    def __init__(self, delivery_id: str, by: str) -> None:
        super().__init__(
            f"{by} asked for the withdrawal {delivery_id}; another person looks at it (`apportion intake deliveries "
            f"{delivery_id}`) and releases it"
        )


async def lock_holds(conn: AsyncConnection, source: str) -> None:
    """Wait until nobody else decides about the held deliveries of a source."""
    await lock_transaction(conn, SERVICE, "holds", source)


async def held_before(conn: AsyncConnection, delivery: StoredDelivery) -> list[Held]:
    """The held deliveries of the same source that came earlier."""
    query = (
        select(deliveries.c.delivery_id, deliveries.c.held_scopes, deliveries.c.withdraws)
        .where(deliveries.c.source == delivery.source, deliveries.c.ordinal < delivery.ordinal)
        .where(deliveries.c.state == State.HELD)
        .order_by(deliveries.c.ordinal)
    )
    return [
        Held(row.delivery_id, tuple(Claim(*one) for one in row.held_scopes), row.withdraws is not None)
        for row in await conn.execute(query)
    ]


async def overtaken(conn: AsyncConnection, delivery: StoredDelivery) -> bool:
    """Whether an earlier delivery of the source is to be worked on first: it was released meanwhile."""
    query = select(deliveries.c.delivery_id).where(
        deliveries.c.source == delivery.source,
        deliveries.c.ordinal < delivery.ordinal,
        deliveries.c.state.in_(UNFINISHED),
    )
    return (await conn.execute(query.limit(1))).first() is not None


async def hold(
    conn: AsyncConnection, prefix: str, delivery: StoredDelivery, reasons: Sequence[HoldReason],
    claims: Sequence[Claim], **values: object,
) -> None:  # fmt: skip
    """Hold a delivery; `values` are further columns."""
    await store.advance(
        conn, delivery, State.HELD, hold_reasons=[reason._asdict() for reason in reasons],
        held_scopes=[list(claim) for claim in claims], **values,
    )  # fmt: skip
    await hold_records.held(conn, prefix, delivery, reasons, claims)


async def supersede(conn: AsyncConnection, prefix: str, delivery_ids: Collection[str], by: StoredDelivery) -> None:
    """A newer delivery takes the place of held ones; those that only waited for these try again."""
    if delivery_ids:
        await conn.execute(
            update(deliveries)
            .where(deliveries.c.delivery_id.in_(delivery_ids), deliveries.c.state == State.HELD)
            .values(state=State.SUPERSEDED, superseded_by=by.delivery_id, ended_at=func.clock_timestamp())
        )
        await hold_records.moved(conn, prefix, delivery_ids, "superseded", by.delivery_id)
        await _wake_followers(conn, prefix, by.source)


async def decide(
    conn: AsyncConnection, prefix: str, delivery: StoredDelivery, decision: State, by: str, reason: str
) -> None:
    """Release or cancel a held delivery, record who did and why, and let those that only waited for it try again.

    Raises:
        ImpossibleStep: if it is not held. Fenced: if somebody else decided meanwhile.
        SamePerson: if the one who asked for a withdrawal releases it.
    """
    await store.advance(conn, delivery, decision)
    if delivery.withdraws is not None and decision is State.RELEASED:
        one = await asked(conn, delivery.delivery_id)
        if by.strip().casefold() == one.by.strip().casefold():
            raise SamePerson(delivery.delivery_id, by)
    await record_decision(conn, delivery.delivery_id, decision, by, reason)
    became: hold_records.Move = "cancelled" if decision is State.CANCELLED else "resumed"
    await hold_records.moved(conn, prefix, [delivery.delivery_id], became)
    await _wake_followers(conn, prefix, delivery.source)


async def record_decision(conn: AsyncConnection, delivery_id: str, decision: str, by: str, reason: str) -> None:
    """Keep for good who said what about a delivery, and why."""
    row = {"delivery_id": delivery_id, "decision": decision, "decided_by": by, "reason": reason}
    await conn.execute(insert(hold_decisions).values(row))


async def asked(conn: AsyncConnection, delivery_id: str) -> Asked:
    """Who asked for a withdrawal."""
    query = select(hold_decisions.c.decided_by, hold_decisions.c.reason).where(
        hold_decisions.c.delivery_id == delivery_id, hold_decisions.c.decision == ASKED
    )
    return Asked(*(await conn.execute(query)).one())


async def decisions(conn: AsyncConnection, delivery_ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """What people decided, oldest first, by delivery."""
    query = select(hold_decisions).where(hold_decisions.c.delivery_id.in_(delivery_ids)).order_by(hold_decisions.c.id)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in await conn.execute(query):
        found.setdefault(row.delivery_id, []).append(
            {
                "decision": row.decision, "by": row.decided_by, "reason": row.reason,
                "at": row.decided_at.isoformat(),
            }
        )  # fmt: skip
    return found


async def was_released(conn: AsyncConnection, delivery_id: str) -> bool:
    """Whether a person has said that a delivery may go on."""
    query = select(hold_decisions.c.id).where(
        hold_decisions.c.delivery_id == delivery_id, hold_decisions.c.decision == State.RELEASED
    )
    return (await conn.execute(query.limit(1))).first() is not None


async def count(conn: AsyncConnection) -> int:
    """How many deliveries are held now."""
    query = select(func.count()).select_from(deliveries).where(deliveries.c.state == State.HELD)
    return int((await conn.execute(query)).scalar_one())


async def _wake_followers(conn: AsyncConnection, prefix: str, source: str) -> None:
    """Whoever was held for nothing but its place behind others is looked at again."""
    query = select(deliveries).where(deliveries.c.source == source, deliveries.c.state == State.HELD)
    waiting = [
        row.delivery_id
        for row in await conn.execute(query)
        if {reason["code"] for reason in row.hold_reasons} == {BEHIND}
    ]
    await conn.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id.in_(waiting))
        .values(state=State.RECEIVED, hold_reasons=[], held_scopes=[])
    )
    await hold_records.moved(conn, prefix, waiting, "resumed")
