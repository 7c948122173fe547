"""Publish a batch folder that people and programs read: whole or not at all, and never twice differently.

    <parent>/<name>/               published: finished if and only if manifest.json is there
    <parent>/.<name>.staging-*/    what is being written; removed at the end, or by the next attempt

`publish` takes these steps. What a crash after each one means:

1. let the caller write its files into a staging folder of their own: the next attempt removes it and starts again;
2. hash every file, write manifest.json and SHA256SUMS, fsync all of it: the next attempt starts again;
3. `link()` each file into the published folder, which can't overwrite: the next attempt writes the files again, finds
   the same bytes under the names that are there, and links the rest. Other bytes are an error, not an overwrite;
4. link manifest.json last and fsync the folders: finished. From here on a repetition only verifies;
5. remove the staging folder.

Two processes that publish the same batch at once do no harm, as `link()` lets one of them win each name and the other
one compares; but the first may find its staging folder removed and fail. Callers hold a lock to spare themselves that.

The caller's files must be a function of its frozen rows alone: no clock, no random ids, no run numbers in them.

`SHA256SUMS` covers every file and manifest.json (`sha256sum -c SHA256SUMS`). The manifest says what the caller gives
as `about` (control totals: amounts as decimal strings), then each file with its size and sha256. Zip containers
(`.xlsx`) also get a `content_sha256` over their parts uncompressed, because deflate output depends on the zlib build.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"

_SYNC_THREADS: Final = 8
_CHUNK_BYTES: Final = 1 << 20


class PublishedDifferently(RuntimeError):
    """A batch folder is there, and holds something else than what is to be published. Nothing was overwritten."""

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what
        super().__init__(
            f"{path} is already published and {what}. Published files are never overwritten: "
            f"compare it with a backup, or move the folder away to have it written again"
        )


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of a batch. `content_sha256` is only there for zip containers."""

    name: str
    size_bytes: int
    sha256: str
    content_sha256: str | None = None

    def entry(self) -> dict[str, object]:
        """The file's entry in the manifest."""
        content = {"content_sha256": self.content_sha256} if self.content_sha256 else {}
        return {"name": self.name, "bytes": self.size_bytes, "sha256": self.sha256, **content}


def publish(folder: Path, about: Mapping[str, object], write: Callable[[Path], None]) -> bool:
    """Publish a batch folder, or verify the one that is there. Blocking: call it in a thread.

    Args:
        folder: where the batch is to appear; its parents are made.
        about: what the manifest says about the batch, JSON values only, no `files` key. Must not change between
            attempts: a finished folder is the same batch only when its manifest says the same.
        write: writes the files (no subfolders) into the staging folder it is given. Not called when the batch is
            there already.

    Returns:
        Whether anything was published; False when the finished folder was there already, and is intact.

    Raises:
        PublishedDifferently: the folder holds other bytes or another manifest.
        OSError: disk full, not writable, no hard links.
    """
    assert "files" not in about, "the manifest's file list is made here"
    if is_published(folder):
        _verify(folder, about)
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _staging(folder) as staging:
        write(staging)
        _seal(staging, about)
        _link_all(staging, folder)
    return True


def is_published(folder: Path) -> bool:
    """Whether a finished batch is there."""
    return (folder / MANIFEST).is_file()


def verify(folder: Path) -> dict[str, object]:
    """Check every file of a published batch against SHA256SUMS and return its manifest.

    Raises:
        PublishedDifferently: naming the first file that is missing or changed.
    """
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        digest, name = line[:64], line[66:]
        if not (folder / name).is_file():
            raise PublishedDifferently(folder / name, "missing, though SHA256SUMS lists it")
        if _sha256(folder / name) != digest:
            raise PublishedDifferently(folder / name, "changed: its sha256 is not the one in SHA256SUMS")
    manifest: dict[str, object] = json.loads((folder / MANIFEST).read_bytes())
    return manifest


def _verify(folder: Path, about: Mapping[str, object]) -> None:
    manifest = verify(folder)
    manifest.pop("files")
    if manifest != json.loads(json.dumps(about)):
        raise PublishedDifferently(folder / MANIFEST, "says something else than what is to be published")


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    prefix = f".{folder.name}.staging-"
    for leftover in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent, ignore_cleanup_errors=True) as staging:
        yield Path(staging)


def _seal(staging: Path, about: Mapping[str, object]) -> None:
    paths = sorted(staging.iterdir())
    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        files = list(pool.map(_describe, paths))
    manifest = _manifest_bytes(files, about)
    (staging / MANIFEST).write_bytes(manifest)
    sums = [(file.name, file.sha256) for file in files] + [(MANIFEST, hashlib.sha256(manifest).hexdigest())]
    (staging / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sums), encoding="utf-8")
    for path in (staging / MANIFEST, staging / SUMS, staging):
        _sync(path)


def _manifest_bytes(files: Sequence[PublishedFile], about: Mapping[str, object]) -> bytes:
    """The manifest's bytes: the caller's words first, then the files by name."""
    document = {**about, "files": [file.entry() for file in files]}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _link_all(staging: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)
    names = sorted(path.name for path in staging.iterdir() if path.name != MANIFEST)
    for name in names:
        _link(staging / name, folder / name)
    _sync(folder)
    _link(staging / MANIFEST, folder / MANIFEST)
    _sync(folder)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileExistsError:
        if _sha256(target) != _sha256(source):
            raise PublishedDifferently(target, "holds other bytes") from None


def _describe(path: Path) -> PublishedFile:
    _sync(path)
    content = _content_sha256(path) if path.suffix == ".xlsx" else None
    return PublishedFile(path.name, path.stat().st_size, _sha256(path), content)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content_sha256(path: Path) -> str:
    """Hash of a zip's parts by name, uncompressed: for each its name, a newline, its length, a newline, its bytes."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(path) as archive:
        for part in sorted(archive.infolist(), key=lambda part: part.filename):
            digest.update(f"{part.filename}\n{part.file_size}\n".encode())
            with archive.open(part) as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    digest.update(chunk)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
