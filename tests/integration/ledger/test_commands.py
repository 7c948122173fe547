"""The commands against a running ledger."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from services.ledger import cli
from tests.integration.ledger import story
from tests.integration.ledger.world import PERIOD, World

app = typer.Typer()
app.add_typer(cli.period, name="period")
app.command("reconcile")(cli.reconcile)


async def run(*arguments: str) -> Result:
    """Run a command in a thread, as if typed."""
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))


async def test_close_follows_a_period_to_its_books(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("APPORTION_LEDGER_URL", str(world.http.base_url))
    await world.start()
    await story.deliver(world)

    closing = asyncio.create_task(run("period", "close", PERIOD, "--prepared-by", "ann", "--wait"))
    found = await world.reaches("invoicing")
    await story.hand_over(world, found["close_id"])

    done = await closing
    assert (done.exit_code, "closed" in done.stdout) == (0, True), done.output
    listed = await run("period", "status", "--json")
    assert [(one["billing_period"], one["state"]) for one in json.loads(listed.stdout)] == [(PERIOD, "closed")]
    assert (await run("reconcile", PERIOD)).exit_code == 0
    assert (await run("period", "export", PERIOD, "--out", str(tmp_path / "out"))).exit_code == 0
    assert (tmp_path / "out" / f"{PERIOD}-books-r1" / "SHA256SUMS").read_bytes() == world.sums()
    again = await run("period", "close", PERIOD, "--prepared-by", "ann")
    assert (again.exit_code, "is closed" in again.stderr) == (3, True)


async def test_a_blocked_close_lists_its_breaks_and_exits_with_3(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPORTION_LEDGER_URL", str(world.http.base_url))
    await world.start()

    blocked = await run("period", "close", PERIOD, "--prepared-by", "ann", "--wait")

    assert blocked.exit_code == 3
    assert "no-costs" in blocked.stdout
    assert (await run("period", "status", "2026-99")).exit_code == 2


async def test_no_ledger_is_a_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPORTION_LEDGER_URL", "http://127.0.0.1:1")

    found = await run("period", "status")

    assert (found.exit_code, "does not answer" in found.stderr) == (1, True)
