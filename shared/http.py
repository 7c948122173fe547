"""The edge that the services' HTTP interfaces share: one shape of errors, periods in paths, folders to download."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path as FilePath
from typing import IO, Annotated, Final

from fastapi import FastAPI, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse

from shared.errors import RetryLater

PERIOD: Final = r"^[1-9]\d{3}-(0[1-9]|1[0-2])$"
"""A billing period by its first month."""

Period = Annotated[str, Path(pattern=PERIOD, description="Billing period, YYYY-MM")]

_CHUNK_BYTES: Final = 1 << 20


class ApiError(Exception):
    """What an HTTP caller did wrong or has to wait for; becomes `{"error": {"code", "message"}}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


def answer_errors(api: FastAPI) -> None:
    """Give every refusal the same shape, those of the framework's own checks included; what is away is a 503."""
    api.add_exception_handler(ApiError, _refused)
    api.add_exception_handler(RetryLater, _unavailable)
    api.add_exception_handler(RequestValidationError, _invalid)


def folder_download(folder: FilePath, name: str) -> StreamingResponse:
    """A folder's files as a tar archive that unpacks to the folder `name`; streamed, flat memory at any size."""
    headers = {"content-disposition": f'attachment; filename="{name}.tar"'}
    return StreamingResponse(_packed(folder, name), media_type="application/x-tar", headers=headers)


async def _packed(folder: FilePath, name: str) -> AsyncIterator[bytes]:
    with tempfile.TemporaryFile() as file:
        await run_in_threadpool(_pack, folder, name, file)
        file.seek(0)
        while chunk := await run_in_threadpool(file.read, _CHUNK_BYTES):
            yield chunk


def _pack(folder: FilePath, name: str, file: IO[bytes]) -> None:
    with tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=f"{name}/{path.name}")


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return _error(error.status, error.code, error.message)


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    return _error(503, "unavailable", str(error))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = (f"{'.'.join(map(str, one['loc'][1:])) or one['loc'][0]}: {one['msg']}" for one in error.errors())
    return _error(422, "invalid-request", "; ".join(problems))


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
