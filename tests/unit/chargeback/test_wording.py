"""What a line says to whoever pays it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from services.chargeback.domain.wording import describe
from tests.unit.chargeback.builders import direct, shared


def test_a_direct_charge_names_its_rule_and_a_divided_one_its_share() -> None:
    whole = direct("a", "1")
    divided = replace(whole, weight=Decimal(70), weight_total=Decimal(100))

    assert describe(whole) == "Compute, Usage, account 111, assigned by rule by-team"
    assert describe(divided) == "Compute, Usage, account 111, assigned by rule by-team (70 of 100)"


def test_a_shared_charge_names_pools_method_and_share() -> None:
    charge = shared("a", "1")

    said = "shared through support > platform (weighted, 3 of 4), by rule support"
    assert describe(charge) == f"Support, Usage, account 111, {said}"


def test_a_part_of_its_own_and_the_partition_are_told() -> None:
    charge = replace(shared("a", "1"), leg="under-recovery", partition=(("RegionId", "eu"), ("tag:cluster", None)))

    assert "(under-recovery, weighted, 3 of 4, within RegionId eu, within tag:cluster (none))" in describe(charge)
