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
    seen = observe_values(layout, rows)
    for name, canonical in columns.items():
        if COLUMNS[name].type == "json":
            seen.unparsable[name] += sum(1 for _ in rows_at(canonical, canonical.broken))
    _observe_rounding(seen, columns, keep)
    return seen


def observe_values(layout: Layout, rows: pa.Table) -> Observations:
    """Count what normalised rows still show, amounts being canonical text or decimals; a column may be left out if
    it has no values.
    """
    seen = Observations(issuers=_issuers(rows), without_invoice=_nulls(rows, "InvoiceId"))
    for name in layout.charge:
        column = COLUMNS[name]
        if column.type != "json" and not column.nullable and column.level == "mandatory":
            seen.missing[name] += _nulls(rows, name)
    for name in layout.unknown:
        seen.unknown_columns[name] += rows.num_rows
    return seen


def with_more_to_tell(columns: Mapping[str, Canonical], rows: int) -> Any:
    """A mask of the rows of a chunk that were not read as they are: something of them was rounded or left out."""
    told: set[int] = set()
    for name, canonical in columns.items():
        left_out = canonical.broken if COLUMNS[name].type == "json" else {}
        told.update(row for row, _ in rows_at(canonical, canonical.residues.keys() | left_out))
    return pa.array([row in told for row in range(rows)], pa.bool_()) if told else pa.repeat(False, rows)


def _nulls(rows: pa.Table, name: str) -> int:
    return int(rows.column(name).null_count) if name in rows.column_names else rows.num_rows


def _issuers(rows: pa.Table) -> dict[str, IssuerCosts]:
    billed, effective = (_has_fraction(rows.column(name)) for name in _COSTS)
    table = pa.table({"issuer": rows.column("InvoiceIssuerName").cast(pa.string()), "b": billed, "e": effective})
    sums = table.group_by("issuer", use_threads=False).aggregate([("b", "count"), ("b", "sum"), ("e", "sum")])
    return {row["issuer"]: IssuerCosts(row["b_count"], row["b_sum"], row["e_sum"]) for row in sums.to_pylist()}


def _has_fraction(amounts: Any) -> Any:
    if pa.types.is_decimal(amounts.type):
        return pc.not_equal(amounts, pc.trunc(amounts))
    return pc.match_substring(amounts.cast(pa.string()), ".")


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
