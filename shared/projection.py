"""Projecting cost events onto the few dimensions that a consumer keeps, at the speed of a compiled decoder.

A projection is compiled to msgspec structs that hold exactly its fields, so that decoding skips everything else, and
to one attribute getter that makes the key. The cost per event depends on the number of dimensions, not of rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """Which dimensions make the key. A key is (billing period, currency, *dimensions) in the order of `dimensions`."""

    columns: tuple[str, ...]
    tags: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()
    charge_day: bool = False
    charge_month: bool = False

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the key's parts after billing period and currency: times, columns, `tag:<key>`, `x_...`."""
        return (*self._times, *self.columns, *(f"tag:{key}" for key in self.tags), *self.custom)

    @property
    def _times(self) -> tuple[str, ...]:
        wanted = {"charge_day": self.charge_day, "charge_month": self.charge_month}
        return tuple(name for name, is_wanted in wanted.items() if is_wanted)

    def compile(self) -> CompiledProjection:
        """Make the decoder and the key getter."""
        tags = msgspec.defstruct(
            "Tags",
            [(f"t{i}", Any, None) for i in range(len(self.tags))],
            rename={f"t{i}": key for i, key in enumerate(self.tags)},
            frozen=True,
        )
        custom = msgspec.defstruct(
            "Custom",
            [(f"c{i}", Any, None) for i in range(len(self.custom))],
            rename={f"c{i}": name for i, name in enumerate(self.custom)},
            frozen=True,
        )
        required = [("BillingCurrency", str), ("BilledCost", Decimal), ("EffectiveCost", Decimal)]
        optional = [(name, str | None, None) for name in self.columns]
        charge = msgspec.defstruct("Charge", [*required, *optional, ("Tags", tags, tags())], frozen=True, gc=False)
        event = msgspec.defstruct(
            "ProjectedEvent",
            [
                ("delivery_id", str), ("partition", int), ("sequence", int), ("billing_period", str),
                ("charge_day", str), ("charge", charge), ("custom", custom, custom()),
            ],
            namespace={"charge_month": property(lambda event: event.charge_day[:7])}, frozen=True, gc=False,
        )  # fmt: skip
        return CompiledProjection(msgspec.json.Decoder(event).decode, self._key_getter())

    def _key_getter(self) -> Callable[[Any], Key]:
        return attrgetter(
            "billing_period",
            "charge.BillingCurrency",
            *self._times,
            *(f"charge.{name}" for name in self.columns),
            *(f"charge.Tags.t{i}" for i in range(len(self.tags))),
            *(f"custom.c{i}" for i in range(len(self.custom))),
        )


@dataclass(frozen=True, slots=True)
class CompiledProjection:
    """`decode` raises msgspec's errors for bytes that are no cost event; `key` never fails on what it returned."""

    decode: Callable[[bytes], Any]
    key: Callable[[Any], Key]
