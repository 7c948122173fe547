"""Breaks: what does not add up and keeps a period from closing. Each says what to do, and whose it is to do.

A break's `code` is stable (metrics, tests and runbooks name it); its message is for the person who has to act.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from services.ledger.domain.amounts import subtract
from services.ledger.domain.matching import Match
from shared.money import text

Stage = Literal["provider-invoice", "costs", "allocations", "invoices", "books"]


@dataclass(frozen=True, slots=True)
class Break:
    """One break. `expected` and `actual` are texts, because not everything that breaks is an amount."""

    code: str
    stage: Stage
    key: str
    currency: str | None
    expected: str
    actual: str
    difference: Decimal | None
    owner: str
    message: str


def amounts_differ(
    code: str, stage: Stage, key: str, currency: str, expected: Decimal, actual: Decimal, owner: str, what_to_do: str
) -> Break:
    """Two exact amounts that must be equal and are not."""
    difference = subtract(actual, expected)
    message = f"{key}: expected {text(expected)} {currency}, found {text(actual)} ({text(difference)}): {what_to_do}"
    return Break(code, stage, key, currency, text(expected), text(actual), difference, owner, message)


def invoice_breaks(match: Match) -> list[Break]:
    """What is wrong between a provider's invoices and the cost events they should cover."""
    breaks = [_still_open(match, invoice.invoice_id) for invoice in match.invoices if invoice.status == "Open"]
    if match.missing:
        breaks.append(_missing(match))
    elif not match.agrees:
        breaks.append(_beyond_tolerance(match))
    return breaks


def _still_open(match: Match, invoice_id: str) -> Break:
    return Break(
        "provider-invoice-open", "provider-invoice", f"{match.issuer}/{invoice_id}", match.currency,
        "an issued invoice", "Open", None, "accounts payable",
        f"provider invoice {invoice_id} of {match.issuer} is still Open, so it may change: "
        "load it again once it is issued, then close again",
    )  # fmt: skip


def _missing(match: Match) -> Break:
    return Break(
        "provider-invoice-missing", "provider-invoice", match.key, match.currency,
        text(match.billed), "no provider invoice", match.billed, "accounts payable",
        f"{match.key} has {match.rows} cost rows of {text(match.billed)} {match.currency} and no provider invoice, "
        "while other invoices of this period are known: load the missing invoice, then close again",
    )  # fmt: skip


def _beyond_tolerance(match: Match) -> Break:
    numbers = ", ".join(invoice.invoice_id for invoice in match.invoices)
    return Break(
        "provider-invoice-difference", "provider-invoice", match.key, match.currency,
        text(match.invoiced), text(match.billed), match.difference, "accounts payable",
        f"provider invoice {numbers or '(none)'} of {match.issuer} asks for {text(match.invoiced)} {match.currency}, "
        f"the cost events add up to {text(match.billed)} ({match.rows} rows, tolerance {text(match.tolerance)}): "
        "load the right invoice, or the delivery that is missing, then close again",
    )  # fmt: skip


def missing_sequence(delivery_id: str, partition: int, expected: int, got: str) -> Break:
    """Cost events of a delivery that never arrived."""
    return Break(
        "missing-sequence", "costs", f"{delivery_id}/{partition}", None,
        str(expected), got, None, "operator",
        f"delivery {delivery_id}, partition {partition}: expected sequence {expected}, got {got}: events are lost from "
        "the cost topic; restore the topic or deliver the file again under a new delivery, then close again",
    )  # fmt: skip


def delivery_disagrees(delivery_id: str, differences: Sequence[str]) -> Break:
    """All events of a delivery are here and do not add up to what intake says."""
    return Break(
        "control-totals", "costs", delivery_id, None, "the delivery's control totals", "; ".join(differences), None,
        "operator",
        f"delivery {delivery_id}: all its events were read, and they do not add up to its control totals "
        f"({'; '.join(differences)}): settle the dead letters of the cost topic, then close again",
    )  # fmt: skip


def hand_over_disagrees(stage: Stage, key: str, differences: Sequence[str], owner: str) -> Break:
    """A run was announced and its lines did not come in the time set."""
    return Break(
        "control-totals", stage, key, None, "the run's control totals", "; ".join(differences), None, owner,
        f"{key}: the ledger's own tables still differ from the run's control totals ({'; '.join(differences)}): "
        "look for dead letters and for a relay that stands still, then close again",
    )  # fmt: skip


def rejected_rows(source: str, delivery_id: str, rows: int) -> Break:
    """Rows of the newest delivery of a source that intake could not read."""
    return Break(
        "rejected-rows", "costs", f"{source}/{delivery_id}", None, "0 rejected rows", str(rows), None, "intake",
        f"delivery {delivery_id} of {source} has {rows} rejected row(s), so cost is missing: "
        "see intake's dead letters, deliver the corrected file, then close again",
    )  # fmt: skip


def unplaced_rows(source: str, delivery_id: str, rows: int) -> Break:
    """Rejected rows of a delivery in which no row tells a billing period."""
    return Break(
        "rejected-rows", "costs", f"{source}/{delivery_id}", None, "0 rejected rows", str(rows), None, "intake",
        f"delivery {delivery_id} of {source} has {rows} rejected row(s), and none of its rows tells a billing period, "
        f"so cost of any period may be missing: see `apportion intake rejected {delivery_id}`, deliver the corrected "
        f"file (if the source appends, with `--mends {delivery_id}`), then close again",
    )  # fmt: skip


def held_delivery(
    source: str, delivery_id: str, since: str, reasons: Sequence[tuple[str, str]], tells_period: bool
) -> Break:
    """A delivery that intake holds until somebody decides about it."""
    unknown = "" if tells_period else "; none of its rows tells a billing period, so it may concern any"
    return Break(
        "held-delivery", "costs", f"{source}/{delivery_id}", None,
        "no held delivery", ", ".join(code for code, _ in reasons), None, "FinOps",
        f"delivery {delivery_id} of {source} is held since {since} and nothing of it is published{unknown} "
        f"({'; '.join(f'{code}: {words}' for code, words in reasons)}): look at it with `apportion intake quality "
        f"{delivery_id}`, then `apportion intake release {delivery_id} --by NAME --reason TEXT`, or `cancel`, or "
        "deliver a mended export, then close again",
    )  # fmt: skip


def open_dead_letters(topic: str, count: int, example: str) -> Break:
    """Records that the ledger refused and nobody settled."""
    return Break(
        "dead-letters", "books", topic, None, "0 open dead letters", str(count), None, "operator",
        f"the ledger refused {count} record(s) of {topic} (first: {example}): "
        "find out why, replay or supersede them, then close again",
    )  # fmt: skip


def no_costs(billing_period: str) -> Break:
    """A period without a single delivery."""
    return Break(
        "no-costs", "costs", billing_period, None, "at least one delivery", "none", None, "FinOps",
        f"no delivery has cost events for {billing_period}: check the period, or ingest its files first",
    )  # fmt: skip


def late_cost(delivery_id: str, currency: str, billed: Decimal, effective: Decimal) -> Break:
    """Cost that arrived for a period whose books are closed (or whose close has fixed its deliveries)."""
    return Break(
        "late-cost", "costs", delivery_id, currency, "0", text(billed), billed, "FinOps",
        f"delivery {delivery_id} brought {text(billed)} {currency} (effective {text(effective)}) after the period's "
        "books were fixed: nothing of it is posted; it waits for an adjustment in an open period",
    )  # fmt: skip
