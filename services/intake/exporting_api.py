"""HTTP out: the rows in force of a source and month, as a FOCUS 1.4 file."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.background import BackgroundTask

from services.intake import store
from services.intake.archive import Archive
from services.intake.domain.delivery import Scope
from services.intake.exporting import ExportFormat, export_rows
from services.intake.tables import scopes
from shared.archive import RowsInForce
from shared.http import ApiError

BillingPeriod = Annotated[str, InPath(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Source = Annotated[str, Query(min_length=1, max_length=100)]


def export_routes(engine: AsyncEngine, archive: Archive, data_dir: Path) -> APIRouter:
    """Make the routes of exports."""
    router = APIRouter(prefix="/v1")

    @router.get("/exports/{billing_period}", tags=["exports"])
    async def export(
        billing_period: BillingPeriod, source: Source, form: Annotated[ExportFormat, Query(alias="format")]
    ) -> FileResponse:
        """Give the normalised rows that a source has in force for a billing period."""
        in_force = await _in_force(engine, archive, source, billing_period)
        if not in_force:
            raise ApiError(404, "nothing-in-force", f"{source} has no rows in force for {billing_period}")
        path = await asyncio.to_thread(_written, in_force, form, data_dir)
        return FileResponse(path, filename=f"{source}-{billing_period}.{form}", background=BackgroundTask(path.unlink))

    return router


def _written(in_force: Sequence[RowsInForce], form: ExportFormat, directory: Path) -> Path:
    handle, name = tempfile.mkstemp(dir=directory, prefix=".export-")
    os.close(handle)
    path = Path(name)
    try:
        export_rows(in_force, path, form)
    except BaseException:
        path.unlink()
        raise
    return path


async def _in_force(engine: AsyncEngine, archive: Archive, source: str, billing_period: str) -> list[RowsInForce]:
    async with engine.connect() as conn:
        payers = select(scopes.c.billing_account_id).where(
            scopes.c.source == source, scopes.c.billing_period == billing_period
        )
        wanted = {Scope(payer, billing_period) for payer in (await conn.execute(payers)).scalars()}
        found = await store.in_force(conn, source, wanted)
    return archive.rows_in_force(found)
