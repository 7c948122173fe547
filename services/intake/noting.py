"""Noting in the archive what each delivery put in force, so that it can be read without the database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import store
from services.intake.archive import Archive
from services.intake.domain.delivery import Scope, State
from services.intake.remaking import scopes_of
from services.intake.store import StoredDelivery
from services.intake.tables import deliveries
from shared.archive import ArchivedDelivery


def note(archive: Archive, delivery: StoredDelivery, scopes: Collection[Scope]) -> None:
    """Note what a delivery puts in force. Blocking."""
    archive.put_in_force(
        ArchivedDelivery(
            delivery_id=delivery.delivery_id, source=delivery.source, ordinal=delivery.ordinal,
            style=_style(delivery),
            scopes=sorted((scope.billing_account_id, scope.billing_period) for scope in scopes),
        )
    )  # fmt: skip


def _style(delivery: StoredDelivery) -> Literal["overwrite", "append", "withdrawal"]:
    if delivery.withdraws is not None:
        return "withdrawal"
    return "append" if delivery.style == "append" else "overwrite"


async def unnoted(conn: AsyncConnection, archive: Archive) -> list[StoredDelivery]:
    """Completed deliveries that an earlier version of the program, or a restored archive, has no note of."""
    query = select(deliveries.c.delivery_id).where(deliveries.c.state == State.COMPLETE)
    return [
        found
        for delivery_id in await conn.scalars(query)
        if not archive.says_what_is_in_force(delivery_id)
        if (found := await store.find(conn, delivery_id)) is not None
    ]


def note_from_rows(archive: Archive, delivery: StoredDelivery) -> None:
    """Note of a completed delivery what its archived rows say. Blocking."""
    note(archive, delivery, scopes_of(archive, delivery))
