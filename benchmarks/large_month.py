"""A month at the size that the engine is built for: 100 pools, 1,000 rules, 5,000 cost centers, any number of buckets.

Made of a fixed seed: every charge has another combination of what the rules look at, so that as many charges are as
many buckets. A fifth of the charges goes to pools of ten kinds, two of which split by day and one over everybody.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from services.allocator.loading import Bundle

PERIOD = "2026-01"
DAYS = 31
_RULES, _POOLS, _COST_CENTERS, _TARGETS = 1_000, 100, 5_000, 50
_NAMES = [f"CC-{number:04}" for number in range(_COST_CENTERS)]
_FIXED = {
    "BillingCurrency": "USD", "InvoiceIssuerName": "Cloud", "InvoiceId": "inv-1", "ServiceProviderName": "Cloud",
    "BillingAccountId": "payer", "ChargeCategory": "Usage",
}  # fmt: skip

Charge = tuple[dict[str, Any], str, Decimal]
"""FOCUS columns, charge day and amount."""


def bundle(changed: bool = False) -> Bundle:
    """The rule set; `changed` gives one pool other weights."""
    chance = random.Random(1)
    document = {
        "name": "large", "effective_from": PERIOD, "basis": "EffectiveCost", "cost_centers": "cost-centers.csv",
        "rules": _rules(chance), "fallback": {"suspense": True},
        "pools": [_pool(number, chance) for number in range(_POOLS)],
    }  # fmt: skip
    if changed:
        pool = document["pools"][3]  # type: ignore[index]
        pool["targets"] = {name: int(weight) + 1 for name, weight in pool["targets"].items()}
    table = "cost_center_id,name,owner\n" + "".join(f"{name},{name},owner\n" for name in _NAMES)
    return Bundle(json.dumps(document), {"cost-centers.csv": table})


def measurements() -> list[dict[str, str]]:
    """What the drivers measured of each cost center, as `POST /v1/drivers` takes it."""
    chance = random.Random(2)
    window = {"window_start": f"{PERIOD}-01", "window_end": "2026-02-01"}
    return [
        {"metric": metric, "subject": name, "quantity": str(chance.randrange(1, 10**6)), "unit": "h"} | window
        for metric in ("cpu", "gb")
        for name in _NAMES
    ]


def charges(count: int) -> Iterator[Charge]:
    """So many charges: each combination of the other dimensions on each day of the month."""
    chance = random.Random(3)
    for number in range(-(-count // DAYS)):
        columns = _FIXED | (_shared(number, chance) if number % 5 == 0 else _direct(number, chance))
        for day in range(1, min(DAYS, count - number * DAYS) + 1):
            yield columns, f"{PERIOD}-{day:02}", Decimal(chance.randrange(1, 10**12)).scaleb(-9)


def _shared(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "ServiceName": f"service {chance.randrange(20)}", "SubAccountId": f"account {number // 5 % _POOLS}",
        "RegionId": f"region {chance.randrange(37)}", "Tags": {"batch": str(number)},
    }  # fmt: skip


def _direct(number: int, chance: random.Random) -> dict[str, Any]:
    account = chance.randrange(_POOLS, 2_000)
    tags = {"batch": str(number), "team": f"team {chance.randrange(_RULES)}"}
    if chance.random() < 0.8:
        tags["cc"] = chance.choice(_NAMES)
    return {
        "ServiceName": f"service {account % 100}", "SubAccountId": f"account {account}",
        "RegionId": f"region {chance.randrange(37)}", "Tags": tags,
    }  # fmt: skip


def _rules(chance: random.Random) -> list[dict[str, Any]]:
    to_pools: list[dict[str, Any]] = [
        {"id": f"to-p{n}", "when": {"column": "SubAccountId", "equals": f"account {n}"}, "assign": {"pool": f"p{n}"}}
        for n in range(_POOLS)
    ]
    by_three = [
        {"id": f"r{n}", "assign": {"cost_center": chance.choice(_NAMES)}, "when": {"all": [
            {"column": "ServiceName", "equals": f"service {n % 100}"},
            {"column": "RegionId", "equals": f"region {n % 37}"}, {"tag": "team", "equals": f"team {n}"}]}}
        for n in range(_POOLS, _RULES - 2)
    ]  # fmt: skip
    # Looking at the batch makes a bucket of each charge's combination.
    apart = {"id": "apart", "when": {"tag": "batch", "equals": "none"}, "assign": {"cost_center": _NAMES[0]}}
    return [*to_pools, *by_three, apart, {"id": "by-tag", "assign": {"tag": "cc"}}]


def _pool(number: int, chance: random.Random) -> dict[str, Any]:
    some = sorted(chance.sample(_NAMES, _TARGETS))
    pool: dict[str, Any] = {"id": f"p{number}"}
    if number == 0:
        drivers = [{"metric": "cpu", "weight": 9}, {"metric": "gb"}]
        return pool | {"method": "driver", "targets": "all", "combine": "quantities", "drivers": drivers}
    if number in {5, 15}:
        pool["partition_by"] = ["charge_day"]
    return pool | _KINDS[number % len(_KINDS)](number, some, chance)


_KINDS: tuple[Callable[[int, list[str], random.Random], dict[str, Any]], ...] = (
    lambda _, some, __: {"method": "driver", "targets": some, "driver": "gb"},
    lambda _, some, __: {"method": "proportional", "targets": some, "when_zero": "even"},
    lambda number, some, _: {"method": "even", "targets": [*some, f"pool:p{number + 1}"]},
    lambda _, some, chance: {"method": "weighted", "targets": {name: chance.randrange(1, 100) for name in some}},
    lambda _, some, __: {
        "method": "proportional", "targets": some, "min_percent": "0.5", "when_zero": "even",
    },
    lambda _, some, __: {"method": "driver", "targets": some, "driver": "cpu"},
    lambda _, some, __: {"method": "driver", "targets": some, "drivers": [{"metric": "cpu"}, {"metric": "gb"}]},
    lambda _, some, __: {
        "method": "fixed_amount", "amounts": dict.fromkeys(some, 10), "currency": "USD",
        "rest": {"method": "even", "targets": some},
    },
    lambda _, some, __: {
        "method": "floor_plus_variable", "floor": {"percent": 20, "method": "even", "targets": some},
        "variable": {"method": "driver", "targets": some, "driver": "gb"},
    },
    lambda _, some, __: {
        "method": "usage_rate", "targets": some, "driver": "cpu", "rate": "0.01", "currency": "USD",
        "variance": _NAMES[0],
    },
)  # fmt: skip
