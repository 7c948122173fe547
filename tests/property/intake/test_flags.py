"""Flags computed on columns are those that the rule gives row by row, whatever the digits."""

from __future__ import annotations

import json
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from services.intake.quality.flags.chunk import Rows
from services.intake.quality.flags.prices import RELATIVE_TOLERANCE, TOLERANCE, price_masks
from services.intake.quality.flags.values import value_masks
from services.intake.reading.objects import canonical_object
from shared.money import text

EXACT = Context(prec=200)
LARGEST = Decimal(10) ** 18
amounts = st.integers(-(10**38) + 1, 10**38 - 1).map(lambda units: EXACT.scaleb(Decimal(units), -18))
small = st.decimals(-1000, 1000, places=6)
prices = st.one_of(st.none(), small, amounts.map(EXACT.abs))
Priced = tuple[Decimal, Decimal | None, Decimal | None, str | None]
rows = st.tuples(
    st.one_of(small, amounts), prices, st.one_of(st.none(), small, amounts), st.sampled_from([None, "Correction"])
)


def columns(**values: list[str | None]) -> Rows:
    written = {name: pa.array(column, pa.string()).dictionary_encode() for name, column in values.items()}
    typed: dict[str, Any] = {
        name: column.cast(pa.string()).cast(pa.decimal128(38, 18))
        for name, column in written.items()
        if name.endswith(("Cost", "Price", "Quantity"))
    }
    return Rows(written, typed)


def mismatch(cost: Decimal, price: Decimal | None, quantity: Decimal | None, charge_class: str | None) -> bool:
    if price is None or quantity is None or charge_class is not None or abs(price) >= LARGEST:
        return False
    off = EXACT.abs(EXACT.subtract(cost, EXACT.multiply(price, quantity)))
    units = int(off.scaleb(18, EXACT))  # shares of a cost are compared on digits that are kept
    return off > TOLERANCE and Decimal(units).scaleb(-18, EXACT) > EXACT.multiply(abs(cost), RELATIVE_TOLERANCE)


@given(st.lists(rows, min_size=1, max_size=30))
@example([(Decimal("10.00001"), Decimal("2.5"), Decimal(4), None)])
@example([(Decimal("10.000010000000000001"), Decimal("2.5"), Decimal(4), None)])
def test_prices_are_compared_as_if_by_hand(given_rows: list[Priced]) -> None:
    def write(amount: Decimal | None) -> str | None:
        return None if amount is None else text(amount)

    found = dict(
        price_masks(
            columns(
                BilledCost=["0"] * len(given_rows),
                EffectiveCost=["0"] * len(given_rows),
                ChargeCategory=["Usage"] * len(given_rows),
                ListCost=[write(cost) for cost, *_ in given_rows],
                ListUnitPrice=[write(price) for _, price, *_ in given_rows],
                PricingQuantity=[write(quantity) for _, _, quantity, _ in given_rows],
                ChargeClass=[charge_class for *_, charge_class in given_rows],
            )
        )
    )
    expected = [mismatch(*row) for row in given_rows]
    mask = found.get("cost-price-mismatch")
    assert (mask.to_pylist() if mask is not None else [False] * len(given_rows)) == expected


keys = st.sampled_from(["env", "Env", " env", "team", "TEAM ", "ß", "SS", 'a"b', "x:y"])


@given(st.lists(st.dictionaries(keys, st.sampled_from(['"', "env", 1, True, None, {"Env": 1, "env": 2}])), min_size=1))
def test_look_alike_keys_are_found_in_any_object(objects: list[dict[str, object]]) -> None:
    tags = [canonical_object(json.dumps(one)) for one in objects]
    mask = dict(value_masks(columns(Tags=list(tags)))).get("tag-keys-alike")
    expected = [len({key.strip().casefold() for key in one}) < len(one) for one in objects]
    assert (mask.to_pylist() if mask is not None else [False] * len(objects)) == expected
