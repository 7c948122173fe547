"""The control totals of a run: what went in, what came out, and a hash over all lines."""

from __future__ import annotations

from services.allocator.domain.charged import EarlierMonths
from services.allocator.domain.lines import Line
from services.allocator.key_figures import RuleSums
from services.allocator.planning import Inputs
from services.allocator.store.progress import Sums
from shared.events import AllocationRun, AllocationTotals

_MODULUS = 1 << 256


class RunTotals:
    """Adds up a run's lines; `costs` is what went in, by currency."""

    def __init__(self, costs: dict[str, Sums]) -> None:
        self._costs = costs
        self._hash = 0
        self.rule_sums = RuleSums()

    def add(self, line: Line, content_hash: bytes) -> None:
        """Count one live line."""
        self.rule_sums.add(line)
        self._hash += int.from_bytes(content_hash, "big")

    def record(self, inputs: Inputs, run_id: str, changed_lines: int, earlier: EarlierMonths) -> AllocationRun:
        """The contract that ends a preview or a final run."""
        rules = inputs.loaded.rule_set
        assert inputs.kind != "adjustment"
        return AllocationRun(
            run_id=run_id, billing_period=inputs.billing_period, kind=inputs.kind, close_id=inputs.close_id,
            rule_set=rules.name, rule_set_version=inputs.loaded.version, basis=rules.basis,
            deliveries=list(inputs.deliveries), totals=self.by_currency, lines_hash=self.lines_hash,
            changed_lines=changed_lines, drivers_hash=inputs.measured.drivers_hash if inputs.measured else None,
            drivers_ordinal=inputs.measured.ordinal if inputs.measured else None,
            earlier_runs=earlier.runs(),
        )  # fmt: skip

    @property
    def lines_hash(self) -> str:
        """The sum of the lines' hashes, hex."""
        return f"{self._hash % _MODULUS:064x}"

    @property
    def by_currency(self) -> list[AllocationTotals]:
        """What went in and came out, in the order of the currencies."""
        return [self._totals(currency) for currency in sorted(self._costs)]

    def _totals(self, currency: str) -> AllocationTotals:
        events, billed, effective = self._costs[currency]
        allocated = self.rule_sums.of_kinds(currency, "direct", "shared")
        suspense = self.rule_sums.of_kinds(currency, "suspense")
        return AllocationTotals(
            currency=currency, events=events, cost_billed=billed, cost_effective=effective,
            lines=allocated.lines + suspense.lines,
            allocated_billed=allocated.billed_cost, allocated_effective=allocated.effective_cost,
            suspense_billed=suspense.billed_cost, suspense_effective=suspense.effective_cost,
        )  # fmt: skip
