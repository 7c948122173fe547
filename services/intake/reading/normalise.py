"""Rows of text to normalised rows: canonical names and values, a hash, a partition; refused rows set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.domain.findings import Observations
from services.intake.domain.rejection import Rejection
from services.intake.domain.tags import AS_DELIVERED
from services.intake.quality.flags import Examples, flags_column, source_bits
from services.intake.reading import values
from services.intake.reading.body import PIECE, body_pieces, custom_objects, longest, row_hashes, row_partitions
from services.intake.reading.columns import flat
from services.intake.reading.errors import RowTooLong
from services.intake.reading.layout import Layout
from services.intake.reading.lines import LINE
from services.intake.reading.observing import observe, with_more_to_tell
from services.intake.reading.raw import RawChunk
from services.intake.reading.tagging import (
    Tagger,
    apply_rules,
    delivered_tags,
    tags_before,
    unchanged_by_rules,
)
from services.intake.reading.values import Canonical, rows_at
from shared.focus import COLUMNS
from shared.publisher import RECORD_BYTES_MAX

REQUIRED: Final = (
    "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory",
    "ChargePeriodEnd", "ChargePeriodStart", "EffectiveCost", "InvoiceIssuerName", "ServiceName", "ServiceProviderName",
)  # fmt: skip
"""Without a value in these a charge can't be booked; other columns that FOCUS wants filled only make a finding."""

BODY_BYTES_MAX: Final = RECORD_BYTES_MAX - (64 << 10)
"""How long the part of an event may be that the row decides; the rest is flags and numbers."""

AMOUNT: Final = pa.decimal128(38, 18)
_RULES: Final = {"decimal": values.amounts, "datetime": values.instants, "json": values.objects}
_NO_VALUE: Final = "FOCUS and the books need a value here"
_SOURCE_BITS: Final = "source_bits"
_RAW_ROW: Final = "raw_row"


@dataclass(frozen=True, slots=True)
class NormalChunk:
    """Accepted rows in the order of the file, refused ones, and what was observed.

    The table has the canonical columns that the file has (text as dictionaries, amounts as decimals), `custom` (a JSON
    object), the pieces of the body, `row_hash`, `partition`, `billing_period`, `charge_day` and `flags`; of a source
    that appends, where tag rules changed something, `identity`, the hash of the row as it was delivered; and `line`,
    the hash of the record, if the raw chunk has it and the row tells all that reading the record does.
    """

    table: pa.Table
    rejections: list[Rejection]
    observations: Observations


