"""HTTP in: files, deliveries, provider invoices. Amounts are decimal strings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.intake import holds, provider_invoices, store
from services.intake.archive import Archive
from services.intake.delivering import Worker
from services.intake.domain.delivery import ArchivedFile, State
from services.intake.domain.holding import checked_limit
from services.intake.domain.styles import Style, StyleDiffers, Terms, UnknownMended
from services.intake.origins import PartlyDelivered, known
from services.intake.reading.errors import IntakeRefusal
from services.intake.reading.invoices import read_invoices
from services.intake.reading.recognising import dataset_of
from services.intake.store import StoredDelivery
from services.intake.tables import STREAM_TABLES
from shared.http import ApiError
from shared.outbox import unpublished
from shared.topics import DELIVERIES

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FROM_RECORD = {
    "partition_events": [], "published": [], "snapshot": [], "charges": 0, "retractions": 0, "rejected_rows": 0,
    "rejected_periods": [], "findings": [], "content_hash": "",
}  # fmt: skip

_REFUSED_DELIVERIES: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is no JSON"},
    404: {"description": "A file was not uploaded, or a delivery to mend is unknown"},
    409: {"description": "The source is known for another style, or a part of the origins is delivered"},
}


def _written(value: object) -> object:
    """Refuse a number: nobody can tell which time it means."""
    if isinstance(value, int | float):
        raise ValueError("write the time as text, such as 2026-09-02T06:00:00Z")  # noqa: TRY004
    return value


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Source = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Origins = Annotated[list[Sha256], Field(max_length=10_000)]


class FileReference(BaseModel):
    """A file that was uploaded before."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    sha256: Sha256 = Field(description="As the upload answered")
    rows: int | None = Field(None, ge=0, description="How many rows the provider says it has; if not, it is refused")


DeliveryId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class NewDelivery(BaseModel):
    """Files that arrived together, and what their deliverer says about them."""

    source: Source
    files: Annotated[list[FileReference], Field(min_length=1, max_length=1_000)]
    reject_limit: Annotated[str | None, AfterValidator(checked_limit)] = Field(
        None, description="Rows (10) or share (0.5%) that may be rejected before it is held; else as the settings say"
    )
    origins: Origins = Field([], description="Where the files came from; what was delivered before is not again")
    style: Style | None = Field(
        None,
        description="overwrite: the files are all there is for the payers and periods in them; append: they add rows. "
        "Remembered for the source, and overwrite for one that never said it",
    )
    change_style: bool = Field(False, description="The source delivers in another style from now on")
    as_of: Annotated[AwareDatetime | None, BeforeValidator(_written)] = Field(
        None, description="When the provider made the snapshot; one older than what is in force is refused"
    )
    mends: list[DeliveryId] = Field(
        [], max_length=100, description="Deliveries of the source whose refused rows the files bring"
    )

    def terms(self) -> Terms:
        """What is said besides the files."""
        return Terms(self.style, self.change_style, self.as_of, tuple(self.mends), self.reject_limit)


class OriginsOfSource(BaseModel):
    """What was found in a watched place, one hash for each thing that is delivered as a whole."""

    source: Source
    origins: Origins


def file_name(name: Annotated[str, Query(min_length=1, max_length=255, description="The file's name")]) -> str:
    """The name without directories: it is only for people to read."""
    return PurePosixPath(name.replace("\\", "/")).name or name


FileName = Annotated[str, Depends(file_name)]


