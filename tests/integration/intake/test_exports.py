"""What a source has in force for a month, given back as a FOCUS 1.4 file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.intake.world import World
from tests.judges.reader import rows_of, sums
from tests.unit.intake.exports import charge, write_csv


def export(world: World, target: Path) -> int:
    """Run the command; its exit code."""
    return world.apportion("export", "2026-01", "--source", "aws", "--out", target).returncode


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_an_export_holds_what_is_in_force_and_delivering_it_changes_nothing(
    world: World, tmp_path: Path, form: str
) -> None:
    world.start()
    later = {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"}
    world.deliver("aws", write_csv(tmp_path / "a.csv", [charge(n, x_Team="t") for n in range(20)]))
    world.deliver(
        "aws", write_csv(tmp_path / "b.csv", [charge(n, BillingAccountId="other", x_Own="o") for n in (1, 2)])
    )
    kept = [charge(n, x_Team="t") for n in range(10)] + [charge(1, x_Team="t")]
    world.deliver("aws", write_csv(tmp_path / "c.csv", [*kept, charge(5, x_Team="t", **later)]))
    target = tmp_path / f"export.{form}"
    assert export(world, target) == 0
    again = world.deliver("aws", target)
    assert (again["charges"], again["retractions"], again["rows_read"]) == (0, 0, 13)
    if form == "csv":
        others = [charge(n) for n in (1, 2)]
        assert sums(rows_of(target.read_bytes())) == sums([*kept, *others])
    assert export(world, target) == 2
    assert not [path for path in (world.directory / "data").iterdir() if path.name.startswith(".export")]


async def test_what_is_not_there_is_said(world: World) -> None:
    world.start()
    answer = world.http.get("/v1/exports/2026-01", params={"source": "aws", "format": "csv"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "nothing-in-force")
    assert world.http.get("/v1/exports/2026-13", params={"source": "aws", "format": "csv"}).status_code == 422
