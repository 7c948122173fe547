"""Which partition a row goes to: rows that a consumer adds up together sit together."""

from __future__ import annotations

import hashlib
from typing import Final

PARTITION_COLUMNS: Final = ("BillingAccountId", "SubAccountId", "ServiceName", "RegionId")
"""What consumers group by most; equal values, same partition."""

SEPARATOR: Final = "\x1f"


def partition_of(key: str, partitions: int) -> int:
    """The partition of a row: the first eight bytes of the md5 of its key, modulo the number of partitions.

    The key is the values of `PARTITION_COLUMNS` with `SEPARATOR` between them, nothing for a null. md5 because it is
    the same in every version of everything; nothing here needs to be secret.
    """
    digest = hashlib.md5(key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") % partitions
