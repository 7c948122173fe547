"""Cutting a CSV into pieces of whole records, so that memory stays flat and pieces can be parsed side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from services.intake.reading.cutting import Uncut
from services.intake.reading.errors import EmptyFile, IntakeRefusal, MalformedCsv, WrongEncoding

CHUNK_BYTES: Final = 8 << 20
_RECORD_BYTES_MAX: Final = 32 << 20
_NO_MARKS: Final = bytes(set(range(256)) - set(b'"\n'))

csv.field_size_limit(_RECORD_BYTES_MAX)


class Chunk(NamedTuple):
    """Whole records, and the line of the file where the first of them begins. Unless each record is a line of its own,
    one may go on in the next line.
    """

    data: bytes
    first_line: int
    one_line_each: bool = True


def chunks(file: str, blocks: Iterator[bytes], size: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Cut a stream of bytes after newlines that stand outside quotation marks.

    Raises:
        MalformedCsv: if a record never ends, because a quotation mark is not closed.
    """
    line, uncut, marks = 1, Uncut(), b""
    for block in blocks:
        uncut.add(block)
        marks += block.translate(None, _NO_MARKS)
        if uncut.size < size:
            continue
        whole = _whole_records(marks)
        if whole.lines:
            yield Chunk(uncut.take_lines(whole.lines_left), line, whole.one_line_each)
            line, marks = line + whole.lines, whole.marks_left
        elif uncut.size > max(_RECORD_BYTES_MAX, size):
            raise _unbalanced(file, line)
    whole = _whole_records(marks)
    if whole.marks_left.count(b'"') % 2:
        raise _unbalanced(file, line + whole.lines)
    if uncut.size:
        yield Chunk(uncut.take_all(), line, whole.one_line_each)


def take_header(file: str, chunk: Chunk) -> tuple[list[str], Chunk]:
    """Split the header record off the first chunk.

    Raises:
        EmptyFile: if there is none. WrongEncoding: if it is not UTF-8. MalformedCsv: if the line holds more than it.
    """
    end = chunk.data.find(b"\n") + 1 or len(chunk.data)
    while chunk.data.count(b'"', 0, end) % 2 and end < len(chunk.data):
        end = chunk.data.find(b"\n", end) + 1 or len(chunk.data)
    try:
        header, *more = csv.reader(io.StringIO(chunk.data[:end].decode(), newline=""))
    except UnicodeDecodeError:
        raise WrongEncoding(file, "the header is not UTF-8", 1) from None
    except ValueError:
        raise EmptyFile(file, "the file has no header") from None
    if more:
        raise MalformedCsv(file, "a carriage return without line feed ends the header; convert the line ends", 1)
    if not any(name.strip() for name in header):
        raise EmptyFile(file, "the file has no header")
    rest, lines = chunk.data[end:], chunk.data.count(b"\n", 0, end)
    return header, chunk._replace(data=rest, first_line=chunk.first_line + lines)


def records(chunk: Chunk) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it begins at; blank lines are none. Slow: for explaining, not for reading."""
    reader = csv.reader(io.StringIO(chunk.data.decode(), newline=""))
    line = 0
    for record in reader:
        if record:
            yield chunk.first_line + line, record
        line = reader.line_num


def diagnose(file: str, chunk: Chunk, names: Sequence[str], otherwise: str) -> IntakeRefusal:
    """Find out why a chunk could not be parsed, with the line. `otherwise` is the parser's own explanation."""
    try:
        chunk.data.decode()
    except UnicodeDecodeError as error:
        line = chunk.first_line + chunk.data.count(b"\n", 0, error.start)
        return WrongEncoding(file, f"byte 0x{chunk.data[error.start]:02x} is not UTF-8 (latin-1?)", line)
    line = chunk.first_line
    try:
        for line, record in records(chunk):
            if len(record) != len(names):
                return MalformedCsv(file, f"{len(record)} fields where the header has {len(names)}", line)
    except csv.Error as error:
        otherwise = str(error)
    return MalformedCsv(file, otherwise.partition("\n")[0], line)


class _Whole(NamedTuple):
    """The whole records that bytes begin with: in how many lines, how many whole lines follow them, and the marks of
    all that follows; and whether a record of the bytes goes on in another line.
    """

    lines: int
    lines_left: int
    marks_left: bytes
    one_line_each: bool


def _whole_records(marks: bytes) -> _Whole:
    """Records end at a newline with an even number of quotation marks before it.

    Args:
        marks: the quotation marks and newlines of the bytes.
    """
    *lines, rest = marks.split(b"\n")
    quotes = [len(line) for line in lines]
    one_line_each = not any(count % 2 for count in quotes)
    odd, left = sum(quotes) % 2, [rest]
    while odd:
        odd ^= quotes.pop() % 2
        left.append(lines.pop())
    return _Whole(len(lines), len(left) - 1, b"\n".join(reversed(left)), one_line_each)


def _unbalanced(file: str, line: int) -> MalformedCsv:
    return MalformedCsv(file, "a quotation mark of this record is never closed", line)
