"""kill -9 at every numbered step: after a restart the books have the same bytes as those of an undisturbed ledger."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from services.ledger.books.folder import publish_books
from services.ledger.contracts import reconciliation_record
from services.ledger.domain.chain import heads
from services.ledger.domain.posting import journal
from services.ledger.domain.reconciliation import reconcile
from tests.integration.ledger import story
from tests.integration.ledger.world import PERIOD, World

BEFORE_INVOICING = ("costs.polled", "costs.written", "costs.committed", "records.written", "records.committed",
                    "close.requested", "close.checking.written", "close.checking.committed")  # fmt: skip
AFTER_HAND_OVER = ("close.invoicing.written", "close.invoicing.committed", "close.published",
                   "close.exporting.written", "close.exporting.committed")  # fmt: skip


def undisturbed(directory: Path) -> bytes:
    """The checksums of the books as the pure domain writes them, with no process that could crash."""
    month = story.month()
    entries = journal(month)
    record = reconciliation_record(PERIOD, 1, month.basis, reconcile(month))
    return (publish_books(directory, entries, heads(PERIOD, entries)[-1], record) / "SHA256SUMS").read_bytes()


async def ask_again(world: World) -> str:
    """Ask for the close once more, as somebody does who got no answer: there is still only one close."""
    try:
        return str((await world.close())["close_id"])
    except httpx.TransportError:
        return ""


async def finished(world: World, close_id: str) -> None:
    """Wait for the end, and check that there was one attempt only."""
    assert (await world.reaches("closed"))["close_id"] == close_id == f"{PERIOD}-1"


@pytest.mark.slow
@pytest.mark.parametrize("step", BEFORE_INVOICING)
async def test_killed_while_reading_or_checking(world: World, step: str, tmp_path: Path) -> None:
    await world.start(f"ledger.{step}")
    await story.deliver(world)
    await ask_again(world)
    await world.killed()

    await world.start()
    close_id = await ask_again(world)
    await world.reaches("invoicing")
    await story.hand_over(world, close_id)

    await finished(world, close_id)
    assert world.sums() == undisturbed(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.parametrize("step", AFTER_HAND_OVER)
async def test_killed_while_posting_or_publishing(world: World, step: str, tmp_path: Path) -> None:
    await world.start(f"ledger.{step}")
    await story.deliver(world)
    close_id = str((await world.close())["close_id"])
    await world.reaches("invoicing")
    await story.hand_over(world, close_id)
    await world.killed()

    await world.start()

    await finished(world, close_id)
    assert world.sums() == undisturbed(tmp_path / "undisturbed")
