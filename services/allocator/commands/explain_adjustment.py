"""What `apportion explain` says of a line of an adjustment: before, after, and what came in between."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from shared.money import CONTEXT, text
from shared.terminal import figures, out
from shared.terminal import table as new_table


def print_adjusting_line(found: dict[str, Any]) -> None:
    """Print an explanation of a line of an adjustment, without its provider rows."""
    line, adjustment, rule = found["line"], found["adjustment"], found["rule"]
    gets = f"{line['effective_cost']} (billed {line['billed_cost']}) {line['currency']}"
    say = f"{line['cost_center']} gets {gets} of {line['billing_period']} after its close {adjustment['close_id']}"
    out.print(say, markup=False, soft_wrap=True)
    cause = "cost of delivery " + ", ".join(adjustment["deliveries"]) if adjustment["deliveries"] else "drivers"
    out.print(f"adjustment {adjustment['number']}, because of {cause}: to line {line['adjusts']}",
              markup=False, soft_wrap=True)  # fmt: skip
    where = f" ({rule['file']} line {rule['line']})" if "file" in rule else ""
    by = f"rule {rule['id']}{where} of {rule['rule_set']} {rule['version'][:12]}, that of the close"
    out.print(by, markup=False, soft_wrap=True)
    table = new_table("effective cost, shares, quantities", *figures("before", "after", "change"))
    for what, before, after in _rows(found["before"], found["after"]):
        table.add_row(what, before or "", after or "", _change(before, after))
    out.print(table)


def _rows(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, str | None, str | None]]:
    """What is compared, from the rule down to the line: name, before, after."""
    yield "the rule took, of this origin", _cost(before["given"]), _cost(after["given"])
    for was, now in zip(before["steps"], after["steps"], strict=True):
        yield f"pool {now['pool']} held in all", _cost(was["held"]), _cost(now["held"])
        yield f"  share of {now['to']}, percent", _percent(was["share"]), _percent(now["share"])
        for old, new in zip(was.get("drivers", ()), now.get("drivers", ()), strict=True):
            for name, of_all in (("quantity", ""), ("quantity_total", " in all")):
                yield f"  {new['metric']}{of_all}", _measured(old, name), _measured(new, name)
    if not after["steps"] and (before["share"] or after["share"]):
        yield "share, percent", _percent(before["share"]), _percent(after["share"])
    yield "the line", _cost(before["line"]), _cost(after["line"])


def _cost(sums: dict[str, str] | None) -> str | None:
    return sums["effective_cost"] if sums else None


def _measured(driver: dict[str, Any], name: str) -> str | None:
    return driver["measured"][name] if driver["measured"] else None


def _percent(share: dict[str, str] | None) -> str | None:
    return f"{Decimal(share['ratio']) * 100:.4f}" if share else None


def _change(before: str | None, after: str | None) -> str:
    if before is None or after is None:
        return ""
    return text(CONTEXT.subtract(Decimal(after), Decimal(before)))
