"""A service process: HTTP, streams, outbox relay and background work, started and stopped together.

Any part that fails unexpectedly ends the process with exit code 70: a supervisor starts it again from what is
committed, and that is always a correct state.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from typing import Any, TypeVar

import uvicorn
import uvloop
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from faststream.kafka import KafkaBroker
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError
from sqlalchemy import Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import dead_letters
from shared.database import create_engine
from shared.errors import Reject
from shared.http import ApiError, answer_errors
from shared.observability import POLL_AGE, configure_logging, logger
from shared.outbox import OutboxRelay
from shared.settings import ServiceSettings
from shared.stream import Handler, Record, Stream, StreamTables

EXIT_FAILED = 70
_STOP_SECONDS = 20
_COLLECT_AFTER = 10_000, 20, 50
"""When Python looks for cycles: 14 times as rarely as by default. Batches and runs hold many objects without any,
and looking through them again and again took a fifth of their time."""

log = logger(__name__)

Background = Callable[[], Awaitable[None]]
Measure = Callable[[AsyncConnection], Awaitable[None]]
_MEASURE_SECONDS = 15.0
Replay = Callable[[Any, Record], Awaitable[None]]


class Service:
    """Collects the parts of one service, then runs them.

    `app.py` of a service creates one, adds streams, routes and background work, and calls `run`.
    """

    def __init__(self, name: str, settings: ServiceSettings, http_port: int) -> None:
        self.name, self.settings, self.http_port = name, settings, http_port
        self.engine: AsyncEngine = create_engine(settings.database_url.get_secret_value(), f"apportion-{name}")
        self.broker = KafkaBroker(
            settings.kafka_bootstrap, client_id=f"apportion-{name}", allow_auto_create_topics=False, logger=None,
            graceful_timeout=_STOP_SECONDS / 2,
        )  # fmt: skip
        self.api = FastAPI(title=f"Apportion {name}", docs_url="/docs", redoc_url=None)
        self.streams: list[Stream] = []
        self._tables: StreamTables | None = None
        self._replays: dict[str, Replay] = {}
        self._background: list[tuple[str, Background]] = []
        self._started = False
        self._failed: asyncio.Future[BaseException] | None = None
        self._add_common_routes()

    def use_tables(self, tables: StreamTables) -> None:
        """Say where positions, dead letters and outbox are; starts an outbox relay with the service."""
        self._tables = tables
        relay = OutboxRelay(self.engine, tables.outbox, self.settings.kafka_bootstrap, self.name)
        self.add_background("outbox relay", relay.run)

    def add_stream(
        self,
        name: str,
        topics: Sequence[str],
        handler: Handler,
        *,
        batch_records_max: int = 5_000,
        replay: Replay | None = None,
    ) -> Stream:
        """Consume topics with a handler; `replay` applies a dead letter once more (by default the handler does)."""
        if self._tables is None:
            raise RuntimeError("use_tables comes first")
        stream = Stream(
            broker=self.broker, engine=self.engine, tables=self._tables, service=self.name, name=name,
            prefix=self.settings.topic_prefix, topics=topics, handler=handler, fatal=self.fail,
            batch_records_max=batch_records_max, instance=self.settings.instance,
            session_timeout_ms=self.settings.session_timeout_ms,
        )  # fmt: skip
        self.streams.append(stream)
        for topic in stream.topics:
            self._replays[topic] = replay or dead_letters.replay_by(handler)
        return stream

    async def start_stream(self, stream: Stream) -> None:
        """Start a stream that was added after the service started."""
        await stream.subscriber.start()

    async def stop_stream(self, stream: Stream) -> None:
        """Stop a stream for good and forget it."""
        await stream.subscriber.stop()
        self.streams.remove(stream)

    def add_background(self, name: str, work: Background) -> None:
        """Run a coroutine as long as the service runs; if it ends or fails, the service does."""
        self._background.append((name, work))

    def add_measuring(self, refresh: Measure) -> None:
        """Compute gauges from the tables every quarter of a minute; an outage of the database is waited for."""
        self.add_background("metrics", lambda: self._measure(refresh))

    def fail(self, error: BaseException) -> None:
        """End the process: an invariant is broken, or something happened that nobody foresaw."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(error)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT (exit code 0) or a failure (exit code 70)."""
        gc.set_threshold(*_COLLECT_AFTER)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            sys.exit(runner.run(self._run()))

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        self._failed, stopping = loop.create_future(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.engine.dispose)
            server = _Server(self.api, self.settings.http_host, self.http_port)
            tasks = [asyncio.create_task(server.serve(), name="http")]
            try:
                await self.broker.start()
                self._started = True
                tasks += [asyncio.create_task(self._guard(name, work), name=name) for name, work in self._background]
                log.info("started", port=self.http_port)
                waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(stopping.wait()), self._failed, tasks[0]]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await self._stop(server, tasks)
        if self._failed.done():
            log.critical("failed", error=str(self._failed.result()))
            return EXIT_FAILED
        return 0 if stopping.is_set() else EXIT_FAILED

    async def _measure(self, refresh: Measure) -> None:
        while True:
            try:
                async with self.engine.connect() as conn:
                    await refresh(conn)
            except (DBAPIError, OSError) as error:
                log.warning("metrics wait", error=str(error)[:500])
            await asyncio.sleep(_MEASURE_SECONDS)

    async def _guard(self, name: str, work: Background) -> None:
        try:
            await work()
            self.fail(RuntimeError(f"{name} ended"))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            log.critical("background work failed", work=name, exc_info=error)
            self.fail(error)

    async def _stop(self, server: uvicorn.Server, tasks: list[asyncio.Task[None]]) -> None:
        """Stop taking work first, then what publishes it, then HTTP."""
        log.info("stopping")
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self.broker.stop()
        except TimeoutError:
            log.warning("streams did not stop in time; their last batch will come again")
        for task in tasks[1:]:
            task.cancel()
        server.should_exit = True
        await asyncio.wait(tasks, timeout=5)

    def _add_common_routes(self) -> None:
        answer_errors(self.api)
        self.api.add_api_route("/livez", lambda: {"status": "alive"}, methods=["GET"], tags=["operations"])
        self.api.add_api_route("/readyz", self._readyz, methods=["GET"], tags=["operations"])
        self.api.add_api_route("/metrics", self._metrics, methods=["GET"], tags=["operations"])
        self.api.add_api_route("/v1/dead-letters", self._dead_letters, methods=["GET"], tags=["dead letters"])
        self.api.add_api_route(
            "/v1/dead-letters/{dead_letter_id}/replay", self._replay, methods=["POST"], tags=["dead letters"]
        )

    async def _readyz(self) -> JSONResponse:
        reasons = [reason for stream in self.streams if (reason := stream.not_ready())]
        if not self._started:
            reasons.append("starting")
        try:
            async with self.engine.connect() as conn:
                await conn.execute(text("SELECT 1"))
        except (DBAPIError, OSError) as error:
            reasons.append(f"database: {error}")
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def _metrics(self) -> Response:
        for stream in self.streams:
            if (polled := stream.polled_at()) is not None:
                for topic in stream.topics:
                    POLL_AGE.labels(self.name, topic).set(max(time.time() - polled, 0))
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @property
    def _letters(self) -> Table:
        if self._tables is None:
            raise ApiError(404, "no-dead-letters", f"{self.name} keeps no dead letters")
        return self._tables.letters

    async def _dead_letters(self) -> list[dict[str, Any]]:
        async with self.engine.connect() as conn:
            return [dead_letters.readable(row) for row in await dead_letters.open_letters(conn, self._letters)]

    async def _replay(self, dead_letter_id: str) -> dict[str, Any]:
        try:
            async with self.engine.begin() as conn:
                return await dead_letters.replay(conn, self._letters, dead_letter_id, self._replays)
        except dead_letters.UnknownDeadLetter as error:
            raise ApiError(404, "unknown-dead-letter", str(error)) from None
        except (Reject, dead_letters.NotReplayable) as error:
            raise ApiError(409, "refused-again", str(error)) from None


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the service decides the order of stopping."""

    def __init__(self, api: FastAPI, host: str, port: int) -> None:
        super().__init__(uvicorn.Config(api, host=host, port=port, log_config=None, access_log=False, lifespan="off"))

    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave SIGTERM to the service."""
        return nullcontext()


S = TypeVar("S", bound=ServiceSettings)


def load_settings(kind: type[S]) -> S:
    """Read settings from the environment; every problem is printed at once, and the process exits with 2."""
    try:
        return kind()
    except ValidationError as error:
        for problem in error.errors():
            name = "APPORTION_" + "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"apportion: {name}: {problem['msg']}\n")
        sys.exit(2)


def start(service: str, kind: type[S], build: Callable[[S], Service]) -> None:
    """What `python -m services.<service>` does: settings, logs, wiring, run."""
    settings = load_settings(kind)
    configure_logging(settings.log_level, service)
    build(settings).run()
