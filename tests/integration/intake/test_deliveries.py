from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

from shared.database import create_engine, lock_transaction
from tests.integration.intake.world import World, effective, stated, sums
from tests.unit.intake.exports import charge, write_csv


async def test_every_event_decodes_and_the_sums_are_those_of_the_record(world: World, tmp_path: Path) -> None:
    world.start()
    shown = world.deliver("aws", write_csv(tmp_path / "jan.csv", [charge(n) for n in range(300)]))
    assert (shown["state"], shown["rows_read"], shown["events_published"]) == ("complete", 300, 300)
    events = await world.events()
    (record,) = await world.deliveries(1)
    assert record.partition_events == [len(events[partition]) for partition in range(6)]
    assert all([e.sequence for e in received] == list(range(len(received))) for received in events.values())
    assert sums(events) == stated(record.published) == stated(record.snapshot)
    assert sums(events)["2026-01", "USD"] == (300, Decimal(44925), Decimal("44887.5"))
    assert (record.charges, record.retractions, record.ordinal, record.source) == (300, 0, 1, "aws")


async def test_a_delivery_is_complete_when_its_record_is_published_too(world: World, tmp_path: Path) -> None:
    world.start()
    engine = create_engine(world.database_url, "test")
    async with engine.begin() as conn:
        await lock_transaction(conn, "intake", "outbox")  # so that nothing of the outbox is published
        delivery_id = world.begin("aws", [write_csv(tmp_path / "jan.csv", [charge(1)])])
        world.until(
            lambda: '"delivery complete"' in (world.directory / "intake.log").read_text(),
            "all is published but the record",
        )
        assert world.state(delivery_id) == "publishing"
        listed = world.http.get("/v1/deliveries").json()
        assert [one["state"] for one in listed] == ["publishing"]
    await engine.dispose()
    assert world.finish(delivery_id)["state"] == "complete"
    assert [record.delivery_id for record in await world.deliveries(1)] == [delivery_id]


async def test_the_same_file_twice_publishes_nothing(world: World, tmp_path: Path) -> None:
    world.start()
    file = write_csv(tmp_path / "jan.csv", [charge(n % 7) for n in range(50)])
    first, second = world.deliver("aws", file), world.deliver("aws", file)
    assert (first["charges"], second["charges"], second["retractions"]) == (50, 0, 0)
    assert sum(map(len, (await world.events()).values())) == 50
    one, two = await world.deliveries(2)
    assert one.delivery_id != two.delivery_id
    assert two.published == []
    assert two.snapshot == one.snapshot


async def test_a_changed_snapshot_publishes_exactly_the_difference(world: World, tmp_path: Path) -> None:
    world.start()
    before = [charge(n) for n in range(40)] + [charge(1)] * 3
    after = [charge(n) for n in range(5, 45)] + [charge(7, BilledCost="9e-7", ConsumedQuantity="2")]
    world.deliver("aws", write_csv(tmp_path / "a.csv", before))
    world.deliver("aws", write_csv(tmp_path / "b.csv", after, names=[*reversed(charge()), "ConsumedQuantity"]))
    events = await world.events()
    _, record = await world.deliveries(2)
    second = {
        partition: [event for event in received if event.delivery_id == record.delivery_id]
        for partition, received in events.items()
    }
    kinds = Counter(event.kind for received in second.values() for event in received)
    assert kinds == {"charge": 6, "retraction": 8}
    assert stated(record.published) == sums(second)
    billed = sum(Decimal(row["BilledCost"]) for row in after)
    assert {key: (figures[1]) for key, figures in sums(events).items()} == {("2026-01", "USD"): billed}
    assert record.snapshot[0].billed_cost == billed
    gone = [e for received in second.values() for e in received if e.kind == "retraction"]
    assert sorted(e.occurrence for e in gone if e.charge["ResourceId"] == "vm-1") == [0, 1, 2, 3]
    assert all(e.charge["ListCost"] == "-2" and e.charge["Tags"] == {"team": "a"} for e in gone)


