"""Late and corrected driver values restate open months, irrelevant ones do not, and a close freezes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from shared.events import Allocation
from tests.integration.allocator.month import apply, costs
from tests.integration.allocator.world import PERIOD, Process, World

BY_GB = """
name: by-gb
effective_from: 2026-01
basis: EffectiveCost
cost_centers: cost-centers.csv
rules:
  - {id: all, assign: {pool: shared}}
fallback: {suspense: true}
pools:
  - {id: shared, method: driver, targets: all, drivers: [{metric: gb, missing: {then: suspense}}]}
"""
WINDOW = {"window_start": "2026-01-01", "window_end": "2026-02-01"}


async def post(process: Process, quantities: dict[str, str], metric: str = "gb") -> None:
    items = [
        {"metric": metric, "subject": subject, "quantity": quantity, "unit": "GB"} | WINDOW
        for subject, quantity in quantities.items()
    ]
    answer = await process.http.post("/v1/drivers", json=items)
    assert answer.status_code == 202, answer.text


def received(lines: dict[str, Allocation]) -> dict[str, Decimal]:
    """Effective cost by cost center."""
    found: dict[str, Decimal] = {}
    for line in lines.values():
        found[line.cost_center] = found.get(line.cost_center, Decimal(0)) + line.effective_cost
    return found


def near(value: Decimal, share: Decimal) -> bool:
    """Equal but for the last digits, which the splitting of each charge decides."""
    return abs(value - share) < Decimal("1e-15")


async def test_late_and_corrected_values_restate_an_open_month_and_a_close_freezes_them(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http, BY_GB)
    charges = costs(12)
    whole = sum((Decimal(charge["EffectiveCost"]) for charge in charges), Decimal(0))
    delivery = await world.deliver(charges)
    without = await world.run_of(allocator, lambda run: True)
    assert set(received(await world.published_lines(without))) == {"SUSPENSE"}

    await post(allocator, {"CC-1": "1", "CC-2": "3"})
    late = await world.run_of(allocator, lambda run: run["run_id"] != without["run_id"])
    shares = received(await world.published_lines(late))
    assert set(shares) == {"CC-1", "CC-2"}
    assert near(shares["CC-1"], whole / 4)

    await post(allocator, {"CC-1": "1", "CC-2": "1"})
    corrected = await world.run_of(allocator, lambda run: run["run_id"] != late["run_id"])
    shares = received(await world.published_lines(corrected))
    assert near(shares["CC-1"], whole / 2)

    await post(allocator, {"CC-1": "9"}, metric="seats")
    await world.period(1, "closing", "2026-01-1", [delivery.delivery_id])
    final = await world.run_of(allocator, lambda run: run["kind"] == "final")
    assert final["drivers_hash"] == corrected["drivers_hash"]
    runs = (await allocator.http.get("/v1/runs", params={"period": PERIOD})).json()["runs"]
    assert len(runs) == 4, "the other metric asked for no run"

    await post(allocator, {"CC-1": "7"})
    await world.period(2, "closed", "2026-01-1")
    params = {"metric": "gb", "period": PERIOD, "as_of": str(final["drivers_ordinal"])}
    frozen = (await allocator.http.get("/v1/drivers", params=params)).json()["drivers"]
    assert {row["subject"]: row["quantity"] for row in frozen} == {"CC-1": "1", "CC-2": "1"}
    assert await _newest(allocator) == final["run_id"]

    line = next(one for one in (await world.published_lines(final)).values() if one.cost_center == "CC-1")
    explained = (await allocator.http.get(f"/v1/allocations/{line.allocation_id}/explanation")).json()
    (driver,) = explained["steps"][0]["drivers"]
    assert driver["measured"] == {
        "metric": "gb", "window": "2026-01-01 to 2026-01-31", "aggregate": "sum", "quantity": "1",
        "quantity_total": "2", "subjects": [{"subject": "CC-1", "quantity": "1"}],
    }, "what the run saw, not the 7 that came late"  # fmt: skip
    assert (explained["rule"]["file"], explained["rule"]["line"], explained["steps"][0]["line"]) == (
        "rules.yaml",
        7,
        10,
    )


async def _newest(process: Process) -> Any:
    return (await process.http.get("/v1/runs", params={"period": PERIOD})).json()["runs"][0]["run_id"]
