"""The accepted rows of a delivery in work, as a DuckDB table that is read from the spool as it is queried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.dataset

from services.intake.reading.normalise import AMOUNT
from services.intake.reading.raw import TEXT
from services.intake.spool import Spool
from shared.focus import COLUMNS

_MEMORY_LIMIT: Final = "96MB"
_TEXTS: Final = (
    "AllocatedMethodDetails", "AllocatedMethodId", "BillingAccountId", "BillingCurrency", "ChargeCategory",
    "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "CommitmentDiscountId", "CommitmentDiscountStatus", "InvoiceId", "InvoiceIssuerName", "ResourceId",
    "ServiceCategory", "ServiceName", "ServiceProviderName", "SkuId", "SkuPriceId", "SubAccountId",
)  # fmt: skip
_COSTS: Final = ("BilledCost", "EffectiveCost")
assert set(_TEXTS) | set(_COSTS) <= COLUMNS.keys()

SCHEMA: Final = pa.schema(
    [
        *((name, TEXT) for name in _TEXTS),
        *((name, AMOUNT) for name in _COSTS),
        ("billing_period", TEXT),
        ("flags", TEXT),
    ]
)
"""What the rules look at; a column that a file did not have is null."""


@contextmanager
def accepted_rows(spool: Spool) -> Iterator[Any]:
    """A DuckDB connection on which `accepted` has the rows of `SCHEMA`; flat memory, one pass for each query."""
    paths = [str(path) for path in sorted(spool.directory.glob("rows-*.arrow"))]
    rows = pyarrow.dataset.dataset(paths, schema=SCHEMA, format="ipc") if paths else SCHEMA.empty_table()
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1, "memory_limit": _MEMORY_LIMIT, "temp_directory": str(spool.directory / "temporary-quality"),
    }  # fmt: skip
    with duckdb.connect(config=config) as connection:
        connection.register("accepted", rows)
        yield connection
