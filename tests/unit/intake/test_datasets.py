"""Invoice Detail, Billing Period and Contract Commitment: recognised by their columns, read strictly."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

from services.intake.dataset_records import outgoing, stored
from services.intake.domain.datasets import row_key
from services.intake.reading import OtherDataset, check_file
from services.intake.reading.datasets import DatasetRow, open_dataset
from services.intake.reading.errors import (
    DuplicateColumn,
    EmptyFile,
    IntakeRefusal,
    MissingColumns,
    NotFocus,
    RefusedRow,
)
from shared.events import ContractCommitment, InvoiceDetail, ProviderBillingPeriod, decode
from shared.focus import Dataset
from tests.unit.intake.samples import SAMPLES

FILES = [
    ("invoice-detail-1.4", Dataset.INVOICE_DETAIL, "1.4", 3), ("billing-period-1.4", Dataset.BILLING_PERIOD, "1.4", 2),
    ("contract-commitment-1.3", Dataset.CONTRACT_COMMITMENT, "1.3", 1),
    ("contract-commitment-1.4", Dataset.CONTRACT_COMMITMENT, "1.4", 1),
]  # fmt: skip
Record = InvoiceDetail | ProviderBillingPeriod | ContractCommitment
CONTRACTS: dict[Dataset, type[Record]] = {
    Dataset.INVOICE_DETAIL: InvoiceDetail,
    Dataset.BILLING_PERIOD: ProviderBillingPeriod,
    Dataset.CONTRACT_COMMITMENT: ContractCommitment,
}


def read(path: Path) -> list[DatasetRow]:
    return list(open_dataset(path, path.name).rows)


def changed(tmp_path: Path, sample: str, **values: str) -> Path:
    """A sample with other values in its first row."""
    rows = list(csv.DictReader(io.StringIO((SAMPLES / f"{sample}.csv").read_text(), newline="")))
    rows[0].update(values)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    file = tmp_path / "changed.csv"
    file.write_text(text.getvalue())
    return file


@pytest.mark.parametrize(("name", "dataset", "version", "count"), FILES)
def test_a_file_is_recognised_and_becomes_records(name: str, dataset: Dataset, version: str, count: int) -> None:
    path = SAMPLES / f"{name}.csv"
    opened = open_dataset(path, path.name)
    rows = list(opened.rows)
    assert (opened.dataset, opened.version, len(rows)) == (dataset, version, count)
    kept = stored(dataset, rows[0], "cloud-main")
    record = outgoing(dataset, "t.", kept["key"], kept["content"], 7, "a.csv", withdrawn=False)
    decoded = decode(CONTRACTS[dataset], record.value)
    assert (decoded.revision, decoded.source_file) == (7, "a.csv")
    assert set(decoded.row) == set(rows[0].values)
    with pytest.raises(OtherDataset, match="apportion ingest"):
        check_file(path)


def test_parquet_means_the_same_as_csv(tmp_path: Path) -> None:
    source, target = SAMPLES / "invoice-detail-1.4.csv", tmp_path / "a.parquet"
    typed = "BilledCost::DECIMAL(12,4) AS BilledCost, BillingPeriodStart::TIMESTAMP AS BillingPeriodStart"
    query = f"SELECT * REPLACE ({typed}) FROM read_csv('{source}', all_varchar = true)"
    duckdb.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
    assert [(row.values, row.custom) for row in read(target)] == [(row.values, row.custom) for row in read(source)]


@pytest.mark.parametrize("sample", [name for name, *_ in FILES])
def test_json_lines_mean_the_same_as_csv(tmp_path: Path, sample: str) -> None:
    source, target = SAMPLES / f"{sample}.csv", tmp_path / "a.jsonl"
    records = csv.DictReader(io.StringIO(source.read_text(), newline=""))
    with target.open("w") as file:
        for record in records:
            given = {name: text for name, text in record.items() if text and text != "NULL"}
            json_columns = [name for name, text in given.items() if text.startswith("{")]
            line = json.dumps({name: text for name, text in given.items() if name not in json_columns})[:-1]
            file.write("".join([line, *(f', "{name}": {given[name]}' for name in json_columns), "}\n"]))
    assert [(row.values, row.custom) for row in read(target)] == [(row.values, row.custom) for row in read(source)]
    assert [row.line for row in read(target)] == list(range(1, len(read(source)) + 1))


def test_a_line_of_json_that_breaks_a_rule_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"BillingPeriodStatus": "Open"}\n{"BillingPeriodStatus": "Shut"}\n')
    with pytest.raises(MissingColumns, match="BillingPeriodStart"):
        read(file)
    january = dict.fromkeys(("BillingPeriodCreated", "BillingPeriodLastUpdated", "BillingPeriodStart"), "2026-01-01")
    row = january | {"BillingPeriodEnd": "2026-02-01", "InvoiceIssuerName": "Cloud"}
    lines = [json.dumps(row | {"BillingPeriodStatus": status}) for status in ("Open", "Shut")]
    file.write_text("\n".join(lines))
    with pytest.raises(RefusedRow, match="line 2: BillingPeriodStatus has 'Shut', but must be one of Open, Closed"):
        read(file)


def test_values_are_canonical_and_json_stays_exact() -> None:
    first, second, _ = read(SAMPLES / "invoice-detail-1.4.csv")
    assert (first.values["BilledCost"], second.values["PaymentCurrencyBilledCost"]) == ("12.5", "-0.25")
    assert (first.custom, second.custom) == ({"x_Team": "core"}, {})
    assert "PaymentDueDate" not in first.values
    kept = stored(Dataset.INVOICE_DETAIL, first, "s")
    assert b'"InvoiceDetailGrain":{"ServiceName":"Machines","x_Share":0.10}' in kept["content"]
    withdrawn = outgoing(Dataset.INVOICE_DETAIL, "", kept["key"], kept["content"], 2, "f", withdrawn=True)
    assert (withdrawn.key, json.loads(withdrawn.value)["withdrawn"]) == (b"Cloud/INV-1/L%2F1", True)


def test_the_same_row_in_another_notation_is_the_same_content(tmp_path: Path) -> None:
    plain, *_ = read(SAMPLES / "invoice-detail-1.4.csv")
    noted, *_ = read(changed(tmp_path, "invoice-detail-1.4", BilledCost="1.25E1", BillingPeriodEnd="2026-02-01",
                             InvoiceDetailGrain='{"x_Share":0.10,"ServiceName":"Machines"}'))  # fmt: skip
    assert stored(Dataset.INVOICE_DETAIL, plain, "s") == stored(Dataset.INVOICE_DETAIL, noted, "s")


@pytest.mark.parametrize(
    ("sample", "column", "value", "rule"),
    [
        ("invoice-detail-1.4", "BilledCost", "1,5", "must be a decimal number"),
        ("invoice-detail-1.4", "BilledCost", "1E-19", "must have at most 18 decimals"),
        ("invoice-detail-1.4", "BilledCost", "", "FOCUS needs a value here"),
        ("invoice-detail-1.4", "InvoiceIssueStatus", "Paid", "must be one of Open, Issued, Voided"),
        ("invoice-detail-1.4", "BillingCurrency", "EURO", "must be an ISO 4217"),
        ("invoice-detail-1.4", "PaymentCurrency", "Credits", "must be an ISO 4217"),
        ("invoice-detail-1.4", "InvoiceDetailGrain", "[1]", "must be a JSON object"),
        ("billing-period-1.4", "BillingPeriodStatus", "closed", "must be one of Open, Closed"),
        ("billing-period-1.4", "BillingPeriodStart", "January", "must be a UTC date"),
        ("contract-commitment-1.3", "ContractCommitmentCategory", "Both", "must be one of Spend, Usage"),
        ("contract-commitment-1.4", "ContractCommitmentDiscountPercentage", "15", "must be a share from 0 to 1"),
    ],
)  # fmt: skip
def test_a_row_that_breaks_a_rule_refuses_the_file(
    tmp_path: Path, sample: str, column: str, value: str, rule: str
) -> None:
    with pytest.raises(RefusedRow) as caught:
        read(changed(tmp_path, sample, **{column: value}))
    shown = repr(value) if value else "no value"
    assert str(caught.value).startswith(f"changed.csv, line 2: {column} has {shown}, but {rule}")


def test_headers_that_can_not_be_read(tmp_path: Path) -> None:
    text = (SAMPLES / "billing-period-1.4.csv").read_text()

    def refused(content: str) -> IntakeRefusal:
        file = tmp_path / "bad.csv"
        file.write_text(content)
        with pytest.raises(IntakeRefusal) as caught:
            read(file)
        return caught.value

    missing = refused(text.replace("BillingPeriodEnd", "x_End", 1))
    assert isinstance(missing, MissingColumns)
    assert "missing mandatory column BillingPeriodEnd of FOCUS 1.4 Billing Period" in str(missing)
    assert isinstance(refused(text.replace("BillingPeriodEnd", "BillingPeriodStart", 1)), DuplicateColumn)
    assert isinstance(refused(text.splitlines()[0] + "\n"), EmptyFile)
    assert isinstance(refused((SAMPLES / "1.2.csv").read_text()), NotFocus)
    assert "NUL" in str(refused(text.replace("Cloud", "Clo\0ud", 1)))


def test_keys_of_different_rows_differ() -> None:
    one = {"InvoiceIssuerName": "a/b", "InvoiceId": "c", "InvoiceDetailId": "d"}
    other = {"InvoiceIssuerName": "a", "InvoiceId": "b/c", "InvoiceDetailId": "d"}
    escaped = {"InvoiceIssuerName": "a%2Fb", "InvoiceId": "c", "InvoiceDetailId": "d"}
    keys = [row_key("invoice-detail", row, "s") for row in (one, other, escaped)]
    assert len({key.key for key in keys}) == len({key.scope for key in keys}) == 3
    commitment = {"ContractCommitmentId": "1"}
    assert row_key("contract-commitment", commitment, "a") != row_key("contract-commitment", commitment, "b")
