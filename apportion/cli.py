"""The root of the command line: every command of every service, under one name."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from apportion.lazily import Named, group_of
from apportion.running import use_running_stack

WHOLE, STACK, DAILY = "The whole job", "The stack", "Day to day"
COMMANDS = (
    Named("run", WHOLE, "apportion.jobs:run_command",
          "Take FOCUS files to approved internal invoices and closed books, in one command."),
    Named("demo", WHOLE, "apportion.jobs:demo",
          "Generate a realistic FOCUS export and take it the whole way: allocate, invoice, close, reconcile."),
    Named("generate", WHOLE, "synthetic.cli:generate_command",
          "Write a realistic FOCUS 1.2 Cost and Usage export whose sums and owners are known."),
    Named("up", STACK, "apportion.stack:up",
          "Start Kafka, PostgreSQL and the four services here and leave them running; `apportion down` stops them."),
    Named("down", STACK, "apportion.stack:down",
          "Stop the stack that `apportion up` started; its data stay, and `up` continues with them."),
    Named("status", STACK, "apportion.stack:status",
          "Show which parts of the stack run, where they answer and where they log."),
    Named("migrate", STACK, "apportion.operations:migrate_command",
          "Create or upgrade the database schemas of all services. Safe to run again, and while services run."),
    Named("topics", STACK, "apportion.operations:topics",
          "Kafka topics: partitions, retention, compaction."),
    Named("ingest", DAILY, "services.intake.cli:ingest",
          "Deliver FOCUS files (1.0-preview to 1.4; CSV, JSON Lines or Parquet) "
          "and wait until their costs are published."),
    Named("export", DAILY, "services.intake.exporting_cli:export",
          "Write the rows that a source has in force for a month as a FOCUS 1.4 "
          "Cost and Usage file, `x_` columns last."),
    Named("intake", DAILY, "services.intake.commands:intake",
          "Deliveries: what comes in, how good it is, and what is held."),
    Named("rules", DAILY, "services.allocator.commands.rules:rules",
          "Rule sets: check, simulate, apply, show."),
    Named("allocations", DAILY, "services.allocator.commands.allocations:allocations",
          "Show what each cost center gets of a billing period, line by line, and by which rule."),
    Named("adjustments", DAILY, "services.allocator.commands.adjustments:adjustments_command",
          "Show what has come for closed months since they were closed: cost, or corrected drivers."),
    Named("explain", DAILY, "services.allocator.commands.explain:explain_command",
          "Walk an allocation line back to the rule and the provider rows that it came from."),
    Named("savings", DAILY, "services.allocator.commands.savings:savings_command",
          "Show what commitments (reservations, savings plans) saved, by commitment and "
          "by whoever had the covered usage."),
    Named("drivers", DAILY, "services.allocator.commands.drivers:drivers",
          "Driver measurements: what shared cost is split by."),
    Named("kpis", DAILY, "services.allocator.commands.kpis:kpis_command",
          "Show how much of a month's cost is allocated, directly or shared, what is in suspense, "
          "tagged, and unused rules."),
    Named("period", DAILY, "services.ledger.cli:period",
          "Billing periods: status, close, books."),
    Named("invoices", DAILY, "services.chargeback.cli:app",
          "Internal invoices: list and read them, approve, issue, export."),
    Named("reconcile", DAILY, "services.ledger.cli:reconcile",
          "Compare all stages of a billing period as they are now; changes nothing."),
    Named("dead-letters", DAILY, "apportion.dead_letters:letters",
          "Records that a service refused, kept byte for byte."),
)  # fmt: skip
_WITHOUT_STACK = {"run", "demo", "up", "down", "status", "generate"}

app = typer.Typer(
    help="Cloud chargeback that proves, to the cent, who owes what.",
    cls=group_of(COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"apportion {version('apportion')}")
        raise typer.Exit


@app.callback()
def root(
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Find the stack that this directory uses, unless the environment names another."""
    if not sys.argv[1:2] or sys.argv[1] not in _WITHOUT_STACK:
        use_running_stack()


def main() -> None:
    """Run the command line."""
    app()
