"""Logs and metrics that every service has, under the same names."""

from __future__ import annotations

import logging
import sys
from decimal import Decimal
from importlib.metadata import version
from typing import Final

import structlog
from prometheus_client import Counter, Gauge, Histogram, Info

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

BUILD: Final = Info("apportion_build", "Version of the running code")
EVENTS: Final = Counter("apportion_stream_events_total", "Records consumed", ["service", "topic"])
BATCHES: Final = Counter("apportion_stream_batches_total", "Batches committed", ["service", "topic"])
BATCH_SECONDS: Final = Histogram(
    "apportion_stream_batch_seconds",
    "Seconds from records in hand to database commit",
    ["service", "topic"],
    buckets=_SECONDS,
)
LAG: Final = Gauge("apportion_stream_lag_events", "Records not consumed yet", ["service", "topic", "partition"])
POLL_AGE: Final = Gauge("apportion_stream_last_poll_age_seconds", "Seconds since the last poll", ["service", "topic"])
STOPPED: Final = Gauge(
    "apportion_stream_stopped_partitions", "Partitions that stopped at a missing record", ["service", "topic"]
)
RETRIES: Final = Counter("apportion_stream_retries_total", "Batches rolled back and tried again", ["service", "topic"])
OUTBOX_RECORDS: Final = Gauge("apportion_outbox_records", "Records that wait to be published", ["service"])
OUTBOX_AGE: Final = Gauge("apportion_outbox_oldest_age_seconds", "Age of the oldest waiting record", ["service"])
DEAD_LETTERS: Final = Gauge("apportion_dead_letters_open", "Rejected records that nobody has settled", ["service"])
STATEMENTS: Final = Counter("apportion_database_statements_total", "SQL statements sent", ["application"])
COMMITS: Final = Counter("apportion_database_commits_total", "Transactions committed", ["application"])


def show_amount(gauge: Gauge, amount: Decimal) -> None:
    """Show money on a dashboard. A gauge is a float, so this is for looking only: exact figures are in the files."""
    gauge.set(amount)  # type: ignore[arg-type]


def configure_logging(level: str, service: str) -> None:
    """Write JSON lines with time, level, service and ids to stderr; library logs take the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("aiokafka", "faststream", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)
    BUILD.info({"version": version("apportion"), "service": service})


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A structured logger: `log.info("delivery complete", delivery_id=...)`."""
    return structlog.stdlib.get_logger(name)
