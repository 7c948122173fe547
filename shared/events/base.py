"""What every contract type has in common: encoding, decoding, and the content hash."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec

from shared.money import text

BillingPeriod = Annotated[
    str, msgspec.Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="First month, YYYY-MM, UTC")
]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217 alpha-3 code")]
Amount = Annotated[Decimal, msgspec.Meta(description="Exact decimal string, at most 18 fractional digits")]


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False, omit_defaults=True):
    """Base of everything that travels on a topic. Unknown fields are ignored, so that v1 may grow optional ones."""


class Totals(Contract, frozen=True, kw_only=True, omit_defaults=False):
    """Control totals of one billing period and currency: how many events and what they add up to."""

    billing_period: BillingPeriod
    currency: Currency
    events: int
    billed_cost: Amount
    effective_cost: Amount


C = TypeVar("C")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return text(value)
    raise TypeError(f"{type(value).__name__} has no place in a contract")


def _amounts_as_text(value: object) -> object:
    """Msgspec writes `Decimal('1E-7')` with an exponent and keeps trailing zeros; contracts never do."""
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, dict):
        return {key: _amounts_as_text(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_amounts_as_text(item) for item in value]
    return value


_ENCODER = msgspec.json.Encoder(order="deterministic", enc_hook=_plain)


def encode(record: Contract) -> bytes:
    """Write a contract as JSON: amounts as plain decimal strings, keys in a fixed order, the same bytes every time."""
    return _ENCODER.encode(_amounts_as_text(msgspec.to_builtins(record, builtin_types=(Decimal,))))


def decode(kind: type[C], data: bytes) -> C:
    """Read a contract from JSON bytes.

    Raises:
        msgspec.ValidationError: naming the field that breaks the contract.
    """
    return msgspec.json.decode(data, type=kind)


def content_hash(data: bytes) -> str:
    """Hash of canonical bytes, for "the same revision must have the same content": sha256, hex."""
    return hashlib.sha256(data).hexdigest()
