"""Between the contracts that travel and the words of the domain."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from services.chargeback.domain.charges import Charge, Kind, Origin
from services.chargeback.domain.documents import Document, DocumentLine
from services.chargeback.domain.numbering import document_date
from shared import events
from shared.events import Allocation, AllocationRun, CostCenter, Invoice, InvoiceLine


def charge_of(line: Allocation) -> Charge:
    """Read an allocation as something to be charged; lines in suspense are nobody's."""
    assert line.kind != "suspense", f"allocation {line.allocation_id} is in suspense and can't be invoiced"
    kind: Kind = line.kind
    return Charge(
        allocation_id=line.allocation_id,
        kind=kind,
        billed_cost=line.billed_cost,
        effective_cost=line.effective_cost,
        origin=msgspec.convert(line.origin, Origin, from_attributes=True),
        rule_id=line.rule_id,
        method=line.method,
        path=tuple(line.path),
        weight=line.weight,
        weight_total=line.weight_total,
        leg=line.leg,
        partition=tuple(line.partition.items()),
    )


def draft_invoice(
    document: Document,
    run: AllocationRun,
    center: CostCenter,
    *,
    revision: int,
    prepared_by: str,
    previous_total: Decimal | None,
) -> Invoice:
    """Write a document as a draft that people can approve."""
    return Invoice(
        invoice_id=document.document_id,
        revision=revision,
        status="draft",
        number=None,
        billing_period=run.billing_period,
        currency=document.currency,
        cost_center=document.cost_center,
        cost_center_name=center.name,
        owner=center.owner,
        document_date=document_date(run.billing_period),
        basis=run.basis,
        rule_set=run.rule_set,
        rule_set_version=run.rule_set_version,
        direct=document.direct,
        shared=document.shared,
        total=document.total,
        exact_total=document.exact_total,
        rounding=document.rounding,
        previous_total=previous_total,
        prepared_by=prepared_by,
        approved_by=None,
        lines=[_line(line) for line in document.lines],
    )


def _line(line: DocumentLine) -> InvoiceLine:
    charge = line.charge
    return InvoiceLine(
        line=line.line,
        kind=charge.kind,
        description=line.description,
        amount=line.amount,
        exact_amount=line.exact_amount,
        billed_cost=charge.billed_cost,
        effective_cost=charge.effective_cost,
        allocation_id=charge.allocation_id,
        rule_id=charge.rule_id,
        origin=msgspec.convert(charge.origin, events.Origin, from_attributes=True),
        method=charge.method,
        path=list(charge.path),
        weight=charge.weight,
        weight_total=charge.weight_total,
    )
