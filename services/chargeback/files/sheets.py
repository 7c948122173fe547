"""Putting rows of typed cells into a workbook's sheets, streaming, the same bytes for the same rows.

Text is written as text whatever it begins with: only a `Formula` becomes one. Amounts are written with their decimal
digits and never pass through a float here; a spreadsheet reads them as doubles, so an amount of more digits than a
double shows is written as text.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self
from xml.sax.saxutils import escape

from openpyxl.utils import get_column_letter

from services.chargeback.files.template import TITLE, Template
from services.chargeback.files.text import clean
from shared.money import minor_text, text

TEXT_CHARACTERS_MAX: Final = 32_767
_CUT: Final = " [cut; the CSV and JSON have it whole]"
_DOUBLE_DIGITS_MAX: Final = 15
_FLUSH_ROWS: Final = 500
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_READABLE: Final = 0o644 << 16


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula; it has no cached value, so the value it should have always stands beside it."""

    expression: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """A share for the eye, shown as percent; the exact weights stand beside it."""

    value: Decimal


Cell = str | int | Decimal | Formula | Ratio


class Book:
    """A workbook being written from a template; its sheets are filled one after the other."""

    def __init__(self, path: Path, made_from: Template, title: str, currency: str) -> None:
        self._template, self._currency = made_from, currency
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        for name, content in made_from.parts.items():
            self._archive.writestr(_member(name), content.replace(TITLE.encode(), escape(title).encode()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    @contextmanager
    def sheet(self, title: str) -> Iterator[Sheet]:
        """Fill a sheet of the template."""
        name, before, after = self._template.sheets[title]
        with self._archive.open(_member(name), "w") as stream:
            stream.write(before + b"<sheetData>")
            sheet = Sheet(stream, self._template, self._currency)
            yield sheet
            sheet.flush()
            stream.write(b"</sheetData>" + after)


class Sheet:
    """One sheet of an invoice in one currency; `rows` is how many it has so far."""

    def __init__(self, stream: IO[bytes], made_from: Template, currency: str) -> None:
        self._stream, self._currency = stream, currency
        self._bold, self._money, self._ratio = made_from.bold, made_from.money, made_from.ratio
        self._waiting: list[str] = []
        self.rows = 0

    def header(self, *titles: str) -> None:
        """Write a row of bold column titles."""
        self._row([_inline(title, f' s="{self._bold}"') for title in titles])

    def row(self, *cells: Cell) -> None:
        """Write a row: text as text, `Decimal` as an amount in the document's currency; empty text is no cell."""
        self._row([self._cell(cell) if cell != "" else "" for cell in cells])

    def flush(self) -> None:
        """Write what waits."""
        self._stream.write("".join(self._waiting).encode())
        self._waiting.clear()

    def _row(self, cells: list[str]) -> None:
        self.rows += 1
        placed = (f'<c r="{get_column_letter(n)}{self.rows}"{cell}' for n, cell in enumerate(cells, start=1) if cell)
        self._waiting.append(f'<row r="{self.rows}">{"".join(placed)}</row>')
        if len(self._waiting) >= _FLUSH_ROWS:
            self.flush()

    def _cell(self, value: Cell) -> str:
        if isinstance(value, str):
            return _inline(value)
        if isinstance(value, Decimal):
            return self._amount(value)
        if isinstance(value, Formula):
            return f' s="{self._money}"><f>{escape(value.expression)}</f></c>'
        if isinstance(value, Ratio):
            return f' s="{self._ratio}"><v>{text(value.value)}</v></c>'
        return f"><v>{value}</v></c>"

    def _amount(self, value: Decimal) -> str:
        written = minor_text(value, self._currency)
        if len(value.as_tuple().digits) > _DOUBLE_DIGITS_MAX:
            return _inline(written)
        return f' s="{self._money}"><v>{written}</v></c>'


def _inline(value: str, style: str = "") -> str:
    """A text cell from its attributes on."""
    written = clean(value)
    if len(written) > TEXT_CHARACTERS_MAX:
        written = written[: TEXT_CHARACTERS_MAX - len(_CUT)] + _CUT
    return f'{style} t="inlineStr"><is><t xml:space="preserve">{escape(written)}</t></is></c>'


def _member(name: str) -> zipfile.ZipInfo:
    """A member whose header depends on its name alone: fixed date, system and mode."""
    member = zipfile.ZipInfo(name, _DATE)
    member.create_system = _UNIX
    member.external_attr = _READABLE
    member.compress_type = zipfile.ZIP_DEFLATED
    return member
