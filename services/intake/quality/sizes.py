"""How much a delivery has of each billing period, and how much is in force for the same payers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.intake.domain.holding import Size
from services.intake.quality.rows import AcceptedRows
from shared.archive import RowsInForce

_MEASURES: Final = "count(*), sum(abs(BilledCost)), sum(abs(EffectiveCost))"


def delivered_sizes(rows: AcceptedRows) -> list[Size]:
    """What the delivery has; `quality.sums.add_up` has been over `rows`."""
    query = (
        "SELECT billing_period, currency, sum(rows)::BIGINT, sum(absolute_billed), sum(absolute_effective) "
        "FROM sums GROUP BY ALL ORDER BY billing_period, currency"
    )
    return [Size(*row) for row in rows.execute(query).fetchall()]


def sizes_in_force(rows: AcceptedRows, in_force: Sequence[RowsInForce]) -> list[Size]:
    """What the delivery would replace, from the archive."""
    query = (
        f"SELECT billing_period, BillingCurrency, {_MEASURES} FROM read_parquet($path) "  # noqa: S608
        "WHERE BillingAccountId IN (SELECT unnest($accounts)) GROUP BY ALL ORDER BY ALL"
    )
    return [
        Size(*row)
        for former in in_force
        for row in rows.execute(
            query, {"path": str(former.path), "accounts": list(former.billing_account_ids)}
        ).fetchall()
    ]
