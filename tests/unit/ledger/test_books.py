"""The published books: judged by Beancount and hledger, which also have to refuse them after the smallest change."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.ledger.books.folder import publish_books
from services.ledger.contracts import reconciliation_record
from services.ledger.domain.chain import heads
from services.ledger.domain.facts import Month
from services.ledger.domain.posting import journal
from services.ledger.domain.reconciliation import reconcile
from shared.money import total
from tests.unit.ledger.months import month

BEAN_CHECK = (str(Path(sys.executable).with_name("bean-check")), "--no-cache")
HLEDGER = ("hledger", "check", "-s", "ordereddates", "-f")
JUDGES = [
    pytest.param(BEAN_CHECK, "books.beancount", id="bean-check"),
    pytest.param(
        HLEDGER, "books.journal", id="hledger",
        marks=pytest.mark.skipif(shutil.which("hledger") is None, reason="hledger is not installed"),
    ),
]  # fmt: skip


def publish(directory: Path, found: Month) -> Path:
    """Publish a month's books."""
    entries = journal(found)
    record = reconciliation_record(found.billing_period, 7, found.basis, reconcile(found))
    return publish_books(directory, entries, heads(found.billing_period, entries)[-1], record)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The books of the small month."""
    return publish(tmp_path_factory.mktemp("files"), month())


def verdict(judge: tuple[str, ...], path: Path) -> int:
    """The judge's exit code."""
    return subprocess.run([*judge, path], capture_output=True, check=False).returncode


@pytest.mark.parametrize(("judge", "name"), JUDGES)
def test_outside_programs_accept_the_books(books: Path, judge: tuple[str, ...], name: str) -> None:
    assert verdict(judge, books / name) == 0


def slipped(line: str, slip: Decimal) -> str:
    """A posting with its amount changed."""
    found = re.search(r"-?\d+\.\d{18}", line)
    assert found is not None
    return line.replace(found[0], f"{Decimal(found[0]) + slip:.18f}", 1)


@pytest.mark.parametrize("slip", [Decimal("1e-10"), Decimal("-1e-18")])
@pytest.mark.parametrize(("judge", "name"), JUDGES)
def test_they_refuse_one_slipped_posting(
    books: Path, tmp_path: Path, judge: tuple[str, ...], name: str, slip: Decimal
) -> None:
    lines = (books / name).read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if "  Assets:Unbilled:CC-100  -50.006" in line)
    lines[place] = slipped(lines[place], slip)
    (tmp_path / name).write_text("\n".join(lines) + "\n")

    assert verdict(judge, tmp_path / name) != 0


@pytest.mark.parametrize(("judge", "name"), JUDGES)
def test_they_refuse_a_shift_between_two_cost_centers(
    books: Path, tmp_path: Path, judge: tuple[str, ...], name: str
) -> None:
    lines = (books / name).read_text().splitlines()
    for account, slip in (("CC-100  50.006", "1e-10"), ("-xE4-  38.999", "-1e-10")):
        place = next(i for i, line in enumerate(lines) if f"{account}" in line and "Unbilled" in line)
        lines[place] = slipped(lines[place], Decimal(slip))
    (tmp_path / name).write_text("\n".join(lines) + "\n")

    assert verdict(judge, tmp_path / name) != 0


@pytest.mark.parametrize(("judge", "name"), JUDGES)
def test_they_refuse_a_dropped_and_a_doubled_entry(
    books: Path, tmp_path: Path, judge: tuple[str, ...], name: str
) -> None:
    blocks = (books / name).read_text().split("\n\n")
    place = next(i for i, block in enumerate(blocks) if "IC-2026-000002" in block)
    for mutation in (blocks[:place] + blocks[place + 1 :], [*blocks[: place + 1], *blocks[place:]]):
        (tmp_path / name).write_text("\n\n".join(mutation))
        assert verdict(judge, tmp_path / name) != 0


def test_the_journal_and_the_trial_balance_say_the_same(books: Path) -> None:
    with (books / "journal.csv").open(newline="") as file:
        journal_lines = list(csv.DictReader(file))
    with (books / "trial-balance.csv").open(newline="") as file:
        accounts = list(csv.DictReader(file))
    for account in accounts:
        own = [
            line for line in journal_lines
            if (line["account"], line["currency"]) == (account["account"], account["currency"])
        ]  # fmt: skip
        assert total(Decimal(line["debit"]) for line in own) == Decimal(account["debits"])
        assert total(Decimal(line["credit"]) for line in own) == Decimal(account["credits"])
    assert all(len(line["document_no"]) <= 16 for line in journal_lines)
    manifest = json.loads((books / "manifest.json").read_bytes())
    usd = [line for line in journal_lines if line["currency"] == "USD"]
    assert manifest["control_totals"][1]["debits"] == f"{total(Decimal(line['debit']) for line in usd):f}"
    assert (manifest["postings"], manifest["basis"]) == (len(journal_lines), "EffectiveCost")


def test_the_same_month_gives_the_same_bytes_whatever_order_its_facts_come_in(books: Path, tmp_path: Path) -> None:
    found = month()
    assert found.allocations is not None
    assert found.documents is not None
    shuffled = month(
        deliveries=found.deliveries[::-1], costs=found.costs[::-1], provider_invoices=found.provider_invoices[::-1],
        allocations=found.allocations[::-1], documents=found.documents[::-1],
    )  # fmt: skip

    again = publish(tmp_path, shuffled)

    assert (again / "SHA256SUMS").read_bytes() == (books / "SHA256SUMS").read_bytes()


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = 'a;b|"c\\d\n(e)  f'
    found = month()
    assert found.allocations is not None
    assert found.documents is not None
    lines = [replace(one, cost_center=name) if one.kind != "suspense" else one for one in found.allocations[:3]]
    document = replace(
        found.documents[1], cost_center=name, total=Decimal("79.00"), exact_total=Decimal(79), rounding=Decimal(0)
    )
    hostile = month(
        allocations=tuple(lines), costs=found.costs[:2], provider_invoices=found.provider_invoices[:1],
        documents=(document,),
    )  # fmt: skip

    folder = publish(tmp_path, hostile)

    assert verdict(BEAN_CHECK, folder / "books.beancount") == 0
    if shutil.which("hledger"):
        assert verdict(HLEDGER, folder / "books.journal") == 0
