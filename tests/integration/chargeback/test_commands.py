"""The command line against a running service."""

from __future__ import annotations

import asyncio
import json
from subprocess import CompletedProcess

from tests.integration.chargeback.support import PERIOD, World, lines_of_a_month
from tests.stack.command import apportion


async def invoices(world: World, *arguments: str) -> CompletedProcess[str]:
    """Run `apportion invoices ...`."""
    environment = {"APPORTION_CHARGEBACK_URL": f"http://127.0.0.1:{world.port}", "COLUMNS": "200"}
    return await asyncio.to_thread(apportion, "invoices", *arguments, env=environment)


async def test_a_batch_is_approved_issued_read_and_fetched(world: World) -> None:
    await world.send_month(lines_of_a_month())
    world.start()
    await world.reaches("drafted")
    refused = await invoices(world, "issue", PERIOD)
    assert (refused.returncode, "approve" in refused.stderr) == (3, True)
    assert (await invoices(world, "approve", PERIOD, "--approved-by", "ben")).returncode == 0
    issued = await invoices(world, "issue", PERIOD, "--json")
    assert json.loads(issued.stdout)["files"] == f"{PERIOD}/invoices-r1"
    listed = await invoices(world, "list", "--period", PERIOD)
    assert "IC-2026-000006" in listed.stdout
    shown = await invoices(world, "show", "IC-2026-000001")
    assert "Internal invoice IC-2026-000001 (issued)" in shown.stdout
    out = world.folder / "fetched"
    assert (await invoices(world, "export", PERIOD, "--out", str(out))).returncode == 0
    assert {path.name for path in (out / f"{PERIOD}-invoices-r1").iterdir()} == set(world.published())
    again = await invoices(world, "export", PERIOD, "--out", str(out))
    assert (again.returncode, "nothing was overwritten" in again.stderr) == (2, True)


async def test_a_service_that_is_not_there_is_named(world: World) -> None:
    answer = await invoices(world, "list")
    assert answer.returncode == 1
    assert "chargeback does not answer" in answer.stderr
