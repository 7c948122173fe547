"""Intake's contract about deliveries that are held, so that nobody closes a month over one unaware."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.events.base import Contract
from shared.events.costs import DeliveredScope


class HoldReason(Contract, frozen=True, kw_only=True):
    """Why a delivery is held: a stable code, see docs/quality.md, and a sentence for people."""

    code: str
    message: str


class DeliveryHold(Contract, frozen=True, kw_only=True):
    """Whether a delivery is held, or what became of it. A higher revision replaces a lower one of the same delivery.

    Nothing of a `held` delivery is published; it waits for a decision. A `resumed` one goes on: its `Delivery` follows,
    or a further revision, when it is held again or refused. In place of a `superseded` one the `Delivery` of
    `superseded_by` follows. Of one that is `cancelled` or `refused` nothing ever comes.
    """

    delivery_id: str
    source: str
    ordinal: Annotated[int, msgspec.Meta(ge=1, description="Counts a source's deliveries from 1")]
    revision: Annotated[int, msgspec.Meta(ge=1)]
    state: Literal["held", "resumed", "superseded", "cancelled", "refused"]
    since: Annotated[str, msgspec.Meta(description="When it came into this state, UTC")]
    reasons: Annotated[list[HoldReason], msgspec.Meta(description="Why it is, or was last, held")] = []
    scopes: Annotated[
        list[DeliveredScope],
        msgspec.Meta(
            description="What its rows concern, rejected ones too; empty if none tells, so it may be anything"
        ),
    ] = []
    superseded_by: str | None = None
