"""Reproducible, exact in size, flat in memory."""

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet
import pytest

from synthetic.export import ROWS_MIN, Export, TooSmall
from synthetic.months import NotABillingPeriod, month
from tests.unit.synthetic.conftest import Generated

Make = Callable[..., Generated]


def content(export: Generated) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(export.directory.iterdir())}


def test_the_same_options_give_the_same_bytes(generated: Make) -> None:
    assert content(generated("a", restate=3)) == content(generated("b", restate=3))


def test_the_bytes_stay_the_same_for_ever(generated: Make) -> None:
    """A change of the generator changes every figure that people compare: make it on purpose, and say so."""
    text = (generated(seed=3).directory / "focus.csv").read_bytes()
    assert hashlib.sha256(text).hexdigest() == "e7beb3533cc0db92992290ac7e9e2137ad8408c68929a8291297befeb33ccfaa"


def test_another_seed_gives_other_rows(generated: Make) -> None:
    one, other = (content(generated(str(seed), seed=seed)) for seed in (1, 2))
    assert one.keys() == other.keys()
    assert one["focus.csv"] != other["focus.csv"]


def test_the_company_is_the_same_in_every_month(generated: Make) -> None:
    may, june = (content(generated(period, period=period)) for period in ("2026-05", "2026-06"))
    assert may["accounts.csv"] == june["accounts.csv"]
    assert may["focus.csv"] != june["focus.csv"]


@pytest.mark.parametrize("rows", [ROWS_MIN, ROWS_MIN + 1, 999, 1000, 5001])
@pytest.mark.parametrize("cost_centers", [4, 300])
def test_rows_are_exactly_as_many_as_asked_for(generated: Make, rows: int, cost_centers: int) -> None:
    export = generated(rows=rows, cost_centers=cost_centers, period="2026-02")
    lines = (export.directory / "focus.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == rows + 1
    assert export.known()["rows"] == rows
    assert len((export.directory / "cost-centers.csv").read_text(encoding="utf-8").splitlines()) == cost_centers + 1


def test_all_formats_hold_the_same(generated: Make) -> None:
    plain, packed, table = (generated(kind, format=kind) for kind in ("csv", "csv.gz", "parquet"))
    text = (plain.directory / "focus.csv").read_bytes()
    assert gzip.decompress((packed.directory / "focus.csv.gz").read_bytes()) == text
    columns = pyarrow.parquet.read_table(table.directory / "focus.parquet")
    header, *rows = text.decode().splitlines()
    assert columns.column_names == header.split(",")
    assert columns.num_rows == len(rows)
    assert str(columns.schema.field("EffectiveCost").type) == "decimal128(38, 18)"
    billed = sum(Decimal(entry["billed_cost"]) for entry in plain.known()["invoices"])
    assert sum(columns["BilledCost"].to_pylist()) == billed
    assert columns["CapacityReservationId"].null_count == len(rows)


def test_nothing_half_written_is_left_behind(generated: Make) -> None:
    assert not [name for name in content(generated()) if name.endswith(".partial")]


def test_memory_does_not_grow_with_the_number_of_rows(tmp_path: Path) -> None:
    program = (
        "import resource, sys, pathlib\n"
        "from synthetic.export import Export, generate\n"
        "def peak(rows):\n"
        "    generate(Export(rows, '2026-06', format='csv'), pathlib.Path(sys.argv[1]))\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak(20_000)\n"
        "print(peak(150_000) - before)\n"
    )
    result = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True)
    assert int(result.stdout) < 16 * 1024, "KiB"


@pytest.mark.parametrize("text", ["2026-13", "2026-6", "26-06", "2026-06-01", "", "0000-01"])
def test_a_period_is_a_month(text: str) -> None:
    with pytest.raises(NotABillingPeriod, match="write its month as YYYY-MM"):
        month(text)


def test_too_small_an_export_is_refused() -> None:
    with pytest.raises(TooSmall, match=f"at least {ROWS_MIN}"):
        Export(10, "2026-06")
    with pytest.raises(TooSmall, match="cost centers"):
        Export(1000, "2026-06", cost_centers=2)
