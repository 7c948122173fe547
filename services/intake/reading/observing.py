"""What a chunk of rows shows about the quality of its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.domain.findings import IssuerCosts, Observations
from services.intake.reading.layout import Layout
from services.intake.reading.values import Canonical, rows_at
from shared.focus import COLUMNS

_COSTS: Final = ("BilledCost", "EffectiveCost")


def observe(layout: Layout, rows: pa.Table, columns: Mapping[str, Canonical], keep: Any) -> Observations:
    """Count what makes findings.

    Args:
        rows: the accepted rows.
        columns: all rows, refused ones included; `keep` masks the accepted ones, None for all.
    """
    seen = Observations(issuers=_issuers(rows))
    named = "InvoiceId" in rows.column_names
    seen.without_invoice = rows.column("InvoiceId").null_count if named else rows.num_rows
    for name, canonical in columns.items():
        column = COLUMNS[name]
        if column.type == "json":
            seen.unparsable[name] += sum(1 for _ in rows_at(canonical, canonical.broken))
        elif not column.nullable and column.level == "mandatory":
            seen.missing[name] += rows.column(name).null_count
    for name in layout.unknown:
        seen.unknown_columns[name] += rows.num_rows
    _observe_rounding(seen, columns, keep)
    return seen


def _issuers(rows: pa.Table) -> dict[str, IssuerCosts]:
    billed, effective = (pc.match_substring(rows.column(name).cast(pa.string()), ".") for name in _COSTS)
    table = pa.table({"issuer": rows.column("InvoiceIssuerName").cast(pa.string()), "b": billed, "e": effective})
    sums = table.group_by("issuer", use_threads=False).aggregate([("b", "count"), ("b", "sum"), ("e", "sum")])
    return {row["issuer"]: IssuerCosts(row["b_count"], row["b_sum"], row["e_sum"]) for row in sums.to_pylist()}


def _observe_rounding(seen: Observations, columns: Mapping[str, Canonical], keep: Any) -> None:
    touched: set[int] = set()
    currencies = columns["BillingCurrency"].column
    for name, canonical in columns.items():
        counts: Counter[tuple[str, Decimal]] = Counter()
        for row, at in rows_at(canonical, canonical.residues):
            if keep is None or keep[row].as_py():
                touched.add(row)
                counts[currencies[row].as_py(), canonical.residues[at]] += 1
        for (currency, residue), times in counts.items() if name in _COSTS else ():
            seen.add_residue(name, currency, residue, times)
    seen.rounded_rows = len(touched)