async def test_only_the_payers_and_periods_in_a_delivery_are_replaced(world: World, tmp_path: Path) -> None:
    world.start()
    february = {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"}
    world.deliver(
        "aws", write_csv(tmp_path / "a.csv", [charge(1), charge(2, BillingAccountId="B"), charge(3, **february)])
    )
    shown = world.deliver("aws", write_csv(tmp_path / "b.csv", [charge(4)]))
    assert (shown["charges"], shown["retractions"]) == (1, 1)
    shown = world.deliver("other", write_csv(tmp_path / "c.csv", [charge(4)]))
    assert (shown["charges"], shown["retractions"]) == (1, 0)
    shown = world.deliver(
        "aws", write_csv(tmp_path / "d.csv", [charge(2, BillingAccountId="B"), charge(3, **february)])
    )
    assert (shown["charges"], shown["retractions"]) == (0, 0)


async def test_several_files_are_one_delivery(world: World, tmp_path: Path) -> None:
    world.start()
    files = [write_csv(tmp_path / f"{n}.csv.gz", [charge(n), charge(n + 10)]) for n in range(3)]
    shown = world.deliver("aws", *files)
    assert (shown["state"], shown["charges"], len(shown["files"])) == ("complete", 6, 3)
    (record,) = await world.deliveries(1)
    assert [(file.name, file.rows, file.focus_version) for file in record.files] == [
        (f"{n}.csv.gz", 2, "1.2") for n in range(3)
    ]


async def test_a_refused_file_publishes_nothing(world: World, tmp_path: Path) -> None:
    world.start()
    good = write_csv(tmp_path / "good.csv", [charge(n) for n in range(10)])
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(write_csv(tmp_path / "whole.csv.gz", [charge(n) for n in range(500)]).read_bytes()[:-9])
    shown = world.deliver("aws", good, cut)
    assert shown["state"] == "refused"
    assert "cut.csv.gz: gzip data ends early" in shown["error"]
    assert world.deliver("aws", good)["state"] == "complete"
    assert sum(map(len, (await world.events()).values())) == 10


async def test_a_copy_of_a_file_is_refused_before_anything_counts_twice(world: World, tmp_path: Path) -> None:
    world.start()
    rows = [charge(n) for n in range(3)]
    copies = [write_csv(tmp_path / name, rows) for name in ("a.csv", "a (1).csv")]
    shown = world.deliver("aws", *copies)
    assert (shown["state"], "a (1).csv: it is byte for byte a.csv" in shown["error"]) == ("refused", True)
    added = world.deliver("oci", *copies, style="append")
    assert (added["state"], added["charges"]) == ("complete", 3)


async def test_a_file_that_another_source_has_in_force_is_pointed_out(world: World, tmp_path: Path) -> None:
    world.start()
    file = write_csv(tmp_path / "a.csv", [charge(1)])
    assert world.deliver("aws", file)["findings"] == []
    shown = world.deliver("amazon", file)
    assert [(one["code"], "in force for aws too" in one["message"]) for one in shown["findings"]] == [
        ("files-of-another-source", True)
    ]
    report = world.http.get(f"/v1/deliveries/{shown['delivery_id']}/quality").json()
    assert [one["code"] for one in report["findings"]] == ["files-of-another-source"]
    world.deliver("aws", write_csv(tmp_path / "b.csv", [charge(2)]))
    assert world.deliver("amazon", file)["findings"] == []


async def test_rejected_rows_are_kept_and_settled_by_a_delivery_without_them(world: World, tmp_path: Path) -> None:
    world.start()
    bad = [charge(1), charge(2, BilledCost="1,5"), charge(3, BillingCurrency="EURO"), charge(4, ChargePeriodStart="x")]
    shown = world.deliver("aws", write_csv(tmp_path / "bad.csv", bad))
    assert (shown["state"], shown["charges"], shown["rejected_rows"], shown["rejected_periods"]) == (
        "complete", 1, 3, ["2026-01"],
    )  # fmt: skip
    letters = world.http.get("/v1/dead-letters").json()
    assert sorted((one["place"]["line"], one["place"]["column"], one["place"]["value"]) for one in letters) == [
        (3, "BilledCost", "1,5"), (4, "BillingCurrency", "EURO"), (5, "ChargePeriodStart", "x"),
    ]  # fmt: skip
    assert {one["billing_period"] for one in letters} == {"2026-01"}
    assert len(await world.letters(3)) == 3
    assert world.deliver("aws", write_csv(tmp_path / "good.csv", [charge(n) for n in range(1, 5)]))["charges"] == 3
    assert world.http.get("/v1/dead-letters").json() == []


async def test_unknown_files_and_deliveries_are_named(world: World) -> None:
    world.start()
    missing = world.http.post("/v1/deliveries", json={"source": "a", "files": [{"name": "x.csv", "sha256": "0" * 64}]})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown-file")
    assert world.http.get("/v1/deliveries/nope").json()["error"]["code"] == "unknown-delivery"


async def test_provider_invoices_get_a_revision_only_when_they_change(world: World, tmp_path: Path) -> None:
    world.start()
    file = tmp_path / "invoices.csv"
    head = "issuer,invoice_id,billing_period,currency,amount\n"
    file.write_text(head + "Cloud Inc.,P-1,2026-01,USD,10.50\nCloud Inc.,P-2,2026-01,EUR,1E+2\n")
    assert world.invoices(file).json() == {"rows": 2, "published": 2}
    assert world.invoices(file).json() == {"rows": 2, "published": 0}
    file.write_text(head + "Cloud Inc.,P-1,2026-01,USD,10.5\nCloud Inc.,P-2,2026-01,EUR,99.99\n")
    assert world.invoices(file).json() == {"rows": 2, "published": 1}
    published = await world.provider_invoices(3)
    assert [(one.invoice_id, one.amount, one.revision) for one in published] == [
        ("P-1", Decimal("10.5"), 1), ("P-2", Decimal(100), 1), ("P-2", Decimal("99.99"), 2),
    ]  # fmt: skip
    file.write_text(head + "Cloud Inc.,P-1,2026-01,USD,ten\n")
    answer = world.invoices(file)
    assert answer.status_code == 422
    assert "invoices.csv, line 2: amount has 'ten'" in answer.json()["error"]["message"]


def test_effective_takes_each_sequence_once() -> None:
    assert effective({0: []}) == {0: []}


async def test_costs_that_cannot_be_added_up_are_refused_by_their_column(world: World, tmp_path: Path) -> None:
    world.start()
    rows = [charge(n, EffectiveCost="99999999999999999999") for n in range(2)]
    refused = world.deliver("aws", write_csv(tmp_path / "a.csv", [*rows, charge(3)]))
    assert refused["state"] == "refused"
    assert refused["error"].startswith(
        "EffectiveCost of 2026-01 in USD adds up to more than 20 digits before the point"
    )
    assert world.deliver("aws", write_csv(tmp_path / "b.csv", rows[:1]))["charges"] == 1
