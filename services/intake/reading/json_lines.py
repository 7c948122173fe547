"""JSON Lines: one object per line, numbers kept as the digits that the file has.

The columns of such a file are the keys of all its objects, and a key may come in its last line for the first time. So
a first pass over the file collects them, piece by piece (`column_names`), before rows are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from services.intake.reading.columns import holds_nul
from services.intake.reading.csv_chunks import CHUNK_BYTES, Chunk
from services.intake.reading.cutting import Uncut
from services.intake.reading.errors import IntakeRefusal, MalformedJson, NotFocus, WrongEncoding
from services.intake.reading.known_keys import KnownKeys
from services.intake.reading.layout import absent_mandatory, is_recognised
from services.intake.reading.line_columns import blocks, text_columns
from services.intake.reading.parquet import EmptyTexts
from shared.focus import Dataset, sniff_dataset, sniff_version

_LINE_BYTES_MAX: Final = 32 << 20
_COLUMNS_MAX: Final = 2_000
_ANY_OBJECT: Final = msgspec.json.Decoder(dict[str, object], float_hook=Decimal)
_NO_VALUE: Final = pa.array(["", "NULL"])
_NO_KEY: Final = re.compile(r'^\s|\s$|["\\\x00-\x1f]')
_KEYS: Final = "SELECT DISTINCT json_keys(line) FROM lines"


def line_chunks(file: str, blocks: Iterator[bytes], size: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Cut a stream of bytes after newlines: in JSON those of a text are escaped.

    Raises:
        MalformedJson: if a line does not end within 32 MB.
    """
    line, uncut, lines = 1, Uncut(), 0
    for block in blocks:
        uncut.add(block)
        lines += block.count(b"\n")
        if lines and uncut.size >= size:
            yield Chunk(uncut.take_lines(), line)
            line, lines = line + lines, 0
        elif uncut.size > max(_LINE_BYTES_MAX, size):
            raise MalformedJson(file, "the line is longer than 32 MB", line)
    if uncut.size:
        yield Chunk(uncut.take_all(), line)


def column_names(file: str, pieces: Iterator[Chunk]) -> list[str]:
    """The keys of all objects, sorted. Reads the whole file, one piece in memory at a time.

    Raises:
        MalformedJson, WrongEncoding: naming the line.
    """
    seen = KnownKeys()
    with duckdb.connect(config={"threads": 1, "memory_limit": "128MB"}) as connection:
        for piece in pieces:
            if not all(map(seen.has_no_others, blocks(piece.data))):
                seen.add(_keys(file, connection, piece))
            if len(seen.names) > _COLUMNS_MAX:
                raise MalformedJson(file, f"objects with more than {_COLUMNS_MAX} different keys", piece.first_line)
    return sorted(seen.names)


def with_null_columns(names: Sequence[str]) -> list[str]:
    """Add the columns that FOCUS wants to be there and allows to be null: one that is null in every row has no keys."""
    dataset = sniff_dataset(names)
    if dataset is Dataset.COST_AND_USAGE and not is_recognised(names):
        return list(names)
    version = sniff_version(names, dataset)
    absent = [column.name for column in absent_mandatory(names, dataset) if column.nullable_in(version)]
    return [*names, *absent]


def line_numbers(chunk: Chunk, rows: Sequence[int]) -> list[int]:
    """The lines of some rows of a chunk."""
    lines = [line for line, _ in _numbered(chunk)]
    return [lines[row] for row in rows]


class LineParser:
    """Parses pieces of one file. May be shared by threads.

    Columns that turn out to hold objects or lists are read value by value from then on; what their other values are
    read as stays the same.
    """

    def __init__(self, file: str, names: Sequence[str]) -> None:
        self._file, self._names = file, tuple(names)
        self._nested: frozenset[int] = frozenset()

    def parse(self, chunk: Chunk) -> tuple[pa.Table, Any]:
        """The rows as text columns (`c0`, `c1`...); a key that an object does not have is null, as is empty text.

        The second value masks the rows that had an empty text, None if none had.

        Raises:
            MalformedJson, WrongEncoding: naming the line. NotFocus: for a NUL character.
        """
        nested = self._nested
        try:
            while True:
                columns = text_columns(self._names, nested, chunk.data)
                found = {at for at, texts in columns.items() if texts is None}
                if not found:
                    break
                nested = self._nested = nested | found
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _diagnose(self._file, chunk, str(error)) from None
        empty = EmptyTexts()
        texts = {f"c{at}": self._encoded(at, pa.concat_arrays(columns[at]), empty) for at in range(len(self._names))}
        return pa.table(texts), empty.rows

    def _encoded(self, at: int, texts: pa.Array, empty: EmptyTexts) -> pa.DictionaryArray:
        column = texts.dictionary_encode()
        if holds_nul(column):
            raise NotFocus(self._file, f"column {self._names[at]} holds a NUL character")
        if not pc.any(pc.is_in(column.dictionary, value_set=_NO_VALUE)).as_py():
            return column
        return empty.removed(pc.if_else(pc.equal(texts, "NULL"), None, texts).dictionary_encode())


def _keys(file: str, connection: Any, piece: Chunk) -> set[str]:
    lines = [line for line in piece.data.split(b"\n") if line.strip()]
    try:
        connection.register("lines", pa.table({"line": pa.array(lines, pa.binary()).cast(pa.string())}))
        lists = connection.sql(_KEYS).fetchall()
    except (pa.ArrowInvalid, duckdb.Error) as error:
        raise _diagnose(file, piece, str(error)) from None
    found: set[str] = set()
    for (keys,) in lists:
        if len(set(keys)) < len(keys) or any(map(_NO_KEY.search, keys)):
            raise _diagnose(file, piece, "a key comes more than once or is no name of a column")
        found.update(keys)
    return found


def _numbered(chunk: Chunk) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank, with its number."""
    for at, line in enumerate(chunk.data.split(b"\n")):
        if line.strip():
            yield chunk.first_line + at, line


def _diagnose(file: str, chunk: Chunk, otherwise: str) -> IntakeRefusal:
    """Find the line that breaks a rule. `otherwise` is the parser's own explanation."""
    for line, data in _numbered(chunk):
        try:
            _ANY_OBJECT.decode(data)
            _check_keys(json.loads(data, object_pairs_hook=list))
        except UnicodeDecodeError as error:
            return WrongEncoding(file, f"byte 0x{error.object[error.start]:02x} is not UTF-8 (latin-1?)", line)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return MalformedJson(file, str(error), line)
    return MalformedJson(file, otherwise.partition("\n")[0], chunk.first_line)


def _check_keys(pairs: list[tuple[str, object]]) -> None:
    """Look at the keys of a line's object, not at those of objects in it: a tag may be called anything."""
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the object has the key {key!r} more than once")
        if _NO_KEY.search(key):
            raise ValueError(f"the key {key!r} has blanks around it, quotation marks, backslashes or control codes")
