"""A month whose newest delivery is held does not close before somebody has decided, by the commands alone."""

from __future__ import annotations

import csv
import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from apportion.stack import start_stack
from deploy.local import Stack
from shared.remote import Remote
from synthetic.export import Export, generate
from tests.stack.command import apportion
from tests.stack.shared import Guest

PERIOD = "2026-06"
ROWS = 400

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]


def cut(given: Path, path: Path) -> int:
    """Write every fourth row of an export; returns how many are in force when this follows the whole."""
    with gzip.open(given, "rt", newline="") as file:
        header, *rows = csv.reader(file)
    kept = rows[::4]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *kept])
    payer = header.index("BillingAccountId")
    delivered = {row[payer] for row in kept}
    return len(kept) + sum(row[payer] not in delivered for row in rows)


def until(stack: Stack, service: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What a service says of the month, as soon as it is as wanted."""
    found: dict[str, Any] = {}
    deadline = time.monotonic() + 120
    with Remote(service, stack.url(service)) as remote:
        while not reached(found := remote.get(f"/v1/periods/{PERIOD}")):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
    return found


@pytest.fixture
def stack(shared_stack: Stack, tmp_path: Path) -> Iterator[Stack]:
    with Guest(shared_stack, tmp_path / "stack") as stack:
        start_stack(stack, tmp_path / "files", lambda _: None)
        yield stack


def test_held_then_blocked_then_released_then_closed(stack: Stack, tmp_path: Path) -> None:
    generate(Export(rows=ROWS, seed=5, period=PERIOD), tmp_path / "given", lambda _: None)
    in_force = cut(tmp_path / "given" / "focus.csv.gz", tmp_path / "cut.csv")

    def run(*arguments: str | Path, exit_code: int = 0) -> CompletedProcess[str]:
        done = apportion(*arguments, env=stack.environment())
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done

    run("rules", "apply", tmp_path / "given" / "rules.yaml", "--approved-by", "ben")
    run("ingest", tmp_path / "given" / "focus.csv.gz", "--source", "cloud")
    run("ingest", tmp_path / "cut.csv", "--source", "cloud", exit_code=3)
    (held,) = [one for one in json.loads(run("intake", "deliveries", "--json").stdout) if one["state"] == "held"]

    blocked = run("period", "close", PERIOD, "--prepared-by", "ann", "--wait", "--json", exit_code=3)
    (found,) = json.loads(blocked.stdout)["breaks"]
    assert (found["code"], found["key"], found["owner"]) == ("held-delivery", f"cloud/{held['delivery_id']}", "FinOps")
    assert f"apportion intake release {held['delivery_id']}" in found["message"]

    run("intake", "release", held["delivery_id"], "--by", "ann", "--reason", "really taken back")
    run("period", "close", PERIOD, "--prepared-by", "ann")
    until(stack, "chargeback", lambda found: found["status"] == "drafted")
    run("invoices", "approve", PERIOD, "--approved-by", "ben")
    run("invoices", "issue", PERIOD)
    closed = until(stack, "ledger", lambda found: found["state"] in {"closed", "blocked"})
    assert (closed["state"], closed["breaks"], held["delivery_id"] in closed["deliveries"]) == ("closed", [], True)
    assert sum(stage["rows"] for stage in closed["stages"]) == in_force
