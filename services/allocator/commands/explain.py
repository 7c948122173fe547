"""`apportion explain`: why a line, or a cost center's month, is what it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import typer

from services.allocator.commands.explain_adjustment import print_adjusting_line
from shared.money import readable
from shared.terminal import BAD_USAGE, Json, ServiceCommands, fail, figures, out, print_json
from shared.terminal import table as new_table

_ALLOCATOR = ServiceCommands("allocator")


def explain_command(
    allocation: Annotated[
        str | None, typer.Argument(metavar="[LINE]", help="The id of an allocation, or of a line of an adjustment.")
    ] = None,
    cost_center: Annotated[str | None, typer.Option(help="Instead of a line: all that a cost center pays for.")] = None,
    period: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="The month, with --cost-center.")] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="Also list so many provider rows; all are added up."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="With --cost-center: why it is more or less than then.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk an allocation line back to the rule and the provider rows that it came from.

    Each pool on the way is shown with its method, the share, what was measured, what it held, and who else got what.
    With --rows the provider's rows follow, from intake's archive, with their exact sum. A line of an adjustment is
    shown before and after it, with the rows that came late. With --cost-center and --period: what makes up the whole
    amount, the largest parts first, each with a line to go on from. With --since the change since another month is
    split into what the rules, the drivers, one-off charges, quantities and prices did; the parts add up to the change.
    """
    if (allocation is None) == (cost_center is None) or (cost_center is None) != (period is None):
        fail("name one LINE, or --cost-center together with --period", BAD_USAGE)
    if allocation is not None:
        _explain_line(allocation, rows, as_json=as_json)
        return
    asked = {"cost_center": cost_center or "", "period": period or ""}
    if since is not None:
        found = _ALLOCATOR.get("/v1/changes", since=since, **asked)
        print_json(found) if as_json else _print_change(found)
    else:
        found = _ALLOCATOR.get("/v1/explanations", **asked)
        print_json(found) if as_json else _print_summary(found)


def _explain_line(allocation: str, rows: int | None, *, as_json: bool) -> None:
    found = _ALLOCATOR.get(f"/v1/allocations/{allocation}/explanation")
    if rows is not None:
        listed = _ALLOCATOR.get(f"/v1/allocations/{allocation}/provider-rows", rows=str(rows))
        agrees = None if found["given"] is None else listed["sum"] == found["given"]
        found["provider_rows"] = listed | {"agrees": agrees}
    if as_json:
        print_json(found)
        return
    print_adjusting_line(found) if "adjustment" in found else _print_line(found)
    if rows is not None:
        _print_rows(found["provider_rows"])


def _print_change(found: dict[str, Any]) -> None:
    parts = list(found["changes"][0]["parts"]) if found["changes"] else []
    title = f"{found['cost_center']}: the change"
    table = new_table(
        "", *figures(found["since"], *(name.replace("_", "-") for name in parts), found["billing_period"]), title=title
    )
    for one in found["changes"]:
        currency = one["currency"]
        amounts = (one["before"], *one["parts"].values(), one["after"])
        table.add_row(currency, *(readable(amount, currency) for amount in amounts))
    out.print(table)


def _print_line(found: dict[str, Any]) -> None:
    line, rule = found["line"], found["rule"]
    origin = line["origin"]
    out.print(
        f"{line['cost_center']} pays {_amounts(line)} {line['currency']} of {line['billing_period']}", soft_wrap=True
    )
    out.print(
        f"for {origin['service_name']}, account {origin['sub_account_id'] or '(none)'}, {origin['charge_category']}, "
        f"invoice {origin['invoice_id'] or '(none)'} of {origin['issuer']}", markup=False, soft_wrap=True,
    )  # fmt: skip
    share = f", {_ratio(found['share'])} of it" if found["share"] and not found["steps"] else ""
    took = _amounts(found["given"]) if found["given"] else "it (a pool beside the way dropped the detail of the rest)"
    where = f" ({rule['file']} line {rule['line']})" if "file" in rule else ""
    by = f"rule {rule['id']}{where} of {rule['rule_set']} {rule['version'][:12]}"
    out.print(f"{by} took {took}{share}", markup=False, soft_wrap=True)
    for number, step in enumerate(found["steps"], 1):
        leg = f" ({step['leg']})" if step["leg"] else ""
        out.print(
            f"{number}. pool {step['pool']}, {step['method'] or 'everything'}{leg}: {_ratio(step['share'])} to "
            f"{step['to']}", markup=False, soft_wrap=True,
        )  # fmt: skip
        if as_then := step.get("split_as"):
            out.print(f"   as run {as_then['run_id']} split the charges of {as_then['billing_period']}", soft_wrap=True)
        for driver in step.get("drivers", ()):
            out.print(f"   {_measured(driver)}", markup=False, soft_wrap=True)
        table = new_table("of this origin, to", *figures("billed", "effective"))
        for taker in step["takers"]:
            table.add_row(taker["to"], taker["billed_cost"], taker["effective_cost"])
        if held := step["held_of_origin"]:
            table.add_row("all", held["billed_cost"], held["effective_cost"])
        out.print(table)


def _measured(driver: dict[str, Any]) -> str:
    if (found := driver["measured"]) is None:
        return f"driver {driver['metric']}: nothing was measured"
    return (
        f"driver {found['metric']}, {found['window']}: {found['quantity']} of {found['quantity_total']}"
        f" ({found['aggregate']}, weight {driver['weight']})"
    )


def _print_rows(listed: dict[str, Any]) -> None:
    table = new_table("day", "service", "resource", "description", *figures("billed", "effective"))
    for row in listed["rows"]:
        table.add_row(row["charge_day"], row["ServiceName"], row["ResourceId"] or "", row["ChargeDescription"] or "",
                      row["BilledCost"], row["EffectiveCost"])  # fmt: skip
    out.print(table)
    more = listed["count"] - len(listed["rows"])
    out.print(f"{listed['count']} provider rows{f', {more} not listed' if more else ''}: {_amounts(listed['sum'])}")
    if listed["agrees"]:
        out.print("They add up to what the rule took, to the last digit.")
    elif listed["agrees"] is False:
        out.print("They do not add up to what the rule took: the archive has other deliveries than the last run had.")


def _print_summary(found: dict[str, Any]) -> None:
    out.print(f"{found['cost_center']} in {found['billing_period']}, {found['basis']}; rule set {found['rule_set']} "
              f"{found['rule_set_version'][:12]}", markup=False, soft_wrap=True)  # fmt: skip
    table = new_table("kind", "rule", "for", *figures("share", "amount"), "", *figures("lines"), "largest line")
    for entry in found["entries"]:
        share, currency = entry["share"], entry["currency"]
        table.add_row(
            entry["kind"], entry["rule_id"], entry["what"], f"{Decimal(share['ratio']) * 100:.2f} %" if share else "",
            readable(entry['amount'], currency), currency, str(entry["lines"]), entry["largest_line"],
        )  # fmt: skip
    out.print(table)


def _amounts(sums: dict[str, str]) -> str:
    return f"{sums['effective_cost']} (billed {sums['billed_cost']})"


def _ratio(share: dict[str, str] | None) -> str:
    if share is None:
        return "what the table says"
    return f"{Decimal(share['ratio']) * 100:.4f} % ({share['weight']} of {share['weight_total']})"
