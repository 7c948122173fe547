"""Earlier months that a command splits refunds by: from files of their lines, or from a running stack."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from services.allocator.domain.charged import Charged, EarlierMonth, EarlierMonths
from services.allocator.line_content import ORIGIN
from shared.terminal import BAD_USAGE, ServiceCommands, fail

EARLIER_HELP: Final = (
    "The lines of an earlier month, for refunds that are split as it was: the CSV file that "
    "`apportion allocations YYYY-MM --out FILE.csv` writes. Can be given several times."
)
_ALLOCATOR = ServiceCommands("allocator")
_AMOUNTS: Final = ("billed_cost", "effective_cost")
_NEEDED: Final = ("billing_period", "run_id", "cost_center", "currency", *_AMOUNTS, *ORIGIN)
_WRITE: Final = "write it by `apportion allocations YYYY-MM --out FILE.csv`"
_PAGE: Final = "10000"


def earlier_at(files: Sequence[Path]) -> EarlierMonths:
    """The months of files of lines; ends the command if one can't be read."""
    return _months(line for file in files for line in _lines_in(file))


def earlier_of_run(run: Mapping[str, Any]) -> EarlierMonths:
    """The months that a run looked at, from the running stack."""
    return _months(
        _flat(line)
        for month in run.get("earlier_runs", {})
        for line in _ALLOCATOR.pages("/v1/allocations", "allocations", period=month, limit=_PAGE)
    )


def _months(lines: Iterable[Mapping[str, str | None]]) -> EarlierMonths:
    found: dict[tuple[str, str], list[Charged]] = {}
    for line in lines:
        values = (line["currency"], *(line[name] or None for name in ORIGIN))
        amounts = (Decimal(line[name] or "") for name in _AMOUNTS)
        of_month = found.setdefault((line["billing_period"] or "", line["run_id"] or ""), [])
        of_month.append(Charged(values, line["cost_center"] or "", *amounts))
    months: dict[str, EarlierMonth] = {}
    for (month, run_id), charged in found.items():
        before = months.get(month, EarlierMonth(run_id, ()))
        months[month] = EarlierMonth(run_id, (*before.charged, *charged))
    return EarlierMonths(months)


def _lines_in(file: Path) -> Iterator[dict[str, str | None]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
            if missing:
                fail(f"{file} has no column {missing[0]}: {_WRITE}", BAD_USAGE)
            for row in rows:
                if None in row or None in row.values():
                    fail(f"{file}, line {rows.line_num}: not as many cells as the header: {_WRITE}", BAD_USAGE)
                wrong = next((name for name in _AMOUNTS if not _is_amount(row[name])), None)
                if wrong:
                    fail(f"{file}, line {rows.line_num}: {wrong} {row[wrong]!r} is no amount: {_WRITE}", BAD_USAGE)
                yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        fail(f"{file} can't be read ({error}): {_WRITE}", BAD_USAGE)


def _is_amount(text: str | None) -> bool:
    return text is not None and re.fullmatch(r"-?[0-9]{1,20}(\.[0-9]{1,18})?", text) is not None


def _flat(line: Mapping[str, Any]) -> Mapping[str, str | None]:
    return {**line, **line["origin"]}