class Normaliser:
    """Normalises chunks of one file."""

    def __init__(
        self, file: str, layout: Layout, partitions: int, tagger: Tagger | None = None, *, appends: bool = False
    ) -> None:
        self._file, self._layout, self._partitions = file, layout, partitions
        self._tagger, self._appends = tagger, appends
        self._examples = Examples(file, layout)

    def normalise(self, raw: RawChunk) -> NormalChunk:
        """Apply every rule to every row of a chunk."""
        columns = {name: self._canonical(name, raw.table) for name in self._layout.charge}
        rejections, keep = self._refuse(raw, columns)
        chunk = pa.table({name: canonical.column for name, canonical in columns.items()})
        for position in self._layout.custom.values():
            chunk = chunk.append_column(f"c{position}", raw.table.column(position))
        chunk = chunk.append_column(_SOURCE_BITS, source_bits(self._layout, raw, columns))
        chunk = chunk.append_column(_RAW_ROW, pa.arange(0, chunk.num_rows))
        if raw.line_hashes is not None:
            lines = pc.if_else(with_more_to_tell(columns, chunk.num_rows), None, raw.line_hashes)
            chunk = chunk.append_column(LINE, lines)
        if keep is not None:
            chunk = chunk.filter(keep)
        observed = observe(self._layout, chunk, columns, keep)
        if self._tagger is not None:
            chunk, observed.tag_steps = apply_rules(self._tagger, self._layout, chunk)
        rendered = self._render(chunk)
        self._check_lengths(rendered, chunk.column(_RAW_ROW), raw)
        observed.add_examples(self._examples.pick(flat(rendered.column("flags")), chunk.column(_RAW_ROW), raw))
        return NormalChunk(rendered, rejections, observed)

    def _check_lengths(self, rendered: pa.Table, raw_rows: pa.ChunkedArray, raw: RawChunk) -> None:
        pieces = {name: flat(rendered.column(name)) for name in rendered.column_names if name.startswith(PIECE)}
        if found := longest(pieces, BODY_BYTES_MAX):
            row, size = found
            (line,) = raw.line_of([raw_rows[row].as_py()])
            raise RowTooLong(self._file, size, BODY_BYTES_MAX, line)

    def _canonical(self, name: str, table: pa.Table) -> Canonical:
        column = _first_value([flat(table.column(position)) for position in self._layout.charge[name]])
        if name in self._layout.translations:
            column = self._layout.translations[name].apply(column)
        if name == "BillingCurrency":
            return values.currencies(column)
        rule = _RULES.get(COLUMNS[name].type)
        return rule(column) if rule else Canonical(column, column.indices)

    def _refuse(self, raw: RawChunk, columns: dict[str, Canonical]) -> tuple[list[Rejection], Any]:
        """Find the rows that break a rule; the first broken rule in the order of the columns is the one reported."""
        problems: dict[int, tuple[str, str]] = {}
        for name, canonical in columns.items():
            if COLUMNS[name].type == "json":
                continue
            for row, rule in _broken_rows(canonical, required=name in REQUIRED):
                problems.setdefault(row, (name, rule))
        if not problems:
            return [], None
        rows = sorted(problems)
        lines = raw.line_of(rows)
        rejections = [
            self._rejection(raw, columns, row, line, *problems[row]) for row, line in zip(rows, lines, strict=True)
        ]
        refused = set(rows)
        return rejections, pa.array([row not in refused for row in range(raw.table.num_rows)])

    def _rejection(
        self, raw: RawChunk, columns: dict[str, Canonical], row: int, line: int, column: str, rule: str
    ) -> Rejection:
        texts = {
            name: text
            for name, cells in zip(self._layout.names, raw.table.columns, strict=True)
            if (text := cells[row].as_py()) is not None
        }
        source = next((self._layout.names[at] for at in self._layout.charge[column]), column)
        period = columns["BillingPeriodStart"].column[row].as_py()
        account = columns["BillingAccountId"].column[row].as_py()
        return Rejection(self._file, line, source, texts.get(source), rule, period and period[:7], texts, account)

    def _render(self, chunk: pa.Table) -> pa.Table:
        charge = {name: flat(chunk.column(name)) for name in chunk.column_names if name in COLUMNS}
        own = {name: flat(chunk.column(f"c{at}")) for name, at in self._layout.custom.items()}
        custom = custom_objects(own | delivered_tags(chunk), chunk.num_rows)
        pieces = body_pieces(charge, custom)
        columns: dict[str, Any] = {name: _typed(name, column) for name, column in charge.items()}
        flags = flags_column(charge, columns, chunk.column(_SOURCE_BITS))
        columns |= {"custom": custom, "row_hash": row_hashes(pieces), **pieces}
        if self._appends and AS_DELIVERED in chunk.column_names:
            as_delivered = body_pieces(charge | tags_before(chunk), custom_objects(own, chunk.num_rows))
            columns["identity"] = row_hashes(as_delivered)
        if LINE in chunk.column_names:
            columns[LINE] = unchanged_by_rules(chunk, chunk.column(LINE))
        columns["partition"] = row_partitions(charge, chunk.num_rows, self._partitions)
        columns["billing_period"] = _prefix(charge["BillingPeriodStart"], 7)
        columns["charge_day"] = _prefix(charge["ChargePeriodStart"], 10)
        columns["flags"] = flags
        return pa.table(columns).combine_chunks()


def _typed(name: str, column: pa.DictionaryArray) -> pa.Array:
    return pc.take(pc.cast(column.dictionary, AMOUNT), column.indices) if COLUMNS[name].type == "decimal" else column


def _first_value(candidates: list[pa.DictionaryArray]) -> pa.DictionaryArray:
    if len(candidates) == 1 or not candidates[0].null_count:
        return candidates[0]
    return pc.coalesce(*(candidate.cast(pa.string()) for candidate in candidates)).dictionary_encode()


def _prefix(column: pa.DictionaryArray, length: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(column.indices, pc.utf8_slice_codeunits(column.dictionary, 0, length))


def _broken_rows(canonical: Canonical, *, required: bool) -> list[tuple[int, str]]:
    broken = [(row, canonical.broken[entry]) for row, entry in rows_at(canonical, canonical.broken)]
    if required and canonical.entries.null_count:
        broken += [(row, _NO_VALUE) for row in pc.indices_nonzero(canonical.entries.is_null()).to_pylist()]
    return broken
