"""HTTP in: files of the datasets beside Cost and Usage."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, StringConstraints
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.api import FileReference
from services.intake.archive import Archive
from services.intake.datasets import take_in
from services.intake.reading.errors import IntakeRefusal
from shared.http import ApiError


class NewDatasetFile(BaseModel):
    """An uploaded file of Invoice Detail, Billing Period or Contract Commitment."""

    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    file: FileReference


def dataset_routes(engine: AsyncEngine, archive: Archive, prefix: str) -> APIRouter:
    """Make the routes of the other datasets."""
    router = APIRouter(prefix="/v1")

    @router.post("/datasets", tags=["datasets"])
    async def take(delivered: NewDatasetFile) -> dict[str, Any]:
        """Take in an uploaded file, recognised by its columns. What is new or changed is published."""
        name, path = delivered.file.name, archive.file(delivered.file.sha256)
        if not archive.has_file(delivered.file.sha256):
            raise ApiError(404, "unknown-file", f"no file {delivered.file.sha256} ({name}) was uploaded")
        try:
            async with engine.begin() as conn:
                return asdict(await take_in(conn, prefix, delivered.source, path, name))
        except IntakeRefusal as error:
            raise ApiError(422, error.code, str(error)) from None

    return router
