"""What a delivery's data should make a person look twice at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final, NamedTuple

from shared.money import ZERO

_EXACT: Final = Context(prec=1_000)
EXAMPLES_MAX: Final = 5
"""Examples that are kept of each flag."""


class Noted(NamedTuple):
    """A finding: a stable code, a sentence for people, and how many rows it concerns."""

    code: str
    message: str
    rows: int


class IssuerCosts(NamedTuple):
    """How many rows of an issuer there are, and how many of them have a fraction in each cost."""

    rows: int
    billed_fractions: int
    effective_fractions: int


class FlagExample(NamedTuple):
    """A flagged row: where it is in its file, and the values, as read, that the flag is about."""

    code: str
    file: str
    line: int
    values: dict[str, str]


@dataclass(slots=True)
class Observations:
    """What was counted while reading; parts of a delivery are added up with `add`.

    `tag_steps` counts rows by tag rules and step.
    `residues` has what rounding took away (source minus kept) by cost column and currency.
    """

    issuers: dict[str, IssuerCosts] = field(default_factory=dict)
    without_invoice: int = 0
    rounded_rows: int = 0
    residues: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    unparsable: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    unknown_columns: Counter[str] = field(default_factory=Counter)
    tag_steps: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, list[FlagExample]] = field(default_factory=dict)

    def add(self, other: Observations) -> None:
        """Add what was counted in another part."""
        for issuer, costs in other.issuers.items():
            known = self.issuers.get(issuer, IssuerCosts(0, 0, 0))
            self.issuers[issuer] = IssuerCosts(*(a + b for a, b in zip(known, costs, strict=True)))
        self.without_invoice += other.without_invoice
        self.rounded_rows += other.rounded_rows
        for (column, currency), residue in other.residues.items():
            self.add_residue(column, currency, residue)
        self.unparsable.update(other.unparsable)
        self.missing.update(other.missing)
        self.unknown_columns.update(other.unknown_columns)
        self.tag_steps.update(other.tag_steps)
        for examples in other.examples.values():
            self.add_examples(examples)

    def add_examples(self, examples: Iterable[FlagExample]) -> None:
        """Add examples of flags, as long as there are few of the same."""
        for example in examples:
            known = self.examples.setdefault(example.code, [])
            if len(known) < EXAMPLES_MAX:
                known.append(example)

    def add_residue(self, column: str, currency: str, residue: Decimal, times: int = 1) -> None:
        """Add what rounding took away from `times` equal amounts."""
        known = self.residues.get((column, currency), ZERO)
        self.residues[column, currency] = _EXACT.fma(residue, Decimal(times), known)

    def findings(self) -> list[Noted]:
        """The findings, in a fixed order."""
        money = (*self._rounded_at_source(), *self._rounded_here(), *self._without_invoice())
        return [*money, *self._per_column(), *self._tags()]

    def _rounded_at_source(self) -> Iterator[Noted]:
        for issuer, costs in sorted(self.issuers.items()):
            if costs.billed_fractions and not costs.effective_fractions:
                yield Noted(
                    "effective-cost-rounded",
                    f"EffectiveCost of {issuer} holds whole numbers only while BilledCost has fractions: it was "
                    "rounded at source; allocate on BilledCost, or ask for an export at full precision",
                    costs.rows,
                )

    def _rounded_here(self) -> Iterator[Noted]:
        if self.rounded_rows:
            lost = [
                f"{column} {residue.normalize(_EXACT):+} {currency}" for (column, currency), residue in self._sums()
            ]
            yield Noted(
                "amounts-rounded",
                "amounts with more than 18 decimals were rounded half-even; source minus kept, in sum: "
                + (", ".join(lost) or "prices and quantities only"),
                self.rounded_rows,
            )

    def _sums(self) -> list[tuple[tuple[str, str], Decimal]]:
        return sorted(self.residues.items())

    def _without_invoice(self) -> Iterator[Noted]:
        if self.without_invoice:
            yield Noted(
                "invoice-id-missing",
                "rows without an InvoiceId can only be compared with the provider's invoices by issuer and period",
                self.without_invoice,
            )

    def _per_column(self) -> Iterator[Noted]:
        for column, rows in sorted((+self.unparsable).items()):
            code = "tags-unparsable" if column == "Tags" else "json-unparsable"
            yield Noted(code, f"{column} is no JSON object; the rows were kept without it", rows)
        for column, rows in sorted((+self.missing).items()):
            yield Noted("value-missing", f"{column} should never be empty by FOCUS; the rows were kept", rows)
        for column, rows in sorted((+self.unknown_columns).items()):
            yield Noted("column-unknown", f"{column} is no FOCUS column and no x_ column; kept as x_{column}", rows)

    def _tags(self) -> Iterator[Noted]:
        for (rule, step), rows in sorted((+self.tag_steps).items()):
            if step == "conflict":
                told = (
                    f"tag rules {rule}: several tags came to one name with different values; the best match was taken"
                )
                yield Noted("tags-conflict", told, rows)
            else:
                yield Noted("tags-normalised", f"tag rules {rule}: {step}", rows)
