"""`apportion allocations`: a month's lines, on the terminal or as a file; and its runs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from services.allocator.archived_costs import NoCosts
from services.allocator.commands.earlier import EARLIER_HELP
from services.allocator.commands.sides import side_of
from services.allocator.domain.methods import CannotDivide
from services.allocator.focus_split.files import write_month
from services.allocator.focus_split.rows import Month
from services.allocator.simulating.simulate import Side
from shared.archive import ArchiveUnreadable
from shared.terminal import BAD_USAGE, BLOCKED, Json, ServiceCommands, err, fail, figures, moment, out, print_json
from shared.terminal import table as new_table

_PAGE: Final = 10_000
_AT_ONCE: Final = 50_000
_ALLOCATOR = ServiceCommands("allocator")
_AMOUNT: Final = pa.decimal128(38, 18)


class Column(NamedTuple):
    """A column of exported lines."""

    name: str
    type: pa.DataType
    value: Callable[[dict[str, Any]], Any]


def _origin(name: str) -> Column:
    return Column(name, pa.string(), lambda line: line["origin"][name])


def _text(name: str) -> Column:
    return Column(name, pa.string(), lambda line: line.get(name))


LINES: Final = (
    _text("allocation_id"), Column("revision", pa.int64(), lambda line: line["revision"]), _text("run_id"),
    _text("billing_period"), _text("cost_center"), _text("kind"), _text("currency"),
    Column("billed_cost", _AMOUNT, lambda line: line["billed_cost"]),
    Column("effective_cost", _AMOUNT, lambda line: line["effective_cost"]),
    _origin("issuer"), _origin("invoice_id"), _origin("service_provider"), _origin("service_name"),
    _origin("billing_account_id"), _origin("sub_account_id"), _origin("charge_category"), _origin("charge_class"),
    _text("rule_id"), Column("path", pa.string(), lambda line: " > ".join(line.get("path", ())) or None),
    _text("method"), _text("leg"), _text("weight"), _text("weight_total"), _text("rule_set"), _text("rule_set_version"),
)  # fmt: skip


def allocations(
    period: Annotated[str, typer.Argument(metavar="YYYY-MM", help="Billing period.")],
    cost_center: Annotated[
        str | None, typer.Option(help="Only this cost center; SUSPENSE is what nobody owns.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Lines at most; a file has all.")] = 50,
    runs: Annotated[bool, typer.Option("--runs", help="Show the runs, and what a waiting one waits for.")] = False,
    destination: Annotated[
        Path | None, typer.Option("--out", help="Write all lines to this file, ending in .csv or .parquet.")
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option("--focus", metavar="ARCHIVE", help="With --out: write the month as a FOCUS 1.4 file with the "
                     "split in it, made from this archive of costs."),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="With --focus: split by this rule set, and not as the newest run did.")
    ] = None,
    drivers: Annotated[
        Path | None, typer.Option(help="With --focus: the measurements to split by, as for `drivers load`.")
    ] = None,
    earlier: Annotated[list[Path] | None, typer.Option(help=f"With --focus: {EARLIER_HELP}")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Show what each cost center gets of a billing period, line by line, and by which rule.

    A line has the grain of an invoice position: provider invoice, service, accounts, charge category. Shared lines name
    the pools that the cost went through and the share of the last one. `apportion explain LINE` says how a line came
    about. With --focus every provider row is written: a shared one with zero cost, followed by what each cost center
    gets of it (FOCUS split cost allocation), so that sums stay and nothing counts twice.
    """
    if runs:
        _show_runs(_ALLOCATOR.get("/v1/runs", period=period), as_json)
        return
    params = {"period": period} | ({"cost_center": cost_center} if cost_center else {})
    if destination is not None:
        if destination.suffix not in {".csv", ".parquet"}:
            fail(f"{destination} must end in .csv or .parquet", BAD_USAGE)
        if archive is not None:
            rows = _write_focus(archive, period, side_of(period, rules, drivers, earlier or ()), destination)
            err.print(f"wrote {rows} rows to {destination}", markup=False)
            return
        count = write_lines(_lines(params), destination)
        err.print(f"wrote {count} lines to {destination}", markup=False)
        return
    lines = list(islice(_lines(params, min(limit, _PAGE)), limit))
    if as_json:
        print_json(lines)
        return
    table = new_table(
        "cost center", "kind", "service", "account", "rule", "path", *figures("billed", "effective"), "currency"
    )
    for line in lines:
        origin = line["origin"]
        table.add_row(line["cost_center"], line["kind"], origin["service_name"], origin["sub_account_id"] or "",
                      line["rule_id"], " > ".join(line.get("path", ())), line["billed_cost"], line["effective_cost"],
                      line["currency"])  # fmt: skip
    out.print(table)


def _write_focus(archive: Path, period: str, side: Side, target: Path) -> int:
    try:
        month = Month(archive, period, side)
    except (ArchiveUnreadable, NoCosts) as error:
        fail(str(error), BAD_USAGE)
    except CannotDivide as error:
        fail(str(error), BLOCKED)
    return write_month(month, target)


def write_lines(lines: Iterable[dict[str, Any]], target: Path) -> int:
    """Write lines as CSV (RFC 4180, decimal text) or Parquet (DECIMAL(38,18)); returns how many. Flat memory."""
    write = _write_csv if target.suffix == ".csv" else _write_parquet
    return write(iter(lines), target)


def _write_csv(lines: Iterator[dict[str, Any]], target: Path) -> int:
    count = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([column.name for column in LINES])
        for line in lines:
            writer.writerow([column.value(line) for column in LINES])
            count += 1
    return count


def _write_parquet(lines: Iterator[dict[str, Any]], target: Path) -> int:
    schema, count = pa.schema([(column.name, column.type) for column in LINES]), 0
    with pq.ParquetWriter(target, schema, compression="snappy") as writer:
        while some := list(islice(lines, _AT_ONCE)):
            writer.write_table(pa.table([_array(column, some) for column in LINES], schema=schema))
            count += len(some)
    return count


def _array(column: Column, lines: list[dict[str, Any]]) -> pa.Array:
    values = [column.value(line) for line in lines]
    return pa.array([Decimal(value) for value in values] if column.type == _AMOUNT else values, column.type)


def _lines(params: dict[str, str], page_size: int = _PAGE) -> Iterator[dict[str, Any]]:
    return _ALLOCATOR.pages("/v1/allocations", "allocations", **params, limit=str(page_size))


def _show_runs(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    table = new_table(
        "run", "kind", "rule set", "finished", *figures("changed lines", "allocated", "suspense"), "currency"
    )
    for run in found["runs"]:
        basis = "billed" if run["basis"] == "BilledCost" else "effective"
        for total in run["totals"]:
            table.add_row(run["run_id"], run["kind"], f"{run['rule_set']} {run['rule_set_version'][:12]}",
                          moment(run["finished_at"]), str(run["changed_lines"]), total[f"allocated_{basis}"],
                          total[f"suspense_{basis}"], total["currency"])  # fmt: skip
    out.print(table)
    for waiting in found["waiting"]:
        out.print(f"{waiting['billing_period']} waits: {waiting['reason'] or 'about to run'}", markup=False)
