"""The root of the command line: every command of every service, under one name."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from apportion import jobs, operations, stack
from services.allocator import cli as allocator
from services.allocator.commands.adjustments import adjustments_command
from services.allocator.commands.allocations import allocations
from services.allocator.commands.drivers import drivers
from services.allocator.commands.explain import explain_command
from services.allocator.commands.kpis import kpis_command
from services.allocator.commands.rules_diff import diff_command
from services.allocator.commands.savings import savings_command
from services.chargeback import cli as chargeback
from services.intake import cli as intake
from services.intake import exporting_cli
from services.intake.commands import intake as intake_group
from services.ledger import cli as ledger
from synthetic import cli as synthetic

app = typer.Typer(
    help="Cloud chargeback that proves, to the cent, who owes what.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

WHOLE, STACK, DAILY = "The whole job", "The stack", "Day to day"


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
    if not sys.argv[1:2] or sys.argv[1] not in {"run", "demo", "up", "down", "status", "generate"}:
        stack.use_running_stack()


app.command("run", rich_help_panel=WHOLE)(jobs.run_command)
app.command("demo", rich_help_panel=WHOLE)(jobs.demo)
app.command("generate", rich_help_panel=WHOLE)(synthetic.generate_command)
app.command("up", rich_help_panel=STACK)(stack.up)
app.command("down", rich_help_panel=STACK)(stack.down)
app.command("status", rich_help_panel=STACK)(stack.status)
app.command("migrate", rich_help_panel=STACK)(operations.migrate_command)
app.add_typer(operations.topics, name="topics", rich_help_panel=STACK)
app.command("ingest", rich_help_panel=DAILY)(intake.ingest)
app.command("export", rich_help_panel=DAILY)(exporting_cli.export)
app.add_typer(intake_group, name="intake", rich_help_panel=DAILY)
allocator.rules.command("diff")(diff_command)
app.add_typer(allocator.rules, name="rules", rich_help_panel=DAILY)
app.command("allocations", rich_help_panel=DAILY)(allocations)
app.command("adjustments", rich_help_panel=DAILY)(adjustments_command)
app.command("explain", rich_help_panel=DAILY)(explain_command)
app.command("savings", rich_help_panel=DAILY)(savings_command)
app.add_typer(drivers, name="drivers", rich_help_panel=DAILY)
app.command("kpis", rich_help_panel=DAILY)(kpis_command)
app.add_typer(ledger.period, name="period", rich_help_panel=DAILY)
app.add_typer(chargeback.app, name="invoices", rich_help_panel=DAILY)
app.command("reconcile", rich_help_panel=DAILY)(ledger.reconcile)
app.add_typer(operations.letters, name="dead-letters", rich_help_panel=DAILY)


def main() -> None:
    """Run the command line."""
    app()
