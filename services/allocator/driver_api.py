"""HTTP in: driver measurements, to hand in and to look at."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.ext.asyncio import AsyncEngine

from services.allocator.domain.drivers import Window
from services.allocator.driver_posting import BYTES_MAX, MeasurementsInvalid, post, read_items
from services.allocator.store import drivers
from shared.http import PERIOD, ApiError
from shared.money import text

Period = Annotated[str, Query(pattern=PERIOD)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
AsOf = Annotated[int | None, Query(ge=0, le=2**62, description="Show what a run looked at: its drivers_ordinal")]
_SHOWN = ("measurement_id", "metric", "subject", "unit", "source", "revision", "ordinal")


def add_driver_routes(api: FastAPI, engine: AsyncEngine, prefix: str) -> None:
    """Add the routes of drivers."""

    @api.post("/v1/drivers", tags=["drivers"], status_code=202)
    async def post_measurements(request: Request) -> dict[str, int]:
        """Hand in measurements: a JSON list, or JSON Lines.

        What is known with the same content is left alone. A changed quantity or unit becomes the next revision, unless
        a revision is given. If one measurement can't be accepted, none is.
        """
        try:
            items = await run_in_threadpool(read_items, await _body(request))
            published, unchanged = await post(engine, prefix, items)
        except MeasurementsInvalid as error:
            raise ApiError(422, error.code, str(error)) from None
        return {"published": published, "unchanged": unchanged}

    @api.get("/v1/drivers", tags=["drivers"])
    async def list_measurements(
        metric: str, period: Period, as_of: AsOf = None, limit: Limit = 1_000, after: str = ""
    ) -> dict[str, Any]:
        """The measurements of a metric that overlap a month, by id; `next` continues after the last one."""
        async with engine.connect() as conn:
            rows = await drivers.page(conn, metric, Window.of_month(period), as_of, after, limit)
        return {
            "drivers": [_readable(row) for row in rows],
            "next": rows[-1]["measurement_id"] if len(rows) == limit else None,
        }

    @api.get("/v1/drivers/metrics", tags=["drivers"])
    async def list_metrics() -> list[dict[str, Any]]:
        """Every metric with its unit, how many measurements and subjects it has, and the time they are about."""
        async with engine.connect() as conn:
            found = await drivers.metric_list(conn)
        return [row | {"first": _instant(row["first"]), "last": _instant(row["last"])} for row in found]


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BYTES_MAX:
            raise ApiError(413, "too-large", f"more than {BYTES_MAX} bytes at once: send the measurements in parts")
    return bytes(body)


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    ends = {name: _instant(row[name]) for name in ("window_start", "window_end")}
    return {name: row[name] for name in _SHOWN} | ends | {"quantity": text(row["quantity"])}


def _instant(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%SZ"))
