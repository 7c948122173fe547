"""A month that refunds an earlier one can be compared with the month before it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from services.allocator.domain.buckets import GRAIN
from services.allocator.domain.charged import Charged, EarlierMonth, EarlierMonths
from services.allocator.explaining.change import Month, change_of
from services.allocator.loading import Bundle, load
from services.allocator.simulating.simulate import Side
from tests.unit.allocator.archive import charge, write_archive

RULES = """
name: r
effective_from: 2026-01
basis: BilledCost
cost_centers: centers.csv
rules:
  - {id: by-team, assign: {tag: team}}
fallback: {pool: refunds}
pools:
  - id: refunds
    method: as_charged
    partition_by: [ServiceName]
    otherwise: {method: proportional, targets: all}
"""


def test_a_refund_is_one_off_and_the_months_own_credits_stay_its_own(tmp_path: Path) -> None:
    loaded = load(Bundle(RULES, {"centers.csv": "cost_center_id,name\nA,Alpha\nB,Beta\n"}))
    own, credit = charge("10", tags={"team": "A"}), charge("-1")
    write_archive(tmp_path, [own, credit])
    refund = charge("-8", ChargeClass="Correction", day="2026-01-07")
    february = [one | {"billing_period": "2026-02", "charge_day": "2026-02-05"} for one in (own, credit)]
    write_archive(tmp_path, [*february, refund | {"billing_period": "2026-02"}], "2026-02")
    values = tuple({"BillingCurrency": "USD", "ServiceName": "s"}.get(name) for name in GRAIN)
    january = [Charged(values, "A", Decimal(9), Decimal(9)), Charged(values, "B", Decimal(3), Decimal(3))]
    side = Side(loaded, earlier=EarlierMonths({"2026-01": EarlierMonth("r", january)}))

    (change,) = change_of(tmp_path, "A", Month("2026-01", Side(loaded)), Month("2026-02", side))

    assert (change["before"], change["after"]) == ("9", "3")
    assert change["parts"] == {"rule": "0", "driver": "0", "one_off": "-6", "volume": "0", "price": "0"}
