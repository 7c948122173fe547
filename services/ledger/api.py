"""HTTP in: periods, their close, their reconciliation and their books."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

from fastapi import FastAPI
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
from shared.http import ApiError, Period, folder_download
from shared.money import text


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

    async def period(self, billing_period: Period) -> dict[str, Any]:
        """One billing period: state, stages, breaks, and what a close under way waits for."""
        async with self._engine.connect() as conn:
            found = await now.period(conn, billing_period)
        if found is None:
            raise ApiError(404, "unknown-period", f"nothing is known of {billing_period}: no delivery has costs of it")
        return found

    async def close(self, billing_period: Period, request: CloseRequest) -> dict[str, Any]:
        """Ask for a period to be closed; the answer comes at once, `GET` tells how far it is."""
        try:
            period = await self._closer.request(billing_period, request.requested_by)
        except PeriodClosed as error:
            raise ApiError(409, "period-closed", str(error)) from None
        return {
            "billing_period": billing_period,
            "state": period.state,
            "phase": period.phase,
            "close_id": period.close_id,
            "requested_by": period.requested_by,
        }

    async def reconcile(self, billing_period: Period) -> dict[str, Any]:
        """Compare all stages of a period as they are now; changes nothing."""
        targets = await end_offsets(self._settings)
        async with self._engine.connect() as conn:
            return await now.reconciled(conn, self._settings, billing_period, targets)

    async def trial_balance(self, billing_period: Period) -> dict[str, Any]:
        """A period's accounts; `posted` is false while they are what posting now would write."""
        async with self._engine.connect() as conn:
            posted, entries = await now.books(conn, billing_period)
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

    async def export(self, billing_period: Period) -> StreamingResponse:
        """The published books of a closed period as a tar archive."""
        async with self._engine.connect() as conn:
            row = await periods.load(conn, billing_period)
        if row is None or row.books is None:
            raise ApiError(409, "not-closed", f"{billing_period} is not closed, so its books are not published yet")
        books = FilePath(row.books)
        return folder_download(books, f"{billing_period}-{books.name}")
