"""`tags check`: tag rules, looked at before they are put to work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.intake.domain.tags import Normalisation
from services.intake.tag_rules import TagRulesInvalid, load_tag_rules
from shared.terminal import BAD_USAGE, Json, err, out, print_json
from shared.terminal import table as new_table


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
