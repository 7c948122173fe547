"""Asking for a new publication over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake import republishing
from services.intake.delivering import Worker

_Period = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


class Republication(BaseModel):
    """What is to be published again: by default everything."""

    source: str | None = Field(None, description="Only this source's deliveries, without provider invoices")
    periods: list[_Period] = Field([], max_length=120, description="Only what concerns these billing periods")


def republication_routes(engine: AsyncEngine, worker: Worker, prefix: str) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/v1/republications", tags=["republications"])

    @router.post("", status_code=202, responses={400: {"description": "The body is no JSON"}})
    async def republish(wanted: Republication) -> dict[str, int]:
        """Publish finished deliveries again under their own ids; consumers that have them skip every event."""
        async with engine.begin() as conn:
            asked = await republishing.ask(conn, prefix, wanted.source, set(wanted.periods))
        worker.wake()
        return asked

    @router.get("")
    async def status() -> dict[str, object]:
        """How many deliveries wait to be published again, and which ones could not be."""
        async with engine.connect() as conn:
            return await republishing.status(conn)

    return router
