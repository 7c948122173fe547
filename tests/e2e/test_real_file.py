"""A real, anonymised multi-cloud export, with all the quirks of real data."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.conftest import Command

ROOT = Path(__file__).parents[2]
FILE = Path(os.environ.get("APPORTION_TEST_DATA", ROOT.parent / "shared" / "data")) / "focus_1_0_real_multicloud.csv.gz"


@pytest.mark.slow
@pytest.mark.skipif(not FILE.exists(), reason=f"{FILE.name} is not here; set APPORTION_TEST_DATA to its directory")
def test_the_real_file_closes_with_its_known_sums(tmp_path: Path, command: Command) -> None:
    rules = ROOT / "examples" / "real-multicloud" / "rules.yaml"
    done = command("run", "--focus", FILE, "--rules", rules, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    periods = {period["period"]: period for period in summary["periods"]}
    assert set(periods) == {"2024-09", "2024-10"}
    assert Decimal(periods["2024-09"]["billed_cost"]) == Decimal("20.280226728990")
    assert Decimal(periods["2024-09"]["effective_cost"]) == Decimal("14.976514185860")
    assert Decimal(periods["2024-10"]["billed_cost"]) == Decimal("0.24")
    assert Decimal(periods["2024-10"]["effective_cost"]) == 0
    for period in periods.values():
        assert period["basis"] == "BilledCost"
        assert Decimal(period["allocated"]) + Decimal(period["suspense"]) == Decimal(period["billed_cost"])
        assert Decimal(period["invoiced"]) - Decimal(period["rounding"]) == Decimal(period["allocated"])
    assert any(finding["code"] == "effective-cost-rounded" for finding in summary["findings"])
    assert "effective-cost-rounded" in done.stdout
