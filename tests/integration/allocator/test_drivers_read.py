"""What a run reads of the drivers, and for which months a change of them asks for runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.domain.pool import ByDrivers, Driver, Pool
from services.allocator.domain.rule_set import SUSPENSE, RuleSet
from services.allocator.driver_stream import keep_measurements
from services.allocator.planning import Measured, measured_for
from services.allocator.store import drivers
from services.allocator.store.tables import rule_sets, run_requests, runs
from shared.batch import Batch, StoredRecord
from shared.database import create_engine
from shared.events import DriverMeasurement, encode
from tests.integration.allocator.world import World


def measurement(
    subject: str, quantity: int, start: str, end: str, metric: str = "gb", **more: int
) -> DriverMeasurement:
    return DriverMeasurement(
        metric=metric, subject=subject, quantity=Decimal(quantity), unit="GB", window_start=f"{start}T00:00:00Z",
        window_end=f"{end}T00:00:00Z", source="meter", revision=more.get("revision", 1),
        withdrawn=bool(more.get("withdrawn")),
    )  # fmt: skip


async def keep(conn: AsyncConnection, *measurements: DriverMeasurement) -> Batch:
    records = [
        StoredRecord("finops.drivers.v1", 0, offset, one.measurement_id.encode(), encode(one))
        for offset, one in enumerate(measurements)
    ]
    batch = Batch(records)
    await keep_measurements(conn, batch)
    return batch


def rules(days: int = 0, metric: str = "gb") -> RuleSet:
    pool = Pool("p", ByDrivers((), (Driver(metric, last_known_days=days),)))
    return RuleSet("r", "2026-01", "BilledCost", (), SUSPENSE, (pool,))


async def seen(conn: AsyncConnection, rule_set: RuleSet, period: str = "2026-02") -> Measured:
    found = await measured_for(conn, rule_set, period)
    assert found is not None
    return found


def subjects(found: Measured) -> list[str]:
    windows = (by_window.values() for by_window in found.drivers.by_metric.values())
    return [subject for quantities in windows for one in quantities for subject in one]


@asynccontextmanager
async def connection(world: World) -> AsyncIterator[AsyncConnection]:
    engine = create_engine(world.database_url, "test")
    async with engine.begin() as conn:
        yield conn
    await engine.dispose()


async def test_a_run_sees_what_overlaps_its_month_and_nothing_else(world: World) -> None:
    async with connection(world) as conn:
        await keep(
            conn,
            measurement("before", 1, "2026-01-01", "2026-02-01"), measurement("across", 1, "2026-01-31", "2026-02-02"),
            measurement("within", 1, "2026-02-27", "2026-03-01"), measurement("after", 1, "2026-03-01", "2026-04-01"),
            measurement("other", 1, "2026-02-01", "2026-03-01", "seats"),
            measurement("gone", 1, "2026-02-01", "2026-03-01", withdrawn=1),
        )  # fmt: skip

        assert sorted(subjects(await seen(conn, rules()))) == ["across", "within"]


async def test_last_known_values_bring_all_that_overlaps_the_window_they_are_from(world: World) -> None:
    async with connection(world) as conn:
        await keep(
            conn,
            measurement("newest", 1, "2026-01-01", "2026-01-28"), measurement("beside", 1, "2026-01-01", "2026-01-03"),
            measurement("older", 1, "2025-12-01", "2026-01-01"),
        )  # fmt: skip

        assert subjects(await seen(conn, rules(days=3))) == []
        assert sorted(subjects(await seen(conn, rules(days=4)))) == ["beside", "newest"]


async def test_the_hash_changes_with_what_the_rules_look_at_and_with_nothing_else(world: World) -> None:
    async with connection(world) as conn:
        await keep(conn, measurement("CC-1", 1, "2026-02-01", "2026-03-01"))
        before = await seen(conn, rules())

        await keep(
            conn,
            measurement("CC-1", 1, "2026-03-01", "2026-04-01"),
            measurement("CC-1", 1, "2026-02-01", "2026-03-01", "seats"),
        )
        irrelevant = await seen(conn, rules())
        await keep(conn, measurement("CC-1", 2, "2026-02-01", "2026-03-01", revision=2))
        corrected = await seen(conn, rules())
        await keep(conn, measurement("CC-2", 1, "2026-02-01", "2026-03-01"))
        late = await seen(conn, rules())

        assert irrelevant.drivers_hash == before.drivers_hash
        assert len({before.drivers_hash, corrected.drivers_hash, late.drivers_hash}) == 3
        assert [found.ordinal for found in (before, irrelevant, corrected, late)] == [1, 3, 4, 5]
        assert await measured_for(conn, RuleSet("r", "2026-01", "BilledCost", (), SUSPENSE), "2026-02") is None


async def test_several_revisions_in_one_batch_are_all_kept_and_the_last_is_in_force(world: World) -> None:
    async with connection(world) as conn:
        first = measurement("CC-1", 1, "2026-02-01", "2026-03-01")
        second = measurement("CC-1", 2, "2026-02-01", "2026-03-01", revision=2)
        third = measurement("CC-1", 3, "2026-02-01", "2026-03-01", revision=3)
        await keep(conn, first)
        await keep(conn, second, second, third, first)

        (window,) = (await seen(conn, rules())).drivers.by_metric["gb"]
        shown = [await drivers.page(conn, "gb", window, as_of, "", 10) for as_of in (0, 1, 2, 3, None)]
        assert [[int(row["quantity"]) for row in rows] for rows in shown] == [[], [1], [2], [3], [3]]
        assert (await drivers.metrics(conn, ["gb"]))["gb"] == ("GB", 1)


async def test_in_one_batch_a_unit_may_change_once_nothing_is_left_in_the_old_one(world: World) -> None:
    async with connection(world) as conn:
        old = measurement("CC-1", 1, "2026-02-01", "2026-03-01")
        gone = measurement("CC-1", 1, "2026-02-01", "2026-03-01", revision=2, withdrawn=1)
        new = DriverMeasurement(
            metric="gb", subject="CC-2", quantity=Decimal(1), unit="GiB", window_start="2026-02-01T00:00:00Z",
            window_end="2026-03-01T00:00:00Z", source="meter", revision=1,
        )  # fmt: skip

        batch = await keep(conn, old, new, gone, new)

        assert [(letter.offset, letter.code) for letter in batch.rejected] == [(1, "unit-differs")]
        assert (await drivers.metrics(conn, ["gb"]))["gb"] == ("GiB", 1)


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        (measurement("CC-1", 1, "2026-02-01", "2026-03-01"), ["2026-02", "2026-03"]),
        (measurement("CC-1", 1, "2026-02-10", "2026-02-15"), ["2026-02"]),
        (measurement("CC-1", 1, "2026-02-10", "2026-02-19"), ["2026-02", "2026-03"]),
        (measurement("CC-1", 1, "2025-12-01", "2025-12-15"), []),
        (measurement("CC-1", 1, "2026-02-01", "2026-03-01", "seats"), []),
    ],
)
async def test_a_change_asks_for_runs_of_the_known_months_that_may_look_at_it(
    world: World, changed: DriverMeasurement, asked: list[str]
) -> None:
    async with connection(world) as conn:
        row = {"name": "r", "effective_from": "2026-01", "basis": "BilledCost", "applied_by": "ann", "document": "",
               "document_name": "", "files": {}}  # fmt: skip
        used = [{"version": "a", "ordinal": 1, "metrics": {}}, {"version": "b", "ordinal": 2, "metrics": {"gb": 10}}]
        await conn.execute(insert(rule_sets), [row | one for one in used])
        for period in ("2026-01", "2026-02", "2026-03"):
            await conn.execute(
                insert(runs).values(run_id=period, billing_period=period, inputs="", body=b"", seconds=0)
            )

        await keep(conn, changed)

        assert list(await conn.scalars(select(run_requests.c.billing_period).order_by("billing_period"))) == asked
