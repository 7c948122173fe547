"""Why a delivery that can't be taken in is refused, in words that say what to do."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from services.intake.domain.styles import OlderThanInForce, SameFileTwice
from services.intake.overflow import SumTooLarge, largest_sum
from services.intake.reading.errors import IntakeRefusal

UNREADABLE = (duckdb.Error, pa.ArrowException)
REFUSALS = (IntakeRefusal, OlderThanInForce, SameFileTwice, *UNREADABLE)
"""What ends a delivery before anything of it is published."""


class TooManyRows(ValueError):
    """A delivery that can't be compared and numbered in the memory there is for it."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        super().__init__(
            f"its {rows:,} rows are too many to be compared at once in the memory that intake takes; split the export "
            "by billing account or month and deliver the parts one after the other under the same source name: each "
            "replaces only the payers and months in it"
        )


def why_refused(error: BaseException, spool: Path, rows: int) -> str:
    """The words for one of `REFUSALS`. Blocking.

    Args:
        spool: where the delivery is worked on.
        rows: how many of its rows were read.
    """
    match error:
        case duckdb.OutOfRangeException():
            return str(SumTooLarge(largest_sum(spool)))
        case duckdb.OutOfMemoryException():
            return str(TooManyRows(rows))
        case duckdb.Error() | pa.ArrowException():
            return f"the files can't be read: {str(error).partition(chr(10))[0]}"
        case _:
            return str(error)
