"""HTTP in: files of the datasets beside Cost and Usage."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake import origins
from services.intake.api import FileReference, Origins, Source, archived
from services.intake.archive import Archive
from services.intake.datasets import take_in
from services.intake.reading.datasets import NamedPart
from services.intake.reading.errors import IntakeRefusal
from shared.http import ApiError


class NewDatasetFile(BaseModel):
    """An uploaded file of Invoice Detail, Billing Period or Contract Commitment."""

    source: Source
    files: Annotated[list[FileReference], Field(min_length=1, max_length=1_000)] = Field(
        description="The file, or all parts of one that comes in parts"
    )
    origins: Origins = Field(
        [], description="Where it came from; kept even if it is refused, so that nobody asks twice"
    )


def dataset_routes(engine: AsyncEngine, archive: Archive, prefix: str) -> APIRouter:
    """Make the routes of the other datasets."""
    router = APIRouter(prefix="/v1")

    @router.post("/datasets", tags=["datasets"])
    async def take(delivered: NewDatasetFile) -> dict[str, Any]:
        """Take in an uploaded file, recognised by its columns. What is new or changed is published."""
        parts = [NamedPart(archive.file(archived(archive, one).sha256), one.name, one.rows) for one in delivered.files]
        try:
            async with engine.begin() as conn:
                taken = await take_in(conn, prefix, delivered.source, parts)
                await origins.keep_without_delivery(conn, delivered.source, delivered.origins)
        except IntakeRefusal as error:
            async with engine.begin() as conn:
                await origins.keep_without_delivery(conn, delivered.source, delivered.origins)
            raise ApiError(422, error.code, str(error)) from None
        return asdict(taken)

    return router
