"""What others are told about held deliveries: one revision for each change, whatever dies in between."""

from __future__ import annotations

import signal
from pathlib import Path

from sqlalchemy import text

from shared.database import create_engine
from shared.events import DeliveredScope, DeliveryHold, decode
from shared.topics import HOLDS
from tests.integration.intake.world import World
from tests.unit.intake.exports import charge, write_csv

FEBRUARY = {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"}
BAD = {"BilledCost": "1,5"}
SAMPLES = (
    'apportion_intake_deliveries_in_state{state="held"} 1.0',
    'apportion_intake_deliveries_in_state{state="complete"} 0.0',
    'apportion_intake_newest_delivery_rows{rows="read",source="aws"} 3.0',
    'apportion_intake_newest_delivery_rows{rows="rejected",source="aws"} 2.0',
)
Changes = list[tuple[int, str]]


async def told(world: World, count: int) -> dict[str, Changes]:
    """Revision and state of all that is on the topic, by delivery, as soon as there is so much."""
    found: dict[str, Changes] = {}
    for one in await holds(world, count):
        found.setdefault(one.delivery_id, []).append((one.revision, one.state))
    return found


async def holds(world: World, count: int) -> list[DeliveryHold]:
    return [decode(DeliveryHold, value) for value in await world.values(HOLDS.name, count)]


def bad_export(path: Path) -> Path:
    return write_csv(path, [charge(1), charge(2, **BAD), charge(3, **FEBRUARY, **BAD)])


async def test_each_change_of_a_held_delivery_is_told_once(world: World, tmp_path: Path) -> None:
    world.start(reject_limit="0")
    first = world.deliver("aws", bad_export(tmp_path / "a.csv"))
    (record,) = await holds(world, 1)
    assert (record.delivery_id, record.source, record.ordinal) == (first["delivery_id"], "aws", 1)
    assert [one.code for one in record.reasons] == ["too-many-rejected"]
    payer = record.scopes[0].billing_account_id
    assert record.scopes == [
        DeliveredScope(billing_account_id=payer, billing_period=period) for period in ("2026-01", "2026-02")
    ]
    second = world.deliver("aws", write_csv(tmp_path / "b.csv", [charge(1), charge(2, **BAD)]))
    world.decide("release", second["delivery_id"])  # it has to wait for the older one all the same
    third = world.deliver("gcp", bad_export(tmp_path / "c.csv"))
    world.decide("cancel", third["delivery_id"])
    assert (await told(world, 6))[second["delivery_id"]] == [(1, "held"), (2, "resumed"), (3, "held")]
    world.decide("release", first["delivery_id"])
    world.until(lambda: world.state(second["delivery_id"]) == "complete", "the newer one went on by itself")
    assert await told(world, 8) == {
        first["delivery_id"]: [(1, "held"), (2, "resumed")],
        second["delivery_id"]: [(1, "held"), (2, "resumed"), (3, "held"), (4, "resumed")],
        third["delivery_id"]: [(1, "held"), (2, "cancelled")],
    }


async def test_only_what_has_the_rejected_rows_payer_and_period_takes_a_held_ones_place(
    world: World, tmp_path: Path
) -> None:
    world.start(reject_limit="0")
    held = world.deliver("aws", write_csv(tmp_path / "all.csv", [charge(1, **BAD), charge(2, **BAD)]))
    february = world.deliver("aws", write_csv(tmp_path / "feb.csv", [charge(9, **FEBRUARY)]))
    assert (february["state"], world.state(held["delivery_id"])) == ("complete", "held")
    january = world.deliver("aws", write_csv(tmp_path / "jan.csv", [charge(1), charge(2)]))
    assert await told(world, 2) == {held["delivery_id"]: [(1, "held"), (2, "superseded")]}
    assert (await holds(world, 2))[1].superseded_by == january["delivery_id"]


async def test_rows_that_tell_no_period_are_told_as_such_and_a_released_delivery_may_be_refused(
    world: World, tmp_path: Path
) -> None:
    world.start(reject_limit="0")
    file = write_csv(tmp_path / "none.csv", [charge(1, BillingPeriodStart="soon", BillingPeriodEnd="later")])
    held = world.deliver("aws", file)
    (record,) = await holds(world, 1)
    assert (record.state, record.scopes) == ("held", [])
    for archived in (world.directory / "data" / "archive" / "files").rglob("*"):
        if archived.is_file():
            archived.chmod(0o644)
            archived.write_bytes(b"something else\n")
    world.decide("release", held["delivery_id"])
    assert await told(world, 3) == {held["delivery_id"]: [(1, "held"), (2, "resumed"), (3, "refused")]}


async def test_kill_nine_before_and_after_each_commit_leaves_the_right_record(world: World, tmp_path: Path) -> None:
    world.start("intake.assessed", reject_limit="0")
    delivery_id = world.begin("aws", [bad_export(tmp_path / "a.csv")])
    for step in ("intake.held", "intake.outbox.published", ""):
        assert world.died() == signal.SIGKILL
        world.start(step, reject_limit="0")
    assert set((await told(world, 2))[delivery_id]) == {(1, "held")}
    world.stop()
    world.start("intake.released", reject_limit="0")
    world.decide_and_die("release", delivery_id)
    world.start("intake.outbox.published", reject_limit="0")
    assert world.died() == signal.SIGKILL
    world.start(reject_limit="0")
    assert world.finish(delivery_id)["state"] == "complete"
    assert set((await told(world, 4))[delivery_id]) == {(1, "held"), (2, "resumed")}
    assert len({one.since for one in await holds(world, 4)}) <= 2


async def test_new_topics_get_what_is_known_of_holds(world: World, tmp_path: Path) -> None:
    world.start(reject_limit="0")
    for source in ("aws", "gcp"):
        world.deliver(source, bad_export(tmp_path / f"{source}.csv"))
    before = await world.values(HOLDS.name, 2)
    world.stop()
    world.prefix += "new."
    await world.prepare()
    world.start(reject_limit="0")
    assert world.http.post("/v1/republications", json={"periods": ["2026-03"]}).json()["holds"] == 0
    assert world.http.post("/v1/republications", json={"source": "gcp", "periods": ["2026-02"]}).json()["holds"] == 1
    assert world.http.post("/v1/republications", json={}).json()["holds"] == 2
    assert set(await world.values(HOLDS.name, 3)) == set(before)


async def test_what_was_held_before_anybody_was_told_is_told_at_the_next_start(world: World, tmp_path: Path) -> None:
    world.start(reject_limit="0")
    held = world.deliver("aws", bad_export(tmp_path / "a.csv"))
    (before,) = await holds(world, 1)
    world.stop()
    engine = create_engine(world.database_url, "test")
    async with engine.begin() as conn:
        await conn.execute(text("DELETE FROM intake.hold_records"))
    await engine.dispose()
    for _ in range(2):
        world.start(reject_limit="0")
        world.until(lambda: world.shows("apportion_intake_held_deliveries 1.0"), "looked at deliveries")
        for sample in SAMPLES:
            world.until(lambda sample=sample: world.shows(sample), sample)
        # Once before the rows were lost and once after; the outbox may send a record twice when a process ends.
        ((delivery_id, records),) = (await told(world, 2)).items()
        assert (delivery_id, set(records), len(records) >= 2) == (held["delivery_id"], {(1, "held")}, True)
        world.stop()
    assert {(tuple(one.scopes), tuple(one.reasons)) for one in await holds(world, 2)} == {
        (tuple(before.scopes), tuple(before.reasons))
    }
