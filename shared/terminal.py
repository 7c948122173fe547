"""What all commands share: results to stdout, progress and errors to stderr, and exit codes that mean something.

0 done; 1 a fault; 2 bad usage or input; 3 what the state of things does not allow (blocked, refused).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from shared.remote import Refused, Remote, Unreachable
from shared.settings import ServiceUrls

FAULT, BAD_USAGE, BLOCKED = 1, 2, 3

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class _Figures(str):
    """The header of a column of figures, which stand to the right."""

    __slots__ = ()


def figures(*headers: str) -> tuple[str, ...]:
    """Headers of columns of figures, for `table`."""
    return tuple(map(_Figures, headers))


def table(*headers: str, title: str | None = None) -> Table:
    """A table whose cells fold when the terminal is narrow: an amount is never cut off."""
    made = Table(title=title)
    for header in headers:
        made.add_column(header, overflow="fold", justify="right" if isinstance(header, _Figures) else "left")
    return made


def moment(iso: str) -> str:
    """A time of ISO 8601 for a table: UTC, to the second."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def print_json(document: object) -> None:
    """Print JSON that another program can read, whatever the width of the terminal."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def fail(message: str, code: int) -> NoReturn:
    """Say what is wrong and what to do, and exit."""
    err.print(f"apportion: {message}", markup=False, style="red", soft_wrap=True)
    raise typer.Exit(code)


class ServiceCommands:
    """A service for commands: a refusal or an outage ends the command with its message and exit code."""

    def __init__(self, service: str) -> None:
        self._service = service

    def get(self, path: str, **params: str) -> Any:
        """GET; the decoded answer."""
        return self._end_on_refusal("get", path, **params)

    def pages(self, path: str, entries: str, **params: str) -> Iterator[Any]:
        """GET page after page, and yield the entries of each, which its field of that name has."""
        after: str | None = ""
        while after is not None:
            page = self.get(path, **params, after=after)
            yield from page[entries]
            after = page["next"]

    def post(self, path: str, body: object = None) -> Any:
        """POST JSON; the decoded answer."""
        return self._end_on_refusal("post", path, body)

    def post_bytes(self, path: str, body: bytes, headers: Mapping[str, str], **params: str) -> Any:
        """POST bytes as they are; the decoded answer."""
        return self._end_on_refusal("post_bytes", path, body, headers, **params)

    def upload(self, path: str, file: Path) -> Any:
        """POST a file's bytes; the decoded answer."""
        return self._end_on_refusal("upload", path, file)

    def fetch_file(self, path: str, destination: Path, **params: str) -> None:
        """Fetch one file; what is there already is not overwritten."""
        with _nothing_overwritten():
            self._end_on_refusal("fetch_file", path, destination, **params)

    def fetch(self, path: str, to: IO[bytes], **params: str) -> None:
        """Write what a path answers, as it is, to a stream."""
        self._end_on_refusal("fetch", path, to, **params)

    def fetch_folder(self, path: str, destination: Path) -> Path:
        """Fetch a published folder; returns where it is now."""
        with _nothing_overwritten():
            folder: Path = self._end_on_refusal("fetch_folder", path, destination)
        return folder

    @contextmanager
    def connected(self) -> Iterator[Remote]:
        """The service for several requests."""
        try:
            with Remote(self._service, getattr(ServiceUrls(), f"{self._service}_url")) as remote:
                yield remote
        except Unreachable as error:
            fail(str(error), FAULT)
        except Refused as error:
            fail(str(error), _exit_code(error.status))

    def _end_on_refusal(self, verb: str, *arguments: Any, **params: Any) -> Any:
        with self.connected() as remote:
            return getattr(remote, verb)(*arguments, **params)


@contextmanager
def _nothing_overwritten() -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        fail(f"{error.filename2 or error.filename} is there already; nothing was overwritten", BAD_USAGE)


def _exit_code(status: int) -> int:
    if status >= 500:
        return FAULT
    return BLOCKED if status == 409 else BAD_USAGE
