"""HTTP in: adjustments of closed billing periods. Amounts are decimal strings, as on the topics."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query
from sqlalchemy.ext.asyncio import AsyncEngine

from services.allocator.store import adjustments
from shared.http import PERIOD


def add_adjustment_routes(api: FastAPI, engine: AsyncEngine) -> None:
    """Add the routes of adjustments."""

    @api.get("/v1/adjustments", tags=["adjustments"])
    async def list_adjustments(period: Annotated[str | None, Query(pattern=PERIOD)] = None) -> dict[str, Any]:
        """The adjustments of one or of every closed period, by period and number."""
        async with engine.connect() as conn:
            found = await adjustments.run_list(conn, period)
        return {
            "adjustments": [
                msgspec.json.decode(row["body"])
                | {"finished_at": row["finished_at"].isoformat(), "seconds": str(row["seconds"])}
                for row in found
            ]
        }

    @api.get("/v1/adjustments/lines", tags=["adjustments"])
    async def list_adjusting_lines(
        period: Annotated[str, Query(pattern=PERIOD)],
        cost_center: str | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
        after: str = "",
    ) -> dict[str, Any]:
        """The lines of all adjustments of a closed period, by id; `next` continues after the last one."""
        async with engine.connect() as conn:
            rows = await adjustments.page(conn, period, cost_center, limit, after)
        lines = [msgspec.json.decode(body) for _, body in rows]
        return {"lines": lines, "next": rows[-1][0] if len(rows) == limit else None}
