"""Talking to the services over HTTP, for commands that use several of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

_CHUNK_BYTES = 1 << 20


class Refused(Exception):
    """A service understood the request and says no."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(message)


class Services:
    """The four services of one stack, by their base URLs."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._clients = {
            service: httpx.Client(base_url=url, timeout=httpx.Timeout(120, connect=10)) for service, url in urls.items()
        }

    def get(self, service: str, path: str, **params: str) -> Any:
        """GET; the decoded JSON answer."""
        return _answer(self._clients[service].get(path, params=params))

    def post(self, service: str, path: str, body: Any = None) -> Any:
        """POST JSON; the decoded JSON answer. Raises `Refused` for a 4xx."""
        return _answer(self._clients[service].post(path, json=body or {}))

    def upload(self, service: str, path: str, file: Path) -> Any:
        """POST a file's bytes as they are, without holding it in memory."""
        return _answer(
            self._clients[service].post(path, params={"name": file.name}, content=_chunks(file), timeout=None)
        )


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _answer(response: httpx.Response) -> Any:
    if response.is_client_error:
        body = response.json()
        error = body.get("error") or {"code": "invalid-request", "message": str(body.get("detail", body))}
        raise Refused(response.status_code, error["code"], error["message"])
    response.raise_for_status()
    return response.json()
