"""What a line says to the team lead who asks why it is there."""

from __future__ import annotations

from services.chargeback.domain.charges import Charge
from shared.money import text


def describe(charge: Charge) -> str:
    """Say in one line what was charged, of which account, by which rule, and through which pools with what share."""
    origin = charge.origin
    account = origin.sub_account_id or origin.billing_account_id
    what = f"{origin.service_name}, {origin.charge_category}"
    if origin.charge_class:
        what += f" ({origin.charge_class})"
    return f"{what}, account {account}, {_how(charge)}"


def share(charge: Charge) -> str:
    """The share that a charge is of a pool or a divided charge, as the fraction it was computed with, or nothing."""
    if charge.weight is None or charge.weight_total is None:
        return ""
    return f"{text(charge.weight)} of {text(charge.weight_total)}"


def _how(charge: Charge) -> str:
    if charge.kind == "direct":
        part = share(charge)
        return f"assigned by rule {charge.rule_id}" + (f" ({part})" if part else "")
    via = f"shared through {' > '.join(charge.path)}"
    within = [f"within {name} {value if value is not None else '(none)'}" for name, value in charge.partition]
    details = ", ".join(part for part in (charge.leg or "", charge.method or "", share(charge), *within) if part)
    return f"{via} ({details}), by rule {charge.rule_id}" if details else f"{via}, by rule {charge.rule_id}"
