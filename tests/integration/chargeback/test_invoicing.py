"""From allocations on the wire to files, with real Kafka and PostgreSQL."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
from decimal import Decimal

import msgspec

from shared import topics
from shared.events import Invoice, InvoiceRun, decode
from shared.money import minor_unit, round_half_even, total
from shared.publication import verify
from tests.integration.chargeback.support import (
    CENTERS,
    PERIOD,
    World,
    allocation,
    closing,
    final_run,
    lines_of_a_month,
    shuffled,
)
from tests.stack.waiting import until


async def test_allocations_become_numbered_invoices_whose_lines_add_up(world: World) -> None:
    lines = lines_of_a_month()
    await world.send_month(lines)
    world.start()
    await world.approve_and_issue()
    files = world.published()
    rows = list(csv.DictReader(io.StringIO(files["lines.csv"].decode())))
    documents = list(csv.DictReader(io.StringIO(files["invoices.csv"].decode())))
    assert [row["number"] for row in documents] == [f"IC-2026-{n:06}" for n in range(1, 7)]
    for currency in ("JPY", "USD"):
        exact = total(
            line.effective_cost for line in lines if line.currency == currency and line.kind != "suspense"
        )  # fmt: skip
        charged = total(Decimal(row["amount"]) for row in rows if row["currency"] == currency)
        assert charged == round_half_even(exact, minor_unit(currency))
        assert total(Decimal(row["exact_amount"]) for row in rows if row["currency"] == currency) == exact
    verify(world.files_dir / PERIOD / "invoices-r1")
    assert world.stop() == 0


async def test_what_is_published_agrees_with_its_run(world: World) -> None:
    await world.send_month(lines_of_a_month())
    world.start()
    await world.approve_and_issue()

    async def all_runs() -> list[InvoiceRun] | None:
        runs = [decode(InvoiceRun, value) for value in await world.read(topics.INVOICE_RUNS.name)]
        return runs if runs and runs[-1].status == "issued" else None

    runs: list[InvoiceRun] = await until(all_runs, "the issued run is published")
    assert [(run.status, run.revision) for run in runs] == [("drafted", 1), ("approved", 2), ("issued", 3)]
    assert runs[-1].files == f"{PERIOD}/invoices-r1"
    records = await world.read(topics.INVOICES.name)
    issued = {invoice.invoice_id: value for value in records if (invoice := decode(Invoice, value)).number}
    digests = "".join(hashlib.sha256(issued[key]).hexdigest() for key in sorted(issued))
    assert runs[-1].documents_hash == hashlib.sha256(digests.encode()).hexdigest()
    assert sum(run.documents for run in runs[-1].totals) == len(issued) == 6


async def test_order_and_duplicates_do_not_change_a_byte(world: World, other_world: World) -> None:
    lines = lines_of_a_month()
    await world.send_month(lines)
    world.start()
    other_world.start()
    await other_world.send(closing(), final_run(lines))
    await other_world.send_month(shuffled(lines, seed=7))
    await other_world.send(final_run(lines))
    await world.approve_and_issue()
    await other_world.approve_and_issue()
    assert other_world.published() == world.published()


async def test_a_tampered_allocation_is_refused_and_kept_as_a_dead_letter(world: World) -> None:
    lines = lines_of_a_month()
    await world.send_month(lines)
    world.start()
    await world.reaches("drafted")
    tampered = msgspec.structs.replace(lines[1], effective_cost=Decimal(777_777_777), run_id="elsewhere")
    await world.send(tampered)

    async def letters() -> list[dict[str, str]] | None:
        return (await world.ask("GET", "/v1/dead-letters")).json() or None

    (letter,) = await until(letters, "the dead letter")
    assert (letter["code"], letter["billing_period"]) == ("allocation-conflict", PERIOD)
    await world.approve_and_issue()
    assert b"777777777" not in world.published()["lines.csv"]


async def test_nothing_is_drafted_until_every_line_is_there_and_the_api_says_what_is_missing(world: World) -> None:
    lines = lines_of_a_month()
    run = final_run(lines)
    await world.send(closing())
    world.start()

    async def waits_for(words: str) -> bool:
        answer = await world.status()
        return answer["status"] == "none" and any(words in reason for reason in answer["waiting_for"])

    await until(lambda: waits_for("final allocation run"), "it waits for the run")
    await world.send(run, *lines[1:])
    await until(lambda: waits_for("JPY lines: the run says 12, we have 11"), "it waits for a line")
    changed = msgspec.structs.replace(lines[0], rule_id="another")
    await world.send(changed)
    await until(lambda: waits_for("contents differ"), "it sees another content")
    await world.send(msgspec.structs.replace(lines[0], revision=2))
    await until(lambda: waits_for("cost center CC-100 is charged but not known"), "it waits for cost centers")
    await world.send_month(lines)
    await world.reaches("drafted")


async def test_decisions_out_of_turn_are_refused(world: World) -> None:
    await world.send_month(lines_of_a_month())
    world.start()
    nothing_yet = await world.ask("POST", "/v1/periods/2025-12/issue")
    assert (nothing_yet.status_code, nothing_yet.json()["error"]["code"]) == (404, "nothing-drafted")
    await world.reaches("drafted")
    for path, body, status, words in (
        ("approve", {"approved_by": "ANA"}, 409, "approver-is-preparer"),
        ("approve", {"approved_by": "  "}, 422, "at least 1 character"),
        ("issue", None, 409, "not-approved"),
    ):
        answer = await world.ask("POST", f"/v1/periods/{PERIOD}/{path}", json=body)
        assert answer.status_code == status
        assert words in answer.text
    assert (await world.status())["status"] == "drafted"


async def test_an_invoice_that_no_record_can_carry_is_not_drafted_and_named(world: World) -> None:
    lines = [allocation(number, CENTERS[0], "direct", "1.5", rule_id="r" * 4_000) for number in range(2_000)]
    await world.send_month(lines)
    world.start()

    async def refused() -> bool:
        return any("2000 lines" in reason for reason in (await world.status())["waiting_for"])

    await until(refused, "the document is refused")
    assert (await world.status())["status"] == "none"
    assert await world.read(topics.INVOICES.name) == []


async def test_the_api_lists_shows_and_exports(world: World) -> None:
    await world.send_month(lines_of_a_month())
    world.start()
    assert (await world.ask("GET", f"/v1/periods/{PERIOD}/export")).status_code == 404
    await world.approve_and_issue()
    listed = (await world.ask("GET", "/v1/invoices", params={"period": PERIOD, "status": "issued"})).json()
    assert [row["cost_center"] for row in listed] == [center for center in sorted(CENTERS) for _ in ("JPY", "USD")]
    invoice = decode(Invoice, (await world.ask("GET", "/v1/invoices/IC-2026-000001")).content)
    assert (invoice.cost_center, invoice.approved_by) == (listed[0]["cost_center"], "ben")
    packed = await world.ask("GET", f"/v1/periods/{PERIOD}/export")
    with tarfile.open(fileobj=io.BytesIO(packed.content)) as archive:
        manifest = archive.extractfile(f"{PERIOD}-invoices-r1/manifest.json")
        assert manifest is not None
        assert json.loads(manifest.read())["totals"][0]["currency"] == "JPY"
    metrics = (await world.ask("GET", "/metrics")).text
    assert f'apportion_chargeback_documents{{currency="USD",period="{PERIOD}",status="issued"}} 3.0' in metrics


async def test_closing_again_with_the_same_lines_confirms_and_with_others_asks_a_person(world: World) -> None:
    lines = lines_of_a_month()
    await world.send_month(lines)
    world.start()
    await world.approve_and_issue()
    before = world.published()
    await world.send(closing("2026-01-2", 2), final_run(lines, "2026-01-2", "run-2"))

    async def confirmed() -> bool:
        return bool((await world.status())["close_id"] == "2026-01-2")

    await until(confirmed, "the second close is confirmed")
    more = allocation(200, CENTERS[0], "direct", "5")
    await world.send(more, closing("2026-01-3", 3), final_run([*lines, more], "2026-01-3", "run-3"))

    async def refused() -> bool:
        return any("frozen" in reason for reason in (await world.status())["waiting_for"])

    await until(refused, "the changed run is refused")
    assert world.published() == before
