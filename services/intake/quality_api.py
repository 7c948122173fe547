"""HTTP about the quality of deliveries: reports, rejected rows, and decisions about held ones."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.intake import holds, store
from services.intake.delivering import Worker
from services.intake.domain.delivery import ImpossibleStep, State
from services.intake.quality.files import QualityFiles
from services.intake.quality.page import quality_page
from services.intake.quality.report import Report
from services.intake.store import StoredDelivery
from shared import failpoints
from shared.errors import Fenced
from shared.events import encode
from shared.http import ApiError
from shared.observability import logger

log = logger(__name__)

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]


class Decision(BaseModel):
    """Who decides about a held delivery, and why."""

    by: Words
    reason: Words


def quality_routes(engine: AsyncEngine, files: QualityFiles, worker: Worker, prefix: str) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/v1/deliveries/{delivery_id}", tags=["quality"])

    @router.get("/quality")
    async def show_quality(delivery_id: str) -> Response:
        """The quality report, with the delivery's state and why it is held."""
        report, state = await _report(engine, files, delivery_id)
        body = msgspec.json.decode(encode(report)) | state
        return Response(msgspec.json.encode(body), media_type="application/json")

    @router.get("/quality.html")
    async def show_page(delivery_id: str) -> HTMLResponse:
        """The quality report as a page that needs nothing else."""
        report, state = await _report(engine, files, delivery_id)
        return HTMLResponse(quality_page(msgspec.json.decode(encode(report)) | state))

    @router.get("/rejected")
    async def download_rejected(delivery_id: str) -> Response:
        """The rejected rows as JSON Lines; empty if there are none."""
        await _report(engine, files, delivery_id)
        path, kind = files.rejected(delivery_id), "application/x-ndjson"
        if not path.exists():
            return Response(media_type=kind)
        return FileResponse(path, media_type=kind, filename=f"rejected-{delivery_id}.jsonl")

    @router.post("/release")
    async def release(delivery_id: str, decision: Decision) -> dict[str, Any]:
        """Let a held delivery go on: it is read and compared again, and limits hold it no more."""
        return await _decide(engine, prefix, worker, delivery_id, State.RELEASED, decision)

    @router.post("/cancel")
    async def cancel(delivery_id: str, decision: Decision) -> dict[str, Any]:
        """Give a held delivery up; nothing of it was published or ever will be."""
        return await _decide(engine, prefix, worker, delivery_id, State.CANCELLED, decision)

    return router


async def _decide(
    engine: AsyncEngine, prefix: str, worker: Worker, delivery_id: str, state: State, decision: Decision
) -> dict[str, Any]:
    async with engine.begin() as conn:
        delivery = await _known(conn, delivery_id)
        await holds.lock_holds(conn, delivery.source)
        try:
            await holds.decide(conn, prefix, delivery, state, decision.by, decision.reason)
        except (ImpossibleStep, Fenced):
            raise ApiError(
                409, "not-held", f"delivery {delivery_id} is not held (any more); it was {delivery.state} just now"
            ) from None
        except holds.SamePerson as error:
            raise ApiError(409, "same-person", str(error)) from None
    failpoints.reach(f"intake.{state}")
    log.info("delivery decided", delivery_id=delivery_id, decision=state, by=decision.by, reason=decision.reason)
    worker.wake()
    async with engine.connect() as conn:
        decided = await holds.decisions(conn, [delivery_id])
    return {"delivery_id": delivery_id, "state": state, "decisions": decided[delivery_id]}


async def _report(engine: AsyncEngine, files: QualityFiles, delivery_id: str) -> tuple[Report, dict[str, Any]]:
    async with engine.connect() as conn:
        delivery = await _known(conn, delivery_id)
        decided = await holds.decisions(conn, [delivery_id])
    report = files.report(delivery_id)
    if report is None:
        why = delivery.error or "it is not read yet"
        raise ApiError(404, "no-report", f"delivery {delivery_id} is {delivery.state} and has no quality report: {why}")
    return report, {
        "state": delivery.state, "hold_reasons": delivery.hold_reasons, "decisions": decided.get(delivery_id, []),
        "superseded_by": delivery.superseded_by,
    }  # fmt: skip


async def _known(conn: AsyncConnection, delivery_id: str) -> StoredDelivery:
    delivery = await store.find(conn, delivery_id)
    if delivery is None:
        raise ApiError(404, "unknown-delivery", f"there is no delivery {delivery_id}")
    return delivery
