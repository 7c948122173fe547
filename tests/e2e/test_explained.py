"""From invoices back to provider rows, and what if: by the commands, on two months that went the whole way in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from apportion.stack import start_stack
from deploy.local import Stack
from shared.remote import Remote
from synthetic.export import Export, generate
from tests.stack.command import apportion
from tests.stack.shared import Guest

MAY, JUNE = "2026-05", "2026-06"

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]


class Commands:
    """The command line against a stack; answers are decoded."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        self.stack, self.directory = stack, directory
        self.archive = stack.data_dir / "intake" / "archive"

    def do(self, *arguments: str | Path, exit_code: int = 0) -> str:
        done = apportion(*arguments, env=self.stack.environment())
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout

    def ask(self, *arguments: str | Path) -> Any:
        return json.loads(self.do(*arguments, "--json"))

    def run_of(self, period: str) -> dict[str, Any]:
        """The first run of a month, once it is there."""
        deadline = time.monotonic() + 120
        with Remote("allocator", self.stack.url("allocator")) as remote:
            while not (found := remote.get("/v1/runs", period=period))["runs"]:
                assert time.monotonic() < deadline, found
                time.sleep(0.1)
        run: dict[str, Any] = found["runs"][0]
        return run


@pytest.fixture(scope="module")
def commands(shared_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    directory = tmp_path_factory.mktemp("explained")
    for period in (MAY, JUNE):
        generate(Export(rows=400, seed=5, period=period), directory / period, lambda _: None)
    with Guest(shared_stack, directory / "stack") as stack:
        start_stack(stack, directory / "files", lambda _: None)
        commands = Commands(stack, directory)
        commands.do("rules", "apply", directory / MAY / "rules.yaml", "--approved-by", "ben")
        commands.do("ingest", *(directory / period / "focus.csv.gz" for period in (MAY, JUNE)), "--source", "cloud")
        for period in (MAY, JUNE):
            commands.run_of(period)
        yield commands


def test_the_archive_simulates_what_the_running_stack_does(commands: Commands) -> None:
    rules = commands.directory / MAY
    changed = commands.directory / "changed"
    changed.mkdir()
    for file in (*rules.glob("*.csv"), rules / "rules.yaml"):
        (changed / file.name).write_text(file.read_text())
    document = (changed / "rules.yaml").read_text()
    (changed / "rules.yaml").write_text(document.replace("CC-1000: 5", "CC-1000: 50"))

    question = ("rules", "simulate", "--rules", changed, "--period", JUNE)
    by_stack = commands.ask(*question)
    by_archive = commands.ask(*question, "--against", rules, "--archive", commands.archive)

    assert by_stack == by_archive
    assert by_stack["movers"]
    assert sum(Decimal(one["change"]) for one in by_stack["cost_centers"]) == 0


def test_rows_behind_lines_add_up_to_what_their_rules_took(commands: Commands) -> None:
    lines = commands.ask("allocations", JUNE, "--limit", "10000")
    ways = {(line["kind"], line["rule_id"], tuple(line.get("path", ()))): line for line in lines}
    assert {kind for kind, _, _ in ways} == {"direct", "shared", "suspense"}

    for line in list(ways.values())[:12]:
        found = commands.ask("explain", line["allocation_id"], "--rows", "2")
        assert found["provider_rows"]["agrees"] is True, found
        assert found["rule"]["file"] == "rules.yaml"
        assert len(found["steps"]) == len(line.get("path", ()))
    assert "to the last digit" in commands.do("explain", lines[0]["allocation_id"], "--rows", "1")


def test_the_change_since_the_month_before_is_split_exactly(commands: Commands) -> None:
    limit = ("--cost-center", "CC-1001", "--limit", "10000")
    paid = {period: commands.ask("allocations", period, *limit) for period in (MAY, JUNE)}

    found = commands.ask("explain", "--cost-center", "CC-1001", "--period", JUNE, "--since", MAY)

    for one in found["changes"]:
        then, now = (
            sum(Decimal(line["effective_cost"]) for line in paid[period] if line["currency"] == one["currency"])
            for period in (MAY, JUNE)
        )
        assert (Decimal(one["before"]), Decimal(one["after"])) == (then, now)
        assert sum(map(Decimal, one["parts"].values())) == now - then
        assert one["parts"]["rule"] == one["parts"]["driver"] == "0"
    summary = commands.ask("explain", "--cost-center", "CC-1001", "--period", JUNE)
    assert sum(Decimal(entry["amount"]) for entry in summary["entries"]) == sum(
        Decimal(line["effective_cost"]) for line in paid[JUNE]
    )


def test_a_month_as_focus_has_the_sums_of_the_run_and_every_cost_center_its_own(commands: Commands) -> None:
    target = commands.directory / "june.parquet"
    run = commands.run_of(JUNE)

    commands.do("allocations", JUNE, "--out", target, "--focus", commands.archive)

    query = "SELECT BillingCurrency, sum(BilledCost), sum(EffectiveCost) FROM read_parquet(?) GROUP BY 1 ORDER BY 1"
    with duckdb.connect() as connection:
        sums = connection.execute(query, [str(target)]).fetchall()
        owned = connection.execute(
            "SELECT BillingCurrency, x_CostCenter, sum(EffectiveCost) FROM read_parquet(?) GROUP BY ALL", [str(target)]
        ).fetchall()
    assert sums == [
        (total["currency"], Decimal(total["cost_billed"]), Decimal(total["cost_effective"])) for total in run["totals"]
    ]
    lines = commands.ask("allocations", JUNE, "--limit", "10000")
    for currency, cost_center, amount in owned:
        if cost_center is not None:
            mine = (line for line in lines if (line["currency"], line["cost_center"]) == (currency, cost_center))
            assert abs(sum(Decimal(line["effective_cost"]) for line in mine) - amount) < Decimal("1e-12")


def test_savings_are_those_of_the_covered_charges(commands: Commands) -> None:
    found = commands.ask("savings", JUNE)

    assert found
    for one in found:
        assert Decimal(one["savings"]) == Decimal(one["contracted_cost"]) - Decimal(one["effective_cost"])