def routes(engine: AsyncEngine, archive: Archive, worker: Worker, prefix: str) -> APIRouter:
    """Make intake's routes."""
    router = APIRouter(prefix="/v1")

    @router.post("/files", tags=["deliveries"], status_code=201)
    async def upload(name: FileName, request: Request) -> dict[str, Any]:
        """Keep the bytes of the request in the archive, and say which dataset of FOCUS they are, if any.

        Nothing is checked before they are delivered, Cost and Usage to /v1/deliveries, the others to /v1/datasets.
        """
        file = await archive.receive(name, request.stream())
        dataset = await asyncio.to_thread(dataset_of, archive.file(file.sha256), name)
        return {"name": file.name, "sha256": file.sha256, "bytes": file.size_bytes, "dataset": dataset}

    @router.post("/deliveries", tags=["deliveries"], status_code=202, responses=_REFUSED_DELIVERIES)
    async def deliver(delivery: NewDelivery) -> dict[str, Any]:
        """Deliver uploaded files. Watch the delivery's state until it is `complete`, `refused` or `held`."""
        files = [archived(archive, file) for file in delivery.files]
        async with engine.begin() as conn:
            created = await _created(conn, delivery, files)
        worker.wake()
        return _shown(created, worker, [])

    @router.post("/origins/known", tags=["deliveries"])
    async def known_origins(wanted: OriginsOfSource) -> dict[str, str | None]:
        """Which of these a source has delivered, and as which delivery; null for files of other datasets."""
        async with engine.connect() as conn:
            return await known(conn, wanted.source, wanted.origins)

    @router.get("/deliveries", tags=["deliveries"])
    async def list_deliveries(limit: Annotated[int, Query(ge=1, le=1_000)] = 50) -> list[dict[str, Any]]:
        """The newest deliveries first."""
        async with engine.connect() as conn:
            found = await store.listing(conn, limit)
            unannounced = await _unannounced(conn, prefix)
            decided = await holds.decisions(conn, [one.delivery_id for one in found])
        return [_shown(one, worker, decided.get(one.delivery_id, []), unannounced) for one in found]

    @router.get("/deliveries/{delivery_id}", tags=["deliveries"])
    async def show_delivery(delivery_id: str) -> dict[str, Any]:
        """One delivery with its control totals and findings."""
        async with engine.connect() as conn:
            delivery = await store.find(conn, delivery_id)
            unannounced = await _unannounced(conn, prefix)
            decided = await holds.decisions(conn, [delivery_id])
        if delivery is None:
            raise ApiError(404, "unknown-delivery", f"there is no delivery {delivery_id}")
        return _shown(delivery, worker, decided.get(delivery_id, []), unannounced)

    @router.post("/provider-invoices", tags=["provider invoices"])
    async def take_invoices(name: FileName, request: Request) -> dict[str, int]:
        """Take in provider invoices: CSV (issuer, invoice_id, billing_period, currency, amount) or Invoice Detail."""
        file = await archive.receive(name, request.stream())
        try:
            read = await asyncio.to_thread(read_invoices, archive.file(file.sha256), name)
        except IntakeRefusal as error:
            raise ApiError(422, error.code, str(error)) from None
        async with engine.begin() as conn:
            published = await provider_invoices.take_in(conn, prefix, name, read)
        return {"rows": read.rows, "published": published}

    return router


async def _created(conn: AsyncConnection, wanted: NewDelivery, files: Sequence[ArchivedFile]) -> StoredDelivery:
    try:
        return await store.create(conn, wanted.source, files, wanted.terms(), wanted.origins)
    except StyleDiffers as error:
        raise ApiError(409, "style-differs", str(error)) from None
    except PartlyDelivered as error:
        raise ApiError(409, "partly-delivered", str(error)) from None
    except UnknownMended as error:
        raise ApiError(404, "unknown-delivery", str(error)) from None


def archived(archive: Archive, file: FileReference) -> ArchivedFile:
    """The file that a reference means, which must have been uploaded."""
    path = archive.file(file.sha256)
    if not path.is_file():
        raise ApiError(
            404, "unknown-file", f"no file {file.sha256} ({file.name}) was uploaded; POST it to /v1/files first"
        )
    return ArchivedFile(file.name, file.sha256, path.stat().st_size, file.rows)


async def _unannounced(conn: AsyncConnection, prefix: str) -> set[str]:
    """Deliveries whose record nobody can read yet. Ask after the states: a record is there before it is published."""
    return {key.decode() for key in await unpublished(conn, STREAM_TABLES.outbox, prefix + DELIVERIES.name)}


def _shown(
    delivery: StoredDelivery, worker: Worker, decisions: list[dict[str, Any]], unannounced: Collection[str] = ()
) -> dict[str, Any]:
    """A delivery for callers. It is `complete` once its record is published too: who closes a month then has it in."""
    is_told = delivery.state is not State.COMPLETE or delivery.delivery_id not in unannounced
    record = msgspec.json.decode(delivery.record) if delivery.record else {}
    reading = worker.progress.get(delivery.delivery_id)
    return {
        "delivery_id": delivery.delivery_id,
        "source": delivery.source,
        "ordinal": delivery.ordinal,
        "state": delivery.state if is_told else State.PUBLISHING,
        "received_at": delivery.received_at.isoformat(),
        "files": [{"name": file.name, "sha256": file.sha256, "bytes": file.size_bytes} for file in delivery.files],
        "rows_read": max(delivery.rows_read, reading.rows if reading else 0),
        "events_published": max(delivery.events_published, worker.published(delivery.delivery_id)),
        "error": delivery.error,
        "style": delivery.style,
        "as_of": delivery.as_of.isoformat() if delivery.as_of else None,
        "mends": list(delivery.mends),
        "reject_limit": delivery.reject_limit,
        "flagged_rows": delivery.flagged_rows,
        "hold_reasons": delivery.hold_reasons,
        "decisions": decisions,
        "withdraws": None if delivery.withdraws is None else [scope._asdict() for scope in delivery.withdraws],
        "superseded_by": delivery.superseded_by,
        "ended_at": delivery.ended_at and delivery.ended_at.isoformat(),
        "seconds": _seconds(delivery),
    } | {name: record.get(name, default) for name, default in _FROM_RECORD.items()}


def _seconds(delivery: StoredDelivery) -> float | None:
    """From the receipt to the end, waiting for people included; None while it has not ended."""
    if delivery.ended_at is None:
        return None
    return round((delivery.ended_at - delivery.received_at).total_seconds(), 3)
