"""Small FOCUS exports for tests: charges as dictionaries, written as CSV, JSON Lines or Parquet."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shared.focus import columns_of

MANDATORY = tuple(column.name for column in columns_of("1.2") if column.level == "mandatory")
OPTIONAL = ("InvoiceId", "RegionId", "ResourceId", "SubAccountId", "Tags")


def charge(number: int = 0, **values: str) -> dict[str, str]:
    """One valid charge of FOCUS 1.2."""
    return {
        "BilledCost": f"{number}.25", "BillingAccountId": "0012345", "BillingAccountName": "Payer",
        "BillingCurrency": "USD", "BillingPeriodEnd": "2026-02-01T00:00:00Z",
        "BillingPeriodStart": "2026-01-01T00:00:00Z", "ChargeCategory": "Usage", "ChargeClass": "",
        "ChargeDescription": "vm", "ChargePeriodEnd": "2026-01-03T00:00:00Z",
        "ChargePeriodStart": "2026-01-02T00:00:00Z", "ContractedCost": "1", "EffectiveCost": f"{number}.125",
        "InvoiceIssuerName": "Cloud Inc.", "ListCost": "2", "PricingQuantity": "3", "PricingUnit": "Hours",
        "ProviderName": "Cloud", "PublisherName": "Cloud Host", "ServiceCategory": "Compute", "ServiceName": "VM",
        "InvoiceId": "P-1", "RegionId": f"r{number % 3}", "ResourceId": f"vm-{number}",
        "SubAccountId": f"{number % 5:03}", "Tags": '{"team": "a"}',
    } | values  # fmt: skip


def write_csv(path: Path, charges: Iterable[Mapping[str, str]], names: Sequence[str] = (), **options: str) -> Path:
    """Write charges; the columns are those of the first one unless they are named."""
    rows = list(charges)
    columns = list(names or rows[0])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator=options.get("newline", "\n"))
    writer.writeheader()
    writer.writerows(rows)
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_parquet(path: Path, charges: Iterable[Mapping[str, str]]) -> Path:
    """Write charges as texts, null where the text is empty."""
    rows = [{name: value or None for name, value in row.items()} for row in charges]
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in rows[0]])), path)
    return path


def write(path: Path, charges: Iterable[Mapping[str, str]]) -> Path:
    """Write charges in the format that the name says."""
    by_suffix = {".jsonl": write_json_lines, ".parquet": write_parquet}
    return by_suffix.get(path.suffix, write_csv)(path, charges)


def write_json_lines(path: Path, charges: Iterable[Mapping[str, object]]) -> Path:
    """Write charges as JSON Lines, without the keys whose value is empty text."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    data = encoder.encode_lines({name: value for name, value in row.items() if value != ""} for row in charges)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
