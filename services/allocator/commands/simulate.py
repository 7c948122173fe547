"""`apportion rules simulate`: what a rule set would have done to a month."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from services.allocator.archived_costs import NoCosts
from services.allocator.commands.earlier import EARLIER_HELP, earlier_at
from services.allocator.commands.sides import bundle_at, measured, measurements_at, rule_set_of
from services.allocator.domain.charged import EarlierMonths
from services.allocator.domain.methods import CannotDivide
from services.allocator.loading import Bundle
from services.allocator.simulating.moving import MoveInvalid, moved, read_move
from services.allocator.simulating.page import simulation_page
from services.allocator.simulating.simulate import Side, simulate_archive
from shared.archive import ArchiveUnreadable
from shared.money import readable
from shared.terminal import BAD_USAGE, BLOCKED, ServiceCommands, err, fail, figures, out
from shared.terminal import table as new_table

_ALLOCATOR = ServiceCommands("allocator")
_COLUMNS = (
    "cost_center", "currency", "direct_before", "shared_before", "before", "direct_after", "shared_after", "after",
    "change",
)  # fmt: skip


class Form(StrEnum):
    """How the result is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


def simulate_command(
    file: Annotated[Path, typer.Option("--rules", help="The rule set to try: its YAML file, or the directory of it.")],
    period: Annotated[str, typer.Option("--period", metavar="YYYY-MM", help="Billing period.")],
    against: Annotated[
        str | None,
        typer.Option(help="What to compare with: a file or directory, or, of a running stack, a version's first "
                     "digits; by default the rule set in force."),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(help="Take the costs from this archive (the directory `archive` of intake's data): no running "
                     "stack is needed, and --against must be a file or directory."),
    ] = None,
    drivers: Annotated[
        Path | None, typer.Option(help="With --archive: the measurements of both sides, as for `drivers load`.")
    ] = None,
    earlier: Annotated[list[Path] | None, typer.Option(help=f"With --archive: {EARLIER_HELP}")] = None,
    change_drivers: Annotated[
        Path | None,
        typer.Option(help="What if: measurements to change or add on the new side only, as for `drivers load`."),
    ] = None,
    move: Annotated[
        list[str] | None,
        typer.Option(metavar="FROM:TO[:DAY]", help="What if: from a day on, by default the first of the month, one "
                     "cost center's cost is another's on the new side. Can be given several times."),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="How to write the result.")] = Form.TABLE,
    destination: Annotated[Path | None, typer.Option("--out", help="File to write, instead of the terminal.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:  # fmt: skip
    """Show what a rule set would change for every cost center and pool of a month; nothing is applied or published.

    The total stays the same to the last digit: what one pays less, others pay more. The table is rounded to cents; CSV
    and JSON have every digit. Exit codes: 0 done, 2 a rule set or archive can't be used, 3 a pool can't be split (its
    message says why) or the costs are not all there yet.
    """
    after = _with_moves(bundle_at(file), move or (), period)
    if archive is not None:
        months = earlier_at(earlier or ())
        document = _from_archive(archive, period, after, against, drivers, change_drivers, months)
    elif earlier:
        fail("--earlier goes with --archive: a running stack has its own earlier months", BAD_USAGE)
    elif drivers is not None:
        fail("--drivers goes with --archive: a running stack has its own, so use --change-drivers", BAD_USAGE)
    else:
        document = _from_stack(period, after, against, change_drivers)
    text = _written(document, Form.JSON if as_json else form)
    if destination is not None:
        if not text:
            fail("--out needs --format csv, json or html", BAD_USAGE)
        destination.write_text(text, encoding="utf-8", newline="")
        err.print(f"wrote {destination}", markup=False)
    elif text:
        sys.stdout.write(text)
    else:
        _print(document)


def _with_moves(bundle: Bundle, moves: Sequence[str], period: str) -> Bundle:
    if moves:
        rule_set_of(bundle)
    try:
        return moved(bundle, [read_move(one, period) for one in moves])
    except MoveInvalid as error:
        fail(str(error), BAD_USAGE)


def _from_archive(
    archive: Path,
    period: str,
    after: Bundle,
    against: str | None,
    drivers: Path | None,
    changes: Path | None,
    earlier: EarlierMonths,
) -> dict[str, Any]:
    if against is None:
        fail("--archive needs --against: the rule set to compare with, as a file or directory", BAD_USAGE)
    known = measured(drivers)
    sides = (
        Side(rule_set_of(bundle_at(Path(against))), known, earlier),
        Side(rule_set_of(after), known.changed(measured(changes)), earlier),
    )
    try:
        return simulate_archive(archive, period, *sides)
    except (ArchiveUnreadable, NoCosts) as error:
        fail(str(error), BAD_USAGE)
    except CannotDivide as error:
        fail(str(error), BLOCKED)


def _from_stack(period: str, after: Bundle, against: str | None, changes: Path | None) -> dict[str, Any]:
    body: dict[str, Any] = {"billing_period": period, "rules": after.as_json()}
    if against is not None:
        body["against"] = bundle_at(Path(against)).as_json() if Path(against).exists() else against
    if changes is not None:
        body["change_drivers"] = measurements_at(changes)
    answer: dict[str, Any] = _ALLOCATOR.post("/v1/simulations", body)
    return answer


def _written(document: dict[str, Any], form: Form) -> str:
    """The result as a text; empty for a table on the terminal."""
    match form:
        case Form.HTML:
            return simulation_page(document)
        case Form.CSV:
            buffer = io.StringIO()
            writer = csv.DictWriter(buffer, _COLUMNS, lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(document["cost_centers"])
            return buffer.getvalue()
        case Form.JSON:
            return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        case Form.TABLE:
            return ""


def _print(document: dict[str, Any]) -> None:
    """Totals, movers and pools on the terminal, rounded to the currency's minor unit."""
    names = [f"{document[side]['rule_set']} {document[side]['version'][:12]}" for side in ("after", "before")]
    out.print(f"{document['billing_period']}: {' instead of '.join(names)}, {document['basis']}", soft_wrap=True)
    for total in document["totals"]:
        amounts = {key: readable(value, total["currency"]) for key, value in total.items() if key != "currency"}
        out.print(
            f"{total['currency']}: {amounts['total']} in all, {amounts['moved']} changes hands, suspense "
            f"{amounts['suspense_before']} -> {amounts['suspense_after']}", soft_wrap=True,
        )  # fmt: skip
    for title, key, rows in (
        ("Largest movers", "cost_center", document["movers"]),
        ("Pools", "pool", document["pools"]),
    ):
        if rows:
            table = new_table(key.replace("_", " "), *figures("before", "after", "change"), "currency", title=title)
            for one in rows:
                currency = one["currency"]
                table.add_row(
                    one[key], *(readable(one[name], currency) for name in ("before", "after", "change")), currency
                )
            out.print(table)
    changed = sum(one["before"] != one["after"] for one in document["cost_centers"])
    lines = document["lines"]
    out.print(f"{changed} cost centers pay more or less; {lines['changed']} of {lines['after']} lines change")
