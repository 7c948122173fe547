"""Bad usage and bad input: a clear message, the right exit code, and nothing half done."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
from pathlib import Path

import pytest

from synthetic.export import Export, generate
from tests.e2e.conftest import Command, run
from tests.stack.command import apportion
from tests.unit.intake.samples import SAMPLES

HEADER = "BilledCost,EffectiveCost,BillingAccountId,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName\n"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("given")
    generate(Export(rows=400, seed=5), directory)
    return directory


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"hello\nworld\n", "not a FOCUS"),
        ("empty.csv", b"", "empty"),
        ("short.csv", HEADER.encode() + b"1,1,a,2026-09-01,2026-10-01,Usage,S\n", "mandatory"),
        ("utf16.csv", HEADER.encode("utf-16"), "UTF-8"),
    ],
)
def test_an_unreadable_file_is_refused_before_anything_starts(
    given: Path, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    done = apportion("run", "--focus", file, "--rules", given / "rules.yaml", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert words.lower() in done.stderr.lower()
    assert name in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_run_without_costs_is_refused_before_anything_starts(given: Path, tmp_path: Path) -> None:
    periods = SAMPLES / "billing-period-1.4.csv"
    done = apportion("run", "--focus", periods, "--rules", given / "rules.yaml", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "no --focus file is Cost and Usage" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_file_and_a_used_directory_are_refused(given: Path, tmp_path: Path) -> None:
    missing = apportion(
        "run", "--focus", tmp_path / "none.csv", "--rules", given / "rules.yaml", "--out", tmp_path / "out"
    )
    assert missing.returncode == 2
    assert "none.csv" in missing.stderr
    used = run(given, given)
    assert used.exit_code == 2
    assert "not empty" in used.stderr


def test_one_person_cannot_prepare_and_approve(given: Path, tmp_path: Path) -> None:
    done = run(given, tmp_path / "out", "--prepared-by", "ann", "--approved-by", "ann")
    assert done.exit_code == 2
    assert "two people" in done.stderr


HEAD = "name: bad\neffective_from: 2026-01\nbasis: EffectiveCost\ncost_centers: cost-centers.csv\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (
            "rules:\n"
            "  - {id: a, when: {column: NoSuchColumn, equals: x}, assign: {cost_center: CC-NOBODY}}\n"
            "fallback: {suspense: true}\n"
            "pools:\n"
            "  - {id: p, method: fixed_percent, targets: {CC-NOBODY: 50}}\n"
            "  - {id: r, method: even, targets: []}\n",
            ["rules.yaml:6", "NoSuchColumn", "CC-NOBODY", "rules.yaml:9", "100", "rules.yaml:10", "no targets"],
        ),
        (
            "rules:\n  - {id: a, assign: {pool: p}}\nfallback: {suspense: true}\npools:\n"
            "  - {id: p, method: even, targets: ['pool:q']}\n  - {id: q, method: even, targets: ['pool:p']}\n",
            ["rules.yaml", "p -> q -> p"],
        ),
    ],
    ids=["each-by-line", "cycle"],
)
def test_mistakes_in_rules_are_all_named_with_their_place(
    given: Path, tmp_path: Path, rest: str, expected: list[str]
) -> None:
    shutil.copytree(given, tmp_path / "rules")
    rules = tmp_path / "rules" / "rules.yaml"
    rules.write_text(HEAD + rest)
    done = apportion("rules", "check", rules)
    assert done.returncode == 2
    for words in expected:
        assert words in done.stderr, done.stderr


@pytest.mark.slow
def test_a_truncated_file_is_refused_and_leaves_nothing(given: Path, tmp_path: Path, command: Command) -> None:
    broken = tmp_path / "given"
    shutil.copytree(given, broken)
    whole = (given / "focus.csv.gz").read_bytes()
    (broken / "focus.csv.gz").write_bytes(whole[: len(whole) * 2 // 3])
    done = run(broken, tmp_path / "out", start=command)
    assert done.exit_code == 2, done.stderr
    assert "focus.csv.gz: gzip data ends early" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_rejected_rows_block_their_month_and_one_that_has_no_others(
    given: Path, tmp_path: Path, command: Command
) -> None:
    broken = tmp_path / "given"
    shutil.copytree(given, broken)
    text = gzip.decompress((given / "focus.csv.gz").read_bytes()).decode()
    records = list(csv.DictReader(io.StringIO(text, newline="")))
    for record in (records[4], *records[-3:]):
        record["BilledCost"] = "12.5O"
    for record in records[-3:]:
        record |= {"BillingPeriodStart": "2019-01-01T00:00:00Z", "BillingPeriodEnd": "2019-02-01T00:00:00Z"}
    with gzip.open(broken / "focus.csv.gz", "wt", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    done = run(broken, tmp_path / "out", start=command)
    assert done.exit_code == 3, done.stderr
    periods = done.summary["periods"]
    assert {period["state"] for period in periods} == {"blocked"}
    assert "rejected-rows" in {b["code"] for period in periods for b in period["breaks"]}
    assert {period["documents"] for period in periods} == {0}
    assert (done.summary["rejected"], periods[0]["period"], periods[0]["rows"]) == (4, "2019-01", 0)


@pytest.mark.slow
def test_a_provider_invoice_that_differs_blocks_before_anything_is_issued(
    given: Path, tmp_path: Path, command: Command
) -> None:
    broken = tmp_path / "given"
    shutil.copytree(given, broken)
    lines = (given / "provider-invoices.csv").read_text().splitlines()
    cells = lines[1].split(",")
    cells[-1] = "999999.00"
    lines[1] = ",".join(cells)
    (broken / "provider-invoices.csv").write_text("\n".join(lines) + "\n")
    done = run(broken, tmp_path / "out", start=command)
    assert done.exit_code == 3, done.stderr
    periods = done.summary["periods"]
    assert {period["state"] for period in periods} == {"blocked"}
    assert {period["documents"] for period in periods} == {0}
    assert "break" in done.stdout


def test_no_java_and_an_unwritable_directory_are_named(given: Path, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    done = apportion(
        "run", "--focus", given / "focus.csv.gz", "--rules", given / "rules.yaml", "--out", tmp_path / "out",
        env={"PATH": str(empty), "JAVA_HOME": ""},
    )  # fmt: skip
    assert done.returncode == 1
    assert "Java" in done.stderr
    file = tmp_path / "file"
    file.write_text("not a directory")
    blocked = apportion(
        "run", "--focus", given / "focus.csv.gz", "--rules", given / "rules.yaml", "--out", file / "out"
    )
    assert blocked.returncode in {1, 2}
    assert str(file) in blocked.stderr
