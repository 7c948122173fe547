"""Cutting a CSV into pieces of whole records, so that memory stays flat and pieces can be parsed side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from services.intake.reading.errors import EmptyFile, IntakeRefusal, MalformedCsv, WrongEncoding

CHUNK_BYTES: Final = 4 << 20
_RECORD_BYTES_MAX: Final = 32 << 20

csv.field_size_limit(_RECORD_BYTES_MAX)


class Chunk(NamedTuple):
    """Whole records, and the line of the file where the first of them begins."""

    data: bytes
    first_line: int


def chunks(file: str, blocks: Iterator[bytes], size: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Cut a stream of bytes after newlines that stand outside quotation marks.

    Raises:
        MalformedCsv: if a record never ends, because a quotation mark is not closed.
    """
    line, pending = 1, bytearray()
    for block in blocks:
        pending += block
        if len(pending) < size:
            continue
        end = _end_of_records(pending)
        if end:
            with memoryview(pending) as view:
                chunk = Chunk(bytes(view[:end]), line)
            yield chunk
            line += chunk.data.count(b"\n")
            del pending[:end]
        elif len(pending) > max(_RECORD_BYTES_MAX, size):
            raise _unbalanced(file, line)
    end = _end_of_records(pending)
    if pending.count(b'"', end) % 2:
        raise _unbalanced(file, line + pending.count(b"\n", 0, end))
    if pending:
        yield Chunk(bytes(pending), line)


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
    return header, Chunk(chunk.data[end:], chunk.first_line + chunk.data.count(b"\n", 0, end))


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


def _end_of_records(data: bytearray) -> int:
    """Where the last whole record ends: after a newline with an even number of quotation marks before it."""
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:
        previous = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', previous, end)
        end = previous
    return end


def _unbalanced(file: str, line: int) -> MalformedCsv:
    return MalformedCsv(file, "a quotation mark of this record is never closed", line)
