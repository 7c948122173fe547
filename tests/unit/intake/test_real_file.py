from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.intake.desk import Desk, Outcome, dense

NAME = "focus_1_0_real_multicloud.csv.gz"
DATA = Path(os.environ.get("APPORTION_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data")

pytestmark = pytest.mark.skipif(not (DATA / NAME).exists(), reason=f"no {NAME}: name its folder in APPORTION_TEST_DATA")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return Desk(tmp_path_factory.mktemp("real")).deliver(DATA / NAME)


def test_its_totals_are_exact(outcome: Outcome) -> None:
    totals = {
        one.billing_period: (one.events, one.billed_cost, one.effective_cost) for one in outcome.prepared.published
    }
    assert totals == {
        "2024-09": (999, Decimal("20.280226728990"), Decimal("14.976514185860")),
        "2024-10": (1, Decimal("0.24"), Decimal(0)),
    }
    assert outcome.billed() == Decimal("20.520226728990")
    assert dense(outcome.events)


def test_nothing_is_lost_and_its_quirks_are_said(outcome: Outcome) -> None:
    assert outcome.rejections == []
    assert outcome.reading.files[0].focus_version == "1.0"
    assert sum("Tags" in event.charge for event in outcome.events) == 711
    assert all("x_Id" in event.custom for event in outcome.events)
    noted = [(one.code, one.rows) for one in outcome.reading.observations.findings()]
    assert noted == [
        ("effective-cost-rounded", 24), ("effective-cost-rounded", 9), ("effective-cost-rounded", 909),
        ("effective-cost-rounded", 7), ("invoice-id-missing", 1_000), ("value-missing", 7), ("column-unknown", 1_000),
    ]  # fmt: skip


def test_look_alike_tag_keys_are_both_there(outcome: Outcome) -> None:
    keys: set[str] = set()
    for event in outcome.events:
        keys |= set(event.charge.get("Tags") or {})
    assert {" org", "org"} <= keys
