"""Split charges (FOCUS 1.3): the ratios of all parts of one origin add up to 1."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from services.intake.quality.sums.base import SumDifference, SumRule, outcome
from shared.money import CONTEXT

RATIO_TOLERANCE: Final = Decimal("0.0000000005")
"""What rounding one ratio to 9 digits may take away or add; FOCUS states no tolerance, and ratios are often thirds."""

_ORIGIN: Final = (
    "ResourceId, AllocatedMethodId, billing_period, BillingCurrency, BillingAccountId, SubAccountId, InvoiceId, "
    "ServiceName, SkuId, SkuPriceId, ChargeCategory, ChargeClass, ChargeDescription, ChargePeriodStart, ChargePeriodEnd"
)
_RATIOS: Final = f"""
SELECT ResourceId, AllocatedMethodId, ChargePeriodStart, BillingCurrency, count(*),
    sum(len(ratios))::BIGINT, sum(list_sum(list_transform(ratios, lambda one: try_cast(one AS DECIMAL(38,18)))))
FROM (
    SELECT {_ORIGIN},
        json_extract_string(AllocatedMethodDetails::VARCHAR, '$.Elements[*].AllocatedRatio') AS ratios
    FROM accepted
    WHERE AllocatedMethodDetails IS NOT NULL AND ResourceId IS NOT NULL AND AllocatedMethodId IS NOT NULL
) WHERE len(ratios) > 0 GROUP BY {_ORIGIN} ORDER BY {_ORIGIN}
"""  # noqa: S608


def split_ratios(rows: Any) -> SumRule:
    """Parts of one origin share everything but the resource, the tags and the amounts that they are allocated."""
    parts = rows.execute("SELECT coalesce(sum(parts), 0)::BIGINT FROM sums").fetchone()[0]
    origins = rows.execute(_RATIOS).fetchall() if parts else []
    found = []
    for resource, method, start, currency, count, elements, ratio in origins:
        allowed = CONTEXT.multiply(RATIO_TOLERANCE, Decimal(elements))
        difference = CONTEXT.subtract(ratio or Decimal(0), Decimal(1))
        if difference.copy_abs() > allowed:
            found.append(
                SumDifference(
                    subject=f"split of {resource} by {method} from {start}", rows=count, expected=Decimal(1),
                    actual=ratio, difference=difference, tolerance=allowed, note=f"charged in {currency}",
                )
            )  # fmt: skip
    return outcome("split-ratios", len(origins), found)
