"""Delivery styles, snapshots out of order, and refused rows by payer and period, through the running service."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from shared.rejections import unsettled
from tests.integration.intake.world import World, stated, sums
from tests.unit.intake.exports import charge, write_csv

FEBRUARY = {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"}


async def test_an_appending_source_adds_late_rows_and_recognises_what_it_had(world: World, tmp_path: Path) -> None:
    world.start()
    first = write_csv(tmp_path / "1.csv", [charge(1), charge(2), charge(2)])
    late = write_csv(tmp_path / "2.csv", [charge(2), charge(3), charge(4, **FEBRUARY)])
    assert world.deliver("gcp", first, style="append")["charges"] == 3
    shown = world.deliver("gcp", late)
    assert (shown["style"], shown["charges"], shown["retractions"]) == ("append", 2, 0)
    again = world.deliver("gcp", first, late)
    assert (again["charges"], again["rows_read"], [one["code"] for one in again["findings"]]) == (
        0, 0, ["files-delivered-before"],
    )  # fmt: skip
    assert {key: figures[:2] for key, figures in sums(await world.events()).items()} == {
        ("2026-01", "USD"): (4, Decimal(9)), ("2026-02", "USD"): (1, Decimal("4.25")),
    }  # fmt: skip
    records = await world.deliveries(3)
    assert [record.style for record in records] == ["append"] * 3
    assert stated(records[1].snapshot) == sums(await world.events())


async def test_the_style_of_a_source_changes_only_on_request(world: World, tmp_path: Path) -> None:
    world.start()
    files = [write_csv(tmp_path / f"{number}.csv", [charge(number)]) for number in range(3)]
    world.deliver("gcp", files[0], style="append")
    refused = world.ask("gcp", [files[1]], style="overwrite")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "style-differs")
    world.deliver("gcp", files[1])
    whole = world.deliver("gcp", files[2], style="overwrite", change_style=True)
    assert (whole["charges"], whole["retractions"]) == (1, 2)
    back = world.deliver("gcp", files[0], style="append", change_style=True)
    assert (back["charges"], back["retractions"]) == (1, 0)
    assert sums(await world.events())["2026-01", "USD"][1] == Decimal("2.5")


async def test_an_older_snapshot_that_comes_later_does_not_win(world: World, tmp_path: Path) -> None:
    world.start()
    newer, older, newest = (write_csv(tmp_path / f"{n}.csv", [charge(n), charge(9, **FEBRUARY)]) for n in range(3))
    world.deliver("aws", newer, as_of="2026-02-03T06:00:00Z")
    refused = world.deliver("aws", older, as_of="2026-02-02T06:00:00Z")
    assert refused["state"] == "refused"
    assert "as of 2026-02-02" in refused["error"]
    world.deliver("aws", newest)
    assert world.deliver("aws", older, as_of="2026-02-02T06:00:00Z")["state"] == "refused"
    assert world.deliver("aws", newer, as_of="2026-02-03T06:00:00Z")["retractions"] == 1
    assert sums(await world.events())["2026-01", "USD"][1] == Decimal("0.25")


async def test_a_clean_delivery_of_another_payer_forgets_no_refused_row(world: World, tmp_path: Path) -> None:
    world.start()
    bad, other, good = (
        write_csv(tmp_path / "bad.csv", [charge(1), charge(2, BilledCost="?")]),
        write_csv(tmp_path / "other.csv", [charge(3, BillingAccountId="B")]),
        write_csv(tmp_path / "good.csv", [charge(1), charge(2)]),
    )
    world.deliver("aws", bad)
    world.deliver("aws", other)
    (letter,) = world.http.get("/v1/dead-letters").json()
    assert (letter["place"]["billing_account_id"], letter["billing_period"]) == ("0012345", "2026-01")
    records = await world.deliveries(2)
    assert [(one.delivery_id, rows) for one, rows in unsettled(records, "2026-01")] == [(records[0].delivery_id, 1)]
    world.deliver("aws", good)
    assert world.http.get("/v1/dead-letters").json() == []
    assert unsettled(await world.deliveries(3), "2026-01") == []


async def test_what_an_appending_source_mends_is_settled(world: World, tmp_path: Path) -> None:
    world.start()
    bad = world.deliver("oci", write_csv(tmp_path / "1.csv", [charge(1, BilledCost="?"), charge(2)]), style="append")
    world.deliver("oci", write_csv(tmp_path / "2.csv", [charge(3)]))
    assert len(world.http.get("/v1/dead-letters").json()) == 1
    mended = write_csv(tmp_path / "1-mended.csv", [charge(1), charge(2)])
    unknown = world.ask("oci", [mended], mends=["0" * 16])
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown-delivery")
    assert world.deliver("oci", mended, mends=[bad["delivery_id"]])["charges"] == 1
    assert world.http.get("/v1/dead-letters").json() == []
