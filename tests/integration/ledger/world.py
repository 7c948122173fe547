"""A real ledger process on real Kafka and PostgreSQL, and records as the other services would write them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

import httpx

from deploy.local.ports import free_port
from shared import topics
from shared.events import Contract, encode
from shared.failpoints import ENVIRONMENT_VARIABLE
from shared.publisher import Outgoing, Publisher
from tests.stack.service import ServiceProcess
from tests.stack.topics import create_topics
from tests.stack.waiting import until

ROOT = Path(__file__).parents[3]
PERIOD = "2026-01"


class World:
    """Topics, schema and at most one ledger process."""

    def __init__(self, bootstrap: str, database_url: str, prefix: str, directory: Path) -> None:
        self.bootstrap, self.database_url, self.prefix = bootstrap, database_url, prefix
        self.files_dir, self._log = directory / "files", directory / "ledger.log"
        self._port = free_port()
        self._process: ServiceProcess | None = None
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._port}", timeout=30, verify=False)
        self._publisher = Publisher(bootstrap, "test")

    async def __aenter__(self) -> Self:
        await create_topics(self.bootstrap, self.prefix, "ledger")
        await self._publisher.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self._publisher.__aexit__(None, None, None)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    async def start(self, failpoint: str = "") -> None:
        """Start the ledger; `failpoint` names the step at which it is to be killed."""
        environment = os.environ | {
            "APPORTION_KAFKA_BOOTSTRAP": self.bootstrap,
            "APPORTION_DATABASE_URL": self.database_url,
            "APPORTION_TOPIC_PREFIX": self.prefix,
            "APPORTION_FILES_DIR": str(self.files_dir),
            "APPORTION_LEDGER_HTTP_PORT": str(self._port),
            "APPORTION_LEDGER_POLL_SECONDS": "0.05",
            "APPORTION_SESSION_TIMEOUT_MS": "6000",
            ENVIRONMENT_VARIABLE: failpoint,
        }
        self._process = ServiceProcess("ledger", environment, self._log)
        await until(self._alive, "the ledger answers")

    async def _alive(self) -> bool | None:
        assert self._process is not None
        if self._process.poll() is not None:
            return True  # killed at a step it reached at once
        try:
            return (await self.http.get("/livez")).status_code == 200 or None
        except httpx.TransportError:
            return None

    async def killed(self) -> None:
        """Wait for the process to be killed at its failpoint."""
        process = self._process
        assert process is not None

        async def ended() -> int | None:
            return process.poll()

        assert await until(ended, "the ledger reaches its failpoint") == -signal.SIGKILL, self._log.read_text()[-3000:]

    async def publish(self, topic: str, *records: tuple[str, Contract]) -> None:
        """Publish records by key."""
        await self._publisher.publish(Outgoing(self.prefix + topic, key.encode(), encode(one)) for key, one in records)

    async def publish_costs(self, partition: int, values: Sequence[bytes]) -> None:
        """Publish cost events to a chosen partition."""
        for value in values:
            await self._publisher.producer.send_and_wait(self.prefix + topics.COSTS.name, value, partition=partition)

    async def period(self) -> dict[str, Any]:
        """The period as the ledger shows it."""
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-5000:]
        response = await self.http.get(f"/v1/periods/{PERIOD}")
        return response.json() if response.status_code == 200 else {"state": "unknown", "phase": None}

    async def close(self) -> dict[str, Any]:
        """Ask for the close."""
        response = await self.http.post(f"/v1/periods/{PERIOD}/close", json={"requested_by": "ann"})
        assert response.status_code == 202, response.text
        return cast(dict[str, Any], response.json())

    async def reaches(self, wanted: str) -> dict[str, Any]:
        """Wait for a state or a phase."""

        async def look() -> dict[str, Any] | None:
            found = await self.period()
            return found if wanted in {found["state"], found["phase"]} else None

        return await until(look, f"{PERIOD} is {wanted}; log: {self._log.read_text()[-2000:]}")

    async def reconcile(self) -> dict[str, Any]:
        """What the ledger says when it compares now."""
        return cast(dict[str, Any], (await self.http.post(f"/v1/periods/{PERIOD}/reconcile")).json())

    def sums(self) -> bytes:
        """The checksums of the published books: equal means that every file has equal bytes."""
        return (self.files_dir / PERIOD / "books-r1" / "SHA256SUMS").read_bytes()
