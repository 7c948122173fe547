"""Wiring: settings to streams, runs and HTTP; the only module that knows everything."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator import metrics
from services.allocator.adjusting.api import add_adjustment_routes
from services.allocator.api import add_routes
from services.allocator.consumer import TOPICS, RecordReader
from services.allocator.driver_stream import keep_measurements
from services.allocator.explaining.api import add_explanation_routes
from services.allocator.explaining.archive_api import add_archive_routes
from services.allocator.key_figures import key_figures
from services.allocator.runs import Runner
from services.allocator.settings import AllocatorSettings
from services.allocator.simulating.api import add_simulation_routes
from services.allocator.store import adjustments, allocations, buckets, requests
from services.allocator.store.tables import SERVICE, STREAM_TABLES
from services.allocator.stream import LensKeeper
from services.allocator.trying import TriedPlans
from services.allocator.turns import OneMonth
from shared import topics
from shared.events import AllocationRun, decode
from shared.service import Service


def build(settings: AllocatorSettings) -> Service:
    """Put the service together; nothing is connected yet."""
    service = Service(SERVICE, settings, settings.allocator_http_port)
    service.use_tables(STREAM_TABLES)
    service.add_stream("records", TOPICS, RecordReader(settings.topic_prefix), batch_records_max=1_000)
    service.add_stream("drivers", [topics.DRIVERS.name], keep_measurements, batch_records_max=5_000)
    service.add_background("lenses", LensKeeper(service, settings.allocator_batch_events).run)
    tried, one_month = TriedPlans(), OneMonth()
    service.add_background("runs", Runner(service.engine, settings.topic_prefix, tried, one_month).run)
    service.add_measuring(_measure)
    add_routes(service.api, service.engine, settings.topic_prefix, tried, one_month)
    add_simulation_routes(service.api, service.engine, one_month)
    add_explanation_routes(service.api, service.engine)
    add_archive_routes(service.api, service.engine, settings.allocator_archive_dir, one_month)
    add_adjustment_routes(service.api, service.engine)
    return service


async def _measure(conn: AsyncConnection) -> None:
    for lens_id, rows in (await buckets.count(conn)).items():
        metrics.BUCKETS.labels(lens_id).set(rows)
    metrics.WAITING.set(len(await requests.waiting(conn)))
    metrics.show_adjustments(await adjustments.runs_of(conn))
    newest = await allocations.newest_runs(conn)
    metrics.TAGGED_RATIO.clear()  # rules may look at other tags now
    for body, figures in newest:
        if figures is not None:
            metrics.show_key_figures(key_figures(decode(AllocationRun, body), figures, datetime.now(UTC)))
