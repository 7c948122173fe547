"""Wiring: settings to streams, closes and HTTP; the only module that knows everything."""

from __future__ import annotations

from services.ledger.api import add_routes
from services.ledger.closing.closer import Closer
from services.ledger.consumer import records
from services.ledger.consumer.costs import CostReader
from services.ledger.metrics import Measuring
from services.ledger.settings import LedgerSettings
from services.ledger.store import cost_totals
from services.ledger.store.tables import SERVICE, stream_tables
from shared import topics
from shared.service import Service

_RECORDS_MAX = 1_000
"""An invoice record may have thousands of lines; this keeps a batch of them small in memory."""


def build(settings: LedgerSettings) -> Service:
    """Put the service together; nothing is connected yet."""
    service = Service(SERVICE, settings, settings.ledger_http_port)
    service.use_tables(stream_tables)
    costs = CostReader()
    service.add_stream(cost_totals.STREAM, [topics.COSTS.name], costs, replay=costs.replay)
    service.add_stream(
        "records", records.TOPICS, records.RecordReader(settings.topic_prefix), batch_records_max=_RECORDS_MAX
    )
    closer = Closer(service.engine, settings)
    service.add_background("closes", closer.run)
    service.add_measuring(Measuring().refresh)
    add_routes(service.api, service.engine, settings, closer)
    return service
