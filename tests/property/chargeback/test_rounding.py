"""Rounding an invoice run: exact at every level, whatever the order, and a credit mirrors a charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from services.chargeback.domain.charges import Charge, Origin
from services.chargeback.domain.documents import Document, draw_up
from services.chargeback.domain.rounding import round_documents
from shared.money import minor_unit, round_half_even, total

ORIGIN = Origin("Cloud Inc.", None, "Cloud", "Compute", "0001", None, "Usage", None)
CURRENCIES = st.sampled_from(["USD", "JPY", "BHD", "CLF"])
AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, places=18, allow_nan=False) | st.sampled_from(
    [Decimal("0.005"), Decimal("-0.005"), Decimal("0.5"), Decimal(0), Decimal("0.000000000000000001")]
)
RUNS = st.dictionaries(
    st.text("ABC-1234", min_size=1, max_size=6), st.lists(AMOUNTS, min_size=1, max_size=12), min_size=1, max_size=8
)


def charges_of(run: Mapping[str, Sequence[Decimal]]) -> dict[str, list[Charge]]:
    return {
        center: [Charge(f"{center}/{n}", "direct", amount, amount, ORIGIN, "rule") for n, amount in enumerate(amounts)]
        for center, amounts in run.items()
    }


def invoice(charges: Mapping[str, Sequence[Charge]], currency: str) -> dict[str, Document]:
    exact = {center: total(charge.effective_cost for charge in lines) for center, lines in charges.items()}
    invoiced = round_documents(exact, currency)
    return {
        center: draw_up("2026-01", center, currency, "EffectiveCost", lines, invoiced[center])
        for center, lines in charges.items()
    }


@given(RUNS, CURRENCIES)
def test_every_level_adds_up_to_the_one_above(run: dict[str, list[Decimal]], currency: str) -> None:
    documents = invoice(charges_of(run), currency)
    exact = total(amount for amounts in run.values() for amount in amounts)
    whole = total(document.total for document in documents.values())
    assert whole == round_half_even(exact, minor_unit(currency))
    for document in documents.values():
        assert total(line.amount for line in document.lines) == document.total
        assert document.direct + document.shared == document.total
        assert total([document.exact_total, document.rounding]) == document.total
    assert total(d.total for d in documents.values()) == total([exact, *(d.rounding for d in documents.values())])


@given(RUNS, CURRENCIES)
def test_nothing_moves_by_a_whole_minor_unit(run: dict[str, list[Decimal]], currency: str) -> None:
    unit = Decimal(1).scaleb(-minor_unit(currency))
    for document in invoice(charges_of(run), currency).values():
        assert abs(document.rounding) < unit
        for line in document.lines:
            assert abs(total([line.amount, line.exact_amount.copy_negate()])) < unit


@settings(max_examples=30)
@given(RUNS, CURRENCIES, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(run: dict[str, list[Decimal]], currency: str, random: object) -> None:
    charges = charges_of(run)
    centers = list(charges)
    random.shuffle(centers)  # type: ignore[attr-defined]
    shuffled = {center: list(charges[center]) for center in centers}
    for lines in shuffled.values():
        random.shuffle(lines)  # type: ignore[attr-defined]
    assert invoice(shuffled, currency) == invoice(charges, currency)


@given(RUNS, CURRENCIES)
def test_credits_are_the_mirror_image_of_charges(run: dict[str, list[Decimal]], currency: str) -> None:
    mirror = {center: [amount.copy_negate() for amount in amounts] for center, amounts in run.items()}
    charged, credited = invoice(charges_of(run), currency), invoice(charges_of(mirror), currency)
    for center, document in charged.items():
        mirrored = {line.charge.allocation_id: line.amount.copy_negate() for line in credited[center].lines}
        assert {line.charge.allocation_id: line.amount for line in document.lines} == mirrored
