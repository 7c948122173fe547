"""Wiring of intake: the only place that knows all of its parts."""

from __future__ import annotations

import ctypes
from typing import Final

import pyarrow as pa

from services.intake.api import routes
from services.intake.archive import Archive
from services.intake.datasets_api import dataset_routes
from services.intake.delivering import Worker
from services.intake.direct_costs import direct_routes
from services.intake.domain.holding import RejectLimit
from services.intake.exporting_api import export_routes
from services.intake.holding import Limits
from services.intake.measuring import measure
from services.intake.quality.files import QualityFiles
from services.intake.quality_api import quality_routes
from services.intake.republications import republication_routes
from services.intake.settings import IntakeSettings
from services.intake.settling import Settling
from services.intake.tables import SERVICE, STREAM_TABLES
from services.intake.withdrawing_api import withdrawal_routes
from shared.service import Service

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE_BYTES: Final = 4 << 20
_KEPT_BYTES: Final = 32 << 20
_ARENAS: Final = 2


def build(settings: IntakeSettings) -> Service:
    """Put the service together."""
    _give_memory_back()
    service = Service(SERVICE, settings, settings.intake_http_port)
    service.use_tables(STREAM_TABLES)
    archive = Archive(settings.data_dir)
    quality = QualityFiles(settings.data_dir)
    limits = Limits(RejectLimit.parse(settings.intake_reject_limit), settings.intake_shrink_share)
    settling = Settling(service.engine, quality, limits, settings.topic_prefix)
    worker = Worker(
        service.engine, archive, settling, settings.kafka_bootstrap, settings.topic_prefix,
        settings.intake_read_threads, settings.tag_rules,
    )  # fmt: skip
    service.add_background("delivering", worker.run)
    service.add_measuring(measure)
    service.api.include_router(republication_routes(service.engine, worker, settings.topic_prefix))
    service.api.include_router(direct_routes(service.engine, archive, worker))
    service.api.include_router(routes(service.engine, archive, worker, settings.topic_prefix))
    service.api.include_router(withdrawal_routes(service.engine, worker))
    service.api.include_router(dataset_routes(service.engine, archive, settings.topic_prefix))
    service.api.include_router(export_routes(service.engine, archive, settings.data_dir))
    service.api.include_router(quality_routes(service.engine, quality, worker, settings.topic_prefix))
    return service


def _give_memory_back() -> None:
    """Columns of millions of rows come and go: what is large goes back to the system when it is freed, the rest is kept
    until the step of the delivery ends.

    The C library's pool is as fast here as Arrow's own, which keep everything. Left alone, glibc comes to keep blocks
    of up to 32 MB as well, and so do pieces of files, between which the rest lies scattered: the peak is 70 MB higher.
    Where nothing but 128 KB is kept, a fifth of the time goes into pages that are given back and asked for again
    (mallopt(3)). Nor does it ever give back the end of an arena, and it has one for every other thread: each delivery
    of Parquet added 20 MB. Other C libraries have no such options.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_M_ARENA_MAX, _ARENAS)
