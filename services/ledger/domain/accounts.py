"""The chart of accounts, and account names that any plain-text accounting program accepts.

An account is a place in the chart and, for most, a party: the provider (invoice issuer) or the cost center. Names go
through a reversible escape, because Beancount allows only letters, digits and `-` and wants an upper-case letter or a
digit first: any other character becomes `-x<HEX>-`, a `-` before an `x` is escaped too, and a name that begins with
anything but A-Z or 0-9 gets the prefix `X-x-`. So `CC-100` stays `CC-100`, and `unescape` gives back every name.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

_PREFIX: Final = "X-x-"
_TO_ESCAPE: Final = re.compile(r"[^A-Za-z0-9-]|-(?=x)")
_ESCAPED: Final = re.compile(r"-x([0-9A-F]+)-")


class Chart(StrEnum):
    """Every account the ledger posts to. `by issuer` and `by cost center` accounts have a party."""

    CLEARING = "Assets:Clearing:CloudCost"  # by issuer: cost that is seen and not yet given to anyone
    PREPAID = "Assets:PrepaidCommitments"  # by issuer: billed and not yet used (BilledCost - EffectiveCost)
    UNBILLED = "Assets:Unbilled"  # by cost center: allocated and not yet invoiced
    RECEIVABLE = "Assets:Receivable:Internal"  # by cost center: invoiced, in minor units
    SUSPENSE = "Assets:Suspense:Unallocated"  # what no rule gives to anyone
    ACCRUED = "Liabilities:Accrued"  # by issuer: billed cost that no provider invoice has asked for yet
    PAYABLE = "Liabilities:Payable"  # by issuer: what provider invoices ask for
    VARIANCE = "Expenses:Variance:InvoiceVsUsage"  # by issuer: tolerated difference of cost and provider invoice
    ROUNDING = "Expenses:Rounding"  # exact cost minus invoiced minor units


COST_CENTER_ACCOUNTS: Final = frozenset({Chart.UNBILLED, Chart.RECEIVABLE})
ISSUER_ACCOUNTS: Final = frozenset({Chart.CLEARING, Chart.PREPAID, Chart.ACCRUED, Chart.PAYABLE, Chart.VARIANCE})


def account_name(chart: Chart, party: str | None) -> str:
    """The account's full name, party escaped: `Assets:Unbilled:CC-100`."""
    return chart.value if party is None else f"{chart.value}:{escape(party)}"


def escape(name: str) -> str:
    """Write a party's name as one account component."""
    escaped = _TO_ESCAPE.sub(lambda found: f"-x{ord(found[0]):X}-", name)
    return escaped if re.match("[A-Z0-9]", escaped) else _PREFIX + escaped


def unescape(component: str) -> str:
    """The inverse of `escape`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), component.removeprefix(_PREFIX))
