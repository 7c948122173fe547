"""Direct costs over HTTP: a request becomes an append delivery of its source, once per idempotency key."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.intake import store
from services.intake.archive import Archive
from services.intake.delivering import Worker
from services.intake.direct import REQUEST_BODY, BodyRefused, complete, read_body, write_file
from services.intake.direct.body import BODY_BYTES_MAX, NDJSON
from services.intake.domain.styles import Style, StyleDiffers, Terms
from services.intake.store import StoredDelivery
from services.intake.tables import SERVICE, direct_requests
from shared.database import lock_transaction
from shared.http import ApiError

_TERMS: Final = Terms(style=Style.APPEND)
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

Source = Annotated[str, Query(min_length=1, max_length=100, pattern=_NAME, description="Whose costs these are")]
Key = Annotated[
    str,
    Header(min_length=1, max_length=100, pattern=_NAME,
           description="The same key with the same body is the same request, whenever it comes again"),
]  # fmt: skip


class KeyReused(ValueError):
    """An idempotency key that came with another body before."""

    def __init__(self, source: str, key: str, delivery_id: str) -> None:
        super().__init__(
            f"key {key} of source {source} came with another body before (delivery {delivery_id}); a key belongs to "
            "one body for ever, so send new costs under a new key"
        )


def direct_routes(engine: AsyncEngine, archive: Archive, worker: Worker) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix="/v1")

    @router.post(
        "/costs", tags=["direct costs"], status_code=202,
        openapi_extra={"requestBody": REQUEST_BODY},
        responses={code: {"description": said} for code, said in _REFUSALS.items()},
    )  # fmt: skip
    async def take_costs(source: Source, idempotency_key: Key, request: Request) -> dict[str, Any]:
        """Take in costs that no cloud bills: all of the body or none of it. Watch the delivery until it is complete."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" and media_type not in NDJSON:
            raise ApiError(415, "media-type", "send application/json (an array) or application/x-ndjson")
        body = await _body(request)
        try:
            delivery = await _take(engine, archive, source, idempotency_key, body, media_type)
        except BodyRefused as error:
            raise ApiError(422, "invalid-costs", str(error)) from None
        except KeyReused as error:
            raise ApiError(422, "key-reused", str(error)) from None
        except StyleDiffers as error:
            raise ApiError(409, "style-differs", str(error)) from None
        worker.wake()
        return {"delivery_id": delivery.delivery_id, "source": source, "state": delivery.state}

    return router


_REFUSALS: Final[dict[int | str, str]] = {
    409: "The source delivers full snapshots, so costs can't be added to it",
    413: f"The body is larger than {BODY_BYTES_MAX} bytes",
    415: "The body is neither JSON nor JSON Lines",
    422: "Some costs break a rule (each is named with its line), or the key came with another body before",
}


async def _body(request: Request) -> bytes:
    """All of a body that is not too large; one that is, is not read to its end."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > BODY_BYTES_MAX:
            raise ApiError(413, "too-large", f"the body is larger than {BODY_BYTES_MAX} bytes; send it in parts")
    return bytes(body)


async def _take(
    engine: AsyncEngine, archive: Archive, source: str, key: str, body: bytes, media_type: str
) -> StoredDelivery:
    """Find what the key stands for, or make it a delivery.

    Body and file are archived before the transaction: bytes that no delivery names do no harm.

    Raises:
        BodyRefused, KeyReused, StyleDiffers: and nothing was taken in.
    """
    sha256 = hashlib.sha256(media_type.encode() + b"\n" + body).hexdigest()
    async with engine.connect() as conn:
        if (known := await _known(conn, source, key, sha256)) is not None:
            return known
    data = await asyncio.to_thread(_file, source, key, body, media_type)
    received = await archive.receive(f"{key}.json", _once(body))
    file = await archive.receive(f"{key}.csv", _once(data))
    async with engine.begin() as conn:
        await lock_transaction(conn, SERVICE, "direct", source)
        if (known := await _known(conn, source, key, sha256)) is not None:
            return known
        delivery = await store.create(conn, source, [file], _TERMS)
        row = {
            "source": source, "idempotency_key": key, "request_sha256": sha256, "body_sha256": received.sha256,
            "delivery_id": delivery.delivery_id,
        }  # fmt: skip
        await conn.execute(insert(direct_requests).values(row))
    return delivery


def _file(source: str, key: str, body: bytes, media_type: str) -> bytes:
    return write_file(complete(source, key, read_body(body, media_type), media_type))


async def _known(conn: AsyncConnection, source: str, key: str, sha256: str) -> StoredDelivery | None:
    place = (direct_requests.c.source == source) & (direct_requests.c.idempotency_key == key)
    row = (await conn.execute(select(direct_requests).where(place))).one_or_none()
    if row is None:
        return None
    if row.request_sha256 != sha256:
        raise KeyReused(source, key, row.delivery_id)
    return await store.find(conn, row.delivery_id)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
