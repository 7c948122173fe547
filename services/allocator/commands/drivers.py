"""`apportion drivers`: load measurements from CSV, and look at them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.allocator.measurements import REQUIRED, MeasurementInvalid, read_measurement
from shared.documents import DocumentInvalid, Problems
from shared.terminal import BAD_USAGE, Json, ServiceCommands, fail, figures, out, print_json
from shared.terminal import table as new_table

_HEADER: Final = ",".join(REQUIRED) + "[,source]"
_COLUMNS: Final = (*REQUIRED, "source")
_PER_REQUEST: Final = 20_000
_PAGE: Final = "1000"
_ALLOCATOR = ServiceCommands("allocator")

drivers = typer.Typer(help="Driver measurements: what shared cost is split by.", no_args_is_help=True)


@drivers.command("load")
def load_command(
    file: Annotated[Path, typer.Argument(help=f"CSV with a header: {_HEADER}.")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take these measurements back instead.")] = False,
    as_json: Json = False,
) -> None:
    """Load measurements. A changed quantity replaces the one known before; what is known already changes nothing.

    Windows are days or date-times (2026-01-01 up to, and without, 2026-02-01). Open months whose rules look at the
    metric are allocated anew within seconds. Exit codes: 0 loaded, 2 the file is wrong and nothing was done.
    """
    try:
        rows = read_csv(file)
    except DocumentInvalid as error:
        fail(f"{file}: nothing was loaded:\n{error}", BAD_USAGE)
    totals = {"published": 0, "unchanged": 0}
    rest = iter(rows)
    while some := list(islice(rest, _PER_REQUEST)):
        answer = _ALLOCATOR.post("/v1/drivers", [row | {"withdrawn": withdraw} for row in some])
        totals = {name: count + answer[name] for name, count in totals.items()}
    if as_json:
        print_json(totals)
    else:
        out.print(f"{totals['published']} measurements published, {totals['unchanged']} were known already")


@drivers.command("list")
def list_command(
    metric: Annotated[str, typer.Option(help="Which metric.")],
    period: Annotated[str, typer.Option(metavar="YYYY-MM", help="Month that the windows overlap.")],
    as_of: Annotated[
        int | None, typer.Option(help="As a run saw them: the drivers_ordinal of `allocations YYYY-MM --runs --json`.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the measurements of a metric in a month."""
    found = list(measurements(metric, period, as_of))
    if as_json:
        print_json(found)
        return
    table = new_table("subject", *figures("quantity"), "unit", "from", "until", "source", *figures("revision"))
    for row in found:
        table.add_row(row["subject"], row["quantity"], row["unit"], row["window_start"], row["window_end"],
                      row["source"], str(row["revision"]))  # fmt: skip
    out.print(table)


@drivers.command("metrics")
def metrics_command(as_json: Json = False) -> None:
    """List the metrics that there are measurements of."""
    found = _ALLOCATOR.get("/v1/drivers/metrics")
    if as_json:
        print_json(found)
        return
    table = new_table("metric", "unit", *figures("measurements", "subjects"), "from", "until")
    for row in found:
        table.add_row(row["metric"], row["unit"], str(row["measurements"]), str(row["subjects"]), row["first"],
                      row["last"])  # fmt: skip
    out.print(table)


def read_csv(file: Path) -> list[dict[str, Any]]:
    """Read measurements from a CSV file, ready to send.

    Raises:
        DocumentInvalid: with everything that is wrong, by line.
    """
    problems = Problems(file.name)
    rows: list[dict[str, Any]] = []
    lines: dict[str, int] = {}
    for line, cells in _cells(file, problems):
        try:
            measurement = read_measurement({name: cell for name, cell in cells.items() if cell}).measurement
        except MeasurementInvalid as error:
            for problem in error.problems:
                problems.add(line, problem, "correct the line")
            continue
        first = lines.setdefault(measurement.measurement_id, line)
        if first != line:
            problems.add(line, f"the same metric, subject, window and source as line {first}", "keep one of them")
        rows.append({name: cell for name, cell in cells.items() if cell})
    if not rows and not problems.errors:
        problems.add(0, "there is no measurement in the file", f"write a header and rows: {_HEADER}")
    problems.raise_if_any()
    return rows


def _cells(file: Path, problems: Problems) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield from _rows(csv.reader(stream, strict=True), problems)
    except OSError as error:
        problems.add(0, f"can't be read: {error.strerror}", "check the name and its rights")
    except UnicodeDecodeError as error:
        problems.add(0, f"not UTF-8 at byte {error.start}", "save the file as UTF-8")
    except csv.Error as error:
        problems.add(0, f"not readable as CSV: {error}", "check the quotes")


def _rows(reader: Any, problems: Problems) -> Iterator[tuple[int, dict[str, str]]]:
    header = [name.strip() for name in next(reader, [])]
    unknown = [name for name in header if name not in _COLUMNS]
    missing = [name for name in REQUIRED if name not in header]
    if unknown or missing or len(set(header)) != len(header):
        wrong = f"column {(missing or unknown or header)[0]!r} is {'missing' if missing else 'one too many'}"
        problems.add(1, wrong, f"the first line names the columns: {_HEADER}")
        return
    for cells in reader:
        if len(cells) == len(header):
            yield reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        elif cells:
            problems.add(
                reader.line_num, f"{len(cells)} cells in a table of {len(header)} columns", "check commas and quotes"
            )


def measurements(metric: str, period: str, as_of: int | None) -> Iterator[dict[str, Any]]:
    """The measurements of a metric and month as the service has them, or had them at an ordinal of a run."""
    seen = {} if as_of is None else {"as_of": str(as_of)}
    return _ALLOCATOR.pages("/v1/drivers", "drivers", metric=metric, period=period, **seen, limit=_PAGE)
