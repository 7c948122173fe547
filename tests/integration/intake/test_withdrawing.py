"""Withdrawals: what a source has in force is taken back, exactly once, and only by two people."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared.archive import in_force
from tests.integration.intake.test_held import BAD, FEBRUARY
from tests.integration.intake.test_republishing import numbered, republish
from tests.integration.intake.world import World, effective, stated, sums
from tests.unit.intake.exports import charge, write_csv


def ask(world: World, source: str, period: str | None = None, by: str = "bob") -> Any:
    body = {"source": source, "period": period, "by": by, "reason": "a wrong name"}
    return world.http.post("/v1/withdrawals", json=body)


def withdraw(world: World, source: str, period: str | None = None) -> dict[str, Any]:
    """Ask, wait until it is held, and release it as another person."""
    held = world.finish(ask(world, source, period).json()["delivery_id"])
    assert (held["state"], [one["code"] for one in held["hold_reasons"]]) == ("held", ["withdrawal"])
    assert world.decide("release", held["delivery_id"]).status_code == 200
    return world.finish(held["delivery_id"])


def archived(world: World, period: str = "2026-01") -> list[Path]:
    return [one.path for one in in_force(world.directory / "data" / "archive", period)]


async def standing(world: World) -> Counter[tuple[str, int]]:
    """What the events add up to, row by row: each row that counts, once."""
    counts: Counter[tuple[str, int]] = Counter()
    for event in (one for some in effective(await world.events()).values() for one in some):
        counts[event.row_hash, event.occurrence] += 1 if event.kind == "charge" else -1
    return +counts


async def test_what_was_delivered_under_a_wrong_name_is_taken_back_by_two_people(world: World, tmp_path: Path) -> None:
    world.start()  # no limit holds anything
    rows = [*(charge(n) for n in range(40)), charge(7), charge(9, **FEBRUARY)]
    first = world.deliver("aws-typo", write_csv(tmp_path / "a.csv", [*rows, charge(50, **BAD)]))
    other = world.deliver("gcp", write_csv(tmp_path / "b.csv", [charge(1), charge(60)]))
    held = world.finish(ask(world, "aws-typo").json()["delivery_id"])
    assert (held["state"], held["files"], held["charges"], held["retractions"]) == ("held", [], 0, 42)
    assert "2026-01: 41 rows with 797.25 USD of absolute BilledCost" in held["hold_reasons"][0]["message"]
    alone = world.http.post(
        f"/v1/deliveries/{held['delivery_id']}/release", json={"by": " Bob", "reason": "it is my own"}
    )
    assert (alone.status_code, alone.json()["error"]["code"]) == (409, "same-person")
    assert len(archived(world)) == 2
    assert world.decide("release", held["delivery_id"]).status_code == 200
    done = world.finish(held["delivery_id"])

    assert (done["state"], done["charges"], done["retractions"], done["snapshot"]) == ("complete", 0, 42, [])
    assert [(one["decision"], one["by"]) for one in done["decisions"]] == [("asked", "bob"), ("released", "ann")]
    assert set((await standing(world)).values()) == {1}
    assert sums(effective(await world.events()))["2026-02", "USD"] == (2, Decimal(0), Decimal(0))
    assert len(await standing(world)) == 2
    record = (await world.deliveries(3))[-1]
    assert (record.delivery_id, record.mends, record.files) == (held["delivery_id"], [first["delivery_id"]], [])
    assert [one.billing_period for one in record.replaces] == ["2026-01", "2026-02"]
    assert [one.code for one in record.findings] == ["withdrawn"]
    assert {key: -one for key, (_, one, _) in stated(record.published).items()} == {
        ("2026-01", "USD"): Decimal("797.25"), ("2026-02", "USD"): Decimal("9.25"),
    }  # fmt: skip
    assert world.http.get("/v1/dead-letters").json() == []
    assert [path.parent.name for path in archived(world)] == [other["delivery_id"]]
    assert archived(world, "2026-02") == []
    page = world.http.get(f"/v1/deliveries/{held['delivery_id']}/quality.html")
    assert (page.status_code, "is taken back, as bob asked: a wrong name" in page.text) == (200, True)
    again = ask(world, "aws-typo")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "nothing-in-force")
    assert world.deliver("aws-typo", tmp_path / "a.csv")["charges"] == 42


async def test_one_month_of_a_source_that_appends_is_taken_back_and_can_be_delivered_again(
    world: World, tmp_path: Path
) -> None:
    world.start()
    first = write_csv(tmp_path / "a.csv", [charge(1), charge(2, **FEBRUARY)])
    second = write_csv(tmp_path / "b.csv", [charge(3)])
    for file in (first, second):
        world.deliver("oci", file, style="append")
    done = withdraw(world, "oci", "2026-01")
    assert (done["retractions"], done["withdraws"]) == (
        2, [{"billing_account_id": "0012345", "billing_period": "2026-01"}],
    )  # fmt: skip
    assert (archived(world), len(archived(world, "2026-02"))) == ([], 1)
    again = world.deliver("oci", first)
    assert (again["style"], again["charges"]) == ("append", 1)
    assert len(await standing(world)) == 2


async def test_newer_rows_are_not_taken_back_by_an_older_question(world: World, tmp_path: Path) -> None:
    world.start()
    world.deliver("oci", write_csv(tmp_path / "a.csv", [charge(1)]), style="append")
    world.deliver("aws", write_csv(tmp_path / "b.csv", [charge(11)]))
    oci = world.finish(ask(world, "oci").json()["delivery_id"])
    aws = world.finish(ask(world, "aws").json()["delivery_id"])
    assert ask(world, "oci").json()["error"]["code"] == "not-now"
    waiting = world.deliver("oci", write_csv(tmp_path / "c.csv", [charge(2)]))
    newer = world.deliver("aws", write_csv(tmp_path / "d.csv", [charge(12)]))
    assert ([one["code"] for one in waiting["hold_reasons"]], newer["state"]) == (["behind-held"], "complete")
    assert world.state(aws["delivery_id"]) == "superseded"
    world.decide("release", oci["delivery_id"])
    world.until(lambda: world.state(waiting["delivery_id"]) == "complete", "what was added went on")
    assert world.finish(oci["delivery_id"])["retractions"] == 1
    assert len(await standing(world)) == 2


async def test_kill_nine_at_each_step_takes_back_once_and_it_can_be_published_again(
    world: World, tmp_path: Path
) -> None:
    world.start("intake.planned")
    with_rows = [charge(n) for n in range(30)]
    first = world.begin("aws", [write_csv(tmp_path / "a.csv", with_rows)])
    assert world.died() == signal.SIGKILL
    world.start()
    assert world.finish(first)["charges"] == 30
    world.stop()
    world.start("intake.assessed")
    delivery_id = ask(world, "aws").json()["delivery_id"]
    assert world.died() == signal.SIGKILL
    world.start()
    assert world.finish(delivery_id)["state"] == "held"
    world.stop()
    world.start("intake.planned")
    world.decide("release", delivery_id)
    for step in ("intake.normalised", "intake.part-published", "intake.published", "intake.completed", ""):
        assert world.died() == signal.SIGKILL
        world.start(step)
    assert world.finish(delivery_id)["retractions"] == 30
    assert (await standing(world), archived(world)) == (Counter(), [])
    once = numbered(effective(await world.events()))
    assert republish(world)["deliveries"] == 2
    assert numbered(await world.events()) == once
    world.stop()
    shutil.rmtree(world.directory / "data" / "archive" / "deliveries")
    world.start()
    world.until((world.directory / "data/archive/deliveries" / f"{delivery_id}.json").exists, "noted again")
    assert archived(world) == []


async def test_the_command_says_what_is_taken_back_and_what_to_do_next(world: World, tmp_path: Path) -> None:
    world.start()
    none = world.apportion("intake", "withdraw", "aws", "--by", "bob", "--reason", "typo")
    assert (none.returncode, "source aws has nothing in force" in " ".join(none.stderr.split())) == (3, True)
    world.deliver("aws", write_csv(tmp_path / "a.csv", [charge(1), charge(2)]))
    asked = world.apportion("intake", "withdraw", "aws", "--period", "2026-01", "--by", "bob", "--reason", "typo")
    assert asked.returncode == 0, asked.stderr
    said = " ".join(asked.stdout.split())
    delivery_id = world.http.get("/v1/deliveries").json()[0]["delivery_id"]
    assert f"withdrawal {delivery_id} of aws is held: 0 rows, 0 charges and 2 retractions" in said
    assert f"apportion intake release {delivery_id} --by NAME" in said
    mine = world.apportion("intake", "release", delivery_id, "--by", "bob", "--reason", "sure")
    assert (mine.returncode, "another person looks at it" in " ".join(mine.stderr.split())) == (3, True)
    world.apportion("intake", "release", delivery_id, "--by", "ann", "--reason", "seen")
    assert world.finish(delivery_id)["state"] == "complete"
    assert "withdrawal" in world.apportion("intake", "deliveries").stdout
