"""`deliveries`: what came in, and one delivery in full."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shared.terminal import Json, ServiceCommands, figures, out, print_json
from shared.terminal import table as new_table

_intake = ServiceCommands("intake")


def deliveries(
    delivery_id: Annotated[str | None, typer.Argument(help="Leave out for the newest ones.")] = None,
    as_json: Json = False,
) -> None:
    """Show the newest deliveries, or one with its totals and findings."""
    if delivery_id is not None:
        one = _intake.get(f"/v1/deliveries/{delivery_id}")
        print_json(one) if as_json else show_delivery(one)
        return
    found = _intake.get("/v1/deliveries")
    if as_json:
        print_json(found)
        return
    table = new_table("delivery", "state", *figures("rows", "events", "BilledCost"))
    table.show_lines = True
    for column in table.columns:
        column.no_wrap = column.header != "BilledCost"
    for one in found:
        table.add_row(
            f"{one['delivery_id']}\n{one['source']} #{one['ordinal']}", _state(one),
            _rows(one) if one["withdraws"] is None else "withdrawal",
            f"+{one['charges']:,}\n-{one['retractions']:,}", "\n".join(_sums(one)),
        )  # fmt: skip
    out.print(table if found else "no deliveries yet")


def show_delivery(delivery: dict[str, Any]) -> None:
    """Print one delivery: its counts, why it is held, its totals, its findings."""
    out.print(
        f"{'delivery' if delivery['withdraws'] is None else 'withdrawal'} {delivery['delivery_id']} of "
        f"{delivery['source']} is {delivery['state']}: "
        f"{delivery['rows_read']:,} rows, {delivery['charges']:,} charges and {delivery['retractions']:,} retractions, "
        f"{delivery['rejected_rows']:,} rows rejected, {delivery['flagged_rows']:,} flagged"
    )
    _show_holding(delivery)
    table = new_table("period", "currency", *figures("rows", "BilledCost", "EffectiveCost"), title="what it holds")
    for total in delivery["snapshot"]:
        table.add_row(total["billing_period"], total["currency"], f"{total['events']:,}", total["billed_cost"],
                      total["effective_cost"])  # fmt: skip
    out.print(table)
    if delivery["findings"]:
        findings = new_table("finding", *figures("rows"), "what it means", title="look twice at")
        for finding in delivery["findings"]:
            findings.add_row(finding["code"], f"{finding['rows']:,}", finding["message"])
        out.print(findings)
    if delivery["rejected_rows"]:
        out.print(f"`apportion intake rejected {delivery['delivery_id']}` prints the rejected rows; mend them and "
                  "deliver again")  # fmt: skip


def _show_holding(delivery: dict[str, Any]) -> None:
    for reason in delivery["hold_reasons"]:
        out.print(f"{reason['code']}: {reason['message']}", style="red", markup=False)
    for one in delivery["decisions"]:
        out.print(f"{one['decision']} by {one['by']} at {one['at']}: {one['reason']}", markup=False)
    if delivery["superseded_by"]:
        out.print(f"replaced by {delivery['superseded_by']} while it was held")


def _state(delivery: dict[str, Any]) -> str:
    return f"{delivery['state']}" + ("" if delivery["seconds"] is None else f"\n{delivery['seconds']:.1f} s")


def _rows(delivery: dict[str, Any]) -> str:
    counts = {"rejected": delivery["rejected_rows"], "flagged": delivery["flagged_rows"]}
    more = [f"{count:,} {what}" for what, count in counts.items() if count]
    return "\n".join([f"{delivery['rows_read']:,}", *more])


def _sums(delivery: dict[str, Any]) -> list[str]:
    """Two lines each, so that all digits fit beside the rest in 80 columns."""
    return [f"{one['billing_period']} {one['currency']}\n{one['billed_cost']}" for one in delivery["snapshot"]]
