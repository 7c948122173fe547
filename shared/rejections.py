"""Which refused rows still lack in the costs: those that no later delivery of their source answers for.

Intake settles its dead letters by this, and the ledger decides by it, from the deliveries alone, what holds a period
back.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.events import DeliveredScope, Delivery, RejectedRows


def unsettled(deliveries: Sequence[Delivery], billing_period: str) -> list[tuple[Delivery, int]]:
    """Deliveries with refused rows that concern a billing period and are still missing, with how many rows.

    Args:
        deliveries: of all sources, in any order; at least those that concern the period.
    """
    found = []
    for one in sorted(deliveries, key=lambda one: (one.source, one.ordinal)):
        later = [other for other in deliveries if other.source == one.source and other.ordinal > one.ordinal]
        rows = sum(
            refused.rows
            for refused in rejected_of(one)
            if refused.billing_period in {None, billing_period}
            and not answered(one, refused.billing_account_id, billing_period, later)
        )
        if rows:
            found.append((one, rows))
    return found


def unplaced(deliveries: Sequence[Delivery]) -> list[tuple[Delivery, int]]:
    """Deliveries in which no row tells a billing period, with how many of their refused rows are still missing.

    Such rows may belong to any period. A later snapshot of the source answers for them: they may be among its rows.

    Args:
        deliveries: all of them, of all sources, in any order.
    """
    found = []
    for one in sorted(deliveries, key=lambda one: (one.source, one.ordinal)):
        if one.rejected_rows and not periods_of(one):
            later = [other for other in deliveries if other.source == one.source and other.ordinal > one.ordinal]
            refused = rejected_of(one)
            rows = sum(some.rows for some in refused if not answered(one, some.billing_account_id, None, later))
            found += [(one, rows)] if rows else []
    return found


def periods_of(delivery: Delivery) -> set[str]:
    """Every period that a delivery published, has, replaces, or refused rows of, as far as its rows tell."""
    totals = (*delivery.published, *delivery.snapshot)
    replaced = {scope.billing_period for scope in delivery.replaces}
    return {one.billing_period for one in totals} | replaced | set(delivery.rejected_periods)


def rejected_of(delivery: Delivery) -> list[RejectedRows]:
    """Where a delivery's refused rows belong; one written before this was told apart says at most the periods."""
    if delivery.rejected or not delivery.rejected_rows:
        return delivery.rejected
    periods: list[str | None] = [*delivery.rejected_periods] or [None]
    return [RejectedRows(billing_period=period, rows=delivery.rejected_rows) for period in periods]


def answered(
    earlier: Delivery, billing_account_id: str | None, billing_period: str | None, later: Sequence[Delivery]
) -> bool:
    """Whether later deliveries of the source bring what an earlier one refused, or say that it is no more.

    A delivery that names the earlier one as mended does. So does a full snapshot of the refused rows' payer and
    period. Rows that do not tell their payer or period may belong to whatever the earlier delivery held, so all of
    that has to be delivered again; if it held nothing there, any snapshot that could hold them counts.
    """
    if any(earlier.delivery_id in other.mends for other in later):
        return True
    account, period = billing_account_id, billing_period
    replaced = {(scope.billing_account_id, scope.billing_period) for other in later for scope in _replaced(other)}
    if account is not None and period is not None:
        return bool({(account, period), (None, period)} & replaced)
    if earlier.style == "append":
        return False
    claims = [scope for scope in earlier.replaces if _matches(scope, account, period)]
    if claims:
        return all(
            {(scope.billing_account_id, scope.billing_period), (None, scope.billing_period)} & replaced
            for scope in claims
        )
    return any(
        (account is None or other is None or other == account) and (period is None or at == period)
        for other, at in replaced
    )


def _replaced(delivery: Delivery) -> list[DeliveredScope]:
    """The scopes that a delivery is the whole truth about; one of old says the periods, and that for any payer."""
    if delivery.replaces or delivery.style == "append":
        return delivery.replaces
    return [
        DeliveredScope(billing_account_id=None, billing_period=period)
        for period in sorted({totals.billing_period for totals in delivery.snapshot})
    ]


def _matches(scope: DeliveredScope, account: str | None, period: str | None) -> bool:
    return (account is None or scope.billing_account_id == account) and (
        period is None or scope.billing_period == period
    )
