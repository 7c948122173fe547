"""A finished delivery's events made once more, from the archive alone: the same numbers, the same bytes.

Neither the received files nor today's parsers or tag rules have a part in it. Blocking: called in a thread.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from services.intake.archive import Archive
from services.intake.domain.delivery import Scope
from services.intake.domain.styles import Style
from services.intake.preparing import KEY_COLUMNS
from services.intake.retracting import as_events, retract
from services.intake.spool import Part, Spool
from services.intake.store import StoredDelivery
from services.intake.work import PLANNING_MEMORY, Work
from shared.archive import RowsInForce
from shared.events import Delivery


class NotRemade(ValueError):
    """The archive does not give the events that a delivery published."""

    def __init__(self, delivery_id: str, what: str, then: object, now: object) -> None:
        super().__init__(
            f"delivery {delivery_id} can't be published again: its {what} were {then}, "
            f"from the archive they are {now}; the topic needs as many partitions as before, the archive all files"
        )


def scopes_of(archive: Archive, delivery: StoredDelivery) -> list[Scope]:
    """The scopes that a completed delivery put rows in force for, or took them back from."""
    if delivery.withdraws is not None:
        return delivery.takes_back
    paths = [str(path) for path in _files(archive, delivery.delivery_id)]
    if not paths:
        return []
    query = "SELECT DISTINCT BillingAccountId, billing_period FROM read_parquet(?) ORDER BY ALL"
    with duckdb.connect() as connection:
        return [Scope(*row) for row in connection.execute(query, [paths]).fetchall()]


def remake(archive: Archive, delivery: Delivery, former: Sequence[RowsInForce], partitions: int) -> Spool:
    """Make the plan of a delivery anew in a spool, and prove that it is the one that was published.

    Args:
        former: what was in force for its scopes before it.

    Raises:
        NotRemade: if it comes out differently.
    """
    spool = Spool(archive.spool(f"{delivery.delivery_id}.again"))
    shutil.rmtree(spool.directory, ignore_errors=True)
    spool.directory.mkdir(parents=True)
    with Work(spool.database, fresh=True, memory=PLANNING_MEMORY) as work:
        position = _add_rows(archive, delivery.delivery_id, spool, work, partitions)
        if Style(delivery.style) is Style.APPEND:
            work.compare_appended()
        else:
            for one in former:
                work.add_former(one.path, one.billing_account_ids)
            work.compare()
            retract(work, spool, position, partitions)
        work.make_plan()
        _prove(delivery, work, partitions)
    return spool


def _add_rows(archive: Archive, delivery_id: str, spool: Spool, work: Work, partitions: int) -> int:
    position = 0
    for number, table in enumerate(_archived(archive, delivery_id, partitions)):
        spool.write_part("rows", number, table)
        work.add_rows(Part(number, "rows", position, table.num_rows), table.select(list(KEY_COLUMNS)))
        position += table.num_rows
    work.finish_rows()
    return position


def _archived(archive: Archive, delivery_id: str, partitions: int) -> Iterator[pa.Table]:
    for path in _files(archive, delivery_id):
        archived = pq.ParquetFile(path)
        for group in range(archived.num_row_groups):
            yield as_events(archived.read_row_group(group), partitions)


def _files(archive: Archive, delivery_id: str) -> list[Path]:
    return sorted(archive.rows(delivery_id, "any").parent.glob("*.parquet"))


def _prove(delivery: Delivery, work: Work, partitions: int) -> None:
    events = work.partition_events(partitions)
    if events != delivery.partition_events:
        raise NotRemade(delivery.delivery_id, "events per partition", delivery.partition_events, events)
    published = work.published()
    if published != delivery.published:
        raise NotRemade(delivery.delivery_id, "control totals", delivery.published, published)
