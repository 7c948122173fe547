"""`apportion rules simulate` from an archive: every form, and every reason to refuse."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apportion.cli import app
from tests.unit.allocator.archive import PERIOD, charge, write_archive

RULES = """
name: acme
effective_from: 2026-01
basis: EffectiveCost
cost_centers: cost-centers.csv
rules:
  - {id: by-tag, assign: {tag: team}}
  - {id: shared, when: {column: ServiceName, equals: network}, assign: {pool: network}}
fallback: {suspense: true}
pools:
  - {id: network, method: METHOD}
"""
EVEN, WEIGHTED = "even, targets: all", "weighted, targets: {A: 3, B: 1}"
PROPORTIONAL = "proportional, targets: [B]"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rows = [
        charge("10", tags={"team": "A"}), charge("8.004", ServiceName="network"), charge("1"),
        charge("-4", ServiceName="network", BillingCurrency="JPY"),
    ]  # fmt: skip
    return write_archive(tmp_path / "archive", rows)


def rules(directory: Path, method: str) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "rules.yaml").write_text(RULES.replace("METHOD", method))
    (directory / "cost-centers.csv").write_text("cost_center_id,name\nA,<Alpha>\nB,Beta\n")
    return directory


def simulate(archive: Path, directory: Path, *options: str, before: str = EVEN, after: str = WEIGHTED) -> Result:
    old, new = rules(directory / "old", before), rules(directory / "new", after)
    given = ["--rules", str(new), "--against", str(old / "rules.yaml"), "--archive", str(archive), "--period", PERIOD]
    return CliRunner().invoke(app, ["rules", "simulate", *given, *options])


def test_json_has_every_digit_and_the_total_stays(archive: Path, tmp_path: Path) -> None:
    found = json.loads(simulate(archive, tmp_path, "--json").stdout)

    changes = {(one["cost_center"], one["currency"]): (one["before"], one["after"]) for one in found["cost_centers"]}
    assert changes == {
        ("A", "JPY"): ("-2", "-3"), ("B", "JPY"): ("-2", "-1"), ("A", "USD"): ("14.002", "16.003"),
        ("B", "USD"): ("4.002", "2.001"), ("SUSPENSE", "USD"): ("1", "1"),
    }  # fmt: skip
    assert [(one["currency"], one["total"], one["moved"]) for one in found["totals"]] == [
        ("JPY", "-4", "1"), ("USD", "19.004", "2.001"),
    ]  # fmt: skip
    assert found["pools"][1]["shared_before"] == found["pools"][1]["shared_after"] == "8.004"
    assert found["before"]["version"] != found["after"]["version"]


def test_csv_has_a_row_for_each_cost_center(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "change.csv"

    assert simulate(archive, tmp_path, "--format", "csv", "--out", str(target)).exit_code == 0

    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert [(row["cost_center"], row["change"]) for row in rows if row["currency"] == "USD"] == [
        ("A", "2.001"), ("B", "-2.001"), ("SUSPENSE", "0"),
    ]  # fmt: skip


def test_the_table_is_rounded_to_each_currency_and_has_no_negative_zero(archive: Path, tmp_path: Path) -> None:
    printed = simulate(archive, tmp_path).stdout

    assert "USD: 19.00 in all, 2.00 changes hands, suspense 1.00 -> 1.00" in printed
    assert "JPY: -4 in all, 1 changes hands" in printed
    assert " -0" not in printed


def test_the_page_stands_alone_and_escapes_what_data_says(archive: Path, tmp_path: Path) -> None:
    page = simulate(archive, tmp_path, "--format", "html").stdout

    assert "<script" not in page
    assert "http" not in page
    assert page.count("<rect") == 4
    assert "+2.00" in page


def test_drivers_are_what_if_too(archive: Path, tmp_path: Path) -> None:
    """8.004 by 1 to 3 requests; what if A had 3 as well? 4.002 each instead of 2.001 and 6.003."""
    header = "metric,subject,quantity,unit,window_start,window_end\n"
    row = "requests,{},{},calls,2026-01-01,2026-02-01\n"
    (tmp_path / "known.csv").write_text(header + row.format("A", 1) + row.format("B", 3))
    (tmp_path / "changed.csv").write_text(header + row.format("A", 3))
    by_driver = "driver, driver: requests, targets: all"
    options = ["--drivers", str(tmp_path / "known.csv"), "--change-drivers", str(tmp_path / "changed.csv"), "--json"]

    found = json.loads(simulate(archive, tmp_path, *options, before=by_driver, after=by_driver).stdout)

    shared = {one["cost_center"]: (one["shared_before"], one["shared_after"]) for one in found["cost_centers"]
              if one["currency"] == "USD"}  # fmt: skip
    assert shared == {"A": ("2.001", "4.002"), "B": ("6.003", "4.002"), "SUSPENSE": ("0", "0")}

    broken = simulate(archive, tmp_path, "--change-drivers", str(tmp_path / "rules.yaml"))
    assert broken.exit_code == 2
    assert "can't be read" in broken.stderr


CHARGED = "as_charged, partition_by: [SubAccountId]"
LINES = (
    "billing_period,run_id,cost_center,currency,billed_cost,effective_cost,issuer,invoice_id,service_provider,"
    "service_name,billing_account_id,sub_account_id,charge_category,charge_class\r\n"
    "2025-12,r,A,USD,1.5,30,P,i-0,P,network,payer,,Usage,\r\n2025-12,r,B,USD,0,10,P,i-0,P,network,payer,,Usage,\r\n"
)


def test_refunds_are_split_by_the_lines_of_earlier_months(tmp_path: Path) -> None:
    refund = charge("-8", ServiceName="network", ChargeClass="Correction", day="2025-12-24") | {
        "billing_period": PERIOD
    }
    archive = write_archive(tmp_path / "archive", [refund])
    lines = tmp_path / "2025-12.csv"
    lines.write_text(LINES)

    found = json.loads(simulate(archive, tmp_path, "--earlier", str(lines), "--json", after=CHARGED).stdout)
    assert [(one["cost_center"], one["after"]) for one in found["cost_centers"]] == [("A", "-6"), ("B", "-2")]

    without = simulate(archive, tmp_path, after=CHARGED)
    assert (without.exit_code, "no earlier month with an allocation run" in without.stderr) == (3, True)
    for content, words in (
        ("cost_center\nA\n", "has no column billing_period"),
        (LINES.replace("1.5", "1,5"), "line 2: not as many cells as the header"),
        (LINES.replace("1.5", "1e5"), "line 2: billed_cost '1e5' is no amount"),
        (None, "can't be read"),
    ):
        lines.write_text(content) if content else lines.unlink()
        refused = simulate(archive, tmp_path, "--earlier", str(lines), after=CHARGED)
        assert (refused.exit_code, words in refused.stderr.replace("\n", " ")) == (2, True), refused.stderr


def test_a_move_takes_cost_from_its_day_on(tmp_path: Path) -> None:
    rows = [charge("3", tags={"team": "A"}, day="2026-01-16"), charge("5", tags={"team": "A"}, day="2026-01-17")]
    archive = write_archive(tmp_path / "archive", rows)

    def paid(*moves: str) -> dict[str, str]:
        options = [word for move in moves for word in ("--move", move)]
        found = json.loads(simulate(archive, tmp_path, *options, "--json", after=EVEN).stdout)
        assert found["before"] != found["after"]
        return {one["cost_center"]: one["after"] for one in found["cost_centers"]}

    assert paid("A:B") == {"A": "0", "B": "8"}
    assert paid("A:B:2026-01-17") == {"A": "3", "B": "5"}

    unknown = simulate(archive, tmp_path, "--move", "A:Z")
    assert (unknown.exit_code, "has no cost center 'Z'" in unknown.stderr) == (2, True)
    senseless = simulate(archive, tmp_path, "--move", "A")
    assert (senseless.exit_code, "write CC-100:CC-200" in senseless.stderr) == (2, True)


def test_what_cannot_be_simulated_is_refused_with_the_reason(archive: Path, tmp_path: Path) -> None:
    nothing = simulate(archive, tmp_path, after=PROPORTIONAL)
    assert nothing.exit_code == 3
    assert "pool 'network', JPY" in nothing.stderr

    broken = simulate(archive, tmp_path, after="sideways, targets: all")
    assert broken.exit_code == 2
    assert "unknown method 'sideways'" in broken.stderr

    no_archive = simulate(tmp_path, tmp_path)
    assert no_archive.exit_code == 2
    assert "is no archive of costs" in no_archive.stderr

    alone = ["rules", "simulate", "--rules", str(tmp_path / "new"), "--period", PERIOD, "--archive", str(archive)]
    without = CliRunner().invoke(app, alone)
    assert without.exit_code == 2
    assert "--archive needs --against" in without.stderr
