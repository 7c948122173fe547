"""Flags about commitment discounts: columns that have to be filled together."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from services.intake.quality.flags.chunk import Mask, Rows, hits

_STATUS, _ID = "CommitmentDiscountStatus", "CommitmentDiscountId"


def commitment_masks(rows: Rows) -> Iterator[Mask]:
    """Rows whose commitment columns contradict each other, so that used + unused can't be added up.

    A status needs an id and belongs to usage; usage under a commitment needs a status; what is unused consumed nothing.
    """
    if not {_STATUS, _ID} & rows.text.keys():
        return
    length = len(rows.text["ChargeCategory"])
    status, named = rows.valid(_STATUS, length), rows.valid(_ID, length)
    if not (pc.any(status).as_py() or pc.any(named).as_py()):
        return
    usage = rows.equal("ChargeCategory", "Usage")
    wrong = pc.or_(pc.and_not(status, named), pc.and_not(status, usage))
    wrong = pc.or_(wrong, pc.and_not(pc.and_(named, usage), status))
    if _STATUS in rows.text:
        unused = rows.equal(_STATUS, "Unused")
        wrong = pc.or_(wrong, pc.and_(unused, rows.valid("ConsumedQuantity", length)))
    yield from hits("commitment-inconsistent", wrong)
