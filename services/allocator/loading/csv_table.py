"""CSV tables of a rule set as rows by column name, with their lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final

from shared.documents import Problems

ROWS_MAX: Final = 200_000

Row = dict[str, str]


def rows(text: str, file: str, needed: Sequence[str], problems: Problems) -> Iterator[tuple[int, Row]]:
    """Each row by column name, with its line; the columns come in the order of the table.

    Blanks around a cell are dropped, but for `value` and for the first column of a table that needs no column: these
    are compared with what charges say, to the letter.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if not _header_is_right(header, needed, file, problems):
            return
        exact = "value" if needed else header[0]
        for count, cells in enumerate(reader):
            if count >= ROWS_MAX:
                problems.add(reader.line_num, f"more than {ROWS_MAX} rows", "split the table", file=file)
                return
            if len(cells) == len(header):
                row = dict(zip(header, cells, strict=True))
                yield reader.line_num, {name: cell if name == exact else cell.strip() for name, cell in row.items()}
            elif cells:
                wrong = f"{len(cells)} cells in a table of {len(header)} columns"
                problems.add(reader.line_num, wrong, "check commas and quotes", file=file)
    except csv.Error as error:
        problems.add(reader.line_num, f"not readable as CSV: {error}", "check the quotes", file=file)


def _header_is_right(header: Sequence[str], needed: Sequence[str], file: str, problems: Problems) -> bool:
    names = f"the first line names the columns: {','.join(needed) or 'the key, then one for each attribute'}"
    missing = [name for name in needed if name not in header]
    if missing:
        problems.add(1, f"column {missing[0]!r} is missing", names, file=file)
    elif len(set(header)) != len(header) or "" in header or not header:
        problems.add(1, "a column is there twice or has no name", names, file=file)
    else:
        return True
    return False
