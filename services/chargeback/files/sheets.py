"""Writing rows of typed cells with openpyxl in write-only mode, safely and fast.

Text never becomes a formula or an error value, whatever it begins with. Amounts are numbers only as long as a double
holds them exactly enough to show every digit; beyond that they are written as text. Styled cells are made once for
each column and format and reused, which openpyxl's write-only mode allows: a row is written when it is appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.worksheet.dimensions import ColumnDimension

from services.chargeback.files.text import clean
from shared.money import minor_text, minor_unit

TEXT_CHARACTERS_MAX: Final = 32_767
_CUT: Final = " [cut; the CSV and JSON have it whole]"
_DOUBLE_DIGITS_MAX: Final = 15
_TAKEN_FOR_SOMETHING_ELSE: Final = ("=", "#")
_RATIO_FORMAT: Final = "0.0000%"
_BOLD: Final = Font(name="Calibri", sz=11, b=True)

# The order of a font's parts that the file format's schema demands; openpyxl writes another one.
Font.__elements__ = (
    "b", "i", "strike", "condense", "extend", "outline", "shadow", "u", "vertAlign", "sz", "color", "name", "family",
    "charset", "scheme",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula; it has no cached value, so the value it should have always stands beside it."""

    expression: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """A share for the eye, shown as percent; the exact weights stand beside it."""

    value: Decimal


Cell = str | int | Decimal | Formula | Ratio


class Sheet:
    """One worksheet of an invoice in one currency: a header row that stays in sight, then rows."""

    def __init__(self, workbook: Any, title: str, widths: Sequence[int], currency: str) -> None:
        self._sheet = workbook.create_sheet(title)
        self._sheet.freeze_panes = "A2"  # panes and widths must be set before the first row, or they are lost
        self._set_widths(widths)
        self._currency = currency
        digits = minor_unit(currency)
        self._money_format = "#,##0" + ("." + "0" * digits if digits else "")
        self._cells: dict[tuple[int, str], Any] = {}
        self._titles: list[Any] = []
        self.rows = 0

    def header(self, *titles: str) -> None:
        """Write a row of bold column titles."""
        self._sheet.append([self._bold(column, title) for column, title in enumerate(titles)])
        self.rows += 1

    def row(self, *cells: Cell) -> None:
        """Write a row: text as text, `Decimal` as an amount in the document's currency."""
        self._sheet.append([self._cell(column, cell) for column, cell in enumerate(cells)])
        self.rows += 1

    def _cell(self, column: int, value: Cell) -> Any:
        if isinstance(value, str):
            return self._text(value) if value else None
        if isinstance(value, Decimal):
            return self._amount(column, value)
        if isinstance(value, Formula):
            return self._styled(column, self._money_format, value.expression)
        if isinstance(value, Ratio):
            return self._styled(column, _RATIO_FORMAT, value.value)
        return value

    def _text(self, value: str) -> Any:
        written = clean(value)
        if len(written) > TEXT_CHARACTERS_MAX:
            written = written[: TEXT_CHARACTERS_MAX - len(_CUT)] + _CUT
        if not written.startswith(_TAKEN_FOR_SOMETHING_ELSE):
            return written
        cell = WriteOnlyCell(self._sheet, written)
        cell.data_type = "s"
        return cell

    def _amount(self, column: int, value: Decimal) -> Any:
        if len(value.as_tuple().digits) > _DOUBLE_DIGITS_MAX:
            return minor_text(value, self._currency)
        return self._styled(column, self._money_format, value)

    def _styled(self, column: int, number_format: str, value: Any) -> Any:
        cell = self._cells.get((column, number_format))
        if cell is None:
            cell = self._cells[column, number_format] = WriteOnlyCell(self._sheet)
            cell.number_format = number_format
        cell.value = value
        return cell

    def _bold(self, column: int, title: str) -> Any:
        if not self._titles:
            self._titles.append(WriteOnlyCell(self._sheet))
            self._titles[0].font = _BOLD
        while column >= len(self._titles):
            self._titles.append(WriteOnlyCell(self._sheet))
            self._titles[-1]._style = self._titles[0]._style  # finding a font's number again for each title is slow
        cell = self._titles[column]
        cell.value = clean(title)
        return cell

    def _set_widths(self, widths: Sequence[int]) -> None:
        """One element for each run of equally wide columns: they are slow to write."""
        first = 1
        for column, width in enumerate(widths, start=1):
            if column == len(widths) or widths[column] != width:
                dimension = ColumnDimension(self._sheet, min=first, max=column, width=width, customWidth=True)
                self._sheet.column_dimensions[f"{first}"] = dimension
                first = column + 1
