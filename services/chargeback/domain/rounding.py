"""The one rounding of chargeback: exact costs to the currency's minor unit, from the top down.

run total of a currency -> half even at the minor unit -> its documents -> their lines. Each level is split by
`shared.apportion.round_parts`, so each level adds up to the one above, no amount moves by a whole minor unit, nothing
depends on the order of the input, and a credit is the mirror image of a charge. Rounding line by line would not add
up: 100,000 lines of ten decimals drift by more than a unit of currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from shared.apportion import round_parts
from shared.money import minor_unit, round_half_even, total


def round_documents(exact: Mapping[str, Decimal], currency: str) -> dict[str, Decimal]:
    """Round what each cost center owes in one currency.

    Args:
        exact: exact total by cost center id.
        currency: ISO 4217 code; its minor unit is what is rounded to.

    Returns:
        The invoiced total by cost center id, adding up to the run's exact total rounded half even.
    """
    scale = minor_unit(currency)
    keys = sorted(exact)
    parts = [exact[key] for key in keys]
    whole = round_half_even(total(parts), scale)
    rounded = round_parts(whole, parts, keys, scale)
    assert total(rounded) == whole, f"documents in {currency} add up to {total(rounded)}, not {whole}"
    return dict(zip(keys, rounded, strict=True))


def round_lines(document_total: Decimal, exact: Sequence[Decimal], keys: Sequence[str], currency: str) -> list[Decimal]:
    """Round the lines of one document so that they add up to its total; keys are the lines' allocation ids."""
    rounded = round_parts(document_total, exact, keys, minor_unit(currency))
    assert total(rounded) == document_total, f"lines add up to {total(rounded)}, not {document_total}"
    return rounded
