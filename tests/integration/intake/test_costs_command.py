"""`apportion intake costs`, as the documentation says it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from tests.integration.intake.world import World, effective, sums
from tests.stack.waiting import PATIENCE_SECONDS
from tests.unit.intake.exports import charge, write_csv

DOCUMENT = Path(__file__).parents[3] / "docs" / "direct-costs.md"
COST = {"ServiceName": "farm", "ChargePeriodStart": "2026-09-03", "EffectiveCost": "1.5", "BillingCurrency": "EUR"}


def shell(world: World, script: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "APPORTION_INTAKE_URL": f"http://127.0.0.1:{world.port}", "COLUMNS": "200",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    return subprocess.run(
        ["bash", "-c", script],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def costs(world: World, file: Path, *more: str, source: str = "farm") -> subprocess.CompletedProcess[str]:
    return world.apportion("intake", "costs", file, "--source", source, *more, COLUMNS="200")


def documented() -> str:
    (found,) = re.findall(r"```sh\n(apportion intake costs .*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    return str(found)


async def test_the_documented_command_adds_its_costs_once(world: World, tmp_path: Path) -> None:
    world.start()
    for _ in range(2):
        done = shell(world, documented(), tmp_path)
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)
        assert (shown["state"], shown["charges"], shown["source"]) == ("complete", 2, "render-farm")
    assert len(world.http.get("/v1/deliveries").json()) == 1
    assert sums(effective(await world.events()))["2026-09", "EUR"] == (2, Decimal(0), Decimal("19.75"))


async def test_a_file_its_key_and_what_is_refused(world: World, tmp_path: Path) -> None:
    world.start()
    file = tmp_path / "costs.json"
    file.write_text(json.dumps([COST, COST], indent=1))
    done = costs(world, file)
    assert done.returncode == 0, done.stderr
    assert "of farm is complete: 2 rows, 2 charges" in done.stdout
    assert costs(world, file, "--key", "again").returncode == 0
    assert sums(effective(await world.events()))["2026-09", "EUR"][2] == Decimal(6)

    file.write_text(json.dumps([COST, COST | {"EffectiveCost": "1,5"}]))
    refused = costs(world, file)
    assert refused.returncode == 2
    assert "item 2: EffectiveCost has '1,5'" in refused.stderr
    reused = costs(world, file, "--key", "again")
    assert (reused.returncode, "another" in reused.stderr) == (2, True)
    assert "no such file" in costs(world, tmp_path / "none.json").stderr
    too_large = shell(world, "head -c 9000000 /dev/zero | apportion intake costs - --source farm", tmp_path)
    assert (too_large.returncode, "in parts" in too_large.stderr) == (2, True)
    world.stop()
    assert costs(world, file).returncode == 1


async def test_costs_are_not_added_to_a_source_of_snapshots(world: World, tmp_path: Path) -> None:
    world.start()
    world.deliver("aws", write_csv(tmp_path / "costs.csv", [charge(1)]))
    (tmp_path / "costs.jsonl").write_text(json.dumps(COST))
    done = costs(world, tmp_path / "costs.jsonl", source="aws")
    assert done.returncode == 3, done.stderr
