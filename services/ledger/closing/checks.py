"""What must hold before a period's close is announced: everything is read, agrees, and nothing was refused.

Nothing here changes anything: a reconciliation that somebody asks for runs the same checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain import breaks as b
from services.ledger.domain.breaks import Break
from services.ledger.domain.hand_overs import DeliveryProgress, Figures, differences
from services.ledger.store import cost_totals, documents, holes
from services.ledger.store.periods import Target
from services.ledger.store.tables import stream_tables
from shared import dead_letters, topics
from shared.events import Delivery
from shared.rejections import unsettled


@dataclass(frozen=True, slots=True)
class Checked:
    """What a period's own reading comes to. `waiting` empty: `breaks` is final."""

    deliveries: list[Delivery]
    breaks: list[Break]
    waiting: list[str]


async def check_reading(conn: AsyncConnection, billing_period: str, behind: Sequence[Target]) -> Checked:
    """Check deliveries, sequences, rejected rows and dead letters of a period.

    Args:
        behind: targets not read yet. Read them before calling, in the same transaction: what was read by then is
            complete in every table that is looked at afterwards.
    """
    waiting = [f"{topic}/{number}: read to offset {at}" for topic, number, at in behind if topic != topics.COSTS.name]
    known = await documents.deliveries(conn, billing_period)
    published = [one for one in known if any(sums.billing_period == billing_period for sums in one.published)]
    reading_costs = any(topic == topics.COSTS.name for topic, _, _ in behind)
    found, unread = await _deliveries(conn, published, reading_costs)
    found += [*rejecting(known, billing_period), *await refused(conn, billing_period)]
    if not published and not waiting:
        found.append(b.no_costs(billing_period))
    return Checked(published, found, waiting + unread)


async def _deliveries(
    conn: AsyncConnection, deliveries: Sequence[Delivery], reading_costs: bool
) -> tuple[list[Break], list[str]]:
    """Sequences and control totals; of what is incomplete, either a break or something to wait for."""
    ids = [one.delivery_id for one in deliveries]
    progress, sums = await cost_totals.progress(conn, ids), await cost_totals.control_sums(conn, ids)
    found: list[Break] = []
    waiting: list[str] = []
    for one in deliveries:
        missing = DeliveryProgress(
            one.delivery_id, tuple(one.partition_events), progress.get(one.delivery_id, {})
        ).missing()
        if missing and reading_costs and not await holes.unfilled(conn):
            waiting += [_still_reading(one, partition, expected) for partition, expected in missing]
        elif missing:
            found += await _lost(conn, one.delivery_id, missing)
        elif wrong := differences(_said(one), sums.get(one.delivery_id, {})):
            found.append(b.delivery_disagrees(one.delivery_id, wrong))
    return found, waiting


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


def _still_reading(delivery: Delivery, partition: int, expected: int) -> str:
    count = delivery.partition_events[partition]
    return f"delivery {delivery.delivery_id}: {count - expected} of {count} events of cost partition {partition}"


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
