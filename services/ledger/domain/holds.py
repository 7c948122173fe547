"""Deliveries that intake holds: what keeps a period from closing, and what a close has to await."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from services.ledger.domain.breaks import Break, held_delivery


@dataclass(frozen=True, slots=True)
class Hold:
    """A delivery that is held, or what became of it; see `shared.events.DeliveryHold`. `reasons` are (code, words)."""

    delivery_id: str
    source: str
    state: Literal["held", "resumed", "superseded", "cancelled", "refused"]
    since: str
    reasons: tuple[tuple[str, str], ...]
    tells_period: bool
    superseded_by: str | None

    @property
    def followed_by(self) -> str | None:
        """The delivery whose record intake is going to publish; None while nobody has decided, or if none comes."""
        return {"resumed": self.delivery_id, "superseded": self.superseded_by}.get(self.state)


def held(holds: Iterable[Hold]) -> list[Break]:
    """A break for each delivery that nobody has decided about."""
    return [
        held_delivery(one.source, one.delivery_id, one.since, one.reasons, one.tells_period)
        for one in holds
        if one.state == "held"
    ]


def still_to_come(holds: Iterable[Hold], complete: Collection[str]) -> list[str]:
    """Deliveries that were decided about and are not published yet: a period closed now would lack them.

    Args:
        complete: ids of deliveries whose records are here.
    """
    return [
        f"delivery {one.followed_by} of {one.source}: {one.delivery_id}, which was held, is {one.state}"
        for one in holds
        if one.followed_by is not None and one.followed_by not in complete
    ]
