"""The allocator's commands: rule sets and allocations. Thin HTTP clients, but for `rules check`, which needs nobody."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from services.allocator.archived_costs import NoCosts
from services.allocator.commands.rules_diff import diff_command
from services.allocator.commands.sides import valid_bundle_at
from services.allocator.commands.simulate import simulate_command
from services.allocator.commands.taken import print_taken, taken_of
from services.allocator.domain.rule_set import FALLBACK_RULE
from services.allocator.loading import LoadedRuleSet, RuleSetInvalid, load_bundle, review
from shared.archive import ArchiveUnreadable
from shared.documents import DocumentError
from shared.terminal import BAD_USAGE, Json, ServiceCommands, err, fail, moment, out, print_json
from shared.terminal import table as new_table

RuleFile = Annotated[
    Path,
    typer.Argument(help="The rule set: its YAML file, or a directory with rules.yaml in it. Its tables lie beside it."),
]

rules = typer.Typer(help="Rule sets: check, simulate, apply, show.", no_args_is_help=True)
rules.command("simulate")(simulate_command)
rules.command("diff")(diff_command)
_ALLOCATOR = ServiceCommands("allocator")


@rules.command("check")
def check_command(
    file: RuleFile,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    archive: Annotated[
        Path | None,
        typer.Option(help="With --period: also say what each rule takes of this archive's costs (the directory "
                          "`archive` of intake's data), and which other rule would have it.", show_default=False),
    ] = None,
    period: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="The month, with --archive.")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Check a rule set without applying it; no running service is needed.

    Every mistake is listed with file, line, rule and what to do; so is what is allowed and most likely not meant, as a
    warning. Overrides are listed with their last day. With --archive and --period a month's costs are sent through the
    rules: what each takes, what of it another rule would give to somebody else, and what no rule takes.

    Exit codes: 0 it can be applied, 2 it can't.
    """
    if (archive is None) != (period is None):
        fail("--archive and --period go together", BAD_USAGE)
    loaded, found = _read(file)
    errors = [one for one in found if strict or one.severity == "error"]
    warnings = [one for one in found if one not in errors]
    taken = _taken(loaded, archive, period) if loaded and archive and period else None
    if as_json:
        said: dict[str, object] = {"errors": [_as_json(one) for one in errors]}
        said["warnings"] = [_as_json(one) for one in warnings]
        print_json(said | ({} if taken is None else {"rules": taken}))
    for one in () if as_json else found:
        err.print(str(one), markup=False, style="red" if one in errors else "yellow", soft_wrap=True)
    if errors or loaded is None:
        raise typer.Exit(BAD_USAGE)
    if not as_json:
        _print_summary(file, loaded)
        if taken is not None:
            print_taken(taken)


@rules.command("apply")
def apply_command(
    file: RuleFile,
    approved_by: Annotated[str, typer.Option(help="Who approves the change; must not be its author.")],
    applied_by: Annotated[str | None, typer.Option(help="The author; your user name by default.")] = None,
    as_json: Json = False,
) -> None:
    """Apply a rule set to every billing period from its effective_from on.

    It is tried on the open months first: one that does not add up is refused, and one that can't be allocated as things
    are (a driver is missing) is named, and keeps its last allocations until it can.

    Open months are allocated anew within seconds; a closed month keeps its rules. If the rules look at a tag or column
    that has not been collected so far, the costs are read again first: see `apportion allocations YYYY-MM --runs`.
    """
    body = valid_bundle_at(file).as_json() | {
        "applied_by": applied_by or getpass.getuser(),
        "approved_by": approved_by,
    }
    found = _ALLOCATOR.post("/v1/rule-sets", body)
    if as_json:
        print_json(found)
    else:
        out.print(
            f"rule set {found['name']} version {found['version'][:12]} is in force from {found['effective_from']} on"
        )
        for held in found["held"]:
            out.print(
                f"{held['billing_period']} keeps its last allocations: {held['reason']}", markup=False, soft_wrap=True
            )


@rules.command("show")
def show_command(
    version: Annotated[str | None, typer.Argument(help="First digits of a version; leave out to list all.")] = None,
    as_json: Json = False,
) -> None:
    """List the rule sets that were applied, or print one as it was applied."""
    if version is not None:
        one = _ALLOCATOR.get(f"/v1/rule-sets/{version}")
        if as_json:
            print_json(one)
        else:
            out.print(one["document"], markup=False)
        return
    found = _ALLOCATOR.get("/v1/rule-sets")
    if as_json:
        print_json(found)
        return
    table = new_table("name", "version", "from", "basis", "applied by", "approved by", "applied at")
    for row in found:
        table.add_row(row["name"], row["version"][:12], row["effective_from"], row["basis"], row["applied_by"],
                      row["approved_by"] or "", moment(row["applied_at"]))  # fmt: skip
    out.print(table)


def _read(file: Path) -> tuple[LoadedRuleSet | None, list[DocumentError]]:
    try:
        return review(load_bundle(file))
    except RuleSetInvalid as error:
        return None, list(error.errors)


def _taken(loaded: LoadedRuleSet, archive: Path, period: str) -> list[dict[str, Any]]:
    try:
        return taken_of(archive, period, loaded)
    except (ArchiveUnreadable, NoCosts) as error:
        fail(str(error), BAD_USAGE)


def _print_summary(file: Path, loaded: LoadedRuleSet) -> None:
    rules = {rule.id for rule in loaded.rule_set.rules} - {FALLBACK_RULE}
    counts = f"{len(rules)} rules, {len(loaded.rule_set.pools)} pools, {len(loaded.cost_centers)} cost centers"
    out.print(f"{file}: {counts}; version {loaded.version[:12]}", soft_wrap=True)
    for name, override in loaded.overrides.items():
        out.print(f"override {name} until {override.until}: {override.reason}", markup=False, soft_wrap=True)


def _as_json(error: DocumentError) -> dict[str, object]:
    return {
        "file": error.file,
        "line": error.line,
        "rule": error.rule,
        "message": error.message,
        "advice": error.advice,
        "severity": error.severity,
    }
