"""A service as its callers see it: JSON in and out, files streamed, refusals as exceptions that say why."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx

_CHUNK_BYTES = 1 << 20
_TIMEOUT = httpx.Timeout(120, connect=10)


class Unreachable(Exception):
    """Nobody answers at a service's address."""

    def __init__(self, service: str, url: str, error: Exception) -> None:
        super().__init__(f"{service} does not answer at {url} ({error}); is it up? see `apportion status`")


class Refused(Exception):
    """The service understood the request and says no, or failed on it (`status` 500 and above)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(message)


class Remote:
    """One service by its base URL; connections are kept for the next request until the `with` block ends."""

    def __init__(self, service: str, url: str) -> None:
        self._service, self._url = service, url
        # Reading the machine's certificates takes longer than most requests, and nobody shows one over plain HTTP.
        certified = not url.startswith("http://")
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT, trust_env=False, verify=certified)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, **params: str) -> Any:
        """GET; the decoded answer. Raises `Refused` or `Unreachable`."""
        return self._answer(lambda: self._client.get(path, params=params))

    def post(self, path: str, body: object = None) -> Any:
        """POST JSON; the decoded answer. Raises `Refused` or `Unreachable`."""
        return self._answer(lambda: self._client.post(path, json={} if body is None else body))

    def post_bytes(self, path: str, body: bytes, headers: Mapping[str, str], **params: str) -> Any:
        """POST bytes that are a request of their own kind; the decoded answer. Raises as `post` does."""
        return self._answer(lambda: self._client.post(path, params=params, content=body, headers=dict(headers)))

    def upload(self, path: str, file: Path) -> Any:
        """POST a file's bytes as they are, without holding it in memory. Raises as `post` does."""
        return self.send(path, file.name, _chunks(file))

    def send(self, path: str, name: str, blocks: Iterator[bytes]) -> Any:
        """POST bytes that come from elsewhere under a name. Raises as `post` does, and what `blocks` raises."""
        params = {"name": name}
        return self._answer(lambda: self._client.post(path, params=params, content=blocks, timeout=None))

    def fetch_file(self, path: str, destination: Path, **params: str) -> None:
        """GET a file's bytes and write them to `destination`, whole or not at all. Raises as `get` does.

        The file may be read by whom the umask lets read new files.
        """
        with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetching-") as directory:
            whole = Path(directory, destination.name)
            with whole.open("xb") as file:
                self._receive(file, path, params)
            destination.hardlink_to(whole)

    def fetch(self, path: str, to: IO[bytes], **params: str) -> None:
        """GET bytes as they are to a stream, without holding them in memory. Raises as `get` does."""
        self._receive(to, path, params)

    def fetch_folder(self, path: str, destination: Path) -> Path:
        """GET a tar archive of one folder and write its files by their bare names below `destination`.

        Returns the folder. Raises FileExistsError if it is there already: what was published is never overwritten.
        """
        with tempfile.TemporaryFile() as file:
            self._receive(file, path, {})
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                return _unpack(archive, destination)

    def _receive(self, file: IO[bytes], path: str, params: dict[str, str]) -> None:
        try:
            with self._client.stream("GET", path, params=params) as response:
                if response.is_error:
                    response.read()
                    raise _refusal(self._service, response)
                for chunk in response.iter_bytes():
                    file.write(chunk)
        except httpx.TransportError as error:
            raise Unreachable(self._service, self._url, error) from None

    def _answer(self, request: Callable[[], httpx.Response]) -> Any:
        try:
            response = request()
        except httpx.TransportError as error:
            raise Unreachable(self._service, self._url, error) from None
        if response.is_error:
            raise _refusal(self._service, response)
        return response.json()


def _refusal(service: str, response: httpx.Response) -> Refused:
    try:
        error = response.json()["error"]
        return Refused(response.status_code, error["code"], error["message"])
    except (ValueError, KeyError, TypeError):
        said = response.text[:500]
        return Refused(response.status_code, "unexpected", f"{service} answered {response.status_code}: {said}")


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _unpack(archive: tarfile.TarFile, destination: Path) -> Path:
    """Write members as folder/name, nothing else: no name in an archive can point anywhere else."""
    folder = destination
    for member in archive:
        content = archive.extractfile(member)
        if content is None:
            continue
        if folder == destination:
            folder = destination / Path(member.name).parts[0]
            folder.mkdir(parents=True)
        with (folder / Path(member.name).name).open("xb") as file:
            shutil.copyfileobj(content, file)
    return folder
