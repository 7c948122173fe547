"""The quality report: exact sums, shares, verdicts, and a page that shows all of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import msgspec
import pytest

from services.intake.archive import Archive
from services.intake.domain.rejection import OTHER_RULE
from services.intake.preparing import Preparation
from services.intake.quality.assessing import assess
from services.intake.quality.catalogue import CATALOGUE
from services.intake.quality.files import QualityFiles
from services.intake.quality.flags.combining import CODES
from services.intake.quality.page import quality_page
from services.intake.quality.sums import KnownInvoice, SumRule
from shared.events import encode
from tests.unit.intake.assessed import DELIVERY, assessed, committed, invoice, part
from tests.unit.intake.desk import Desk
from tests.unit.intake.exports import charge, write_csv

HELD = {
    "state": "held", "decisions": [], "superseded_by": None,
    "hold_reasons": [{"code": "too-many-rejected", "message": "1 of 4 rows"}],
}  # fmt: skip


def test_files_of_any_format_and_layout_are_assessed_together(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    source = write_csv(tmp_path / "a.csv", [charge(n, x_Own="1") for n in range(3)])
    parquet = tmp_path / "b.parquet"
    duckdb.execute(
        f"COPY (SELECT * REPLACE (NULL AS ChargeClass, BilledCost::DOUBLE AS BilledCost) "
        f"FROM read_csv('{source}', all_varchar = true)) TO '{parquet}' (FORMAT parquet)"
    )
    rejected = write_csv(tmp_path / "c.csv", [charge(1, BilledCost="?", CommitmentDiscountId="c")])
    with Preparation(Archive(tmp_path / "data"), "d1", 6, threads=1) as preparation:
        preparation.read([desk.put(file) for file in (source, parquet, rejected)])
        found = assess(DELIVERY, preparation, preparation.plan([]), [], [])
    assert msgspec.structs.astuple(found.report.rows) == (7, 6, 1, 0)
    assert [(one.rows, one.billed) for one in found.after] == [(6, Decimal("7.5"))]


def test_a_delivery_without_any_accepted_row_has_a_report_too(tmp_path: Path) -> None:
    found, _ = assessed(tmp_path, [charge(1, BilledCost="?")])
    assert (found.report.rows.accepted, found.after, found.report.flags) == (0, [], [])
    assert {one.verdict for one in found.report.sums} == {"nothing to check"}
    assert "nothing to check" in quality_page(msgspec.json.decode(encode(found.report)) | HELD)


def rule(tmp_path: Path, code: str, rows: Sequence[dict[str, str]], invoices: Sequence[KnownInvoice] = ()) -> SumRule:
    found, _ = assessed(tmp_path, rows, invoices)
    return next(one for one in found.report.sums if one.code == code)


def test_the_sum_of_an_invoice_is_compared_within_the_tolerance_of_focus(tmp_path: Path) -> None:
    rows = [charge(n) for n in range(3)]
    within = rule(tmp_path, "invoice-sum", rows, [invoice("4.7"), invoice("0.05", currency="EUR"), invoice("0.05")])
    assert (within.verdict, within.checked) == ("holds", 1)
    (off,) = rule(tmp_path, "invoice-sum", rows, [invoice("4.750000000000000001")]).differences
    assert (off.subject, off.expected, off.actual, off.difference, off.tolerance) == (
        "invoice Cloud Inc./P-1", Decimal("4.750000000000000001"), Decimal("3.75"), Decimal("-1.000000000000000001"),
        Decimal(1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "verdict", "notes"),
    [
        ([invoice("9", status="Open")], "holds", 1),
        ([invoice("9", status="Voided")], "nothing to check", 0),
        ([invoice("9", billing_period="2026-02")], "nothing to check", 0),
        ([], "nothing to check", 0),
    ],
)
def test_an_open_invoice_may_differ_and_a_void_one_is_none(
    tmp_path: Path, known: list[KnownInvoice], verdict: str, notes: int
) -> None:
    found = rule(tmp_path, "invoice-sum", [charge(1)], known)
    assert (found.verdict, len(found.notes)) == (verdict, notes)


def test_usage_of_a_commitment_is_used_plus_unused(tmp_path: Path) -> None:
    rows = [committed(1, "Used", "0.1"), committed(2, "Unused", "0.2")]
    assert rule(tmp_path, "commitment-sum", rows).verdict == "holds"
    (off,) = rule(tmp_path, "commitment-sum", [*rows, committed(3, "", "0.000000000000000001")]).differences
    assert (off.subject, off.expected, off.actual, off.difference) == (
        "commitment c-1", Decimal("0.3"), Decimal("0.300000000000000001"), Decimal("0.000000000000000001"),
    )  # fmt: skip


def test_a_purchase_is_compared_only_when_its_whole_term_is_there(tmp_path: Path) -> None:
    month = {"ChargePeriodStart": "2026-01-01T00:00:00Z", "ChargePeriodEnd": "2026-02-01T00:00:00Z"}
    year = month | {"ChargePeriodEnd": "2027-01-01T00:00:00Z"}
    bought = {"ChargeCategory": "Purchase", "BilledCost": "10", "ChargeFrequency": "Recurring"}
    upfront = bought | {"ChargeFrequency": "One-Time"}
    usage = committed(1, "Used", "9.5", **month)
    found = rule(tmp_path, "commitment-sum", [usage, committed(2, "", "0", **(bought | month))])
    assert found.verdict == "holds"
    assert ["bought for 10 USD" in note and note.endswith("difference -0.5") for note in found.notes] == [True]
    assert rule(tmp_path, "commitment-sum", [usage, committed(2, "", "0", **(bought | year))]).notes == []
    assert rule(tmp_path, "commitment-sum", [usage, committed(2, "", "0", **(upfront | month))]).notes == []
    used = committed(1, "Used", "9.5", **year)
    assert len(rule(tmp_path, "commitment-sum", [used, committed(2, "", "0", **(upfront | year))]).notes) == 1


def test_ratios_of_a_split_add_up_to_one(tmp_path: Path) -> None:
    thirds = [part(n, "0.333333333") for n in range(3)]
    assert rule(tmp_path, "split-ratios", thirds).verdict == "holds"
    both = [part(1, "0.5", "0.2"), part(2, "3E-1"), part(3), part(4, "0.9", ResourceId="")]
    assert rule(tmp_path, "split-ratios", both).verdict == "holds"
    (off,) = rule(tmp_path, "split-ratios", [part(1, "0.5"), part(2, "0.49")]).differences
    assert (off.actual, off.difference, off.rows) == (Decimal("0.99"), Decimal("-0.01"), 2)


def test_a_service_has_one_category(tmp_path: Path) -> None:
    rows = [charge(1), charge(2, ServiceCategory="Storage"), charge(3, ServiceName="Disk", ServiceCategory="Storage")]
    found = rule(tmp_path, "service-category", rows)
    assert [(one.subject, one.rows, one.note) for one in found.differences] == [
        ("service Cloud/VM", 2, "has categories Compute, Storage")
    ]


ROWS = [
    charge(1), charge(2, BilledCost="1,5"), charge(3, InvoiceId="", BilledCost="-3"),
    charge(4, ChargeCategory="<script>alert(1)</script>", BillingCurrency="EUR"),
    charge(5, BillingPeriodStart="x", ServiceName="a\"b"),
]  # fmt: skip


def test_the_report_counts_rows_and_weighs_flags_by_absolute_cost(tmp_path: Path) -> None:
    found, _ = assessed(tmp_path, ROWS, [invoice("100")])
    report = found.report
    assert msgspec.structs.astuple(report.rows) == (5, 3, 2, 2)
    assert [(one.code, one.column, one.rows, one.examples[0].line) for one in report.rejected] == [
        ("amount-unreadable", "BilledCost", 1, 3), ("date-unreadable", "BillingPeriodStart", 1, 6),
    ]  # fmt: skip
    missing = next(flag for flag in report.flags if flag.code == "invoice-id-missing")
    (cost,) = missing.costs
    assert (cost.currency, cost.billed, cost.billed_share) == ("USD", Decimal(3), Decimal("0.7059"))
    assert {one.code for one in found.findings} >= {"unknown-value", "invoice-id-missing", "invoice-sum"}
    (told,) = [one.message for one in found.findings if one.code == "invoice-sum"]
    assert "1.25 USD where 100 is expected, difference -98.75" in told
    assert [(one.billing_period, one.currency, one.rows) for one in found.after] == [
        ("2026-01", "EUR", 1), ("2026-01", "USD", 2),
    ]  # fmt: skip


def test_a_finding_that_says_what_a_flag_says_counts_the_same_rows(tmp_path: Path) -> None:
    free, rejected = charge(1, InvoiceId="", BilledCost="0"), charge(2, InvoiceId="", Tags="x", BilledCost="?")
    found, _ = assessed(tmp_path, [charge(0), free, rejected, charge(3, InvoiceId="", Tags="x")])
    assert {one.code: one.rows for one in found.report.flags} == {"invoice-id-missing": 1, "tags-unparsable": 1}
    assert [(one.code, one.rows) for one in found.findings] == [("invoice-id-missing", 1), ("tags-unparsable", 1)]
    assert found.report.findings == []


def test_report_and_rejected_rows_are_kept_and_written_the_same_again(tmp_path: Path) -> None:
    found, preparation = assessed(tmp_path, ROWS)
    files = QualityFiles(tmp_path / "kept")
    assert files.report("d1") is None
    for _ in range(2):
        files.keep(found.report, preparation.spool.rejections())
        assert files.report("d1") == found.report
    lines = [json.loads(line) for line in files.rejected("d1").read_text().splitlines()]
    assert [(one["line"], one["code"], one["value"]) for one in lines] == [
        (3, "amount-unreadable", "1,5"), (6, "date-unreadable", "x"),
    ]  # fmt: skip
    assert lines[0]["row"]["ResourceId"] == "vm-2"


class Page(HTMLParser):
    """Checks that tags nest, and collects what would be fetched or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.outside += [
            f"{tag} {name}" for name, value in attrs if name in {"src", "href"} and value and value[0] != "#"
        ]
        self.outside += [tag] if tag in {"script", "link", "img", "iframe"} else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_shows_everything_escapes_everything_and_fetches_nothing(tmp_path: Path) -> None:
    found, _ = assessed(tmp_path, ROWS, [invoice("100")])
    shown = quality_page(msgspec.json.decode(encode(found.report)) | HELD)
    page = Page()
    page.feed(shown)
    assert (page.open, page.outside) == ([], [])
    assert "&lt;script&gt;alert(1)" in shown
    for word in ("1,5", "Held", "1 of 4 rows", "amount-unreadable", "70.59 %", "-98.75", "does not hold"):
        assert word in shown, word


def test_every_code_that_can_occur_is_explained(tmp_path: Path) -> None:
    of_kind = {kind: {one.code for one in CATALOGUE.values() if one.kind == kind} for kind in ("flag", "sum-rule")}
    assert of_kind["flag"] == set(CODES)
    found, _ = assessed(tmp_path, [charge(1)])
    assert of_kind["sum-rule"] == {one.code for one in found.report.sums}
    wrong = (
        ("BilledCost", "1,5"), ("BilledCost", "9" * 30), ("ChargePeriodEnd", "x"), ("BillingCurrency", "X"),
        ("ServiceName", ""),
    )  # fmt: skip
    broken, _ = assessed(tmp_path, [charge(0), *(charge(1, **{name: value}) for name, value in wrong)])
    codes = {one.code for one in broken.report.rejected}
    assert codes | {OTHER_RULE} == {one.code for one in CATALOGUE.values() if one.kind == "rejection"}
    assert all(one.means and one.do and one.title for one in CATALOGUE.values())
