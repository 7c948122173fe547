"""HTTP about withdrawals: what a source has in force is taken back, once a second person has released it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake import withdrawing
from services.intake.delivering import Worker
from services.intake.quality_api import Words
from shared.http import PERIOD, ApiError


class NewWithdrawal(BaseModel):
    """What is to be taken back, who asks for it, and why."""

    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    period: Annotated[str, StringConstraints(pattern=PERIOD)] | None = Field(
        None, description="Only this billing period (YYYY-MM); null: all of them"
    )
    by: Words
    reason: Words


def withdrawal_routes(engine: AsyncEngine, worker: Worker) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix="/v1", tags=["deliveries"])

    @router.post(
        "/withdrawals",
        status_code=202,
        responses={409: {"description": "There is nothing in force, or it is too early"}},
    )
    async def withdraw(wanted: NewWithdrawal) -> dict[str, Any]:
        """Take back all that a source has in force. It becomes a delivery, which is held for a second person."""
        async with engine.begin() as conn:
            try:
                delivery = await withdrawing.ask(conn, wanted.source, wanted.period, wanted.by, wanted.reason)
            except withdrawing.NothingToWithdraw as error:
                raise ApiError(409, "nothing-in-force", str(error)) from None
            except withdrawing.NotNow as error:
                raise ApiError(409, "not-now", str(error)) from None
        worker.wake()
        return {"delivery_id": delivery.delivery_id, "source": delivery.source, "state": delivery.state}

    return router
