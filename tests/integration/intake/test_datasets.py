"""The other datasets through a real intake: revisions, withdrawals, invoices beside them, all or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.events import ContractCommitment, InvoiceDetail, ProviderBillingPeriod, decode
from shared.topics import CONTRACT_COMMITMENTS, INVOICE_DETAILS, PROVIDER_PERIODS
from tests.integration.intake.world import World
from tests.unit.intake.exports import charge, write_csv
from tests.unit.intake.samples import SAMPLES

DETAIL = (SAMPLES / "invoice-detail-1.4.csv").read_text()


def take(world: World, content: str, source: str = "cloud", name: str = "file.csv") -> dict[str, Any]:
    uploaded = world.http.post("/v1/files", params={"name": name}, content=content.encode()).json()
    reference = {"name": uploaded["name"], "sha256": uploaded["sha256"]}
    answer = world.http.post("/v1/datasets", json={"source": source, "files": [reference]})
    taken: dict[str, Any] = answer.json()
    return taken | {"status": answer.status_code}


def counts(taken: dict[str, Any]) -> tuple[int, int, int, int]:
    assert taken["status"] == 200, taken
    return taken["rows"], taken["published"], taken["withdrawn"], taken["invoices"]


async def test_lines_of_invoices_get_revisions_and_the_ledgers_invoices_come_along(world: World) -> None:
    world.start()
    assert counts(take(world, DETAIL)) == (3, 3, 0, 2)
    assert counts(take(world, DETAIL)) == (3, 0, 0, 0)
    assert counts(take(world, DETAIL.replace("12.50,0099", "13,0099"), source="other")) == (3, 1, 0, 1)
    lines = DETAIL.splitlines(keepends=True)
    assert counts(take(world, lines[0] + lines[2])) == (1, 1, 1, 1)
    assert counts(take(world, lines[0] + lines[2])) == (1, 0, 0, 0)
    assert counts(take(world, DETAIL)) == (3, 1, 0, 1)
    values = await world.values(INVOICE_DETAILS.name, 6)
    published = [decode(InvoiceDetail, value) for value in values]
    assert [(one.invoice_id, one.invoice_detail_id, one.revision, one.withdrawn) for one in published] == [
        ("INV-1", "L/1", 1, False), ("INV-1", "L/2", 1, False), ("INV-2", "L/1", 1, False), ("INV-1", "L/1", 2, False),
        ("INV-1", "L/1", 3, True), ("INV-1", "L/1", 4, False),
    ]  # fmt: skip
    assert [one.row["BilledCost"] for one in published] == ["12.5", "-0.25", "1", "13", "13", "12.5"]
    invoices = await world.provider_invoices(5)
    assert [(one.invoice_id, str(one.amount), one.revision) for one in invoices] == [
        ("INV-1", "12.25", 1), ("INV-2", "1", 1), ("INV-1", "12.75", 2), ("INV-1", "-0.25", 3), ("INV-1", "12.25", 4),
    ]  # fmt: skip


async def test_a_period_that_closes_is_a_new_revision(world: World) -> None:
    world.start()
    periods = (SAMPLES / "billing-period-1.4.csv").read_text()
    assert counts(take(world, periods)) == (2, 2, 0, 0)
    february, changed = periods.splitlines()[0] + "\n", periods.splitlines()[2].replace("Open", "Closed") + "\n"
    assert counts(take(world, february + changed)) == (1, 1, 0, 0)
    published = [decode(ProviderBillingPeriod, value) for value in await world.values(PROVIDER_PERIODS.name, 3)]
    assert [(one.billing_period, one.revision, one.row["BillingPeriodStatus"]) for one in published] == [
        ("2026-01", 1, "Closed"), ("2026-02", 1, "Open"), ("2026-02", 2, "Closed"),
    ]  # fmt: skip


async def test_commitments_of_both_versions(world: World) -> None:
    world.start()
    old, new = ((SAMPLES / f"contract-commitment-{version}.csv").read_text() for version in ("1.3", "1.4"))
    assert take(world, old)["version"] == "1.3"
    assert take(world, new)["published"] == 1
    published = [decode(ContractCommitment, value) for value in await world.values(CONTRACT_COMMITMENTS.name, 2)]
    assert [(one.source, one.contract_commitment_id, one.revision) for one in published] == [
        ("cloud", "urn:cloud/commitment/1", 1), ("cloud", "urn:cloud/commitment/1", 2),
    ]  # fmt: skip
    assert published[1].row["ContractCommitmentLifecycleStatus"] == "Active"


async def test_a_bad_row_refuses_all_of_its_file(world: World) -> None:
    world.start()
    refused = take(world, DETAIL.replace("12.50,0099", "ten,0099"))
    assert (refused["status"], refused["error"]["code"]) == (422, "row-refused")
    assert "file.csv, line 2: BilledCost has 'ten'" in refused["error"]["message"]
    twice = take(world, DETAIL + DETAIL.splitlines()[1] + "\n")
    assert "line 5" in twice["error"]["message"]
    assert "may come once in a file" in twice["error"]["message"]
    mixed = take(world, DETAIL.replace("Issued", "Open", 1))
    assert mixed["error"]["code"] == "invoice-refused"
    assert counts(take(world, DETAIL)) == (3, 3, 0, 2)
    unknown = world.http.post("/v1/datasets", json={"source": "a", "files": [{"name": "x", "sha256": "0" * 64}]})
    assert unknown.status_code == 404


async def test_more_rows_than_are_handled_at_once(world: World) -> None:
    world.start()
    head, first, *_ = DETAIL.splitlines(keepends=True)
    many = head + "".join(first.replace("L/1", f"L/{n}") for n in range(2_500))
    assert counts(take(world, many)) == (2_500, 2_500, 0, 1)
    assert counts(take(world, head + first)) == (1, 2_499, 2_499, 1)
    assert len(await world.values(INVOICE_DETAILS.name, 4_999)) == 4_999


async def test_ingest_tells_datasets_apart(world: World, tmp_path: Path) -> None:
    world.start()
    costs = write_csv(tmp_path / "costs.csv", [charge(1)])
    files = [str(SAMPLES / "invoice-detail-1.4.csv"), str(costs), str(SAMPLES / "billing-period-1.4.csv")]
    answer = ingest(world, *files)
    assert '"state": "complete"' in answer
    assert '"dataset": "invoice-detail"' in answer
    assert '"dataset": "billing-period"' in answer
    only = ingest(world, files[0])
    assert '"published": 0' in only
    assert json.loads(only)["deliveries"] == []


def ingest(world: World, *files: str) -> str:
    done = world.apportion("ingest", "--json", "--source", "cloud", *files)
    assert done.returncode == 0, done.stderr
    return done.stdout
