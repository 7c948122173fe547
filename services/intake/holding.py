"""Deciding whether a planned delivery goes on or is held, in the transaction that makes it so."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import holds
from services.intake.domain.delivery import Scope
from services.intake.domain.holding import (
    HoldReason,
    RejectLimit,
    Relation,
    Size,
    behind,
    relation,
    shrunk,
    too_many_rejected,
    withdrawal,
)
from services.intake.domain.styles import Style
from services.intake.store import StoredDelivery
from shared.errors import RetryLater


class Limits(NamedTuple):
    """What makes a delivery a matter for a person; a delivery may bring its own limit of rejections."""

    reject: RejectLimit
    shrink_share: Decimal


class Measured(NamedTuple):
    """What a delivery is judged by."""

    scopes: Sequence[Scope]
    rows: int
    rejected: int
    before: Sequence[Size]
    after: Sequence[Size]


class Verdict(NamedTuple):
    """Why a delivery is held; without a reason it goes on and replaces the held ones named."""

    reasons: list[HoldReason]
    replaces: list[str]


class Overtaken(RetryLater):
    """An older delivery of the source was released while this one was planned, so this plan is out of date."""

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"delivery {delivery_id} waits for an older one of its source that was released")


async def judge(conn: AsyncConnection, limits: Limits, delivery: StoredDelivery, measured: Measured) -> Verdict:
    """Look at a planned delivery; the answer holds until the caller's transaction ends.

    Raises:
        Overtaken: if the plan is out of date.
    """
    await holds.lock_holds(conn, delivery.source)
    if await holds.overtaken(conn, delivery):
        raise Overtaken(delivery.delivery_id)
    if delivery.style is Style.APPEND:
        return await _judge_added(conn, limits, delivery, measured)
    by_relation: dict[Relation, list[str]] = {one: [] for one in Relation}
    for held in await holds.held_before(conn, delivery):
        by_relation[relation(frozenset(measured.scopes), held.claims)].append(held.delivery_id)
    released = await holds.was_released(conn, delivery.delivery_id)
    broken = [] if released else await _broken(conn, limits, delivery, measured)
    reasons = [*broken, *behind(by_relation[Relation.OVERLAPS])]
    return Verdict(reasons, [] if reasons else by_relation[Relation.REPLACES])


async def _judge_added(conn: AsyncConnection, limits: Limits, delivery: StoredDelivery, measured: Measured) -> Verdict:
    """What is added takes nothing away, so it can't shrink; of held deliveries it waits for withdrawals alone.

    One that is released later would take back rows that nobody asked about.
    """
    released = await holds.was_released(conn, delivery.delivery_id)
    withdrawals = [
        held.delivery_id
        for held in await holds.held_before(conn, delivery)
        if held.withdraws and relation(frozenset(measured.scopes), held.claims) is not Relation.APART
    ]
    return Verdict([*([] if released else _rejections(limits, delivery, measured)), *behind(withdrawals)], [])


async def _broken(
    conn: AsyncConnection, limits: Limits, delivery: StoredDelivery, measured: Measured
) -> list[HoldReason]:
    if delivery.withdraws is None:
        return breaches(limits, delivery, measured)
    return [withdrawal(measured.before, (await holds.asked(conn, delivery.delivery_id)).by)]


def breaches(limits: Limits, delivery: StoredDelivery, measured: Measured) -> list[HoldReason]:
    """The limits that a delivery breaks."""
    return [
        *_rejections(limits, delivery, measured),
        *shrunk(measured.before, measured.after, limits.shrink_share),
    ]


def _rejections(limits: Limits, delivery: StoredDelivery, measured: Measured) -> list[HoldReason]:
    own = delivery.reject_limit
    limit = limits.reject if own is None else RejectLimit.parse(own)
    return list(too_many_rejected(limit, measured.rejected, measured.rows))
