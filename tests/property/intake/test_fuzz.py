"""Whatever bytes come in: refused, rejected row by row, or read with the sums that an independent reader finds."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.intake.reading import IntakeRefusal
from services.intake.reading.datasets import open_dataset
from tests.judges.reader import rows_of
from tests.property.intake.reading import check_against_independent_reader, read
from tests.unit.intake.exports import charge
from tests.unit.intake.samples import SAMPLES

ROUNDS: Final = settings().max_examples
_TOKENS: Final = (
    b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xc3\xa9", b"NULL", b"-", b"+", b".",
    b"1E5", b"e-19", b"1,5", b"NaN", b"inf", b"_", b" ", b"\t", b"{", b"}", b"'", b"\\", b";", b"99999999999999999999",
    b"\\u0042", b"\\ud800", b":", b"null", b"true", b"[", b"]", b"1e999", b'"BilledCost":7,',
)  # fmt: skip


def taken_in(data: bytes) -> bool:
    """Whether intake takes the bytes in; if so, its sums are the independent reader's."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "fuzzed")
        path.write_bytes(data)
        try:
            found = read(path)
        except IntakeRefusal:
            return False
        check_against_independent_reader(path, found)
        return True


def small_csv(newline: str = "\n") -> bytes:
    rows = [charge(n, ChargeDescription=f'the "{n}", {n}' * (n % 2), x_Note="é\nü" * (n % 3)) for n in range(6)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def small_json_lines() -> bytes:
    """Numbers and objects as such in one half of the lines, as text in the other."""
    lines = []
    for n in range(6):
        row: dict[str, object] = {name: value for name, value in charge(n, x_Note="é\n" * n).items() if value}
        as_json = {"BilledCost": n + 0.25, "PricingQuantity": 3, "Tags": {"team": "a", "Team": None}, "x_On": True}
        lines.append(json.dumps(row | (as_json if n % 2 else {}), ensure_ascii=n % 3 > 0))
    return "\n".join(lines).encode()


def small_parquet() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory, "a.csv"), Path(directory, "a.parquet")
        source.write_bytes(small_csv())
        typed = "BilledCost::DECIMAL(20,6) AS BilledCost, BillingPeriodStart::TIMESTAMP AS BillingPeriodStart"
        query = f"SELECT * REPLACE ({typed}) FROM read_csv('{source}', all_varchar = true)"
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION snappy)")
        return target.read_bytes()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bytes with one to three small things wrong."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed) or 1)
        length = chance.choice((1, 1, 2, 5, 40))
        kind = chance.randrange(6)
        if kind == 0 and changed:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at:at] = chance.choice(_TOKENS)
        elif kind == 2:
            changed[at : at + length] = chance.choice(_TOKENS)
        elif kind == 3:
            del changed[at : at + length]
        elif kind == 4:
            changed[at:at] = changed[at : at + length]
        else:
            del changed[at + chance.randrange(len(changed) - at + 1) :]
    return bytes(changed)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("pieces", [False, True])
def test_a_damaged_csv(newline: str, pieces: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if pieces:
        monkeypatch.setattr("services.intake.reading.source.BLOCK_BYTES", 97)
        monkeypatch.setattr("services.intake.reading.csv_chunks.chunks.__defaults__", (300,))
    check_mutants(small_csv(newline), ROUNDS // (4 if pieces else 1), lambda data: data)


def test_a_damaged_csv_inside_a_whole_gzip() -> None:
    check_mutants(small_csv(), ROUNDS // 2, gzip.compress)


def test_a_damaged_gzip() -> None:
    check_mutants(gzip.compress(small_csv()), ROUNDS // 2, lambda data: data)


@pytest.mark.parametrize("wrapped", [bytes, gzip.compress])
def test_damaged_json_lines(wrapped: Callable[[bytes], bytes]) -> None:
    check_mutants(small_json_lines(), ROUNDS, wrapped)


def test_a_damaged_parquet() -> None:
    check_mutants(small_parquet(), ROUNDS, lambda data: data)


@pytest.mark.parametrize("name", ["invoice-detail-1.4", "billing-period-1.4", "contract-commitment-1.4"])
def test_a_damaged_file_of_another_dataset(name: str, tmp_path: Path) -> None:
    file = tmp_path / "fuzzed"

    def read_whole(data: bytes) -> bool:
        file.write_bytes(data)
        try:
            rows = list(open_dataset(file, "fuzzed").rows)
        except IntakeRefusal:
            return False
        amounts = [Decimal(row.values["BilledCost"]) for row in rows if "BilledCost" in row.values]
        there = [{key.strip(): value for key, value in row.items()} for row in rows_of(data)]
        assert len(rows) == len(there)
        assert sum(amounts) == sum(Decimal(row["BilledCost"].strip()) for row in there if "BilledCost" in row)
        return True

    check_mutants((SAMPLES / f"{name}.csv").read_bytes(), ROUNDS * 3, lambda data: data, read_whole)


def check_mutants(
    data: bytes, rounds: int, wrapped: Callable[[bytes], bytes], reads: Callable[[bytes], bool] = taken_in
) -> None:
    assert reads(wrapped(data))
    chance = random.Random(20_26)
    outcomes = Counter(reads(wrapped(mutated(data, chance))) for _ in range(rounds))
    assert outcomes[False]


CELLS = {
    "BilledCost": st.sampled_from(["1", "-0.10", "+7", ".5", "5.", "1E3", "2e-20", "0.00000000000000000051", "007"])
    | st.decimals(-(10**19), 10**19, places=18).map(str) | st.text("0123456789.,-+eE_ \u0663", max_size=8),
    "EffectiveCost": st.sampled_from(["", "NULL", "nan", "0", "1" * 20, "1" * 21, "-0", "1e400"]),
    "BillingCurrency": st.sampled_from(["USD", "JPY", "usd", "", "XYZ", "US"]),
    "BillingPeriodStart": st.sampled_from(["2026-01-01", "2026-01-01T00:00Z", "2026-01-32", "2026-01-01 01:00+02:00"]),
    "ChargeDescription": st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    "Tags": st.sampled_from(["", "{}", '{"a":1.0}', '"a":"b"', "[]", '{"a":', '{"a":1,"a":2}', "null"]),
}  # fmt: skip
settled = settings(derandomize=True, database=None, deadline=None, max_examples=40)


@settled
@given(st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]),
       st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONE]))  # fmt: skip
def test_odd_cells(cells: list[dict[str, str]], newline: str, quoting: Literal[0, 1, 3]) -> None:
    rows = [charge(n, **values) for n, values in enumerate(cells)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator=newline, quoting=quoting, escapechar="\\")
    writer.writeheader()
    writer.writerows(rows)
    taken_in(text.getvalue().encode())


LINE = ",".join(charge(1).values()).replace('{"team": "a"}', "")


@settled
@given(st.text('",\n\r1.-E \\\0é\u2028', max_size=40), st.integers(0, len(LINE)), st.integers(1, 3))
@example('"', len(LINE), 1)
def test_odd_text_between_fields(text: str, at: int, times: int) -> None:
    body = "\n".join([LINE, LINE[:at] + text + LINE[at:]] * times)
    taken_in((",".join(charge()) + "\n" + body).encode())
