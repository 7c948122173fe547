"""What is added to the buckets of a month is what a run reads, whatever the values say."""

from __future__ import annotations

from decimal import Decimal

from services.allocator.domain.buckets import Bucket
from services.allocator.store import buckets
from shared.cost_stream import CostGroup
from shared.database import create_engine
from tests.integration.allocator.world import PERIOD

ODD = ["\\", "\\\\n", "\\N", 'say "x"', "two\nlines", "tab\tbell\x07", "naïve 雲", "", None, "\\u0041", "%s", "x\\"]


async def test_values_and_amounts_come_back_as_they_were(migrated_database_url: str) -> None:
    wanted = [Bucket(("USD", one, other), _amount(i, j), -_amount(j, i), 2) for i, one in enumerate(ODD)
              for j, other in enumerate(ODD)]  # fmt: skip

    found = await _read_back(migrated_database_url, wanted)

    assert sorted(map(repr, found)) == sorted(map(repr, wanted))


async def test_so_many_that_they_arrive_in_pieces(migrated_database_url: str) -> None:
    wanted = [Bucket(("USD", f"value {i}", "\\" * (i % 5)), _amount(i, 1), _amount(i, 1), 2) for i in range(20_000)]

    found = await _read_back(migrated_database_url, wanted)

    assert sorted(found) == sorted(wanted)


async def _read_back(database_url: str, wanted: list[Bucket]) -> list[Bucket]:
    """Half of each bucket comes by one partition, half by another; another month is none of it."""
    halves = {(PERIOD, *one.values): [one.billed_cost / 2, one.effective_cost / 2, 1] for one in wanted}
    later = {("2026-02", "USD", "other", None): [Decimal(1), Decimal(1), 1]}
    engine = create_engine(database_url, "test")
    async with engine.begin() as conn:
        groups = [CostGroup(partition, "d", 0, 0, dict(halves) | later) for partition in (0, 1)]
        await buckets.add_costs(conn, "lens", groups)
    found = list[Bucket]()
    async with engine.connect() as conn:
        await buckets.of_period(conn, "lens", PERIOD, found.extend)
    await engine.dispose()
    return found


def _amount(i: int, j: int) -> Decimal:
    return Decimal(f"{i * 2}.{j + 2:017}2").normalize()
