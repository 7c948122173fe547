"""One small file of each version of Cost and Usage: recognised, mapped to 1.4 names, sums exact."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from services.intake.reading import check_file
from shared.events import CostEvent
from shared.focus import CANONICAL, PREVIEW, VERSIONS
from tests.unit.intake.desk import Desk, Outcome
from tests.unit.intake.samples import SAMPLES

AZURE = "azure-1.0-preview(v1)"


def deliver(tmp_path: Path, name: str) -> Outcome:
    return Desk(tmp_path).deliver(SAMPLES / f"{name}.csv")


def usage_and_credit(outcome: Outcome) -> tuple[CostEvent, CostEvent]:
    usage, credit = sorted(outcome.events, key=lambda event: str(event.charge["BilledCost"]), reverse=True)
    return usage, credit


@pytest.mark.parametrize("name", [*VERSIONS, AZURE])
def test_every_version_is_recognised_and_named_as_in_1_4(tmp_path: Path, name: str) -> None:
    outcome = deliver(tmp_path, name)
    assert outcome.reading.files[0].focus_version == (PREVIEW if name == AZURE else name)
    assert outcome.rejections == []
    assert outcome.billed() == Decimal("12.25")
    assert outcome.prepared.published[0].effective_cost == Decimal("9.873456789012")
    assert "column-unknown" not in outcome.findings
    names = {column.name for column in CANONICAL}
    usage, credit = usage_and_credit(outcome)
    assert set(usage.charge) | set(credit.charge) <= names
    shared = {
        "ServiceProviderName": "Cloud", "HostProviderName": "Cloud Host", "RegionId": "eu-1",
        "ConsumedQuantity": "36000", "ConsumedUnit": "Seconds", "CommitmentDiscountStatus": "Used",
        "PricingCategory": "Committed", "Tags": {"team": "a"},
    }  # fmt: skip
    assert {name: usage.charge[name] for name in shared} == shared
    assert credit.charge["PricingCategory"] == "Standard"
    assert "CommitmentDiscountStatus" not in credit.charge


@pytest.mark.parametrize("name", [PREVIEW, AZURE])
def test_what_the_preview_alone_said_is_kept_as_custom_column(tmp_path: Path, name: str) -> None:
    usage, credit = usage_and_credit(deliver(tmp_path, name))
    assert usage.custom["x_ChargeSubcategory"] == "Used Commitment"
    assert credit.custom["x_ChargeSubcategory"] == "Credit"
    assert (usage.charge["RegionName"], credit.charge["ChargeCategory"]) == ("eu-1", "Adjustment")


def test_azure_extras_of_the_preview_stay_as_they_are(tmp_path: Path) -> None:
    usage, _ = usage_and_credit(deliver(tmp_path, AZURE))
    assert (usage.custom["x_OnDemandCost"], usage.custom["x_InvoiceId"]) == ("18", "G1")
    assert (usage.charge["BillingAccountType"], usage.charge["SubAccountType"]) == ("Account", "Project")
    assert "InvoiceId" not in usage.charge


def test_names_of_the_preview_mean_nothing_in_later_versions(tmp_path: Path) -> None:
    file = tmp_path / "mixed.csv"
    file.write_text((SAMPLES / "1.2.csv").read_text().replace("AvailabilityZone", "Region", 1))
    outcome = Desk(tmp_path / "data").deliver(file)
    assert outcome.findings["column-unknown"] == 2
    assert outcome.events[0].custom["x_Region"] == "eu-1a"
    assert outcome.events[0].charge["RegionId"] == "eu-1"


def test_the_quick_check_tells_the_version() -> None:
    assert check_file(SAMPLES / f"{AZURE}.csv").layout.version == PREVIEW
