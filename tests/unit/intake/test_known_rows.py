"""Records that a snapshot has again are recognised and taken over from the archive; nobody else can tell."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from services.intake import known_rows
from services.intake.domain.findings import EXAMPLES_MAX
from services.intake.domain.tags import Case, Normalisation
from services.intake.reading import parquet_pieces, raw
from services.intake.reading.csv_chunks import Chunk
from services.intake.reading.lines import LINE, Sieve
from tests.unit.intake.desk import Desk
from tests.unit.intake.exports import charge, write, write_csv, write_parquet

MANY = [charge(n) for n in range(20)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "data")


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.parquet"])
def test_what_was_delivered_before_is_taken_over(desk: Desk, tmp_path: Path, name: str) -> None:
    assert desk.deliver(write(tmp_path / name, MANY)).taken_over == 0
    changed = [*MANY[5:], charge(99), MANY[7]]
    outcome = desk.deliver(write(tmp_path / name, changed))
    assert (outcome.taken_over, outcome.reading.rows, outcome.reading.files[0].rows) == (15, 17, 17)
    assert [event.kind for event in outcome.events].count("retraction") == 5
    assert [event.kind for event in outcome.events].count("charge") == 2
    assert sum(total.events for total in outcome.prepared.snapshot) == 17


def test_the_order_of_the_records_does_not_matter(desk: Desk, tmp_path: Path) -> None:
    desk.deliver(write_csv(tmp_path / "a.csv", MANY))
    outcome = desk.deliver(write_csv(tmp_path / "b.csv", MANY[::-1]))
    assert (outcome.taken_over, outcome.events) == (20, [])


def test_what_was_taken_over_can_be_taken_over_again(desk: Desk, tmp_path: Path) -> None:
    outcomes = [desk.deliver(write_csv(tmp_path / "a.csv", MANY)) for _ in range(3)]
    assert [(one.taken_over, len(one.events)) for one in outcomes] == [(0, 20), (20, 0), (20, 0)]


def test_another_header_or_other_tag_rules_make_other_rows_of_the_same_bytes(desk: Desk, tmp_path: Path) -> None:
    desk.deliver(write_csv(tmp_path / "a.csv", MANY))
    header, *lines = (tmp_path / "a.csv").read_bytes().split(b"\n")
    swapped = header.replace(b"SubAccountId", b"x").replace(b"ResourceId", b"SubAccountId").replace(b"x", b"ResourceId")
    (tmp_path / "b.csv").write_bytes(b"\n".join([swapped, *lines]))
    outcome = desk.deliver(tmp_path / "b.csv")
    assert (outcome.taken_over, len(outcome.events)) == (0, 40)
    rules = [Normalisation("upper", key_case=Case.UPPER)]
    again = desk.deliver(tmp_path / "b.csv", tags=rules)
    assert (again.taken_over, len(again.events)) == (0, 40)
    renamed = [Normalisation("upper", key_case=Case.UPPER, sources=frozenset({"test", "other"}))]
    assert desk.deliver(tmp_path / "b.csv", tags=renamed).events == []


def test_rows_that_rules_left_alone_are_taken_over(desk: Desk, tmp_path: Path) -> None:
    rules = [Normalisation("lower", key_case=Case.LOWER)]
    rows = [*MANY[:5], charge(50, Tags='{"Team": "a"}')]
    desk.deliver(write_csv(tmp_path / "a.csv", rows), tags=rules)
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", rows), tags=rules)
    assert (outcome.taken_over, outcome.findings["tags-normalised"]) == (5, 1)


def test_rows_with_something_to_tell_are_read_again(desk: Desk, tmp_path: Path) -> None:
    rows = [charge(1), charge(2, BilledCost="0.1234567890123456785"), charge(3, Tags="{broken")]
    first = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    second = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    assert (second.taken_over, second.findings) == (1, first.findings)


def test_the_first_rows_with_a_flag_are_read_again_to_be_shown(desk: Desk, tmp_path: Path) -> None:
    rows = [charge(n, InvoiceId="") for n in range(1, 10)]
    first = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    moved = desk.deliver(write_csv(tmp_path / "b.csv", [charge(50), *rows]))
    assert moved.taken_over == len(rows) - EXAMPLES_MAX
    lines = [one.line for one in moved.reading.observations.examples["invoice-id-missing"]]
    assert lines == [one.line + 1 for one in first.reading.observations.examples["invoice-id-missing"]]


def test_records_of_several_lines_are_read_whole(desk: Desk, tmp_path: Path) -> None:
    rows = [*MANY, charge(30, ChargeDescription='two\nlines, and "quoted"')]
    desk.deliver(write_csv(tmp_path / "a.csv", rows))
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    assert (outcome.taken_over, outcome.events) == (0, [])


def test_a_refused_row_keeps_its_line_among_known_ones(desk: Desk, tmp_path: Path) -> None:
    desk.deliver(write_csv(tmp_path / "a.csv", MANY))
    rows = [*MANY[:10], charge(60, BilledCost="1,5"), *MANY[10:], charge(61, EffectiveCost="?")]
    outcome = desk.deliver(write_csv(tmp_path / "b.csv", rows))
    assert outcome.taken_over == 20
    assert [(one.line, one.column) for one in outcome.rejections] == [(12, "BilledCost"), (23, "EffectiveCost")]


def test_only_rows_of_the_payers_in_force_are_known(desk: Desk, tmp_path: Path) -> None:
    theirs = charge(2, BillingAccountId="theirs")
    desk.deliver(write_csv(tmp_path / "a.csv", [charge(1), theirs]))
    desk.deliver(write_csv(tmp_path / "b.csv", [charge(3, BillingAccountId="theirs")]))
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", [charge(1), theirs]))
    assert (outcome.taken_over, sorted(event.kind for event in outcome.events)) == (1, ["charge", "retraction"])


def test_more_than_fits_in_mind_is_read_again(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_rows, "ROWS_MAX", 1)
    both = [*MANY, *(charge(n, BillingPeriodStart="2026-02-01", BillingPeriodEnd="2026-03-01") for n in range(3))]
    desk.deliver(write_csv(tmp_path / "a.csv", both))
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", both))
    assert (outcome.taken_over, outcome.events) == (20, [])


def test_an_archive_without_hashes_knows_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.deliver(write_csv(tmp_path / "a.csv", MANY))
    (path,) = {one.path for one in desk.in_force()}
    pq.write_table(pq.read_table(path).drop_columns([LINE]), path)
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", MANY))
    assert (outcome.taken_over, outcome.events) == (0, [])
    assert desk.deliver(write_csv(tmp_path / "a.csv", MANY)).taken_over == 20


def test_what_is_not_in_force_is_never_taken_for_published(desk: Desk, tmp_path: Path) -> None:
    desk.deliver(write_csv(tmp_path / "a.csv", MANY))
    archived = desk.in_force()
    other = Desk(tmp_path / "data", source="other")
    other.in_force = lambda: archived  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="20 rows were taken over from the archive that are not in force"):
        other.deliver(write_csv(tmp_path / "a.csv", MANY))


def test_hashes_are_in_the_archive_for_duckdb_too(desk: Desk, tmp_path: Path) -> None:
    desk.deliver(write_csv(tmp_path / "a.csv", [charge(1), charge(1), charge(2)]))
    (path,) = {one.path for one in desk.in_force()}
    query = f"SELECT count(*), count(line), count(DISTINCT line), max(octet_length(line)) FROM '{path}'"
    with duckdb.connect() as connection:
        assert connection.execute(query).fetchone() == (3, 3, 2, 16)


def test_what_is_left_of_many_chunks_is_parsed_together() -> None:
    two_lines = Chunk(b'e,"f\ng"\n', 4, one_line_each=False)
    chunks = [Chunk(b"a,b\nc,d\n", 2), two_lines, Chunk(b"h,i\n\nj,k\n", 6), Chunk(b"l,m", 9)]
    sieve = Sieve(["x", "y"], (), lambda hashes: bytearray([1, *bytes(len(hashes) - 1)]))
    left = [(one.chunk, None if one.hashes is None else len(one.hashes)) for one in sieve.sift(iter(chunks))]
    assert left == [
        (Chunk(b"\nc,d\n", 2), 1),
        (two_lines, None),
        (Chunk(b"\n\nj,k\n", 6), 1),
    ]


def test_equal_records_are_taken_over_as_often_as_they_are_in_force(desk: Desk, tmp_path: Path) -> None:
    same = [charge(1, InvoiceId="")] * 30
    desk.deliver(write_csv(tmp_path / "a.csv", same))
    outcome = desk.deliver(write_csv(tmp_path / "b.csv", [charge(2), *same, *same[:4]]))
    assert outcome.taken_over == 30 - EXAMPLES_MAX + 4
    assert sorted(event.kind for event in outcome.events) == ["charge"] * 5


def test_texts_of_parquet_mean_the_same_under_equal_types_only(desk: Desk, tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", MANY)
    desk.deliver(file)
    with duckdb.connect() as connection:
        query = f"SELECT * REPLACE (BilledCost::DECIMAL(9,2) AS BilledCost) FROM '{file}'"
        connection.execute(f"COPY ({query}) TO '{tmp_path / 'b.parquet'}' (FORMAT parquet)")
    typed = desk.deliver(tmp_path / "b.parquet")
    assert (typed.taken_over, typed.events) == (0, [])
    assert desk.deliver(tmp_path / "b.parquet").taken_over == 20


def test_what_is_left_of_a_parquet_file_keeps_its_row_numbers(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "DECODED_ROWS", 8)
    monkeypatch.setattr(parquet_pieces, "PIECE_ROWS", 10)
    monkeypatch.setattr(parquet_pieces, "_TABLE_ROWS", 1)
    monkeypatch.setattr(parquet_pieces, "_JOINED_AT_ONCE", 3)
    desk.deliver(write_parquet(tmp_path / "a.parquet", MANY))
    rows = [*MANY[:10], charge(60, BilledCost="1,5"), *MANY[10:], charge(61, EffectiveCost="?"), charge(62)]
    outcome = desk.deliver(write_parquet(tmp_path / "b.parquet", rows))
    assert (outcome.taken_over, [event.kind for event in outcome.events]) == (20, ["charge"])
    assert [(one.line, one.column) for one in outcome.rejections] == [(11, "BilledCost"), (22, "EffectiveCost")]
