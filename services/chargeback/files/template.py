"""The empty invoice workbook: sheets, styles, panes, widths and print settings, made by openpyxl once a process.

A workbook of twenty lines costs openpyxl some 18 ms, nearly all of it for what is the same in every invoice; 5,000 of
them would take longer than all the rest of a close. So openpyxl makes the package, empty, and `sheets` only puts rows
into its sheets.
"""

from __future__ import annotations

import datetime as dt
import functools
import io
import zipfile
from dataclasses import dataclass
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.worksheet.dimensions import ColumnDimension
from openpyxl.writer.excel import ExcelWriter

TITLE: Final = "apportion-document-title"
"""Stands in the template where a document's own title goes."""

_EMPTY: Final = b"<sheetData></sheetData>"
_BOLD: Final = Font(name="Calibri", sz=11, b=True)
_RATIO_FORMAT: Final = "0.0000%"

# The order of a font's parts that the file format's schema demands; openpyxl writes another one.
Font.__elements__ = (
    "b", "i", "strike", "condense", "extend", "outline", "shadow", "u", "vertAlign", "sz", "color", "name", "family",
    "charset", "scheme",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """A sheet's name and the widths of its columns, in characters."""

    title: str
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """The parts of an empty workbook: `sheets` by title as (part name, before the rows, after them)."""

    parts: dict[str, bytes]
    sheets: dict[str, tuple[str, bytes, bytes]]
    bold: int
    money: int
    ratio: int


@functools.lru_cache(maxsize=16)
def template(layouts: tuple[Layout, ...], minor_digits: int, date: str) -> Template:
    """Make the workbook of these sheets for a currency's digits and a document date (`YYYY-MM-DD`)."""
    workbook = Workbook(write_only=True)
    properties = workbook.properties
    properties.creator, properties.title, properties.language = "Apportion", TITLE, "en"
    properties.created = properties.modified = dt.datetime.fromisoformat(date)
    sheets = [_sheet(workbook, layout) for layout in layouts]
    bold, money, ratio = (WriteOnlyCell(sheets[0]) for _ in range(3))
    bold.font = _BOLD
    money.number_format = "#,##0" + ("." + "0" * minor_digits if minor_digits else "")
    ratio.number_format = _RATIO_FORMAT
    styles = (bold.style_id, money.style_id, ratio.style_id)
    parts = _parts(workbook)
    split = {layout.title: _split(parts, number) for number, layout in enumerate(layouts, start=1)}
    return Template(parts, split, *styles)


def _sheet(workbook: Any, layout: Layout) -> Any:
    sheet = workbook.create_sheet(layout.title)
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    for column, width in enumerate(layout.widths, start=1):
        dimension = ColumnDimension(sheet, min=column, max=column, width=width, customWidth=True)
        sheet.column_dimensions[str(column)] = dimension
    return sheet


def _parts(workbook: Any) -> dict[str, bytes]:
    package = io.BytesIO()
    ExcelWriter(workbook, zipfile.ZipFile(package, "w")).save()
    with zipfile.ZipFile(package) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _split(parts: dict[str, bytes], number: int) -> tuple[str, bytes, bytes]:
    name = f"xl/worksheets/sheet{number}.xml"
    before, empty, after = parts.pop(name).partition(_EMPTY)
    assert empty, f"openpyxl writes an empty sheet differently now: {before[-200:]!r}"
    return name, before, after
