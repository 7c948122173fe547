"""HTTP in: periods, their close, their reconciliation and their books."""

from __future__ import annotations

import re
import tarfile
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ledger.closing import now
from services.ledger.closing.closer import Closer
from services.ledger.closing.offsets import end_offsets
from services.ledger.domain.periods import PeriodClosed
from services.ledger.domain.trial_balance import residues, trial_balance
from services.ledger.settings import LedgerSettings
from services.ledger.store import periods
from shared.money import text
from shared.service import ApiError

_CHUNK_BYTES = 1 << 20
_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class CloseRequest(BaseModel):
    """Who asks for the close; chargeback's approver has to be somebody else."""

    requested_by: str = Field(min_length=1, max_length=200)


def add_routes(api: FastAPI, engine: AsyncEngine, settings: LedgerSettings, closer: Closer) -> None:
    """Add the ledger's routes."""
    routes = Routes(engine, settings, closer)
    one = "/v1/periods/{billing_period}"
    for method, path, endpoint in (
        ("GET", "/v1/periods", routes.periods),
        ("GET", one, routes.period),
        ("POST", f"{one}/reconcile", routes.reconcile),
        ("GET", f"{one}/trial-balance", routes.trial_balance),
        ("GET", f"{one}/export", routes.export),
    ):
        api.add_api_route(path, endpoint, methods=[method], tags=["periods"])
    api.add_api_route(f"{one}/close", routes.close, methods=["POST"], status_code=202, tags=["periods"])


class Routes:
    """The endpoints; each is one read transaction, but for `close`."""

    def __init__(self, engine: AsyncEngine, settings: LedgerSettings, closer: Closer) -> None:
        self._engine, self._settings, self._closer = engine, settings, closer

    async def periods(self) -> list[dict[str, Any]]:
        """Every known billing period with its state."""
        async with self._engine.connect() as conn:
            return await now.states(conn)

    async def period(self, billing_period: str) -> dict[str, Any]:
        """One billing period: state, stages, breaks, and what a close under way waits for."""
        async with self._engine.connect() as conn:
            found = await now.period(conn, _checked(billing_period))
        if found is None:
            raise ApiError(404, "unknown-period", f"nothing is known of {billing_period}: no delivery has costs of it")
        return found

    async def close(self, billing_period: str, request: CloseRequest) -> dict[str, Any]:
        """Ask for a period to be closed; the answer comes at once, `GET` tells how far it is."""
        try:
            period = await self._closer.request(_checked(billing_period), request.requested_by)
        except PeriodClosed as error:
            raise ApiError(409, "period-closed", str(error)) from None
        return {
            "billing_period": billing_period,
            "state": period.state,
            "phase": period.phase,
            "close_id": period.close_id,
            "requested_by": period.requested_by,
        }

    async def reconcile(self, billing_period: str) -> dict[str, Any]:
        """Compare all stages of a period as they are now; changes nothing."""
        targets = await end_offsets(self._settings)
        async with self._engine.connect() as conn:
            return await now.reconciled(conn, self._settings, _checked(billing_period), targets)

    async def trial_balance(self, billing_period: str) -> dict[str, Any]:
        """A period's accounts; `posted` is false while they are what posting now would write."""
        async with self._engine.connect() as conn:
            posted, entries = await now.books(conn, _checked(billing_period))
        lines = trial_balance(entries)
        return {
            "billing_period": billing_period,
            "posted": posted,
            "entries": len(entries),
            "residues": {currency: text(residue) for currency, residue in residues(lines).items()},
            "accounts": [
                {
                    "currency": line.currency, "account": line.name, "chart": line.chart, "party": line.party,
                    "debits": text(line.debits), "credits": text(line.credits), "balance": text(line.balance),
                }
                for line in lines
            ],
        }  # fmt: skip

    async def export(self, billing_period: str) -> StreamingResponse:
        """The published books of a closed period as a tar archive."""
        async with self._engine.connect() as conn:
            row = await periods.load(conn, _checked(billing_period))
        if row is None or row.books is None:
            raise ApiError(409, "not-closed", f"{billing_period} is not closed, so its books are not published yet")
        name = f"books-{billing_period}.tar"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_tar(Path(row.books)), media_type="application/x-tar", headers=headers)


def _checked(billing_period: str) -> str:
    if not _PERIOD.fullmatch(billing_period):
        raise ApiError(422, "invalid-period", f"{billing_period!r} is no billing period; write it as YYYY-MM")
    return billing_period


async def _tar(folder: Path) -> AsyncIterator[bytes]:
    """Pack a folder on disk and stream it: flat memory at any size."""
    with tempfile.TemporaryFile() as file:
        await run_in_threadpool(_pack, folder, file)
        file.seek(0)
        while chunk := await run_in_threadpool(file.read, _CHUNK_BYTES):
            yield chunk


def _pack(folder: Path, file: Any) -> None:
    with tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=f"{folder.name}/{path.name}")
