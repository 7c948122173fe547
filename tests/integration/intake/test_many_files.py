"""Many files of every format, and several billing and pricing currencies, in one delivery."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.integration.intake.test_exports import export
from tests.integration.intake.world import World, effective, sums
from tests.judges.reader import rows_of
from tests.unit.intake.exports import charge, write_csv, write_json_lines

FILES, ROWS_EACH = 50, 4
CURRENCIES = ("USD", "EUR", "JPY")
PRICED_IN = ("Token", "EUR", "DBU", "AI Credits", "")
KINDS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")


def row(number: int) -> dict[str, str]:
    """A charge in one of three currencies, priced in a national one, a virtual one, or the one that it is billed in."""
    priced = PRICED_IN[number % 5]
    return charge(
        number, BillingCurrency=CURRENCIES[number % 3], PricingCurrency=priced,
        PricingCurrencyEffectiveCost=f"{number}.000000000000000001" if priced else "",
        PricingCurrencyListUnitPrice="0.25" if priced else "",
    )  # fmt: skip


def write(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    if ".jsonl" in path.name:
        return write_json_lines(path, rows)
    if path.suffix != ".parquet":
        return write_csv(path, rows)
    pq.write_table(pa.table({name: [one[name] or None for one in rows] for name in rows[0]}), path)
    return path


async def test_fifty_files_of_every_format_are_one_delivery(world: World, tmp_path: Path) -> None:
    world.start()
    rows = [row(number) for number in range(FILES * ROWS_EACH)]
    files = [
        write(tmp_path / f"part-{at:05}.{KINDS[at % 5]}", rows[at * ROWS_EACH : (at + 1) * ROWS_EACH])
        for at in range(FILES)
    ]
    done = world.deliver("multi", *files)
    assert (done["state"], done["charges"], done["rejected_rows"]) == ("complete", len(rows), 0)
    events = effective(await world.events())
    assert sums(events) == {
        ("2026-01", currency): (
            len(billed), sum(Decimal(one["BilledCost"]) for one in billed),
            sum(Decimal(one["EffectiveCost"]) for one in billed),
        )
        for currency in CURRENCIES
        if (billed := [one for one in rows if one["BillingCurrency"] == currency])
    }  # fmt: skip
    random.Random(1).shuffle(files)
    again = world.deliver("multi", *files)
    assert (again["charges"], again["retractions"]) == (0, 0)


async def test_an_export_keeps_what_rows_are_billed_and_priced_in(world: World, tmp_path: Path) -> None:
    world.start()
    rows = [row(number) for number in range(15)]
    world.deliver("aws", write_csv(tmp_path / "a.csv", rows))
    assert export(world, tmp_path / "export.csv") == 0
    exported = {one["ResourceId"]: one for one in rows_of((tmp_path / "export.csv").read_bytes())}
    for given in rows:
        taken = exported[given["ResourceId"]]
        assert (taken["BillingCurrency"], taken["PricingCurrency"]) == (
            given["BillingCurrency"], given["PricingCurrency"],
        )  # fmt: skip
        for name in ("PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice"):
            assert taken[name] == given[name] or Decimal(taken[name]) == Decimal(given[name])
