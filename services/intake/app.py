"""Wiring of intake: the only place that knows all of its parts."""

from __future__ import annotations

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


def build(settings: IntakeSettings) -> Service:
    """Put the service together."""
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
