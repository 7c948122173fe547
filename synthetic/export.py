"""Generates the whole export: the rows in one streaming pass, then everything that can be said about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from synthetic import fees, values
from synthetic.beside import write_beside, write_restated
from synthetic.catalog import PROVIDERS
from synthetic.charges import Charges, Fee, Metered
from synthetic.commitments import Commitment
from synthetic.files import Sink, sink
from synthetic.months import Month, month
from synthetic.organisation import COST_CENTERS_MIN, Organisation, organisation
from synthetic.resources import Resources
from synthetic.restatement import Restatement
from synthetic.totals import Totals

ROWS_MIN: Final = 300
_ROWS_PER_COMMITMENT: Final = 10_000

Progress = Callable[[str], None]
_ROWS_PER_MESSAGE: Final = 50_000


class TooSmall(ValueError):
    """Below this size an export can't hold every kind of charge."""

    def __init__(self, what: str, wanted: int, least: int) -> None:
        self.what, self.wanted, self.least = what, wanted, least
        super().__init__(f"{what}: {wanted} is too small for every kind of charge to occur, ask for at least {least}")


@dataclass(frozen=True, slots=True)
class Export:
    """What to generate. `restate` is the percentage of usage rows that a second snapshot restates, 0 for none."""

    rows: int
    period: str = "2026-06"
    seed: int = 1
    cost_centers: int = 40
    format: str = "csv.gz"
    restate: int = 0

    def __post_init__(self) -> None:
        if self.rows < ROWS_MIN:
            raise TooSmall("rows", self.rows, ROWS_MIN)
        if self.cost_centers < COST_CENTERS_MIN:
            raise TooSmall("cost centers", self.cost_centers, COST_CENTERS_MIN)


@dataclass(slots=True)
class Snapshot:
    """One export file being written, and its sums."""

    sink: Sink
    totals: Totals
    closing: list[str] = field(default_factory=list)

    def write(self, charges: Charges) -> None:
        """Append the charges."""
        rendered = charges.render()
        self.totals.add(charges, rendered)
        self.sink.write(rendered.lines)

    def close_month(self, seed: int, this: Month, company: Organisation) -> None:
        """Append the fees, which depend on all that is before them."""
        for account in fees.payers(company):
            for charge in fees.untaxed(seed, this, account, self.totals.costs):
                self._write_fee(charge)
            for kind in (values.REGULAR, values.ADJUSTMENTS):
                self._write_fee(fees.tax(this, account, kind, self.totals.costs))

    def _write_fee(self, charge: Fee) -> None:
        self.closing += charge.render().lines
        self.write(charge)


def generate(wanted: Export, out: Path, progress: Progress | None = None) -> Totals:
    """Write the export and what belongs to it into `out`; `progress` hears now and then how far it is.

    Memory does not depend on the number of rows. Files of the same names are replaced, each when it is whole.

    Raises:
        NotABillingPeriod: if the period is not YYYY-MM.
        OSError: if `out` can't be made or written.
    """
    this, company = month(wanted.period), organisation(wanted.seed, wanted.cost_centers)
    restatement = Restatement(wanted.restate)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        names = ("focus", "focus-restated") if wanted.restate else ("focus",)
        snapshots = [
            Snapshot(files.enter_context(sink(out / f"{name}.{wanted.format}", wanted.format)), Totals(wanted.period))
            for name in names
        ]
        for charges in _reported(_measured(wanted, this, company), wanted.rows, progress):
            snapshots[0].write(charges)
            for snapshot in snapshots[1:]:
                snapshot.write(restatement.apply(charges))
        for snapshot in snapshots:
            snapshot.close_month(wanted.seed, this, company)
    write_beside(out, wanted.seed, company, snapshots[0].totals)
    for snapshot in snapshots[1:]:
        differing = sum(a != b for a, b in zip(snapshots[0].closing, snapshot.closing, strict=True))
        write_restated(out, snapshots[0].totals, snapshot.totals, restatement.written(differing))
    return snapshots[0].totals


def _reported(charges: Iterator[Metered], rows: int, progress: Progress | None) -> Iterator[Metered]:
    done = told = 0
    for charge in charges:
        yield charge
        done += charge.rows
        if progress and done - told >= _ROWS_PER_MESSAGE:
            told = done
            progress(f"generated {done:,} of {rows:,} rows")


def _measured(wanted: Export, this: Month, company: Organisation) -> Iterator[Metered]:
    """All charges but the fees: exactly as many rows as are left for them."""
    span = max(3, min(len(this.days), wanted.rows // 200))
    left = wanted.rows - fees.count(company)
    for charges in _commitments(wanted, this, company, span):
        left -= charges.rows
        yield charges
    resources, number = Resources(wanted.seed, this, company, span), 0
    while left > 0:
        for charges in resources.resource(number):
            yield _at_most(charges, left)
            left -= min(charges.rows, left)
            if not left:
                return
        number += 1


def _commitments(wanted: Export, this: Month, company: Organisation, span: int) -> Iterator[Metered]:
    for number in range(2 * max(1, wanted.rows // _ROWS_PER_COMMITMENT)):
        for provider in PROVIDERS:
            yield from Commitment(wanted.seed, this, company, provider, number, this.days[:span]).charges()


def _at_most(charges: Metered, rows: int) -> Metered:
    return charges if charges.rows <= rows else charges.first(rows)
