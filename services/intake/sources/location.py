"""A folder, here or in an object store, seen through fsspec.

Credentials come from where the store's own tools look for them (environment, profiles, instance roles); they are no
settings of ours and stand in no message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import fsspec

from services.intake.sources.errors import UnreadablePlace

_READ_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 8 << 20
_MANIFEST_BYTES_MAX: Final = 16 << 20
_VERSION: Final = ("ETag", "etag", "generation")
_MODIFIED: Final = ("LastModified", "last_modified", "updated", "mtime")
_EXTRAS: Final = {"s3": "s3", "s3a": "s3", "az": "azure", "abfs": "azure", "abfss": "azure", "gs": "gcs", "gcs": "gcs"}


class StoredFile(NamedTuple):
    """A file as a listing shows it. `version` differs whenever the content does: an ETag, or the time of change."""

    path: str
    size_bytes: int
    version: str
    modified: datetime

    @property
    def name(self) -> str:
        """The name without folders."""
        return PurePosixPath(self.path).name


Listing = Mapping[str, StoredFile]


class Location:
    """One folder or file. Paths are relative to it, with slashes.

    Raises:
        UnreadablePlace: from every method, saying what the store says.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url) if "://" in url else None
        if parts is not None and parts.password is not None:
            raise UnreadablePlace("credentials don't belong into a URL; set them up as the store's own tools want them")
        self.url = url.rstrip("/")
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            extra = _EXTRAS.get(parts.scheme if parts else "")
            how = f"; pip install 'apportion[{extra}]'" if extra else ""
            raise UnreadablePlace(f"{self.url}: {error}{how}") from None
        except ValueError as error:
            raise UnreadablePlace(f"{self.url}: {error}") from None
        self._paths: dict[str, str] = {}
        protocol = self._files.protocol
        self.is_local = "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def listing(self) -> Listing:
        """All files below, by path, as they are now; a location that is a file holds that file."""
        with _explained(self.url):
            self._files.invalidate_cache()
            found = self._files.find(self._root, detail=True)
            if not found and not self._files.exists(self._root):
                raise FileNotFoundError("there is no such file or folder")
        self._paths = {self._relative(path): path for path in found if not path.endswith("/")}
        return {path: _stored(path, found[whole]) for path, whole in sorted(self._paths.items())}

    def blocks(self, file: StoredFile) -> Iterator[bytes]:
        """The bytes of a file, about a megabyte at a time."""
        with _explained(f"{self.url}/{file.path}"), self._open(file) as stream:
            while block := stream.read(_READ_BYTES):
                yield block

    def text(self, file: StoredFile) -> bytes:
        """All bytes of a manifest, which is small."""
        with _explained(f"{self.url}/{file.path}"), self._open(file) as stream:
            return bytes(stream.read(_MANIFEST_BYTES_MAX))

    def _open(self, file: StoredFile) -> Any:
        return self._files.open(self._paths[file.path], "rb", block_size=_BLOCK_BYTES)

    def _relative(self, path: str) -> str:
        root = self._root.rstrip("/")
        return PurePosixPath(path).name if path == root else path.removeprefix(root + "/")


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Turn what a store raises into one error whose message is a line."""
    try:
        yield
    except UnreadablePlace:
        raise
    except Exception as error:  # noqa: BLE001 - each store raises errors of its own SDK
        said = str(error).partition("\n")[0] or type(error).__name__
        raise UnreadablePlace(f"{place}: {said}") from None


def _stored(path: str, info: Mapping[str, Any]) -> StoredFile:
    modified = _instant(next((info[name] for name in _MODIFIED if info.get(name)), 0))
    version = next((str(info[name]) for name in _VERSION if info.get(name)), None)
    return StoredFile(path, int(info["size"]), version or modified.isoformat(), modified)


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC)
    return datetime.fromtimestamp(value, UTC)
