"""kill -9 at every numbered step: after a restart a consumer gets the very events of an undisturbed run."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.integration.intake.world import World, effective, stated, sums
from tests.unit.intake.desk import Desk
from tests.unit.intake.exports import charge, write_csv

STEPS = [
    "intake.received", "intake.read", "intake.planned", "intake.normalised", "intake.publishing",
    "intake.part-published:1", "intake.part-published:4", "intake.checkpointed", "intake.published",
    "intake.completed", "intake.outbox.published",
]  # fmt: skip
FILES = 10


def export(directory: Path, name: str, first: int) -> list[Path]:
    """A delivery of several files, so that there are several parts to publish, with one row that is refused."""
    files = []
    for number in range(FILES):
        rows = [
            charge(n, BilledCost="?" if n == 27 else f"{n}.5")
            for n in range(first + number * 5, first + number * 5 + 8)
        ]
        files.append(write_csv(directory / f"{name}-{number}.csv", rows))
    return files


async def test_a_delivery_killed_at_each_step_ends_like_an_undisturbed_one(world: World, tmp_path: Path) -> None:
    before, after = export(tmp_path, "before", 0), export(tmp_path, "after", 7)
    desk = Desk(tmp_path / "undisturbed", source="aws")
    expected = [desk.deliver(*before), desk.deliver(*after)]
    world.start()
    assert world.deliver("aws", *before)["state"] == "complete"
    await world.deliveries(1)
    world.stop()

    world.start(failpoint=STEPS[0])
    delivery_id = world.begin("aws", after)
    for step in [*STEPS[1:], ""]:
        assert world.died() == signal.SIGKILL
        world.start(failpoint=step)
    shown = world.finish(delivery_id)

    assert shown["delivery_id"] == expected[1].delivery_id
    taken = effective(await world.events())
    for partition, received in taken.items():
        assert received == [e for outcome in expected for e in outcome.events if e.partition == partition]
    records = {record.delivery_id: record for record in await world.deliveries(2)}
    assert stated(records[delivery_id].published) == sums(
        {p: [e for e in events if e.delivery_id == delivery_id] for p, events in taken.items()}
    )
    assert (
        records[delivery_id].rejected_rows
        == len(expected[1].rejections)
        == len(world.http.get("/v1/dead-letters").json())
    )
    assert not list((world.directory / "data" / "spool").iterdir())
