"""Every code of the catalogue is raised by an example through the real reading, and not by its nearest miss.

A new code without an example fails here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from services.intake.domain.holding import RejectLimit, Size, behind, shrunk, too_many_rejected
from services.intake.domain.rejection import OTHER_RULE
from services.intake.domain.styles import Style, delivered_elsewhere
from services.intake.domain.tags import Case, Normalisation
from services.intake.quality.catalogue import CATALOGUE
from services.intake.quality.generate import document
from shared.money import ZERO
from tests.unit.intake.assessed import assessed, committed, invoice, part
from tests.unit.intake.desk import Desk
from tests.unit.intake.exports import charge, write_csv

Values = dict[str, str]
PRICED: Final = {"ListUnitPrice": "2.5", "PricingQuantity": "4", "ContractedCost": ""}

ROWS: Final[dict[str, tuple[Values, Values]]] = {
    "amount-unreadable": ({"BilledCost": "1,5"}, {"BilledCost": "+15E-1"}),
    "amount-too-large": ({"BilledCost": "1" + "0" * 20}, {"BilledCost": "9" * 20 + ".5"}),
    "date-unreadable": ({"ChargePeriodEnd": "2026-02-30T00:00:00Z"}, {"ChargePeriodEnd": "2026-02-28T00:00:00Z"}),
    "currency-unknown": ({"BillingCurrency": "Token"}, {"BillingCurrency": "JPY", "PricingCurrency": "Token"}),
    "value-missing-for-booking": ({"ServiceName": ""}, {"BillingAccountName": ""}),
    "effective-cost-rounded": (
        {"BilledCost": "1.5", "EffectiveCost": "2"}, {"BilledCost": "1.5", "EffectiveCost": "3"},
    ),
    "cost-price-mismatch": (PRICED | {"ListCost": "10.000010000000000001"}, PRICED | {"ListCost": "10.00001"}),
    "invoice-id-missing": ({"InvoiceId": ""}, {"InvoiceId": "", "BilledCost": "0.00"}),
    "unknown-value": ({"ChargeFrequency": "Usage-based"}, {"ChargeFrequency": "Usage-Based"}),
    "empty-string-for-null": ({"RegionId": "N/A"}, {"RegionId": "NA"}),
    "tags-unparsable": ({"Tags": '["a"]'}, {"Tags": '"team": "a"'}),
    "json-unparsable": ({"SkuPriceDetails": "a=1"}, {"SkuPriceDetails": "{}"}),
    "tag-keys-alike": ({"Tags": '{"Env": 1, "env ": 2}'}, {"Tags": '{"Env": "env", "environment": "Env"}'}),
    "time-not-utc": (
        {"ChargePeriodEnd": "2026-01-03T00:00:00"}, {"ChargePeriodEnd": "2026-01-03T00:00:00.000+00:00"},
    ),
    "commitment-inconsistent": (
        {"CommitmentDiscountStatus": "Used"}, {"CommitmentDiscountStatus": "Used", "CommitmentDiscountId": "c"},
    ),
}  # fmt: skip
"""Values that break a rule for a row, and values that just keep it."""


@pytest.mark.parametrize("code", ROWS)
def test_a_row_that_breaks_the_rule_is_told_from_one_that_just_keeps_it(tmp_path: Path, code: str) -> None:
    breaks, keeps = ROWS[code]
    names = [*charge(), *({*breaks, *keeps} - set(charge()))]
    outcome = Desk(tmp_path).deliver(write_csv(tmp_path / "a.csv", [charge(1, **breaks), charge(2, **keeps)], names))
    flags = {str(one.charge["ResourceId"]): one.flags for one in outcome.events}
    assert flags["vm-2"] == []
    if CATALOGUE[code].kind == "rejection":
        assert [(one.line, one.code) for one in outcome.rejections] == [(2, code)]
    else:
        assert (outcome.rejections, flags["vm-1"]) == ([], [code])
        (example,) = outcome.reading.observations.examples[code]
        assert example.line == 2
        assert set(breaks) & set(example.values) or code == "invoice-id-missing", "the value that it is about is shown"


def findings(
    tmp_path: Path, row: Values, style: Style = Style.OVERWRITE, tags: Sequence[Normalisation] = ()
) -> set[str]:
    names = [*charge(), *(set(row) - set(charge()))]
    return set(Desk(tmp_path).deliver(write_csv(tmp_path / "a.csv", [row], names), style=style, tags=tags).findings)


def findings_again(tmp_path: Path, *second: Values) -> set[str]:
    """The findings of a source that appends, whose first delivery was `charge(1)`."""
    desk = Desk(tmp_path)
    desk.deliver(write_csv(tmp_path / "a.csv", [charge(1)]), style=Style.APPEND)
    file = write_csv(tmp_path / "b.csv", second)
    return set(desk.deliver(file, style=Style.APPEND).findings)


def findings_of_files(tmp_path: Path, first: Values, second: Values) -> set[str]:
    files = [write_csv(tmp_path / f"{at}.csv", [row]) for at, row in enumerate((first, second))]
    return set(Desk(tmp_path).deliver(*files, style=Style.APPEND).findings)


def tagged(text: str) -> Callable[[Path], set[str]]:
    rules = [Normalisation("r", key_case=Case.LOWER, aliases={"squad": "team"})]
    return lambda path: findings(path, charge(1, Tags=text), tags=rules)


DELIVERIES: Final[dict[str, tuple[Callable[[Path], set[str]], Callable[[Path], set[str]]]]] = {
    "amounts-rounded": (
        lambda path: findings(path, charge(1, BilledCost="0.0000000000000000015")),
        lambda path: findings(path, charge(1, BilledCost="0.0000000000000000010")),
    ),
    "value-missing": (
        lambda path: findings(path, charge(1, ListCost="")),
        lambda path: findings(path, charge(1, BillingAccountName="")),
    ),
    "column-unknown": (
        lambda path: findings(path, charge(1, Own="1")),
        lambda path: findings(path, charge(1, x_Own="1")),
    ),
    "tags-normalised": (tagged('{"Team": "a"}'), tagged('{"team": "a"}')),
    "tags-conflict": (tagged('{"team": "a", "squad": "b"}'), tagged('{"team": "a", "squad": "a"}')),
    "rows-delivered-before": (
        lambda path: findings_again(path, charge(1), charge(2)),
        lambda path: findings_again(path, charge(2), charge(2)),
    ),
    "files-of-another-source": (
        lambda _: {one.code for one in delivered_elsewhere(["aws"])},
        lambda _: {one.code for one in delivered_elsewhere([])},
    ),
    "files-delivered-before": (
        lambda path: findings_of_files(path, charge(1), charge(1)),
        lambda path: findings_of_files(path, charge(1), charge(2)),
    ),
}  # fmt: skip
"""Deliveries with a finding, and deliveries that just have none."""


@pytest.mark.parametrize("code", DELIVERIES)
def test_a_finding_is_told_from_its_nearest_miss(tmp_path: Path, code: str) -> None:
    found, missed = DELIVERIES[code]
    for name, made in (("found", found), ("missed", missed)):
        (tmp_path / name).mkdir()
        assert (code in made(tmp_path / name)) == (name == "found")


USED: Final = [committed(1, "Used", "0.1"), committed(2, "Unused", "0.2")]
DUST: Final = "0.000000000000000001"
SUMS: Final = {
    "invoice-sum": (
        # up to 40,000 rows, FOCUS tolerates 100 cents
        [charge(1, BilledCost=f"51.{DUST[2:]}")], [charge(1, BilledCost="51")],
    ),
    "commitment-sum": ([*USED, committed(3, "", DUST)], [*USED, committed(3, "", "0")]),
    "split-ratios": (
        [part(1, "0.333333333"), part(2, "0.333333333"), part(3, "0.333333332")],
        [part(1, "0.333333333"), part(2, "0.333333333"), part(3, "0.333333333")],
    ),
    "service-category": (
        [charge(1), charge(2, ServiceCategory="Storage")],
        [charge(1), charge(2, ServiceCategory="Storage", ProviderName="Other cloud")],
    ),
}  # fmt: skip
"""Rows whose sums just break a rule, and rows whose sums just keep it."""


@pytest.mark.parametrize("code", SUMS)
def test_a_sum_that_is_off_is_told_from_one_at_the_edge(tmp_path: Path, code: str) -> None:
    for name, rows, verdict in zip(("a", "b"), SUMS[code], ("broken", "holds"), strict=True):
        (tmp_path / name).mkdir()
        found, _ = assessed(tmp_path / name, rows, [invoice("50")])
        assert {one.verdict for one in found.report.sums if one.code == code} == {verdict}
        assert (code in {one.code for one in found.findings}) == (verdict == "broken")


def size(rows: int) -> Size:
    return Size("2026-01", "USD", rows, ZERO, ZERO)


HOLDS: Final = {
    "too-many-rejected": [list(too_many_rejected(RejectLimit.parse("1%"), rejected, 100)) for rejected in (2, 1)],
    "shrunk": [list(shrunk([size(10)], [size(left)], RejectLimit.parse("20%").number / 100)) for left in (7, 8)],
    "behind-held": [list(behind(held)) for held in (["d1"], [])],
}


@pytest.mark.parametrize("code", HOLDS)
def test_a_delivery_is_held_beyond_a_limit_and_not_at_it(code: str) -> None:
    held, passes = HOLDS[code]
    assert ([one.code for one in held], passes) == ([code], [])


def test_every_code_has_an_example() -> None:
    examples = {*ROWS, *DELIVERIES, *SUMS, *HOLDS}
    elsewhere = {OTHER_RULE, "withdrawal", "withdrawn"}  # the last two: tests/integration/intake/test_withdrawing.py
    assert examples == set(CATALOGUE) - elsewhere


def test_every_code_is_in_the_documentation_with_what_to_do() -> None:
    lines = document().splitlines()
    for entry in CATALOGUE.values():
        (line,) = [one for one in lines if one.startswith(f"| `{entry.code}` |")]
        assert entry.means in line
        assert line.endswith(f"{entry.do} |")
