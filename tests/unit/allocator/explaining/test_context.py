"""What an explanation adds to a line: the values of drivers, and the run that a refund was split as."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.allocator.domain.drivers import NO_DRIVERS, Drivers, Measurement, Window
from services.allocator.explaining.context import Seen, with_context
from services.allocator.loading import Bundle, load

RULES = """
name: r
effective_from: 2026-01
basis: BilledCost
cost_centers: centers.csv
mappings: {spaces: spaces.csv}
rules: []
fallback: {pool: p}
pools:
  - {id: p, METHOD}
"""
FILES = {
    "centers.csv": "cost_center_id,name\nA,Alpha\nB,Beta\n",
    "spaces.csv": "value,cost_center_id,valid_from,valid_to\nweb,A,,2026-01-16\nweb,B,2026-01-17,\ndb,B,,\n",
}


def explained(pool: str, drivers: Drivers, **step: Any) -> dict[str, Any]:
    document = {
        "line": {"billing_period": "2026-01"}, "rule": {"id": "fallback"},
        "steps": [{"pool": "p", "partition": {}, "method": "driver", "to": "B"} | step],
    }  # fmt: skip
    loaded = load(Bundle(RULES.replace("METHOD", pool), FILES))
    (found,) = with_context(document, loaded, Seen(drivers, {"2025-12": "r-12"}))["steps"]
    return dict(found)


def test_what_was_measured_of_a_subject_counts_for_its_owner_by_day() -> None:
    month = Window.of_month("2026-01")
    used = {"web": 31, "db": 3}
    drivers = Drivers.of(("cpu", Measurement(name, Decimal(n), month)) for name, n in used.items())

    (driver,) = explained("method: driver, targets: all, driver: cpu, subjects: {mapping: spaces}", drivers)["drivers"]

    measured = driver["measured"]
    assert (measured["quantity"], measured["quantity_total"]) == ("18", "34")
    assert measured["subjects"] == [{"subject": "web", "quantity": "15"}, {"subject": "db", "quantity": "3"}]


def test_a_refund_names_the_run_that_said_how() -> None:
    method = "method: as_charged, partition_by: [SubAccountId], when_zero: suspense"

    refund = explained(method, NO_DRIVERS, method="as_charged", partition={"charge_month": "2025-12"})
    by_policy = explained(method, NO_DRIVERS, method=None, partition={"charge_month": "2025-12"})

    assert refund["split_as"] == {"billing_period": "2025-12", "run_id": "r-12"}
    assert "split_as" not in by_policy
