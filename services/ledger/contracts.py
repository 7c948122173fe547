"""Between the ledger's words and the contracts that travel."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from services.ledger.domain.breaks import Break
from services.ledger.domain.facts import Basis, CostTotal, DeliveryFact, ProviderInvoice
from services.ledger.domain.holds import Hold
from services.ledger.domain.periods import Period, State
from services.ledger.domain.reconciliation import Reconciliation
from shared import events

_States = Literal["open", "closing", "closed", "blocked"]
_STATES: dict[State, _States] = {
    State.OPEN: "open",
    State.CLOSING: "closing",
    State.CLOSED: "closed",
    State.BLOCKED: "blocked",
}


def delivery_facts(deliveries: list[events.Delivery]) -> tuple[DeliveryFact, ...]:
    """Deliveries as posting knows them."""
    return tuple(DeliveryFact(one.delivery_id, one.source, one.ordinal) for one in deliveries)


def hold_facts(holds: list[events.DeliveryHold]) -> list[Hold]:
    """What is known of held deliveries, as the checks want it."""
    return [
        Hold(
            one.delivery_id, one.source, one.state, one.since,
            tuple((reason.code, reason.message) for reason in one.reasons), bool(one.scopes), one.superseded_by,
        )
        for one in holds
    ]  # fmt: skip


def provider_invoice_facts(invoices: list[events.ProviderInvoice]) -> tuple[ProviderInvoice, ...]:
    """Provider invoices as matching knows them."""
    return tuple(ProviderInvoice(one.issuer, one.invoice_id, one.currency, one.amount, one.status) for one in invoices)


def of_deliveries(costs: list[CostTotal], deliveries: tuple[DeliveryFact, ...]) -> tuple[CostTotal, ...]:
    """The costs of these deliveries only."""
    ids = {one.delivery_id for one in deliveries}
    return tuple(one for one in costs if one.delivery_id in ids)


def break_record(found: Break) -> events.Break:
    """A break as others read it."""
    return events.Break(**asdict(found))


def reconciliation_record(
    billing_period: str, revision: int, basis: Basis | None, found: Reconciliation
) -> events.Reconciliation:
    """A reconciliation as others read it."""
    return events.Reconciliation(
        billing_period=billing_period,
        revision=revision,
        basis=basis,
        stages=[events.Stages(**asdict(one)) for one in found.stages],
        breaks=[break_record(one) for one in found.breaks],
        notes=found.notes,
    )


def period_record(period: Period, revision: int, breaks: list[Break], chain_head: str | None) -> events.Period:
    """A period's state as others read it."""
    return events.Period(
        billing_period=period.billing_period,
        revision=revision,
        state=_STATES[period.state],
        close_id=period.close_id,
        requested_by=period.requested_by,
        deliveries=list(period.deliveries),
        breaks=[break_record(one) for one in breaks],
        chain_head=chain_head,
    )
