"""Wiring of chargeback: the only place that knows all of its parts."""

from __future__ import annotations

from services.chargeback.api import routes
from services.chargeback.consumer import TOPICS, Consumer
from services.chargeback.desk import Desk
from services.chargeback.drafting import Drafting
from services.chargeback.filing import Filing
from services.chargeback.issuing import Issuing
from services.chargeback.settings import ChargebackSettings
from services.chargeback.store.tables import STREAM_TABLES
from shared.service import Service


def build(settings: ChargebackSettings) -> Service:
    """Put the service together."""
    service = Service("chargeback", settings, settings.chargeback_http_port)
    prefix = settings.topic_prefix
    service.use_tables(STREAM_TABLES)
    service.add_stream("inputs", TOPICS, Consumer(prefix).handle)
    filing = Filing(service.engine, prefix, settings.files_dir, settings.chargeback_file_workers)
    issuing = Issuing(service.engine, prefix, settings.chargeback_issuer)
    desk = Desk(service.engine, Drafting(service.engine, prefix), filing)
    service.add_background("desk", desk.run)
    service.api.include_router(routes(service.engine, issuing, filing, desk))
    return service
