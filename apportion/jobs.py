"""`apportion run` and `apportion demo`: the whole way, on an embedded stack."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from apportion.run import InputRefused, Job, Outcome, Progress, Stuck, run
from deploy.local.errors import LocalStackError
from services.allocator.loading import check, load_bundle
from services.intake.reading import IntakeRefusal, is_cost_and_usage
from shared.terminal import BAD_USAGE, BLOCKED, FAULT, Json, err, fail, out, print_json
from synthetic.export import ROWS_MIN, Export, generate


def run_command(
    focus: Annotated[list[Path], typer.Option(help="FOCUS file of any dataset; repeatable.")],
    rules: Annotated[Path, typer.Option(help="Rule set: the YAML file; its tables lie beside it.")],
    destination: Annotated[Path, typer.Option("--out", help="Directory for the result; must not hold one yet.")],
    provider_invoices: Annotated[
        Path | None, typer.Option(help="Provider invoices: FOCUS 1.4 Invoice Detail, or CSV "
                                  "issuer,invoice_id,billing_period,currency,amount.")
    ] = None,
    period: Annotated[list[str] | None, typer.Option(help="Close only this month, YYYY-MM; repeatable.")] = None,
    prepared_by: Annotated[str, typer.Option(help="Who prepares invoices and applies the rules.")] = "demo-preparer",
    approved_by: Annotated[str, typer.Option(help="Who approves both; must be somebody else.")] = "demo-approver",
    keep_stack: Annotated[bool, typer.Option(help="Keep the stack's data in OUT/.stack.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Take FOCUS files to approved internal invoices and closed books, in one command.

    Cost and Usage files are one delivery; files of Invoice Detail, Billing Period and Contract Commitment are told by
    their columns. Starts an embedded Kafka, PostgreSQL and the four services, ingests the files, closes every month
    they hold, writes invoices, books and summary.json to --out, and stops everything.

    Exit codes: 0 all months closed; 3 a month is blocked (its breaks are listed); 2 bad usage or unreadable input,
    nothing written; 1 a fault.
    """
    if prepared_by == approved_by:
        fail("--prepared-by and --approved-by must be two people", BAD_USAGE)
    if destination.exists() and any(destination.iterdir()):
        fail(f"{destination} is not empty; a result is never overwritten, so name another directory", BAD_USAGE)
    job = Job(focus, checked_bundle(rules), destination, provider_invoices, period or (), prepared_by, approved_by,
              keep_stack)  # fmt: skip
    _check_input(job)
    finish(job, as_json)


def demo(
    rows: Annotated[int, typer.Option(help="Rows of the generated export.", min=ROWS_MIN)] = 100_000,
    destination: Annotated[Path, typer.Option("--out", help="Directory; the last demo in it is replaced.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same export, to the byte.")] = 1,
    as_json: Json = False,
) -> None:
    """Generate a realistic FOCUS export and take it the whole way: allocate, invoice, close, reconcile."""
    marker = destination / "input" / "totals.json"
    if destination.exists() and any(destination.iterdir()) and not marker.exists():
        fail(f"{destination} holds something that is no demo; name another directory with --out", BAD_USAGE)
    shutil.rmtree(destination, ignore_errors=True)
    with progress_line() as progress:
        progress(f"generating {rows:,} charges")
        generate(Export(rows=rows, seed=seed), destination / "input", progress)
    given = destination / "input"
    job = Job([given / "focus.csv.gz"], checked_bundle(given / "rules.yaml"), destination / "result",
              given / "provider-invoices.csv")  # fmt: skip
    finish(job, as_json)


def checked_bundle(rules: Path) -> dict[str, object]:
    """The rule set ready to apply; every mistake in it is printed, and the command ends with 2."""
    bundle = load_bundle(rules)
    mistakes = check(bundle)
    for mistake in mistakes:
        err.print(str(mistake), markup=False)
    if mistakes:
        fail(f"{rules}: {len(mistakes)} mistake(s) in the rule set; nothing was done", BAD_USAGE)
    return bundle.as_json()


def finish(job: Job, as_json: bool) -> None:
    """Run the job, show the outcome, and exit with the code that says how it went."""
    try:
        with progress_line() as progress:
            outcome = run(job, progress)
    except InputRefused as error:
        fail(str(error), BAD_USAGE)
    except (LocalStackError, Stuck) as error:
        fail(str(error), FAULT)
    if as_json:
        print_json(outcome.as_json())
    else:
        show(outcome, job.out)
    if not outcome.closed:
        raise typer.Exit(BLOCKED)


def show(outcome: Outcome, destination: Path) -> None:
    """Print the outcome as tables a controller can read, then where the files lie."""
    for period in outcome.periods:
        out.print(_figures(period))
    for broken in (b for p in outcome.periods for b in p["breaks"]):
        out.print(f"[red]break[/red] {broken['code']}: {broken['message']}")
    for finding in outcome.findings:
        out.print(f"[yellow]data quality[/yellow] {finding['code']}: {finding['message']} ({finding['rows']:,} rows)")
    if outcome.rejected:
        out.print(f"[red]{outcome.rejected:,} rows were rejected[/red]; see {destination}/summary.json")
    for period in sorted({p["period"] for p in outcome.periods if p["documents"]}):
        out.print(f"files of {period}: {destination / period}")
    out.print(f"summary: {destination / 'summary.json'}")
    out.print("seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in outcome.seconds.items()))


def _figures(period: dict[str, Any]) -> Table:
    """One month and currency, in the order in which each line has to follow from the one before."""
    table = Table(
        f"{period['period']} {period['currency'] or 'without costs'}", Column(period["state"], justify="right")
    )
    basis = "effective_cost" if period["basis"] == "EffectiveCost" else "billed_cost"
    rows = {
        "provider invoices": period["provider_invoiced"] or "none given",
        "billed cost": period["billed_cost"],
        "cost events": f"{period['rows']:,}",
        f"cost to allocate ({period['basis'] or 'no rule set'})": period[basis],
        "allocated": period["allocated"],
        "suspense": period["suspense"],
        "invoiced": period["invoiced"],
        "rounding": period["rounding"],
        "documents": str(period["documents"]),
    }
    for name, figure in rows.items():
        table.add_row(name, figure)
    return table


@contextmanager
def progress_line() -> Iterator[Progress]:
    """Show the newest line of progress in place on a terminal; print each new line once elsewhere."""
    if not err.is_terminal:
        yield _each_once()
        return
    with err.status("starting") as status:
        yield status.update


def _each_once() -> Callable[[str], None]:
    last = ""

    def say(message: str) -> None:
        nonlocal last
        if message != last:
            err.print(message, markup=False)
            last = message

    return say


def _check_input(job: Job) -> None:
    """Refuse what can be refused before anything is started."""
    for file in [*job.focus, *([job.provider_invoices] if job.provider_invoices else [])]:
        if not file.is_file():
            fail(f"{file} is not a file", BAD_USAGE)
    try:
        kinds = [is_cost_and_usage(file) for file in job.focus]
    except IntakeRefusal as error:
        fail(str(error), BAD_USAGE)
    if not any(kinds):
        fail("no --focus file is Cost and Usage, so there is no month to close", BAD_USAGE)
