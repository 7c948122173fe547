"""Opening a received file: recognised by content, never by its name, and decompressed with its check sum checked."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from zlib_ng import zlib_ng

from services.intake.reading.errors import EmptyFile, NotFocus, TruncatedFile, WrongEncoding

BLOCK_BYTES: Final = 1 << 18
_BOM: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = b"PAR1"
_GZIP_WINDOW: Final = 31
_DAMAGED: type[Exception] = zlib_ng.error  # type: ignore[assignment]  # its stub takes the class for an instance
_OTHERS: Final = {
    b"PK\x03\x04": "a ZIP archive or spreadsheet",
    b"[": "a JSON array (JSON Lines is read: one object per line, jq -c '.[]')",
    b"%PDF": "a PDF",
    b"\x28\xb5\x2f\xfd": "zstd",
}


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    CSV_GZ = "csv.gz"
    PARQUET = "parquet"
    JSONL = "jsonl"
    JSONL_GZ = "jsonl.gz"


JSON_LINES: Final = frozenset({Format.JSONL, Format.JSONL_GZ})
_COMPRESSED: Final = frozenset({Format.CSV_GZ, Format.JSONL_GZ})


def format_of(file: str, path: Path) -> Format:
    """Recognise a file by its first bytes.

    Raises:
        EmptyFile, NotFocus, WrongEncoding: if it is none of these.
    """
    with path.open("rb") as stream:
        head = stream.read(64)
    if not head:
        raise EmptyFile(file, "the file has no bytes")
    if head.startswith(_PARQUET):
        return Format.PARQUET
    if head.startswith(_GZIP):
        return Format.JSONL_GZ if _begins_object(_unpacked(path)) else Format.CSV_GZ
    _check_text(file, head)
    return Format.JSONL if _begins_object(head) else Format.CSV


def text_blocks(file: str, path: Path, form: Format) -> Iterator[bytes]:
    """The bytes of a text file, decompressed if need be and without its byte order mark, in blocks that fit into the
    processor's cache.

    Raises:
        TruncatedFile: when the compressed stream turns out to be incomplete or damaged.
        NotFocus, WrongEncoding: when the first block is no text.
    """
    blocks = _inflate(file, path) if form in _COMPRESSED else _plain(path)
    first = next(blocks, b"")
    _check_text(file, first[:64])
    yield first.removeprefix(_BOM)
    yield from blocks


def _begins_object(head: bytes) -> bool:
    return head.removeprefix(_BOM).lstrip().startswith(b"{")


def _unpacked(path: Path) -> bytes:
    """The first bytes in a gzip file, as far as they can be read."""
    with path.open("rb") as stream:
        try:
            return zlib_ng.decompressobj(_GZIP_WINDOW).decompress(stream.read(BLOCK_BYTES), 64)
        except _DAMAGED:
            return b""


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            yield block


def _inflate(file: str, path: Path) -> Iterator[bytes]:
    """Decompress members one after another, as gzip does; length and check sum are compared at each one's end."""
    inflater = zlib_ng.decompressobj(_GZIP_WINDOW)
    try:
        for block in _plain(path):
            waiting, full = block, False
            while waiting or full:
                if inflater.eof:
                    inflater = zlib_ng.decompressobj(_GZIP_WINDOW)
                data = inflater.decompress(waiting, BLOCK_BYTES)
                yield data
                waiting = inflater.unconsumed_tail or inflater.unused_data.lstrip(b"\0")
                full = len(data) == BLOCK_BYTES and not inflater.eof
    except _DAMAGED as error:
        raise TruncatedFile(file, f"gzip data is damaged ({error})") from None
    if not inflater.eof:
        raise TruncatedFile(file, "gzip data ends early")


def _check_text(file: str, head: bytes) -> None:
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise NotFocus(file, f"it looks like {what}")
    if head.startswith(_UTF_16) or (head.count(0) * 3 >= len(head) > 0 and head.replace(b"\0", b"").isascii()):
        raise WrongEncoding(file, "the text is UTF-16")
    if b"\0" in head:
        raise NotFocus(file, "it holds binary data")
