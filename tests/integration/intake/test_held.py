"""Deliveries that are held: nothing of them is published before a person, or a newer delivery, decides."""

from __future__ import annotations

import json
import signal
from decimal import Decimal
from pathlib import Path

from tests.integration.intake.world import World, effective, stated, sums
from tests.unit.intake.exports import charge, write_csv

FEBRUARY = {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"}
BAD = {"BilledCost": "1,5"}


async def published(world: World) -> int:
    return sum(map(len, effective(await world.events()).values()))


def bad_export(path: Path) -> Path:
    return write_csv(path, [charge(1), charge(2, **BAD), charge(3), charge(4)])


async def test_more_rejections_than_the_limit_hold_a_delivery_until_it_is_released(
    world: World, tmp_path: Path
) -> None:
    world.start(reject_limit="10%")
    held = world.deliver("aws", bad_export(tmp_path / "bad.csv"))
    assert (held["state"], held["rejected_rows"], [one["code"] for one in held["hold_reasons"]]) == (
        "held", 1, ["too-many-rejected"],
    )  # fmt: skip
    assert await published(world) == 0
    assert world.http.get("/v1/dead-letters").json() == []
    world.until(lambda: world.shows("apportion_intake_held_deliveries 1.0"), "counted as held")
    rejected = world.http.get(f"/v1/deliveries/{held['delivery_id']}/rejected").text.splitlines()
    (row,) = [json.loads(line) for line in rejected]
    assert (row["line"], row["column"], row["value"], row["code"]) == (3, "BilledCost", "1,5", "amount-unreadable")

    assert world.decide("release", held["delivery_id"]).status_code == 200
    done = world.finish(held["delivery_id"])
    assert (done["state"], done["charges"], done["hold_reasons"]) == ("complete", 3, [])
    assert [(one["decision"], one["by"], one["reason"]) for one in done["decisions"]] == [
        ("released", "ann", "the provider says so")
    ]
    assert await published(world) == 3
    assert len(world.http.get("/v1/dead-letters").json()) == 1
    again = world.decide("cancel", held["delivery_id"])
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not-held")


async def test_a_delivery_may_bring_its_own_limit(world: World, tmp_path: Path) -> None:
    world.start(reject_limit="0")
    file = bad_export(tmp_path / "bad.csv")
    assert world.finish(world.begin("aws", [file], reject_limit="1"))["state"] == "complete"
    refused = world.http.post("/v1/deliveries", json={"source": "a", "files": [], "reject_limit": "some"})
    assert refused.status_code == 422


async def test_a_delivery_that_shrinks_is_held_and_cancelling_it_changes_nothing(world: World, tmp_path: Path) -> None:
    world.start(shrink_share="0.5")
    whole = write_csv(tmp_path / "whole.csv", [charge(n) for n in range(20)])
    cut = write_csv(tmp_path / "cut.csv", [charge(n) for n in range(5)])
    first = world.deliver("aws", whole)
    held = world.deliver("aws", cut)
    assert (held["state"], {one["code"] for one in held["hold_reasons"]}) == ("held", {"shrunk"})
    assert "2026-01 has 5 rows where 20 are in force: 75 % vanish" in held["hold_reasons"][0]["message"]
    assert world.decide("cancel", held["delivery_id"]).json()["state"] == "cancelled"
    assert await published(world) == 20
    assert world.deliver("aws", whole)["charges"] == 0
    assert world.deliver("aws", cut)["state"] == "held"
    assert first["state"] == "complete"


async def test_a_clean_newer_delivery_of_the_same_scopes_replaces_a_held_one(world: World, tmp_path: Path) -> None:
    world.start(reject_limit="0")
    held = world.deliver("aws", bad_export(tmp_path / "bad.csv"))
    good = world.deliver("aws", write_csv(tmp_path / "good.csv", [charge(n) for n in range(1, 5)]))
    assert good["state"] == "complete"
    after = world.finish(held["delivery_id"])
    assert (after["state"], after["superseded_by"]) == ("superseded", good["delivery_id"])
    assert world.decide("release", held["delivery_id"]).status_code == 409
    assert await published(world) == 4


async def test_other_months_go_on_while_one_is_held(world: World, tmp_path: Path) -> None:
    world.start(reject_limit="0")
    held = world.deliver("aws", bad_export(tmp_path / "bad.csv"))
    february = world.deliver("aws", write_csv(tmp_path / "feb.csv", [charge(9, **FEBRUARY)]))
    assert (february["state"], world.state(held["delivery_id"])) == ("complete", "held")


async def test_a_delivery_with_some_of_the_held_scopes_waits_its_turn(world: World, tmp_path: Path) -> None:
    world.start(reject_limit="0")
    older = write_csv(tmp_path / "old.csv", [charge(1), charge(2, **BAD), charge(3, **FEBRUARY)])
    newer = write_csv(tmp_path / "new.csv", [charge(1), charge(2)])
    held, waiting = world.deliver("aws", older), world.deliver("aws", newer)
    assert (waiting["state"], [one["code"] for one in waiting["hold_reasons"]]) == ("held", ["behind-held"])
    world.decide("release", held["delivery_id"])
    assert world.finish(held["delivery_id"])["state"] == "complete"
    world.until(lambda: world.state(waiting["delivery_id"]) == "complete", "the newer one went on by itself")
    billed = {key: figures[1] for key, figures in sums(effective(await world.events())).items()}
    assert billed == {("2026-01", "USD"): Decimal("3.5"), ("2026-02", "USD"): Decimal("3.25")}


async def test_kill_nine_around_holding_and_releasing_loses_and_repeats_nothing(world: World, tmp_path: Path) -> None:
    file = bad_export(tmp_path / "bad.csv")
    world.start("intake.assessed", reject_limit="0")
    delivery_id = world.begin("aws", [file])
    for step in ("intake.held", ""):
        assert world.died() == signal.SIGKILL
        world.start(step, reject_limit="0")
    assert world.finish(delivery_id)["state"] == "held"
    assert await published(world) == 0
    world.stop()
    world.start("intake.released", reject_limit="0")
    world.decide_and_die("release", delivery_id)
    for step in ("intake.assessed", "intake.normalised", "intake.completed", ""):
        world.start(step, reject_limit="0")
        if step:
            assert world.died() == signal.SIGKILL
    done = world.finish(delivery_id)
    assert (done["state"], done["charges"], len(done["decisions"])) == ("complete", 3, 1)
    (record,) = await world.deliveries(1)
    assert sums(effective(await world.events())) == stated(record.published)


async def test_two_processes_take_deliveries_of_one_source_in_turn(world: World, tmp_path: Path) -> None:
    second = world.beside()
    world.start()
    second.start()
    try:
        exports = [write_csv(tmp_path / f"{n}.csv", [charge(row) for row in range(n, n + 400)]) for n in range(4)]
        ids = [one.begin("aws", [file]) for one, file in zip((world, second, world, second), exports, strict=True)]
        shown = [world.finish(delivery_id) for delivery_id in ids]
    finally:
        second.kill()
    assert [(one["ordinal"], one["state"], one["charges"], one["retractions"]) for one in shown] == [
        (1, "complete", 400, 0), (2, "complete", 1, 1), (3, "complete", 1, 1), (4, "complete", 1, 1),
    ]  # fmt: skip
    last = sums(effective(await world.events()))["2026-01", "USD"]
    assert last[1] == sum(Decimal(f"{row}.25") for row in range(3, 403))
