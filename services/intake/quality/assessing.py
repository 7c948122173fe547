"""Assessing a planned delivery: one pass over its rows for flags and sums, one over its rejections. Blocking."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from services.intake.domain.findings import EXAMPLES_MAX, FlagExample, Noted
from services.intake.domain.holding import Size
from services.intake.domain.rejection import Rejection
from services.intake.preparing import Preparation, Prepared, Reading
from services.intake.quality.catalogue import CATALOGUE
from services.intake.quality.flags.combining import CODES
from services.intake.quality.report import (
    Example,
    Flag,
    FlagCost,
    RejectedRule,
    Report,
    ReportFinding,
    RowCounts,
    advice,
)
from services.intake.quality.sizes import delivered_sizes, sizes_in_force
from services.intake.quality.sums import KnownInvoice, SumRule, add_up, check_sums
from services.intake.store import StoredDelivery
from shared.archive import RowsInForce
from shared.money import ZERO, add, text

_SHARE: Final = Decimal("0.0001")
_ROUNDING: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_FLAG_SUMS: Final = """
SELECT flags, currency, sum(rows)::BIGINT, sum(absolute_billed), sum(absolute_effective) FROM sums GROUP BY ALL
"""
_TEXT_MAX: Final = 200
_SAME_AS_FLAG: Final = frozenset({"invoice-id-missing", "tags-unparsable"})
"""Findings of a whole delivery that say no more than the flag does: where rows have it, its rows are counted."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found: the report, what goes into the delivery's record, and the sizes that it is judged by."""

    report: Report
    findings: list[Noted]
    before: list[Size]
    after: list[Size]


def assess(
    delivery: StoredDelivery, preparation: Preparation, prepared: Prepared, in_force: Sequence[RowsInForce],
    invoices: Sequence[KnownInvoice],
) -> Assessment:  # fmt: skip
    """Look at everything that is known about a planned delivery."""
    spool, reading = preparation.spool, preparation.reading
    with preparation.accepted() as rows:
        add_up(rows)
        before, after, sums = sizes_in_force(rows, in_force), delivered_sizes(rows), check_sums(rows, invoices)
        sums_by_flags = rows.execute(_FLAG_SUMS).fetchall()
    flags = _flags(sums_by_flags, reading)
    counted = reading.observations.findings()
    findings = _findings(counted, flags, sums)
    untold = [noted for noted in counted if noted.code not in _codes(flags) & _SAME_AS_FLAG]
    rejected = _rejected(spool.rejections())
    report = Report(
        delivery_id=delivery.delivery_id,
        source=delivery.source,
        ordinal=delivery.ordinal,
        received_at=delivery.received_at.astimezone(UTC).isoformat(timespec="seconds"),
        files=reading.files,
        rows=RowCounts(
            read=reading.rows, accepted=reading.accepted, rejected=reading.rejected,
            flagged=sum(count for held, _, count, *_ in sums_by_flags if held is not None),
        ),
        charges=prepared.charges,
        retractions=prepared.retractions,
        totals=prepared.snapshot,
        rejected=rejected,
        flags=flags,
        findings=[ReportFinding(**noted._asdict()) for noted in (*untold, *prepared.noted)],
        sums=sums,
        advice=advice(_codes(rejected) | _codes(flags) | _codes(findings) | _codes(prepared.noted) | _codes(sums)),
    )  # fmt: skip
    return Assessment(report, findings, before, after)


def _codes(found: Iterable[Any]) -> set[str]:
    return {one.code for one in found}


def _flags(sums: Sequence[Any], reading: Reading) -> list[Flag]:
    """The flags that occur; their costs are compared with those of all rows of the currency."""
    whole: dict[str, tuple[Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO))
    of_flag: dict[str, dict[str, tuple[Decimal, Decimal]]] = defaultdict(lambda: defaultdict(lambda: (ZERO, ZERO)))
    rows: dict[str, int] = defaultdict(int)
    for codes, currency, count, billed, effective in sums:
        whole[currency] = _plus(whole[currency], billed, effective)
        for code in json.loads(codes) if codes else ():
            rows[code] += count
            of_flag[code][currency] = _plus(of_flag[code][currency], billed, effective)
    return [
        Flag(
            code=code, rows=rows[code], rows_share=_share(Decimal(rows[code]), Decimal(reading.accepted)),
            costs=[_cost(currency, costs, whole[currency]) for currency, costs in sorted(of_flag[code].items())],
            examples=[_example(one) for one in reading.observations.examples.get(code, ())],
        )
        for code in CODES
        if rows[code]
    ]  # fmt: skip


def _plus(sums: tuple[Decimal, Decimal], billed: Decimal, effective: Decimal) -> tuple[Decimal, Decimal]:
    return add(sums[0], billed), add(sums[1], effective)


def _cost(currency: str, costs: tuple[Decimal, Decimal], whole: tuple[Decimal, Decimal]) -> FlagCost:
    return FlagCost(
        currency=currency, billed=costs[0], billed_share=_share(costs[0], whole[0]), effective=costs[1],
        effective_share=_share(costs[1], whole[1]),
    )  # fmt: skip


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return _ROUNDING.quantize(_ROUNDING.divide(part, whole), _SHARE) if whole else ZERO


def _example(one: FlagExample) -> Example:
    return Example(file=one.file, line=one.line, values=one.values)


def _findings(counted: Sequence[Noted], flags: Sequence[Flag], sums: Sequence[SumRule]) -> list[Noted]:
    """What goes into the delivery's record: counted while reading, then flags without a finding, then broken sums."""
    known, rows = {noted.code for noted in counted}, {flag.code: flag.rows for flag in flags}
    told = [
        noted._replace(rows=rows.get(noted.code, noted.rows)) if noted.code in _SAME_AS_FLAG else noted
        for noted in counted
    ]
    flagged = [Noted(one.code, CATALOGUE[one.code].title, one.rows) for one in flags if one.code not in known]
    broken = [Noted(one.code, _sentence(one), one.rows) for one in sums if one.broken]
    return [*told, *flagged, *broken]


def _sentence(rule: SumRule) -> str:
    first = rule.differences[0]
    numbers = first.note
    if first.actual is not None and first.expected is not None and first.difference is not None:
        currency = f" {first.currency}" if first.currency else ""
        numbers = (
            f"{text(first.actual)}{currency} where {text(first.expected)} is expected, difference "
            f"{text(first.difference)}"
        )
    more = f"; and {rule.broken - 1} more, see the quality report" if rule.broken > 1 else ""
    return f"{CATALOGUE[rule.code].title}: {first.subject}: {numbers}{more}"


def _rejected(rejections: Iterable[Rejection]) -> list[RejectedRule]:
    """Rejections by column and rule, most frequent first."""
    rows: dict[tuple[str, str, str], int] = defaultdict(int)
    examples: dict[tuple[str, str, str], list[Example]] = defaultdict(list)
    for one in rejections:
        key = (one.code, one.column, one.rule)
        rows[key] += 1
        if len(examples[key]) < EXAMPLES_MAX:
            values = {} if one.value is None else {one.column: one.value[:_TEXT_MAX]}
            examples[key].append(Example(file=one.file, line=one.line, values=values))
    return [
        RejectedRule(code=key[0], column=key[1], rule=key[2], rows=rows[key], examples=examples[key])
        for key in sorted(rows, key=lambda key: (-rows[key], key))
    ]
