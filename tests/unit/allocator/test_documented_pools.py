"""Every example in docs/pools.md: the rule set is valid, and the figures below it are what comes out."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets
from services.allocator.domain.charged import Charged, EarlierMonth, EarlierMonths
from services.allocator.domain.drivers import Drivers, Measurement, Window
from services.allocator.domain.rule_set import CHARGE_MONTH
from services.allocator.loading import Bundle, load
from shared.money import CONTEXT

TEXT = (Path(__file__).parents[3] / "docs/pools.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```yaml pools\n(.*?)```\n\n\|(.*?)\|\n\|[-|]+\|\n\|(.*?)\|\n", re.DOTALL)
EXAMPLES = [match.groups() for match in EXAMPLE.finditer(TEXT)]
HEAD = """\
name: docs
effective_from: 2026-01
basis: EffectiveCost
cost_centers: centers.csv
mappings: {{namespaces: namespaces.csv, moving: moving.csv}}
rules:
  - {{id: own, assign: {{column: SubAccountId}}}}
fallback: {{pool: {first}}}
"""
FILES = {
    "centers.csv": "cost_center_id,name\n" + "".join(f"CC-{n}00,C{n}\n" for n in (1, 2, 3, 9)),
    "moving.csv": "value,cost_center_id,valid_from,valid_to\nshop,CC-100,,2026-01-16\nshop,CC-300,2026-01-17,\n"
    "search,CC-200,,\n",
    "namespaces.csv": "value,cost_center_id\nshop,CC-100\nsearch,CC-200\n",
}
JANUARY, DECEMBER = Window.of_month("2026-01"), Window.of_month("2025-12")
MEASURED = {
    ("vcpu-hours", JANUARY): {"CC-100": 500, "CC-200": 300, "CC-300": 200},
    ("gb-hours", JANUARY): {"CC-100": 1_000, "CC-200": 1_000, "CC-300": 2_000},
    ("pod-hours", JANUARY): {"shop": 60, "search": 30, "legacy": 10},
    ("headcount", DECEMBER): {"CC-100": 30, "CC-200": 10},
}
DRIVERS = Drivers.of(
    (metric, Measurement(subject, Decimal(quantity), window))
    for (metric, window), quantities in MEASURED.items()
    for subject, quantity in quantities.items()
)


DECEMBERS_LINES = EarlierMonth(
    "run-12",
    [
        Charged(("USD", "P", "i-0", "P", "Amazon EKS", "b", None, "Usage", None), center, Decimal(cost), Decimal(cost))
        for center, cost in (("CC-200", "75"), ("CC-300", "25"))
    ],
)


def bucket(account: str | None, service: str, cluster: str, cost: str, month: str = "2026-01") -> Bucket:
    values = ("USD", "P", "i-1", "P", service, "b", account, "Usage", None, cluster, month)
    return Bucket(values, Decimal(cost), Decimal(cost), 1)


DIRECT = [
    bucket("CC-100", "Amazon EC2", "east", "50"), bucket("CC-100", "Amazon RDS", "east", "10"),
    bucket("CC-200", "Amazon RDS", "west", "30"), bucket("CC-300", "Amazon EC2", "west", "10"),
]  # fmt: skip


def rule_set_of(document: str) -> str:
    """An example under a head; the fallback is its first pool."""
    (first,) = re.findall(r"\bid: ([a-z]+)", document)[:1]
    return HEAD.format(first=first) + document


def test_all_examples_are_found() -> None:
    assert len(EXAMPLES) == TEXT.count("```yaml") > 20


@pytest.mark.parametrize(("document", "names", "figures"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_figures_below_an_example_are_what_comes_out(document: str, names: str, figures: str) -> None:
    sign = "-" if "holds -1000.00 USD" in document else ""
    shared = [
        bucket(None, "Amazon EKS", "east", f"{sign}400"), bucket(None, "Amazon VPC", "west", f"{sign}600"),
    ]  # fmt: skip
    if "a refund of -1000.00 USD" in document:
        shared = [bucket(None, "Amazon EKS", "east", "-1000", "2025-12")]
    loaded = load(Bundle(rule_set_of(document), FILES))

    buckets = Buckets("2026-01", (*GRAIN, "tag:cluster", CHARGE_MONTH), DIRECT + shared)
    earlier = EarlierMonths({"2025-12": DECEMBERS_LINES})
    lines = allocate(buckets, loaded.rule_set, loaded.cost_centers, DRIVERS, earlier)

    got: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.flow.path:
            got[line.cost_center] = CONTEXT.add(got[line.cost_center], line.effective_cost)
    told = dict(zip(cells(names), map(Decimal, cells(figures)), strict=True))
    assert {name: round(amount, 2) for name, amount in got.items()} == told


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")]
