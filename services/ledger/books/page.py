"""reconciliation.md: one page for the controller who signs the month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.ledger.domain.amounts import subtract
from services.ledger.domain.trial_balance import AccountBalance, residues
from shared.events import Reconciliation, Stages
from shared.money import ZERO, add, text


def reconciliation_page(record: Reconciliation, lines: Sequence[AccountBalance], entries: int, head: str) -> str:
    """Write the page: five stages per currency, trial balance, and how to check it."""
    return "\n".join([*_stages(record), *_balances(lines), *_proof(record, entries, head)]) + "\n"


def _stages(record: Reconciliation) -> Iterator[str]:
    yield f"# Reconciliation of {record.billing_period}"
    yield ""
    yield f"Charged on {record.basis}. Every stage agrees with the one before it, to the last digit or as noted."
    for stages in record.stages:
        yield from _currency(stages, record.basis or "EffectiveCost")
    if record.notes:
        yield from ("", "## Notes", "")
        yield from (f"- {note}" for note in record.notes)


def _currency(stages: Stages, basis: str) -> Iterator[str]:
    charged = stages.billed_cost if basis == "BilledCost" else stages.effective_cost
    given = stages.provider_invoiced
    yield from (
        "",
        f"## {stages.currency}",
        "",
        "| stage | amount | difference to the stage before |",
        "|---|---:|---:|",
    )
    yield f"| A provider invoices | {'none known' if given is None else text(given)} | |"
    variance = "" if given is None else text(subtract(stages.billed_cost, given))
    yield f"| B cost events, BilledCost ({stages.rows} rows) | {text(stages.billed_cost)} | {variance} |"
    yield f"| B cost events, {basis} (charged) | {text(charged)} | |"
    shared_out = add(stages.allocated, stages.suspense)
    yield f"| C allocated to cost centers | {text(stages.allocated)} | |"
    yield f"| C in suspense | {text(stages.suspense)} | {text(subtract(shared_out, charged))} |"
    yield f"| D invoiced, {stages.documents} document(s) | {text(stages.invoiced)} | |"
    residue = subtract(subtract(stages.invoiced, stages.rounding), stages.allocated)
    yield f"| D rounding to minor units | {text(stages.rounding)} | {text(residue)} |"
    yield "| E acknowledged by the ERP | not read yet | |"


def _balances(lines: Sequence[AccountBalance]) -> Iterator[str]:
    yield from ("", "## Trial balance", "", "| currency | account | party | debits | credits | balance |")
    yield "|---|---|---|---:|---:|---:|"
    summed: dict[tuple[str, str], list[AccountBalance]] = {}
    for line in lines:
        summed.setdefault((line.currency, line.chart.value), []).append(line)
    for (currency, chart), group in sorted(summed.items()):
        party = (group[0].party or "") if len(group) == 1 else f"{len(group)} accounts"
        sums = [ZERO, ZERO, ZERO]
        for line in group:
            amounts = (line.debits, line.credits, line.balance)
            sums = [add(left, right) for left, right in zip(sums, amounts, strict=True)]
        yield f"| {currency} | {chart} | {_cell(party)} | " + " | ".join(text(amount) for amount in sums) + " |"
    for currency, residue in residues(lines).items():
        yield f"| {currency} | **all accounts** | | | | **{text(residue)}** |"


def _proof(record: Reconciliation, entries: int, head: str) -> Iterator[str]:
    yield from ("", "## Proof", "")
    yield f"{entries} entries, hash chain head `{head}`."
    yield ""
    yield "Check this folder with programs that are not ours:"
    yield ""
    yield "```"
    yield "sha256sum -c SHA256SUMS"
    yield "bean-check --no-cache books.beancount"
    yield "hledger check -s -f books.journal"
    yield "```"
    yield ""
    yield f"The books hold the entries of {record.billing_period} only: all opening balances are zero."


def _cell(value: str) -> str:
    return value.replace("|", "\\|")
