"""Split charges (FOCUS 1.3): the ratios of all parts of one origin add up to 1."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from services.intake.quality.rows import AcceptedRows
from services.intake.quality.sums.base import DIFFERENCES_MAX, SumDifference, SumRule, outcome
from shared.money import CONTEXT

RATIO_TOLERANCE: Final = Decimal("0.0000000005")
"""What rounding one ratio to 9 digits may take away or add; FOCUS states no tolerance, and ratios are often thirds."""

_ORIGIN: Final = (
    "ResourceId, AllocatedMethodId, billing_period, BillingCurrency, BillingAccountId, SubAccountId, InvoiceId, "
    "ServiceName, SkuId, SkuPriceId, ChargeCategory, ChargeClass, ChargeDescription, ChargePeriodStart, ChargePeriodEnd"
)
_ORIGINS: Final = f"""
CREATE TEMP TABLE origins AS
SELECT ResourceId AS resource, AllocatedMethodId AS method, ChargePeriodStart AS start, BillingCurrency AS currency,
    count(*) AS rows, sum(len(ratios))::BIGINT AS elements,
    coalesce(sum(list_sum(list_transform(ratios, lambda one: try_cast(one AS DECIMAL(38,18))))), 0) AS ratio
FROM (
    SELECT {_ORIGIN},
        json_extract_string(AllocatedMethodDetails::VARCHAR, '$.Elements[*].AllocatedRatio') AS ratios
    FROM accepted
    WHERE AllocatedMethodDetails IS NOT NULL AND ResourceId IS NOT NULL AND AllocatedMethodId IS NOT NULL
) WHERE len(ratios) > 0 GROUP BY {_ORIGIN}
"""  # noqa: S608
_SHOWN: Final = "resource, method, start, currency, rows, elements, ratio"
_BROKEN: Final = f"FROM origins WHERE abs(ratio - 1) > {RATIO_TOLERANCE:f} * elements"


def split_ratios(rows: AcceptedRows) -> SumRule:
    """Parts of one origin share everything but the resource, the tags and the amounts that they are allocated."""
    [(parts,)] = rows.execute("SELECT coalesce(sum(parts), 0)::BIGINT FROM sums").fetchall()
    if not parts:
        return outcome("split-ratios", 0, [])
    rows.scan(_ORIGINS)
    [(checked,)] = rows.execute("SELECT count(*) FROM origins").fetchall()
    [(broken, broken_rows)] = rows.execute(f"SELECT count(*), coalesce(sum(rows), 0)::BIGINT {_BROKEN}").fetchall()
    first = rows.execute(f"SELECT {_SHOWN} {_BROKEN} ORDER BY ALL LIMIT {DIFFERENCES_MAX}").fetchall()
    found = outcome("split-ratios", checked, [_difference(*one) for one in first])
    return msgspec.structs.replace(found, broken=broken, rows=broken_rows)


def _difference(
    resource: str, method: str, start: str, currency: str, rows: int, elements: int, ratio: Decimal
) -> SumDifference:
    return SumDifference(
        subject=f"split of {resource} by {method} from {start}, in {currency}", rows=rows,
        expected=Decimal(1), actual=ratio, difference=CONTEXT.subtract(ratio, Decimal(1)),
        tolerance=CONTEXT.multiply(RATIO_TOLERANCE, Decimal(elements)),
    )  # fmt: skip
