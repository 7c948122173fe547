"""HTTP in: invoices to read, and the two decisions that people take. Amounts are decimal strings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncEngine

from services.chargeback import metrics
from services.chargeback.desk import Desk
from services.chargeback.domain.lifecycle import AlreadyApproved, ApproverIsPreparer, NotApproved
from services.chargeback.domain.numbering import NumbersExhausted
from services.chargeback.filing import Filing
from services.chargeback.issuing import Issuing, NothingDrafted
from services.chargeback.readiness import readiness
from services.chargeback.store import invoices, references
from shared.events import Invoice, InvoiceRun, decode, encode
from shared.http import ApiError, Period, folder_download
from shared.money import text
from shared.publication import is_published

Status = Literal["drafted", "approved", "issued"]
_SHOWN_STATUS = {"drafted": "draft", "approved": "approved", "issued": "issued"}
_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    ApproverIsPreparer: (409, "approver-is-preparer"),
    AlreadyApproved: (409, "already-approved"),
    NotApproved: (409, "not-approved"),
    NothingDrafted: (404, "nothing-drafted"),
    NumbersExhausted: (409, "numbers-exhausted"),
}


class Approval(BaseModel):
    """Who approves."""

    approved_by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        description="The second identity; must differ from who asked for the close"
    )


def routes(engine: AsyncEngine, issuing: Issuing, filing: Filing, desk: Desk) -> APIRouter:
    """Make chargeback's routes."""
    router = APIRouter(prefix="/v1")

    @router.get("/invoices", tags=["invoices"])
    async def list_invoices(
        period: Annotated[str | None, Query(description="Billing period, YYYY-MM")] = None, status: Status | None = None
    ) -> list[dict[str, Any]]:
        """Invoices without their lines, by period, cost center and currency."""
        async with engine.connect() as conn:
            rows = await invoices.listing(conn, period, status)
        return [row | {"total": text(row["total"]), "status": _SHOWN_STATUS[row["status"]]} for row in rows]

    @router.get("/invoices/{invoice_id_or_number}", tags=["invoices"])
    async def show_invoice(invoice_id_or_number: str) -> Response:
        """One invoice with its lines."""
        async with engine.connect() as conn:
            document = await invoices.find(conn, invoice_id_or_number)
            if document is None:
                raise ApiError(404, "unknown-invoice", f"there is no invoice {invoice_id_or_number}")
            invoice = decode(Invoice, document)
            run = await invoices.run(conn, invoice.billing_period)
        if run is not None and run.status == "approved":
            invoice = msgspec.structs.replace(invoice, status="approved", approved_by=run.approved_by)
        return Response(encode(invoice), media_type="application/json")

    @router.get("/periods/{period}", tags=["periods"])
    async def show_period(period: Period) -> dict[str, Any]:
        """Where a period's invoices stand, and what they wait for."""
        async with engine.connect() as conn:
            run = await invoices.run(conn, period)
            known = await references.period(conn, period)
            drafted = run is not None and known is not None and run.close_id == known.close_id
            waiting = [] if drafted else (await readiness(conn, period)).missing
        problem = desk.problems.get(period)
        return _status(period, run) | {"waiting_for": [*waiting, *([problem] if problem else [])]}

    @router.post("/periods/{period}/approve", tags=["periods"])
    async def approve(period: Period, approval: Approval) -> dict[str, Any]:
        """Approve all drafts of a period, as somebody else than who asked for the close."""
        return _decided(period, await _refusable(issuing.approve(period, approval.approved_by)))

    @router.post("/periods/{period}/issue", tags=["periods"], status_code=202)
    async def issue(period: Period) -> dict[str, Any]:
        """Number and freeze all approved invoices of a period. Their files follow: `files` says where, once there."""
        return _decided(period, await _refusable(issuing.issue(period)))

    @router.get("/periods/{period}/export", tags=["periods"])
    async def export(period: Period) -> StreamingResponse:
        """The published batch folder as a tar archive."""
        folder = filing.folder(period)
        if not is_published(folder):
            raise ApiError(404, "not-published", f"the invoices of {period} have no files yet; issue them first")
        return folder_download(folder, f"{period}-{folder.name}")

    return router


async def _refusable(decision: Any) -> InvoiceRun:
    try:
        run: InvoiceRun = await decision
    except tuple(_REFUSALS) as error:
        status, code = _REFUSALS[type(error)]
        raise ApiError(status, code, str(error)) from None
    return run


def _decided(period: str, run: InvoiceRun) -> dict[str, Any]:
    metrics.show(run)
    return _status(period, run) | {"waiting_for": []}


def _status(period: str, run: InvoiceRun | None) -> dict[str, Any]:
    if run is None:
        return {"billing_period": period, "status": "none", "totals": [], "files": None}
    return dict(msgspec.json.decode(encode(run))) | {"approved_by": run.approved_by, "files": run.files}
