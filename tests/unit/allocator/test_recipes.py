"""Every recipe of docs/recipes.md: its rule set is valid, and the amounts below it are what comes out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import pytest

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets
from services.allocator.domain.charged import Charged, EarlierMonth, EarlierMonths
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.drivers import Drivers, Measurement, Window
from services.allocator.domain.lines import Line, Share
from services.allocator.loading import Bundle, load
from shared.money import CONTEXT
from tests.unit.allocator.recipes import PAGE, Recipe, Row, recipes

RECIPES = list(recipes())
COSTS: Final = ("Cost", "BilledCost", "EffectiveCost")
USUAL: Final = {
    "BillingCurrency": "USD", "InvoiceIssuerName": "AWS", "InvoiceId": "US-1", "ServiceProviderName": "AWS",
    "ServiceName": "Amazon EC2", "BillingAccountId": "1", "ChargeCategory": "Usage", "charge_day": "2026-01-15",
}  # fmt: skip


def share_of(share: Share | None) -> str:
    return f"{share.weight.normalize():f}/{share.weight_total.normalize():f}" if share else ""


KEYS: Final[dict[str, Callable[[Line], str]]] = {
    "cost center": lambda line: line.cost_center,
    "rule": lambda line: line.flow.rule_id,
    "path": lambda line: "/".join(line.flow.path),
    "leg": lambda line: line.flow.leg,
    "share": lambda line: share_of(line.share),
    "steps": lambda line: " ".join(f"{step.pool} {share_of(step.share)}" for step in line.flow.steps),
}
AMOUNTS: Final[dict[str, Callable[[Line], Decimal]]] = {
    "BilledCost": lambda line: line.billed_cost,
    "EffectiveCost": lambda line: line.effective_cost,
}


def test_all_recipes_are_found() -> None:
    assert len(RECIPES) == PAGE.count("```yaml recipe")
    assert {recipe.title for recipe in RECIPES} == {line[3:] for line in PAGE.splitlines() if line.startswith("## ")}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title.replace(" ", "-"))
def test_the_amounts_below_a_recipe_are_what_comes_out(recipe: Recipe) -> None:
    keys = [name for name in recipe.amounts[0] if name in KEYS]
    told = {tuple(row[name] for name in keys): amounts_told(row) for row in recipe.amounts}
    digits = {
        name: max(map(digits_of, (row[name] for row in recipe.amounts)))
        for name in AMOUNTS
        if name in recipe.amounts[0]
    }

    got: dict[tuple[str, ...], dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(digits, Decimal(0)))
    for line in lines_of(recipe):
        sums = got[tuple(KEYS[name](line) for name in keys)]
        for name in sums:
            sums[name] = CONTEXT.add(sums[name], AMOUNTS[name](line))

    assert {key: {name: round(sum_, digits[name]) for name, sum_ in sums.items()} for key, sums in got.items()} == told
    assert len(told) == len(recipe.amounts)


def digits_of(number: str) -> int:
    return len(number.partition(".")[2])


def amounts_told(row: Row) -> dict[str, Decimal]:
    return {name: Decimal(row[name]) for name in AMOUNTS if name in row}


def lines_of(recipe: Recipe) -> list[Line]:
    loaded = load(Bundle(recipe.document, recipe.files))
    columns = [name for name in recipe.charges[0] if name not in COSTS]
    dimensions = tuple(dict.fromkeys((*GRAIN, *dimensions_used(loaded.rule_set), *columns)))
    rows = [bucket(charge, dimensions) for charge in recipe.charges]
    month = Window.of_month("2026-01")
    drivers = Drivers.of(
        (row["metric"], Measurement(row["subject"], Decimal(row["quantity"]), month)) for row in recipe.measured
    )
    costs = Buckets("2026-01", dimensions, rows)
    return allocate(costs, loaded.rule_set, loaded.cost_centers, drivers, earlier_months(recipe))


def earlier_months(recipe: Recipe) -> EarlierMonths:
    months: dict[str, list[Charged]] = defaultdict(list)
    for row in recipe.earlier:
        values, cost, _, _ = bucket(row, GRAIN)
        months[row["month"]].append(Charged(values, row["cost center"], cost, cost))
    return EarlierMonths({month: EarlierMonth("run", charged) for month, charged in months.items()})


def bucket(charge: Row, dimensions: tuple[str, ...]) -> Bucket:
    values = tuple({**USUAL, **charge}.get(name) or None for name in dimensions)
    billed, effective = (Decimal(charge.get(name) or charge["Cost"]) for name in AMOUNTS)
    return Bucket(values, billed, effective, 1)
