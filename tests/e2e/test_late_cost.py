"""Cost that comes for a closed month: allocated as adjustments that agree with what the ledger finds late by itself."""

from __future__ import annotations

import csv
import gzip
import json
import time
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from deploy.local import Stack
from shared.remote import Remote
from synthetic.export import Export, generate
from tests.e2e.test_held import PERIOD, stack, until
from tests.stack.command import apportion

__all__ = ["stack"]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]


def without_some(given: Path, path: Path) -> None:
    """Write an export without every tenth row."""
    with gzip.open(given, "rt", newline="") as file:
        header, *rows = csv.reader(file)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *(row for number, row in enumerate(rows) if number % 10)])


def late(run: Any) -> dict[str, Decimal]:
    """Late cost by currency as the ledger adds it up from the cost topic."""
    found: dict[str, Decimal] = {}
    for one in json.loads(run("reconcile", PERIOD, "--json", exit_code=None).stdout)["breaks"]:
        if one["code"] == "late-cost":
            found[one["currency"]] = found.get(one["currency"], Decimal(0)) + Decimal(one["actual"])
    return found


def adjusted(shown: dict[str, Any]) -> dict[str, Decimal]:
    """Billed cost by currency of all adjusting lines."""
    found: dict[str, Decimal] = {}
    for line in shown["lines"]:
        found[line["currency"]] = found.get(line["currency"], Decimal(0)) + Decimal(line["billed_cost"])
    return found


def explained(run: Any, shown: dict[str, Any]) -> None:
    """A line of each kind of the newest adjustment: the rows that came late are what its rule took more."""
    newest = max(line["adjustment"] for line in shown["lines"])
    kinds = {line["kind"]: line for line in shown["lines"] if line["adjustment"] == newest}
    for line in kinds.values():
        said = json.loads(run("explain", line["allocation_id"], "--rows", "5", "--json").stdout)
        assert said["provider_rows"]["agrees"] is True, said
        assert said["adjustment"]["number"] == newest
    assert kinds.keys() >= {"direct", "shared"}
    assert "because of cost of delivery" in run("explain", kinds["shared"]["allocation_id"]).stdout


def test_late_cost_is_allocated_and_the_ledger_agrees(stack: Stack, tmp_path: Path) -> None:
    generate(Export(rows=300, seed=5, period=PERIOD), tmp_path / "given", lambda _: None)
    generate(Export(rows=300, seed=6, period=PERIOD), tmp_path / "late", lambda _: None)
    without_some(tmp_path / "late" / "focus.csv.gz", tmp_path / "mended.csv")

    def run(*arguments: str | Path, exit_code: int | None = 0) -> CompletedProcess[str]:
        done = apportion(*arguments, env=stack.environment())
        assert exit_code in {None, done.returncode}, done.stdout + done.stderr
        return done

    def adjustments(wanted: int) -> dict[str, Any]:
        with Remote("allocator", stack.url("allocator")) as remote:
            deadline = time.monotonic() + 120
            while len(remote.get("/v1/adjustments", period=PERIOD)["adjustments"]) < wanted:
                assert time.monotonic() < deadline, remote.get("/v1/runs", period=PERIOD)["waiting"]
                time.sleep(0.1)
        found: dict[str, Any] = json.loads(run("adjustments", PERIOD, "--json").stdout)
        return found

    def the_ledger_agrees(amounts: dict[str, Decimal]) -> None:
        deadline = time.monotonic() + 120
        while (found := late(run)) != amounts:
            assert time.monotonic() < deadline, (found, amounts)

    run("rules", "apply", tmp_path / "given" / "rules.yaml", "--approved-by", "ben")
    run("ingest", tmp_path / "given" / "focus.csv.gz", "--source", "cloud")
    run("period", "close", PERIOD, "--prepared-by", "ann")
    until(stack, "chargeback", lambda found: found["status"] == "drafted")
    run("invoices", "approve", PERIOD, "--approved-by", "ben")
    run("invoices", "issue", PERIOD)
    until(stack, "ledger", lambda found: found["state"] == "closed")

    run("ingest", tmp_path / "late" / "focus.csv.gz", "--source", "other")
    first = adjustments(1)
    assert adjusted(first)
    the_ledger_agrees(adjusted(first))
    explained(run, first)

    run("ingest", tmp_path / "mended.csv", "--source", "other")
    both = adjustments(2)
    assert adjusted(both) != adjusted(first)
    the_ledger_agrees(adjusted(both))
    explained(run, both)
    assert "not been adjusted" not in run("adjustments", PERIOD).stdout
