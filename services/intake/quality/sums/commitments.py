"""Commitment discounts: what their usage costs is what was used plus what was not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from services.intake.quality.rows import AcceptedRows
from services.intake.quality.sums.base import SumDifference, SumRule, outcome
from shared.money import CONTEXT, text

_MONTH_DAYS_MAX: Final = 31
_COMMITMENTS: Final = """
SELECT commitment, currency,
    coalesce(sum(rows) FILTER (WHERE category = 'Usage'), 0)::BIGINT AS usage_rows,
    coalesce(sum(effective) FILTER (WHERE category = 'Usage'), 0) AS usage,
    coalesce(sum(effective) FILTER (WHERE category = 'Usage' AND status IN ('Used', 'Unused')), 0) AS used_and_unused,
    coalesce(sum(effective) FILTER (WHERE category = 'Usage' AND status = 'Used'), 0) AS used,
    coalesce(sum(effective) FILTER (WHERE category = 'Usage' AND status = 'Unused'), 0) AS unused,
    sum(billed) FILTER (WHERE category = 'Purchase') AS bought,
    bool_and(coalesce(frequency = 'Recurring', false)) FILTER (WHERE category = 'Purchase') AS recurring,
    min(first_start) FILTER (WHERE category = 'Purchase') AS bought_from,
    max(last_end) FILTER (WHERE category = 'Purchase') AS bought_to,
    min(first_start) FILTER (WHERE category = 'Usage') AS used_from,
    max(last_end) FILTER (WHERE category = 'Usage') AS used_to
FROM sums WHERE commitment IS NOT NULL GROUP BY ALL ORDER BY commitment, currency
"""


def commitment_sums(rows: AcceptedRows) -> SumRule:
    """EffectiveCost of a commitment's usage = used + unused, exactly: both are sums of the same rows.

    BilledCost of its purchase must be the same amount over the whole term only, so it is noted when the delivery has
    the term: usage covers the charge period of what was bought, and that period is known to be what was paid for
    (a recurring fee, or a one-time fee whose charge period is longer than any month).
    """
    found = rows.execute(_COMMITMENTS)
    names = [one[0] for one in found.description]
    commitments = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    with_usage = [one for one in commitments if one["usage_rows"]]
    return outcome(
        "commitment-sum",
        len(with_usage),
        [difference for one in with_usage for difference in _usage_differs(one)],
        [note for one in with_usage for note in _purchase(one)],
    )


def _usage_differs(one: dict[str, Any]) -> Iterator[SumDifference]:
    if one["usage"] != one["used_and_unused"]:
        yield SumDifference(
            subject=f"commitment {one['commitment']}", rows=one["usage_rows"], currency=one["currency"],
            expected=one["used_and_unused"], actual=one["usage"],
            difference=CONTEXT.subtract(one["usage"], one["used_and_unused"]),
            note=f"used {text(one['used'])} + unused {text(one['unused'])}; the rest of its usage has no status",
        )  # fmt: skip


def _purchase(one: dict[str, Any]) -> Iterator[str]:
    if one["bought"] is None or one["bought"] == one["usage"]:
        return
    covered = one["used_from"] <= one["bought_from"] and one["bought_to"] <= one["used_to"]
    if covered and (one["recurring"] or _days(one["bought_from"], one["bought_to"]) > _MONTH_DAYS_MAX):
        yield (
            f"commitment {one['commitment']}: bought for {text(one['bought'])} {one['currency']} (BilledCost), "
            f"used and unused for {text(one['usage'])} (EffectiveCost) over its whole term, "
            f"difference {text(CONTEXT.subtract(one['usage'], one['bought']))}"
        )


def _days(start: str, end: str) -> int:
    return (date.fromisoformat(end[:10]) - date.fromisoformat(start[:10])).days
