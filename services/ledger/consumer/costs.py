"""The ledger's own reading of the cost topic: every event is added once, per delivery, issuer and provider invoice."""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.store import cost_totals, holes
from services.ledger.store.tables import costs
from shared.batch import Batch
from shared.cost_stream import CostStream
from shared.projection import CompiledProjection


class _Charge(msgspec.Struct, frozen=True, gc=False):
    BillingCurrency: str
    BilledCost: Decimal
    EffectiveCost: Decimal
    InvoiceIssuerName: str | None = None
    InvoiceId: str | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    delivery_id: str
    partition: int
    sequence: Annotated[int, msgspec.Meta(ge=0)]
    kind: Literal["charge", "retraction"]
    billing_period: str
    charge: _Charge


decode: Final = msgspec.json.Decoder(_Event).decode
_key: Final = attrgetter(
    "billing_period", "charge.BillingCurrency", "charge.InvoiceIssuerName", "charge.InvoiceId", "kind"
)


class CostReader:
    """The handler of the cost stream."""

    def __init__(self) -> None:
        self._stream = CostStream(costs, cost_totals.STREAM, CompiledProjection(decode, _key), cost_totals.add)
        self.replay = self._stream.replay

    async def __call__(self, conn: AsyncConnection, batch: Batch) -> None:
        """Add a batch, and remember where a partition stopped, so that any process can name the hole."""
        await self._stream(conn, batch)
        for place, (offset, reason) in batch.stopped.items():
            record = next(one for one in batch.records if (one.topic, one.partition, one.offset) == (*place, offset))
            await _remember(conn, record, reason)


async def _remember(conn: AsyncConnection, record: Any, reason: str) -> None:
    try:
        event = decode(record.value or b"")
    except msgspec.DecodeError:
        return  # a partition that stopped at bytes nobody can number; readiness and the log say so
    await holes.keep(conn, event.delivery_id, event.partition, event.sequence, reason)
