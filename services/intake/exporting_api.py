"""HTTP out: the rows in force of a source and month, as a FOCUS 1.4 file."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO, Final
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake import store
from services.intake.archive import Archive
from services.intake.domain.delivery import Scope
from services.intake.exporting import ExportFormat, export_rows
from services.intake.tables import scopes
from shared.archive import RowsInForce
from shared.http import ApiError

BillingPeriod = Annotated[str, InPath(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Source = Annotated[str, Query(min_length=1, max_length=100)]
_BLOCK_BYTES: Final = 1 << 20
_MEDIA_TYPES: Final = {ExportFormat.CSV: "text/csv", ExportFormat.PARQUET: "application/vnd.apache.parquet"}


def export_routes(engine: AsyncEngine, archive: Archive, data_dir: Path) -> APIRouter:
    """Make the routes of exports."""
    router = APIRouter(prefix="/v1")

    @router.get("/exports/{billing_period}", tags=["exports"])
    async def export(
        billing_period: BillingPeriod, source: Source, form: Annotated[ExportFormat, Query(alias="format")]
    ) -> StreamingResponse:
        """Give the normalised rows that a source has in force for a billing period."""
        in_force = await _in_force(engine, archive, source, billing_period)
        if not in_force:
            raise ApiError(404, "nothing-in-force", f"{source} has no rows in force for {billing_period}")
        file = await asyncio.to_thread(_written, in_force, form, data_dir)
        headers = {
            "content-length": str(os.fstat(file.fileno()).st_size),
            "content-disposition": _attachment(f"{source}-{billing_period}.{form}"),
        }
        return StreamingResponse(_blocks(file), headers=headers, media_type=_MEDIA_TYPES[form])

    return router


def _attachment(name: str) -> str:
    """What a file is to be called; programs such as curl know the plain form only, which can't say everything."""
    quoted = quote(name)
    return f'attachment; filename="{name}"' if quoted == name else f"attachment; filename*=utf-8''{quoted}"


def _written(in_force: Sequence[RowsInForce], form: ExportFormat, directory: Path) -> BinaryIO:
    """An export as a file without a name: nothing of it stays, wherever the answer breaks off."""
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".export-") as named:
        export_rows(in_force, Path(named.name), form)
        return Path(named.name).open("rb")


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK_BYTES):
            yield block


async def _in_force(engine: AsyncEngine, archive: Archive, source: str, billing_period: str) -> list[RowsInForce]:
    async with engine.connect() as conn:
        payers = select(scopes.c.billing_account_id).where(
            scopes.c.source == source, scopes.c.billing_period == billing_period
        )
        wanted = {Scope(payer, billing_period) for payer in (await conn.execute(payers)).scalars()}
        found = await store.in_force(conn, source, wanted)
    return archive.rows_in_force(found)
