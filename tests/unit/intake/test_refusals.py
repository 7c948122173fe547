"""Every way in which a file or a row can be bad, and what a person is told."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from services.intake import preparing
from services.intake.reading import IntakeRefusal, check_file
from services.intake.reading import errors as e
from services.intake.refusing import REFUSALS, why_refused
from tests.unit.intake.desk import Desk
from tests.unit.intake.exports import charge, write_csv


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    return write_csv(tmp_path / "good.csv", [charge(n) for n in range(5)]).read_bytes()


def refused(tmp_path: Path, data: bytes) -> IntakeRefusal:
    file = tmp_path / "bad.csv"
    file.write_bytes(data)
    with pytest.raises(IntakeRefusal) as caught:
        Desk(tmp_path / "data").deliver(file)
    assert str(caught.value).startswith("bad.csv")
    return caught.value


def refused_at_once(tmp_path: Path, data: bytes) -> IntakeRefusal:
    """Refused by the quick check, without a running service."""
    file = tmp_path / "bad.csv"
    file.write_bytes(data)
    with pytest.raises(IntakeRefusal) as caught:
        check_file(file)
    return caught.value


def test_an_empty_file(tmp_path: Path) -> None:
    error = refused_at_once(tmp_path, b"")
    assert isinstance(error, e.EmptyFile)
    assert str(error) == "bad.csv: the file has no bytes; check that the export had finished before it was copied"


@pytest.mark.parametrize("data", [b"\n", b",,\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_header(tmp_path: Path, data: bytes) -> None:
    assert isinstance(refused_at_once(tmp_path, data), e.EmptyFile)


@pytest.mark.parametrize("end", [b"\r", b"\r\r"])
def test_a_header_that_a_carriage_return_ends_would_swallow_the_first_row(
    tmp_path: Path, good: bytes, end: bytes
) -> None:
    error = refused_at_once(tmp_path, good.replace(b"\n", end, 1))
    assert isinstance(error, e.MalformedCsv)
    assert "convert the line ends" in str(error)


def test_a_header_without_rows(tmp_path: Path, good: bytes) -> None:
    error = refused(tmp_path, good.split(b"\n")[0] + b"\n\n")
    assert isinstance(error, e.EmptyFile)
    assert "no rows" in str(error)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"lineItem/UsageAmount,bill/PayerAccountId\n1,2\n", "few of its columns are FOCUS columns"),
        (b"just text", "few of its columns"),
        (b"PK\x03\x04" + bytes(60), "a ZIP archive or spreadsheet"),
        (b'{"BilledCost": 1}', "few of its columns"),
        (b'[{"BilledCost": 1}]', "JSON Lines is read"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\r\xff\xfe", "binary data"),
    ],
)
def test_not_a_focus_file(tmp_path: Path, data: bytes, what: str) -> None:
    error = refused_at_once(tmp_path, data)
    assert isinstance(error, e.NotFocus)
    assert what in str(error)
    assert "export FOCUS 1.0 to 1.4" in str(error)


def test_invoice_detail_is_sent_to_its_own_option(tmp_path: Path, good: bytes) -> None:
    error = refused_at_once(tmp_path, good.replace(b"ResourceId", b"InvoiceIssueStatus", 1))
    assert "--provider-invoices" in str(error)


@pytest.mark.parametrize("column", ["BilledCost", "EffectiveCost", "BillingPeriodStart", "ProviderName", "ListCost"])
def test_a_missing_mandatory_column(tmp_path: Path, column: str) -> None:
    row = charge(1)
    del row[column]
    error = refused_at_once(tmp_path, write_csv(tmp_path / "x.csv", [row]).read_bytes())
    assert isinstance(error, e.MissingColumns)
    assert str(error).startswith(f"bad.csv: missing mandatory column {column} of FOCUS 1.2; add ")


@pytest.mark.parametrize("name", [b"BilledCost", b"x_Same"])
def test_a_duplicate_header(tmp_path: Path, good: bytes, name: bytes) -> None:
    header, rest = good.split(b"\n", 1)
    error = refused_at_once(tmp_path, header + b"," + name + b"," + name + b"\n" + rest)
    assert isinstance(error, e.DuplicateColumn)
    assert str(error).startswith(f"bad.csv, line 1: the header has column {name.decode()!r} more than once")


def test_an_unknown_column_must_not_collide_with_a_custom_one(tmp_path: Path) -> None:
    error = refused_at_once(tmp_path, write_csv(tmp_path / "x.csv", [charge(1, Id="1", x_Id="2")]).read_bytes())
    assert isinstance(error, e.DuplicateColumn)


@pytest.mark.parametrize("lost", [1, 8, 20, 200])
def test_a_truncated_gzip(tmp_path: Path, good: bytes, lost: int) -> None:
    error = refused(tmp_path, gzip.compress(good * 50)[:-lost])
    assert isinstance(error, e.TruncatedFile)
    assert "copy it again" in str(error)


def test_a_damaged_gzip(tmp_path: Path, good: bytes) -> None:
    data = bytearray(gzip.compress(good))
    data[-6] ^= 1
    assert isinstance(refused(tmp_path, bytes(data)), e.TruncatedFile)


def test_gzip_of_very_compressible_text_is_read_to_its_end(tmp_path: Path, good: bytes) -> None:
    row = good.splitlines(keepends=True)[1]
    file = tmp_path / "same.csv.gz"
    file.write_bytes(gzip.compress(good + row * 30_000))
    assert len(Desk(tmp_path / "data").deliver(file).events) == 30_005


def test_gzip_of_several_members_is_whole(tmp_path: Path, good: bytes) -> None:
    header, rest = good.split(b"\n", 1)
    file = tmp_path / "parts.csv.gz"
    file.write_bytes(gzip.compress(header + b"\n" + rest) + gzip.compress(rest) + b"\0" * 512)
    assert len(Desk(tmp_path / "data").deliver(file).events) == 10


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16(tmp_path: Path, good: bytes, encoding: str) -> None:
    error = refused_at_once(tmp_path, good.decode().encode(encoding))
    assert isinstance(error, e.WrongEncoding)
    assert "UTF-16" in str(error)


def test_latin_1_names_the_line(tmp_path: Path, good: bytes) -> None:
    lines = good.splitlines(keepends=True)
    lines[3] = lines[3].replace(b"vm,", b"gr\xf6\xdfe,")
    error = refused(tmp_path, b"".join(lines))
    assert isinstance(error, e.WrongEncoding)
    assert str(error).startswith("bad.csv, line 4: byte 0xf6 is not UTF-8")


def test_utf_16_inside_gzip(tmp_path: Path, good: bytes) -> None:
    assert isinstance(refused_at_once(tmp_path, gzip.compress(good.decode().encode("utf-16"))), e.WrongEncoding)


@pytest.mark.parametrize(("extra", "found"), [(b",more", 27), (b"", 25)])
def test_the_wrong_number_of_fields_names_the_line(tmp_path: Path, good: bytes, extra: bytes, found: int) -> None:
    lines = good.splitlines()
    lines[2] = lines[2].replace(b",vm,", b',"v\nm",')
    lines[4] = lines[4] + extra if extra else lines[4].rpartition(b",")[0].rpartition(b",")[0] + b",x"
    error = refused(tmp_path, b"\n".join(lines) + b"\n")
    assert isinstance(error, e.MalformedCsv)
    assert str(error).startswith(f"bad.csv, line 6: {found} fields where the header has 26")


def test_a_quotation_mark_that_is_never_closed_names_the_line(tmp_path: Path, good: bytes) -> None:
    lines = good.splitlines(keepends=True)
    lines[3] = lines[3].replace(b",vm,", b',"vm,')
    error = refused(tmp_path, b"".join(lines))
    assert isinstance(error, e.MalformedCsv)
    assert str(error).startswith("bad.csv, line 4: a quotation mark of this record is never closed")


def test_a_nul_byte(tmp_path: Path, good: bytes) -> None:
    assert "line 3 holds a NUL byte" in str(refused(tmp_path, good.replace(b"vm-1", b"vm\x001")))


@pytest.mark.parametrize("length", [4, 100, 1_000])
def test_damaged_parquet(tmp_path: Path, length: int) -> None:
    assert isinstance(refused_at_once(tmp_path, b"PAR1" + b"x" * length), e.UnreadableParquet)


REQUIRED_ROWS = [
    ("BilledCost", "1,234.5", "must be a decimal number such as -12.5 or 2.3E-9"),
    ("BilledCost", "$1", "must be a decimal number such as -12.5 or 2.3E-9"),
    ("ListCost", "NaN", "must be a decimal number such as -12.5 or 2.3E-9"),
    ("EffectiveCost", "1_000", "must be a decimal number such as -12.5 or 2.3E-9"),
    ("PricingQuantity", "0x10", "must be a decimal number such as -12.5 or 2.3E-9"),
    ("BilledCost", "100000000000000000000", "must have at most 20 digits before the decimal point"),
    ("ChargePeriodStart", "2026-02-30", "must be a UTC date and time such as 2024-09-01T00:00:00Z"),
    ("BillingPeriodEnd", "31/01/2026", "must be a UTC date and time such as 2024-09-01T00:00:00Z"),
    ("BillingCurrency", "usd", "must be an ISO 4217 currency code such as USD"),
    ("BillingCurrency", "XAU", "must be an ISO 4217 currency code such as USD"),
    ("BilledCost", "", "FOCUS and the books need a value here"),
    ("ServiceName", "NULL", "FOCUS and the books need a value here"),
    ("ProviderName", "", "FOCUS and the books need a value here"),
]


@pytest.mark.parametrize(("column", "value", "rule"), REQUIRED_ROWS)
def test_a_bad_row_is_set_aside_and_the_others_go_on(tmp_path: Path, column: str, value: str, rule: str) -> None:
    rows = [charge(1, ChargeDescription="two\nlines"), charge(2, **{column: value}), charge(3)]
    outcome = Desk(tmp_path / "data").deliver(write_csv(tmp_path / "a.csv", rows))
    (rejection,) = outcome.rejections
    shown = "no value" if value in {"", "NULL"} else repr(value)
    assert rejection.message == f"a.csv, line 4: {column} has {shown}, but {rule}"
    assert rejection.row["ResourceId"] == "vm-2"
    assert rejection.billing_period == "2026-01"
    assert sorted(str(event.charge["ResourceId"]) for event in outcome.events) == ["vm-1", "vm-3"]
    assert outcome.reading.rejected == 1


def test_a_row_without_a_readable_period_concerns_no_known_one(tmp_path: Path) -> None:
    rows = [charge(1), charge(2, BillingPeriodStart="soon", BilledCost="?")]
    outcome = Desk(tmp_path / "data").deliver(write_csv(tmp_path / "a.csv", rows))
    assert [(one.line, one.column, one.billing_period) for one in outcome.rejections] == [(3, "BilledCost", None)]


def test_a_file_of_bad_rows_only(tmp_path: Path) -> None:
    outcome = Desk(tmp_path / "data").deliver(write_csv(tmp_path / "a.csv", [charge(1, BilledCost="?")] * 3))
    assert (outcome.events, outcome.reading.rejected, outcome.prepared.snapshot) == ([], 3, [])
    assert [one.line for one in outcome.rejections] == [2, 3, 4]


def test_a_delivery_that_memory_does_not_suffice_for_is_told_its_rows_and_how_to_split_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "PLANNING_MEMORY", "1MB")
    desk = Desk(tmp_path / "data")
    with pytest.raises(REFUSALS) as caught:
        desk.deliver(write_csv(tmp_path / "a.csv", [charge(n) for n in range(30_000)]))
    said = why_refused(caught.value, tmp_path, 30_000)
    assert "30,000 rows are too many" in said
    assert "split the export by billing account or month" in said
    assert "can't be read" in why_refused(pa.ArrowInvalid("x"), tmp_path, 1)
