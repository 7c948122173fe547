"""The provider rows behind a line of an adjustment: what came, and what went, after a close."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.allocator.archived_costs import NoCosts
from services.allocator.domain.rule_set import SUSPENSE, Lookup, Rule, RuleSet
from services.allocator.explaining.rows import late_provider_rows
from services.allocator.loading import LoadedRuleSet
from services.allocator.loading.cost_centers import CostCenterRow
from shared.events import Allocation, Origin
from tests.unit.allocator.archive import PERIOD, charge, write_archive

FIRST, SECOND, THIRD = f"d-{PERIOD}", f"d-{PERIOD}-2", f"d-{PERIOD}-3"
RULES = RuleSet("r", PERIOD, "EffectiveCost", (Rule("by-team", Lookup("tag:team")),), SUSPENSE)
LOADED = LoadedRuleSet(RULES, "v", {name: CostCenterRow(name, name, "") for name in "AB"}, {}, {})
LINE = Allocation(
    allocation_id="x", revision=1, run_id="r", billing_period=PERIOD, currency="USD", cost_center="A", kind="direct",
    billed_cost=Decimal(0), effective_cost=Decimal(0), rule_id="by-team", rule_set="r", rule_set_version="v",
    origin=Origin(
        issuer="P", invoice_id="i-1", service_provider="P", service_name="s", billing_account_id="payer",
        sub_account_id=None, charge_category="Usage", charge_class=None,
    ),
)  # fmt: skip


def of(team: str, billed: str) -> dict[str, Any]:
    return charge(billed, tags={"team": team})


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A team's charges: closed with 5, 5 and 7; then one 5 is gone, and a 2 has come; then there is a 4 as well."""
    write_archive(tmp_path, [of("A", "5"), of("A", "5"), of("A", "7"), of("B", "9")])
    write_archive(tmp_path, [of("A", "5"), of("A", "7"), of("A", "2"), of("B", "1")], ordinal=2)
    return write_archive(tmp_path, [of("A", "5"), of("A", "7"), of("A", "2"), of("A", "4")], ordinal=3)


def test_what_came_and_what_went_add_up_to_the_difference(archive: Path) -> None:
    found = late_provider_rows(archive, LOADED, LINE, 10, [FIRST], [SECOND])

    assert sorted(row["BilledCost"] for row in found["rows"]) == ["-5", "2"]
    assert found["sum"] == {"billed_cost": "-3", "effective_cost": "-3"}
    assert found["count"] == 2


def test_each_adjustment_has_its_own_rows_whatever_came_after_it(archive: Path) -> None:
    found = late_provider_rows(archive, LOADED, LINE, 10, [FIRST, SECOND], [THIRD])

    assert [row["BilledCost"] for row in found["rows"]] == ["4"]


def test_everything_is_late_in_a_month_that_was_closed_without_cost(archive: Path) -> None:
    found = late_provider_rows(archive, LOADED, LINE, 1, [], [FIRST])

    assert (len(found["rows"]), found["count"], found["sum"]["billed_cost"]) == (1, 3, "17")


def test_corrected_drivers_bring_no_rows(archive: Path) -> None:
    assert late_provider_rows(archive, LOADED, LINE, 10, [FIRST], [])["rows"] == []


def test_deliveries_that_the_archive_does_not_have_are_an_error(archive: Path) -> None:
    with pytest.raises(NoCosts, match=f"no delivery of {PERIOD} that was allocated has rows"):
        late_provider_rows(archive, LOADED, LINE, 10, ["elsewhere"], ["neither"])
