"""What must hold before a period's close is announced: everything is read, agrees, and nothing was refused.

Nothing here changes anything: a reconciliation that somebody asks for runs the same checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.contracts import hold_facts
from services.ledger.domain import breaks as b
from services.ledger.domain.breaks import Break
from services.ledger.domain.hand_overs import DeliveryProgress, Figures, differences
from services.ledger.domain.holds import held, still_to_come
from services.ledger.store import cost_totals, documents, holes
from services.ledger.store.periods import Target
from services.ledger.store.tables import stream_tables
from shared import dead_letters, topics
from shared.events import Delivery
from shared.rejections import unplaced, unsettled


@dataclass(frozen=True, slots=True)
class Checked:
    """What a period's own reading comes to. `waiting` empty: `breaks` is final, but for `unseen`.

    `unseen` are events at the end of deliveries that were not on the cost topic up to the targets. A delivery that was
    announced after the targets were set may have them beyond: they are lost only if they are not there either.
    """

    deliveries: list[Delivery]
    breaks: list[Break]
    waiting: list[str]
    unseen: list[str]


async def check_reading(
    conn: AsyncConnection, billing_period: str, behind: Sequence[Target], *, is_fixed: bool = False
) -> Checked:
    """Check deliveries, sequences, rejected rows, held deliveries and dead letters of a period.

    Args:
        is_fixed: which deliveries count is decided already, so what tells no period can't concern this one.
        behind: targets not read yet. Read them before calling, in the same transaction: what was read by then is
            complete in every table that is looked at afterwards.
    """
    reading = {topic for topic, _, _ in behind}
    waiting = [f"{topic}/{number}: read to offset {at}" for topic, number, at in behind if topic != topics.COSTS.name]
    held_back, to_come = await _holds(conn, billing_period, is_fixed)  # first, so that none of them is missed below
    known = await documents.deliveries(conn, billing_period)
    published = [one for one in known if any(sums.billing_period == billing_period for sums in one.published)]
    found, unseen = await _deliveries(conn, published)
    if topics.COSTS.name in reading:
        waiting += [tail.still_reading() for tail in unseen]
        unseen = []
    waiting += to_come
    found += [tail.lost() for tail in unseen]
    found += [] if topics.HOLDS.name in reading else held_back
    if topics.DELIVERIES.name not in reading:  # else one that answers for rejected rows may be among those to be read
        found += rejecting(known, billing_period)
        found += [] if is_fixed else await _unplaced(conn)
    found += await refused(conn, billing_period)
    if not published and not waiting:
        found.append(b.no_costs(billing_period))
    return Checked(published, found, waiting, [tail.still_reading() for tail in unseen])


class _Tail(NamedTuple):
    """What a partition lacks at the end of a delivery."""

    delivery_id: str
    partition: int
    expected: int
    events: int

    def still_reading(self) -> str:
        count = self.events - self.expected
        return f"delivery {self.delivery_id}: {count} of {self.events} events of cost partition {self.partition}"

    def lost(self) -> Break:
        return b.missing_sequence(self.delivery_id, self.partition, self.expected, "the end of the topic")


async def _deliveries(conn: AsyncConnection, deliveries: Sequence[Delivery]) -> tuple[list[Break], list[_Tail]]:
    """Sequences and control totals: what is wrong for good, and what is not here yet."""
    ids = [one.delivery_id for one in deliveries]
    progress, sums = await cost_totals.progress(conn, ids), await cost_totals.control_sums(conn, ids)
    found: list[Break] = []
    unseen: list[_Tail] = []
    for one in deliveries:
        missing = DeliveryProgress(
            one.delivery_id, tuple(one.partition_events), progress.get(one.delivery_id, {})
        ).missing()
        if missing and await holes.unfilled(conn):
            found += await _lost(conn, one.delivery_id, missing)
        elif missing:
            unseen += [_Tail(one.delivery_id, number, at, one.partition_events[number]) for number, at in missing]
        elif wrong := differences(_said(one), sums.get(one.delivery_id, {})):
            found.append(b.delivery_disagrees(one.delivery_id, wrong))
    return found, unseen


async def _lost(conn: AsyncConnection, delivery_id: str, missing: list[tuple[int, int]]) -> list[Break]:
    """Name the holes; a partition without one of its own lacks its tail, or waits behind another's hole."""
    unfilled = await holes.unfilled(conn)
    stopped = {hole.partition: hole for hole in unfilled}
    result = []
    for partition, expected in missing:
        hole = stopped.get(partition)
        if hole is None:
            result.append(b.missing_sequence(delivery_id, partition, expected, "the end of the topic"))
        else:
            result.append(b.missing_sequence(hole.delivery_id, partition, hole.expected, f"sequence {hole.got}"))
    return result


async def _holds(conn: AsyncConnection, billing_period: str, is_fixed: bool) -> tuple[list[Break], list[str]]:
    """Held deliveries that concern the period, and those that were decided about and are still to come."""
    concerned = [
        one for one in hold_facts(await documents.holds(conn, billing_period)) if one.tells_period or not is_fixed
    ]
    following = {one.followed_by for one in concerned if one.followed_by is not None}
    return held(concerned), still_to_come(concerned, await documents.complete(conn, following))


async def _unplaced(conn: AsyncConnection) -> list[Break]:
    """Deliveries that consist of rejected rows none of which tells a period: they may belong to any."""
    if not await documents.any_unplaced(conn):
        return []
    missing = unplaced(await documents.deliveries(conn))
    return [b.unplaced_rows(one.source, one.delivery_id, rows) for one, rows in missing]


def _said(delivery: Delivery) -> dict[str, Figures]:
    return {
        f"{one.billing_period} {one.currency}": {
            "events": one.events, "BilledCost": one.billed_cost, "EffectiveCost": one.effective_cost,
        }
        for one in delivery.published
    }  # fmt: skip


def rejecting(deliveries: Sequence[Delivery], billing_period: str) -> list[Break]:
    """Deliveries with rejected rows that no later delivery of their source answers for.

    Rejected rows of an unknown period concern every period of the delivery.
    """
    return [b.rejected_rows(one.source, one.delivery_id, rows) for one, rows in unsettled(deliveries, billing_period)]


async def refused(conn: AsyncConnection, billing_period: str) -> list[Break]:
    """Open dead letters of this ledger that concern the period, or nobody knows which."""
    by_topic: dict[str, list[str]] = {}
    for letter in await dead_letters.open_letters(conn, stream_tables.letters, billing_period):
        by_topic.setdefault(letter["topic"], []).append(letter["message"])
    return [b.open_dead_letters(topic, len(found), found[0]) for topic, found in sorted(by_topic.items())]
