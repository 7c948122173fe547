"""Every way in takes every dataset: files are told by their columns, in watched places, folders and named files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.events import InvoiceDetail, ProviderBillingPeriod, decode
from shared.topics import INVOICE_DETAILS, PROVIDER_PERIODS
from tests.integration.intake.test_watch import aged, all_files, delivered, look
from tests.integration.intake.world import World
from tests.unit.intake.places import aws_period, put, put_json
from tests.unit.intake.samples import SAMPLES

DETAIL = (SAMPLES / "invoice-detail-1.4.csv").read_text()
PERIODS = (SAMPLES / "billing-period-1.4.csv").read_text()


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def in_parts(root: Path, pattern: str, text: str) -> list[Path]:
    """A table with one row in each part."""
    head, *lines = text.splitlines(keepends=True)
    return [write(root, pattern.format(number), head + line) for number, line in enumerate(lines, 1)]


def taken(events: Sequence[dict[str, Any]]) -> list[tuple[str, str, int, int, int]]:
    return [
        (one["label"], one["dataset"], one["rows"], one["published"], one["withdrawn"])
        for one in events
        if one["event"] == "taken"
    ]


def problems(events: Sequence[dict[str, Any]]) -> list[str]:
    return [one["code"] for one in events if one["event"] == "problem"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that is not the one that intake works in."""
    return tmp_path / "in"


async def test_a_watched_folder_may_hold_all_datasets(world: World, place: Path) -> None:
    world.start()
    write(place, "a/periods.csv", PERIODS)
    put(place, "b/costs.csv", 1)
    write(place, "c/commitments.csv", (SAMPLES / "contract-commitment-1.4.csv").read_text())
    write(place, "d/invoices.csv", DETAIL)
    aged(*all_files(place))
    code, events = look(world, place)
    assert (code, delivered(events)) == (0, [("b/costs.csv", "complete", 1, 0)])
    assert taken(events) == [
        ("a/periods.csv", "billing-period", 2, 2, 0), ("c/commitments.csv", "contract-commitment", 1, 1, 0),
        ("d/invoices.csv", "invoice-detail", 3, 3, 0),
    ]  # fmt: skip
    assert look(world, place)[1][0]["new"] == 0
    aged(write(place, "a/periods.csv", PERIODS.replace("Open", "Closed")))
    assert taken(look(world, place)[1]) == [("a/periods.csv", "billing-period", 2, 1, 0)]
    published = [decode(ProviderBillingPeriod, value) for value in await world.values(PROVIDER_PERIODS.name, 3)]
    assert [(one.billing_period, one.revision) for one in published] == [("2026-01", 1), ("2026-02", 1), ("2026-02", 2)]
    assert len(await world.provider_invoices(2)) == 2


async def test_a_refused_file_is_named_and_waits_until_it_changes(world: World, place: Path) -> None:
    world.start()
    bad = write(place, "invoices.csv", DETAIL.replace("12.50,0099", "ten,0099"))
    aged(bad, put(place, "later.csv", 1))
    code, events = look(world, place)
    (problem,) = [one for one in events if one["event"] == "problem"]
    assert (code, problem["place"], problem["code"]) == (3, "invoices.csv", "row-refused")
    assert "invoices.csv, line 2: BilledCost has 'ten'" in problem["message"]
    assert len(delivered(events)) == 1
    code, events = look(world, place)
    assert (code, [event["event"] for event in events], events[0]["new"]) == (0, ["looked"], 0)
    aged(write(place, "invoices.csv", DETAIL))
    code, events = look(world, place)
    assert (code, taken(events)) == (0, [("invoices.csv", "invoice-detail", 3, 3, 0)])


async def test_an_intake_that_fails_is_asked_again_for_the_same_file(world: World, place: Path) -> None:
    aged(write(place, "periods.csv", PERIODS))
    assert look(world, place)[0] == 3
    world.start()
    assert taken(look(world, place)[1]) == [("periods.csv", "billing-period", 2, 2, 0)]


@pytest.mark.parametrize("by_manifest", [False, True])
async def test_parts_of_one_table_are_taken_in_together(world: World, place: Path, by_manifest: bool) -> None:
    world.start()
    folder = "exp/focus/data/BILLING_PERIOD=2026-01/" if by_manifest else "invoices/"
    parts = in_parts(place, folder + "detail-{:05}.csv", DETAIL)
    if by_manifest:
        named = [f"s3://b/{part.relative_to(place)}" for part in parts]
        put_json(place, "exp/focus/metadata/BILLING_PERIOD=2026-01/focus-Manifest.json", {"dataFiles": named})
    aged(*all_files(place))
    code, events = look(world, place)
    assert (code, [one[1:] for one in taken(events)]) == (0, [("invoice-detail", 3, 3, 0)]), events
    invoices = await world.provider_invoices(2)
    assert [(one.invoice_id, str(one.amount), one.revision) for one in invoices] == [
        ("INV-1", "12.25", 1), ("INV-2", "1", 1),
    ]  # fmt: skip
    aged(write(place, str(parts[2].relative_to(place)), parts[0].read_text()))
    code, events = look(world, place)
    assert (code, problems(events)) == (3, ["row-refused"])
    assert "detail-00003.csv, line 2" in events[-1]["message"]
    assert len(await world.values(INVOICE_DETAILS.name, 3)) == 3


async def test_a_manifest_of_costs_is_delivered_beside_one_of_periods(world: World, place: Path) -> None:
    world.start()
    aws_period(place, "2026-01", {"focus-00001.csv.gz": 1})
    part = write(place, "more/periods/data/BILLING_PERIOD=2026-01/periods-00001.csv", PERIODS)
    named = [f"s3://b/{part.relative_to(place)}"]
    put_json(place, "more/periods/metadata/BILLING_PERIOD=2026-01/periods-Manifest.json", {"dataFiles": named})
    code, events = look(world, place)
    assert (code, len(delivered(events)), [one[1] for one in taken(events)]) == (0, 1, ["billing-period"])


async def test_a_folder_of_all_datasets_is_ingested(world: World, place: Path) -> None:
    world.start()
    put(place, "costs.csv", 1)
    write(place, "periods.csv", PERIODS)
    write(place, "invoices.csv", DETAIL)
    done = world.apportion("ingest", place, "--source", "cloud", "--json")
    assert done.returncode == 0, done.stderr
    assert "periods.csv: 2 rows of billing-period (FOCUS 1.4), 2 new or changed" in done.stderr
    answer = json.loads(done.stdout)
    assert [(one["state"], len(one["files"])) for one in answer["deliveries"]] == [("complete", 1)]
    assert [one["dataset"] for one in answer["datasets"]] == ["invoice-detail", "billing-period"]
    details = [decode(InvoiceDetail, value) for value in await world.values(INVOICE_DETAILS.name, 3)]
    assert {one.source_file for one in details} == {"invoices.csv"}
    write(place, "periods.csv", PERIODS.replace("Open", "Ajar"))
    refused = world.apportion("ingest", place, "--source", "cloud")
    assert refused.returncode == 2
    assert "periods.csv, line 3: BillingPeriodStatus has 'Ajar'" in refused.stderr
    assert len(world.http.get("/v1/deliveries").json()) == 1, "nothing of the costs was delivered"


async def test_a_file_that_is_no_export_is_delivered_and_refused_by_name(world: World, place: Path) -> None:
    world.start()
    aged(write(place, "notes.csv", "a,b\n1,2\n"))
    code, events = look(world, place)
    assert code == 3
    assert events[-1]["state"] == "refused"
    assert "notes.csv: " in events[-1]["error"]
