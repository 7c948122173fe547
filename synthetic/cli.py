"""`apportion generate`: the synthetic export from the command line."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from synthetic.amounts import plain
from synthetic.export import ROWS_MIN, Export, generate
from synthetic.months import NotABillingPeriod
from synthetic.organisation import COST_CENTERS_MIN, SUSPENSE
from synthetic.totals import Totals


class Format(StrEnum):
    """How the export is written."""

    csv = "csv"
    csv_gz = "csv.gz"
    parquet = "parquet"


def generate_command(
    rows: Annotated[int, typer.Option(help="Rows of the export, exactly.", min=ROWS_MIN)],
    period: Annotated[str, typer.Option(help="Billing period, YYYY-MM.")],
    out: Annotated[Path, typer.Option(help="Directory to write into; made if it is not there.")],
    seed: Annotated[int, typer.Option(help="Another seed, another company and month.")] = 1,
    cost_centers: Annotated[int, typer.Option(help="How many cost centers share the bill.", min=COST_CENTERS_MIN)] = 40,
    format: Annotated[Format, typer.Option(help="Format of the export.")] = Format.csv_gz,  # noqa: A002
    restate: Annotated[
        int, typer.Option(help="Also write a second snapshot with this percentage of rows restated.", min=0, max=50)
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print totals.json instead of a table.")] = False,
) -> None:
    """Write a realistic FOCUS 1.2 Cost and Usage export whose sums and owners are known.

    Beside focus.FORMAT come provider-invoices.csv, cost-centers.csv, rules.yaml with its mapping tables, and
    totals.json: the sums per currency and invoice, the direct cost of each cost center and what stays in suspense.
    With --restate also focus-restated.FORMAT, provider-invoices-restated.csv and totals-restated.json.
    The same options give the same rows on every machine.
    """
    try:
        totals = _generate(Export(rows, period, seed, cost_centers, format.value, restate), out)
    except NotABillingPeriod as error:
        raise typer.BadParameter(str(error), param_hint="--period") from None
    except OSError as error:
        raise typer.BadParameter(f"cannot write there: {error}", param_hint="--out") from None
    if as_json:
        print(json.dumps(totals.written(), indent=2, ensure_ascii=False))
    else:
        Console().print(_table(totals), f"Written to {out}")


def _generate(wanted: Export, out: Path) -> Totals:
    with Console(file=sys.stderr).status("generating") as status:
        return generate(wanted, out, status.update)


def _table(totals: Totals) -> Table:
    table = Table("period", "currency", "rows", "BilledCost", "EffectiveCost", "suspense (EffectiveCost)")
    for column in table.columns:
        column.overflow = "fold"
    for currency, known in totals.currencies().items():
        suspense = totals.owners[currency, SUSPENSE].effective_cost
        amounts = plain(known.billed_cost), plain(known.effective_cost), plain(suspense)
        table.add_row(totals.period, currency, f"{known.rows:,}", *amounts)
    return table
