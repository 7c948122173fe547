"""Archived rows as events, and those that vanished since the delivery before with every cost and quantity negated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.intake.reading import values
from services.intake.reading.body import body_pieces, row_partitions
from services.intake.reading.columns import TEXT, flat
from services.intake.spool import Part, Spool
from services.intake.work import Gone, Work
from shared.focus import CANONICAL

_EVENT = ("row_hash", "billing_period", "charge_day", "occurrence", "flags")
_KEYS = ("BillingAccountId", "BillingCurrency", "BilledCost", "EffectiveCost")


def retract(work: Work, spool: Spool, position: int, partitions: int) -> None:
    """Write what each vanished row becomes to the spool and the work, from a position in the delivery on."""
    for number, table in enumerate(_retractions(work, partitions)):
        spool.write_part("retractions", number, table)
        work.add_retractions(Part(number, "retractions", position, table.num_rows), table)
        position += table.num_rows


def _retractions(work: Work, partitions: int) -> Iterator[pa.Table]:
    """What an event needs and the keys of the work, in the order of the archive."""
    for path in work.gone_files():
        first_row = 0
        archived = pq.ParquetFile(Path(path))
        for group in range(archived.num_row_groups):
            rows = archived.metadata.row_group(group).num_rows
            if gone := work.gone(path, first_row, rows):
                yield _retraction(archived.read_row_group(group), first_row, gone, partitions)
            first_row += rows


def _retraction(group: pa.Table, first_row: int, gone: Sequence[Gone], partitions: int) -> pa.Table:
    return as_events(_negated(group.take([one.row - first_row for one in gone])), partitions)


def as_events(rows: pa.Table, partitions: int) -> pa.Table:
    """Archived rows with what their events and the work need."""
    rows = rows.combine_chunks()
    charge = {
        column.name: _text(rows.column(column.name), column.type)
        for column in CANONICAL
        if rows.column(column.name).null_count < rows.num_rows
    }
    pieces = body_pieces(charge, _text(rows.column("custom"), "json"))
    table = rows.select([*_EVENT, *_KEYS])
    for name, piece in pieces.items():
        table = table.append_column(name, piece)
    return table.append_column("partition", row_partitions(charge, rows.num_rows, partitions))


def _negated(rows: pa.Table) -> pa.Table:
    for column in CANONICAL:
        if column.is_summable:
            at = rows.schema.get_field_index(column.name)
            rows = rows.set_column(at, column.name, pc.negate(rows.column(column.name)))
    return rows.set_column(rows.schema.get_field_index("flags"), "flags", pa.nulls(rows.num_rows, TEXT))


def _text(column: pa.ChunkedArray, kind: str) -> pa.DictionaryArray:
    encoded = flat(column.cast(pa.string())).dictionary_encode()
    return values.amounts(encoded).column if kind == "decimal" else encoded
