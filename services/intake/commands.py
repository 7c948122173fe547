"""`apportion intake ...`: what an operator does with intake besides delivering."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from services.intake.domain.tags import Normalisation
from services.intake.sources.cli import watch
from services.intake.tag_rules import TagRulesInvalid, load_tag_rules
from shared.terminal import BAD_USAGE, BLOCKED, Json, ServiceCommands, err, fail, out, print_json
from shared.terminal import table as new_table

app = typer.Typer(no_args_is_help=True, help="Intake: watched places, tag rules, publishing again.")
app.command("watch")(watch)
tags = typer.Typer(no_args_is_help=True, help="How tags are normalised.")
app.add_typer(tags, name="tags")

_POLL_SECONDS = 0.2
_intake = ServiceCommands("intake")


@app.command("republish")
def republish(
    source: Annotated[str | None, typer.Option(help="Only this source's deliveries.")] = None,
    period: Annotated[list[str] | None, typer.Option(metavar="YYYY-MM", help="Only what concerns this month.")] = None,
    as_json: Json = False,
) -> None:
    """Publish everything again from the archive, for a new Kafka cluster or new topics, and wait until it is done.

    Consumers that have the events skip them; consumers with empty databases arrive at the same figures.
    """
    asked = _intake.post("/v1/republications", {"source": source, "periods": period or []})
    while (state := _intake.get("/v1/republications"))["waiting"]:
        time.sleep(_POLL_SECONDS)
    if as_json:
        print_json(asked | {"failed": state["failed"]})
    else:
        out.print(f"{asked['deliveries']} deliveries, {asked['provider_invoices']} provider invoices published again")
    if state["failed"]:
        fail("\n".join(one["error"] for one in state["failed"]), BLOCKED)


@tags.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="Tag rules, as APPORTION_INTAKE_TAG_RULES names them.")],
    as_json: Json = False,
) -> None:
    """Check tag rules without a running service; every error is shown at once, with its line."""
    try:
        rules = load_tag_rules(file)
    except TagRulesInvalid as error:
        if as_json:
            print_json({"errors": [{"file": one.file, "line": one.line, "rule": one.rule, "message": one.message,
                                    "advice": one.advice} for one in error.errors]})  # fmt: skip
        else:
            err.print(str(error), markup=False, style="red", soft_wrap=True)
        raise typer.Exit(BAD_USAGE) from None
    if as_json:
        print_json({"errors": []})
        return
    table = new_table("name", "sources", "aliases", "values", "virtual tags")
    for one in rules:
        table.add_row(*_described(one))
    out.print(table)


def _described(rule: Normalisation) -> tuple[str, str, str, str, str]:
    values = sum(len(mapped) for mapped in rule.values.values())
    virtual = ", ".join(virtual.key for virtual in rule.virtual)
    return rule.name, ", ".join(sorted(rule.sources)) or "all", str(len(rule.aliases)), str(values), virtual
