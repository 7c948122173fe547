"""The quality report as one HTML page without any other file, for people and for mail attachments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

_PAGES: Final = Environment(
    loader=PackageLoader("services.intake.quality", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
_VERDICTS: Final = {"holds": "holds", "broken": "does not hold", "nothing to check": "nothing to check"}


def quality_page(report: Mapping[str, Any]) -> str:
    """Write the page of a report as the API answers it; every text from the data is escaped."""
    return _PAGES.get_template("page.html.jinja").render(report=report, verdicts=_VERDICTS)


def _count(number: int) -> str:
    return f"{number:,}"


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _amount(number: str | None) -> str:
    """Exact digits with commas between thousands."""
    return "" if number is None else f"{Decimal(number):,f}"


def percent(share: str) -> str:
    """A share from 0 to 1 for people."""
    return f"{Decimal(share) * 100:.2f} %"


def _instant(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


_PAGES.filters |= {"count": _count, "instant": _instant, "rows": _rows, "amount": _amount, "percent": percent}
