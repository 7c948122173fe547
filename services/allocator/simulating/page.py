"""A simulation as one HTML page without any other file: the numbers, and bars of what changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from shared.money import readable, rounded

_BAR: Final = 46
"""Half of the width of a chart, in percent, that the largest change takes."""


def simulation_page(document: Mapping[str, Any]) -> str:
    """Write the page of a simulation's document; every text from the data is escaped."""
    return _PAGES.get_template("page.html.jinja").render(simulation=document, charts=_charts(document))


def _charts(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each currency the movers as bars: left of the middle who pays less, right of it who pays more."""
    charts = []
    for total in document["totals"]:
        movers = [one for one in document["movers"] if one["currency"] == total["currency"]]
        largest = max((Decimal(one["change"]).copy_abs() for one in movers), default=Decimal(0))
        bars = [one | _bar(Decimal(one["change"]), largest) for one in movers]
        charts.append({"currency": total["currency"], "bars": bars})
    return charts


def _bar(change: Decimal, largest: Decimal) -> dict[str, str]:
    width = round(change.copy_abs() / largest * _BAR, 2)
    return {"x": str(50 if change > 0 else 50 - width), "width": str(width), "sign": "more" if change > 0 else "less"}


def _signed(amount: str, currency: str) -> str:
    found = rounded(Decimal(amount), currency)
    return f"{found:+,f}" if found else ""


def _percent(change: str, before: str) -> str:
    """By how much of what it was; nothing if there was nothing."""
    return f"{Decimal(change) / Decimal(before) * 100:+.1f} %" if Decimal(before) else ""


def _changed(rows: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return [one for one in rows if Decimal(one["change"])]


_PAGES: Final = Environment(
    loader=PackageLoader("services.allocator.simulating", "."), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
_PAGES.filters |= {"money": readable, "signed": _signed, "percent_of": _percent, "changed": _changed}
